"""The command line, from a folder of images to a card; killed and resumed; held-back images."""

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rnorm_core import data, zoo
from rnorm_core.data import data_hash, files
from rnorm_core.errors import UserError
from rnorm_core.evaluation import card as evaluation_card
from rnorm_core.model_names import title
from rnorm_core.training import __main__ as command
from rnorm_core.training import checkpoint, reproduce

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def empty_zoo(tmp_path, monkeypatch):
    """The folder models are measured in is not the repository's."""
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path / "zoo")
    monkeypatch.delenv("CIFAR_ROOT", raising=False)


@pytest.fixture
def words(cifar, tmp_path):
    """words(*more): the arguments of a training of two epochs."""

    def words(*more: str) -> list[str]:
        folders = ["--data", str(cifar), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
        return ["--width", "0.25", "--epochs", "2", "--device", "cpu", *folders, *more]

    return words


def run(words: list[str]) -> None:
    command.run(command.arguments(words))


@pytest.mark.parametrize("norm", ["bn", "rn", "none"])
def test_from_images_to_weights_and_a_card(words, cifar, tmp_path, capsys, norm):
    run(words("--norm", norm))
    name = f"cifar10-resnet20-{norm}"
    card = zoo.read_card(tmp_path / "out" / f"{name}.json")
    assert (card.name, card.norm, card.width, card.seed) == (name, norm, 0.25, 0)
    assert card.power == (0.2 if norm == "rn" else None)
    assert ("Fixup" in card.initialisation) is (norm == "none")
    assert ("default in the classifier" in card.initialisation) is (norm != "none")
    assert card.data_hash == data_hash(files.read(cifar, "cifar10", "train").ids)
    assert (card.recipe["epochs"], card.recipe["name"]) == (2, "fast")
    assert [row["epoch"] for row in card.curve] == [1, 2]
    assert {"robustnorm-lab", "torch", "python", "safetensors", "device"} == card.made_with.keys()
    assert card.accuracies == ()
    weights = load_file(tmp_path / "out" / f"{name}.safetensors")
    assert not zoo.assemble(card, weights).training
    log = (tmp_path / "work" / f"{name}.log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in log] == list(card.curve)
    out = capsys.readouterr().out
    assert "300 images" in out
    assert "not measured" in out
    assert str(tmp_path / "out" / f"{name}.safetensors") in out


def test_a_model_of_the_zoo_is_measured(words, monkeypatch, capsys):
    monkeypatch.setattr(evaluation_card, "EPS_255", (1, 8))
    run(words("--norm", "rn", "--out", str(zoo.DIRECTORY)))
    card = zoo.card("cifar10-resnet20-rn")
    rows = [(row["attack"], row["eps_255"], row["statistics"], row["n"]) for row in card.accuracies]
    clean = [(None, None, mode, 24) for mode in ("tracked", "batch", "tracked-mean")]
    assert rows == [*clean, ("pgd", 1, "tracked", 24), ("pgd", 8, "tracked", 24)]
    attacked = card.accuracy("pgd", 8)
    assert attacked
    assert attacked["settings"]["steps"] == 20
    assert attacked["settings"]["eps"] == 8 / 255
    assert attacked["settings"]["seed"] == 0
    assert attacked["correct"] <= card.accuracy()["correct"]
    assert "pgd at 8/255" in capsys.readouterr().out


def test_few_samples_are_no_test_set(words, cifar, tmp_path, monkeypatch):
    """Where only foolbox's 20 images are at hand, nothing is measured, and nothing pretends to be."""
    monkeypatch.setattr(data, "available", lambda dataset: [files.Source("samples", "20", tmp_path, complete=False)])
    train_only = tmp_path / "train-only"
    train_only.mkdir()
    (train_only / "train.parquet").symlink_to(cifar / "train-00000-of-00001.parquet")
    run([*words("--norm", "bn", "--out", str(zoo.DIRECTORY)), "--data", str(train_only)])
    assert zoo.card("cifar10-resnet20-bn").accuracies == ()
    for directory in (None, train_only):
        with pytest.raises(UserError, match="test images were not found"):
            evaluation_card.measure("cifar10-resnet20-bn", directory)


@pytest.mark.timeout(600)
def test_killed_and_run_again_gives_the_same_model(words, tmp_path):
    def line(place: str) -> list[str]:
        folders = ["--work", str(tmp_path / place), "--out", str(tmp_path / place)]
        return words("--norm", "rn", "--epochs", "4", "--threads", "1", *folders)

    def start() -> subprocess.Popen:
        command = [sys.executable, "-m", "rnorm_core.training", *line("killed")]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    with start() as killed:
        assert killed.stdout is not None
        for shown in killed.stdout:
            if shown.startswith("epoch 1"):
                killed.send_signal(signal.SIGKILL)
                break
    assert killed.returncode == -signal.SIGKILL
    name = "cifar10-resnet20-rn"
    assert not (tmp_path / "killed" / f"{name}.json").exists()
    _, progress = checkpoint.read(tmp_path / "killed" / f"{name}.checkpoint.safetensors")
    assert 1 <= len(progress["curve"]) < 4
    with start() as again:
        _, errors = again.communicate()
    assert again.returncode == 0, errors
    threads = torch.get_num_threads()
    run(line("whole"))
    torch.set_num_threads(threads)
    raw = [(tmp_path / place / f"{name}.safetensors").read_bytes() for place in ("killed", "whole")]
    assert raw[0] == raw[1]
    cards = [zoo.read_card(tmp_path / place / f"{name}.json") for place in ("killed", "whole")]
    curves = [[{**row, "seconds": 0} for row in card.curve] for card in cards]
    assert curves[0] == curves[1]
    assert len(curves[0]) == 4


def test_a_finished_network_leaves_no_checkpoint_and_is_not_replaced(words, tmp_path):
    run(words("--norm", "bn"))
    path = tmp_path / "out" / "cifar10-resnet20-bn.safetensors"
    before = path.read_bytes()
    assert not list(tmp_path.rglob("*.checkpoint.safetensors"))
    with pytest.raises(UserError, match=r"exists already.*rnorm_core\.evaluation\.card cifar10-resnet20-bn"):
        run(words("--norm", "bn"))
    assert path.read_bytes() == before


def test_held_back_images_are_scored_and_not_trained_on(words, cifar, tmp_path, monkeypatch):
    trained_on = []

    class Watched(command.TrainingImages):
        def __init__(self, images, *rest):
            trained_on.extend(data.image_id(image.numpy()) for image in images)
            super().__init__(images, *rest)

    monkeypatch.setattr(command, "TrainingImages", Watched)
    run(words("--norm", "rn", "--holdout", "60"))
    assert not (tmp_path / "out").exists()
    everything = set(files.read(cifar, "cifar10", "train").ids)
    assert len(trained_on) == len(set(trained_on)) == 240
    assert set(trained_on) < everything
    _, progress = checkpoint.read(tmp_path / "work" / "cifar10-resnet20-rn-holdout60.checkpoint.safetensors")
    assert progress["identity"]["data_hash"] == data_hash(trained_on) != data_hash(everything)
    assert all(0 <= row["held_out_accuracy"] <= 1 for row in progress["curve"])
    kept = set(trained_on)
    trained_on.clear()
    run(words("--norm", "bn", "--holdout", "60", "--seed", "5"))
    assert set(trained_on) == kept, "every training holds back the same images"


def test_a_training_stops_at_an_accuracy_on_held_back_images(words, cifar, tmp_path, monkeypatch):
    scores = iter([0.2, 0.4, 0.3, 0.6])
    monkeypatch.setattr(command, "_accuracy", lambda *_: next(scores))
    options = words("--norm", "bn", "--holdout", "60", "--epochs", "4", "--stop-at-accuracy", "0.35")
    run(options)
    card = zoo.read_card(tmp_path / "out" / "cifar10-resnet20-bn-early.json")
    assert [row["held_out_accuracy"] for row in card.curve] == [0.2, 0.4]
    assert card.curve[-1]["lr"] > 0.05  # the rate was not annealed
    assert {key: card.recipe[key] for key in ("epochs", "holdout", "stop_at_accuracy")} == {
        "epochs": 4, "holdout": 60, "stop_at_accuracy": 0.35,
    }  # fmt: skip
    ids = files.read(cifar, "cifar10", "train").ids
    kept, held = data.kept_and_held(len(ids), 60)
    assert sorted([*kept.tolist(), *held.tolist()]) == list(range(len(ids)))
    assert card.data_hash == data_hash(ids[i] for i in kept)
    assert title(card) == "BatchNorm, stopped early"
    assert shlex.join(["--holdout", "60", "--stop-at-accuracy", "0.35"]) in reproduce.command(card)
    assert reproduce.changed_since(card).keys().isdisjoint({"holdout", "stop_at_accuracy"})
    with pytest.raises(UserError, match="exists already"):
        run(options)


def test_an_accuracy_that_no_epoch_reaches_writes_nothing_and_may_be_lowered(words, tmp_path, monkeypatch):
    scores = iter([0.2, 0.3])
    monkeypatch.setattr(command, "_accuracy", lambda *_: next(scores))
    more = "--norm", "bn", "--holdout", "60", "--stop-at-accuracy"
    with pytest.raises(UserError, match=r"No epoch got 0.5 .* the last epoch got 0.3"):
        run(words(*more, "0.5"))
    assert not (tmp_path / "out").exists()
    run(words(*more, "0.3"))  # the checkpoint has got there
    assert len(zoo.read_card(tmp_path / "out" / "cifar10-resnet20-bn-early.json").curve) == 2


def test_a_stop_needs_held_back_images(words):
    with pytest.raises(UserError, match="--holdout 5000"):
        run(words("--stop-at-accuracy", "0.5"))


def test_what_is_scored_is_what_is_held_back(words, cifar, monkeypatch, tmp_path):
    """A network that knows which images it was trained on finds none of them among those it is scored on."""
    pixels = files.read(cifar, "cifar10", "train")
    seen = {}

    def no_training(model, images, plan, seed, path, identity, on_epoch, on_step, evaluate, stop):
        class Spy(torch.nn.Module):
            def forward(self, x):
                levels = (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
                for image in levels:
                    seen[data.image_id(image.contiguous().numpy())] = True
                return torch.nn.functional.one_hot(
                    (levels.float().mean((1, 2, 3)) // 22).long().clamp(max=9), 10
                ).float()

        seen["trained"] = len(images)
        seen["score"] = evaluate(Spy())["held_out_accuracy"]
        seen["hash"] = identity["data_hash"]
        return []

    monkeypatch.setattr(command, "train", no_training)
    run(words("--holdout", "60"))
    scored = {key for key in seen if len(key) == 64}
    assert (len(scored), seen["trained"]) == (60, 240)
    assert data_hash(set(pixels.ids) - scored) == seen["hash"]
    assert seen["score"] > 0.9


def fails(words: list[str], capsys, monkeypatch) -> str:
    """What a person sees of a training that ends in an error."""
    monkeypatch.setattr(sys, "argv", ["training", *words])
    with pytest.raises(SystemExit) as caught:
        command.main()
    assert caught.value.code
    return f"{caught.value.code} {capsys.readouterr().err}"


def test_a_missing_data_set(words, tmp_path, capsys, monkeypatch):
    (tmp_path / "empty").mkdir()
    shown = fails([*words(), "--data", str(tmp_path / "empty")], capsys, monkeypatch)
    assert shown.startswith("error: cifar10's train images were not found")
    assert "To fix this" in shown


def test_a_folder_that_cannot_be_made(words, tmp_path, capsys, monkeypatch):
    (tmp_path / "out").write_text("in the way")
    assert "could not be written" in fails(words("--norm", "bn"), capsys, monkeypatch)


def test_another_trainings_checkpoint(words, capsys, monkeypatch):
    run(words("--norm", "bn", "--holdout", "60"))
    shown = fails(words("--norm", "bn", "--holdout", "60", "--lr", "0.01"), capsys, monkeypatch)
    assert "belongs to another training" in shown
    assert "--work" in shown


def test_a_full_disk_when_the_model_is_written(words, tmp_path, capsys, monkeypatch):
    write = Path.write_bytes

    def full(self, content):
        if tmp_path / "out" in self.parents:
            raise OSError(28, "No space left on device")
        return write(self, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        shown = fails(words("--norm", "bn"), capsys, patch)
    assert "No space left on device" in shown
    assert "no training is lost" in shown
    capsys.readouterr()
    run(words("--norm", "bn"))
    assert (tmp_path / "out" / "cifar10-resnet20-bn.safetensors").exists()
    assert "epoch" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [["--holdout", "-1"], ["--holdout", "300"], ["--epochs", "0"], ["--norm", "ln"],
     ["--stop-at-accuracy", "1.5"]],
)  # fmt: skip
def test_wrong_arguments(words, capsys, monkeypatch, wrong):
    shown = fails(words(*wrong), capsys, monkeypatch)
    assert wrong[1].lstrip("-") in shown


def test_names_say_what_differs_from_the_default():
    def name(*words: str) -> str:
        options = command.arguments(list(words))
        return command.default_name(options, command.recipe(options.recipe, options.norm))

    assert name() == "cifar10-resnet20-bn"
    assert name("--norm", "rn") == "cifar10-resnet20-rn"
    assert name("--norm", "rn", "--power", "0.05") == "cifar10-resnet20-rn-p005"
    assert name("--dataset", "cifar100", "--model", "vgg11", "--recipe", "paper", "--seed", "3") == (
        "cifar100-vgg11-bn-paper-seed3"
    )


def test_names_with_a_dot_do_not_share_a_checkpoint(words, tmp_path):
    for name in ("net-0.1", "net-0.2"):
        run(words("--name", name, "--epochs", "1", "--holdout", "60"))
    assert len(list((tmp_path / "work").glob("*.checkpoint.safetensors"))) == 2


def test_a_name_with_a_dot_is_the_files_name(words, tmp_path):
    run(words("--name", "net-0.2", "--epochs", "1"))
    assert zoo.read_card(tmp_path / "out" / "net-0.2.json").name == "net-0.2"


def test_a_network_that_is_there_is_not_replaced(tmp_path):
    (tmp_path / "mine.safetensors").write_bytes(b"what somebody trained")
    words = ["--name", "mine", "--out", str(tmp_path), "--work", str(tmp_path / "work")]
    with pytest.raises(UserError, match=r"mine\.safetensors exists already"):
        command.run(command.arguments(words))
    assert (tmp_path / "mine.safetensors").read_bytes() == b"what somebody trained"
