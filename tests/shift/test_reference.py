"""The measurement of a training set, from a folder of images to a file that the zoo reads."""

import json
import sys

import numpy as np
import pytest
import torch

from rnorm_core import models, probes, shift, zoo
from rnorm_core.data import data_hash, files, kept_and_held
from rnorm_core.errors import UserError
from rnorm_core.shift import reference
from rnorm_core.training.publish import publish
from rnorm_core.training.recipe import RECIPES

FEW = {1: 6, 8: 5, 128: 2}


@pytest.fixture
def pixels(cifar) -> files.Pixels:
    return files.read(cifar, "cifar10", "train")


@pytest.fixture
def images(pixels) -> torch.Tensor:
    return torch.tensor(pixels.images)


@pytest.fixture
def shipped(pixels, tmp_path, monkeypatch):
    """shipped(norm): a small model in a zoo of its own, trained (says its card) on the folder's images."""
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    monkeypatch.delenv("CIFAR_ROOT", raising=False)

    def make(norm: str, data: str = "", **early) -> str:
        torch.manual_seed(0)
        shape = dict(architecture="vgg11", norm=norm, width=1 / 16, dataset="cifar10", power=0.2)
        model = models.build(**shape).train()
        for _ in range(5):
            model(torch.rand(8, 3, 32, 32))
        name = f"tiny-{norm}"
        publish(
            tmp_path,
            name,
            model,
            shape=shape,
            recipe=RECIPES["fast"],
            seed=0,
            data_hash=data or data_hash(pixels.ids),
            curve=[],
            early=early,
        )
        return name

    return make


@pytest.mark.parametrize("norm", ["bn", "none"])
def test_the_population_is_all_images_at_once(norm, shipped, images):
    model = zoo.load(shipped(norm), device="cpu")
    tensors, layers = reference.population(model, images)
    whole = probes.record(model, images.permute(0, 3, 1, 2) / 255)  # in one batch
    assert tuple(layers) == whole.names
    found = shift.assemble(
        tensors, {"model": "", "weight_hash": "", "n": "300", "layers": json.dumps(layers)}, norm
    ).statistics
    assert (found.n, found.statistics) == (300, "tracked")
    for one, other in zip(found.layers, whole.layers, strict=True):
        assert (one.name, one.norm, one.count) == (other.name, other.norm, other.count)
        for field in ("mean", "std", "minimum", "maximum", "edges"):
            torch.testing.assert_close(getattr(one, field), getattr(other, field), rtol=1e-4, atol=1e-4)
        moved = (one.histogram.cumsum(0) - other.histogram.cumsum(0)).abs().max() / one.count
        assert moved < 1e-3, "values at an edge may fall to its other side"


def test_the_range_is_the_mean_of_full_batches(shipped, images):
    model = zoo.load(shipped("rn"), device="cpu")
    tensors, _ = reference.population(model, images)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    batches = images[order].permute(0, 3, 1, 2).div(255).split(128)
    assert [len(batch) for batch in batches] == [128, 128, 44]
    ranges = [torch.cat([layer.range for layer in probes.record(model, batch).layers]) for batch in batches[:2]]
    torch.testing.assert_close(tensors["range"], (ranges[0] + ranges[1]) / 2, rtol=1e-4, atol=1e-5)
    assert bool((tensors["range"] <= tensors["maximum"] - tensors["minimum"]).all())


def test_bands_are_quantiles_of_the_shifts_of_drawn_batches(shipped, images):
    name = shipped("rn")
    tensors, layers = reference.population(zoo.load(name, device="cpu"), images)
    about = {"model": name, "weight_hash": zoo.card(name).sha256, "n": "300", "layers": json.dumps(layers)}
    grid = shift.assemble(tensors, about, "rn").statistics
    model = zoo.load(name, "batch", "cpu")
    found = reference.bands(model, images, grid, {8: 5})
    generator, whole, alone = torch.Generator().manual_seed(8), [], []
    for _ in range(5):
        drawn = torch.randperm(300, generator=generator)[:8]
        batch = images[drawn].permute(0, 3, 1, 2) / 255
        whole.append(shift.compare(probes.record(model, batch, grid=grid), grid))
        for i in (0, 1):
            alone.append(shift.compare(probes.record(model, batch, only=[i], grid=grid), grid))
    for n, shifts in ((8, whole), (1, alone)):
        for measure in shift.MEASURES:
            channels = np.stack([np.concatenate([layer.values(measure) for layer in s.layers]) for s in shifts])
            summaries = np.array([[layer.summary(measure) for layer in s.layers] for s in shifts])
            key = f"band/batch/{n}/8/{measure}"
            np.testing.assert_allclose(found[key], np.quantile(channels, shift.LEVELS, axis=0), atol=1e-4)
            np.testing.assert_allclose(found[f"{key}/summary"], np.quantile(summaries, shift.LEVELS, axis=0), atol=1e-4)
            low, high = found[f"{key}/summary"][[0, 2]].numpy()
            outside = ((summaries < low) | (summaries > high)).sum(1)
            assert found[f"{key}/outside"].tolist() == [int((outside == k).sum()) for k in range(len(layers) + 1)]


@pytest.mark.parametrize("norm", ["bn", "rn", "gn", "none"])
def test_from_images_to_what_the_zoo_reads(norm, shipped, cifar, images):
    name, calls = shipped(norm), []
    path = reference.measure(name, cifar, batches=FEW, progress=lambda *call: calls.append(call))
    assert path == zoo.population_path(name)
    assert path.stat().st_size < 10_000_000
    assert zoo.names() == [name], "a measurement is no model"
    found = shift.population(name)
    assert found.n == found.statistics.n == len(images)
    assert found.statistics.model == name
    assert found.statistics.weight_hash == zoo.card(name).sha256 == found.about["weight_hash"]
    assert found.about["data_hash"] == zoo.card(name).data_hash
    assert json.loads(found.about["made_with"]).keys() == {"robustnorm-lab", "torch", "python"}
    modes = {"tracked", "batch", "tracked-mean"} if norm in ("bn", "rn") else {"tracked"}
    assert {mode for mode, *_ in found.bands} == modes
    assert {(n, size) for mode, n, size, _ in found.bands if mode == "tracked"} == {(1, 1), (8, 8), (128, 128)}
    for mode in modes - {"tracked"}:
        assert {(n, size) for m, n, size, _ in found.bands if m == mode} == {
            (1, 1), (8, 8), (128, 128), (1, 8), (1, 128)
        }  # fmt: skip
    for mode in modes:
        model = zoo.load(name, mode, "cpu")
        recorded = probes.record(model, images[:8].permute(0, 3, 1, 2) / 255, grid=found.statistics)
        moved = shift.compare(recorded, found.statistics)
        assert found.band(mode, 8, moved.names[0], "mean").n == 8
    fractions, texts = [call[0] for call in calls], {call[1] for call in calls}
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert {f"band, {mode}, batches of 128" for mode in modes} | {"histogram"} < texts


def test_measured_again_it_is_the_same(shipped, cifar):
    name = shipped("bn")
    first = zoo.digest(zoo.population(name).tensors) if reference.measure(name, cifar, batches=FEW) else None
    reference.measure(name, cifar, batches=FEW)
    assert zoo.population(name).about["sha256"] == first


def test_other_images_than_the_trainings_are_refused(shipped, cifar):
    name = shipped("bn", data="0" * 64)
    with pytest.raises(UserError, match="other images than these 300"):
        reference.measure(name, cifar)
    assert not zoo.population_path(name).exists()


def test_of_held_out_images_nothing_is_measured(shipped, cifar, pixels, images):
    kept, _ = kept_and_held(300, 60)
    name = shipped("none", data=data_hash(pixels.ids[i] for i in kept), holdout=60)
    reference.measure(name, cifar, batches=FEW)
    assert zoo.population(name).about["n"] == "240"
    whole = probes.record(zoo.load(name, device="cpu"), images[kept].permute(0, 3, 1, 2) / 255)
    torch.testing.assert_close(
        shift.population(name).statistics.layers[0].mean, whole.layers[0].mean, rtol=1e-4, atol=1e-4
    )


def test_a_failure_leaves_the_file_before(shipped, cifar, monkeypatch):
    name = shipped("none")
    path = reference.measure(name, cifar, batches=FEW)
    before = path.read_bytes()

    def fail(*words):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(UserError, match="No space left"):
        reference.measure(name, cifar, batches=FEW)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.partial"))


def test_the_command(shipped, cifar, monkeypatch, capsys):
    name = shipped("none")
    monkeypatch.setattr(reference, "BATCHES", FEW)
    reference.main([name, "--data", str(cifar), "--device", "cpu"])
    out = capsys.readouterr().out
    assert "histogram" in out
    assert f"written: {zoo.population_path(name)}" in out
    assert shift.population(name).n == 300


@pytest.mark.parametrize("words", [["nobody"], ["tiny-none", "--data", "nowhere"]])
def test_mistakes_end_in_words(words, shipped, monkeypatch):
    shipped("none")
    monkeypatch.setattr(sys, "argv", ["population", *words])
    with pytest.raises(SystemExit) as caught:
        reference.main()
    assert str(caught.value.code).startswith("error: ")
    assert "To fix this" in str(caught.value.code)
