"""The networks of the Models page: accuracies, filters, records and figures, from cards and rows written by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rnorm_core import evaluation, zoo
from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.measure.learned_layers import LearnedLayer
from rnorm_core.figures.style import LOOKS
from rnorm_core.ui.models import bars, entries, view, words
from rnorm_core.ui.models.entries import Filter
from tests.rows import row


def measured(correct: int, n: int = 100, attack: str | None = None, eps: float | None = None, **more) -> dict:
    low, high = evaluation.wilson(correct, n)
    settings = {"steps": 20} if attack else {}
    row = {"split": "test", "attack": attack, "settings": settings, "eps_255": eps, "statistics": "tracked"}
    return row | {"n": n, "correct": correct, "low": low, "high": high} | more


@pytest.fixture
def card(make_card) -> zoo.Card:
    rows = measured(90), measured(20, attack="pgd", eps=1), measured(0, attack="pgd", eps=8)
    return make_card("rn", accuracies=rows)


def entry(card: zoo.Card, *rows: Row) -> entries.Entry:
    return entries.entries([card], Table(rows))[0]


def test_the_card_is_what_there_is_without_a_table(card):
    found = entry(card)
    assert list(found.scores) == [0, 1, 8]
    assert (found.scores[0].correct, found.scores[0].n, found.scores[0].attack) == (90, 100, "clean")
    assert (found.scores[1].value, (found.scores[1].low, found.scores[1].high)) == (0.2, evaluation.wilson(20, 100))
    assert found.scores[1].attack == "PGD, 20 steps"
    assert entries.sizes([found]) == [1, 8]
    assert found.label == "RobustNorm"


def test_the_headline_rows_of_the_table_count_and_the_card_where_there_is_none(card, make_card):
    found = entry(
        card, row(card, 0, (40, 50)), row(card, 1, (30, 200)), row(card, 2, (5, 50)), row(make_card("bn"), 4, (1, 50))
    )
    assert [found.scores[eps].n for eps in (0, 1, 2, 8)] == [50, 200, 50, 100]
    assert entries.sizes([found]) == [1, 2, 8]
    curve = view.curve(found)
    assert (list(curve.eps_255), list(curve.correct), list(curve.n)) == (
        [0, 1, 2, 8], [40, 30, 5, 0], [50, 200, 50, 100],
    )  # fmt: skip
    assert (curve.label, curve.statistics) == ("RobustNorm", "tracked")


@pytest.mark.parametrize("change", [{"pixels": "8-bit"}, {"statistics": "batch"}, {"attack": "fgsm"}])
def test_rows_of_other_conditions_do_not_count(card, change):
    assert entry(card, row(card, 1, (30, 200), **change)).scores[1].n == 100


def test_pgd_of_other_steps_in_the_card_does_not_count(make_card):
    found = entry(make_card("bn", accuracies=(measured(90), measured(20, attack="pgd", eps=1, settings={"steps": 7}))))
    assert list(found.scores) == [0]
    assert view.curve(found) is None


def test_a_dual_norm_is_judged_by_its_clean_branch(make_card):
    rows = measured(70, statistics="adversarial-branch"), measured(80, statistics="clean-branch")
    assert entry(make_card("dualbn", "adv", accuracies=rows)).scores[0].correct == 80


def test_a_record_has_numbers_where_there_are_numbers(card, make_card):
    (found,) = entries.records([entry(card)], 1)
    assert (found["network"], found["clean (%)"], found["at 1/255 (%)"], found["n"]) == ("RobustNorm", 90, 20, 100)
    assert (found["95 %"], found["attack"]) == ("13.3 to 28.9", "PGD, 20 steps")
    assert found["training"] == "standard"
    (nothing,) = entries.records([entry(make_card("none", "adv"))], 8)
    assert (nothing["clean (%)"], nothing["at 8/255 (%)"], nothing["95 %"]) == (None, None, None)
    assert nothing["training"] == "adversarial at 8/255"
    assert found.keys() == entries.records([entry(make_card("bn"))], 1)[0].keys()


def test_numbers_are_rounded_as_in_every_text():
    assert [entries.tenths(share) for share in (453 / 2000, 0.0, 0.29)] == [22.7, 0.0, 29.0]


def test_the_worst_case_counts_what_no_attack_fooled(card):
    hits = torch.arange(100)
    rows = [row(card, 0, (90, 100)), row(card, 8, (30, 100)), row(card, 8, (hits >= 10) & (hits < 50), attack="square")]
    found = entry(card, *rows)
    assert (found.scores[8].correct, found.scores[8].n) == (20, 100)  # 10 to 29
    assert entries.records([found], 8)[0]["attack"] == "worst of 2 attacks"


def test_the_answer_names_the_most_and_the_least(card, make_card):
    other = entry(make_card("bn", accuracies=(measured(90), measured(10, attack="pgd", eps=1))))
    said = bars.answer([entry(card), other], [entry(card), other], 1)
    assert "**2 networks**" in said
    assert said.endswith("Of the 2 compared here, at 1/255 **RobustNorm keeps most, 20.0 %**, BatchNorm least, 10.0 %.")
    assert bars.answer([other], [other], 1).endswith(" At 1/255 **BatchNorm keeps 10.0 %**.")
    assert "None of those chosen was measured at 2/255" in bars.answer([other], [other], 2)
    assert "None of those chosen" in bars.answer([other], [], 1)


def test_the_bars_are_of_the_chosen_networks(card, make_card):
    shown = bars.accuracies([entry(card), entry(make_card("none"))], 1)
    assert ["RobustNorm 20.0 %" in shown.pictures[0].alt, "no norm" in shown.pictures[0].alt] == [True, False]
    assert "RobustNorm 90.0 %" in shown.pictures[1].alt
    assert bars.accuracies([], 1).pictures == ()


def test_a_brought_model_is_of_unknown_training(make_card):
    card = make_card("bn", name="yours-net-12345678", recipe={"name": "brought", "file": "net.safetensors"}, curve=())
    assert entries.training(card) == "not known"
    assert not Filter(training="standard").passes(card)
    assert Filter().passes(card)


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (Filter(), ["bn", "rn", "vgg", "adv"]),
        (Filter(norms=("rn", "none")), ["rn"]),
        (Filter(architecture="vgg11"), ["vgg"]),
        (Filter(training="adversarial"), ["adv"]),
        (Filter(norms=("bn",), architecture="resnet20", training="standard"), ["bn"]),
        (Filter(norms=("gn",)), []),
    ],
)
def test_filters(make_card, wanted, left):
    vgg = make_card("bn", architecture="vgg11")
    cards = {"bn": make_card("bn"), "rn": make_card("rn"), "vgg": vgg, "adv": make_card("bn", "adv")}
    assert [key for key, card in cards.items() if wanted.passes(card)] == left


def test_first_choice_is_one_of_each_norm_alike_in_the_rest(make_card):
    cards = [
        make_card("bn"), make_card("rn"), make_card("none", recipe={"epochs": 30}), make_card("rn", power=0.5),
        make_card("bn", seed=1), make_card("bn", "adv"), make_card("gn", architecture="vgg11"),
    ]  # fmt: skip
    assert entries.first_choice(cards) == [f"cifar10-resnet20-{norm}" for norm in ("bn", "rn", "none")]
    assert entries.first_choice([]) == []


def test_families_are_named_only_where_they_are(make_card):
    plain = [make_card("bn"), make_card("rn"), make_card("none")]
    assert entries.families(plain) == {}
    more = [make_card("rn", power=1.0), make_card("rn", power=0.1), make_card("bn", seed=1), make_card("bn", "adv")]
    more += [make_card("rn", "adv")]
    found = entries.families([*plain, *more])
    assert [name.removeprefix("cifar10-resnet20-") for name in found["powers"]] == ["rn-p100", "rn", "rn-p010"]
    assert found["seeds"] == ["cifar10-resnet20-bn", "cifar10-resnet20-bn-seed1"]
    assert found["adversarial"] == ["cifar10-resnet20-bn-adv", "cifar10-resnet20-rn-adv"]


def test_unsound_and_missing_cards_are_named_and_the_others_stay(small_zoo, tmp_path, monkeypatch):
    for path in small_zoo.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    (tmp_path / "cifar10-resnet20-bn.json").write_text("{}")
    (tmp_path / "lonely.safetensors").touch()
    cards, problems = entries.sound(zoo.names())
    assert [card.name for card in cards] == ["cifar10-resnet20-rn"]
    assert ["lonely.json" in problems[0].what, "'name' is missing" in problems[1].what] == [True, True]


def test_small_crops_end_where_the_training_does(make_card):
    assert view.training(entry(make_card("bn"))).small == (3, 24)
    assert view.training(entry(make_card("bn", recipe={"small_epochs": 2}))).small == (2, 24)
    for recipe in ({"small_epochs": 0}, {"small_crop": 32}):
        assert view.training(entry(make_card("bn", recipe=recipe))).small is None
    trained = view.training(entry(make_card("bn", seed=1)))
    assert (trained.label, list(trained.epochs), list(trained.loss)) == ("BatchNorm, seed 1", [1, 2, 3], [2, 1, 0])


def layer(**numbers) -> LearnedLayer:
    known = dict.fromkeys(("gamma", "mean", "spread", "scale"))
    return LearnedLayer("stem.norm", 2, **(known | {key: np.array(value) for key, value in numbers.items()}))


def test_quantities_by_depth(make_card):
    layers = [layer(gamma=[-3.0, 1.0], mean=[-1.0, 0.0], spread=[1.0, 2.0], scale=[2.0, 0.5])]
    found = {name: view.depth(layers, name, entry(make_card("bn"))).values[0].tolist() for name in view.QUANTITIES}
    assert found == {"gamma": [3, 1], "mean": [-1, 0], "spread": [1, 2], "gain": [1.5, 2]}


def test_what_a_norm_does_not_have_is_not_drawn_but_said(make_card):
    grouped = [layer(gamma=[1.0, 1.0])]
    assert view.depth(grouped, "gamma", entry(make_card("gn")))
    assert view.depth(grouped, "gain", entry(make_card("gn"))) is None
    assert view.depth([], "gamma", entry(make_card("none"))) is None
    said = words.lacking([make_card(norm) for norm in ("bn", "none", "gn")])
    assert "no norm: no norm layer" in said
    assert "GroupNorm: gamma but no statistics" in said
    assert words.lacking([make_card("bn"), make_card("rn")]) == ""


@pytest.mark.parametrize("norm", LOOKS)
def test_every_norm_can_be_listed(make_card, norm):
    card = make_card(norm)
    assert entries.records([entry(card)], 1)[0]["network"].startswith(LOOKS[norm].name)
    words.lacking([card])


def test_a_stronger_attack_on_one_network_does_not_make_it_the_weakest(card, make_card):
    other, hits = make_card("gn"), torch.arange(100)
    mine = [row(card, 0, (90, 100)), row(card, 1, hits >= 50), row(card, 1, hits < 60, attack="square")]
    table = Table((*mine, row(other, 0, (90, 100)), row(other, 1, hits >= 70)))
    both = entries.entries([card, other], table)
    assert [found.scores[1].correct for found in both] == [10, 30]
    assert [found.scores[1].correct for found in entries.alike(both, table, 1)] == [50, 30]
    assert entries.alike(both, table, 2) == both
    far = make_card("bn", dataset="cifar100")
    there = [replace(one, dataset="cifar100", images="2" * 64) for one in (row(far, 0, (80, 90)), row(far, 1, (9, 90)))]
    three = entries.entries([card, other, far], Table((*table.rows, *there)))
    found = entries.alike(three, Table((*table.rows, *there)), 1)
    assert [one.scores[1].correct for one in found] == [50, 30, 9], "of two data sets, too"
    commands = bars.accuracies(found, 1).command.splitlines()
    assert [command.rpartition(" ")[2] for command in commands] == ["again.jsonl", "again-cifar100.jsonl"]


def test_bars_say_which_accuracies_are_those_of_cards(card, make_card):
    other = make_card("bn")
    table = Table((row(other, 0, (90, 200)), row(other, 1, (50, 200)), row(other, 1, (60, 200), attack="fgsm")))
    shown = bars.accuracies(entries.entries([card, other], table), 1)
    assert shown.note == "Under PGD, 20 steps alone, as their cards have it: RobustNorm."
    assert shown.command.splitlines()[-1] == f"python -m rnorm_core.evaluation.card {card.name}"
