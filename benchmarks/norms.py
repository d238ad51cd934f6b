"""The time of RobustNorm and of torch.nn.BatchNorm2d in training, on the CPU: `python -m benchmarks.norms`.

Forward and backward pass, for the inputs of the three stages of ResNet-20 with a batch of 128. Both layers take turns
on the same input. A time is the fastest of many rounds, because other work on the machine disturbs these least. The aim
is a ratio of at most 1. `--out FILE` also writes the table to a file, together with RobustNorm's operations where its
ratio is the largest.
"""

import argparse
import ctypes
import datetime
import os
import platform
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from rnorm_core.norms import RobustNorm2d

SHAPES = ((128, 16, 32, 32), (128, 32, 16, 16), (128, 64, 8, 8))
LAYOUTS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
HEADER = (
    "| shape | layout | type | threads | BatchNorm2d, ms | RobustNorm2d, ms | ratio |\n|:--|:--|:--|--:|--:|--:|--:|"
)


class Case(NamedTuple):
    shape: tuple[int, ...]
    layout: str
    dtype: str
    threads: int

    def inputs(self) -> tuple[Tensor, Tensor]:
        """The input and the gradient of the output."""
        x = torch.randn(self.shape).to(DTYPES[self.dtype], memory_format=LAYOUTS[self.layout])
        return x.requires_grad_(), torch.randn_like(x)

    def __str__(self) -> str:
        return f"{self.shape} | {self.layout} | {self.dtype} | {self.threads}"


def step(layer: nn.Module, x: Tensor, upstream: Tensor) -> float:
    """Milliseconds of one forward and backward pass."""
    began = time.perf_counter()
    # In a network the gradient of x goes to the layer before; `backward` would copy it into x.grad.
    torch.autograd.grad(layer(x), [x, *layer.parameters()], upstream)
    return (time.perf_counter() - began) * 1e3


def measured(case: Case, rounds: int) -> tuple[float, float]:
    """Milliseconds of BatchNorm2d and of RobustNorm2d."""
    torch.set_num_threads(case.threads)
    x, upstream = case.inputs()
    layers = nn.BatchNorm2d(case.shape[1]), RobustNorm2d(case.shape[1])
    times = [[step(layer, x, upstream) for layer in layers] for _ in range(rounds)]
    batch, robust = (min(column) for column in zip(*times, strict=True))
    return batch, robust


def operations(case: Case, rounds: int = 100) -> str:
    """A table of RobustNorm's operations, the longest first."""
    torch.set_num_threads(case.threads)
    x, upstream = case.inputs()
    layer = RobustNorm2d(case.shape[1])
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(rounds):
            step(layer, x, upstream)
    times: dict[str, list[float]] = {}
    for event in found.events() or []:
        times.setdefault(event.name, []).append(event.self_cpu_time_total)
    # The median, because in a few rounds an operation waits for a thread that the machine has stopped.
    shares = {name: statistics.median(values) * len(values) for name, values in times.items()}
    names = sorted(shares, key=lambda name: -shares[name])
    total = sum(shares.values())

    def line(title: str, part: list[str]) -> str:
        calls = sum(len(times[name]) for name in part) / rounds
        return f"| {title} | {calls:.0f} | {sum(shares[name] for name in part) / total:.0%} |"

    rows = [*(line(f"`{name}`", [name]) for name in names[:12]), line(f"{len(names) - 12} others", names[12:])]
    return "\n".join(["| operation | calls | share of time |", "|:--|--:|--:|", *rows])


def keep_memory() -> None:
    """glibc keeps freed memory. Otherwise page faults, which depend on earlier allocations, take a part of the time."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 2**30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, help="for example benchmarks/results/norms.md")
    parser.add_argument("--quick", action="store_true", help="3 rounds: shows only that the benchmark runs")
    options = parser.parse_args()
    rounds = 3 if options.quick else options.rounds
    keep_memory()

    machine = f"{processor()}, {os.cpu_count()} processors, torch {torch.__version__}, fastest of {rounds} rounds"
    table = [f"{datetime.date.today()}: {machine}; load average {os.getloadavg()[0]:.1f} at the start\n", HEADER]
    print(*table, sep="\n")
    ratios = {}
    for threads in options.threads:
        for layout in LAYOUTS:
            for dtype in DTYPES:
                for shape in SHAPES:
                    case = Case(shape, layout, dtype, threads)
                    batch, robust = measured(case, rounds)
                    ratios[case] = robust / batch
                    table.append(f"| {case} | {batch:.2f} | {robust:.2f} | {ratios[case]:.2f} |")
                    print(table[-1], flush=True)
    if options.out:
        worst = max(ratios, key=lambda case: ratios[case])
        title = "# RobustNorm2d and torch.nn.BatchNorm2d, forward and backward\n"
        why = f"\nRobustNorm2d's operations where the ratio is the largest ({worst}):\n".replace(" |", ",")
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text("\n".join([title, *table, why, operations(worst), ""]))


if __name__ == "__main__":
    main()
