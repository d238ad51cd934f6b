"""The shipped models: a card, the weights that the card describes, and a frozen network built from both.

`pretrained/<name>.json` is the card, `pretrained/<name>.safetensors` the weights, and
`pretrained/<name>.population.safetensors` the statistics of the norm layers' inputs over the training images. A file
that does not match its card is refused; a pickle is never read. Visitors bring their own models as bytes (`bring`).
"""

import copy
import itertools
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from rnorm_core import engine, norms
from rnorm_core.cards import Card, read_card
from rnorm_core.errors import UserError
from rnorm_core.model_names import plain, title
from rnorm_core.zoo import brought
from rnorm_core.zoo.assemble import assemble, placed
from rnorm_core.zoo.brought import MAX_BROUGHT, Brought, bring, is_brought, save
from rnorm_core.zoo.tensor_files import ABOUT, Measured, digest, measure_again, read_measured, read_weights

__all__ = [
    "ABOUT",
    "DIRECTORY",
    "MAX_BROUGHT",
    "Brought",
    "Card",
    "Measured",
    "Variant",
    "assemble",
    "bring",
    "card",
    "digest",
    "forget",
    "halves",
    "has_population",
    "is_brought",
    "load",
    "names",
    "networks_of",
    "plain",
    "population",
    "population_path",
    "read_card",
    "save",
    "stamp",
    "switchable",
]
DIRECTORY = Path(__file__).resolve().parents[2] / "pretrained"


def names() -> list[str]:
    """Names of all models that have a card, sorted."""
    return sorted(path.stem for path in DIRECTORY.glob("*.json") if path.with_suffix(".safetensors").exists())


def halves() -> list[UserError]:
    """One error for each card without weights, and for each weights file without a card, in `DIRECTORY`."""
    cards, tensors = ({path.stem for path in DIRECTORY.glob(f"*.{kind}")} for kind in ("json", "safetensors"))
    fix = "restore the file from the repository, or train the model again."
    missing = [f"{name}.safetensors" for name in cards - tensors]
    missing += [f"{name}.json" for name in tensors - cards if not name.endswith(".population")]
    return [
        UserError(f"The model {Path(file).stem} is incomplete: the file {file} is missing.", fix)
        for file in sorted(missing)
    ]


def card(name: str) -> Card:
    """The card of a model, shipped or brought; UserError if there is none or if it is not sound."""
    if known := brought.find(name):
        return known.card
    path = _existing(name).with_suffix(".json")
    return _card(path, stamp(path))


@lru_cache(maxsize=256)
def _card(path: Path, stamp: tuple[int, int]) -> Card:
    """The card in a file, read and checked once per file content: a page needs all cards, some of them many times."""
    return read_card(path)


def stamp(path: Path) -> tuple[int, int]:
    """(modification time in ns, size in bytes) of a file: if the content changes, the stamp changes."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def load(
    name: str, statistics: str | None = None, device: torch.device | str | None = None, *, fold: bool = False
) -> nn.Module:
    """A new frozen network in eval mode: images (N, 3, 32, 32) in [0, 1] -> logits (N, classes).

    `statistics` is one of the `norms.all_modes` of its norm, by default the first; with medians gradients are those of
    `norms.straight_through`. Nothing is shared with other callers.
    `fold` moves norms with population statistics into their convolutions (faster, equal up to rounding); in other modes
    it does nothing. Attacks on a frozen network fold a copy by themselves. The network has the attributes `.name`,
    `.statistics` and `.weight_hash`.
    UserError for an unknown name or mode, or a file that does not match its card.
    """
    known = norms.all_modes(card(name).norm)
    statistics = known[0] if statistics is None else statistics
    if statistics not in known:
        raise UserError(f"{name} has no statistics mode {statistics!r}.", f"choose one of {', '.join(known)}.")
    device = torch.device(device or _device())
    how = statistics, device, fold and not norms.looks_at_batch(statistics)
    if mine := brought.find(name):
        return copy.deepcopy(_prototype_of_brought(mine, *how))
    path = _existing(name)
    return copy.deepcopy(_prototype(path, (stamp(path.with_suffix(".json")), stamp(path)), *how))


@dataclass(frozen=True)
class Variant:
    """A network in a statistics mode: the object that is attacked, measured and compared.

    The weights' hash is a field, so results of other weights belong to another variant. norm, title and seed are those
    of the card, for display.
    """

    model: str
    statistics: str
    weight_hash: str = ""
    norm: str = field(default="", compare=False)
    title: str = field(default="", compare=False)
    seed: int = field(default=0, compare=False)

    @classmethod
    def of(cls, model: str, statistics: str | None = None) -> "Variant":
        """The variant of a shipped or brought model, by default in its first mode. UserError as from `card`."""
        known = card(model)
        mode = norms.modes(known.norm)[0] if statistics is None else statistics
        return cls(model, mode, known.sha256, known.norm, title(known), known.seed)

    @classmethod
    def of_network(cls, model: nn.Module) -> "Variant":
        """The variant of a network. One that is not from `load` is called "unnamed" and has tracked statistics."""
        name, mode = getattr(model, "name", "unnamed"), str(getattr(model, "statistics", "tracked"))
        return cls(name, mode, getattr(model, "weight_hash", ""), title=name)

    @property
    def label(self) -> str:
        """ "RobustNorm p=0.5", "BatchNorm with batch statistics": the usual mode is not named. No two are equal."""
        how = {"tracked": "", "clean-branch": "", "adversarial-branch": "its adversarial branch"}
        mode = how.get(self.statistics, f"{self.statistics} statistics")
        return f"{self.title} with {mode}" if mode else self.title

    @property
    def usual(self) -> "Variant":
        """The network in its first mode: with population statistics, if its norm keeps them."""
        return self.in_mode(norms.modes(self.norm)[0])

    def in_mode(self, statistics: str) -> "Variant":
        return replace(self, statistics=statistics)

    def load(self, device: torch.device | str | None = None, *, fold: bool = True) -> nn.Module:
        """See `load`. A folded network is faster; `probes` need the norm layers in place (fold=False)."""
        return load(self.model, self.statistics, device, fold=fold)


def networks_of(*variants: Variant) -> tuple[Variant, ...]:
    """The networks of these variants, each once and in its usual mode."""
    return tuple(dict.fromkeys(variant.usual for variant in variants))


def switchable(*variants: Variant) -> tuple[Variant, ...]:
    """The networks of `networks_of` that can use batch instead of population statistics: BatchNorm and RobustNorm."""
    return tuple(network for network in networks_of(*variants) if norms.modes(network.norm) == norms.STATISTICS)


def population(name: str) -> Measured:
    """Statistics of the training images at the norm layers of a model; `shift.population` interprets them.

    Read once per content of the file and shared, so callers must not change the tensors. UserError if the file is
    missing or damaged, or if it belongs to another model or to other weights than the shipped ones.
    """
    path = population_path(name)
    if not path.exists():
        raise UserError(
            f"There are no statistics of the training images for {name}: {path.name} is missing.", measure_again(name)
        )
    return read_measured(path, stamp(path), name, card(name).sha256)


def has_population(name: str) -> bool:
    """Whether the file that `population` reads exists; a brought model has none."""
    return not is_brought(name) and population_path(name).exists()


def population_path(name: str) -> Path:
    """The path of the file that `population` reads; UserError for an unknown name."""
    return _existing(name).with_suffix(".population.safetensors")


@lru_cache(maxsize=64)
def _prototype(path: Path, stamp: tuple, statistics: str, device: torch.device, fold: bool) -> nn.Module:
    """Read, verified and folded once per file content; only `load` uses it, and copies it."""
    read = read_card(path.with_suffix(".json"))
    return placed(assemble(read, read_weights(path, read.sha256), statistics), device, fold)


@lru_cache(maxsize=16)
def _prototype_of_brought(model: Brought, statistics: str, device: torch.device, fold: bool) -> nn.Module:
    return placed(assemble(model.card, model.tensors, statistics), device, fold)


def forget(owner: Hashable, name: str | None = None) -> list[str]:
    """Gives up a brought model of an owner, or all of them, see `brought.forget`. Names of those that are gone."""
    gone = brought.forget(owner, name)
    for model in gone:
        _prototype_of_brought.cache_clear()
        for mode, fold in itertools.product(norms.modes(model.card.norm), (False, True)):
            if not norms.looks_at_batch(mode):  # of others no copies are kept
                engine.forget(placed(assemble(model.card, model.tensors, mode), _device(), fold))
    return [model.card.name for model in gone]


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _existing(name: str) -> Path:
    if Path(name).name != name or not all((DIRECTORY / f"{name}.{kind}").exists() for kind in ("json", "safetensors")):
        raise UserError(
            f"There is no model {name!r}.",
            f"choose one of {', '.join(names())}."
            if names()
            else "restore the folder pretrained/ from the repository.",
        )
    return DIRECTORY / f"{name}.safetensors"
