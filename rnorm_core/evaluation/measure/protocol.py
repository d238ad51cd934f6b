"""The plan of the table of accuracies: the conditions that are measured for each model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rnorm_core import attacks, norms, zoo
from rnorm_core.evaluation.tables.row import PIXELS
from rnorm_core.model_names import is_plain

# The order of measuring. A sweep that is stopped early still leaves a useful table: cheap attacks come first, and for
# each attack the eps at which networks differ most.
ATTACKS = ("clean", "fgsm", "noise", "pgd")
EPS_255 = (1, 0.5, 2, 0.25, 4, 8, 1.5)
# Stronger attacks, for the worst case. The plain margin is often the best loss: its gradient does not vanish for some
# images, unlike that of the cross entropy, and it does not weight images by their logits, unlike the ratio (dlr).
APGD = ("apgd-ce", "apgd-dlr", "apgd-margin")
STRONG = (*APGD, "square")
KINDS = (*ATTACKS, *STRONG)
# Adversarially trained networks meet all of them; of the others the main ones APGD, where they have accuracy to lose.
STRONG_EPS_255 = (8, 4, 2, 1)
SMALL_EPS_255 = (1, 0.5, 2, 0.25, 1.5, 8)

_RESTARTS = 2
SETTINGS: dict[str, dict[str, Any]] = {
    "pgd": {"steps": 20},
    "apgd-ce": {"name": "apgd", "loss": "ce", "restarts": _RESTARTS},
    "apgd-dlr": {"name": "apgd", "loss": "dlr", "restarts": _RESTARTS},
    "apgd-margin": {"name": "apgd", "loss": "margin", "restarts": _RESTARTS},
}
# APGD on networks without adversarial training, most of whose images are fooled within a few steps. At small sizes on
# all networks, so that they can be compared.
_SHORT: dict[str, Any] = {"steps": 50}
_SMALL = 2  # grey levels
QUERIES = attacks.CATALOGUE["square"].default_steps
# The cost of a condition in clean passes, measured on a CPU, to estimate the time left. Square makes no further queries
# for fooled images, so its number is an upper limit.
PASSES = {"clean": 1, "fgsm": 4, "noise": 3, "pgd": 45, "square": QUERIES} | dict.fromkeys(APGD, 225 * _RESTARTS)

# The main models, measured on all images: the plain networks with these norms, and all adversarially trained ones.
MAIN_NORMS = ("bn", "rn", "none")
ALL_IMAGES, SOME_IMAGES = 10_000, 2_000


@dataclass(frozen=True)
class Condition:
    """One measurement; it gives one row for each kind of pixels.

    attack: one of `KINDS`. queries: of Square Attack, 0 for other attacks.
    """

    model: str
    statistics: str
    attack: str
    eps_255: float
    queries: int = 0

    @property
    def passes(self) -> int:
        """The cost, in clean passes."""
        return self.queries or PASSES[self.attack] // (2 if self._short else 1)

    @property
    def pixels(self) -> tuple[str, ...]:
        """Clean images have 8-bit pixels already. An attack that stops early does not try to survive the rounding."""
        return PIXELS[:1] if self.attack == "clean" or self._stops_early else PIXELS

    @property
    def _short(self) -> bool:
        return self.attack in APGD and (self.eps_255 <= _SMALL or not adversarial(self.model))

    @property
    def _stops_early(self) -> bool:
        # With 100 steps two losses do not stop, so that their 8-bit rows are the worst case for image files.
        return (self._short or self.attack == "apgd-margin") and not norms.looks_at_batch(self.statistics)

    def make(self) -> attacks.Attack | None:
        if self.attack == "clean":
            return None
        settings = {"name": self.attack, "eps": self.eps_255 / 255} | SETTINGS.get(self.attack, {})
        if self.queries:
            settings["steps"] = self.queries
        if self._short:
            settings = settings | _SHORT | ({"early_stop": True} if self._stops_early else {})
        return attacks.make(**settings)

    def __str__(self) -> str:
        return f"{self.model} {self.statistics} {self.attack}" + (f" {self.eps_255:g}/255" if self.eps_255 else "")


def modes(model: str) -> tuple[str, ...]:
    """The statistics modes in which a model of the zoo can be measured."""
    return norms.modes(zoo.card(model).norm)


def adversarial(model: str) -> bool:
    """Whether it was trained on attacked images."""
    return zoo.card(model).adversarial


def images(model: str) -> int:
    """The number of test images that a model is measured on."""
    return ALL_IMAGES if adversarial(model) or _main(model) else SOME_IMAGES


def _main(model: str) -> bool:
    card = zoo.card(model)
    return is_plain(card) and card.norm in MAIN_NORMS


def plan(
    models: Sequence[str],
    statistics: Sequence[str] = norms.MODES,
    kinds: Sequence[str] | None = None,
    eps_255: Sequence[float] | None = None,
    queries: int = QUERIES,
) -> list[Condition]:
    """All conditions in the order of measuring. A model is measured in those modes of `statistics` that its norm has.

    kinds, eps_255: by default those that are planned for the model and the attack. queries: of Square Attack.
    """
    return [
        Condition(model, mode, kind, eps, queries if kind == "square" else 0)
        for kind in KINDS
        if kinds is None or kind in kinds
        for rank in range(len(eps_255 or EPS_255))
        for model in models
        for eps in _sizes(model, kind, eps_255)[rank : rank + 1]
        for mode in modes(model)
        if mode in statistics and (kinds is not None or _planned(model, mode, kind))
    ]


def _sizes(model: str, kind: str, eps_255: Sequence[float] | None) -> Sequence[float]:
    if kind == "clean":
        return (0,)
    if eps_255 or kind not in STRONG:
        return eps_255 or EPS_255
    return STRONG_EPS_255 if adversarial(model) else SMALL_EPS_255


def _planned(model: str, mode: str, kind: str) -> bool:
    if kind in ATTACKS or adversarial(model):
        return True
    return kind in APGD and _main(model) and not norms.looks_at_batch(mode)
