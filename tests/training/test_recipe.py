"""Learning rates computed by hand, and the recipes' numbers."""

import pytest

from rnorm_core.training.recipe import RECIPES, Recipe, recipe


def one_cycle(epochs: int, warmup: float) -> Recipe:
    return Recipe("r", epochs, peak_lr=0.8, schedule="one-cycle", weight_decay=0.0, warmup=warmup)


def test_one_cycle_by_hand():
    """10 steps, 2 of them up: 1/2, 2/2, then down in eighths of the peak."""
    plan = one_cycle(epochs=5, warmup=0.2)
    expected = [0.4, 0.8, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert [plan.lr_at(step, 2) for step in range(10)] == pytest.approx(expected)


def test_one_cycle_without_a_way_up():
    plan = one_cycle(epochs=1, warmup=0.0)
    assert [plan.lr_at(step, 4) for step in range(4)] == pytest.approx([0.8, 0.8, 0.8 * 2 / 3, 0.8 / 3])


def test_steps_by_hand():
    plan = Recipe("r", 6, peak_lr=0.1, schedule="steps", weight_decay=0.0, milestones=(2, 4))
    found = [plan.lr_at(step, 3) for step in range(18)]
    assert found == pytest.approx([0.1] * 6 + [0.01] * 6 + [0.001] * 6)


def test_the_papers_recipe():
    """SGD, momentum 0.9, decay 1e-4, lr 0.1 with a tenth at 80 and 120, 164 epochs, batches of 128, crop and flip."""
    plan = recipe("paper", "rn")
    assert (plan.momentum, plan.weight_decay, plan.peak_lr, plan.nesterov) == (0.9, 1e-4, 0.1, False)
    assert (plan.epochs, plan.batch_size, plan.padding, plan.crop, plan.flip) == (164, 128, 4, 32, True)
    assert {plan.crop_in(epoch) for epoch in range(164)} == {32}
    by_epoch = [plan.lr_at(epoch * 390, 390) for epoch in (0, 79, 80, 119, 120, 163)]
    assert by_epoch == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    assert plan.lr_at(80 * 390 - 1, 390) == pytest.approx(0.1)
    assert (plan.clip, plan.label_smoothing, plan.precision) == (0, 0, "fp32")


def test_small_crops_come_first():
    plan = RECIPES["fast"]
    assert [plan.crop_in(epoch) for epoch in (0, 27, 28, 43)] == [24, 24, 32, 32]


@pytest.mark.parametrize(("name", "epochs"), [("fast", 22), ("paper", 41), ("fast", 44), ("adv", 5)])
def test_with_other_epochs_its_phases_keep_their_shares(name, epochs):
    base, plan = RECIPES[name], recipe(name, "bn", epochs=epochs)
    assert plan.small_epochs == round(base.small_epochs * epochs / base.epochs)
    assert plan.milestones == tuple(round(m * epochs / base.epochs) for m in base.milestones)
    assert recipe("fast", "bn", epochs=22, small_epochs=3).small_epochs == 3


def test_changes_come_on_top_and_the_table_stays():
    assert recipe("fast", "none") != recipe("fast", "bn") == recipe("fast", "rn") == RECIPES["fast"]
    assert recipe("fast", "none", peak_lr=0.3, epochs=2).peak_lr == 0.3
    assert RECIPES["fast"].clip == 5 != recipe("fast", "none").clip
    with pytest.raises(KeyError):
        recipe("slow", "bn")
