"""The time of PGD-20 of this project and of foolbox, on the CPU: `python -m benchmarks.attacks`.

L-inf, eps 8/255, random start, the same step size, no early stopping. `foolbox` attacks an ordinary network in eval
mode: norms unfolded, torch's usual layout, weights that accumulate gradients in every backward pass (foolbox does not
prevent it). `frozen` is foolbox on the same network with frozen weights; users of foolbox must freeze them themselves.
Our PGD attacks the network as the app does: frozen, folded, channels-last. All take turns on the same images. Times are
the fastest of several rounds, because other work on the machine disturbs these least. The aim, in fp32: 1.25 times as
fast as foolbox with 1 image, 1.5 with 20, 1.6 with 128. `bare` is the minimum for this attack: 20 forward passes with
the gradient of the images, and 2 forward passes for the first and the last image.
Success is measured with the unfolded network on the results of all rounds, with its 95 % Wilson interval.
"""

import argparse
import copy
import os
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnorm_core import attacks, data, evaluation, zoo
from rnorm_core.data import Batch

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # otherwise foolbox's import needs a git binary
import foolbox

EPS, STEPS = 8 / 255, 20
STEP_SIZE = 2.5 * EPS / STEPS
BATCHES = {1: 1.25, 20: 1.5, 128: 1.6}  # number of images -> aim: how many times as fast as foolbox


def foolboxs(model: nn.Module) -> Callable[[Batch], Tensor]:
    watched = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(abs_stepsize=STEP_SIZE, steps=STEPS, random_start=True)
    return lambda batch: attack.run(watched, batch.images, batch.labels, epsilon=EPS)


def ours(model: nn.Module, precision: str) -> Callable[[Batch], Tensor]:
    attack = attacks.make("pgd", EPS, STEPS, step_size=STEP_SIZE, precision=precision)
    generator = torch.Generator().manual_seed(0)
    return lambda batch: attack.run(model, batch, generator).adversarial


def bare(model: nn.Module, precision: str) -> Callable[[Batch], None]:
    """The passes that every such attack needs, and nothing else."""

    def passes(batch: Batch) -> None:
        for _ in range(STEPS):
            images = batch.images.detach().requires_grad_()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                logits = model(images)
            torch.autograd.grad(F.cross_entropy(logits.float(), batch.labels), images)
        with torch.no_grad():
            model(batch.images)
            model(batch.images)

    return passes


def part(images: Batch, size: int, turn: int) -> Batch:
    """The batch of a round; if there are too few images, they repeat."""
    return images.select([i % len(images) for i in range(turn * size, (turn + 1) * size)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="cifar10-resnet20-bn", choices=zoo.names())
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES), choices=BATCHES)
    parser.add_argument("--seconds", type=float, default=60, help="time for each batch size, at least 2 rounds")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    whole = zoo.load(options.model, device="cpu").to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    folded = zoo.load(options.model, device="cpu", fold=True)
    runs = {
        "foolbox": foolboxs(copy.deepcopy(whole).requires_grad_(True)),
        "frozen": foolboxs(whole),
        "ours fp32": ours(folded, "fp32"),
        "ours bf16": ours(folded, "bf16"),
        "bare fp32": bare(folded, "fp32"),
        "bare bf16": bare(folded, "bf16"),
    }
    images = data.load(options.model.split("-")[0])
    versions = f"torch {torch.__version__}, foolbox {foolbox.__version__}, {options.threads} threads"
    print(f"{options.model}, PGD-{STEPS}, eps {EPS * 255:g}/255, {versions}\nimages: {images.source}")
    for run in runs.values():
        run(part(images, 1, 0))  # the first run is slower and is not timed

    for size in options.batches:
        times: dict[str, list[float]] = {name: [] for name in runs}
        fooled = dict.fromkeys(runs, 0)
        began, rounds = time.perf_counter(), 0
        while rounds < 2 or time.perf_counter() - began < options.seconds:
            batch, rounds = part(images, size, rounds), rounds + 1
            for name, run in runs.items():
                start = time.perf_counter()
                adversarial = run(batch)
                times[name].append(time.perf_counter() - start)
                if adversarial is not None:
                    fooled[name] += int((evaluation.predict(whole, adversarial) != batch.labels).sum())
        best = {name: min(values) for name, values in times.items()}
        print(f"\nbatch {size}, {rounds} rounds; the aim is {BATCHES[size]} times as fast as foolbox")
        print(f"{'':10} {'ms':>9} {'x foolbox':>10} {'x bare':>7}   success")
        for name in ("foolbox", "frozen", "ours fp32", "ours bf16"):
            low, high = evaluation.wilson(fooled[name], rounds * size)
            shown = f"{fooled[name]}/{rounds * size} [{low:.3f}, {high:.3f}]"
            times_foolbox = best["foolbox"] / best[name]
            times_bare = best[name] / best["bare bf16" if name.endswith("bf16") else "bare fp32"]
            print(f"{name:10} {best[name] * 1e3:9.1f} {times_foolbox:10.2f} {times_bare:7.2f}   {shown}")


if __name__ == "__main__":
    main()
