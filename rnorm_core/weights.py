"""A `.safetensors` file of unknown origin -> the weights in it, and what network they belong to.

Nothing is believed before it is checked: the file's size, its header, and what it says about itself. Whether keys and
shapes are those of the network is checked where the two are put together, in `zoo`.
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
ABOUT = ("architecture", "norm", "power", "width", "dataset")  # what the header's metadata may say, as text
FLOATS, WHOLE = ("F64", "F32", "F16", "BF16"), ("I64", "I32", "I16", "I8", "U8")
WIDTHS = (1 / 16, 16.0)  # at 1/16 one channel is left
ANEW = "write the file with safetensors.torch.save_file, or with zoo.save, which also says what network it is of."


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
    """The weights of a network; what is not given is read from the metadata, or told from the keys and shapes.

    float16, bfloat16 and float64 become float32. UserError says what is wrong, and with which key.
    """
    shapes, said = _header(raw, filename)
    about = _about(said, filename)
    if dataset and about.get("dataset", dataset) != dataset:
        raise UserError(f"{filename} says it is of a network for {about['dataset']}, not {dataset}.", _classes(dataset))
    images: str = dataset or about.get("dataset") or _dataset(shapes)
    network: str = architecture or about.get("architecture") or _architecture(shapes, filename)
    layers: str = norm or about.get("norm") or _norm(shapes)
    scale: float = width or about.get("width") or _width(shapes, network)
    if layers == "rn":
        power = about.get("power") if power is None else power
        if power is None:
            raise UserError(f"{filename} does not say with which p its RobustNorm was trained.", "name p.")
    outputs = shapes.get("classifier.weight", (len(CLASSES[images]),))[:1]
    if outputs != (len(CLASSES[images]),):
        known = f"{outputs[0]} classes" if outputs else "no classes"
        raise UserError(f"In {filename}, classifier.weight tells {known} apart.", _classes(images))
    for name, value, low, high in (("p", power, 0.0, 10.0), ("width", scale, *WIDTHS)):
        if value is not None and not low <= value <= high:
            raise UserError(f"{filename} cannot have {name} = {value:g}.", f"name one from {low:g} to {high:g}.")
    tensors = {key: _tensor(key, tensor, filename) for key, tensor in _parse(raw, filename).items()}
    power = power if layers == "rn" else None
    return Weights(tensors, network, layers, power, scale, images, hashlib.sha256(raw).hexdigest())


# --- the header: eight bytes that give its length, then JSON: key -> {dtype, shape, data_offsets}


def _header(raw: bytes, filename: str) -> tuple[dict[str, tuple[int, ...]], dict[str, Any]]:
    """Key -> shape, and the metadata."""
    if len(raw) > MAX_BYTES:
        raise UserError(
            f"{filename} has {len(raw) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are taken.",
            "bring a smaller network, or save its weights as float16.",
        )
    length = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or length < 2 or raw[8:9] != b"{":
        kind = _looks_like(raw)
        raise UserError(f"{filename} is no safetensors file{f' but {kind}' if kind else ''}.", ANEW)
    if length > MAX_HEADER:
        raise UserError(f"{filename} announces a header of {length:,} bytes; {MAX_HEADER:,} are taken.", ANEW)
    if length > len(raw) - 8:
        raise UserError(f"{filename} is cut off: it ends within its header.", "upload it again, completely.")
    try:
        content = json.loads(raw[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise UserError(f"The header of {filename} is no JSON: {error}.", ANEW) from error
    said = content.pop("__metadata__", {})
    if not isinstance(said, dict):
        raise UserError(f"The metadata of {filename} is not a list of names and texts.", ANEW)
    if not content:
        raise UserError(f"There are no weights in {filename}.", ANEW)
    return {key: _shape(key, entry, filename) for key, entry in content.items()}, said


def _shape(key: str, entry: Any, filename: str) -> tuple[int, ...]:
    if not isinstance(entry, dict) or not isinstance(entry.get("shape"), list):
        raise UserError(f"In the header of {filename}, {_short(key)} has no shape.", ANEW)
    if not all(type(side) is int and 0 <= side <= MAX_BYTES for side in entry["shape"]) or len(entry["shape"]) > 8:
        raise UserError(f"In {filename}, {_short(key)} has an impossible shape.", ANEW)
    if entry.get("dtype") not in FLOATS + WHOLE:
        known = "float32, float16, bfloat16 or float64"
        raise UserError(f"In {filename}, {_short(key)} has the type {entry.get('dtype')!r}.", f"save it as {known}.")
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
        raise UserError(f"{filename} is damaged or cut off: {error}.", "upload it again, completely.") from error


def _tensor(key: str, tensor: Tensor, filename: str) -> Tensor:
    found = tensor.float() if tensor.is_floating_point() else tensor.long()
    if not torch.isfinite(found).all():
        beyond = "" if tensor.dtype == torch.float32 else " as float32"
        raise UserError(
            f"In {filename}, {key} holds numbers that are not finite{beyond}.", "train it anew, or mend it."
        )
    return found


# --- what network it is


def _about(said: Mapping[str, Any], filename: str) -> dict[str, Any]:
    """What the metadata say of `ABOUT`, checked."""
    found: dict[str, Any] = {}
    for key in ABOUT:
        text = said.get(key)
        if text in (None, "", "None", "null"):
            continue
        try:
            value = float(text) if key in ("power", "width") else str(text)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        wrong = not math.isfinite(value) if isinstance(value, float) else value not in _known(key, value)
        if wrong:
            fix = f"write one of {', '.join(_known(key, ''))}." if key not in ("power", "width") else "write a number."
            raise UserError(f"The metadata of {filename} say {key} = {_short(str(text))}, which is unknown.", fix)
        found[key] = value
    return found


def _known(key: str, value: Any) -> tuple[str, ...]:
    if key == "architecture" and str(value).startswith(TORCHVISION):
        return (value,)  # torchvision knows
    return {"architecture": ARCHITECTURES, "norm": NORMS, "dataset": tuple(CLASSES)}[key]


def _architecture(shapes: Mapping[str, tuple[int, ...]], filename: str) -> str:
    blocks = {int(found[1]) for key in shapes if (found := re.match(r"blocks\.(\d{1,3})\.", key))}
    parts = {int(found[1]) for key in shapes if (found := re.match(r"features\.(\d{1,3})\.conv\.", key))}
    for name, per_stage in RESNET_BLOCKS.items():
        if blocks and max(blocks) + 1 == 3 * per_stage:
            return name
    for name in VGG_LAYERS:
        if parts and max(parts) == _vgg_places(name)[-1] and len(parts) <= len(_vgg_places(name)):
            return name
    few = ", ".join(_short(key) for key in sorted(shapes)[:3])
    raise UserError(
        f"It cannot be told of which architecture the weights in {filename} are; their keys begin with {few}.",
        f"name the architecture ({', '.join(ARCHITECTURES)}), or write the file with zoo.save, which does.",
    )


def _dataset(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The first data set with as many classes; the first of all if there is none."""
    outputs = shapes.get("classifier.weight", ())[:1]
    return next((name for name, classes in CLASSES.items() if outputs == (len(classes),)), next(iter(CLASSES)))


def _vgg_places(name: str) -> list[int]:
    """Indices of the convolutions: each is followed by a ReLU, and a pooling layer is one place of its own."""
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
    """From the inputs of the classifier, which a network has 64 (ResNet) or 512 (VGG) of at width 1; 1 if senseless."""
    inputs = shapes.get("classifier.weight", ())[1:]
    full = 64 if architecture in RESNET_BLOCKS else 512 if architecture in VGG_LAYERS else None
    width = inputs[0] / full if inputs and full else 1.0
    return width if WIDTHS[0] <= width <= WIDTHS[1] else 1.0


def _classes(dataset: str) -> str:
    return f"bring a network for {dataset}, which has {len(CLASSES[dataset])} classes."


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
