import pytest

from rnorm_core.evaluation.claims.benefits import benefits, epochs_to


def clean(correct: int) -> dict:
    return {
        "split": "test", "attack": None, "settings": {}, "eps_255": None, "statistics": "tracked", "n": 100,
        "correct": correct, "low": 0.0, "high": 1.0,
    }  # fmt: skip


def curve(*accuracies: float) -> tuple:
    return tuple({"epoch": i, "train_loss": 1.0, "train_accuracy": a} for i, a in enumerate(accuracies, 1))


@pytest.mark.parametrize(
    ("level", "epoch"), [(0.5, 1), (0.8, 2), (0.81, 4), (0.95, None)],
)  # fmt: skip
def test_the_first_epoch_counts_even_if_it_falls_again(make_card, level, epoch):
    assert epochs_to(make_card(curve=curve(0.6, 0.8, 0.7, 0.9)), level) == epoch


def test_each_seed_is_there_by_norm_and_seed(make_card):
    cards = [
        make_card("rn", seed=1, curve=curve(0.1, 0.2)),
        make_card("bn", seed=2, curve=curve(0.8, 0.85)),
        make_card("bn", seed=0, curve=curve(0.7, 0.9), accuracies=(clean(91),)),
        make_card("rn", seed=0, curve=curve(0.8, 0.84)),
    ]
    (group,) = benefits(cards)
    assert [(b.norm, b.seed, b.epochs) for b in group] == [
        ("rn", 0, (1, 1, None)), ("rn", 1, (None, None, None)), ("bn", 0, (1, 2, 2)), ("bn", 2, (1, 1, 2)),
    ]  # fmt: skip
    assert (group[2].correct, group[2].n) == (91, 100)
    assert group[3].correct is None
    assert {b.trained for b in group} == {2}


def test_only_what_has_seeds_and_only_like_with_like(make_card):
    assert benefits([make_card("bn"), make_card("rn"), make_card("none")]) == []
    assert benefits([]) == []
    cards = [make_card(norm, seed=seed) for norm in ("bn", "rn") for seed in (0, 1)]
    alone = [make_card("gn"), make_card("rn", power=0.5), make_card("bn", "adv", seed=1)]
    elsewhere = [make_card("bn", dataset="cifar100", seed=seed) for seed in (0, 1)]
    groups = benefits([*alone, *elsewhere, *cards])
    assert [sorted(b.model for b in group) for group in groups] == [
        sorted(card.name for card in part) for part in (cards, elsewhere)
    ]
