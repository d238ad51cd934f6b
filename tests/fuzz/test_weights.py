"""Weights files that nobody would write: each becomes a network or a clear error, soon and in little memory."""

import json
import random
import struct

import pytest
import torch
from safetensors.torch import save

from rnorm_core import models, norms, zoo
from rnorm_core.errors import UserError
from tests.fuzz.mutate import changed, no_growth, no_hang

STRANGE = [
    None, True, 0, -1, 2**63, 1e309, "", "rn", "nan", "1e999", "torchvision:resnet18", "torchvision:mnasnet0_5",
    "x" * 10_000, [], [[]], [-1], [0], [2**62], [3, 3], {}, {"a": 1}, "\ud800", "`*<b>", "F32", "F16",
]  # fmt: skip
NUMBERS = (0.0, -1.0, 1e-38, 1e-30, 1e10, 1e19, 1e30, 3e38, float("inf"), float("nan"))


def sound() -> list[bytes]:
    files = []
    for architecture, norm in [*(("resnet20", norm) for norm in norms.NORMS), ("vgg11", "bn"), ("resnet38", "rn")]:
        torch.manual_seed(0)
        model = models.build(architecture, norm, width=1 / 16)
        about = {"architecture": architecture, "norm": norm, "power": "0.2", "width": "0.0625", "dataset": "cifar10"}
        files.append(save({key: value.contiguous() for key, value in model.state_dict().items()}, about))
    return files


def changed_header(sound: list[bytes], seed: int) -> bytes:
    """A sound file in whose header a few values, or whole entries, are others."""
    rng = random.Random(seed)
    raw = rng.choice(sound)
    length = int.from_bytes(raw[:8], "little")
    header, tensors = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    for _ in range(rng.randint(1, 3)):
        entry = header[rng.choice(list(header))] if rng.random() < 0.5 else header["__metadata__"]
        if isinstance(entry, dict) and entry and rng.random() < 0.9:
            entry[rng.choice(list(entry))] = rng.choice(STRANGE)
        else:
            header[rng.choice([*header, "k" * 5_000])] = rng.choice(STRANGE)
        if not isinstance(header.get("__metadata__"), dict):
            break
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + tensors


def changed_numbers(sound: list[bytes], seed: int) -> bytes:
    """A sound file in which one tensor holds an extreme number."""
    rng = random.Random(seed)
    raw = bytearray(rng.choice(sound))
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    key = rng.choice([key for key in header if key != "__metadata__" and header[key]["dtype"] == "F32"])
    number = struct.pack("<f", rng.choice(NUMBERS))
    begin, end = header[key]["data_offsets"]
    raw[8 + length + begin : 8 + length + end] = number * ((end - begin) // 4)
    return bytes(raw)


@pytest.mark.parametrize("change", [changed, changed_header, changed_numbers])
@pytest.mark.parametrize("count", [20, pytest.param(500, marks=pytest.mark.slow)])
def test_every_file_is_a_network_or_a_clear_error(count, change, monkeypatch):
    monkeypatch.setattr(zoo.brought, "_brought", type(zoo.brought._brought)())
    monkeypatch.setattr(zoo.brought, "MAX_BROUGHT", 4)
    files, images = sound(), torch.rand(2, 3, 32, 32)
    for file in files:
        zoo.bring(file, "warm-up.safetensors")
    with no_growth():
        for seed in range(count):
            raw = change(files, seed)
            with no_hang(seed):
                try:
                    name, problem = zoo.bring(raw, f"{seed}.safetensors"), ""
                except UserError as error:
                    name, problem = None, str(error)
            assert len(problem) < 700, seed
            assert name is None or torch.isfinite(zoo.load(name, device="cpu")(images)).all(), seed
