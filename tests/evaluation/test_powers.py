"""Networks by p, told by their cards alone."""

from rnorm_core.evaluation.powers import powers


def test_networks_are_told_by_their_cards(make_card):
    wanted = [make_card("rn", power=p) for p in (1.0, 0.35, 0.2)]
    renamed = make_card("rn", power=0.1, name="by any other name")
    plain = make_card("bn")
    others = [
        make_card("rn", power=0.5, seed=1),
        make_card("rn", power=0.7, architecture="resnet38"),
        make_card("rn", power=0.8, recipe_name="adv"),
        make_card("rn", power=0.9, dataset="cifar100"),
        make_card("rn", power=0.6, width=0.5),
        make_card("none"),
        make_card("bn", seed=1),
    ]
    found = powers([*others, *wanted, renamed, plain], "cifar10")
    assert list(found.by_power) == [0.1, 0.2, 0.35, 1]
    assert found.by_power[0.1] is renamed
    assert found.plain is plain


def test_of_two_recipes_the_batch_norms_counts(make_card):
    slow, fast = make_card("rn", recipe_name="paper"), make_card("rn", name="z")
    assert powers([slow, fast, make_card("bn")], "cifar10").by_power == {0.2: fast}
    assert powers([slow, fast], "cifar10").by_power == {0.2: slow}


def test_nothing_is_found_where_nothing_is():
    found = powers([], "cifar10")
    assert (found.by_power, found.plain) == ({}, None)
