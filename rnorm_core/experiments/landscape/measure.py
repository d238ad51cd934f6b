"""One image under an attack of every size, step by step, for one to three networks.

With tracked statistics the answer for an image does not depend on the others, so all sizes are attacked as one batch of
copies, from one random start that is scaled (`attacks.at_sizes`). In the modes that look at the batch, copies would
share their statistics; there each size is an attack of its own.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from rnorm_core import attacks, norms, pixels
from rnorm_core.attacks import Step
from rnorm_core.data import Batch
from rnorm_core.experiments.landscape.types import LEVELS, Landscape, Request, Result
from rnorm_core.models import PIXEL_STATISTICS
from rnorm_core.progress import Parts, Progress, run_parallel, silent

CHUNK = 128  # images in one prediction, where the batch makes no difference
TINY = 1e-12  # the scale of a change that is zero everywhere
Add = Callable[[int, int, Landscape], None]  # (network, image, landscape at some sizes)


def run(request: Request, progress: Progress = silent, *, batch: Batch, first: float | None = None) -> Result:
    """The landscape of every network, at the size `first` (k of k/255) before the others.

    batch: has the ids and labels of the request; ValueError if it holds other images. UserError as from `attacks.make`
    and `zoo.load`.
    """
    return measure(request, [variant.load(request.device) for variant in request.variants], batch, progress, first)


def measure(
    request: Request, models: Sequence[nn.Module], batch: Batch, progress: Progress = silent, first: float | None = None
) -> Result:
    """As `run`, with networks at hand; networks in float64 are attacked in float64."""
    if (batch.ids, tuple(batch.labels.tolist())) != (request.ids, request.labels):
        raise ValueError(f"the request is for images {request.ids}, but the batch holds {batch.ids}")
    if len(batch) > 1 and request.index is not None and any(map(_looks_at_batch, models)):
        raise ValueError("these networks look at the batch, so it is attacked as a whole: index must be None")
    if request.index is None and len(request.sizes_255) > 1:
        raise ValueError("a whole batch has a landscape at one size only")
    by_place: dict[tuple[int, int], list[Landscape]] = {}  # (network, image) -> the landscape in parts
    lock = threading.Lock()

    def add(network: int, image: int, part: Landscape) -> None:
        with lock:
            by_place.setdefault((network, image), []).append(part)

    def result(finished: bool) -> Result | None:
        with lock:
            places = {image: [by_place.get((i, image)) for i in range(len(models))] for image in request.images}
            if not all(parts for row in places.values() for parts in row):
                return None
            return Result(request, {k: _in_step([_joined(p) for p in v if p]) for k, v in places.items()}, finished)

    def hear(fraction: float, text: str, partial: object = None) -> None:
        progress(fraction, text, result(finished=False) if partial else None)

    crafters = range(len(models)) if request.craft is None else [request.craft]
    tasks = [_Task(request, models, batch.to(request.device), i, first, add) for i in crafters]
    # All networks at the size that somebody waits for, then all at the others: a busy server has one thread for them.
    groups = [task.groups() for task in tasks]
    rounds = [[own[:1] for own in groups], [own[1:] for own in groups]]
    parts = Parts(hear, [sum(len(group) or 1 for own in one for group in own) for one in rounds])
    for one in rounds:
        parts.begin("The attack")
        run_parallel(parts.within, [partial(task.run, own) for task, own in zip(tasks, one, strict=True) if own])
        parts.end()
    whole = result(finished=True)
    assert whole is not None
    return whole


@dataclass(frozen=True, eq=False)
class _Task:
    """The attack on network `here`, and what the others answer to its images if it was crafted for it alone."""

    request: Request
    models: Sequence[nn.Module]
    batch: Batch
    here: int
    first: float | None
    add: Add

    def run(self, groups: Sequence[tuple[float, ...]], progress: Progress) -> None:
        parts = Parts(progress, [len(group) or 1 for group in groups])
        for group in groups:
            named = ", ".join(f"{size:g}" for size in group)
            parts.begin(f"{self.request.variants[self.here].label}{named and f': {named}/255'}")
            self._attack(group, parts)
            parts.end(True)

    @property
    def _copies(self) -> bool:
        """Whether several sizes can be attacked as one batch."""
        joint = _looks_at_batch(self.models[self.here])
        return self.request.index is not None and not joint and self.request.make_attack(1.0, 1).measures_by_ball

    def groups(self) -> list[tuple[float, ...]]:
        """Sizes that are attacked as one batch; [()] for an attack without eps. Size 0 needs no attack."""
        sizes = self.request.sizes_255
        if len(sizes) < 2:
            return [sizes]
        first = self.first if self.first in sizes else sizes[-1]
        rest = tuple(size for size in sizes if size and size != first)
        begin = (0, first) if 0 in sizes and first else (first,)
        return [begin, *([rest] if self._copies else [(size,) for size in rest])]

    def _attack(self, sizes: tuple[float, ...], parts: Parts) -> None:
        request, index = self.request, self.request.index
        attacked = tuple(size for size in sizes if size) or sizes
        if index is not None and len(attacked) and self._copies:
            unit = request.make_attack(1.0, len(attacked))
            attack = attacks.at_sizes(unit, [k / 255 for k in attacked], index=index, of=len(request.ids))
            batch = self.batch.select([index] * len(attacked))
        else:
            attack = request.make_attack(attacked[0] / 255 if attacked else None, len(request.images))
            batch = self.batch.select(request.images)
        steps: list[Step] = []

        def on_step(step: Step) -> None:
            steps.append(step)
            parts.step(step)

        generator = torch.Generator().manual_seed(request.seed)
        trace = attack.run(self.models[self.here], batch, generator, on_step)
        if not attacks.CATALOGUE[request.attack].takes_eps:
            steps = [steps[0], steps[-1]]  # the images between them do not follow from each other
        images = torch.stack([step.adversarial for step in steps], 1)  # (R, T+1, 3, H, W), R sizes or images
        own = torch.stack([step.probabilities for step in steps], 1)  # (R, T+1, K)
        for i in [self.here] if request.craft is None else range(len(self.models)):
            answers = own if i == self.here else _answers(self.models[i], images, parts, as_batch=index is None)
            last = pixels.after_png(images[:, -1:])
            saved = _answers(self.models[i], last, parts, as_batch=index is None)[:, 0]
            by_image = [slice(None)] if index is not None else [slice(row, row + 1) for row in range(len(images))]
            for image, rows in zip(request.images, by_image, strict=True):
                part = self._landscape(
                    i, attacked, images[rows], answers[rows], saved[rows], int(trace.labels[rows][0])
                )
                self.add(i, image, _with_clean(part) if 0 in sizes and attacked != sizes else part)

    def _landscape(
        self, network: int, sizes: tuple[float, ...], images: Tensor, answers: Tensor, saved: Tensor, label: int
    ) -> Landscape:
        """images (E, T+1, 3, H, W), answers (E, T+1, K), saved (E, K)."""
        variant, here, target = self.request.variants[network], network == self.here, self.request.target
        linf = attacks.CATALOGUE[self.request.attack].norm == "linf"
        shown = frames(images, sizes if linf else (), self.batch.dataset)
        return Landscape(
            variant, sizes, label=label, target=target, probabilities=answers.cpu(), saved=saved.cpu(),
            crafted_here=here, **shown,
        )  # fmt: skip


def frames(images: Tensor, sizes_255: Sequence[float], dataset: str) -> dict[str, Tensor]:
    """`clean`, `changes`, `scales` and `lengths` of a Landscape, from the images (E, T+1, 3, H, W) of every step.

    sizes_255: k of k/255 of an L-inf attack; () for others, whose scales are the largest changes.
    """
    clean = images[0, 0]
    change = images - clean
    normalised = change / torch.tensor(PIXEL_STATISTICS[dataset][1]).to(change)[:, None, None]
    lengths = torch.stack([length(c) for c in (change, normalised) for length in (_linf, _l2)], 2)
    scales = torch.tensor(sizes_255).to(change) / 255 if sizes_255 else lengths[..., 0].amax(1)
    scales = scales.clamp(min=TINY)
    moved = (LEVELS * change / scales[:, None, None, None, None]).round().clamp(-LEVELS, LEVELS).to(torch.int8)
    shown = {"clean": clean, "changes": moved, "scales": scales, "lengths": lengths}
    return {name: tensor.cpu() for name, tensor in shown.items()}


def _looks_at_batch(model: nn.Module) -> bool:
    return norms.looks_at_batch(attacks.statistics_of(model))


def _linf(change: Tensor) -> Tensor:
    return change.abs().amax((-3, -2, -1))


def _l2(change: Tensor) -> Tensor:
    return torch.linalg.vector_norm(change, dim=(-3, -2, -1))


@torch.inference_mode()
def _answers(model: nn.Module, images: Tensor, parts: Parts, as_batch: bool) -> Tensor:
    """Probabilities (R, T, K) of images (R, T, 3, H, W).

    A network that looks at the batch gets the images of one step as one batch (`as_batch`), or else each image alone.
    """
    weight = next(model.parameters())
    images = images.to(weight.device, weight.dtype)

    def answer(some: Tensor) -> Tensor:
        parts.finishing()
        return model(some).softmax(1)

    if as_batch and _looks_at_batch(model):
        return torch.stack([answer(step) for step in images.unbind(1)], 1).cpu()
    chunks = images.flatten(0, 1).split(1 if _looks_at_batch(model) else CHUNK)
    return torch.cat([answer(chunk) for chunk in chunks]).unflatten(0, images.shape[:2]).cpu()


def _with_clean(part: Landscape) -> Landscape:
    """The landscape with size 0 before its others: at every step the clean image."""
    clean = part.probabilities[:1, :1].expand_as(part.probabilities[:1])
    zeros = {name: torch.zeros_like(getattr(part, name)[:1]) for name in ("changes", "lengths")}
    size_0 = replace(
        part,
        sizes_255=(0,),
        scales=torch.full_like(part.scales[:1], TINY),
        probabilities=clean,
        saved=clean[:, 0],
        **zeros,
    )
    return _joined([size_0, part])


TENSORS = ("changes", "scales", "probabilities", "lengths", "saved")


def _joined(parts: list[Landscape]) -> Landscape:
    """Parts of one landscape as one, with rising sizes."""
    sizes = [size for part in parts for size in part.sizes_255]
    if not sizes:
        return parts[0]
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    tensors = {name: torch.cat([getattr(part, name) for part in parts])[order] for name in TENSORS}
    return replace(parts[0], sizes_255=tuple(sizes[i] for i in order), **tensors)


def _in_step(networks: list[Landscape]) -> tuple[Landscape, ...]:
    """The networks at the sizes that all of them have."""
    common = set.intersection(*(set(each.sizes_255) for each in networks))

    def at_common(each: Landscape) -> Landscape:
        rows = [e for e, size in enumerate(each.sizes_255) if size in common]
        if len(rows) == len(each.sizes_255):
            return each
        tensors = {name: getattr(each, name)[rows] for name in TENSORS}
        return replace(each, sizes_255=tuple(each.sizes_255[e] for e in rows), **tensors)

    return tuple(map(at_common, networks))
