from rnorm_core.evaluation.benefits import benefits
from rnorm_core.ui import seeds_view


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
    bn, rn = seeds_view.accuracy(group)
    assert (bn.label, bn.seeds, bn.values) == ("BatchNorm", [0, 1], [91, 46])
    assert [round(v, 6) for v in (*bn.low, *bn.high)] == [90, 45, 93, 48]
    assert (rn.label, rn.seeds, rn.values) == ("RobustNorm", [3], [90])
    assert seeds_view.about(group) == "n = 1,000 to 2,000 test images; bars: 95 % interval"
    soon = [(dots.label, dots.what, dots.hollow, dots.values) for dots in seeds_view.speed(group)]
    assert soon == [
        ("BatchNorm", "80 %", True, [2, 1]), ("BatchNorm", "85 %", False, [3, 2]),
        ("RobustNorm", "80 %", True, [None, 2]), ("RobustNorm", "85 %", False, [None, None]),
    ]  # fmt: skip


def test_trainings_of_other_lengths_say_so(make_card):
    cards = [make_card("bn", seed=seed) for seed in (0, 1)]
    cards += [make_card("none", seed=seed, curve=curve(0.5, 0.6)) for seed in (0, 1)]
    labels = [dots.label for dots in seeds_view.speed(benefits(cards)[0])]
    assert labels == ["BatchNorm (3 epochs)"] * 2 + ["no norm (2 epochs)"] * 2
