"""A frozen network made of a card and the weights that the card describes."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from rnorm_core import models, norms
from rnorm_core.cards import Card
from rnorm_core.errors import UserError
from rnorm_core.weights import short

SPREADS = ("running_var", "running_range")  # endings of the keys of running spreads


def assemble(card: Card, tensors: dict[str, Tensor], statistics: str | None = None) -> nn.Module:
    """The frozen network of `card` with weights `tensors`; UserError if keys, types, shapes or numbers are wrong.

    With medians its gradients are those of `norms.straight_through`, so that every attack on it is a fair one.
    """
    statistics = statistics or norms.modes(card.norm)[0]
    with torch.device("meta"):
        model = models.build(
            card.architecture, card.norm, len(card.classes), power=card.power if card.power is not None else 0.2,
            statistics=statistics, width=card.width, dataset=card.dataset,
        )  # fmt: skip
    expected = model.state_dict()
    fix = f"use weights of a {card.architecture} with norm {card.norm}."
    if missing := expected.keys() - tensors.keys():
        raise UserError(f"The weights of {card.name} lack {_few(missing)}.", fix)
    if unknown := tensors.keys() - expected.keys():
        raise UserError(f"The weights of {card.name} hold {_few(unknown)}, which the network does not have.", fix)
    for key, tensor in tensors.items():
        if tensor.shape != expected[key].shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(expected[key].shape)}"
            raise UserError(f"In the weights of {card.name}, {key} has shape {shapes}.", fix)
        if tensor.dtype != expected[key].dtype:
            types = f"{tensor.dtype}, expected {expected[key].dtype}"
            raise UserError(f"In the weights of {card.name}, {key} has type {types}.", fix)
        if not torch.isfinite(tensor).all():
            raise UserError(f"In the weights of {card.name}, {key} holds numbers that are not finite.", fix)
        if key.endswith(SPREADS) and (tensor < 0).any():
            raise UserError(
                f"In the weights of {card.name}, {key} holds negative numbers, but no variance or range is negative.",
                fix,
            )
    if (count := sum(p.numel() for p in model.parameters())) != card.parameters:
        raise UserError(f"The card of {card.name} says {card.parameters:,} parameters; the network has {count:,}.", fix)
    state = OrderedDict(tensors)
    state._metadata = expected._metadata  # pyright: ignore  (torch's versions of layers; mnasnet of torchvision asks for them)
    model.load_state_dict(state, strict=True, assign=True)
    model.requires_grad_(False).eval()
    if statistics == norms.MEDIAN:
        norms.straight_through(model)
    vars(model).update(name=card.name, statistics=statistics, weight_hash=card.sha256)
    return model


def placed(model: nn.Module, device: torch.device, fold: bool) -> nn.Module:
    """The network on a device, in its fastest memory format; with `fold`, its norms are folded."""
    model = models.fold(model) if fold else model
    return model.to(device, memory_format=models.fastest_layout(model))  # pyright: ignore[reportCallIssue]  (not in torch's stub)


def _few(keys: set[str]) -> str:
    some = [short(key) for key in sorted(keys)[:3]]
    return ", ".join(some) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
