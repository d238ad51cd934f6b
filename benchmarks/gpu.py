"""Does a GPU compute what the CPU computes, and how fast? `python -m benchmarks.gpu`, about five minutes.

The checks: all networks, PGD with gradients in float32 and bfloat16, the statistics of norm layers, a sweep of
accuracies, the first steps of a training, and an attack that does not fit into the memory. If one fails, the exit
status is 1. The times: PGD-20 at eps 8/255, its shortest round, and an epoch of training (50,000 images, batches of
128):

    ours             `attacks.make("pgd", ...)` on a ResNet-20, with gradients in float32 and in bfloat16
    foolbox, frozen  foolbox's PGD on an ordinary network, and on one with frozen weights, as in `benchmarks.attacks`
    bare             the passes alone, by torch on the folded network

It needs torch, numpy, pyarrow, Pillow and safetensors. The images are test images, if there are any; else foolbox's
samples; else random pixels, which are good enough for times and for equal answers, and not for accuracies.
`--device cpu` compares the CPU with itself; `--quick` is a trial of a few seconds, whose times mean nothing.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from benchmarks.agreement import (
    CPU,
    ROUNDING,
    Check,
    Found,
    checked,
    learn,
    one_epoch,
    same_accuracy,
    same_logits,
    same_statistics,
    same_training,
    same_with_less_memory,
)
from benchmarks.contestants import EPS, Attack, bare, foolboxs, ours
from benchmarks.report import machine, publish
from rnorm_core import attacks, data, evaluation, norms, zoo
from rnorm_core.data import Batch
from rnorm_core.data.batch import from_pixels, image_id
from rnorm_core.evaluation.measure import protocol
from rnorm_core.pixels import eight_bit
from rnorm_core.training.precision import has_bf16

MODEL = "cifar10-resnet20-bn"
SMALL = 1 / 255  # eps, where some images resist
COLUMNS = "ours", "ours, bf16", "foolbox", "frozen", "bare", "foolbox / ours", "memory (MB)"


@dataclass(frozen=True)
class Plan:
    """What one run measures. images: of the checks. batches, seconds: of PGD, for each row of the times.

    every: whether all networks are loaded, or only these `models`. learned: images of the training that is compared.
    """

    every: bool = True
    models: tuple[str, ...] = (MODEL, "cifar10-resnet20-rn", "cifar10-resnet20-none")
    modes: tuple[str, ...] = norms.STATISTICS
    kinds: tuple[str, ...] = ("clean", "fgsm", "pgd")
    images: int = 512
    steps: int = 20
    batches: tuple[int, ...] = (1, 20, 128, 1024)
    seconds: float = 3
    learned: int = 2_560
    epoch: int = 50_000
    batch_size: int = 128


QUICK = Plan(
    every=False, models=(MODEL,), modes=("tracked", "batch"), kinds=("clean", "fgsm"), images=8, steps=2,
    batches=(1, 3), seconds=0, learned=32, epoch=32, batch_size=16,
)  # fmt: skip


def some_images(count: int) -> Batch:
    """Of the best source that there is; see above."""
    sources = data.available("cifar10")
    if not sources:
        return random_images(count)
    images = data.load("cifar10", count=count if sources[0].complete else None)
    return images.select(range(min(count, len(images))))


def random_images(count: int) -> Batch:
    """Random pixels; their labels are what the network sees in them."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    batch = from_pixels(pixels, np.zeros(count), [image_id(one) for one in pixels], "random pixels", "cifar10")
    seen = evaluation.predict(zoo.load(MODEL, device=CPU), batch.images)
    return replace(batch, labels=seen.clone())


def repeated(images: Batch, count: int) -> Batch:
    """`count` images; if there are too few, they repeat."""
    return images.select([i % len(images) for i in range(count)])


def checks(plan: Plan, images: Batch, device: torch.device) -> dict[str, Callable[[], Found]]:
    loaded = zoo.names() if plan.every else plan.models
    found: dict[str, Callable[[], Found]] = {"load": partial(same_logits, loaded, images.images, device)}
    for precision in ("fp32", "bf16"):
        attack = attacks.make("pgd", SMALL, plan.steps, precision=precision)
        what = f"attack: PGD-{plan.steps}, gradients in {precision}"
        found[what] = partial(same_accuracy, MODEL, "tracked", images, attack, device)
    for model in plan.models:
        for mode in (mode for mode in protocol.modes(model) if mode in plan.modes):
            found[f"statistics: {model}, {mode}"] = partial(same_statistics, model, mode, images.images, device)
    for one in protocol.plan(plan.models, plan.modes, plan.kinds, (255 * SMALL,)):
        found[f"sweep: {one}"] = partial(same_accuracy, one.model, one.statistics, images, one.make(), device)
    pixels, labels = to_learn(images, plan.learned)
    what = f"training: the loss of {plan.learned // plan.batch_size} steps"
    # A low rate: with a high one two trainings go apart after a few steps, however little they differ.
    gentle = one_epoch("fp32", plan.batch_size, 0.02)
    found[what] = partial(same_training, pixels, labels, gentle, device)
    if device.type == "cuda":
        batch, attack = repeated(images, max(plan.batches)), attacks.make("pgd", SMALL, 5)
        less = half_of_the_memory(ours(zoo.load(MODEL, device=device), "pgd", 5, SMALL), batch, device)
        found[f"memory: PGD-5 on {len(batch)} images with half of what it needs"] = partial(
            same_with_less_memory, MODEL, batch, attack, less, device
        )
    return found


def to_learn(images: Batch, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 (count, 32, 32, 3) and labels (count,); few images repeat."""
    chosen = torch.arange(count) % len(images)
    return eight_bit(images.images)[chosen], images.labels[chosen]


@contextmanager
def half_of_the_memory(run: Attack, batch: Batch, device: torch.device) -> Iterator[None]:
    """Inside, this process may take half of what the attack needs beyond what is taken already."""
    run(batch)
    torch.cuda.empty_cache()
    taken, (_, needed) = torch.cuda.memory_reserved(device), measured(partial(run, batch), device)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction((taken + needed / 2) / total, device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def measured(run: Callable[[], object], device: torch.device) -> tuple[float, int]:
    """Seconds of a run, and the bytes of the GPU's memory that it needs beyond what is taken already; 0 on a CPU."""
    if device.type != "cuda":
        began = time.perf_counter()
        run()
        return time.perf_counter() - began, 0
    torch.cuda.synchronize(device)  # a GPU works on after a call has returned
    torch.cuda.reset_peak_memory_stats(device)
    taken, began = torch.cuda.memory_allocated(device), time.perf_counter()
    run()
    torch.cuda.synchronize(device)
    return time.perf_counter() - began, torch.cuda.max_memory_allocated(device) - taken


def contestants(plan: Plan, device: torch.device) -> dict[str, Attack]:
    network = zoo.load(MODEL, device=device)
    found: dict[str, Attack] = {"ours": ours(network, "pgd", plan.steps, EPS)}
    if has_bf16(device):  # imitated, it takes ten times as long
        found["ours, bf16"] = ours(network, "pgd", plan.steps, EPS, precision="bf16")
    if find_spec("foolbox"):
        found |= foolboxs(MODEL, plan.steps, EPS, device)
    return found | {"bare": bare(zoo.load(MODEL, device=device, fold=True), plan.steps)}


def pgd_times(plan: Plan, images: Batch, device: torch.device) -> Iterator[str]:
    """A row for each batch size: the shortest round of each; they take turns."""
    runs = contestants(plan, device)
    for count in plan.batches:
        batch = repeated(images, count).to(device)
        for run in runs.values():
            run(batch)  # the first run is slower
        rounds: dict[str, list[tuple[float, int]]] = {name: [] for name in runs}
        began = time.perf_counter()
        while len(rounds["ours"]) < 2 or time.perf_counter() - began < plan.seconds:
            for name, run in runs.items():
                rounds[name].append(measured(partial(run, batch), device))
        best = {name: min(found) for name, found in rounds.items()}
        cells = cells_of(best)
        if "foolbox" in best:
            cells["foolbox / ours"] = f"{best['foolbox'][0] / best['ours'][0]:.2f}"
        else:
            cells |= dict.fromkeys(("foolbox", "frozen"), "not installed")
        yield row(f"PGD-{plan.steps}, {count} {'images' if count > 1 else 'image'}", cells)


def epoch_times(plan: Plan, images: Batch, device: torch.device) -> Iterator[str]:
    """One row: an epoch of training."""
    pixels, labels = to_learn(images, plan.epoch)
    recipes = {"ours": one_epoch("fp32", plan.batch_size, 0.2)}
    if has_bf16(device):
        recipes["ours, bf16"] = one_epoch("bf16", plan.batch_size, 0.2)
    found = {name: measured(partial(learn, pixels, labels, one, device), device) for name, one in recipes.items()}
    yield row(f"training, an epoch of {plan.epoch:,} images", cells_of(found))


def cells_of(found: dict[str, tuple[float, int]]) -> dict[str, str]:
    """Milliseconds of each, and the memory of ours in float32."""
    needed = found["ours"][1]
    times = {name: f"{1e3 * seconds:.1f}" for name, (seconds, _) in found.items()}
    return times | {"memory (MB)": f"{needed / 1e6:.0f}" if needed else ""}


def row(what: str, cells: dict[str, str]) -> str:
    return f"| {' | '.join([what, *(cells.get(column, '') for column in COLUMNS)])} |"


def name_of(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU again"


def report(plan: Plan, images: Batch, device: torch.device) -> tuple[str, bool]:
    """Runs everything; returns the text, in Markdown, and whether all checks agree."""
    began, about = time.perf_counter(), machine()
    head = f"| check | CPU | {name_of(device)} | agree |\n| --- | --- | --- | --- |"
    print(head, flush=True)
    done = checked(checks(plan, images, device))
    times = [row("milliseconds", dict(zip(COLUMNS, COLUMNS, strict=True))), "| --- " * (1 + len(COLUMNS)) + "|"]
    for one in (*pgd_times(plan, images, device), *epoch_times(plan, images, device)):
        print(one, flush=True)
        times.append(one)
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    text = [
        "# A GPU against the CPU", "",
        f"{about}; {name_of(device)}; {versions}. `python -m benchmarks.gpu`, "
        f"{time.perf_counter() - began:.0f} s. Images: {len(images)}, {images.source}.", "",
        head, *(check.row for check in done), "",
        f"{verdict(done)} Accuracies agree if the 99.9 % interval of their difference contains 0; logits, statistics "
        f"and losses if they differ by at most {100 * ROUNDING:g} %.", "",
        *times, "", memory(), "",
    ]  # fmt: skip
    return "\n".join(text), all(check.found.agree for check in done)


def verdict(done: list[Check]) -> str:
    failed = sum(not check.found.agree for check in done)
    return f"{failed} of {len(done)} checks fail." if failed else f"All {len(done)} checks agree."


def memory() -> str:
    """The largest main memory of this process so far; Windows does not say it in this way."""
    if sys.platform == "win32":
        return ""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return f"The process took at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6:.0f} MB."


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "", help="cuda, cuda:1, cpu")
    parser.add_argument("--quick", action="store_true", help="a trial of a few seconds")
    parser.add_argument("--out", type=Path, help="file for the result, for example benchmarks/results/gpu.md")
    options = parser.parse_args(argv)
    if not options.device:
        sys.exit("torch finds no GPU here. `--device cpu` compares the CPU with itself.")
    device, plan = torch.device(options.device), QUICK if options.quick else Plan()
    if device.type == "cuda":  # a device with its number; some functions of torch need it
        device = torch.device("cuda", torch.cuda.current_device() if device.index is None else device.index)
    text, agree = report(plan, some_images(plan.images), device)
    publish(f"\n{text}", options.out)
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
