"""The time of RobustNorm and of torch.nn.BatchNorm2d, forward and backward, on the CPU: `python -m benchmarks.norms`.

Both layers take turns on the same (128, 16, 32, 32) input; the ratio is of the fastest of many rounds, because
other work on the machine disturbs these least. The aim is a ratio of at most 1.3.
"""

import argparse
import time

import torch
from torch import Tensor, nn

from rnorm_core.norms import RobustNorm2d

SHAPE = (128, 16, 32, 32)


def milliseconds(layer: nn.Module, x: Tensor, upstream: Tensor) -> float:
    began = time.perf_counter()
    layer(x).backward(upstream)
    elapsed = time.perf_counter() - began
    x.grad = None
    return elapsed * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads, {SHAPE}, training, best of {options.rounds} rounds")
    print(f"{'dtype':10} {'layout':14} {'BatchNorm ms':>13} {'RobustNorm ms':>14} {'ratio':>6}")
    for dtype in (torch.float32, torch.bfloat16):
        for layout in (torch.contiguous_format, torch.channels_last):
            x = torch.randn(SHAPE).to(dtype, memory_format=layout).requires_grad_()
            upstream = torch.randn_like(x)
            layers = nn.BatchNorm2d(SHAPE[1]), RobustNorm2d(SHAPE[1])
            rounds = [[milliseconds(layer, x, upstream) for layer in layers] for _ in range(options.rounds)]
            batch, robust = (min(times) for times in zip(*rounds, strict=True))
            names = str(dtype).removeprefix("torch."), str(layout).removeprefix("torch.")
            print(f"{names[0]:10} {names[1]:14.14} {batch:13.2f} {robust:14.2f} {robust / batch:6.2f}")


if __name__ == "__main__":
    main()
