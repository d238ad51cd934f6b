import io
import json
import sys
import zipfile
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from rnorm_core import attacks, pixels, report
from rnorm_core.data import Batch

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def tiny(name="tiny", statistics="tracked"):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)).eval().requires_grad_(False)
    model.name, model.statistics, model.weight_hash = name, statistics, "a" * 64  # type: ignore[assignment]
    return model


def batch(n=2):
    images = torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return Batch(images, torch.arange(n), CLASSES, tuple(f"{i:064x}" for i in range(n)), "drawn for a test", "cifar10")


def crafted(name="tiny", targets=None, seed=5):
    attack = attacks.make("pgd", eps=4 / 255, steps=3, random_start=True, targets=targets)
    return attack.run(tiny(name), batch(), torch.Generator().manual_seed(seed))


def kept(**options):
    traces = options.pop("traces", None) or {"left": crafted("one"), "right": crafted("two")}
    given = {"seed": 5, "classes": CLASSES, "dataset": "cifar10", "source": "drawn for a test"}
    return report.archive(traces, **(given | options))


def opened(raw):
    return zipfile.ZipFile(io.BytesIO(raw))


def array(archive, name):
    return np.load(io.BytesIO(archive.read(name)), allow_pickle=False)


def test_png_rounds_to_the_nearest_grey_level():
    image = torch.tensor([0.0, 0.4 / 255, 0.6 / 255, 254.4 / 255, 254.6 / 255, 1.0]).repeat(3, 1, 1)
    decoded = np.asarray(Image.open(io.BytesIO(report.png(image))))
    assert decoded.shape == (1, 6, 3)
    assert decoded[0, :, 0].tolist() == [0, 0, 1, 254, 255, 255]


def test_png_keeps_channels_and_rows_where_they_are():
    image = torch.zeros(3, 4, 5)
    image[0, 1, 2], image[2, 3, 4] = 1, 1
    decoded = Image.open(io.BytesIO(report.png(image)))
    assert decoded.mode == "RGB"
    assert decoded.size == (5, 4)
    assert decoded.getpixel((2, 1)) == (255, 0, 0)
    assert decoded.getpixel((4, 3)) == (0, 0, 255)


def test_after_png_equals_a_real_png():
    images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    real = [np.asarray(Image.open(io.BytesIO(report.png(i))).convert("RGB")) for i in images]
    expected = torch.from_numpy(np.stack(real)).permute(0, 3, 1, 2).float() / 255
    assert torch.equal(pixels.after_png(images), expected)


def test_after_png_leaves_what_is_already_8_bit_and_drops_less_than_half_a_level():
    levels = (torch.arange(256).float() / 255).repeat(3, 1, 1)
    assert torch.equal(pixels.after_png(levels), levels)
    shifted = (levels + 0.25 / 255).clamp(max=1)
    assert torch.equal(pixels.after_png(shifted), levels)
    assert not torch.equal(pixels.after_png((levels + 0.75 / 255).clamp(max=1)), levels)


def test_bfloat16_is_rounded_in_float32():
    image = (torch.arange(256).float() / 255).bfloat16().repeat(3, 1, 1)
    expected = (image.float() * 255).round().byte()
    assert torch.equal(pixels.eight_bit(image)[..., 0], expected[0])


@pytest.mark.parametrize(
    "image", [torch.full((3, 2, 2), 1.001), torch.full((3, 2, 2), -0.001), torch.full((3, 2, 2), torch.nan)]
)
def test_values_that_no_png_holds_are_refused(image):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        report.png(image)


def test_wrong_shapes_are_refused_by_name():
    with pytest.raises(ValueError, match=r"\(2, 3, 4, 4\)"):
        report.png(torch.zeros(2, 3, 4, 4))
    with pytest.raises(ValueError, match=r"\(1, 4, 4\)"):
        report.png(torch.zeros(1, 4, 4))


def test_magnification_fills_the_range():
    sign, expected = torch.tensor([1.0, -1.0, 0.0]).view(3, 1, 1), (500, 100, 50, 20, 10, 2, 1, 1)
    for eps_255, factor in zip((0.25, 1, 2, 4, 8, 64, 127, 255), expected, strict=True):
        assert pixels.magnification(sign * eps_255 / 255) == factor, eps_255
        assert pixels.magnification(0 * sign, sign * eps_255 / 255) == factor, eps_255


def test_nothing_is_magnified_to_grey():
    nothing = torch.zeros(3, 2, 2)
    assert pixels.magnification(nothing) == 1
    assert torch.equal(pixels.magnified(nothing, 16), torch.full((3, 2, 2), 0.5))


def test_magnified_is_grey_where_nothing_changed():
    perturbation = torch.tensor([[0.0, 8 / 255], [-8 / 255, 0.5]]).expand(3, 2, 2)
    expected = torch.tensor([[0.5, 0.5 + 80 / 255], [0.5 - 80 / 255, 1]]).expand(3, 2, 2)
    torch.testing.assert_close(pixels.magnified(perturbation, 10), expected)


def test_archive_holds_both_traces_exactly():
    traces = {"left": crafted("one"), "right": crafted("two", targets=[3, 4])}
    archive = opened(kept(traces=traces))
    for side, trace in traces.items():
        for name in report.ARRAYS:
            values = getattr(trace, name)
            if values is None:
                assert f"{side}/{name}.npy" not in archive.namelist()
                continue
            stored = array(archive, f"{side}/{name}.npy")
            assert stored.dtype == (np.int64 if name in ("labels", "targets") else np.float32)
            assert np.array_equal(stored, values.numpy())


def test_archive_says_what_made_it():
    archive = opened(kept(about={"transfer": "left to right"}, fold=True))
    spec = json.loads(archive.read("spec.json"))
    assert spec["seed"] == 5
    assert spec["fold"] is True
    assert spec["transfer"] == "left to right"
    assert spec["versions"]["torch"] == torch.__version__
    assert set(spec["versions"]) == {"robustnorm-lab", "torch", "python"}
    right = spec["traces"]["right"]
    assert (right["model"], right["statistics"], right["weight_hash"]) == ("two", "tracked", "a" * 64)
    assert right["image_ids"] == list(batch().ids)
    assert right["attack"]["name"] == "pgd"
    assert right["attack"]["eps"] == 4 / 255


def test_archive_has_pictures_with_the_factor_in_their_name():
    trace = crafted()
    archive = opened(kept(traces={"left": trace}))
    expected = {
        "clean": trace.clean[1],
        "adversarial": trace.adversarial[1],
        "perturbation_x20": (0.5 + 20 * (trace.adversarial[1] - trace.clean[1])).clamp(0, 1),
    }
    assert sum(name.endswith(".png") for name in archive.namelist()) == 6
    for what, image in expected.items():
        decoded = np.asarray(Image.open(io.BytesIO(archive.read(f"left/png/001_{what}.png"))))
        assert np.array_equal(decoded, (image * 255).round().byte().permute(1, 2, 0).numpy())


def test_extras_lie_beside_the_rest():
    archive = opened(kept(extras={"right/transferred_probabilities": torch.eye(2, dtype=torch.float64)}))
    stored = array(archive, "right/transferred_probabilities.npy")
    assert stored.dtype == np.float32
    assert np.array_equal(stored, np.eye(2))


def test_equal_results_give_equal_bytes():
    assert kept() == kept()
    assert kept() != kept(seed=6)
    assert {entry.date_time for entry in opened(kept()).infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("targets", [None, [3, 4]])
def test_the_readme_really_reproduces(targets, tmp_path, monkeypatch, capsys):
    archive = opened(kept(traces={"left": crafted("tiny", targets)}))
    archive.extractall(tmp_path)
    readme = (tmp_path / "README.txt").read_text()
    code = readme[readme.index("import json") : readme.index("The same versions")]
    zoo = ModuleType("rnorm_core.zoo")
    zoo.load = lambda name, statistics, device, fold: tiny(name, statistics)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rnorm_core.zoo", zoo)
    monkeypatch.setattr("rnorm_core.zoo", zoo, raising=False)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.txt", "exec"), {})
    assert capsys.readouterr().out.endswith("archive: 0.0\n")
