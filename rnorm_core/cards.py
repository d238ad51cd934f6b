"""A model's card (identity, training and measurements of the model), and the checks of its file."""

import json
import math
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rnorm_core import models, norms, weights
from rnorm_core.data import CLASSES
from rnorm_core.errors import UserError
from rnorm_core.replace import put

BROUGHT = "brought"  # the recipe's name on the card of a model that a visitor brought: its training is not known
MIN_WIDTH, MAX_WIDTH = weights.WIDTHS
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


@dataclass(frozen=True)
class Card:
    """Identity, training and measurements of a model. The fields are the JSON's keys.

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

    @property
    def adversarial(self) -> bool:
        """Whether it was trained on attacked images."""
        return bool(self.recipe.get("attack_eps_255"))

    @property
    def brought(self) -> bool:
        """Whether a visitor brought it as a file of weights; nothing was measured on such a model."""
        return self.recipe["name"] == BROUGHT

    @property
    def trained_as(self) -> tuple:
        """The fields that two models must share for a fair comparison; other recipe numbers may depend on the norm."""
        how = self.recipe["name"], self.recipe.get("epochs")
        return self.dataset, self.data_hash, self.architecture, self.width, *how

    def accuracy(
        self, attack: str | None = None, eps_255: float | None = None, statistics: str | None = None
    ) -> dict[str, Any] | None:
        """The measured row for these conditions, or None; `statistics` is the norm's default mode unless given."""
        conditions = {"attack": attack, "eps_255": eps_255, "statistics": statistics or norms.modes(self.norm)[0]}
        return next((row for row in self.accuracies if conditions.items() <= row.items()), None)


def read_card(path: Path) -> Card:
    """A card from its file; UserError says which field is missing or wrong."""
    fix = "restore the file from the repository, or train the network again, which writes a new card."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"The card {path.name} cannot be read: {error}.", fix) from error
    if problem := _problem(content, path.stem):
        raise UserError(f"The card {path.name} is invalid: {problem}.", fix)
    for key in ("classes", "accuracies", "curve"):
        content[key] = tuple(content[key])
    return Card(**content)


def write_card(path: Path, card: Card) -> None:
    """Replaces the card at `path`. UserError if it cannot be written; the old card stays then."""
    put({path: text(card)}, "free some disk space, then run the same command again; no training is lost.")


def text(card: Card) -> bytes:
    """The card as one JSON object; each row of its tables is on one line."""
    content = json.dumps(asdict(card), indent=1)
    rows = re.compile(r"\{\n {3}[^{}]*(?:\{[^{}]*\}[^{}]*)?\}")
    return (rows.sub(lambda m: " ".join(m[0].split()), content) + "\n").encode()


def _problem(content: Any, name: str) -> str | None:
    """A text about the first problem of a card's content, or None."""
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
        (not MIN_WIDTH <= content["width"] <= MAX_WIDTH, f"'width' is {content['width']}, not from {MIN_WIDTH} to 16"),
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
