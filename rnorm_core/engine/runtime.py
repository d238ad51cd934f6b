"""OpenVINO, if it is installed: an optional package that runs small networks faster than torch does on x86."""

import platform
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    import openvino


@lru_cache(maxsize=1)
def runtime() -> "openvino.Core | None":
    """OpenVINO's core, or None if it is not installed, or on another kind of processor, where nobody measured it."""
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return None
    # At import, OpenVINO reports its use to its makers over the internet, unless its package for that is missing.
    missing = "openvino_telemetry" not in sys.modules
    if missing:
        sys.modules["openvino_telemetry"] = None  # pyright: ignore[reportArgumentType]  (Python's way to say "not there")
    try:
        import openvino
    except ImportError:
        return None
    finally:
        if missing:
            del sys.modules["openvino_telemetry"]
    return openvino.Core()


class Graph:
    """The compiled graph of one network for `count` images and a number of threads; see `graph.build`.

    Only one thread at a time may run it.
    """

    def __init__(self, network: nn.Module, count: int, threads: int) -> None:
        from rnorm_core.engine.graph import build  # it imports OpenVINO

        core = runtime()
        assert core is not None
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            # Otherwise every graph with one thread would run on the same core.
            "ENABLE_CPU_PINNING": False,
        }
        self.count, self.classes = count, int(network.get_submodule("classifier").out_features)  # pyright: ignore[reportArgumentType]
        self._request: Any = core.compile_model(build(network, count), "CPU", options).create_infer_request()  # pyright: ignore[reportArgumentType]

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, 3, 32, 32) and classes (N,) -> logits (N, K) and the gradient of the summed cross entropy."""
        hot = np.zeros((self.count, self.classes), np.float32)
        hot[np.arange(self.count), labels.numpy()] = 1
        inputs = [images.detach().contiguous().numpy(), hot]
        logits, gradient = self._request.infer(inputs, share_inputs=True, share_outputs=True).values()
        # The next run overwrites both.
        return torch.from_numpy(logits.copy()), torch.from_numpy(gradient.copy())
