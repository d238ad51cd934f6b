"""Claims judged on planted tables, and on the shipped ones by another way of counting."""

import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from rnorm_core import evaluation, zoo
from rnorm_core.evaluation import Row
from rnorm_core.evaluation.claims import gather
from rnorm_core.evaluation.claims.judge import CLAIMS, judge
from rnorm_core.evaluation.tables import batch_sizes, laboratories, layer_shifts
from rnorm_core.evaluation.tables.accuracies import shipped as evaluation_file
from rnorm_core.evaluation.tables.layer_shifts import Moved
from rnorm_core.evaluation.tables.row import pack
from rnorm_core.zoo import Card
from tests import trainings as counted

N = 1000


def card(norm: str, seed: int = 0, **changes) -> Card:
    name = f"cifar10-resnet20-{norm}" + (f"-seed{seed}" if seed else "")
    rates = changes.pop("rates", (0.5, 0.81, 0.9))
    curve = tuple(dict(epoch=i, train_loss=1.0, train_accuracy=a, lr=0.1, seconds=1.0) for i, a in enumerate(rates, 1))
    fields = dict(
        name=name, dataset="cifar10", architecture="resnet20", norm=norm, power=0.2 if norm == "rn" else None,
        width=1.0, classes=(), recipe={"name": "fast", "epochs": 3}, initialisation="", seed=seed, data_hash="0" * 64,
        sha256=hashlib.sha256(name.encode()).hexdigest(), parameters=1, accuracies=(), curve=curve, made_with={},
        code_version="", date="2026-01-01",
    )  # fmt: skip
    return Card(**(fields | changes))


CARDS = [card(norm) for norm in ("bn", "rn", "none")]


def row(of: Card, statistics: str, eps: float, correct: int, n: int = N, **changes) -> Row:
    low, high = evaluation.wilson(correct, n)
    fields = dict(
        model=of.name, weight_hash=of.sha256, dataset="cifar10", norm=of.norm, statistics=statistics,
        attack="pgd" if eps else "clean", settings={"steps": 20} if eps else {}, eps_255=eps, pixels="float", n=n,
        correct=correct, low=low, high=high, batch_size=128, seed=0, images="1" * 64,
        hits=pack(torch.arange(n) < correct), code_version="", made_with={}, date="2026-01-01",
    )  # fmt: skip
    return Row(**(fields | changes))


def curve(of: Card, statistics: str, **correct: int) -> list[Row]:
    return [row(of, statistics, float(eps[1:].replace("_", ".")), k) for eps, k in correct.items()]


def of(rows=(), moves=(), by_size=(), cards=CARDS, laboratories=()):
    return judge(rows, moves, by_size, cards, laboratories)


def test_nothing_measured_nothing_judged():
    found = of(cards=[replace(c, curve=()) for c in CARDS])
    assert list(found) == list(CLAIMS) == [f"C{i}" for i in range(7)]
    assert not any(found.values())


def test_it_disappears_exactly_up_to_one_grey_level():
    rows = curve(CARDS[0], "batch", e0=900, e0_5=850, e1=810, e2=809, e8=0)
    judgement = of(rows)["C3"][0]
    assert judgement.verdict == "holds up to 1/255; does not at 2 and 8/255"
    assert judgement.edge.size == 1
    assert [(s.model, s.statistics) for s in judgement.sources] == [("cifar10-resnet20-bn", "batch")]


@pytest.mark.parametrize(
    ("kept", "edge"), [((900, 900, 0), 0.5), ((0, 900, 900), 0.5), ((900, 900, 900), 1), ((0, 0, 0), 0.25)]
)
def test_the_numbers_shown_are_those_where_it_turns(kept, edge):
    e025, e05, e1 = kept
    judgement = of(curve(CARDS[0], "batch", e0=900, e0_25=e025, e0_5=e05, e1=e1))["C3"][0]
    assert judgement.edge.size == edge


def test_more_robust_counts_images_that_both_recognise():
    """RobustNorm is right on fewer images; on those that count it keeps more, up to 1/255."""
    bn, rn = CARDS[:2]
    rows = curve(bn, "tracked", e0=900, e1=300, e4=0) + curve(rn, "tracked", e0=800, e1=400, e4=0)
    judgement = of(rows)["C5"][0]
    assert judgement.verdict == "holds up to 1/255; open at 4/255"
    assert "50.0 % against 37.5 %, +12.5 points" in judgement.findings[0].text
    assert "n = 800" in judgement.findings[0].text


def test_every_seed_has_to_agree():
    bn, rn = card("bn", 1), card("rn", 1)
    rows = curve(CARDS[0], "tracked", e0=900, e1=300) + curve(CARDS[1], "tracked", e0=900, e1=400)
    disagree = rows + curve(bn, "tracked", e0=900, e1=400) + curve(rn, "tracked", e0=900, e1=300)
    agree = rows + curve(bn, "tracked", e0=900, e1=310) + curve(rn, "tracked", e0=900, e1=400)
    cards = [*CARDS, bn, rn]
    assert of(rows, cards=cards)["C5"][0].seeds == (0,)
    assert of(disagree, cards=cards)["C5"][0].verdict == "open at 1/255"
    assert of(agree, cards=cards)["C5"][0].verdict == "holds at 1/255"
    assert of(agree, cards=cards)["C5"][0].seeds == (0, 1)


@pytest.mark.parametrize(
    "change",
    [dict(recipe={"name": "adv"}), dict(power=0.5), dict(architecture="vgg11"), dict(width=0.5), dict(seed=3),
     dict(data_hash="1" * 64)],
)  # fmt: skip
def test_only_networks_that_were_trained_alike_are_compared(change):
    other = replace(CARDS[1], **change)
    rows = curve(CARDS[0], "tracked", e0=900, e1=300) + curve(other, "tracked", e0=900, e1=400)
    assert of(rows, cards=[CARDS[0], other])["C5"] == []


def test_rows_on_other_images_are_not_paired():
    rows = curve(CARDS[0], "tracked", e0=900, e1=300)
    rows += [replace(r, images="2" * 64) for r in curve(CARDS[1], "tracked", e0=900, e1=400)]
    assert of(rows)["C5"] == []


def test_a_stronger_attack_counts_where_both_were_measured_under_it():
    bn, rn = CARDS[:2]
    rows = curve(bn, "tracked", e0=900, e1=300) + curve(rn, "tracked", e0=900, e1=400)
    stronger = {"attack": "apgd", "settings": {"steps": 50, "loss": "ce"}}
    of_bn, of_rn = row(bn, "tracked", 1, 200, **stronger), row(rn, "tracked", 1, 100, **stronger)
    for some in (rows, [*rows, of_bn], [*rows, of_rn]):  # the weaker attack is what both have
        judgement = of(some)["C5"][0]
        assert judgement.verdict == "holds at 1/255"
        assert judgement.evidence.attacks == {1: {0: ("pgd",)}}
        assert judgement.findings[0].text.endswith("n = 900, PGD")
    judgement = of([*rows, of_bn, of_rn])["C5"][0]
    assert judgement.verdict == "the opposite holds at 1/255"
    assert judgement.evidence.attacks == {1: {0: ("pgd", "apgd-ce")}}
    assert "11.1 % against 22.2 %" in judgement.findings[0].text
    more_steps = row(rn, "tracked", 1, 100, **{**stronger, "settings": {"steps": 100, "loss": "ce"}})
    assert of([*rows, of_bn, more_steps])["C5"][0].verdict == "holds at 1/255"  # another attack of that name


def test_what_disappears_has_to_withstand_every_attack():
    rows = curve(CARDS[0], "batch", e0=900, e1=850)
    assert of(rows)["C3"][0].verdict == "holds at 1/255"
    stronger = row(CARDS[0], "batch", 1, 500, attack="square", settings={"steps": 1000})
    judgement = of([*rows, stronger])["C3"][0]
    assert judgement.verdict == "does not hold at 1/255"
    assert judgement.findings[0].text.endswith("worst of 2 attacks")


def test_the_largest_common_set_of_images_counts():
    small = [replace(r, images="2" * 64) for c in CARDS[:2] for r in
             (row(c, "tracked", 0, 90, 100), row(c, "tracked", 1, 90, 100))]  # fmt: skip
    large = curve(CARDS[0], "tracked", e0=900, e1=300) + curve(CARDS[1], "tracked", e0=900, e1=400)
    assert "n = 900" in of([*small, *large])["C5"][0].findings[0].text


def test_the_images_that_met_most_attacks_count_size_by_size():
    few = [replace(r, images="2" * 64) for c, left in ((CARDS[0], 40), (CARDS[1], 20)) for r in
           (row(c, "tracked", 0, 90, 100), row(c, "tracked", 1, left, 100),
            row(c, "tracked", 1, left + 10, 100, attack="apgd", settings={"loss": "ce"}))]  # fmt: skip
    large = curve(CARDS[0], "tracked", e0=900, e1=300, e8=10) + curve(CARDS[1], "tracked", e0=900, e1=400, e8=90)
    at_1, at_8 = of([*few, *large])["C5"][0].findings
    assert (at_1.size, at_1.state) == (1, "the opposite holds")
    assert at_1.text.endswith("n = 90, worst of 2 attacks")
    assert (at_8.size, at_8.state) == (8, "holds")
    assert at_8.text.endswith("n = 900, PGD")
    blind = [replace(r, attack="square", settings={"steps": 9}) if r.attack == "apgd" else r for r in few]
    at_1, _ = of([*blind, *large])["C5"][0].findings
    assert at_1.text.endswith("n = 900, PGD"), "a black-box attack is a control"


def move(attack: str, eps: float, count: int, hits: int, own: int) -> Moved:
    """In each of two batches `count` of four layers lie beyond; the first `hits` of 200 images are right."""
    shifts = [[2.0 if layer < count else 0.5 for layer in range(4)]] * 2
    known = dict.fromkeys(("mean", "log_std", "log_range", "wasserstein"), shifts)
    return Moved(
        model=CARDS[0].name, weight_hash=CARDS[0].sha256, dataset="cifar10", norm="bn", attack=attack,
        settings={}, eps_255=eps, n=200, batch_size=100, seed=0, images="3" * 64, layers=list("abcd"), shifts=known,
        bands={m: [[0.1, 1.0]] * 4 for m in known}, hits=pack(torch.arange(200) < hits),
        own=pack(torch.arange(200) < own), code_version="", made_with={}, date="",
    )  # fmt: skip


def test_layers_and_lost_images():
    moves = [move("clean", 0, 0, 180, 180), move("pgd", 1, 1, 80, 150), move("pgd", 8, 3, 0, 10),
             move("noise", 8, 0, 180, 180)]  # fmt: skip
    found = of(moves=moves)
    assert found["C1"][0].verdict == "holds from 8/255 on; does not at 1/255"
    shift, harm = found["C2"]
    assert shift.verdict == found["C1"][0].verdict
    assert harm.findings[0].text.startswith("70.0 % (95 %: ")  # 100 lost at 1/255, 70 of them come back
    assert "n = 100 lost images" in harm.findings[0].text
    assert harm.verdict == "holds up to 1/255; does not at 8/255"
    assert found["C1"][1].verdict == "holds at 8/255"  # noise of 1/255 was not measured
    assert found["C1"][1].findings[0].text.startswith("3 of 4 layers further")
    assert found["C1"][0].evidence.noise[8][CARDS[0].name].sum() == 0


def test_batch_sizes():
    bn = CARDS[0]
    rows = [row(bn, "tracked", 0, 900), row(bn, "tracked", 1, 200, settings={"steps": 10})]
    rows += [row(bn, "batch", 0, k, batch_size=size) for size, k in ((1, 100), (2, 800), (4, 850))]
    rows += [row(bn, "batch", 1, 300, batch_size=4, settings={"steps": 10})]
    (judgement,) = of(by_size=rows)["C4"]
    assert judgement.verdict == "holds up to 2 images; does not with 4 images"
    assert judgement.evidence.attack == "PGD (L-inf), 10 steps at 1/255"
    assert {size: c.correct for size, c in judgement.evidence.attacked.items()} == {4: 300}


def test_benefits():
    slow = card("rn", rates=(0.3, 0.5, 0.82))
    rows = curve(CARDS[0], "tracked", e0=900) + curve(slow, "tracked", e0=850)
    accuracy, speed = of(rows, cards=[CARDS[0], slow])["C6"]
    assert (accuracy.verdict, speed.verdict) == ("does not hold", "does not hold")
    said = "70 % after 3 and 2 epochs, 80 % after 3 and 2 epochs, 85 % after no and 3 epochs"
    assert speed.findings[0].text == said
    assert [j.verdict for j in of(cards=CARDS)["C6"]] == ["open"]  # a network without a norm is as fast
    without = card("none", rates=(0.3, 0.5, 0.6, 0.8))
    (judgement,) = of(cards=[*CARDS[:2], without])["C6"]
    assert judgement.verdict == "holds"
    said = "70 % after 2 and 2 epochs (no norm 4), 80 % after 2 and 2 epochs (no norm 4)"
    assert judgement.findings[0].text == f"{said}, 85 % after 3 and 3 epochs (no norm never)"
    longer = replace(CARDS[1], recipe={"name": "fast", "epochs": 9})
    assert of(cards=[CARDS[0], longer])["C6"] == []


def made(of: Card, statistics: str, eps: float, right: range, crafter: Card | None = None, mode: str = "") -> Row:
    """A laboratories' row: images made for a crafter in a mode, or clean ones that everybody is asked about."""
    whose = {"model": crafter.name, "statistics": mode, "weight_hash": crafter.sha256} if crafter else None
    settings = {"steps": 10, "made_for": whose} if whose else {"crossed": True}
    hits = torch.zeros(N, dtype=torch.bool)
    hits[right] = True
    return row(of, statistics, eps, len(right), settings=settings, hits=pack(hits))


def test_worst_of_all_modes_attacks():
    """Batch statistics look more robust until images made for tracked ones are shown to them, too."""
    bn, rn = CARDS[:2]
    clean = [made(bn, "tracked", 0, range(900)), made(bn, "batch", 0, range(900))]
    own = [made(bn, "batch", 1, range(600), bn, "batch"), made(bn, "tracked", 1, range(300), bn, "tracked")]
    rest = [made(bn, "tracked", 1, range(900), bn, mode) for mode in ("batch", "tracked-mean")]
    rest += [made(bn, "batch", 1, range(900), bn, "tracked-mean")]
    assert of(laboratories=[*clean, *own, *rest])["C3"] == []  # what is made for "tracked" is missing of "batch"
    weak = made(bn, "batch", 1, range(900), bn, "tracked")
    reading = of(laboratories=[*clean, *own, *rest, weak])["C3"][0]
    assert reading.reading == "the same, under the worst of PGD of 10 steps for each mode"
    assert reading.verdict == "holds at 1/255"
    # 100 of the 600 withstand the other mode's attack, too; neither other networks' attacks nor noise count.
    strong, foreign = (
        made(bn, "batch", 1, range(500, 900), bn, "tracked"),
        made(bn, "batch", 1, range(0), rn, "tracked"),
    )
    noise = replace(made(bn, "batch", 1, range(0)), attack="noise")
    reading = of(laboratories=[*clean, *own, *rest, strong, foreign, noise])["C3"][0]
    assert reading.verdict == "the opposite holds at 1/255"
    counts = reading.evidence.by_eps[1][0]
    assert (counts.left_only, counts.right_only, counts.both) == (100, 300, 0)  # 500 to 599 against 0 to 299
    assert [(s.model, s.statistics) for s in reading.sources] == [(bn.name, "batch"), (bn.name, "tracked")]


def test_a_set_of_images_at_one_size_does_not_displace_one_at_all():
    bn, none = CARDS[0], CARDS[2]
    whole = [r for c in (bn, none) for r in curve(c, "tracked", e0=900, e1=300, e8=10)]
    begun = [row(c, "tracked", eps, 9000, 10_000, images="2" * 64) for c in (bn, none) for eps in (0, 1)]
    assert [f.size for f in of([*whole, *begun])["C0"][0].findings] == [1, 8]


def test_trainings_of_other_length_are_not_compared():
    short = replace(CARDS[1], recipe={"name": "fast", "epochs": 1})
    rows = [r for c in (CARDS[0], short) for r in curve(c, "tracked", e0=900, e1=300)]
    assert of(rows, cards=[CARDS[0], short])["C5"] == []


def test_the_reference_is_not_displaced():
    other = replace(CARDS[0], name="a-bn", sha256="9" * 64)
    rows = [r for c in (CARDS[0], CARDS[2]) for r in curve(c, "tracked", e0=900, e1=300)]
    (reading,) = of(rows, cards=[other, *CARDS])["C0"]
    assert {s.model for s in reading.sources} == {CARDS[0].name, CARDS[2].name}


# --- several trainings


SEEDS = [card(norm, seed) for seed in range(3) for norm in ("bn", "rn")]


def trainings(bn: tuple[int, ...], rn: tuple[int, ...]) -> list[Row]:
    """Rows of three trainings each: 900 of 1,000 images right without an attack, and so many at 1/255."""
    counts = [k for pair in zip(bn, rn, strict=True) for k in pair]
    return [r for c, k in zip(SEEDS, counts, strict=True) for r in curve(c, "tracked", e0=900, e1=k)]


def test_a_difference_that_every_training_shows_may_not_hold_over_trainings():
    rows = trainings(bn=(300, 300, 300), rn=(310, 320, 500))
    judgement = of(rows, cards=SEEDS)["C5"][0]
    assert all(pair.low > 0 for pair in judgement.evidence.by_eps[1].values())
    low, value, high = (100 * x for x in counted.welch([310 / 900, 320 / 900, 500 / 900], [300 / 900] * 3))
    assert low < 0 < value
    assert judgement.verdict == "holds per image, not over trainings at 1/255"
    assert judgement.edge == judgement.findings[0]
    text = f"over 3 trainings of each +{value:.1f} points (95 %: \N{MINUS SIGN}{-low:.1f} to +{high:.1f}), n = 900"
    assert judgement.findings[0].text.endswith(f"; {text}")
    assert text in judgement.sentence
    opposite = of(trainings(bn=(310, 320, 500), rn=(300, 300, 300)), cards=SEEDS)["C5"][0]
    assert opposite.verdict == "the opposite holds per image, not over trainings at 1/255"


def test_a_difference_that_holds_over_trainings():
    judgement = of(trainings(bn=(300, 310, 290), rn=(420, 400, 410)), cards=SEEDS)["C5"][0]
    assert judgement.verdict == "holds at 1/255"
    found = judgement.evidence.trainings[1].difference
    expected = counted.welch([420 / 900, 400 / 900, 410 / 900], [300 / 900, 310 / 900, 290 / 900])
    assert (found.low, found.difference, found.high) == pytest.approx(expected)
    assert found.low > 0


def test_the_images_over_trainings_are_those_that_all_get_right():
    rows = trainings(bn=(300, 310, 290), rn=(420, 400, 410))
    rows[0] = row(SEEDS[0], "tracked", 0, 350)  # the others get 900 of the images right
    trained = of(rows, cards=SEEDS)["C5"][0].evidence.trainings[1]
    assert trained.n == 350
    assert trained.difference.left == (1, 1, 1)
    assert trained.difference.right == pytest.approx((300 / 350, 310 / 350, 290 / 350))


def test_one_training_of_each_has_no_interval_over_trainings():
    rows = curve(CARDS[0], "tracked", e0=900, e1=300) + curve(CARDS[1], "tracked", e0=900, e1=400)
    judgement = of(rows)["C5"][0]
    assert judgement.verdict == "holds at 1/255"
    assert judgement.evidence.trainings == {}
    assert "trainings" not in judgement.findings[0].text


def test_trainings_that_are_all_equal_are_open():
    judgement = of(trainings(bn=(300, 300, 300), rn=(300, 300, 300)), cards=SEEDS)["C5"][0]
    assert judgement.verdict == "open at 1/255"
    found = judgement.evidence.trainings[1].difference
    assert (found.low, found.difference, found.high) == (0, 0, 0)


def test_trainings_are_compared_under_attacks_that_all_of_them_have():
    rows = trainings(bn=(300, 310, 290), rn=(420, 400, 410))
    stronger = {"attack": "apgd", "settings": {"steps": 50, "loss": "ce"}}
    rows += [row(of, "tracked", 1, 100, **stronger) for of in SEEDS[:2]]  # of seed 0 alone
    judgement = of(rows, cards=SEEDS)["C5"][0]
    assert re.search(r"worst of 2 attacks or PGD; over 3 .*, n = 900, PGD$", judgement.findings[0].text)
    evidence = judgement.evidence
    assert evidence.attacks[1] == {0: ("pgd", "apgd-ce"), 1: ("pgd",), 2: ("pgd",)}
    assert evidence.trainings[1].attacks == ("pgd",)
    assert evidence.trainings[1].difference.left[0] == pytest.approx(420 / 900)


def test_two_modes_of_the_same_trainings_are_no_two_groups():
    bn = [c for c in SEEDS if c.norm == "bn"]
    rows = [r for c in bn for mode, k in (("tracked", 300), ("batch", 500)) for r in curve(c, mode, e0=900, e1=k)]
    smaller = of(rows, cards=SEEDS)["C3"][1]
    assert smaller.seeds == (0, 1, 2)
    assert smaller.evidence.trainings == {}


@pytest.mark.parametrize(
    ("rn", "state"), [((900, 899, 898), "holds"), ((896, 896, 990), "holds per image, not over trainings"),
                      ((800, 790, 795), "does not hold"), ((880, 850, 600), "open")],
)  # fmt: skip
def test_accuracy_is_kept_over_trainings(rn, state):
    of_bn = [r for c in SEEDS if c.norm == "bn" for r in curve(c, "tracked", e0=900)]
    of_rn = [r for c, k in zip(SEEDS[1::2], rn, strict=True) for r in curve(c, "tracked", e0=k)]
    judgement = of([*of_bn, *of_rn], cards=[replace(c, curve=()) for c in SEEDS])["C6"][0]
    low, value, high = counted.welch([k / 1000 for k in rn], [0.9] * 3)
    found = judgement.evidence.trainings.difference
    assert (found.low, found.difference, found.high) == pytest.approx((low, value, high))
    assert judgement.verdict == state


# --- as accurate, by an early stop


EARLY = card(
    "bn", name="cifar10-resnet20-bn-early", data_hash="1" * 64, sha256="e" * 64,
    recipe={"name": "fast", "epochs": 3, "holdout": 5000, "stop_at_accuracy": 0.9},
)  # fmt: skip


def test_robustnorm_is_compared_with_a_batchnorm_that_is_as_accurate():
    rows = trainings(bn=(300, 310, 290), rn=(420, 400, 410))
    rows += curve(EARLY, "tracked", e0=880, e1=450)
    usual, matched = of(rows, cards=[*SEEDS, EARLY])["C5"]
    assert usual.verdict == "holds at 1/255"
    assert usual.seeds == (0, 1, 2)
    assert matched.reading == "RobustNorm ahead of BatchNorm stopped early, at clean accuracies of 90.0 % and 88.0 %"
    assert matched.verdict == "the opposite holds at 1/255"
    assert [source.model for source in matched.sources] == ["cifar10-resnet20-rn", EARLY.name]
    assert matched.evidence.right == "BatchNorm stopped early"
    assert matched.evidence.trainings == {}  # there is one such training


@pytest.mark.parametrize(
    "change", [dict(recipe={"name": "fast", "epochs": 3}), dict(architecture="vgg11"), dict(width=0.5), dict(norm="gn"),
               dict(recipe=EARLY.recipe | {"epochs": 9})],
)  # fmt: skip
def test_only_a_batchnorm_that_was_stopped_early_is(change):
    rows = [*trainings(bn=(300, 310, 290), rn=(420, 400, 410)), *curve(EARLY, "tracked", e0=880, e1=450)]
    assert len(of(rows, cards=[*SEEDS, replace(EARLY, **change)])["C5"]) == 1


# --- what ships


@pytest.fixture(scope="module")
def shipped():
    if not evaluation_file().exists():
        pytest.skip("nothing has been measured")
    return judge(
        evaluation.table().rows, layer_shifts.moved()[0], batch_sizes.by_size()[0],
        [zoo.card(name) for name in zoo.names()],
        laboratories.rows(),
    )  # fmt: skip


def masks(*networks: tuple[str, str], eps: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each (name, statistics): right without an attack, and under every attack of this size under which all of them
    were measured, on those images for which these are most; Square Attack, a control, is not counted.
    """
    found = {}
    for row in evaluation.table().rows:
        if row.eps_255 in (0, eps) and row.pixels == "float":
            found.setdefault(row.images, {}).setdefault((row.model, row.statistics), {})[row.kind] = row.mask.numpy()
    here = [[some[network] for network in networks] for some in found.values() if some.keys() >= set(networks)]
    best = max(here, key=lambda some: (len(set.intersection(*map(set, some)) - {"square"}), len(some[0]["clean"])))
    kinds = set.intersection(*map(set, best)) - {"clean"}
    assert {"fgsm", "noise", "pgd"} <= kinds
    return [(rows["clean"], np.all([mask for kind, mask in rows.items() if kind in kinds], axis=0)) for rows in best]


BN, RN, NONE = (f"cifar10-resnet20-{norm}" for norm in ("bn", "rn", "none"))


@pytest.mark.parametrize(
    ("claim", "reading", "left", "right"),
    [("C0", 0, (NONE, "tracked"), (BN, "tracked")), ("C3", 1, (BN, "batch"), (BN, "tracked")),
     ("C5", 0, (RN, "tracked"), (BN, "tracked")), ("C5", -4, (RN, "batch"), (BN, "tracked")),
     ("C5", -2, (RN, "batch"), (BN, "batch"))],
)  # fmt: skip
def test_shipped_contests_recomputed(shipped, claim, reading, left, right):
    """Differences image by image, from their mean and spread instead of counts."""
    if not shipped[claim]:
        pytest.skip("these networks are not in the table (yet)")
    judgement = shipped[claim][reading]
    seen = set()
    for eps, by_seed in judgement.evidence.by_eps.items():
        (clean_left, of_left), (clean_right, of_right) = masks(left, right, eps=eps)
        both = clean_left & clean_right
        delta = of_left[both].astype(float) - of_right[both]
        assert by_seed[0].n == both.sum()
        assert by_seed[0].difference == pytest.approx(delta.mean())
        half = 1.96 * delta.std() / np.sqrt(len(delta))
        if min(abs(delta.mean() - half), abs(delta.mean() + half)) > 0.003:  # where both ways must agree
            state = "holds" if delta.mean() > half else "the opposite holds" if delta.mean() < -half else "open"
            if list(by_seed) == [0]:
                assert {f.size: f.state for f in judgement.findings}[eps] == state
            seen.add(eps)
    assert len(seen) >= 3


@pytest.mark.parametrize(
    ("claim", "reading", "left", "right"),
    [("C3", -1, (BN, "batch"), (BN, "tracked")), ("C5", -3, (RN, "batch"), (BN, "tracked")),
     ("C5", -1, (RN, "batch"), (BN, "batch"))],
)  # fmt: skip
def test_shipped_worst_cases_recounted(shipped, claim, reading, left, right):
    """Image by image: right if it is right on the images made for each of the three modes."""
    judgement = next(iter(shipped[claim][reading:]))
    if "each mode" not in judgement.reading:
        pytest.skip("the laboratories' rows are of other weights")
    rows = laboratories.rows()

    def right_of(name: str, statistics: str, eps: float) -> list[bool]:
        """Clean if eps is 0."""
        mine = [r for r in rows if (r.model, r.statistics, r.eps_255) == (name, statistics, eps)]
        if not eps:
            return next(r.mask.tolist() for r in mine if "crossed" in r.settings)
        found = [r.mask.tolist() for r in mine if r.settings.get("made_for", {}).get("model") == name]
        assert len(found) == 3
        return [all(image) for image in zip(*found, strict=True)]

    for finding in judgement.findings:
        both = [a and b for a, b in zip(right_of(*left, 0), right_of(*right, 0), strict=True)]
        kept = [
            sum(r and b for r, b in zip(right_of(*side, finding.size), both, strict=True)) for side in (left, right)
        ]
        counts = judgement.evidence.by_eps[finding.size][0]
        assert (counts.both + counts.left_only, counts.both + counts.right_only) == tuple(kept)
        assert counts.n == sum(both)


@pytest.mark.parametrize(("claim", "left", "right"), [("C0", NONE, BN), ("C5", RN, BN)])
def test_shipped_trainings_recomputed(shipped, claim, left, right):
    """Welch's interval by SciPy, from the images of the table; and the verdict follows it."""
    judgement = shipped[claim][0]
    if judgement.seeds != (0, 1, 2):
        pytest.skip("these trainings are not in the table (yet)")
    names = [f"{name}{seed}" for name in (left, right) for seed in counted.SEEDS]
    among = np.all(list(counted.right_under(names, 0).values()), axis=0)
    states = {finding.size: finding.state for finding in judgement.findings}
    for eps, trained in judgement.evidence.trainings.items():
        values = [mask[among].mean() for mask in counted.right_under(names, eps).values()]
        found = trained.difference
        assert trained.n == among.sum()
        assert (*found.left, *found.right) == pytest.approx(values)
        if np.var(values[:3]) + np.var(values[3:]):
            assert (found.low, found.difference, found.high) == pytest.approx(
                counted.welch(values[:3], values[3:]), abs=1e-7
            )
        per_image = [pair.low > 0 for pair in judgement.evidence.by_eps[eps].values()]
        if all(per_image):
            assert states[eps] == ("holds" if found.low > 0 else "holds per image, not over trainings")
    assert len(judgement.evidence.trainings) >= 5


def test_shipped_retention_recomputed(shipped):
    judgement = shipped["C3"][0]
    for finding in judgement.findings:
        counted = [(count.correct, count.n) for count in judgement.evidence.by_eps[finding.size][0]]
        (found,) = masks((BN, "batch"), eps=finding.size)
        assert counted == [(mask.sum(), len(mask)) for mask in found]


def test_shipped_layers_recomputed(shipped):
    rows, stale = layer_shifts.moved()
    assert not stale
    mine = {(r.attack, r.eps_255): r for r in rows if r.model == BN}
    if not mine:
        pytest.skip("no layers have been measured")
    for finding in shipped["C1"][0].findings:
        row = mine["pgd", finding.size]
        shares = [
            np.mean([value > band[1] for value, band in zip(batch, row.bands["wasserstein"], strict=True)])
            for batch in row.shifts["wasserstein"]
        ]
        expected = "holds" if min(shares) >= 0.5 else "does not hold" if max(shares) < 0.5 else "open"
        assert finding.state == expected
    for finding in shipped["C2"][1].findings:
        clean, row = mine["clean", 0].mask(), mine["pgd", finding.size]
        lost = clean & ~row.mask()
        assert f"n = {lost.sum():,} lost images" in finding.text


def test_shipped_batch_sizes_are_of_the_shipped_weights():
    rows, stale = batch_sizes.by_size()
    assert not stale
    assert {r.batch_size for r in rows if r.statistics == "batch"} <= {2**k for k in range(9)}


def test_every_shipped_verdict_has_its_numbers(shipped):
    for claim, judgements in shipped.items():
        for judgement in judgements:
            assert judgement.findings, claim
            assert judgement.sources
            for finding in judgement.findings:
                assert finding.text
            known = {name: zoo.card(name).sha256 for name in zoo.names()}
            assert all(known[s.model] == s.weight_hash for s in judgement.sources)


def test_a_data_set_without_the_plain_networks_has_no_evidence():
    kinds = gather.displacement((), {}, "bn", ("mean",)), gather.excess((), {}, "bn"), gather.recovery((), {}, "bn")
    assert kinds == ((None, ()),) * 3
