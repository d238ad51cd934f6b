"""Results as JSON and tensors, and back: dataclasses of known classes with tensors, numbers and texts. No pickle."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnorm_core import probes, sanity, shift
from rnorm_core.attacks import Trace
from rnorm_core.data import ImageChoice
from rnorm_core.evaluation import Accuracy
from rnorm_core.evaluation.measure.channel_values import Channel
from rnorm_core.experiments import channel, corruption_sweep, landscape, poisoning, robustness, shift_sweep
from rnorm_core.experiments.landscape import photos
from rnorm_core.zoo import Variant

# The only classes that a file can bring to life. A new kind of result adds its own.
CLASSES: dict[str, type] = {
    f"{cls.__module__.removeprefix('rnorm_core.')}.{cls.__name__}": cls
    for cls in (
        Variant, ImageChoice, probes.Applied, probes.Layer, probes.LayerStatistics, shift.LayerShift, shift.Shift,
        shift_sweep.Request, shift_sweep.Reading, shift_sweep.Course, shift_sweep.Result,
        corruption_sweep.Request, corruption_sweep.Reading, corruption_sweep.Readings, corruption_sweep.Result,
        landscape.Request, landscape.Landscape, landscape.Result, photos.Request, photos.Result,
        Channel, channel.Request, channel.Result,
        Accuracy, Trace, poisoning.Request, poisoning.Crowd, poisoning.Result,
        robustness.Subject, robustness.SurfacesRequest, robustness.SurfacesResult, sanity.Surface,
    )
}  # fmt: skip
NAMES = {cls: name for name, cls in CLASSES.items()}


def pack(value: Any, elsewhere: Mapping[str, Any]) -> tuple[Any, dict[str, Tensor]]:
    """A tree for JSON, and the tensors that it names.

    value: a dataclass of `CLASSES`, tensor, NumPy array, tuple, list, dict, text, number or None, with such parts.
    elsewhere: name -> an object of which only the name is stored. TypeError for any other kind of value.
    """
    names = {id(known): name for name, known in elsewhere.items()}
    tensors: dict[str, Tensor] = {}

    def store(tensor: Tensor) -> dict[str, str]:
        key, kind = f"{len(tensors)}", str(tensor.dtype).removeprefix("torch.")
        tensors[key] = _smallest(tensor.detach().cpu()).contiguous().clone()
        return {"tensor": key, "dtype": kind}

    def walk(part: Any) -> Any:
        if id(part) in names:
            return {"elsewhere": names[id(part)]}
        if isinstance(part, Tensor):
            return store(part)
        if isinstance(part, np.ndarray):
            return {"array": store(torch.from_numpy(np.ascontiguousarray(part)))}
        if type(part) in NAMES:
            fields = [field.name for field in dataclasses.fields(part) if field.init]
            return {"class": NAMES[type(part)], "fields": {name: walk(getattr(part, name)) for name in fields}}
        if isinstance(part, tuple | list):
            return {type(part).__name__: [walk(each) for each in part]}
        if isinstance(part, dict):
            return {"dict": [[walk(key), walk(each)] for key, each in part.items()]}
        if part is None or type(part) in (bool, int, float, str):
            return part
        raise TypeError(f"a result with a {type(part).__name__} cannot be shipped; see `CLASSES`")

    return walk(value), tensors


def unpack(tree: Any, tensors: Mapping[str, Tensor], elsewhere: Mapping[str, Any]) -> Any:
    """What `pack` was given. KeyError for an unknown name, TypeError if fields do not fit their class."""
    if not isinstance(tree, dict):
        return tree
    again = partial(unpack, tensors=tensors, elsewhere=elsewhere)
    if "elsewhere" in tree:
        return elsewhere[tree["elsewhere"]]
    if "tensor" in tree:
        return tensors[tree["tensor"]].to(getattr(torch, tree["dtype"]))
    if "array" in tree:
        return again(tree["array"]).numpy()
    if "class" in tree:
        return CLASSES[tree["class"]](**{name: again(part) for name, part in tree["fields"].items()})
    if "dict" in tree:
        return {again(key): again(part) for key, part in tree["dict"]}
    return tuple(map(again, tree["tuple"])) if "tuple" in tree else list(map(again, tree["list"]))


def _smallest(tensor: Tensor) -> Tensor:
    """Integers in 16 bits where they fit: most counts do."""
    if tensor.dtype in (torch.int32, torch.int64) and tensor.numel():
        fits = torch.iinfo(torch.int16)
        if fits.min <= int(tensor.min()) and int(tensor.max()) <= fits.max:
            return tensor.to(torch.int16)
    return tensor
