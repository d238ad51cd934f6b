"""The composition of a batch: its size, its classes, and its number of attacked images.

With tracked statistics the composition does not change a prediction. With the batch's statistics it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn

from rnorm_core.attacks import statistics_of
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure.accuracy import Accuracy, accuracy, batch_generator, predict, tally
from rnorm_core.evaluation.measure.craft import check_labels, craft

if TYPE_CHECKING:
    from rnorm_core.attacks import Attack

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
Partition = tuple[tuple[int, ...], ...]


# --- batch size


def sizes(n: int) -> tuple[int, ...]:
    """The batch sizes of `SIZES` up to n, and n itself if it is below the largest of them."""
    return tuple(sorted({size for size in (*SIZES, n) if size <= min(n, SIZES[-1])}))


# --- partitions into batches


def consecutive(n: int, size: int) -> Partition:
    """Batches of `size` consecutive images out of n; the last batch may be smaller."""
    return tuple(tuple(range(start, min(start + size, n))) for start in range(0, n, size))


def one_class(labels: Tensor, size: int) -> Partition:
    """Batches of at most `size` images; each holds images of a single class."""
    places = [torch.nonzero(labels.cpu() == label).flatten() for label in labels.unique().tolist()]
    return tuple(tuple(part.tolist()) for of_class in places for part in of_class.split(size))


def shuffled_like(parts: Partition, generator: Generator) -> Partition:
    """All images in random order, in batches of the same sizes as `parts`: the control of a partition."""
    order = torch.randperm(sum(map(len, parts)), generator=generator)
    return tuple(tuple(part.tolist()) for part in order.split([len(part) for part in parts]))


def accuracy_in(
    model: nn.Module, batch: Batch, parts: Partition, attack: "Attack | None" = None, seed: int = 0
) -> Accuracy:
    """Accuracy with `parts` as the batches, for the attack and for scoring; `hits` are in the order of `batch`.

    `batch_size` of the result is the size of the largest part. With consecutive parts the result equals
    `evaluation.accuracy`. ValueError if a part is empty or an image is not in exactly one part.
    """
    if sorted(i for part in parts for i in part) != list(range(len(batch))) or not all(parts):
        raise ValueError("Every image has to be in exactly one part, and no part may be empty.")
    hits = torch.zeros(len(batch), dtype=torch.bool)
    for index, part in enumerate(parts):
        here = accuracy(model, batch.select(part), attack, len(part), batch_generator(seed, index))
        hits[list(part)] = here.hits
    return tally(hits, model, attack, max(map(len, parts)))


def hits_in(model: nn.Module, images: Tensor, labels: Tensor, parts: Partition) -> Tensor:
    """Bool (N,), on the CPU: which of `images` (N, 3, 32, 32) are classified as labelled, with `parts` as batches."""
    hits, labels = torch.zeros(len(images), dtype=torch.bool), labels.cpu()
    for part in map(list, parts):
        hits[part] = predict(model, images[part]).cpu() == labels[part]
    return hits


def hits_by_draw(model: nn.Module, batch: Batch, size: int, draws: int, seed: int = 0) -> Tensor:
    """Bool (draws, N): True where an image is classified as labelled, in each of `draws` random partitions into batches
    of `size`.
    """
    generator, parts = torch.Generator().manual_seed(seed), consecutive(len(batch), size)
    shuffled = [shuffled_like(parts, generator) for _ in range(draws)]
    return torch.stack([hits_in(model, batch.images, batch.labels, one) for one in shuffled])


@dataclass(frozen=True, eq=False)
class Reshuffled:
    """Attacked images, scored in the batches of the attack (`same`) and in other batches of the same sizes (`shuffled`,
    one Accuracy per shuffle).
    """

    same: Accuracy
    shuffled: tuple[Accuracy, ...]
    seed: int


def reshuffled(
    model: nn.Module,
    batch: Batch,
    attack: "Attack",
    batch_size: int = 128,
    shuffles: int = 5,
    seed: int = 0,
) -> Reshuffled:
    """Scores attacked images in the batches of the attack, and in `shuffles` random partitions into other batches.

    This tests whether the attack also works in batches other than its own.
    """
    made = craft(model, batch, attack, batch_size, seed)
    generator, parts = torch.Generator().manual_seed(seed), consecutive(len(batch), batch_size)
    shuffled = [
        hits_in(model, made.images, batch.labels, shuffled_like(parts, generator)) for _ in range(shuffles)
    ]  # fmt: skip
    return Reshuffled(made.accuracy, tuple(tally(hits, model, attack, batch_size) for hits in shuffled), seed)


# --- number of attacked images


@dataclass(frozen=True)
class Mixture:
    """Batches of which `attacked` images are attacked and the others are clean.

    accuracy:   of the attacked images. neighbours: of the clean images in the same batches, each image counted once;
                None if there are none.
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
    groups: int | None = None,
    seed: int = 0,
) -> tuple[Mixture, ...]:
    """Attacks one image of each batch, then two, four ... all images; the others stay clean.

    The attack sees the whole batch and changes a group of images: in batch modes a joint attack on the group. Each
    batch is split into groups of `count` images that are attacked one after the other, so that every image is attacked
    once. `groups` limits the number of groups per batch; then the accuracy is that of the attacked images only. If all
    images of a batch are attacked, the result equals `evaluation.accuracy`. UserError for a count that is not from 1 to
    the batch size.
    """
    check_labels(batch)
    parts = consecutive(len(batch), min(batch_size, len(batch)))
    largest = len(parts[0])
    counts = sizes(largest) if counts is None else counts
    if not all(1 <= count <= largest for count in counts):
        raise UserError(
            f"In a batch of {largest} images, {list(counts)} images cannot be attacked.",
            f"choose numbers from 1 to {largest}.",
        )
    mixtures = []
    for count in counts:
        attacked, clean = [], []
        for index, part in enumerate(parts):
            whole, generator = batch.select(part), batch_generator(seed, index)
            for number, group in enumerate(_groups(len(part), count)[:groups]):
                rest = [i for i in range(len(part)) if i not in group]
                own, others = _attack_group(model, whole, group, rest, attack, generator)
                attacked.append(own)
                if number == 0:  # only once, so that no clean image is counted twice
                    clean.append(others)
        neighbours = torch.cat(clean)
        mixtures.append(
            Mixture(
                count,
                tally(torch.cat(attacked), model, attack, largest),
                tally(neighbours, model, None, largest) if len(neighbours) else None,
            )
        )
    return tuple(mixtures)


def _groups(n: int, count: int) -> list[list[int]]:
    return [group.tolist() for group in torch.arange(n).split(count)]


def _attack_group(
    model: nn.Module, whole: Batch, group: list[int], rest: list[int], attack: "Attack", generator: Generator
) -> tuple[Tensor, Tensor]:
    """Two tensors of bool: True where an image of the attacked group is right, and where one of the rest is."""
    trace = attack.run(Among(model, whole.images[rest]), whole.select(group), generator)
    if not rest:
        return trace.right, torch.zeros(0, dtype=torch.bool)
    predicted = predict(model, torch.cat([trace.adversarial, whole.images[rest].to(trace.adversarial)])).cpu()
    return trace.right, predicted[len(group) :] == whole.labels.cpu()[rest]


class Among(nn.Module):
    """A model that puts fixed `neighbours` (M, 3, 32, 32) into the batch of its input: images (N, 3, 32, 32) -> logits
    (N, classes).
    """

    def __init__(self, model: nn.Module, neighbours: Tensor) -> None:
        super().__init__()
        self.model, self.neighbours = model, neighbours
        self.training = model.training
        vars(self).update(
            {key: getattr(model, key) for key in ("name", "statistics", "weight_hash") if key in vars(model)}
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.model(torch.cat([images, self.neighbours.to(images)]))[: len(images)]


# --- one image and its neighbours


@dataclass(frozen=True, eq=False)
class NeighbourDraws:
    """A model's predictions for one image in batches with different neighbours.

    probabilities: (D, K), one row per draw of neighbours. neighbours: D tuples of ids. label: -1 if unknown.
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
        """The predicted classes, (D,)."""
        return self.probabilities.argmax(1)


@torch.inference_mode()
def neighbour_draws(
    model: nn.Module, batch: Batch, index: int, size: int, draws: int = 20, seed: int = 0
) -> NeighbourDraws:  # fmt: skip
    """The image at `index` in `draws` batches of `size`, each with other neighbours drawn from `batch`.

    The image is the first of each batch. UserError if `batch` has too few images to draw from.
    """
    others = [i for i, other in enumerate(batch.ids) if other != batch.ids[index]]
    if not 1 <= size <= len(others) + 1:
        raise UserError(
            f"A batch of {size} cannot be drawn from {len(others) + 1} images.",
            f"choose a size from 1 to {len(others) + 1}.",
        )
    generator, device = torch.Generator().manual_seed(seed), next(model.parameters()).device
    probabilities, neighbours = [], []
    for _ in range(draws):
        drawn = [others[i] for i in torch.randperm(len(others), generator=generator)[: size - 1].tolist()]
        images = batch.images[[index, *drawn]].to(device)
        probabilities.append(model(images)[0].float().softmax(0).cpu())
        neighbours.append(tuple(batch.ids[i] for i in drawn))
    return NeighbourDraws(
        torch.stack(probabilities), tuple(neighbours), batch.ids[index], int(batch.labels[index]), batch.classes,
        getattr(model, "name", "unnamed"), statistics_of(model), getattr(model, "weight_hash", ""),
        size, seed,
    )  # fmt: skip
