"""The time of PGD-20 and APGD (20 steps) on the CPU: `python -m benchmarks.attacks`, at most half an hour.

    ours      `attacks.make(...).run(model, batch, generator)` on a network of the zoo, after its first run
    eager     the same without compiled graphs, as on a machine without OpenVINO
    foolbox   foolbox's PGD on an ordinary network in eval mode
    frozen    foolbox's PGD on the same network with frozen weights; users of foolbox must freeze them themselves
    bare      the passes alone, by torch on the folded network: 20 with the gradient of the images, 2 without
    floor     the arithmetic of these passes at the rate of a large matrix product in the same run

All take turns on the same images, and each time is the shortest of several rounds, because other work on the machine
disturbs these least. They attack at eps 8/255. Success is compared once for each attack at 1/255, where some images
resist, in batches of 128 and with its 95 % Wilson interval.
`--quick` is a trial of a few seconds; its numbers mean nothing.
"""

import argparse
import itertools
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.contestants import SIDE, contestants, operations
from rnorm_core import data, engine, evaluation, zoo
from rnorm_core.data import Batch

MODELS = "cifar10-resnet20-bn", "cifar10-resnet38-bn"
ATTACKS = "pgd", "apgd"
SUCCESS, SMALL = 128, 1 / 255  # images in a batch and eps, where success is compared
TIMES_FOOLBOX = {1: 3.5, 20: 2.1, 128: 2.2}  # goals of PGD by batch size, with two threads
SHOWN = "ours", "eager", "foolbox", "frozen", "bare", "floor"


@dataclass(frozen=True)
class Plan:
    """What one run measures. seconds: for each cell of the table, but at least 2 rounds. images: to compare success."""

    models: tuple[str, ...] = MODELS
    batches: tuple[int, ...] = (1, 7, 20, 128)
    threads: tuple[int, ...] = (1, 2)
    steps: int = 20
    seconds: float = 25
    rounds: int = 30
    images: int = 2000


QUICK = Plan(models=MODELS[:1], batches=(1, 7), threads=(1,), steps=2, seconds=0, images=20)


@dataclass(frozen=True)
class Cell:
    """One row of the table. times: seconds by contestant, the shortest round."""

    model: str
    attack: str
    threads: int
    batch: int
    times: dict[str, float]

    def ratio(self, slow: str, fast: str) -> float | None:
        return self.times[slow] / self.times[fast] if slow in self.times else None


def part(images: Batch, size: int, turn: int) -> Batch:
    """The batch of a round; if there are too few images, they repeat."""
    return images.select([i % len(images) for i in range(turn * size, (turn + 1) * size)])


def measure(plan: Plan, images: Batch, model: str, attack: str) -> Iterable[Cell]:
    """The cells of one network and attack."""
    for threads, size in itertools.product(plan.threads, plan.batches):
        torch.set_num_threads(threads)
        runs = contestants(model, attack, plan.steps)
        for run in runs.values():
            run(part(images, size, 0))  # the first run is slower and is not timed; beside it the graph is compiled
        engine.POOL.wait()
        times: dict[str, list[float]] = {name: [] for name in runs}
        began, turn = time.perf_counter(), 0
        while turn < 2 or (time.perf_counter() - began < plan.seconds and turn < plan.rounds):
            batch, turn = part(images, size, turn), turn + 1
            for name, run in runs.items():
                start = time.perf_counter()
                run(batch)
                times[name].append(time.perf_counter() - start)
        yield Cell(model, attack, threads, size, {name: min(values) for name, values in times.items()})


def rates(cells: list[Cell]) -> dict[int, float]:
    """Operations per second by number of threads: the best that the matrix product reached in any cell."""
    return {
        threads: max(2 * SIDE**3 / cell.times["matrix"] for cell in cells if cell.threads == threads)
        for threads in sorted({cell.threads for cell in cells})
    }


def with_floor(cells: list[Cell], steps: int) -> list[Cell]:
    """The cells with the time that the arithmetic of their passes takes at the best rate."""
    rate = rates(cells)
    # A pass with its way back does the arithmetic of a forward pass twice; two passes have no way back.
    work = {model: (2 * steps + 2) * operations(model) for model in {cell.model for cell in cells}}
    return [replace(c, times=c.times | {"floor": work[c.model] * c.batch / rate[c.threads]}) for c in cells]


def success(plan: Plan, images: Batch, model: str, attack: str) -> list[str]:
    """One line for each contestant: how many images it fools, judged by the network with its norms."""
    torch.set_num_threads(max(plan.threads))
    network, lines = zoo.load(model, device="cpu"), []
    images = images.select(range(min(plan.images, len(images))))
    for name, run in contestants(model, attack, plan.steps, SMALL).items():
        if name not in {"ours", "eager", "foolbox"}:
            continue
        fooled = 0
        for start in range(0, len(images), SUCCESS):
            batch = images.select(range(start, min(start + SUCCESS, len(images))))
            adversarial = run(batch)
            assert adversarial is not None
            fooled += int((evaluation.predict(network, adversarial) != batch.labels).sum())
        low, high = evaluation.wilson(fooled, len(images))
        lines.append(f"- {model}, {attack}, {name}: {fooled} of {len(images)} fooled ({low:.1%} to {high:.1%})")
    return lines


def goals(cells: list[Cell]) -> list[str]:
    """One line for each goal that the cells can show: the goal, what was measured, and whether it is reached."""
    lines = list[str]()
    for c in cells:
        if c.model != MODELS[0] or c.attack != "pgd":
            continue
        if c.threads == 2 and (goal := TIMES_FOOLBOX.get(c.batch)):
            found = c.ratio("foolbox", "ours") or 0
            text = f"ResNet-20, two threads, batch {c.batch}: ours at least {goal} times as fast as foolbox"
            lines.append(_goal(text, found, found >= goal))
        if (c.threads, c.batch) == (1, 20):
            found = c.times["ours"] / c.times["floor"]
            lines.append(_goal("ResNet-20, one thread, batch 20: at most 1.5 times the floor", found, found <= 1.5))
    worst = min(found for c in cells if (found := c.ratio("foolbox", "eager")))
    lines.append(_goal("eager at least 1.5 times as fast as foolbox in every row (the lowest)", worst, worst >= 1.5))
    return lines


def _goal(text: str, found: float, reached: bool) -> str:
    return f"- {text}: {found:.2f}, {'reached' if reached else 'missed'}"


def table(cells: list[Cell]) -> list[str]:
    """Milliseconds of every contestant, and the ratios that matter, as a Markdown table."""
    ratios = {"foolbox/ours": ("foolbox", "ours"), "foolbox/eager": ("foolbox", "eager"),
              "eager/ours": ("eager", "ours"), "ours/floor": ("ours", "floor")}  # fmt: skip
    columns = ["network", "attack", "threads", "batch", *(f"{name} ms" for name in SHOWN), *ratios]
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    for c in cells:
        times = [f"{1e3 * c.times[name]:.1f}" if name in c.times else "" for name in SHOWN]
        found = [c.ratio(*pair) for pair in ratios.values()]
        shown = ["" if value is None else f"{value:.2f}" for value in found]
        lines.append(f"| {' | '.join([c.model, c.attack, str(c.threads), str(c.batch), *times, *shown])} |")
    return lines


def machine() -> str:
    """The processor and the versions."""
    names = {line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")}
    packages = []
    for name in ("torch", "foolbox", "openvino"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            packages.append(f"no {name}")
    processor = ", ".join(sorted(names)) or platform.processor() or platform.machine()
    return f"{processor}; Python {platform.python_version()}, {', '.join(packages)}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def report(plan: Plan, images: Batch) -> str:
    """Runs everything and returns the text, in Markdown."""
    cells, lines = list[Cell](), list[str]()
    for model, attack in itertools.product(plan.models, ATTACKS):
        for cell in measure(plan, images, model, attack):
            cells.append(cell)
            best = ", ".join(f"{name} {1e3 * seconds:.1f}" for name, seconds in cell.times.items())
            print(f"{model}, {attack}, {cell.threads} threads, batch {cell.batch}: {best} ms", flush=True)
        lines += success(plan, images, model, attack)
    cells = with_floor(cells, plan.steps)
    speeds = ", ".join(f"{rate / 1e9:.0f} (threads: {threads})" for threads, rate in rates(cells).items())
    about = f"{date.today()}, {machine()}. Steps: {plan.steps}. Images: {images.source}. GFLOP/s: {speeds}."
    parts = ["# Attacks on the CPU", "", about, "", *table(cells), "", "Goals:", "", *goals(cells), "", "Success:", ""]
    return "\n".join([*parts, *lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a trial of a few seconds")
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="for each row of the table")
    parser.add_argument("--out", type=Path, help="file for the result, for example benchmarks/results/attacks.md")
    options = parser.parse_args()
    plan = QUICK if options.quick else replace(Plan(), seconds=options.seconds)
    images = data.load("cifar10", "test", count=plan.images, seed=0)
    text = report(plan, images)
    print(f"\n{text}")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
