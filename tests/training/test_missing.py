"""The list of the zoo, and the command that trains what is missing of it."""

import re

import pytest
import torch

from rnorm_core import evaluation, models, zoo
from rnorm_core.data import CLASSES
from rnorm_core.errors import UserError
from rnorm_core.evaluation import card as evaluation_card
from rnorm_core.evaluation.measure import protocol
from rnorm_core.shift import reference
from rnorm_core.training import __main__ as training
from rnorm_core.training import missing
from rnorm_core.training.recipe import recipe
from rnorm_core.training.shipped import ZOO

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"


@pytest.fixture(autouse=True)
def empty_zoo(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path / "zoo")
    monkeypatch.delenv("CIFAR_ROOT", raising=False)


@pytest.fixture
def words(cifar, tmp_path, monkeypatch):
    """words(*more): the command's arguments, for a zoo of two networks that are trained and measured in a moment."""
    small = "--width 0.25 --epochs 2"
    monkeypatch.setattr(missing, "ZOO", {BN: f"--norm bn {small}", RN: f"--norm rn {small}"})
    monkeypatch.setattr(evaluation_card, "EPS_255", (1,))
    monkeypatch.setattr(reference, "BATCHES", {1: 3, 8: 3})
    folders = ["--data", str(cifar), "--work", str(tmp_path / "work"), "--device", "cpu"]
    return lambda *more: [*folders, *more]


def run(words: list[str]) -> list[str]:
    return missing.run(missing.arguments(words))


# --- the list --------------------------------------------------------------------------------------------------------


def test_names_are_those_the_training_gives():
    for name, words in ZOO.items():
        options = training.arguments(words.split())
        assert training.default_name(options, recipe(options.recipe, options.norm)) == name


def test_the_list_is_complete_and_in_order():
    ending = "bn rn none gn bn-seed1 rn-seed1 none-seed1 bn-seed2 rn-seed2 none-seed2 bn-early"
    ending += " bn-adv rn-adv none-adv dualbn-adv"
    powers = ["rn-p100", "rn-p050", "rn-p035", "rn-p010"]
    others = [f"cifar10-{architecture}-{norm}" for architecture in ("resnet38", "vgg11") for norm in ("bn", "rn")]
    hundred = "bn rn none bn-seed1 rn-seed1 none-seed1 bn-seed2 rn-seed2 none-seed2 bn-adv rn-adv"
    others += [f"cifar100-resnet20-{end}" for end in hundred.split()]
    assert list(ZOO) == [*(f"cifar10-resnet20-{end}" for end in [*ending.split(), *powers]), *others]
    assert [training.arguments(ZOO[f"cifar10-resnet20-{end}"].split()).power for end in powers] == [1, 0.5, 0.35, 0.1]


def test_no_file_of_weights_reaches_ten_megabytes():
    for name, words in ZOO.items():
        options = training.arguments(words.split())
        with torch.device("meta"):
            classes = len(CLASSES[options.dataset])
            model = models.build(options.model, options.norm, width=options.width, classes=classes)
        size = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
        assert size + 200 * len(model.state_dict()) < 10_000_000, name


@pytest.mark.skipif(not zoo.names(), reason="no trained network is in pretrained/")
def test_what_is_shipped_was_trained_as_the_list_says(monkeypatch):
    monkeypatch.undo()
    for name in zoo.names():
        assert name in ZOO
        card, options = zoo.card(name), training.arguments(ZOO[name].split())
        said = (options.dataset, options.model, options.norm, options.seed, options.width, options.recipe)
        assert said == (card.dataset, card.architecture, card.norm, card.seed, card.width, card.recipe["name"])
        assert card.power == (options.power if options.norm == "rn" else None)


# --- the command -----------------------------------------------------------------------------------------------------


def test_what_is_missing_is_trained_and_measured_once(words, monkeypatch, capsys):
    assert run(words("--only", RN)) == []
    assert zoo.names() == [RN]
    assert len(zoo.card(RN).curve) == 2
    assert [row["attack"] for row in zoo.card(RN).accuracies] == [None, None, None, "pgd"]
    before = (zoo.DIRECTORY / f"{RN}.safetensors").stat().st_mtime_ns
    run(words())
    assert zoo.names() == [BN, RN]
    assert (zoo.DIRECTORY / f"{RN}.safetensors").stat().st_mtime_ns == before
    monkeypatch.setattr(training, "run", None)
    monkeypatch.setattr(evaluation_card, "measure", None)
    capsys.readouterr()
    assert run(words()) == []
    assert capsys.readouterr().out == ""


def test_population_and_table_come_if_asked_for(words, monkeypatch):
    monkeypatch.setattr(protocol, "ATTACKS", ("clean",))
    monkeypatch.setattr(protocol, "APGD", ())
    run(words("--only", BN, "--population", "--sweep", "--count", "20"))
    assert zoo.population(BN).about["n"] == "300"
    assert [(row.model, row.n) for row in evaluation.read(zoo.DIRECTORY / "cifar10-sweep.jsonl")] == [(BN, 20)] * 3
    monkeypatch.setattr(reference, "measure", None)
    run(words("--only", BN, "--population"))


def test_a_trained_network_is_measured_later(words, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(training, "complete_test_set", lambda *_: False)
        run(words("--only", BN))
    assert zoo.card(BN).accuracies == ()
    run(words("--only", BN, "--list"))
    assert re.search(rf"{BN} +trained, not measured, no population, 0 rows", capsys.readouterr().out)
    run(words("--only", BN))
    assert zoo.card(BN).accuracies


def test_the_list_says_what_there_is_and_does_nothing(words, tmp_path, monkeypatch, capsys):
    run(words("--only", BN))

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "_log", killed)  # after the first epoch's checkpoint
        with pytest.raises(SystemExit, match="again to go on"):
            missing.main(words())
    capsys.readouterr()
    assert run(words("--list")) == []
    shown = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"{BN} +trained, [\d.]+ % clean, no population, 0 rows in the table", shown[0])
    assert re.fullmatch(rf"{RN} +missing, trained for 1 of 2 epochs", shown[1])
    assert zoo.names() == [BN]
    run(words())
    assert [row["epoch"] for row in zoo.card(RN).curve] == [1, 2]


def test_one_failure_does_not_keep_the_others_waiting(words, tmp_path, capsys):
    path = tmp_path / "work" / f"{BN}.checkpoint.safetensors"
    path.parent.mkdir()
    path.write_text("no checkpoint")
    with pytest.raises(SystemExit, match=rf"1 networks are still missing:\n{BN}: The checkpoint"):
        missing.main(words())
    assert zoo.names() == [RN]


def test_names_that_are_not_in_the_list(words, capsys):
    with pytest.raises(SystemExit):
        missing.arguments(words("--only", "cifar10-resnet20-ln"))
    assert "cifar10-resnet20-ln" in capsys.readouterr().err


def test_a_dual_norm_wants_adversarial_images(cifar, tmp_path):
    with pytest.raises(UserError, match="--recipe adv"):
        training.run(training.arguments(["--norm", "dualbn", "--data", str(cifar), "--work", str(tmp_path)]))
    assert list(tmp_path.iterdir()) == []
