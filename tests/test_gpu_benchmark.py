"""`benchmarks.gpu` compares the CPU with itself, and notices a device that computes something else."""

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import agreement, gpu
from rnorm_core import attacks, models, zoo

pytestmark = pytest.mark.skipif(gpu.MODEL not in zoo.names(), reason="the trained models are not here")
ROOT = Path(__file__).resolve().parent.parent
FAULTY = torch.device("cpu", 0)  # computes like the CPU, and has another name
PGD = attacks.make("pgd", 2 / 255, 5)


@pytest.fixture(scope="module")
def images():
    return gpu.some_images(20)


def test_a_quick_run_compares_the_cpu_with_itself(tmp_path):
    out = tmp_path / "results" / "gpu.md"
    environment = {name: value for name, value in os.environ.items() if name != "CIFAR_ROOT"}
    environment |= {"PYTHONWARNINGS": "ignore", "HF_HUB_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--quick", "--out", str(out)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    text = out.read_text()
    assert text in done.stdout
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    made, times = ([row for row in rows if len(row) == size] for size in (4, 1 + len(gpu.COLUMNS)))
    assert made[0] == ["check", "CPU", "the CPU again", "agree"]
    assert {row[0].split(":")[0] for row in made[2:]} == {"load", "attack", "statistics", "sweep", "training"}
    assert {row[3] for row in made[2:]} == {"yes"}
    assert [row[0] for row in times[2:]] == ["PGD-2, 1 image", "PGD-2, 3 images", "training, an epoch of 32 images"]
    for row in times[2:]:
        assert float(row[1]) > 0


def test_without_foolbox_and_without_data(monkeypatch):
    monkeypatch.setattr(gpu, "find_spec", lambda name: None)
    monkeypatch.setattr(gpu.data, "available", lambda dataset: ())
    batch = gpu.some_images(3)
    assert (len(batch), batch.source) == (3, "random pixels")
    (line,) = gpu.pgd_times(replace(gpu.QUICK, batches=(1,)), batch, agreement.CPU)
    assert line.count("not installed") == 2


def test_without_a_gpu_it_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="no GPU here"):
        gpu.main([])


@pytest.fixture
def plant(monkeypatch):
    """plant(fault): networks that are loaded on the faulty device are changed by `fault`."""
    load = zoo.load

    def planted(fault):
        def loaded(name, statistics=None, device=None, **options):
            network = load(name, statistics, device, **options)
            if device == FAULTY:
                fault(network)
            return network

        monkeypatch.setattr(zoo, "load", loaded)

    return planted


def other_weights(network) -> None:
    network.classifier.weight.neg_()


def louder(network) -> None:
    network.stem.conv.weight.mul_(1.1)


def no_gradient(network) -> None:
    forward = network.forward
    network.forward = lambda x: forward(x.detach()) + 0 * x.sum()


@pytest.mark.parametrize(
    ("fault", "compare"),
    [
        (other_weights, lambda images: agreement.same_logits([gpu.MODEL], images.images, FAULTY)),
        (louder, lambda images: agreement.same_statistics(gpu.MODEL, "batch", images.images, FAULTY)),
        (other_weights, lambda images: agreement.same_accuracy(gpu.MODEL, "tracked", images, None, FAULTY)),
        (no_gradient, lambda images: agreement.same_accuracy(gpu.MODEL, "tracked", images, PGD, FAULTY)),
    ],
    ids=["logits", "statistics", "accuracy", "attack"],
)
def test_a_device_that_computes_something_else_is_noticed(images, plant, fault, compare):
    assert compare(images).agree
    plant(fault)
    assert not compare(images).agree


def test_another_training_is_noticed(images, monkeypatch):
    pixels, labels = gpu.to_learn(images, 32)
    plan, build = agreement.one_epoch("fp32", 16, 0.02), models.build
    assert agreement.same_training(pixels, labels, plan, FAULTY).agree
    built = []

    def faulty(*shape):
        built.append(build(*shape))
        if len(built) == 2:
            built[1].classifier.weight.data.mul_(5)
        return built[-1]

    monkeypatch.setattr(models, "build", faulty)
    assert not agreement.same_training(pixels, labels, plan, FAULTY).agree


@pytest.mark.parametrize("most", [3, 8])
def test_less_memory_must_be_less_and_give_the_same(images, monkeypatch, most):
    forward = models.ResNet.forward

    @contextmanager
    def less():
        def limited(network, x):
            if len(x) > most:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
            return forward(network, x)

        with monkeypatch.context() as patch:
            patch.setattr(models.ResNet, "forward", limited)
            yield

    batch = images.select(range(8))
    found = agreement.same_with_less_memory(gpu.MODEL, batch, PGD, less(), agreement.CPU)
    assert found.agree == (most < 8), found


def test_a_failed_check_fails_the_command_and_the_others_still_run(plant, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(gpu, "QUICK", replace(gpu.QUICK, modes=("tracked",), kinds=("clean",)))
    monkeypatch.setattr(gpu, "pgd_times", lambda *_: iter(()))
    monkeypatch.setattr(gpu, "epoch_times", lambda *_: iter(()))
    monkeypatch.setattr(gpu, "same_statistics", lambda *_: 1 / 0)
    plant(other_weights)
    out = tmp_path / "gpu.md"
    assert gpu.main(["--device", "cpu:0", "--quick", "--out", str(out)]) == 1
    capsys.readouterr()
    text = out.read_text()
    failed = {line.split()[1].strip(":") for line in text.splitlines() if line.endswith("**no** |")}
    assert failed == {"load", "statistics"}  # eight images are too few for the others
    assert "ZeroDivisionError: division by zero" in text
    assert "checks fail." in text
