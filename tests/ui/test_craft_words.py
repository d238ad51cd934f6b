"""The sentence about an attack on one image."""

from dataclasses import dataclass, field

import pytest
import torch

from rnorm_core.data import CLASSES
from rnorm_core.ui.craft import words


@dataclass
class Label:
    label: str = "BatchNorm"


@dataclass
class Seen:
    probabilities: torch.Tensor
    variant: Label = field(default_factory=Label)


def seen(before: str, after: str, dataset: str) -> str:
    probabilities = torch.zeros(1, 2, len(CLASSES[dataset]))
    for step, name in enumerate((before, after)):
        probabilities[0, step, CLASSES[dataset].index(name)] = 0.8
    return words._seen(Seen(probabilities), 0, dataset).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("before", "after", "dataset", "text"),
    [
        ("cat", "dog", "cifar10", "sees **dog** (80.0 %) instead of cat"),
        ("cat", "cat", "cifar10", "still sees **cat** (80.0 %)"),
        ("pickup_truck", "bus", "cifar100", "sees **bus** (80.0 %) instead of pickup truck (both are vehicles)"),
        ("wolf", "pickup_truck", "cifar100", "sees **pickup truck** (80.0 %) instead of wolf"),
        ("pine_tree", "pine_tree", "cifar100", "still sees **pine tree** (80.0 %)"),
    ],
)
def test_what_is_seen_instead_and_whether_it_is_of_the_same_superclass(before, after, dataset, text):
    assert seen(before, after, dataset) == f"BatchNorm {text}"
