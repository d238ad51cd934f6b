from dataclasses import asdict, replace

from rnorm_core import zoo
from rnorm_core.evaluation import Table
from rnorm_core.training.recipe import RECIPES
from rnorm_core.ui.models import card as model_card
from rnorm_core.ui.models import words
from rnorm_core.ui.models.entries import entries
from tests.rows import row

TRAINING = model_card.MODES["tracked"]


def measured(attack, eps, correct, statistics="tracked") -> dict:
    return {
        "split": "test", "attack": attack, "settings": {"steps": 20} if attack else {}, "eps_255": eps,
        "statistics": statistics, "n": 1000, "correct": correct, "low": correct / 1000 - 0.01, "high": 0.95,
    }  # fmt: skip


def test_what_it_is(make_card):
    said = words.what_it_is(make_card("rn", power=0.5, seed=2))
    assert "**RobustNorm p=0.5, seed 2**: a ResNet-20 with RobustNorm (p = 0.5), 269,722 parameters" in said
    assert "trained on images of CIFAR-10, seed 2" in said
    assert "10 classes apart: airplane" in said
    assert said.endswith("truck.")


def test_what_was_stopped_early_says_how(make_card):
    early = {"holdout": 5000, "stop_at_accuracy": 0.9034}
    said = words.what_it_is(make_card("bn", recipe=early, name="cifar10-resnet20-bn-early"))
    assert said.startswith("**BatchNorm, stopped early**: ")
    assert (
        "seed 0, stopped after 3 of 44 epochs, at the first with 90.3 % of 5,000 held-out training images right."
        in said
    )


def test_a_hundred_classes_are_not_all_listed(make_card):
    said = words.what_it_is(make_card("none", "adv", dataset="cifar100", width=0.5, architecture="vgg11"))
    assert "a VGG-11 without norm layers, 0.5 times as wide as usual" in said
    assert "trained on attacked images of CIFAR-100 (N-FGSM, one step at 8/255), seed" in said
    assert "100 classes apart" in said
    assert said.endswith("bottle and more.")
    assert said.count(",") < 25


def test_adversarial_trainings_have_their_names():
    assert words.method(asdict(RECIPES["adv"])) == "N-FGSM, one step at 8/255"
    assert words.method(asdict(RECIPES["adv-pgd"])) == "PGD-7 at 8/255"
    other = replace(RECIPES["adv"], attack_projected=True, attack_eps_255=0.5)
    assert words.method(asdict(other)) == "FGSM from a random start at 0.5/255"


def test_every_field_of_a_recipe_is_shown_and_explained(make_card):
    card = make_card("bn", "adv", recipe={"milestones": [80, 120], "forgotten": None})
    rows = {row["setting"]: row for row in model_card.recipe_rows(card)}
    assert rows.keys() == card.recipe.keys()
    assert [key for key, row in rows.items() if not row["what it is"]] == ["forgotten"]
    assert {key: rows[key]["value"] for key in ("peak_lr", "flip", "milestones", "forgotten", "epochs")} == {
        "peak_lr": "0.2", "flip": "yes", "milestones": "80, 120", "forgotten": "none", "epochs": "15",
    }  # fmt: skip


def test_measured_accuracies_begin_with_the_default_mode_and_are_headline_rows(make_card):
    rows = (
        measured(None, None, 900, "batch"),
        measured("pgd", 8, 10),
        measured("pgd", 0.5, 500),
        measured(None, None, 910),
    )
    card = make_card("bn", accuracies=rows)
    since = [row(card, 0.5, (90, 200)), row(card, 0.5, (80, 200), attack="square"), row(card, 0, (180, 200))]
    found = model_card.accuracy_rows(*entries([card], Table(tuple(since))))
    assert [(row["statistics"], row["attack"], row["eps (k/255)"], row["accuracy (%)"]) for row in found] == [
        (TRAINING, "clean", None, 90.0), (TRAINING, "worst of 2 attacks", 0.5, 40.0),
        (TRAINING, "PGD, 20 steps", 8, 1.0), ("of the batch", "clean", None, 90.0),
    ]  # fmt: skip
    assert [row["n"] for row in found] == [200, 200, 1000, 1000]
    assert found[2]["95 %"] == "0 to 95.0"
    on_more = row(card, 0.5, (300, 1000), images="2")
    *_, last = model_card.accuracy_rows(
        *entries([card], Table((*since, on_more, row(card, 0.5, (90, 200), attack="fgsm"))))
    )
    assert (last["attack"], last["accuracy (%)"], last["n"]) == ("PGD, 20 steps", 30.0, 1000)


def test_origins(make_card):
    card = make_card("bn")
    said = words.origins(card)
    for part in (card.sha256, card.data_hash, "by hand", "2026-01-01", "`abc` with changes", "torch 2"):
        assert part in said


def test_nothing_is_claimed_of_a_brought_model(make_card):
    nothing = dict(data_hash="", made_with={}, code_version="", date="", initialisation="", curve=(), accuracies=())
    card = make_card("bn", name="yours-net-12345678", recipe={"name": "brought", "file": "net.safetensors"}, **nothing)
    assert "trained elsewhere" in words.what_it_is(card)
    assert words.origins(card).count("\n") == 1
    assert card.sha256 in words.origins(card)


def test_shipped_cards_are_explained_in_full():
    for name in zoo.names():
        assert all(row["what it is"] for row in model_card.recipe_rows(zoo.card(name))), name
