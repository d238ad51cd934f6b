"""Names of models -> what people call them, in which order they are listed, and which two are worth comparing.

Pure functions of names, which say how a model differs from `<data set>-resnet20-<norm>`, the plain one of its norm:
`<data set>-<architecture>-<norm>[-p050][-adv][-seed1]`, and of brought ones `yours-<file>-<hash>[-p0.5]`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from rnorm_core import zoo
from rnorm_core.data import CLASSES
from rnorm_core.figures import LOOKS
from rnorm_core.models import ARCHITECTURES

UNSAID = ("", "cifar10", "resnet20")  # data set and architecture of a model that is called by its norm alone
POWER = 0.2  # of a RobustNorm whose name says nothing of it
YOURS = re.compile(r"yours-(?P<stem>.+)-(?P<hash>[0-9a-f]{8})(?:-p(?P<power>[0-9.e+-]+))?")
NORMS = list(LOOKS)


@dataclass(frozen=True)
class Kind:
    """What a name says. power: RobustNorm's p. rest: parts of the name that no rule explains.

    yours: of a brought model its file and the first digits of its hash.
    """

    dataset: str
    architecture: str
    norm: str
    power: float | None = None
    adversarial: bool = False
    seed: int = 0
    rest: tuple[str, ...] = ()
    yours: str = ""

    @property
    def plain(self) -> bool:
        """Whether it is the one model of its data set and norm that all others are variations of."""
        return bool(self.dataset) and self == of_name(zoo.plain(self.dataset, self.norm), self.norm)


@lru_cache(maxsize=1024)
def of_name(name: str, norm: str) -> Kind:
    """The kind of the model `name`, whose norm is `norm`. Any name has one."""
    power = POWER if norm == "rn" else None
    if found := YOURS.fullmatch(name):
        given = found["power"]
        mine = f"{found['stem']} {found['hash'][:4]}"
        return Kind("", "", norm, float(given) if given else power, yours=mine)
    dataset, architecture, kind, *parts = [*name.split("-"), "", "", ""]
    if dataset not in CLASSES or architecture not in ARCHITECTURES or kind != norm:
        return Kind("", "", norm, power, rest=(name,))
    seed, adversarial, rest = 0, False, []
    for part in filter(None, parts):
        if part == "adv":
            adversarial = True
        elif found := re.fullmatch(r"seed([1-9]\d*)", part):
            seed = int(found[1])
        elif norm == "rn" and (found := re.fullmatch(r"p(\d{3})", part)) and int(found[1]) != 100 * POWER:
            power = int(found[1]) / 100
        else:
            rest.append(part)
    return Kind(dataset, architecture, norm, power, adversarial, seed, tuple(rest))


def title(name: str, norm: str) -> str:
    """What a model is called in legends, titles and sentences; no two models are called the same.

    "BatchNorm", "BatchNorm, seed 1", "RobustNorm p=0.5", "BatchNorm adv. trained", "VGG-11 BatchNorm".
    """
    kind = of_name(name, norm)
    before = [dataset(kind.dataset)] if kind.dataset not in UNSAID else []
    before += [architecture(kind.architecture)] if kind.architecture not in UNSAID else []
    return " ".join([*before, _rest(kind)])


def listed(name: str, norm: str) -> str:
    """What a model is called in a list of all, in which a line has room for few letters: its group, then the rest.

    "BatchNorm, seed 1", "Adv. trained · BatchNorm", "VGG-11 · BatchNorm", "Yours · net 1a2b, BatchNorm".
    """
    kind = of_name(name, norm)
    if kind.yours:
        return f"Yours · {kind.yours}, {_norm(kind)}"
    group = [dataset(kind.dataset)] if kind.dataset not in UNSAID else []
    group += [architecture(kind.architecture)] if kind.architecture not in UNSAID else []
    group += ["adv. trained" if group else "Adv. trained"] if kind.adversarial else []
    return " · ".join(filter(None, [" ".join(group), _rest(replace(kind, adversarial=False))]))


def _rest(kind: Kind) -> str:
    """All but data set and architecture."""
    parts = [_norm(kind) + (" adv. trained" if kind.adversarial else "")]
    parts += [f"yours: {kind.yours}"] if kind.yours else []
    parts += [f"seed {kind.seed}"] if kind.seed else []
    return ", ".join([*parts, *kind.rest])


def _norm(kind: Kind) -> str:
    name = LOOKS[kind.norm].name
    return name if kind.power in (None, POWER) and not (kind.yours and kind.power) else f"{name} p={kind.power:g}"


def architecture(name: str) -> str:
    """ "resnet20" is "ResNet-20"; a network of torchvision's is called as there."""
    if not (found := re.fullmatch(r"([a-z]+)(\d*)", name)):
        return name.rpartition(":")[2]
    family, depth = found.groups()
    return "-".join(filter(None, [{"resnet": "ResNet", "vgg": "VGG"}.get(family, family), depth]))


def dataset(name: str) -> str:
    """ "cifar10" is "CIFAR-10"."""
    return name.replace("cifar", "CIFAR-")


def ordered(norms: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[str]:
    """Names as they are listed: by data set, architecture, training, seed, norm and p; brought ones last.

    norms: name -> norm, here and below.
    """
    norms = dict(norms)

    def place(name: str) -> tuple:
        kind = of_name(name, norms[name])
        known = kind.architecture in ARCHITECTURES
        return (
            bool(kind.yours), not known, kind.dataset not in UNSAID, kind.dataset,
            ARCHITECTURES.index(kind.architecture) if known else 0, kind.rest, kind.adversarial, kind.seed,
            NORMS.index(kind.norm), kind.power != POWER, -(kind.power or 0), name,
        )  # fmt: skip

    return sorted(norms, key=place)


def siblings(name: str, norms: Mapping[str, str]) -> list[str]:
    """Models that differ from `name` in their seed alone, by seed, without itself."""
    kind = of_name(name, norms[name])
    if not kind.architecture:
        return []
    kinds = {other: of_name(other, norm) for other, norm in norms.items() if other != name}
    found = {other: k for other, k in kinds.items() if replace(k, seed=kind.seed) == kind}
    return sorted(found, key=lambda other: found[other].seed)


def powers(norms: Mapping[str, str]) -> dict[float, str]:
    """p -> name of the RobustNorm model that is plain but for its p, by p. norms: of one data set."""
    kinds = {name: of_name(name, norm) for name, norm in norms.items() if norm == "rn"}
    found = {
        kind.power: name for name, kind in kinds.items() if replace(kind, power=POWER).plain and kind.power is not None
    }
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Pair:
    """Two models worth comparing, and why."""

    why: str
    left: str
    right: str
    what: str

    def __str__(self) -> str:
        return f"{self.why}: {self.what}"


def pairs(norms: Mapping[str, str]) -> list[Pair]:
    """What is worth comparing, by reason, the most instructive first. Only pairs of which both models are there.

    norms: of one data set.
    """
    kinds = {of_name(name, norms[name]): name for name in ordered(norms)}
    kinds = {kind: name for kind, name in kinds.items() if kind.architecture}

    def offer(why: str, left: Kind, right: Kind) -> list[Pair]:
        if left not in kinds or right not in kinds:
            return []
        one, other = kinds[left], kinds[right]
        return [Pair(why, one, other, f"{title(one, left.norm)} | {title(other, right.norm)}")]

    def other_norms(why: str, kind: Kind, offered: Iterable[str]) -> list[Pair]:
        to = (replace(kind, norm=norm, power=POWER if norm == "rn" else None) for norm in offered)
        return [pair for other in to for pair in offer(why, kind, other)]

    batch = [kind for kind in kinds if kind.norm == "bn"]
    others = [norm for norm in NORMS if norm != "bn"]
    found: list[Pair] = []
    for kind in batch:
        if not kind.adversarial:
            found += other_norms("Same seed, another norm", kind, others if kind.plain else ["rn"])
    if len(known := powers(norms)) > 1:
        low, *_, high = (of_name(name, "rn") for name in known.values())
        found += offer(f"p from {low.power:g} to {high.power:g}", low, high)
    for kind in batch:
        if kind.adversarial:
            found += other_norms("Adversarially trained", kind, others)
    for kind in kinds:
        if kind.adversarial:
            found += offer("What adversarial training changes", replace(kind, adversarial=False), kind)
    for kind in kinds:
        if kind.seed == 1 and not kind.adversarial:
            found += offer("Only the seed differs", replace(kind, seed=0), kind)
    return found
