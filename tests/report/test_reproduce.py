"""The script that is kept with numbers gets them again: for every experiment, and for everything that is shipped."""

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rnorm_core import data, evaluation, report, zoo
from rnorm_core.classroom import lessons
from rnorm_core.classroom.lessons import Experiment
from rnorm_core.data import ImageChoice
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.evaluation.tables.alike import to_compare
from rnorm_core.experiments import (
    accuracy_sweep,
    attack_pair,
    batch_composition,
    channel,
    claim_check,
    corruption_sweep,
    landscape,
    layer_patching,
    poisoning,
    precise_bn,
    recalibration,
    robustness,
    shift_sweep,
    transfer_matrix,
)
from rnorm_core.experiments.landscape import photos
from rnorm_core.report import numbers, sources
from rnorm_core.sanity import Budget
from rnorm_core.ui.shared import summary_bars
from rnorm_core.zoo import Variant

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ImageChoice.of_samples(count=8)
OPTIONS = {
    channel.Result: {"which": channel.ALL, "channel": 1, "power": 0.5, "sizes": (3.0, 30.0)},
    shift_sweep.Result: {"layer": 2, "eps_255": 8.0, "channels": (0, 3)},
    landscape.Result: {"dataset": "cifar10"},
}


def opened(raw: bytes, folder: Path) -> Path:
    zipfile.ZipFile(io.BytesIO(raw)).extractall(folder)
    return folder


def reproduced(folder: Path, capsys) -> list[str]:
    """What the kept script prints."""
    path = folder / "reproduce.py"
    capsys.readouterr()
    exec(compile(path.read_text("utf-8"), str(path), "exec"), {"__file__": str(path), "__name__": "__main__"})
    return capsys.readouterr().out.splitlines()


def lines(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))


def requests() -> dict:
    left, right = Variant.of("cifar10-resnet20-bn"), Variant.of("cifar10-resnet20-rn")
    pair, batch = (left, right), IMAGES.load()
    named = {"ids": batch.ids, "labels": tuple(batch.labels.tolist())}
    sweep = corruption_sweep.Request(*pair, IMAGES, "fog", "cpu")
    budget = Budget(8, 8, 8 / 255, (1 / 255, 8 / 255, 64 / 255), 2, 2, 1, 2, 1, 4)
    subjects = robustness.Subject(left), robustness.Subject(right, "quantised")
    return {
        accuracy_sweep.Result: accuracy_sweep.Request(*pair, "fgsm", (1.0, 8.0), "float", IMAGES),
        attack_pair.Result: attack_pair.Request(*pair, **named, attack="fgsm", craft="left"),
        landscape.Result: landscape.Request(pair, **named, index=1, attack="fgsm", sizes_255=(0, 1.0, 8.0)),
        photos.Result: photos.Request((left,), "cifar10", (8.0,), 1),
        transfer_matrix.Result: transfer_matrix.Request(*pair, IMAGES, 8),
        shift_sweep.Result: shift_sweep.Request(*pair, IMAGES, "fgsm"),
        channel.Result: channel.Request(right, IMAGES, 8, "cpu"),
        corruption_sweep.Result: sweep,
        recalibration.Result: recalibration.Request(sweep, 3, 1, True),
        batch_composition.SizesResult: batch_composition.SizesRequest(*pair, IMAGES, 8),
        batch_composition.NeighboursResult: batch_composition.NeighboursRequest(*pair, IMAGES, "", 4),
        batch_composition.CompositionResult: batch_composition.CompositionRequest(*pair, IMAGES, 8, 4, ""),
        poisoning.Result: poisoning.Request(*pair, IMAGES, 8, "", 3),
        layer_patching.Result: layer_patching.Request(*pair, IMAGES, 8, "tracked", "restore"),
        precise_bn.Result: precise_bn.Request(*pair, IMAGES, 8, 4),
        robustness.ExaminationResult: robustness.ExaminationRequest(subjects[0], right, IMAGES, budget, "cpu"),
        robustness.SurfacesResult: robustness.SurfacesRequest(subjects, "cifar10", 3, 8, 0, "cpu"),
        claim_check.Result: claim_check.Request("C6", *pair, IMAGES, "cpu"),
    }


def run(kind: type, request):
    batch = IMAGES.load()
    names = {"request": request, "batch": batch, "photos": photos} | globals()
    return eval(numbers.EXPERIMENTS[kind].run, names), batch if "batch=batch" in numbers.EXPERIMENTS[kind].run else None


@pytest.fixture
def quick(small_zoo, monkeypatch):
    monkeypatch.setattr(laboratories, "STEPS", 2)
    monkeypatch.setattr(robustness, "POINTS", 3)
    monkeypatch.setattr(photos.data, "samples", lambda dataset: IMAGES.load())


@pytest.mark.parametrize(
    "kind", numbers.EXPERIMENTS, ids=lambda kind: f"{kind.__module__.split('.')[2]} {kind.__name__}"
)
def test_the_script_of_an_experiment_gets_the_same_numbers(kind, quick, tmp_path, capsys):
    result, batch = run(kind, requests()[kind])
    options = OPTIONS.get(kind, {})
    if kind is channel.Result:
        options |= {"layer": channel.first_layer(result.request.variant)}
    source = sources.experiment("kept", result, batch=batch, **options)
    folder = opened(report.bundle([source]), tmp_path)
    kept = {path.name: len(lines(path)) for path in folder.glob("*.csv")}
    assert kept
    assert all(kept.values())
    assert sorted(reproduced(folder, capsys)) == sorted(f"{name}: the same {n} rows" for name, n in kept.items())
    assert len((folder / "reproduce.py").read_text("utf-8").splitlines()) < 60
    # A number that was changed by hand is found.
    path = next(path for path in sorted(folder.glob("*.csv")) if path.name in kept)
    rows = lines(path)
    column = next(key for key in reversed(rows[0]) if rows[-1][key].replace(".", "").replace("-", "").isdigit())
    rows[-1][column] = str(float(rows[-1][column]) + 1)
    path.write_bytes(report.as_csv(rows))
    assert any(f"{path.name}: 1 of {len(rows)} rows differ" in line for line in reproduced(folder, capsys))


def test_a_picture_of_ones_own_comes_with_the_script(quick, tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    raw = io.BytesIO()
    Image.fromarray(pixels).save(raw, format="PNG")
    batch = data.upload(raw.getvalue(), 'my "dog".png', None)
    pair = Variant.of("cifar10-resnet20-bn"), Variant.of("cifar10-resnet20-rn")
    request = landscape.Request(pair, ids=batch.ids, labels=(-1,), attack="fgsm", sizes_255=(8.0,))
    result = landscape.run(request, batch=batch)
    from rnorm_core.report.numbers.attacks import pictures

    source = sources.experiment("attack", result, batch=batch, images=lambda: pictures(result, 8.0), dataset="cifar10")
    folder = opened(report.bundle([source]), tmp_path)
    assert np.array_equal(np.asarray(Image.open(folder / "images/clean.png")), pixels)
    attacked = np.asarray(Image.open(folder / "images/attacked, BatchNorm.png")).astype(int)
    assert np.abs(attacked - pixels).max() == 8
    assert all("the same" in line for line in reproduced(folder, capsys))


def test_other_weights_are_named(quick, tmp_path, capsys):
    result, _ = run(claim_check.Result, requests()[claim_check.Result])
    folder = opened(report.bundle([sources.experiment("claim", result)]), tmp_path)
    settings = json.loads((folder / "settings.json").read_text("utf-8"))
    assert settings["weights"]["cifar10-resnet20-bn"] == zoo.card("cifar10-resnet20-bn").sha256
    settings["weights"]["cifar10-resnet20-bn"] = "0" * 64
    (folder / "settings.json").write_text(json.dumps(settings))
    said = reproduced(folder, capsys)
    assert "cifar10-resnet20-bn: these are other weights" in said[0]
    assert "the same" in said[1]


# --- what is shipped

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"
SHIPPED = {
    "accuracy": lambda: {"variants": pair(), "attacks": ("worst", "pgd"), "pixels": "float", "fair": True},
    "compared": lambda: {"left": pair()[0], "right": pair()[1], "attack": "pgd", "eps_255": 1, "pixels": "float"},
    "transfer": lambda: {"request": transfer_matrix.Request(*pair(), ImageChoice.of_samples(), 1)},
    "by_batch_size": lambda: {"models": (BN, RN)},
    "claims": lambda: {"dataset": "cifar10", "only": ("C3", "C6")},
    "findings": lambda: {"variants": pair()},
    "training": lambda: {"models": (BN, RN)},
    "norm_layers": lambda: {"models": (BN,)},
    "seeds": lambda: {"models": tuple(zoo.names())},
    "rates": lambda: {"dataset": "cifar10"},
    "works": dict,
}


def pair() -> tuple[Variant, Variant]:
    return Variant.of(BN), Variant.of(RN)


@pytest.mark.parametrize("of", SHIPPED)
def test_the_script_reads_the_same_numbers_from_shipped_tables(of, tmp_path, capsys):
    source = sources.shipped("kept", of, command="python -m something", **SHIPPED[of]())
    folder = opened(report.bundle([source]), tmp_path)
    (path,) = folder.glob("*.csv")
    assert reproduced(folder, capsys) == [f"{path.name}: the same {len(lines(path))} rows"]
    assert "#   python -m something" in (folder / "reproduce.py").read_text("utf-8")


def test_bars_on_images_that_are_not_the_usual_ones_are_found(tmp_path, capsys):
    """With batch statistics strong attacks were run on fewer images, and so the other mode is shown on these, too."""
    variants = [Variant.of(BN), Variant.of(BN, "batch")]
    shown = summary_bars.headlines(to_compare(evaluation.table(), variants), variants, (0, 1, 8))
    folder = opened(report.bundle([shown.source]), tmp_path)
    assert reproduced(folder, capsys) == ["summary shares.csv: the same 6 rows"]


PARTS = {
    f"{lesson.folder} {i}": step.part
    for lesson in lessons.all()
    for i, step in enumerate(lesson.steps)
    if isinstance(step, Experiment)
}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_the_script_of_a_lesson_gets_its_values(part, tmp_path, capsys):
    folder = opened(report.bundle([sources.named("lesson", part)]), tmp_path)
    rows = len(lines(folder / "lesson values.csv"))
    assert rows
    assert reproduced(folder, capsys) == [f"lesson values.csv: the same {rows} rows"]


def test_the_script_runs_alone(tmp_path):
    source = sources.shipped("accuracy", "accuracy", variants=pair(), attacks=("pgd",))
    folder = opened(report.bundle([source]), tmp_path)
    done = subprocess.run(
        [sys.executable, "reproduce.py"], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, check=True, timeout=200,
    )  # fmt: skip
    assert done.stdout == f"accuracy points.csv: the same {len(lines(folder / 'accuracy points.csv'))} rows\n"
