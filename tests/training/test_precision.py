"""bfloat16 is trained in where the hardware has it, unless somebody asks otherwise."""

import pytest
import torch

from rnorm_core import zoo
from rnorm_core.errors import UserError
from rnorm_core.training import __main__ as command
from rnorm_core.training.precision import fitting, has_bf16
from rnorm_core.training.recipe import RECIPES, recipe

CPU = torch.device("cpu")


@pytest.fixture
def cpu(monkeypatch):
    """cpu("avx2"): a processor that can do this and no more."""

    def of(*capabilities: str) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(capabilities, True) | {"sse": True})

    return of


@pytest.fixture
def run(cifar, tmp_path):
    """run(*more): one epoch of a small network."""

    def run(*more: str) -> None:
        folders = ["--data", str(cifar), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
        command.run(command.arguments(["--width", "0.25", "--epochs", "1", "--device", "cpu", *folders, *more]))

    return run


@pytest.fixture
def train(run, tmp_path):
    """train(*more): the same, and its card."""

    def train(*more: str) -> zoo.Card:
        run(*more)
        return zoo.read_card(tmp_path / "out" / "cifar10-resnet20-bn.json")

    return train


@pytest.mark.parametrize(
    ("capabilities", "there"),
    [(["avx2"], False), (["avx2", "avx512_f"], False), (["avx512_bf16"], True), (["amx_bf16"], True), (["bf16"], True)],
)
def test_what_a_processor_has(cpu, capabilities, there):
    cpu(*capabilities)
    assert has_bf16(CPU) is there
    assert fitting(RECIPES["fast"], CPU).precision == ("bf16" if there else "fp32")


def test_a_gpu_that_imitates_it_does_not_have_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    assert not has_bf16(torch.device("cuda"))


def test_nothing_else_of_a_recipe_changes(cpu):
    cpu("avx2")
    assert fitting(RECIPES["fast"], CPU) == recipe("fast", "bn", precision="fp32")
    assert fitting(RECIPES["paper"], CPU) is RECIPES["paper"]


def test_a_training_without_bf16_says_so_and_so_does_its_card(cpu, train, capsys):
    cpu("avx2")
    assert train().recipe["precision"] == "fp32"
    assert "in fp32: the hardware has no bf16" in capsys.readouterr().out


def test_with_bf16_there_is_nothing_to_say(cpu, train, capsys):
    cpu("amx_bf16")
    assert train().recipe["precision"] == "bf16"
    assert "hardware" not in capsys.readouterr().out


@pytest.mark.parametrize("has", ["avx2", "amx_bf16"])
@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_what_is_asked_for_is_done(cpu, train, capsys, has, precision):
    cpu(has)
    assert train("--precision", precision).recipe["precision"] == precision
    assert "hardware" not in capsys.readouterr().out


def test_a_training_does_not_go_on_in_another_precision(cpu, run):
    cpu("amx_bf16")
    run("--holdout", "60")
    cpu("avx2")
    with pytest.raises(UserError, match="belongs to another training"):
        run("--holdout", "60")
    run("--holdout", "60", "--precision", "bf16")
