"""Our PGD, APGD and Square Attack beside those of torchattacks and ART: `make peers`, an hour or two on two cores.

All attack the same frozen networks on the same test images, with the same sizes, steps or queries, and one random
start. An image is right if the network still gives its label after the attack. The network is asked here and in the
same way for every attack, and an attack that moves a pixel further than it may is an error.

Right images are compared one by one, as two networks are in the app: the difference is the accuracy that our attack
leaves minus the accuracy that the library's attack leaves. Ours is weaker if the whole 95 % interval of the difference
is above 0 and the difference is more than `MARGIN`. Then the program ends with an error. A stronger attack is no
defect. This is judged for each attack and library over all networks and sizes: an image counts once for each of them.
`--quick` is a trial of some seconds; its numbers mean nothing.
"""

import argparse
import itertools
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.peer_attacks import LIBRARIES, TITLES, Attacked, ours
from benchmarks.report import machine, publish
from rnorm_core import data, evaluation, zoo
from rnorm_core.data import Batch
from rnorm_core.evaluation import Paired, paired

BATCH = 128
MARGIN = 0.01  # of accuracy: a smaller difference is no weakness that a result here could show
WEAKER, EQUAL, STRONGER = "**weaker**", "as strong", "stronger"
SMALLER_THAN_EPS = 1e-6  # float32 rounds a pixel by less


@dataclass(frozen=True)
class Plan:
    """images: for each attack, because Square Attack takes a hundred times as long as PGD."""

    images: Mapping[str, int]
    models: tuple[str, ...] = tuple(f"cifar10-resnet20-{norm}" for norm in ("bn", "rn", "none"))
    eps_255: tuple[float, ...] = (0.5, 1, 2)  # where the networks have accuracy to lose


FULL = Plan({"pgd": 256, "apgd-ce": 128, "apgd-dlr": 128, "square": 48})
QUICK = Plan({"pgd": 8, "apgd-ce": 8}, models=FULL.models[:1], eps_255=(1,))


@dataclass(frozen=True, eq=False)
class Cell:
    """One network under one kind of attack of one size. hits: bool (n,) by who attacked, "ours" or a library."""

    model: str
    kind: str
    eps_255: float
    clean: Tensor
    hits: dict[str, Tensor]


@dataclass(frozen=True)
class Condition:
    """seed: of the random numbers, which differ from cell to cell."""

    kind: str
    model: str
    eps_255: float
    n: int
    seed: int


def conditions(plan: Plan) -> list[Condition]:
    product = itertools.product(plan.images.items(), plan.models, plan.eps_255)
    return [Condition(kind, model, eps, n, seed) for seed, ((kind, n), model, eps) in enumerate(product)]


def measure(images: Batch, attackers: Mapping[str, Attacked], condition: Condition) -> Cell:
    """attackers: "ours" and libraries, which all attack the first `n` images."""
    network, c = zoo.load(condition.model, device="cpu"), condition
    batch = images.select(range(min(c.n, len(images))))
    hits = {name: right(network, batch, attack, c.kind, c.eps_255 / 255, c.seed) for name, attack in attackers.items()}
    return Cell(c.model, c.kind, c.eps_255, evaluation.predict(network, batch.images) == batch.labels, hits)


def right(network: nn.Module, images: Batch, attack: Attacked, kind: str, eps: float, seed: int) -> Tensor:
    """Bool (n,): which images the network still recognises. ValueError if an attack does not keep to its size."""
    found = []
    for start in range(0, len(images), BATCH):
        batch = images.select(range(start, min(start + BATCH, len(images))))
        attacked = attack(network, batch, kind, eps, seed)
        furthest = float((attacked - batch.images).abs().max())
        if furthest > eps + SMALLER_THAN_EPS or attacked.min() < 0 or attacked.max() > 1:
            raise ValueError(f"{kind} changed a pixel by {furthest:.6f} of {eps:.6f}, or left the range of pixels")
        found.append(evaluation.predict(network, attacked) == batch.labels)
    return torch.cat(found)


def verdict(compared: Paired) -> str:
    """Of our attack, from the accuracies that ours (left) and a library's (right) leave; see above."""
    if compared.low > 0 and compared.difference > MARGIN:
        return WEAKER
    return STRONGER if compared.high < 0 else EQUAL


def pooled(cells: Sequence[Cell]) -> dict[tuple[str, str], Paired]:
    """The comparison over all networks and sizes by kind of attack and library."""
    found = {}
    for kind in dict.fromkeys(cell.kind for cell in cells):
        some = [cell.hits for cell in cells if cell.kind == kind]
        left = torch.cat([hits["ours"] for hits in some])
        for library in _libraries(some[0]):
            found[kind, library] = paired(left, torch.cat([hits[library] for hits in some]))
    return found


def _libraries(hits: Mapping[str, Tensor]) -> list[str]:
    return [name for name in hits if name != "ours"]


def weaker(cells: Sequence[Cell]) -> list[str]:
    """The attacks of ours that a library's beats."""
    return [f"{TITLES[k]} ({name})" for (k, name), compared in pooled(cells).items() if verdict(compared) == WEAKER]


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(map(str, line))} |" for line in lines]


def counts(p: Paired) -> list[str]:
    """n, right under ours, under theirs, under ours alone, under theirs alone, the difference in points."""
    ends = f"{100 * p.low:+.1f} to {100 * p.high:+.1f}"
    numbers = p.n, p.both + p.left_only, p.both + p.right_only, p.left_only, p.right_only
    return [*(f"{number:,}" for number in numbers), f"{100 * p.difference:+.1f} ({ends})"]


COUNTS = ["n", "right under ours", "under theirs", "only under ours", "only under theirs", "difference (95 %), points"]


def report(cells: Sequence[Cell], about: str) -> str:
    """The text, in Markdown."""
    whole = [
        [TITLES[kind], library, *counts(compared), verdict(compared)]
        for (kind, library), compared in pooled(cells).items()
    ]
    each = [
        [cell.model, f"{cell.eps_255:g}/255", TITLES[cell.kind], library, int(cell.clean.sum()), *counts(compared),
         f"{compared.p_value:.3f}"]
        for cell in cells
        for library in _libraries(cell.hits)
        for compared in [paired(cell.hits["ours"], cell.hits[library])]
    ]  # fmt: skip
    rule = (
        "The difference is the accuracy that our attack leaves minus the accuracy that the library's leaves, so a "
        "negative one says that ours is stronger. Ours is weaker if the whole interval is above 0 and the difference "
        f"is more than {100 * MARGIN:g} point. n counts an image once for each network and size."
    )
    parts = [
        "# Our attacks beside other libraries'", "", about, "", rule, "",
        *table(["attack", "library", *COUNTS, "ours is"], whole), "", "## Each network and size", "",
        "Here the interval and the p-value (McNemar's exact test) of each row stand alone: of so many rows some are "
        "far from 0 by chance.", "",
        *table(["network", "eps", "attack", "library", "right when clean", *COUNTS, "p"], each), "",
    ]  # fmt: skip
    return "\n".join(parts)


def conclude(cells: Sequence[Cell], about: str, out: Path | None) -> None:
    """Publishes the report. SystemExit if an attack of ours is weaker."""
    publish(report(cells, about), out)
    if found := weaker(cells):
        raise SystemExit(f"Weaker than its peer: {', '.join(found)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a trial of some seconds")
    parser.add_argument("--out", type=Path, help="file for the result, for example benchmarks/results/peers.md")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    images = data.load("cifar10", "test", count=max(plan.images.values()), seed=0)
    began, cells = machine(), []
    one = partial(measure, images, {"ours": ours, **LIBRARIES})
    with get_context("spawn").Pool(options.processes, torch.set_num_threads, (1,)) as pool:
        for cell in pool.imap(one, conditions(plan)):
            cells.append(cell)
            left = ", ".join(f"{name} {int(hits.sum())}" for name, hits in cell.hits.items())
            print(f"{TITLES[cell.kind]}, {cell.model}, {cell.eps_255:g}/255: {left} of {len(cell.clean)}", flush=True)
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", *LIBRARIES))
    about = f"{began}; Python {platform.python_version()}, {packages}. Images: {images.source}, seed 0."
    conclude(cells, about, options.out)


if __name__ == "__main__":
    main()
