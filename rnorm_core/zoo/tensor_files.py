"""Reads the files of tensors beside a card, weights and measurements, and refuses a file that was changed."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from torch import Tensor

from rnorm_core.errors import UserError


@dataclass(frozen=True, eq=False)
class Measured:
    """A verified file of measurements on a model: its tensors, and its metadata (all text; the keys are `ABOUT`)."""

    tensors: dict[str, Tensor]
    about: dict[str, str]


ABOUT = ("model", "weight_hash", "data_hash", "n", "layers", "made_with", "code_version", "date", "sha256")


def read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of a weights file; UserError if its hash is not `sha256`."""
    raw = path.read_bytes()
    sha = hashlib.sha256(raw).hexdigest()
    if sha != sha256:
        raise UserError(
            f"{path.name} does not match its card: its SHA-256 begins with {sha[:12]}, the card says {sha256[:12]}.",
            "restore the file from the repository (it may be truncated, or a Git LFS pointer).",
        )
    try:
        return parse_safetensors(raw)
    except SafetensorError as error:
        raise UserError(
            f"{path.name} is not a safetensors file: {error}.", "restore it from the repository."
        ) from error


@lru_cache(maxsize=16)
def read_measured(path: Path, stamp: tuple, name: str, weight_hash: str) -> Measured:
    """A file of measurements on this model with these weights. Read once per stamp; UserError if it is not sound."""
    raw, fix = path.read_bytes(), measure_again(name)
    try:
        tensors = parse_safetensors(raw)
    except SafetensorError as error:
        raise UserError(f"{path.name} is damaged: {error}.", fix) from error
    # The format: eight bytes with the length of a JSON header, then the header. The file has been checked before.
    about = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")]).get("__metadata__", {})
    if missing := sorted(set(ABOUT) - about.keys()):
        raise UserError(f"{path.name} does not say its {', '.join(missing)}.", fix)
    if about["model"] != name or about["weight_hash"] != weight_hash:
        other = f"{about['model']} with weights {about['weight_hash'][:12]}"
        raise UserError(f"{path.name} was measured with {other}, not with {name} with weights {weight_hash[:12]}.", fix)
    if digest(tensors) != about["sha256"]:
        raise UserError(f"{path.name} is damaged: its numbers do not match its checksum.", fix)
    return Measured(tensors, about)


def digest(tensors: dict[str, Tensor]) -> str:
    """sha256 hex over names, types, shapes and bytes of tensors, in the order of their names."""
    content = hashlib.sha256()
    for key, tensor in sorted(tensors.items()):
        content.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        content.update(tensor.contiguous().numpy().tobytes())
    return content.hexdigest()


def measure_again(name: str) -> str:
    """A text: how to fix a missing or damaged file of measurements."""
    return f"restore the file from the repository, or run `python -m rnorm_core.shift.reference {name}`."
