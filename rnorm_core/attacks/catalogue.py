"""All attacks with their defaults, and `make`, which builds an attack from its name."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, TypeGuard

import torch
from torch import Tensor

from rnorm_core.attacks.apgd import APGD
from rnorm_core.attacks.attack import Attack
from rnorm_core.attacks.balls import BALLS
from rnorm_core.attacks.gradient import GradientAttack
from rnorm_core.attacks.losses import LOSSES
from rnorm_core.attacks.minimum import MinimumNorm
from rnorm_core.attacks.noise import Noise
from rnorm_core.attacks.square import Square
from rnorm_core.errors import UserError

CHOICES = {"precision": ("fp32", "bf16"), "accumulate": ("l1", "sign"), "loss": tuple(LOSSES)}

StepSize = Callable[[float, int], float]


def one_step(eps: float, steps: int) -> float:
    return eps


def just_enough(eps: float, steps: int) -> float:
    """Default step size with which all steps sum to eps (Dong et al. 2018, MI-FGSM)."""
    return eps / steps


def room_to_turn(eps: float, steps: int) -> float:
    """Default step size with which all steps sum to 2.5 eps (Madry et al. 2018, PGD)."""
    return 2.5 * eps / steps


@dataclass(frozen=True)
class Entry:
    """One attack, for the pages and for `make`.

    family:        "fixed-eps", "minimum-norm" (takes no eps) or "noise".
    norm:          "linf" or "l2", the norm of eps and of Step.size.
    default_steps: number of steps; an attack with one_step accepts no other number.
    default_eps:   in pixel units; None for minimum-norm attacks.
    step_size:     function (eps, steps) -> default step size; None if the attack has no fixed step size.
    options:       name -> default of every further option.
    targeted:      True if the attack can aim at a target class.
    black_box:     True if the attack uses only the model's outputs, never a gradient; one step is one query.
    """

    name: str
    title: str
    family: str
    norm: str
    about: str
    source: str
    default_steps: int
    default_eps: float | None = None
    step_size: StepSize | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    one_step: bool = False
    targeted: bool = True
    black_box: bool = False

    @property
    def takes_eps(self) -> bool:
        return self.default_eps is not None


_PGD = {"step_size": None, "restarts": 1, "random_start": True, "precision": "fp32"}
_LINF, _L2 = 8 / 255, 128 / 255  # the sizes that are usual for CIFAR

_ENTRIES = (
    Entry(
        "fgsm", "FGSM", "fixed-eps", "linf",
        "One step of size eps along the sign of the gradient.",
        "Goodfellow et al. 2015, arXiv 1412.6572",
        1, _LINF, one_step, {"precision": "fp32"}, one_step=True,
    ),
    Entry(
        "bim", "BIM", "fixed-eps", "linf",
        "FGSM in small steps from the clean image, back into the ball after each.",
        "Kurakin et al. 2017, arXiv 1607.02533",
        20, _LINF, room_to_turn, {"step_size": None, "precision": "fp32"},
    ),
    Entry(
        "pgd", "PGD (L-inf)", "fixed-eps", "linf",
        "BIM from a random point of the ball, the usual measure of robustness.",
        "Madry et al. 2018, arXiv 1706.06083",
        20, _LINF, room_to_turn, _PGD,
    ),
    Entry(
        "pgd-l2", "PGD (L2)", "fixed-eps", "l2",
        "PGD that bounds the length of the whole change and not each pixel's.",
        "Madry et al. 2018, arXiv 1706.06083",
        20, _L2, room_to_turn, _PGD,
    ),
    Entry(
        "mi-fgsm", "MI-FGSM", "fixed-eps", "linf",
        "BIM that remembers the directions of its earlier steps, made for attacks that transfer.",
        "Dong et al. 2018, arXiv 1710.06081",
        20, _LINF, just_enough, {"step_size": None, "momentum": 1.0, "accumulate": "l1", "precision": "fp32"},
    ),
    Entry(
        "apgd", "APGD", "fixed-eps", "linf",
        "PGD that chooses its step size itself: from 2 eps on, halved when it gets no further.",
        "Croce and Hein 2020, arXiv 2003.01690",
        100, _LINF, None, {"loss": "ce", "restarts": 1, "random_start": True, "early_stop": False},
    ),
    Entry(
        "square", "Square Attack", "fixed-eps", "linf",
        "Sets random squares of the image to eps up or down and keeps what helps; asks for answers, never a gradient.",
        "Andriushchenko et al. 2020, arXiv 1912.00049",
        5000, _LINF, None, {"p_init": 0.8, "restarts": 1}, black_box=True,
    ),
    Entry(
        "noise", "Random noise (L-inf)", "noise", "linf",
        "Every pixel moves by eps, up or down at random, without asking the model: what size alone does.",
        "The control of this project",
        1, _LINF, None, {"restarts": 1}, one_step=True,
    ),
    Entry(
        "noise-l2", "Random noise (L2)", "noise", "l2",
        "A random direction of length eps, without asking the model: what size alone does.",
        "The control of this project",
        1, _L2, None, {"restarts": 1}, one_step=True,
    ),
    Entry(
        "deepfool", "DeepFool", "minimum-norm", "l2",
        "Walks to the nearest border of the linearised model; quick, and cannot aim at a class.",
        "Moosavi-Dezfooli et al. 2016, arXiv 1511.04599",
        50, options={"overshoot": 0.02}, targeted=False,
    ),
    Entry(
        "cw", "CW-L2", "minimum-norm", "l2",
        "Minimises length plus c times the margin, and searches for the best c; thorough and slow.",
        "Carlini and Wagner 2017, arXiv 1608.04644",
        50, options={"step_size": 0.02, "binary_search_steps": 6, "initial_const": 0.1, "confidence": 0.0},
    ),
    Entry(
        "ddn", "DDN", "minimum-norm", "l2",
        "Shrinks the ball while the image is fooled and widens it while it is not.",
        "Rony et al. 2019, arXiv 1811.09600",
        100, options={"first_eps": 1.0, "gamma": 0.05},
    ),
    Entry(
        "fmn", "FMN (L-inf)", "minimum-norm", "linf",
        "Like DDN, with a ball that jumps to where the border should be; here in L-inf.",
        "Pintor et al. 2021, arXiv 2102.12827",
        100, options={"step_size": 1.0, "gamma": 0.05},
    ),
    Entry(
        "fmn-l2", "FMN (L2)", "minimum-norm", "l2",
        "Like DDN, with a ball that jumps to where the border should be; here in L2.",
        "Pintor et al. 2021, arXiv 2102.12827",
        100, options={"step_size": 1.0, "gamma": 0.05},
    ),
)  # fmt: skip

CATALOGUE: Mapping[str, Entry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})


def make(
    name: str,
    eps: float | None = None,
    steps: int | None = None,
    *,
    targets: Tensor | Sequence[int] | None = None,
    **options: Any,
) -> Attack:
    """The attack `name`. Omitted arguments get the catalogue's defaults.

    eps:     largest perturbation in pixel units of [0, 1], so 8/255 is eight grey levels; not for minimum-norm attacks.
    targets: int64 (N,), a target class for each image. If it equals the label, the image is attacked like the others
             and never counts as fooled.
    options: those of `CATALOGUE[name].options`: step_size, restarts, random_start, precision ("fp32" or "bf16"
             gradients), loss ("ce", "dlr" or "margin"), ...
    UserError for an unknown name or option, and for a value out of range.
    """
    if name not in CATALOGUE:
        raise UserError(f"There is no attack {name!r}.", f"Choose one of {', '.join(CATALOGUE)}.")
    entry = CATALOGUE[name]
    steps = _checked_steps(entry, steps)
    aim = _checked_targets(entry, targets)
    unknown = sorted(set(options) - set(entry.options))
    if unknown:
        takes = ", ".join(entry.options) or "none"
        raise UserError(f"{entry.title} has no option {', '.join(unknown)}.", f"Its options are: {takes}.")
    chosen = {
        **entry.options,
        **{key: _checked_option(key, value, entry.options[key]) for key, value in options.items()},
    }
    ball = BALLS[entry.norm]
    shown = {"name": name, "steps": steps, "targets": None if aim is None else aim.tolist()}

    if entry.family == "minimum-norm":
        if eps is not None:
            raise UserError(
                f"{entry.title} searches for the smallest perturbation and takes no eps.",
                "Leave eps out, and call trace.success(eps) on the result.",
            )
        return MinimumNorm({**shown, **chosen}, ball, aim, 1, name, steps, chosen)

    eps = _checked_eps(entry, eps)
    spec = {**shown, "eps": eps, **chosen}
    restarts = chosen.pop("restarts", 1)
    if entry.family == "noise":
        return Noise(spec, ball, aim, restarts, eps)
    if entry.black_box:
        return Square(spec, ball, aim, restarts, eps, steps, **chosen)
    chosen.setdefault("random_start", False)
    if restarts > 1 and not chosen["random_start"]:
        raise UserError("Restarts from the clean image would all be the same.", "Use random_start=True or restarts=1.")
    if entry.step_size is None:
        if not chosen["early_stop"]:
            del spec["early_stop"]  # as in tables that are older than this option
        return APGD(spec, ball, aim, restarts, eps, steps, **chosen)
    if chosen.get("step_size") is None:
        chosen["step_size"] = entry.step_size(eps, steps)
        if "step_size" in entry.options:
            spec["step_size"] = chosen["step_size"]
    return GradientAttack(spec, ball, aim, restarts, eps, steps, **chosen)


def _checked_steps(entry: Entry, steps: int | None) -> int:
    if steps is None:
        return entry.default_steps
    if not _whole(steps) or steps < 1:
        raise UserError(f"The number of steps is {steps!r}.", "Use a whole number of at least 1.")
    if entry.one_step and steps != 1:
        raise UserError(f"{entry.title} takes one step, not {steps}.", "Leave steps out, or choose BIM or PGD.")
    return steps


def _checked_eps(entry: Entry, eps: float | None) -> float:
    if eps is None:
        assert entry.default_eps is not None
        return entry.default_eps
    widest = BALLS[entry.norm].widest
    if not _number(eps) or not 0 <= eps <= widest:  # written in this form, the condition is also true for NaN
        raise UserError(
            f"eps is {eps!r}, but {entry.title} needs a number between 0 and {widest:.4g}.",
            "eps is in pixel units (0 is black, 1 is white): write eight grey levels as 8/255.",
        )
    return float(eps)


def _checked_targets(entry: Entry, targets: Tensor | Sequence[int] | None) -> Tensor | None:
    if targets is None:
        return None
    if not entry.targeted:
        able = ", ".join(e.name for e in CATALOGUE.values() if e.targeted)
        raise UserError(f"{entry.title} cannot aim at a class.", f"Leave targets out, or choose one of {able}.")
    aim = torch.as_tensor(targets).cpu()
    if aim.ndim != 1 or aim.is_floating_point() or aim.is_complex() or aim.dtype == torch.bool or (aim < 0).any():
        raise UserError(
            f"The targets are {aim.dtype} of shape {tuple(aim.shape)}, but they must be class numbers, one per image.",
            "Give a tensor of shape (N,) with integers of at least 0.",
        )
    return aim.long()


def _checked_option(name: str, value: Any, default: Any) -> Any:
    if name in CHOICES:
        good, needed = value in CHOICES[name], f"one of {', '.join(CHOICES[name])}"
    elif isinstance(default, bool):
        good, needed = isinstance(value, bool), "True or False"
    elif isinstance(default, int):
        good, needed = _whole(value) and value >= 1, "a whole number of at least 1"
    elif name == "p_init":
        good, needed = _number(value) and 0 < value <= 1, "a number above 0 and at most 1"
    else:
        good, needed = (value is None and default is None) or (_number(value) and value >= 0), "a number of at least 0"
    if not good:
        raise UserError(f"{name} is {value!r}.", f"It must be {needed}.")
    return value


def _whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
