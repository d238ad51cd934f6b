"""Several seeds and several learning rates, from cards and trials written by hand."""

from dataclasses import replace

from rnorm_core.evaluation.claims.benefits import benefits
from rnorm_core.report import reproduce
from rnorm_core.training.learning_rates import Trial, arguments
from rnorm_core.ui.models import seeds, words
from tests.trainings import welch


def clean(correct: int, n: int = 1000) -> tuple:
    row = {"split": "test", "attack": None, "settings": {}, "eps_255": None, "statistics": "tracked", "n": n}
    return (row | {"correct": correct, "low": correct / n - 0.01, "high": correct / n + 0.02},)


def curve(*accuracies: float) -> tuple:
    return tuple({"epoch": i, "train_loss": 1.0, "train_accuracy": a} for i, a in enumerate(accuracies, 1))


def test_every_seed_keeps_its_number(make_card):
    cards = [
        make_card("bn", seed=0, accuracies=clean(910), curve=curve(0.7, 0.8, 0.9)),
        make_card("bn", seed=1, accuracies=clean(920, 2000), curve=curve(0.8, 0.85, 0.9)),
        make_card("rn", seed=0, curve=curve(0.1, 0.2, 0.3)),
        make_card("rn", seed=3, accuracies=clean(900), curve=curve(0.1, 0.8, 0.3)),
    ]
    (group,) = benefits(cards)
    bn, rn = seeds.accuracy(group)
    assert (bn.label, bn.seeds, bn.values) == ("BatchNorm", [0, 1], [91, 46])
    assert [round(v, 6) for v in (*bn.low, *bn.high)] == [90, 45, 93, 48]
    assert (rn.label, rn.seeds, rn.values) == ("RobustNorm", [3], [90])
    assert words.about_accuracy(group) == "n = 1,000 to 2,000 test images, from the cards; bars: 95 % interval"
    soon = [(dots.label, dots.what, dots.fill, dots.values) for dots in seeds.speed(group)]
    assert soon == [
        ("BatchNorm", "70 %", "-open", [1, 1]), ("BatchNorm", "80 %", "-open-dot", [2, 1]),
        ("BatchNorm", "85 %", "", [3, 2]), ("RobustNorm", "70 %", "-open", [None, 2]),
        ("RobustNorm", "80 %", "-open-dot", [None, 2]), ("RobustNorm", "85 %", "", [None, None]),
    ]  # fmt: skip
    assert "70 % (hollow), 80 % (dotted), 85 % (filled)" in words.about_speed(group)
    assert words.about_speed(group).endswith("; small crops until epoch 28")
    whole = [replace(card, recipe=card.recipe | {"small_epochs": 0}) for card in cards]
    assert "crops" not in words.about_speed(benefits(whole)[0])


def test_trainings_of_other_lengths_say_so(make_card):
    cards = [make_card("bn", seed=seed) for seed in (0, 1)]
    cards += [make_card("none", seed=seed, curve=curve(0.5, 0.6)) for seed in (0, 1)]
    labels = [dots.label for dots in seeds.speed(benefits(cards)[0])]
    assert labels == ["BatchNorm (3 epochs)"] * 3 + ["no norm (2 epochs)"] * 3


def plan(precision: str) -> dict:
    return {"name": "short", "epochs": 4, "precision": precision}


def trial(norm: str, rate: float, correct: int | None = 50, seed: int = 0, **changes) -> Trial:
    ends = (None, None) if correct is None else (correct / 100 - 0.1, correct / 100 + 0.1)
    known = dict(
        dataset="cifar10", architecture="resnet20", norm=norm, power=0.2 if norm == "rn" else None, peak_lr=rate,
        seed=seed, recipe=plan("fp32"), n=100, correct=correct, low=ends[0], high=ends[1],
        diverged_in=3 if correct is None else None, curve=(), made_with={}, code_version="", date="2026-01-01",
    )  # fmt: skip
    return Trial(**(known | changes))


def test_learning_rates_by_norm_and_rate():
    trials = [trial("rn", 0.4, 60), trial("bn", 0.8, None), trial("bn", 0.4, 40), trial("bn", 0.1, 90)]
    bn, rn = seeds.rates(trials)
    assert (bn.label, bn.rates, bn.correct, bn.diverged) == ("BatchNorm", [0.1, 0.4], [90, 40], [0.8])
    assert (rn.label, rn.rates, rn.correct, rn.diverged) == ("RobustNorm", [0.4], [60], [])
    assert [round(v, 6) for v in (*bn.low, *bn.high)] == [0.8, 0.3, 1.0, 0.5]
    assert words.about_study(trials[0]) == "ResNet-20, 4 epochs each, one training a point; float32"
    more = [*trials, trial("none", 0.4, None), trial("none", 0.1, None)]
    assert words.diverged(seeds.rates(more)) == "Diverged: BatchNorm at 0.8; no norm at 0.1 and 0.4."
    assert words.diverged([rn]) == ""


def test_the_study_says_how_to_repeat_it():
    trials = [trial("rn", 0.4, 60), trial("bn", 0.05, None, seed=1), trial("bn", 0.4, 40)]
    options = arguments(reproduce.study(trials).removeprefix("python -m rnorm_core.training.learning_rates").split())
    assert (options.norms, options.rates, options.seeds) == (["rn", "bn"], [0.4, 0.05], [0, 1])
    assert (options.epochs, options.precision, options.holdout) == (4, "fp32", 100)
    assert str(options.out) == "again.jsonl"


def test_each_seed_and_each_p_is_a_line():
    trials = [trial("rn", 0.1, seed=1), trial("rn", 0.1, power=0.5), trial("bn", 0.1), trial("rn", 0.1)]
    labels = [line.label for line in seeds.rates(trials)]
    assert labels == ["BatchNorm, seed 0", "RobustNorm, seed 0", "RobustNorm, seed 1", "RobustNorm p=0.5, seed 0"]


def test_trainings_in_another_precision_are_another_study():
    halves = [trial("bn", rate, recipe=plan("bf16")) for rate in (0.1, 0.4)]
    assert [len(alike) for alike in seeds.studies([*halves, trial("bn", 0.4)])] == [2, 1]


def test_norms_are_compared_over_seeds(make_card):
    correct = {"bn": (910, 920, 915), "rn": (900, 890, 895), "none": (850,)}
    cards = [
        make_card(norm, seed=seed, accuracies=clean(k), curve=curve(0.7, 0.8, 0.9))
        for norm, counts in correct.items()
        for seed, k in enumerate(counts)
    ]
    rows = seeds.accuracy(benefits(cards)[0])
    low, value, high = (100 * x for x in welch([0.9, 0.89, 0.895], [0.91, 0.92, 0.915]))
    ends = f"{value:.1f} points (95 %: {low:.1f} to {high:.1f})".replace("-", "\N{MINUS SIGN}")
    assert words.differences(rows) == f"Over trainings (Welch's t), against BatchNorm: RobustNorm {ends}."
    assert words.differences(rows[:1]) == ""
