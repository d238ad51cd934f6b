"""The requests with which pages begin, and how their results are stored."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rnorm_core import attacks, data, shift, zoo
from rnorm_core.data import Batch, ImageChoice
from rnorm_core.experiments import attack_pair, channel, corruption_sweep, landscape, poisoning, robustness, shift_sweep
from rnorm_core.experiments.landscape import photos
from rnorm_core.experiments.robustness import Subject, SurfacesRequest
from rnorm_core.experiments.shipped.files import Default
from rnorm_core.zoo import Variant

Variants = Callable[[str], tuple[Variant, ...]]  # of a data set


def _pair(dataset: str) -> tuple[Variant, Variant]:
    left, right = (Variant.of(zoo.plain(dataset, norm), "tracked") for norm in ("bn", "rn"))
    return left, right


def _populations(request: Any, batch: Batch) -> dict[str, Any]:
    """The request, its images, and the populations of its networks with the edges of their histograms."""
    found: dict[str, Any] = {"request": request, "batch": batch}
    for model in {variant.model for variant in request.variants}:
        found[f"population {model}"] = known = shift.population(model)
        found |= {f"edges {model} {i}": layer.edges for i, layer in enumerate(known.statistics.layers)}
    return found


def _change_attacked(sign: int, found: corruption_sweep.Result, batch: Batch) -> corruption_sweep.Result:
    attacked = {eps: image + sign * batch.images[0] for eps, image in found.attacked.items()}
    return replace(found, attacked=attacked)


def _shift_request(dataset: str) -> shift_sweep.Request:
    return shift_sweep.Request(*_pair(dataset), ImageChoice.of_samples(dataset), next(iter(shift_sweep.ATTACKS)))


def _corruption_request(dataset: str) -> corruption_sweep.Request:
    images, kind = ImageChoice.of_samples(dataset), next(iter(data.CORRUPTIONS))
    return corruption_sweep.Request(*_pair(dataset), images, kind, "cpu")


def _three(dataset: str) -> tuple[Variant, ...]:
    return *_pair(dataset), Variant.of(zoo.plain(dataset, "none"))


def _photo(dataset: str, image: str) -> Batch:
    samples = data.samples(dataset)
    return samples.select([samples.find(image)])


def _landscape(dataset: str, name: str, variants: Variants, image: str) -> Default:
    """PGD on the sample whose id begins with `image`, for these networks."""

    def request() -> landscape.Request:
        photo, steps = _photo(dataset, image), attacks.CATALOGUE["pgd"].default_steps
        return landscape.Request(variants(dataset), ids=photo.ids, labels=tuple(photo.labels.tolist()), steps=steps)

    def batch(request: landscape.Request) -> Batch:
        return _photo(dataset, request.ids[0])

    return Default(
        f"{dataset}-{name}", request, lambda r: landscape.run(r, batch=batch(r)), batch,
        lambda request, batch: {"request": request},
        lambda found, batch: _with_clean(torch.empty(0), found),
        lambda found, batch: _with_clean(batch.images[0], found),
    )  # fmt: skip


def _photos_request(dataset: str) -> photos.Request:
    return photos.Request(_three(dataset), dataset, steps=attacks.CATALOGUE["pgd"].default_steps)


def _with_clean(image: Tensor, found: landscape.Result) -> landscape.Result:
    shown = {
        index: tuple(replace(each, clean=image) for each in networks) for index, networks in found.by_image.items()
    }
    return replace(found, by_image=shown)


def _surfaces_request(dataset: str) -> SurfacesRequest:
    left, right = _pair(dataset)
    image = data.samples(dataset).find(attack_pair.FIRST)
    return SurfacesRequest((Subject(left), Subject(right)), dataset, image, eps_255=2, seed=0, device="cpu")


def _channel_request(dataset: str) -> channel.Request:
    robust = _pair(dataset)[1]
    return channel.Request(robust, ImageChoice.of_samples(dataset), eps_255=0, device="cpu")


def _poisoning_request(dataset: str) -> poisoning.Request:
    return poisoning.Request(*_pair(dataset), ImageChoice.of_samples(dataset), 8, poisoning.VICTIM, 4)


def _poisoned(sign: int, found: poisoning.Result, batch: Batch) -> poisoning.Result:
    """Without its images (sign -1): of the victim the change alone, which is none; or with them again (1)."""
    victim, nothing = batch.images[:1], torch.empty(0)
    shown = poisoning.side_by_side(batch.images[None, : 1 + found.request.shown])[0]
    traces = {
        variant: replace(trace, adversarial=trace.adversarial + sign * victim, clean=victim if sign > 0 else nothing)
        for variant, trace in found.traces.items()
    }
    landscapes = {
        variant: replace(each, clean=shown if sign > 0 else nothing) for variant, each in found.landscapes.items()
    }
    return replace(found, traces=traces, landscapes=landscapes)


def _each(default: Callable[[str], Default]) -> dict[str, Default]:
    return {dataset: default(dataset) for dataset in data.CLASSES}


# By data set.
SHIFT = _each(
    lambda dataset: Default(
        f"{dataset}-shift", lambda: _shift_request(dataset), shift_sweep.run, lambda r: r.images.load(), _populations
    )
)
CORRUPTIONS = _each(
    lambda dataset: Default(
        f"{dataset}-corruptions", lambda: _corruption_request(dataset), corruption_sweep.run,
        lambda r: r.images.load(), _populations, partial(_change_attacked, -1), partial(_change_attacked, 1),
    )
)  # fmt: skip
LANDSCAPE = _each(lambda dataset: _landscape(dataset, "landscape", _pair, attack_pair.FIRST))
START = _each(lambda dataset: _landscape(dataset, "start", _three, photos.FIRST[dataset]))
PHOTOS = _each(
    lambda dataset: Default(
        f"{dataset}-photos", lambda: _photos_request(dataset), photos.run, lambda r: data.samples(r.dataset),
        lambda request, batch: {"request": request},
    )
)  # fmt: skip
SURFACES = _each(
    lambda dataset: Default(
        f"{dataset}-surfaces", lambda: _surfaces_request(dataset), robustness.run_surfaces,
        lambda r: data.samples(r.dataset), lambda request, batch: {"request": request},
    )
)  # fmt: skip
CHANNEL = _each(
    lambda dataset: Default(
        f"{dataset}-channel", lambda: _channel_request(dataset), channel.run_with_first, lambda r: r.images.load(),
        lambda request, batch: {"request": request, "batch": batch},
    )
)  # fmt: skip
POISONING = _each(
    lambda dataset: Default(
        f"{dataset}-poisoning", lambda: _poisoning_request(dataset), poisoning.run, lambda r: r.batch(),
        lambda request, batch: {"request": request, "batch": batch}, partial(_poisoned, -1), partial(_poisoned, 1),
    )
)  # fmt: skip
DEFAULTS: dict[type, tuple[Default, ...]] = {
    landscape.Request: (*LANDSCAPE.values(), *START.values()),
    photos.Request: tuple(PHOTOS.values()),
    shift_sweep.Request: tuple(SHIFT.values()),
    corruption_sweep.Request: tuple(CORRUPTIONS.values()),
    robustness.SurfacesRequest: tuple(SURFACES.values()),
    channel.Request: tuple(CHANNEL.values()),
    poisoning.Request: tuple(POISONING.values()),
}
