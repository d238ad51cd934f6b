"""What is said of networks of other p: how far they differ from BatchNorm over trainings."""

from rnorm_core import evaluation
from rnorm_core.ui.inside import powers
from tests import trainings


def test_the_p_that_was_trained_several_times_has_an_interval_over_trainings():
    table = evaluation.table("cifar10")
    points = powers.measured("cifar10", table, "tracked", 1)
    assert len(points) > 2
    names = [f"cifar10-resnet20-{norm}{seed}" for norm in ("rn", "bn") for seed in trainings.SEEDS]
    values = [mask.mean() for mask in trainings.right_under(names, 1).values()]
    low, value, high = (
        f"{100 * end:+.1f}".replace("-", "\N{MINUS SIGN}") for end in trainings.welch(values[:3], values[3:])
    )
    said = powers.over_seeds(table, points, "tracked", 1)
    under = "under APGD (ce), FGSM, Random noise, PGD"  # more than the networks of other p met, in the table above it
    assert said.endswith(f"(Welch's t): p = 0.2 {value} ({low} to {high}, 3 trainings of each, {under}).")


def test_of_one_training_nothing_is_said():
    table = evaluation.table("cifar10")
    points = powers.measured("cifar10", table, "batch", 1)
    assert powers.over_seeds(table, points, "batch", 1) == powers.over_seeds(table, [], "tracked", 1) == ""
