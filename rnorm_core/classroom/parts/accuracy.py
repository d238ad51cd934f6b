"""Accuracies of networks by attack size, from the table of accuracies."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, Self

from rnorm_core import evaluation, model_names, norms, zoo
from rnorm_core.attacks import CATALOGUE
from rnorm_core.classroom.fields import Fields
from rnorm_core.classroom.parts.part import DATASET, Bar, BarPart, Picture, needed, network, networks, read_dataset
from rnorm_core.classroom.parts.value import Value
from rnorm_core.data import CLASSES
from rnorm_core.evaluation import Row
from rnorm_core.evaluation.tables import accuracies, curves
from rnorm_core.evaluation.tables.alike import like_with_like
from rnorm_core.evaluation.tables.freshness import shipped_weights
from rnorm_core.evaluation.tables.headline import WHAT, attacks_of, by_size
from rnorm_core.norms import STATISTICS
from rnorm_core.zoo import Variant

SIZES = (0, 0.25, 0.5, 1, 1.5, 2, 4, 8)  # k of k/255
FILE = "png"  # a word: after the attack the images are saved as files of 8 bits
# Words for the attack of a line; without one it is the worst case over the attacks that were measured.
ATTACKS = {"noise": "random noise", "fgsm": "FGSM", "pgd": "PGD"}  # short: a bar has one line


@dataclass(frozen=True)
class Line:
    """One network under one attack, written in words: "bn", "bn noise", "rn batch", "bn png", "bn cifar100"."""

    words: tuple[str, ...]
    dataset: str = DATASET

    @property
    def key(self) -> str:
        return "_".join(self.words)

    @property
    def attack(self) -> str:
        return next((word for word in self.words if word in ATTACKS), "")

    @property
    def pixels(self) -> str:
        return "8-bit" if FILE in self.words else "float"

    @property
    def variant(self) -> Variant:
        mode = next((word for word in self.words[1:] if word in STATISTICS), None)
        return network(self.dataset, self.words[0], mode)

    @property
    def label(self) -> str:
        return self.named(self.variant.label)

    def named(self, network: str) -> str:
        """The label with another name of the network."""
        rest = [ATTACKS[self.attack]] if self.attack else []
        return ", ".join([network, *rest, *(["saved as PNG"] if FILE in self.words else [])])

    def rows(self, beside: tuple["Line", ...] = ()) -> Mapping[float, Row]:
        """The row of every size that was measured, k of k/255; 0 is clean.

        beside: the lines of the same picture. Where no attack is named, all of them are under the same ones.
        """
        tables = {one.dataset: zoo.stamp(accuracies.shipped(one.dataset)) for one in (self, *beside)}
        return _rows(self, beside, tuple(tables.items()), tuple(shipped_weights()))


@lru_cache(maxsize=128)
def _rows(line: Line, beside: tuple[Line, ...], *_stamps: tuple) -> Mapping[float, Row]:
    """Found once for the contents of the table and of the cards."""
    table = evaluation.table(line.dataset)
    others = [one for one in beside if not one.attack and one != line]
    tables = {one.dataset: evaluation.table(one.dataset) for one in (line, *others)}
    same = like_with_like([(tables[one.dataset], one.variant, one.pixels) for one in (line, *others)])[0]
    if not line.attack:
        return by_size(same, line.variant, line.pixels)
    where = (table, same) if others else (table,)  # on the images of the worst cases beside it, where it has them
    rows = [curves.of_variant(some, line.variant, line.attack, line.pixels) for some in where]
    return {row.eps_255: row for some in rows for row in some}


@dataclass(frozen=True)
class AccuracyBySize(BarPart):
    """lines: one to nine networks or attacks. numbers: attack sizes, k of k/255; 0 is without an attack.

    Values: `bn_at_1`, `rn_batch_at_8`, `bn_noise_at_0`.
    """

    NAME: ClassVar[str] = "accuracy"
    ASKS: ClassVar[str] = "Attack sizes (eps, k/255)"
    UNIT: ClassVar[str] = "/255"

    lines: tuple[Line, ...]

    @classmethod
    def read(cls, fields: Fields) -> Self:
        texts, dataset = fields.texts("lines", most=9), read_dataset(fields)
        return cls(fields.numbers("sizes", SIZES), tuple(_line(fields, text, dataset) for text in texts))

    @property
    def of_several_datasets(self) -> bool:
        return len({line.dataset for line in self.lines}) > 1

    def on(self, dataset: str) -> Self | None:
        if self.of_several_datasets:
            return None
        return replace(self, lines=tuple(replace(line, dataset=dataset) for line in self.lines))

    def options(self) -> tuple[float, ...]:
        measured = [set(line.rows(self.lines)) for line in self.lines]
        return tuple(sorted(set[float]().union(*measured).intersection(*measured)))

    def values(self) -> dict[str, Value]:
        return {f"{line.key}_at_{eps:g}": self._value(line, eps) for line in self.lines for eps in self.numbers}

    def pictures(self) -> list[Picture]:
        """A picture of each size; of one line alone, one picture of all sizes."""
        if len(self.lines) == 1:
            (line,) = self.lines
            bars = [Bar(_at(eps), line.variant.norm, self._value(line, eps)) for eps in self.numbers]
            return [Picture(f"{line.label}: still right", tuple(bars))]
        return [
            Picture(
                "Right without an attack" if not eps else f"Still right at {eps:g}/255",
                tuple(Bar(self._label(line), line.variant.norm, self._value(line, eps)) for line in self.lines),
            )
            for eps in self.numbers
        ]

    def variants(self) -> list[Variant]:
        return list(dict.fromkeys(line.variant for line in self.lines))

    def measured(self) -> str:
        what = WHAT + " (of those that all of these had)" * self._leaves_attacks_out()
        if named := [CATALOGUE[line.attack].title for line in self.lines if line.attack]:
            what += f"; where a bar names {' or '.join(dict.fromkeys(named))}, under that alone"
        return what + ", in batches of 128" * any(norms.looks_at_batch(one.statistics) for one in self.variants())

    def _leaves_attacks_out(self) -> bool:
        """Whether one of the networks was measured under stronger attacks than its bars show."""
        here, every = ([line.rows(beside) for line in self.lines] for beside in (self.lines, ()))
        pairs = ((one.get(eps), all_.get(eps)) for one, all_ in zip(here, every, strict=True) for eps in self.numbers)
        return any(one and other and attacks_of(one) != attacks_of(other) for one, other in pairs)

    def rows(self) -> list[Row]:
        """The measured rows in the pictures."""
        return [row for line in self.lines for eps in self.numbers if (row := line.rows(self.lines).get(eps))]

    def _label(self, line: Line) -> str:
        """The line's label; it also says what is usual where another line of the same network is unusual there."""
        others = [
            one for one in self.lines if one.words[0] == line.words[0] and one.dataset == line.dataset and one != line
        ]
        name = line.variant.label
        if self.of_several_datasets and line.dataset == DATASET:
            name = f"{model_names.dataset(DATASET)} {name}"
        if line.variant.statistics == "tracked" and any(one.variant != line.variant for one in others):
            name += " with its memory"
        label = line.named(name)
        if not line.attack and (beside := {one.attack for one in others if one.attack}):
            label += ", under attack" if beside == {"noise"} else ", worst case"
        if line.pixels == "float" and any(one.pixels != "float" for one in others):
            label += ", as computed"
        return label

    def _value(self, line: Line, eps_255: float) -> Value:
        row = line.rows(self.lines).get(eps_255)
        return needed(row and Value.of_row(row), f"{line.label} at {eps_255:g}/255")


def _line(fields: Fields, text: str, dataset: str) -> Line:
    words = tuple(text.split())
    named = [word for word in words if word in CLASSES]
    dataset = named[0] if named else dataset
    first, rest, known = words[0], words[1:], networks(dataset)
    if first not in known:
        raise fields.error("lines", f"begins with {first!r}", f"begin with one of {', '.join(known)}.")
    possible = [*norms.modes(network(dataset, first).norm), *ATTACKS, FILE, *CLASSES]
    wrong = [word for word in rest if word not in possible]
    if wrong or len(set(rest)) < len(rest) or len(named) > 1:
        raise fields.error("lines", f"has {text!r}", f"after the network write some of {', '.join(possible)}.")
    return Line(words, dataset)


def _at(eps_255: float) -> str:
    return f"at {eps_255:g}/255" if eps_255 else "without an attack"
