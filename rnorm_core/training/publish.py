"""A finished training becomes `<name>.safetensors` and its card `<name>.json`."""

import hashlib
import json
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save
from torch import Tensor, nn

from rnorm_core import zoo
from rnorm_core.data.classes import CLASSES
from rnorm_core.replace import put
from rnorm_core.training.recipe import Recipe
from rnorm_core.versions import code_version, versions

FIXUP = (
    "Fixup (Zhang et al. 2019) with its multipliers, and biases per channel in the convolutions, 0.01 where a branch "
    "widens the network"
)
FIX = "make room or name another folder with --out, then run the same command again; nothing is trained twice."
HE = "He normal (fan-in) in the convolutions, PyTorch's default in the classifier; norms start at weight 1 and bias 0"


def publish(
    out: Path,
    name: str,
    model: nn.Module,
    shape: dict,
    recipe: Recipe,
    seed: int,
    data_hash: str,
    curve: Sequence[dict],
) -> Path:
    """Writes the weights and a card without accuracies to `out`, and returns the weights' path.

    UserError if `out` cannot be written; the checkpoint and a model that is there already are untouched then.
    """
    path = out / f"{name}.safetensors"
    raw = save({k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()})
    fixup = shape["norm"] == "none" and shape["architecture"].startswith("resnet")
    card = zoo.Card(
        name=name,
        dataset=shape["dataset"],
        architecture=shape["architecture"],
        norm=shape["norm"],
        power=shape["power"] if shape["norm"] == "rn" else None,
        width=shape["width"],
        classes=CLASSES[shape["dataset"]],
        recipe=asdict(recipe),
        initialisation=FIXUP if fixup else HE,
        seed=seed,
        data_hash=data_hash,
        sha256=hashlib.sha256(raw).hexdigest(),
        parameters=sum(p.numel() for p in model.parameters()),
        accuracies=(),
        curve=tuple(curve),
        made_with=versions() | {"safetensors": safetensors.__version__, "device": _hardware(next(model.parameters()))},
        code_version=code_version(),
        date=datetime.now(UTC).date().isoformat(),
    )
    put({path: raw, path.with_suffix(".json"): _text(card)}, FIX)
    return path


def write_card(path: Path, card: zoo.Card) -> None:
    """Replaces the card at `path`; UserError if it cannot be written, and the one before stays."""
    put({path: _text(card)}, FIX)


def _text(card: zoo.Card) -> bytes:
    """One JSON object, with the rows of its tables on a line each."""
    text = json.dumps(asdict(card), indent=1)
    rows = re.compile(r"\{\n {3}[^{}]*(?:\{[^{}]*\}[^{}]*)?\}")
    return (rows.sub(lambda m: " ".join(m[0].split()), text) + "\n").encode()


def _hardware(parameter: Tensor) -> str:
    return torch.cuda.get_device_name(parameter.device) if parameter.is_cuda else platform.machine()
