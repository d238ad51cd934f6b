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


def _pair(dataset: str = "cifar10") -> tuple[Variant, Variant]:
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


def _shift_request() -> shift_sweep.Request:
    return shift_sweep.Request(*_pair(), ImageChoice.of_samples(), next(iter(shift_sweep.ATTACKS)))


def _corruption_request() -> corruption_sweep.Request:
    return corruption_sweep.Request(*_pair(), ImageChoice.of_samples(), next(iter(data.CORRUPTIONS)), "cpu")


def _three(dataset: str = "cifar10") -> tuple[Variant, ...]:
    return *_pair(dataset), Variant.of(zoo.plain(dataset, "none"))


def _photo(request: landscape.Request) -> Batch:
    samples = data.samples("cifar10")
    return samples.select([samples.find(request.ids[0])])


def _landscape_request(variants: tuple[Variant, ...], image: str) -> landscape.Request:
    samples, steps = data.samples("cifar10"), attacks.CATALOGUE["pgd"].default_steps
    photo = samples.select([samples.find(image)])
    return landscape.Request(variants, ids=photo.ids, labels=tuple(photo.labels.tolist()), steps=steps)


def _landscape(name: str, request: Callable[[], landscape.Request]) -> Default:
    return Default(
        name, request, lambda r: landscape.run(r, batch=_photo(r)), _photo, lambda request, batch: {"request": request},
        lambda found, batch: _with_clean(torch.empty(0), found),
        lambda found, batch: _with_clean(batch.images[0], found),
    )  # fmt: skip


def _photos_request() -> photos.Request:
    return photos.Request(_three(), "cifar10", steps=attacks.CATALOGUE["pgd"].default_steps)


def _with_clean(image: Tensor, found: landscape.Result) -> landscape.Result:
    shown = {
        index: tuple(replace(each, clean=image) for each in networks) for index, networks in found.by_image.items()
    }
    return replace(found, by_image=shown)


def _surfaces_request() -> SurfacesRequest:
    left, right = _pair()
    image = attack_pair.first(data.samples("cifar10").ids)
    return SurfacesRequest((Subject(left), Subject(right)), "cifar10", image, eps_255=2, seed=0, device="cpu")


def _channel_request() -> channel.Request:
    robust = _pair()[1]
    return channel.Request(robust, ImageChoice.of_samples(), eps_255=0, device="cpu")


def _poisoning_request() -> poisoning.Request:
    return poisoning.Request(*_pair(), ImageChoice.of_samples(), 8, poisoning.VICTIM, 4)


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


SHIFT = Default("cifar10-shift", _shift_request, shift_sweep.run, lambda r: r.images.load(), _populations)
CORRUPTIONS = Default(
    "cifar10-corruptions", _corruption_request, corruption_sweep.run, lambda r: r.images.load(), _populations,
    partial(_change_attacked, -1), partial(_change_attacked, 1),
)  # fmt: skip
LANDSCAPE = _landscape("cifar10-landscape", lambda: _landscape_request(_pair(), attack_pair.FIRST))
START = _landscape("cifar10-start", lambda: _landscape_request(_three(), photos.FIRST))
PHOTOS = Default(
    "cifar10-photos", _photos_request, photos.run, lambda r: data.samples(r.dataset),
    lambda request, batch: {"request": request},
)  # fmt: skip
SURFACES = Default(
    "cifar10-surfaces", _surfaces_request, robustness.run_surfaces, lambda r: data.samples(r.dataset),
    lambda request, batch: {"request": request},
)  # fmt: skip
CHANNEL = Default(
    "cifar10-channel", _channel_request, channel.run_with_first, lambda r: r.images.load(),
    lambda request, batch: {"request": request, "batch": batch},
)  # fmt: skip
POISONING = Default(
    "cifar10-poisoning", _poisoning_request, poisoning.run, lambda r: r.batch(),
    lambda request, batch: {"request": request, "batch": batch}, partial(_poisoned, -1), partial(_poisoned, 1),
)  # fmt: skip
DEFAULTS: dict[type, tuple[Default, ...]] = {
    landscape.Request: (LANDSCAPE, START),
    photos.Request: (PHOTOS,),
    shift_sweep.Request: (SHIFT,),
    corruption_sweep.Request: (CORRUPTIONS,),
    robustness.SurfacesRequest: (SURFACES,),
    channel.Request: (CHANNEL,),
    poisoning.Request: (POISONING,),
}
