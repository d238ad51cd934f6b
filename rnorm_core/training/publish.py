"""Writes a finished training as `<name>.safetensors` and its card `<name>.json`."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import safetensors
import torch
from safetensors.torch import save
from torch import Tensor, nn

from rnorm_core import cards, zoo
from rnorm_core.data.classes import CLASSES
from rnorm_core.replace import put
from rnorm_core.training.recipe import Recipe
from rnorm_core.versions import code_version, versions

FIXUP = (
    "Fixup (Zhang et al. 2019) with its multipliers, and biases per channel in the convolutions, 0.01 where a branch "
    "widens the network"
)
FIX = "free some disk space or name another folder with --out, then run the same command again; no training is lost."
HE = "He normal (fan-in) in the convolutions, PyTorch's default in the classifier; norms start at weight 1 and bias 0"


def publish(
    out: Path,
    name: str,
    model: nn.Module,
    *,
    shape: dict[str, Any],
    recipe: Recipe,
    seed: int,
    data_hash: str,
    curve: Sequence[dict[str, Any]],
    early: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """Writes the weights and a card without accuracies to the folder `out`; returns the path of the weights.

    shape: arguments of `models.build`. data_hash: of the training images. curve: one row for each epoch, see `Card`.
    early: how a training was stopped early, with the values of its options; they join the recipe on the card.
    UserError if `out` cannot be written; then an existing network of this name does not change.
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
        recipe=asdict(recipe) | dict(early),
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
    put({path: raw, path.with_suffix(".json"): cards.text(card)}, FIX)
    return path


def _hardware(parameter: Tensor) -> str:
    return torch.cuda.get_device_name(parameter.device) if parameter.is_cuda else platform.machine()
