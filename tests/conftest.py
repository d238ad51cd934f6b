"""What all tests share: no network, a browser where there is one, and a zoo of small measured models."""

import ipaddress
import json
import os
import shutil
import socket
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

# Before anything imports huggingface_hub. The cache is still read.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Equal attacks are equal to the last bit only without graphs, which are ready at a moment that no test knows.
os.environ.setdefault("ROBUSTNORM_ENGINE", "eager")
# Before anything imports torch: processes that share the cores take one each.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run, and no time limit for one, for machines differ.
settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.load_profile("same")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def is_local(family: int, address: object) -> bool:
    """Whether a socket address stays on this machine."""
    if family not in {socket.AF_INET, socket.AF_INET6}:
        return True
    host = str(address[0]) if isinstance(address, tuple) else ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Connections to other machines fail as they do without a network, on every machine alike."""
    connect = socket.socket.connect

    def local_only(self, address):
        if not is_local(self.family, address):
            raise ConnectionRefusedError(f"tests do not use the network: {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of an installed Chromium, for playwright's `executable_path`; skips the test where there is none."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH and CHROMIUM is not set")
    return found


@pytest.fixture(scope="session")
def once(tmp_path_factory, worker_id):
    """once("name", build): a folder that `build(folder)` fills a single time for all processes; only to be read."""

    def folder(name: str, build) -> Path:
        if worker_id == "master":  # this process is alone
            path = tmp_path_factory.mktemp(name)
            build(path)
            return path
        path = tmp_path_factory.getbasetemp().parent / name
        with FileLock(f"{path}.lock"):
            if not (path / "complete").exists():
                path.mkdir(exist_ok=True)
                build(path)
                (path / "complete").touch()
        return path

    return folder


@pytest.fixture(scope="session")
def _small_zoo(once) -> Path:
    """A folder with two small untrained networks, named like the shipped ones, and their populations."""
    return once("small-zoo", lambda folder: fill(folder, "cifar10"))


def fill(folder: Path, dataset: str) -> Path:
    """Puts a BatchNorm and a RobustNorm network for `dataset` there, with cards and populations."""
    import torch
    from safetensors.torch import save

    from rnorm_core import models, shift, zoo
    from rnorm_core.data import CLASSES
    from rnorm_core.norms import STATISTICS
    from rnorm_core.shift import reference as measured
    from rnorm_core.training.publish import publish
    from rnorm_core.training.recipe import RECIPES

    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (130, 32, 32, 3), generator=generator, dtype=torch.uint8)
    before, zoo.DIRECTORY = zoo.DIRECTORY, folder
    try:
        for norm in ("bn", "rn"):
            name, shape = zoo.plain(dataset, norm), dict(architecture="resnet20", norm=norm, width=0.25)
            shape |= {"dataset": dataset, "classes": len(CLASSES[dataset])}
            torch.manual_seed(1)
            model = models.build(**shape).train()
            for part in (pictures.permute(0, 3, 1, 2).float() / 255).split(26):
                model(part)
            shape |= {"power": 0.2}
            curve = [{"epoch": 1, "train_loss": 1.5, "train_accuracy": 0.4, "lr": 0.1, "seconds": 2.0}]
            publish(folder, name, model, shape=shape, recipe=RECIPES["fast"], seed=0, data_hash="0" * 64, curve=curve)
            tensors, sizes = measured.population(zoo.load(name), pictures)
            about = dict.fromkeys(zoo.ABOUT, "") | {
                "model": name, "weight_hash": zoo.card(name).sha256, "data_hash": "0" * 64, "n": str(len(pictures)),
                "layers": json.dumps(sizes), "made_with": "{}", "date": "2000-01-01",
            }  # fmt: skip
            reference = shift.assemble(tensors, about, norm).statistics
            for mode in STATISTICS:
                tensors |= measured.bands(zoo.load(name, mode), pictures, reference, {1: 4, 8: 4, 20: 4})
            about["sha256"] = zoo.digest(tensors)
            zoo.population_path(name).write_bytes(save(tensors, about))
    finally:
        zoo.DIRECTORY = before
    return folder


@pytest.fixture
def small_zoo(_small_zoo, monkeypatch) -> Path:
    """In place of the shipped models, for this test."""
    from rnorm_core import zoo

    monkeypatch.setattr(zoo, "DIRECTORY", _small_zoo)
    return _small_zoo


@pytest.fixture
def make_card():
    """make_card("rn", seed=1, recipe={"epochs": 3}): a card like those that training writes, named as there."""
    from dataclasses import asdict

    from rnorm_core import zoo
    from rnorm_core.data import CLASSES
    from rnorm_core.training.recipe import recipe

    def made(norm: str = "bn", recipe_name: str = "fast", **changes) -> zoo.Card:
        given = changes.pop("recipe", {})
        power = changes.pop("power", 0.2 if norm == "rn" else None)
        seed, dataset = changes.get("seed", 0), changes.get("dataset", "cifar10")
        name = f"{dataset}-{changes.get('architecture', 'resnet20')}-{norm}"
        name += f"-p{round(power * 100):03d}" if power not in (None, 0.2) else ""
        name += f"-{recipe_name}" if recipe_name != "fast" else ""
        fields = {
            "name": name + (f"-seed{seed}" if seed else ""), "dataset": dataset, "architecture": "resnet20",
            "norm": norm, "power": power, "width": 1.0, "classes": CLASSES[dataset],
            "recipe": json.loads(json.dumps(asdict(recipe(recipe_name, norm)))) | given, "initialisation": "by hand",
            "seed": seed, "data_hash": "d" * 64, "sha256": f"{len(name):02d}" * 32, "parameters": 269_722,
            "accuracies": (), "made_with": {"torch": "2"}, "code_version": "abc+changes", "date": "2026-01-01",
            "curve": tuple(
                {"epoch": i + 1, "train_loss": 2 - i, "train_accuracy": 0.7 + i / 10, "lr": 0.1, "seconds": 1.0}
                for i in range(3)
            ),
        }  # fmt: skip
        return zoo.Card(**(fields | changes))

    return made
