"""Reads the bytes of `rnorm_core.experiments.landscape.pack` a second time, as the browser does."""

import json
import struct
import zlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Network:
    about: dict
    probabilities: np.ndarray  # (E, S, K)
    lengths: np.ndarray  # (E, S, 4)
    saved: np.ndarray  # (E, K)
    changes: np.ndarray  # int8 (E, S, 3, H, W)
    clean: np.ndarray  # (3, H, W)

    def pixels(self, e: int, s: int, levels: int) -> np.ndarray:
        """uint8 (H, W, 3), the attacked image as the player draws it."""
        image = self.clean.astype(np.float64) + self.about["scales"][e] / levels * self.changes[e, s]
        return np.floor(255 * image.clip(0, 1) + 0.5).astype(np.uint8).transpose(1, 2, 0)


def unpack(raw: bytes) -> tuple[dict, list[Network]]:
    (length,) = struct.unpack("<I", raw[:4])
    header, place = json.loads(raw[4 : 4 + length]), 4 + length
    sizes, steps, classes = max(len(header["sizes"]), 1), len(header["steps"]), header["classes_count"]
    shapes = (sizes, steps, classes), (sizes, steps, 4), (sizes, classes)
    streams = []
    for about in header["networks"]:
        streams.append((about, zlib.decompress(raw[place : place + about["bytes"]])))
        place += about["bytes"]
    clean = np.frombuffer(raw[place:], np.float32).reshape(header["shape"])
    networks = []
    for about, stream in streams:
        arrays, begin = [], 0
        for shape in shapes:
            arrays.append(np.frombuffer(stream, np.float32, int(np.prod(shape)), begin).reshape(shape))
            begin += 4 * arrays[-1].size
        changes = np.frombuffer(stream, np.int8, offset=begin).reshape(sizes, steps, *header["shape"])
        networks.append(Network(about, *arrays, np.cumsum(changes, 1, dtype=np.int8), clean))
    return header, networks
