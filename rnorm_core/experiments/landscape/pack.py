"""A landscape as bytes for the browser.

    uint32 little endian: length of the header | header, JSON | one zlib stream for each network | clean image, float32

The header says for each network and size at which step it first changes its mind (`turned`) and first answers the
target (`reached`). A network's stream holds float32 `probabilities` (E, S, K), `lengths` (E, S, 4), `saved` (E, K) and
then int8 `changes` (E, S, 3, H, W) as differences from one of the S steps to the next (modulo 256): from step to step
most colour values move by one and the same amount or not at all, which zlib packs to about a bit each.
"""

import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from rnorm_core.experiments.landscape.types import LEVELS, Landscape

MOST_BYTES = 250_000  # for each network; of longer attacks only every second, third, ... step is sent


def pack(landscapes: Sequence[Landscape], about: dict[str, Any]) -> bytes:
    """The bytes for the attack player. about: more entries for the header, of JSON types."""
    strides, streams = zip(*(_stream(each) for each in landscapes), strict=True)
    stride = max(strides)  # the networks go in step
    if stride > min(strides):
        streams = [_compressed(each, _steps(each, stride)) for each in landscapes]
    first = landscapes[0]
    header = {
        **about,
        "levels": LEVELS,
        "sizes": list(first.sizes_255),
        "steps": _steps(first, stride),
        "shape": list(first.clean.shape),
        "classes_count": first.probabilities.shape[-1],
        "networks": [
            {
                "label": each.variant.label,
                "norm": each.variant.norm,
                "truth": each.label,
                "target": each.target,
                "crafted_here": each.crafted_here,
                "scales": each.scales.tolist(),
                "turned": _first(each.probabilities.argmax(-1) != each.probabilities[:, :1].argmax(-1)),
                "reached": _first(each.probabilities.argmax(-1) == each.target) if each.target is not None else None,
                "bytes": len(stream),
            }
            for each, stream in zip(landscapes, streams, strict=True)
        ],
    }
    text = json.dumps(header, allow_nan=False).encode()
    clean = first.clean.float().numpy().tobytes()
    return b"".join([struct.pack("<I", len(text)), text, *streams, clean])


def _first(steps: Tensor) -> list[int | None]:
    """For each size the first step at which bool (E, T+1) is true, of all steps, also of those that are not sent."""
    return [int(row.nonzero()[0]) if row.any() else None for row in steps]


def _stream(landscape: Landscape) -> tuple[int, bytes]:
    """(stride, bytes): all steps if they fit, else as many as do."""
    stride, last = 1, landscape.changes.shape[1] - 1
    while len(stream := _compressed(landscape, _steps(landscape, stride))) > MOST_BYTES and stride < last:
        # A guess from the size, which is about proportional to the number of steps.
        stride = max(stride + 1, -(-stride * len(stream) // MOST_BYTES))
    return stride, stream


def _steps(landscape: Landscape, stride: int) -> list[int]:
    """The steps that are sent: every `stride`-th, and the last."""
    last = landscape.changes.shape[1] - 1
    return sorted({*range(0, last, stride), last})


def _compressed(landscape: Landscape, steps: list[int]) -> bytes:
    numbers = (landscape.probabilities[:, steps], landscape.lengths[:, steps], landscape.saved)
    changes = landscape.changes[:, steps].numpy()
    differences = np.diff(changes, axis=1, prepend=np.int8(0))  # int8 wraps around, and the browser's does, too
    raw = b"".join([*(t.float().contiguous().numpy().tobytes() for t in numbers), differences.tobytes()])
    return zlib.compress(raw, 6)
