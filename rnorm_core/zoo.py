"""The shipped models: a card, the weights it vouches for, and a frozen network made of both.

`pretrained/<name>.json` is the card, `pretrained/<name>.safetensors` the weights, and
`pretrained/<name>.population.safetensors` what arrives at the norm layers when the training images run through. A
file that does not match its card is refused; no pickle is ever read.
"""

import copy
import hashlib
import json
import math
import re
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from torch import Tensor, nn

from rnorm_core import models, norms
from rnorm_core.data import CLASSES
from rnorm_core.errors import UserError

DIRECTORY = Path(__file__).resolve().parent.parent / "pretrained"


@dataclass(frozen=True)
class Card:
    """What a model is, how it was made and what was measured; the fields are the JSON's keys.

    power          RobustNorm's p, null for other norms.
    recipe         every hyper-parameter of the training, by name.
    data_hash      sha256 over the sorted ids of the training images (`data.data_hash`).
    sha256         of the weights file.
    accuracies     rows {split, attack, settings, eps_255, statistics, n, correct, low, high}; attack null: clean.
    curve          one row per epoch {epoch, train_loss, train_accuracy, lr, seconds}.
    made_with      versions of the libraries; code_version that of this project.
    """

    name: str
    dataset: str
    architecture: str
    norm: str
    power: float | None
    width: float
    classes: tuple[str, ...]
    recipe: dict[str, Any]
    initialisation: str
    seed: int
    data_hash: str
    sha256: str
    parameters: int
    accuracies: tuple[dict[str, Any], ...]
    curve: tuple[dict[str, Any], ...]
    made_with: dict[str, str]
    code_version: str
    date: str

    def accuracy(
        self, attack: str | None = None, eps_255: float | None = None, statistics: str | None = None
    ) -> dict[str, Any] | None:
        """The measured row for these conditions, or None; `statistics` is the norm's default mode unless given."""
        wanted = {"attack": attack, "eps_255": eps_255, "statistics": statistics or norms.modes(self.norm)[0]}
        return next((row for row in self.accuracies if wanted.items() <= row.items()), None)


def names() -> list[str]:
    """Names of all models that have a card, sorted."""
    return sorted(path.stem for path in DIRECTORY.glob("*.json") if path.with_suffix(".safetensors").exists())


def card(name: str) -> Card:
    """The card of a model; UserError if there is none or if it is not sound."""
    return read_card(_existing(name).with_suffix(".json"))


def load(
    name: str, statistics: str | None = None, device: torch.device | str | None = None, *, fold: bool = False
) -> nn.Module:
    """A frozen network of one's own, in eval mode: images (N, 3, 32, 32) in [0, 1] -> logits (N, classes).

    `statistics` is one of the `norms.modes` of its norm, by default the first. Nothing is shared with other callers.
    `fold` moves norms with population statistics into their convolutions (faster, equal up to rounding); other modes
    have nothing to fold. Carries `.name`, `.statistics` and `.weight_hash`.
    UserError for an unknown name or mode, or a file that does not match its card.
    """
    path, known = _existing(name), norms.modes(card(name).norm)
    statistics = known[0] if statistics is None else statistics
    if statistics not in known:
        raise UserError(f"{name} has no statistics mode {statistics!r}.", f"choose one of {', '.join(known)}.")
    stamp = tuple((f.stat().st_mtime_ns, f.stat().st_size) for f in (path.with_suffix(".json"), path))
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return copy.deepcopy(_prototype(path, stamp, statistics, device, fold and not norms.looks_at_batch(statistics)))


@lru_cache(maxsize=64)
def _prototype(path: Path, stamp: tuple, statistics: str, device: torch.device, fold: bool) -> nn.Module:
    """Read, verified and folded once per file content; nobody but `load` touches it."""
    read = read_card(path.with_suffix(".json"))
    model = assemble(read, _verified(path, read.sha256), statistics)
    model = models.fold(model) if fold else model
    return model.to(device, memory_format=models.fastest_layout(model))  # pyright: ignore[reportCallIssue]  (not in torch's stub)


def assemble(card: Card, tensors: dict[str, Tensor], statistics: str | None = None) -> nn.Module:
    """The network of `card` around `tensors`, frozen; UserError if keys, types, shapes or numbers are wrong."""
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
        raise UserError(f"The weights of {card.name} hold {_few(unknown)}, which the network has no place for.", fix)
    for key, tensor in tensors.items():
        if tensor.shape != expected[key].shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(expected[key].shape)}"
            raise UserError(f"In the weights of {card.name}, {key} has shape {shapes}.", fix)
        if tensor.dtype != expected[key].dtype:
            types = f"{tensor.dtype}, expected {expected[key].dtype}"
            raise UserError(f"In the weights of {card.name}, {key} has type {types}.", fix)
        if not torch.isfinite(tensor).all():
            raise UserError(f"In the weights of {card.name}, {key} holds numbers that are not finite.", fix)
    if (count := sum(p.numel() for p in model.parameters())) != card.parameters:
        raise UserError(f"The card of {card.name} says {card.parameters:,} parameters; the network has {count:,}.", fix)
    model.load_state_dict(tensors, strict=True, assign=True)
    model.requires_grad_(False).eval()
    vars(model).update(name=card.name, statistics=statistics, weight_hash=card.sha256)
    return model


def read_card(path: Path) -> Card:
    """A card from its file; UserError says which field is missing or wrong."""
    fix = "restore the file from the repository, or write the card anew by training."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"The card {path.name} cannot be read: {error}.", fix) from error
    if problem := _problem(content, path.stem):
        raise UserError(f"The card {path.name} is not sound: {problem}.", fix)
    for key in ("classes", "accuracies", "curve"):
        content[key] = tuple(content[key])
    return Card(**content)


@dataclass(frozen=True, eq=False)
class Measured:
    """A verified file of measurements on a model: its tensors, and what it says about them (all text)."""

    tensors: dict[str, Tensor]
    about: dict[str, str]


ABOUT = ("model", "weight_hash", "data_hash", "n", "layers", "made_with", "code_version", "date", "sha256")


def population(name: str) -> Measured:
    """What was measured on the training images at the norm layers of a model; `shift.population` makes sense of it.

    Read once per content of the file, and shared: the tensors are not to be changed. UserError if there is none, or
    if it is damaged, of another model or of other weights than the shipped ones.
    """
    path = population_path(name)
    if not path.exists():
        raise UserError(f"The training images have not been measured with {name}: {path.name} is missing.", _anew(name))
    return _measured(path, (path.stat().st_mtime_ns, path.stat().st_size), name, card(name).sha256)


def population_path(name: str) -> Path:
    """Where a model's measurements lie; UserError for an unknown name."""
    return _existing(name).with_suffix(".population.safetensors")


@lru_cache(maxsize=16)
def _measured(path: Path, stamp: tuple, name: str, weight_hash: str) -> Measured:
    raw = path.read_bytes()
    try:
        tensors = parse_safetensors(raw)
    except SafetensorError as error:
        raise UserError(f"{path.name} is damaged: {error}.", _anew(name)) from error
    # The format: eight bytes that give the length of a JSON header, then the header. It has been checked by now.
    about = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")]).get("__metadata__", {})
    if missing := sorted(set(ABOUT) - about.keys()):
        raise UserError(f"{path.name} does not say its {', '.join(missing)}.", _anew(name))
    if about["model"] != name or about["weight_hash"] != weight_hash:
        whose = f"{about['model']} with weights {about['weight_hash'][:12]}"
        raise UserError(f"{path.name} was measured with {whose}, not with {name}, {weight_hash[:12]}.", _anew(name))
    if digest(tensors) != about["sha256"]:
        raise UserError(f"{path.name} is damaged: its numbers are not those that were written.", _anew(name))
    return Measured(tensors, about)


def digest(tensors: dict[str, Tensor]) -> str:
    """sha256 hex over names, types, shapes and bytes of tensors, in the order of their names."""
    found = hashlib.sha256()
    for key, tensor in sorted(tensors.items()):
        found.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


def _anew(name: str) -> str:
    return f"restore the file from the repository, or run `python -m rnorm_core.training.population {name}`."


MIN_WIDTH = 1 / 16  # one channel is left
_HEX = re.compile(r"[0-9a-f]{64}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CURVE = ("epoch", "train_loss", "train_accuracy", "lr", "seconds")
_TYPES: dict[str, Any] = {
    "power": (int, float, type(None)), "width": (int, float), "classes": list, "recipe": dict, "seed": int,
    "parameters": int, "accuracies": list, "curve": list, "made_with": dict,
}  # fmt: skip
_ROW = {
    "split": str, "attack": (str, type(None)), "settings": dict, "eps_255": (int, float, type(None)), "statistics": str,
    "n": int, "correct": int, "low": (int, float), "high": (int, float),
}  # fmt: skip


def _problem(content: Any, name: str) -> str | None:
    """What is wrong with a card's content, in words, or None."""
    if not isinstance(content, dict):
        return "it is not a JSON object"
    known = [f.name for f in fields(Card)]
    for key in known:
        if key not in content:
            return f"the field {key!r} is missing"
        if not isinstance(content[key], _TYPES.get(key, str)) or isinstance(content[key], bool):
            return f"the field {key!r} has the wrong type ({type(content[key]).__name__})"
    checks = [
        (unknown := sorted(content.keys() - set(known)), f"there is no field {', '.join(unknown)}"),
        (content["name"] != name, f"it is called {content['name']!r} inside"),
        (content["architecture"] not in models.ARCHITECTURES, f"architecture {content['architecture']!r} is unknown"),
        (content["dataset"] not in models.PIXEL_STATISTICS, f"dataset {content['dataset']!r} is unknown"),
        (content["norm"] not in norms.NORMS, f"norm {content['norm']!r} is unknown"),
        ((content["power"] is None) == (content["norm"] == "rn"), "'power' goes with norm 'rn' and with no other"),
        (not 0 <= (content["power"] or 0) < math.inf, f"'power' is {content['power']}, not a number from 0"),
        (not MIN_WIDTH <= content["width"] <= 16, f"'width' is {content['width']}, not from {MIN_WIDTH} to 16"),
        (tuple(content["classes"]) != CLASSES.get(content["dataset"]), "'classes' are not those of the data set"),
        (not _HEX.fullmatch(content["sha256"]), "'sha256' is not 64 hexadecimal digits"),
        (not _HEX.fullmatch(content["data_hash"]), "'data_hash' is not 64 hexadecimal digits"),
        (not isinstance(content["recipe"].get("name"), str), "'recipe' has no name"),
        (not _DATE.fullmatch(content["date"]), "'date' is not written YYYY-MM-DD"),
        (not all(map(_is_curve_row, content["curve"])), f"a row of 'curve' lacks a number among {', '.join(_CURVE)}"),
    ]
    problems = [message for wrong, message in checks if wrong]
    problems += [p for row in content["accuracies"] if (p := _row_problem(row))]
    return problems[0] if problems else None


def _row_problem(row: Any) -> str | None:
    if not isinstance(row, dict) or not row.keys() >= _ROW.keys():
        return f"a row of 'accuracies' lacks one of {', '.join(_ROW)}"
    for key, kind in _ROW.items():
        if not isinstance(row[key], kind) or isinstance(row[key], bool):
            return f"{key!r} in a row of 'accuracies' has the wrong type ({type(row[key]).__name__})"
    if row["statistics"] not in norms.MODES:
        return f"a row of 'accuracies' has the unknown statistics mode {row['statistics']!r}"
    correct, n, low, high = (row[key] for key in ("correct", "n", "low", "high"))
    if not (0 <= correct <= n and n > 0 and 0 <= low <= correct / n <= high <= 1):
        return f"a row of 'accuracies' contradicts itself: {correct} of {n}, interval {low} to {high}"
    return None


def _is_curve_row(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(key), int | float) for key in _CURVE)


def _existing(name: str) -> Path:
    if name not in names():
        raise UserError(f"There is no model {name!r}.", f"choose one of {', '.join(names()) or '(none is there)'}.")
    return DIRECTORY / f"{name}.safetensors"


def _verified(path: Path, sha256: str) -> dict[str, Tensor]:
    raw = path.read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != sha256:
        raise UserError(
            f"{path.name} is not what its card describes: its sha256 begins {found[:12]}, the card says {sha256[:12]}.",
            "restore the file from the repository (it may be truncated, or a Git LFS pointer).",
        )
    try:
        return parse_safetensors(raw)
    except SafetensorError as error:
        raise UserError(f"{path.name} is no safetensors file: {error}.", "restore it from the repository.") from error


def _few(keys: set[str]) -> str:
    some = sorted(keys)[:3]
    return ", ".join(some) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
