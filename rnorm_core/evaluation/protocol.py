"""What is measured of which model: the one place that plans the table of accuracies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rnorm_core import attacks, norms, zoo
from rnorm_core.evaluation.row import PIXELS

# Measured in this order, so that a sweep that is stopped leaves a useful table: what is cheap first, then the eps at
# which networks differ most. Clean, eps 0, is the eighth.
ATTACKS = ("clean", "fgsm", "noise", "pgd")
EPS_255 = (1, 0.5, 2, 0.25, 4, 8, 1.5)
# Networks trained to withstand attacks are also attacked with what was made to find out whether they do. In the modes
# where predictions depend on the batch the plain margin is a loss that sees more: it does not lose interest in images
# as cross entropy does, nor weigh them by their logits as the ratio does.
STRONG = ("apgd-ce", "apgd-dlr", "apgd-margin", "square")
STRONG_EPS_255 = (8, 4, 2)
KINDS = (*ATTACKS, *STRONG)

_RESTARTS = 2
SETTINGS: dict[str, dict[str, Any]] = {
    "pgd": {"steps": 20},
    "apgd-ce": {"name": "apgd", "loss": "ce", "restarts": _RESTARTS},
    "apgd-dlr": {"name": "apgd", "loss": "dlr", "restarts": _RESTARTS},
    "apgd-margin": {"name": "apgd", "loss": "margin", "restarts": _RESTARTS},
}
QUERIES = attacks.CATALOGUE["square"].default_steps
# What a condition costs, in clean passes, as timed on a CPU: how the time left is told. Square asks about fooled
# images no more, so that this is what it costs at most.
PASSES = {"clean": 1, "fgsm": 4, "noise": 3, "pgd": 45, "square": QUERIES} | dict.fromkeys(STRONG[:3], 225 * _RESTARTS)

# The networks that the story is told with, by what their name says after the data set; to these come all that were
# trained on attacked images.
MAIN = ("resnet20-bn", "resnet20-rn", "resnet20-none")
ALL_IMAGES, SOME_IMAGES = 10_000, 2_000


@dataclass(frozen=True)
class Condition:
    """What is measured in one go: as many rows as there are kinds of pixels.

    attack: one of `KINDS`. queries: of Square Attack; others have none.
    """

    model: str
    statistics: str
    attack: str
    eps_255: float
    queries: int = 0

    @property
    def passes(self) -> int:
        """What it costs, in clean passes."""
        return self.queries or PASSES[self.attack]

    @property
    def pixels(self) -> tuple[str, ...]:
        """Clean images have 8-bit pixels already: rounding changes nothing."""
        return PIXELS[:1] if self.attack == "clean" else PIXELS

    def make(self) -> attacks.Attack | None:
        if self.attack == "clean":
            return None
        settings = {"name": self.attack, "eps": self.eps_255 / 255} | SETTINGS.get(self.attack, {})
        if self.queries:
            settings["steps"] = self.queries
        return attacks.make(**settings)

    def __str__(self) -> str:
        return f"{self.model} {self.statistics} {self.attack}" + (f" {self.eps_255:g}/255" if self.eps_255 else "")


def modes(model: str) -> tuple[str, ...]:
    """The statistics modes a model of the zoo can be measured in: one where there are no statistics to choose."""
    return norms.modes(zoo.card(model).norm)


def adversarial(model: str) -> bool:
    """Whether it was trained on attacked images."""
    return zoo.card(model).adversarial


def images(model: str) -> int:
    """How many test images a model is to be measured on."""
    main = model.partition("-")[2] in MAIN or adversarial(model)
    return ALL_IMAGES if main else SOME_IMAGES


def plan(
    models: Sequence[str],
    statistics: Sequence[str] = norms.MODES,
    kinds: Sequence[str] | None = None,
    eps_255: Sequence[float] | None = None,
    queries: int = QUERIES,
) -> list[Condition]:
    """Every combination, in the order of measuring; a model's own modes are those of `statistics` that it has.

    kinds, eps_255: left out, those that are planned for the model and the attack. queries: of Square Attack.
    """
    return [
        Condition(model, mode, kind, eps, queries if kind == "square" else 0)
        for kind in KINDS
        for eps in _sizes(kind, eps_255)
        for model in models
        for mode in modes(model)
        if mode in statistics and (_planned(model, mode, kind) if kinds is None else kind in kinds)
    ]


def _sizes(kind: str, eps_255: Sequence[float] | None) -> Sequence[float]:
    if kind == "clean":
        return (0,)
    return eps_255 or (STRONG_EPS_255 if kind in STRONG else EPS_255)


def _planned(model: str, mode: str, kind: str) -> bool:
    if kind == "apgd-margin" and not norms.looks_at_batch(mode):
        return False
    return kind in ATTACKS or adversarial(model)
