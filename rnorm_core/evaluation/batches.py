"""What else lies in an image's batch: how many images, of which classes, how many of them attacked.

With tracked statistics nothing of this matters to a prediction; with a batch's own all of it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn

from rnorm_core.attacks import statistics_of
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation.accuracy import Accuracy, accuracy, batch_generator, predict, tally
from rnorm_core.evaluation.craft import craft, labelled

if TYPE_CHECKING:
    from rnorm_core.attacks import Attack

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
Partition = tuple[tuple[int, ...], ...]


# --- how many


def sizes(n: int) -> tuple[int, ...]:
    """The batch sizes of `SIZES` that n images fill, and n itself where it is smaller than the largest."""
    return tuple(sorted({size for size in (*SIZES, n) if size <= min(n, SIZES[-1])}))


# --- which


def consecutive(n: int, size: int) -> Partition:
    """n images in their order, `size` at a time."""
    return tuple(tuple(range(start, min(start + size, n))) for start in range(0, n, size))


def one_class(labels: Tensor, size: int) -> Partition:
    """Batches that hold a single class each, at most `size` images."""
    places = [torch.nonzero(labels.cpu() == label).flatten() for label in labels.unique().tolist()]
    return tuple(tuple(part.tolist()) for of_class in places for part in of_class.split(size))


def shuffled_like(parts: Partition, generator: Generator) -> Partition:
    """The same images in batches of the same sizes, but whoever comes: the control of a partition."""
    order = torch.randperm(sum(map(len, parts)), generator=generator)
    return tuple(tuple(part.tolist()) for part in order.split([len(part) for part in parts]))


def accuracy_in(
    model: nn.Module, batch: Batch, parts: Partition, attack: "Attack | None" = None, seed: int = 0
) -> Accuracy:
    """Accuracy where `parts` are the batches, for attacking and for scoring; `hits` are in the batch's own order.

    `batch_size` of the result is that of the largest part. With consecutive parts it is `evaluation.accuracy`.
    ValueError if a part is empty or an image is not in exactly one of them.
    """
    if sorted(i for part in parts for i in part) != list(range(len(batch))) or not all(parts):
        raise ValueError("Every image has to be in exactly one part, and no part may be empty.")
    hits = torch.zeros(len(batch), dtype=torch.bool)
    for index, part in enumerate(parts):
        found = accuracy(model, batch.select(part), attack, len(part), batch_generator(seed, index))
        hits[list(part)] = found.hits
    return tally(hits, model, attack, max(map(len, parts)))


@dataclass(frozen=True, eq=False)
class Reshuffled:
    """same: scored in the batches in which it was attacked. anew: the same attacked images in other batches of the
    same sizes, one Accuracy per shuffle.
    """

    same: Accuracy
    anew: tuple[Accuracy, ...]
    seed: int


def reshuffled(
    model: nn.Module,
    batch: Batch,
    attack: "Attack",
    batch_size: int = 128,
    shuffles: int = 5,
    seed: int = 0,
) -> Reshuffled:
    """Does an attack survive if its images meet other attacked images when they are scored?"""
    made = craft(model, batch, attack, batch_size, seed)
    generator, anew = torch.Generator().manual_seed(seed), []
    for _ in range(shuffles):
        hits = torch.zeros(len(batch), dtype=torch.bool)
        for part in shuffled_like(consecutive(len(batch), batch_size), generator):
            hits[list(part)] = predict(model, made.images[list(part)]).cpu() == batch.labels.cpu()[list(part)]
        anew.append(tally(hits, model, attack, batch_size))
    return Reshuffled(made.accuracy, tuple(anew), seed)


# --- how many of them attacked


@dataclass(frozen=True)
class Mixture:
    """Batches of which `attacked` images are attacked and the others are clean.

    accuracy:   of the attacked images. neighbours: of the clean ones beside them, in every batch's first turn alone
                (so that no image counts twice); None where there are none.
    """

    attacked: int
    accuracy: Accuracy
    neighbours: Accuracy | None


def by_share(
    model: nn.Module,
    batch: Batch,
    attack: "Attack",
    batch_size: int = 128,
    counts: Sequence[int] | None = None,
    turns: int | None = None,
    seed: int = 0,
) -> tuple[Mixture, ...]:
    """One attacked image among clean ones, two, four ... all of a batch.

    The attack knows the whole batch and may change its share of it: in batch modes a joint attack on these images.
    The images of a batch take turns, so that every image is attacked once whatever the share, which for one image at
    a time takes as many attacks as there are images; `turns` limits them, and the images that are counted with them.
    Where all are attacked this is `evaluation.accuracy`.
    """
    labelled(batch)
    parts = consecutive(len(batch), min(batch_size, len(batch)))
    largest = len(parts[0])
    counts = sizes(largest) if counts is None else counts
    if not all(1 <= count <= largest for count in counts):
        raise UserError(f"Of {largest} images {list(counts)} are to be attacked.", f"choose from 1 to {largest}.")
    found = []
    for count in counts:
        attacked, beside = [], []
        for index, part in enumerate(parts):
            whole, generator = batch.select(part), batch_generator(seed, index)
            for turn, group in enumerate(_turns(len(part), count)[:turns]):
                rest = [i for i in range(len(part)) if i not in group]
                own, others = _one_turn(model, whole, group, rest, attack, generator)
                attacked.append(own)
                if turn == 0:
                    beside.append(others)
        neighbours = torch.cat(beside)
        found.append(
            Mixture(
                count,
                tally(torch.cat(attacked), model, attack, largest),
                tally(neighbours, model, None, largest) if len(neighbours) else None,
            )
        )
    return tuple(found)


def _turns(n: int, count: int) -> list[list[int]]:
    return [group.tolist() for group in torch.arange(n).split(count)]


def _one_turn(
    model: nn.Module, whole: Batch, group: list[int], rest: list[int], attack: "Attack", generator: Generator
) -> tuple[Tensor, Tensor]:
    """Bool: which images of the attacked group are right, and which of the rest."""
    labels = whole.labels.cpu()
    trace = attack.run(Among(model, whole.images[rest]), whole.select(group), generator)
    own = trace.adversarial_probabilities.argmax(1) == labels[group]
    if not rest:
        return own, torch.zeros(0, dtype=torch.bool)
    seen = predict(model, torch.cat([trace.adversarial, whole.images[rest].to(trace.adversarial)])).cpu()
    return own, seen[len(group) :] == labels[rest]


class Among(nn.Module):
    """What a model says of images that share their batch with fixed `neighbours` (M, 3, 32, 32), which come last."""

    def __init__(self, model: nn.Module, neighbours: Tensor) -> None:
        super().__init__()
        self.model, self.neighbours = model, neighbours
        self.training = model.training
        vars(self).update(
            {key: getattr(model, key) for key in ("name", "statistics", "weight_hash") if key in vars(model)}
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.model(torch.cat([images, self.neighbours.to(images)]))[: len(images)]


# --- one image


@dataclass(frozen=True, eq=False)
class Company:
    """What a model says of one image as its neighbours change.

    probabilities: (D, K), one row per draw of neighbours. neighbours: D tuples of ids. label: -1 where unknown.
    """

    probabilities: Tensor
    neighbours: tuple[tuple[str, ...], ...]
    id: str
    label: int
    classes: tuple[str, ...]
    model: str
    statistics: str
    weight_hash: str
    batch_size: int
    seed: int

    @property
    def predictions(self) -> Tensor:
        """(D,)"""
        return self.probabilities.argmax(1)


@torch.inference_mode()
def company(model: nn.Module, batch: Batch, index: int, size: int, draws: int = 20, seed: int = 0) -> Company:
    """The image at `index` in `draws` batches of `size`, with neighbours from `batch` that differ from draw to draw.

    It stands first in each. UserError if `batch` has too few images to draw from.
    """
    others = [i for i, found in enumerate(batch.ids) if found != batch.ids[index]]
    if not 1 <= size <= len(others) + 1:
        raise UserError(
            f"A batch of {size} cannot be drawn from {len(others) + 1} images.",
            f"choose a size from 1 to {len(others) + 1}.",
        )
    generator, device = torch.Generator().manual_seed(seed), next(model.parameters()).device
    probabilities, met = [], []
    for _ in range(draws):
        drawn = [others[i] for i in torch.randperm(len(others), generator=generator)[: size - 1].tolist()]
        images = batch.images[[index, *drawn]].to(device)
        probabilities.append(model(images)[0].float().softmax(0).cpu())
        met.append(tuple(batch.ids[i] for i in drawn))
    return Company(
        torch.stack(probabilities), tuple(met), batch.ids[index], int(batch.labels[index]), batch.classes,
        getattr(model, "name", "unnamed"), statistics_of(model), getattr(model, "weight_hash", ""),
        size, seed,
    )  # fmt: skip
