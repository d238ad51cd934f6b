"""Results that are shipped: stored and read without loss, refused if damaged, ignored if they answer something else."""

import json
import shutil
import zipfile
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rnorm_core import data, zoo
from rnorm_core.data import ImageChoice
from rnorm_core.errors import UserError
from rnorm_core.experiments import shift_sweep, shipped
from rnorm_core.experiments.landscape import photos
from rnorm_core.experiments.shipped import files, packing
from rnorm_core.experiments.shipped.defaults import (
    CHANNEL,
    CORRUPTIONS,
    DEFAULTS,
    LANDSCAPE,
    PHOTOS,
    POISONING,
    SHIFT,
    START,
    SURFACES,
)
from rnorm_core.norms import MEDIAN

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = [default for defaults in DEFAULTS.values() for default in defaults]
TEN = "cifar10"
shipped_zoo = pytest.mark.skipif(not zoo.has_population("cifar10-resnet20-bn"), reason="needs the shipped networks")


@pytest.fixture
def one_thread():
    """As in the app: sums over two threads are rounded differently."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def copied(tmp_path, monkeypatch) -> Path:
    """A folder of models with copies of the files that results need; the folder of shipped results in it."""
    for path in zoo.DIRECTORY.glob("cifar10-resnet20-[br]n.*"):
        (tmp_path / path.name).symlink_to(path)
    shutil.copytree(zoo.DIRECTORY / "defaults", tmp_path / "defaults")
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    return tmp_path / "defaults"


def differences(one, other, where: str = "") -> list[str]:
    """The places where two results differ. Another processor rounds differently: numbers may differ a little, counts
    by a few, and one in a hundred by more, because signs of tiny gradients change.
    """
    if isinstance(one, torch.Tensor | np.ndarray):
        one, other = (torch.as_tensor(each) for each in (one, other))
        if (one.dtype, one.shape) != (other.dtype, other.shape):
            return [where]
        few = 1e-5 if one.is_floating_point() or one.dtype == torch.bool else 3
        near = torch.isclose(one.double(), other.double(), 1e-3, few, equal_nan=True)
        return [] if near.double().mean() >= 0.99 else [where]
    if type(one) is not type(other):
        return [where]
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        parts = [(name, getattr(one, name), getattr(other, name)) for name in names]
    elif isinstance(one, dict):
        parts = [] if one.keys() != other.keys() else [(key, one[key], other[key]) for key in one]
    elif isinstance(one, tuple | list):
        parts = list(zip(range(len(one)), one, other, strict=True)) if len(one) == len(other) else []
    else:
        return [] if one == other or one != one or one == pytest.approx(other) else [where]
    if len(parts) != (len(names) if is_dataclass(one) else len(one)):
        return [where]
    return [place for name, a, b in parts for place in differences(a, b, f"{where}.{name}")]


def test_differences_are_found():
    @dataclass(frozen=True)
    class Some:
        numbers: dict
        text: str = "a"

    one = Some({"x": torch.arange(3.0), 2: (1, np.zeros(2))})
    assert differences(one, Some({"x": torch.arange(3.0), 2: (1, np.zeros(2))})) == []
    assert differences(one, Some({"x": torch.arange(3.0) + 9, 2: (1, np.ones(2))})) == [".numbers.x", ".numbers.2.1"]
    assert differences(one, replace(one, text="b")) == [".text"]
    assert differences(one, Some({"x": torch.arange(3.0)})) == [".numbers"]


def test_everything_comes_back_as_it_was():
    known = object()
    choice = ImageChoice.of_samples(seed=3)
    value = {
        ("clean", 0): (torch.arange(6).view(2, 3).T, torch.tensor([True, False]), torch.tensor(70_000)),
        0.25: [np.linspace(0, 1, 3), None, "text", float("inf"), -2, True],
        "choice": choice,
        "known": known,
    }
    tree, tensors = packing.pack(value, {"it": known})
    back = packing.unpack(json.loads(json.dumps(tree)), tensors, {"it": known})
    assert back["known"] is known
    assert back["choice"] == choice
    assert differences(value, back) == []
    assert tensors["0"].dtype == torch.int16  # smaller, and int64 again when it is read


def test_only_known_classes_are_stored_and_read():
    @dataclass
    class Unknown:
        x: int

    with pytest.raises(TypeError, match="a result with a Unknown cannot be shipped"):
        packing.pack((1, Unknown(2)), {})
    with pytest.raises(KeyError):
        packing.unpack({"class": "os.system", "fields": {}}, {}, {})


@shipped_zoo
@pytest.mark.parametrize("default", SHIPPED, ids=lambda default: default.name)
def test_shipped_results_are_there_and_hold_no_image(default):
    files._result.cache_clear()  # so that its populations are the ones that are in memory now
    found = shipped.result(default.request())
    assert found.request == default.request()
    batch = getattr(found, "batch", None) or default.batch(found.request)
    tensors = packing.pack(default.without_images(found, batch), default.elsewhere(found.request, batch))[1]
    with zipfile.ZipFile(shipped.path_of(default)) as file:
        assert not any(name.endswith((".png", ".pt", ".pkl")) for name in file.namelist())
    near = [
        tensor
        for tensor in tensors.values()
        for image in batch.images
        if tensor.shape[-3:] == image.shape and (tensor - image).abs().flatten(-3).amax(-1).min() < 0.2
    ]
    assert not near


@shipped_zoo
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    "default",
    [
        *(pytest.param(slow, marks=pytest.mark.slow) for each in (SHIFT, CORRUPTIONS) for slow in each.values()),
        *SURFACES.values(),
        *CHANNEL.values(),
    ],
    ids=lambda default: default.name,
)
def test_shipped_results_are_what_the_experiments_compute(default):
    request = default.request()
    assert differences(shipped.result(request), default.run(request)) == []


@shipped_zoo
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("default", [*LANDSCAPE.values(), *START.values()], ids=lambda default: default.name)
def test_the_shipped_landscape_is_what_the_attack_does(default):
    """Another processor rounds differently, and a changed sign leads an attack elsewhere, to about the same end."""
    request = default.request()
    pairs = zip(shipped.result(request).by_image[0], default.run(request).by_image[0], strict=True)
    for there, now in pairs:
        assert torch.equal(there.clean, now.clean)
        assert there.sizes_255 == now.sizes_255
        assert (there.changes == now.changes).float().mean() > 0.9
        winners = there.probabilities.argmax(-1) == now.probabilities.argmax(-1)
        assert winners.float().mean() > 0.97


@shipped_zoo
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("default", PHOTOS.values(), ids=lambda default: default.name)
def test_the_shipped_photos_are_what_the_attack_does(default):
    request = default.request()
    there, now = shipped.result(request).right, default.run(request).right
    assert there.shape == (3, 8, 20)
    assert (there != now).sum() <= 3  # on another processor an answer at the edge may be another


@shipped_zoo
@pytest.mark.parametrize("dataset", data.CLASSES)
def test_the_first_photo_separates_the_networks_and_is_the_players(dataset):
    """What the page Start begins with: the strip of photos and the player say the same of its photo."""
    samples, landscapes = data.samples(dataset), shipped.result(START[dataset].request()).by_image[0]
    shown = [bool(each.probabilities[3, -1].argmax() == each.label) for each in landscapes]
    assert shown == shipped.result(PHOTOS[dataset].request()).at(1)[:, samples.find(photos.FIRST[dataset])].tolist()
    assert shown[:2] == [False, True]


@shipped_zoo
@pytest.mark.parametrize("default", POISONING.values(), ids=lambda default: default.name)
def test_the_shipped_poison_changes_the_answers_and_not_the_victim(default):
    request = default.request()
    found, victim = shipped.result(request), request.batch().images[:1]
    assert len(found.traces) == 6
    for variant, trace in found.traces.items():
        assert torch.equal(trace.clean, victim)
        assert torch.equal(trace.adversarial, victim)
        assert trace.right_before.item()
        if variant.statistics != MEDIAN:  # as a defence it holds one of the two
            assert trace.right.item() == (variant.statistics == "tracked")


@shipped_zoo
def test_another_device_gets_the_same_result_and_another_request_none():
    request = SHIFT[TEN].request()
    there = shipped.result(replace(request, device="cuda"))
    assert there.request.device == "cuda"
    assert there.courses is shipped.result(request).courses  # read once
    assert shipped.result(request) is shipped.result(request)  # what is made of it is cached by the object
    others = [
        replace(request, attack="fgsm"),
        replace(request, images=ImageChoice.of_samples(seed=1)),
        replace(request, left=replace(request.left, weight_hash="0" * 64)),
        replace(request, right=request.left),
        ("no", "dataclass"),
    ]
    assert [shipped.result(other) for other in others] == [None] * len(others)


@shipped_zoo
def test_a_damaged_file_is_an_error_with_a_remedy(copied):
    path = copied / f"{SHIFT[TEN].name}.zip"
    sound = path.read_bytes()
    request = SHIFT[TEN].request()
    assert shipped.result(request) is not None
    for damaged in (sound[: len(sound) // 2], sound[:5000] + b"0" + sound[5001:], b"version https://git-lfs"):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"defaults/cifar10-shift.zip is damaged") as caught:
            shipped.result(request)
        assert "precompute.defaults" in caught.value.fix
    path.unlink()
    assert shipped.result(request) is None


@shipped_zoo
def test_a_changed_number_does_not_match_the_checksum(copied):
    path = copied / f"{SURFACES[TEN].name}.zip"
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members["result.json"] = members["result.json"].replace(b'"label": 3', b'"label": 5')
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    with pytest.raises(UserError, match="does not match its checksum"):
        shipped.result(SURFACES[TEN].request())


@shipped_zoo
def test_other_images_make_a_result_void(copied, monkeypatch):
    request = SHIFT[TEN].request()
    fewer = ImageChoice.load

    def others(self, more=0):
        return fewer(replace(self, seed=9), more)

    monkeypatch.setattr(ImageChoice, "load", others)
    assert shipped.result(request) is None


def test_without_files_there_is_no_result(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    assert all(not shipped.path_of(default).exists() for default in SHIPPED)
    variant = zoo.Variant("cifar10-resnet20-bn", "tracked", "0" * 64, "bn", "BatchNorm", 0)
    request = shift_sweep.Request(variant, variant, ImageChoice.of_samples())
    assert shipped.result(request) is None
