"""The command a card gives, parsed back by the very parser that would read it."""

import shlex

import pytest

from rnorm_core import zoo
from rnorm_core.errors import UserError
from rnorm_core.training.__main__ import arguments
from rnorm_core.training.recipe import RECIPES, recipe
from rnorm_core.training.reproduce import changed_since, command
from rnorm_core.training.shipped import ZOO


def parsed(card: zoo.Card):
    first, *words = shlex.split(command(card))
    assert [first, *words[:2]] == ["python", "-m", "rnorm_core.training"]
    return arguments(words[2:])


def check(card: zoo.Card) -> None:
    """Training with the command's options makes a card that says what this one says."""
    options = parsed(card)
    assert (options.model, options.norm, options.dataset) == (card.architecture, card.norm, card.dataset)
    assert (options.seed, options.width) == (card.seed, card.width)
    assert options.power == (0.2 if card.power is None else card.power)
    changes = {"epochs": options.epochs, "peak_lr": options.lr, "precision": options.precision}
    plan = recipe(options.recipe, options.norm, **{k: v for k, v in changes.items() if v is not None})
    for field in ("name", "epochs", "peak_lr", "precision"):
        assert getattr(plan, field) == card.recipe[field]
    assert options.name == f"{card.name}-again"


VARIANTS = [
    dict(norm="bn"), dict(norm="rn"), dict(norm="none", seed=2), dict(norm="gn"), dict(norm="rn", power=0.35),
    dict(norm="rn", power=1.0), dict(norm="bn", architecture="vgg11", width=0.25), dict(norm="bn", dataset="cifar100"),
    dict(norm="none", recipe_name="paper", seed=1), dict(norm="bn", recipe={"epochs": 3, "peak_lr": 0.068196}),
    dict(norm="bn", name="my-own name"), dict(norm="bn", recipe={"precision": "fp32"}),
]  # fmt: skip


def test_parsed_back_it_is_the_card(make_card):
    for changes in VARIANTS:
        check(make_card(**changes))


def test_every_recipe_has_its_command(make_card):
    for name in RECIPES:
        for norm in ("bn", "none"):
            card = make_card(norm, name)
            check(card)
            assert changed_since(card) == {}, (name, norm)


def test_shipped_cards_give_the_options_of_the_zoo():
    # A card may be from before its recipe's last change, or from other hardware.
    ignored = ("epochs", "lr", "name", "precision")
    for name in zoo.names():
        card = zoo.card(name)
        check(card)
        options, listed = vars(parsed(card)), vars(arguments(shlex.split(ZOO[name])))
        assert options["name"] == f"{name}-again"
        assert {k: v for k, v in options.items() if k not in ignored} == {
            k: v for k, v in listed.items() if k not in ignored
        }, name


def test_it_is_as_short_as_it_can_be(make_card):
    words = "python -m rnorm_core.training --model resnet20 --norm bn --dataset cifar10 --recipe fast --seed 1"
    words += " --precision bf16 --name cifar10-resnet20-bn-seed1-again"
    assert command(make_card("bn", seed=1)) == words


def test_what_no_option_repeats_is_told(make_card):
    card = make_card("bn", recipe={"clip": 9.0, "small_epochs": 20, "forgotten": 1})
    assert changed_since(card) == {"clip": (9.0, 5.0), "small_epochs": (20, 28), "forgotten": (1, None)}
    check(card)


def test_a_model_nobody_here_trained_has_no_command(make_card):
    card = make_card("bn", recipe={"name": "brought"})
    for ask in (command, changed_since):
        with pytest.raises(UserError, match="not known"):
            ask(card)
