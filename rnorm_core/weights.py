"""Reads a `.safetensors` file of unknown origin: its weights, and the network that they belong to.

Everything is checked before it is used: the file's size, its header and its metadata. `zoo.assemble` checks whether
keys and shapes fit the network.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse
from torch import Tensor

from rnorm_core.data import CLASSES
from rnorm_core.errors import UserError
from rnorm_core.models import ARCHITECTURES, RESNET_BLOCKS, TORCHVISION, VGG_LAYERS
from rnorm_core.norms import NORMS

MAX_BYTES = 10_000_000
MAX_HEADER = 1_000_000
ABOUT = ("architecture", "norm", "power", "width", "dataset")  # keys of the header's metadata; the values are text
FLOATS, WHOLE = ("F64", "F32", "F16", "BF16"), ("I64", "I32", "I16", "I8", "U8")
LONGEST = 60  # letters of a file's own words in a message
WIDTHS = (1 / 16, 16.0)  # at width 1/16 a layer has one channel
WRITE = "write the file with safetensors.torch.save_file, or with zoo.save, which also stores architecture and norm."


@dataclass(frozen=True, eq=False)
class Weights:
    """Tensors are float32, whole numbers int64. power: RobustNorm's p, None for other norms."""

    tensors: dict[str, Tensor]
    architecture: str
    norm: str
    power: float | None
    width: float
    dataset: str
    sha256: str


def read(
    raw: bytes,
    filename: str,
    *,
    architecture: str | None = None,
    norm: str | None = None,
    power: float | None = None,
    width: float | None = None,
    dataset: str | None = None,
) -> Weights:
    """The weights of a network.

    An argument that is None is read from the file's metadata, or follows from the keys and shapes. float16, bfloat16
    and float64 become float32. UserError names the problem and the key.
    """
    shapes, metadata = _header(raw, filename)
    about = _about(metadata, filename)
    if dataset and about.get("dataset", dataset) != dataset:
        raise UserError(
            f"The metadata of {filename} name the data set {about['dataset']}, not {dataset}.", _classes(dataset)
        )
    images: str = dataset or about.get("dataset") or _dataset(shapes)
    network: str = architecture or about.get("architecture") or _architecture(shapes, filename)
    layers: str = norm or about.get("norm") or _norm(shapes)
    scale: float = width or about.get("width") or _width(shapes, network)
    if layers == "rn":
        power = about.get("power") if power is None else power
        if power is None:
            raise UserError(f"{filename} does not say the p of its RobustNorm.", "give the p of its training.")
    outputs = shapes.get("classifier.weight", (len(CLASSES[images]),))[:1]
    if outputs != (len(CLASSES[images]),):
        known = f"{outputs[0]} classes" if outputs else "no classes"
        raise UserError(f"In {filename}, classifier.weight has {known}.", _classes(images))
    for name, value, low, high in (("p", power, 0.0, 10.0), ("width", scale, *WIDTHS)):
        if value is not None and not low <= value <= high:
            raise UserError(f"{filename} cannot have {name} = {value:g}.", f"choose a number from {low:g} to {high:g}.")
    tensors = {key: _tensor(key, tensor, filename) for key, tensor in _parse(raw, filename).items()}
    power = power if layers == "rn" else None
    return Weights(tensors, network, layers, power, scale, images, hashlib.sha256(raw).hexdigest())


# --- the header: eight bytes that give its length, then JSON: key -> {dtype, shape, data_offsets}


def _header(raw: bytes, filename: str) -> tuple[dict[str, tuple[int, ...]], dict[str, Any]]:
    """Key -> shape, and the metadata of the file. UserError if the header is not valid."""
    if len(raw) > MAX_BYTES:
        raise UserError(
            f"{filename} has {len(raw) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are allowed.",
            "bring a smaller network, or save its weights as float16.",
        )
    length = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or length < 2 or raw[8:9] != b"{":
        kind = _looks_like(raw)
        raise UserError(f"{filename} is not a safetensors file{f' but {kind}' if kind else ''}.", WRITE)
    if length > MAX_HEADER:
        raise UserError(f"{filename} has a header of {length:,} bytes; at most {MAX_HEADER:,} are allowed.", WRITE)
    if length > len(raw) - 8:
        raise UserError(f"{filename} is cut off: it ends inside its header.", "upload the complete file again.")
    try:
        content = json.loads(raw[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise UserError(f"The header of {filename} is not JSON: {error}.", WRITE) from error
    metadata = content.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise UserError(f"The metadata of {filename} is not a JSON object.", WRITE)
    if not content:
        raise UserError(f"There are no weights in {filename}.", WRITE)
    return {key: _shape(key, entry, filename) for key, entry in content.items()}, metadata


def _shape(key: str, entry: Any, filename: str) -> tuple[int, ...]:
    if not isinstance(entry, dict) or not isinstance(entry.get("shape"), list):
        raise UserError(f"In the header of {filename}, {_short(key)} has no shape.", WRITE)
    if not all(type(side) is int and 0 <= side <= MAX_BYTES for side in entry["shape"]) or len(entry["shape"]) > 8:
        raise UserError(f"In {filename}, {_short(key)} has an impossible shape.", WRITE)
    if entry.get("dtype") not in FLOATS + WHOLE:
        known = "float32, float16, bfloat16 or float64"
        raise UserError(
            f"In {filename}, {_short(key)} has the type {_short(str(entry.get('dtype')))}.", f"save it as {known}."
        )
    return tuple(entry["shape"])


def _looks_like(raw: bytes) -> str:
    if raw[:2] == b"PK" or raw[:1] == b"\x80":
        return "a pickle, as torch.save writes them, which could run any program; it was not opened"
    if raw.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer to one"
    return "" if raw else "empty"


def _parse(raw: bytes, filename: str) -> dict[str, Tensor]:
    try:
        return parse(raw)
    except SafetensorError as error:
        raise UserError(
            f"{filename} is damaged or cut off: {short(str(error))}.", "upload the complete file again."
        ) from error


def _tensor(key: str, tensor: Tensor, filename: str) -> Tensor:
    converted = tensor.float() if tensor.is_floating_point() else tensor.long()
    if not torch.isfinite(converted).all():
        beyond = "" if tensor.dtype == torch.float32 else " as float32"
        raise UserError(
            f"In {filename}, {short(key)} holds numbers that are not finite{beyond}.",
            "repair the file.",
        )
    return converted


# --- the network of the weights


def _about(metadata: Mapping[str, Any], filename: str) -> dict[str, Any]:
    """The values of the keys in `ABOUT` that the metadata hold, checked."""
    about: dict[str, Any] = {}
    for key in ABOUT:
        text = metadata.get(key)
        if text in (None, "", "None", "null"):
            continue
        try:
            value = float(text) if key in ("power", "width") else str(text)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        wrong = not math.isfinite(value) if isinstance(value, float) else value not in _known(key, value)
        if wrong:
            fix = f"write one of {', '.join(_known(key, ''))}." if key not in ("power", "width") else "write a number."
            raise UserError(f"The metadata of {filename} say {key} = {_short(str(text))}, which is invalid.", fix)
        about[key] = value
    return about


def _known(key: str, value: Any) -> tuple[str, ...]:
    if key == "architecture" and str(value).startswith(TORCHVISION):
        return (value,) if len(value) <= LONGEST else ()  # torchvision checks the name itself
    return {"architecture": ARCHITECTURES, "norm": NORMS, "dataset": tuple(CLASSES)}[key]


def _architecture(shapes: Mapping[str, tuple[int, ...]], filename: str) -> str:
    blocks = {int(match[1]) for key in shapes if (match := re.match(r"blocks\.(\d{1,3})\.", key))}
    parts = {int(match[1]) for key in shapes if (match := re.match(r"features\.(\d{1,3})\.conv\.", key))}
    for name, per_stage in RESNET_BLOCKS.items():
        if blocks and max(blocks) + 1 == 3 * per_stage:
            return name
    for name in VGG_LAYERS:
        if parts and max(parts) == _vgg_places(name)[-1] and len(parts) <= len(_vgg_places(name)):
            return name
    few = ", ".join(_short(key) for key in sorted(shapes)[:3])
    raise UserError(
        f"The architecture of the weights in {filename} is unknown; their keys begin with {few}.",
        f"name the architecture ({', '.join(ARCHITECTURES)}), or write the file with zoo.save, which stores it.",
    )


def _dataset(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The first data set with as many classes as the classifier has outputs; the first of all if there is none."""
    outputs = shapes.get("classifier.weight", ())[:1]
    return next((name for name, classes in CLASSES.items() if outputs == (len(classes),)), next(iter(CLASSES)))


def _vgg_places(name: str) -> list[int]:
    """Indices of the convolutions in the layers: a convolution and its ReLU take two places, a pooling layer one."""
    places, at = [], 0
    for layer in VGG_LAYERS[name]:
        if layer == "M":
            at += 1
        else:
            places.append(at)
            at += 2
    return places


def _norm(shapes: Mapping[str, tuple[int, ...]]) -> str:
    for ending, norm in ((".clean.running_var", "dualbn"), ("running_range", "rn"), ("running_var", "bn")):
        if any(key.endswith(ending) for key in shapes):
            return norm
    return "gn" if any(key.endswith("norm.weight") for key in shapes) else "none"


def _width(shapes: Mapping[str, tuple[int, ...]], architecture: str) -> float:
    """The width from the number of inputs of the classifier: 64 (ResNet) or 512 (VGG) at width 1. 1 if out of range."""
    inputs = shapes.get("classifier.weight", ())[1:]
    full = 64 if architecture in RESNET_BLOCKS else 512 if architecture in VGG_LAYERS else None
    width = inputs[0] / full if inputs and full else 1.0
    return width if WIDTHS[0] <= width <= WIDTHS[1] else 1.0


def _classes(dataset: str) -> str:
    return f"bring a network for {dataset}, which has {len(CLASSES[dataset])} classes."


def short(text: str) -> str:
    """A text of a file, for a message."""
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _short(text: str) -> str:
    return repr(short(text))
