"""The file of a population: whole and of the shipped weights, or refused in words."""

import json

import pytest
import torch
from safetensors.torch import save

from rnorm_core import models, zoo
from rnorm_core.errors import UserError
from rnorm_core.training.publish import publish
from rnorm_core.training.recipe import RECIPES

SHAPE = dict(architecture="resnet20", norm="bn", width=0.25, dataset="cifar10", power=0.2)


@pytest.fixture
def name(tmp_path, monkeypatch) -> str:
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    torch.manual_seed(0)
    publish(
        tmp_path,
        "tiny",
        models.build(**SHAPE),
        shape=SHAPE,
        recipe=RECIPES["fast"],
        seed=0,
        data_hash="0" * 64,
        curve=[],
    )
    return "tiny"


def write(name: str, tensors: dict[str, torch.Tensor] | None = None, without: str = "", **about: str) -> None:
    tensors = tensors or {"mean": torch.arange(4.0), "histogram": torch.arange(8, dtype=torch.int32).view(2, 4)}
    content = {
        "model": name, "weight_hash": zoo.card(name).sha256, "data_hash": "0" * 64, "n": "9", "layers": "{}",
        "made_with": json.dumps({"torch": "2"}), "code_version": "1", "date": "2026-01-01",
        "sha256": zoo.digest(tensors),
    } | about  # fmt: skip
    content.pop(without, None)
    zoo.population_path(name).write_bytes(save(tensors, content))


def refusal(name: str) -> str:
    with pytest.raises(UserError) as caught:
        zoo.population(name)
    assert caught.value.fix.endswith(f"`python -m rnorm_core.shift.reference {name}`.")
    return caught.value.what


def test_what_was_written_comes_back(name):
    write(name)
    found = zoo.population(name)
    assert torch.equal(found.tensors["mean"], torch.arange(4.0))
    assert found.tensors["histogram"].dtype == torch.int32
    assert (found.about["n"], found.about["date"]) == ("9", "2026-01-01")
    assert zoo.names() == [name]
    assert zoo.population(name) is found, "read once"


def test_a_new_file_is_read(name):
    write(name)
    first = zoo.population(name)
    write(name, {"mean": torch.zeros(40)})
    assert zoo.population(name) is not first
    assert len(zoo.population(name).tensors["mean"]) == 40


def test_no_file(name):
    assert "tiny.population.safetensors is missing" in refusal(name)


def test_no_model(name):
    with pytest.raises(UserError, match="no model 'nobody'"):
        zoo.population("nobody")


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_file(name, keep):
    write(name)
    path = zoo.population_path(name)
    path.write_bytes(path.read_bytes()[:keep])
    assert "is damaged" in refusal(name)


def test_a_changed_number(name):
    write(name)
    path = zoo.population_path(name)
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    assert "do not match its checksum" in refusal(name)


@pytest.mark.parametrize("raw", [b"version https://git-lfs.github.com/spec/v1\n" * 3, b"\x00" * 64, b"{}" * 40])
def test_another_kind_of_file(name, raw):
    zoo.population_path(name).write_bytes(raw)
    assert "is damaged" in refusal(name)


def test_a_file_of_tensors_that_says_nothing_of_itself(name):
    zoo.population_path(name).write_bytes(save({"mean": torch.zeros(3)}))
    assert "does not say its code_version" in refusal(name)


@pytest.mark.parametrize("field", zoo.ABOUT)
def test_a_missing_statement(name, field):
    write(name, without=field)
    assert f"does not say its {field}" in refusal(name)


def test_another_model(name):
    write(name, model="other")
    assert "measured with other" in refusal(name)


def test_weights_that_were_trained_anew(name):
    write(name)
    zoo.population(name)
    torch.manual_seed(1)
    publish(
        zoo.DIRECTORY,
        name,
        models.build(**SHAPE),
        shape=SHAPE,
        recipe=RECIPES["fast"],
        seed=0,
        data_hash="0" * 64,
        curve=[],
    )
    assert zoo.card(name).sha256[:12] in refusal(name)


def test_the_digest_sees_names_types_shapes_and_numbers():
    digests = [
        zoo.digest(tensors)
        for tensors in (
            {"a": torch.zeros(4)}, {"b": torch.zeros(4)}, {"a": torch.zeros(2, 2)}, {"a": torch.ones(4)},
            {"a": torch.zeros(4, dtype=torch.int32)}, {"a": torch.zeros(4), "b": torch.zeros(1)},
        )
    ]  # fmt: skip
    assert len(set(digests)) == 6
    one, two = {"a": torch.ones(2), "b": torch.zeros(1)}, {"b": torch.zeros(1), "a": torch.ones(2)}
    assert zoo.digest(one) == zoo.digest(two)


@pytest.mark.skipif(not zoo.names(), reason="no trained network is in pretrained/")
@pytest.mark.parametrize("shipped", zoo.names())
def test_every_shipped_population_is_sound(shipped):
    if not zoo.population_path(shipped).exists():
        pytest.skip(f"{shipped} has not been measured")
    assert zoo.population(shipped).about["data_hash"] == zoo.card(shipped).data_hash
