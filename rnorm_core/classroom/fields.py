"""Typed fields of a lesson's files. Every error names the file, the line and the remedy."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from rnorm_core.classroom.yaml_tree import Node
from rnorm_core.errors import UserError

LONGEST = 600  # letters of a text in a field


class LessonError(UserError):
    """A lesson's file that is broken. file: as it is shown, with its folder. line: from 1."""

    def __init__(self, file: str, line: int, reason: str, fix: str) -> None:
        super().__init__(f"{file}, line {line}: {reason}.", fix)
        self.file, self.line, self.reason = file, line, reason

    def __reduce__(self) -> tuple:
        return type(self), (self.file, self.line, self.reason, self.fix)


@dataclass(frozen=True)
class Place:
    """Where in a lesson something stands, for errors."""

    file: str
    line: int

    def error(self, reason: str, fix: str) -> LessonError:
        return LessonError(self.file, self.line, reason, fix)


@dataclass(frozen=True)
class Text:
    """A text of a lesson: Markdown with `{experiment.value}` and `[[glossary word]]`, see `texts`."""

    text: str
    place: Place


class Fields:
    """The fields of a mapping. Each is read once, by its type; `done` complains about fields that nobody has read."""

    def __init__(self, file: str, node: Node, what: str) -> None:
        self.place, self.what = Place(file, node.line), what
        if not isinstance(node.value, dict):
            raise self.place.error(f"{what} has no fields", "write them as `name: value`, one a line.")
        self._left, self._known = dict(node.value), list[str]()

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def text(self, name: str, default: str | None = None, most: int = LONGEST) -> str:
        node = self._take(name, default is not None)
        if node is None:
            return default or ""
        if not isinstance(node.value, str) or not node.value.strip():
            raise self._wrong(node, name, "is no text", "write a text after the colon.")
        if len(node.value) > most:
            raise self._wrong(node, name, f"has {len(node.value):,} letters", f"use {most:,} at most.")
        return node.value.strip()

    def long_text(self, name: str, default: str | None = None, most: int = 4 * LONGEST) -> Text:
        line = self._left[name].line if name in self._left else self.place.line
        return Text(self.text(name, default, most), Place(self.place.file, line))

    def one_of(self, name: str, options: Collection[str], default: str | None = None) -> str:
        node = self._left.get(name)
        chosen = self.text(name, default)
        if node is not None and chosen not in options:
            raise self._wrong(node, name, f"is {chosen!r}", f"choose one of {', '.join(options)}.")
        return chosen

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        node = self._take(name, default is not None)
        if node is None:
            return 0.0 if default is None else default
        return self._number(node, name, low, high)

    def texts(self, name: str, options: Collection[str] | None = None, most: int = 6) -> tuple[str, ...]:
        """A list of one to `most` different texts; one text alone is a list, too."""
        nodes = self._list(name, most)
        found = [node.value.strip() if isinstance(node.value, str) else "" for node in nodes]
        for node, text in zip(nodes, found, strict=True):
            if not text or (options is not None and text not in options):
                fix = f"choose from {', '.join(options)}." if options else "write texts."
                raise self._wrong(node, name, f"has {text!r}" if text else "has no text", fix)
        return self._different(name, nodes, found)

    def numbers(self, name: str, options: Collection[float], most: int = 8) -> tuple[float, ...]:
        nodes = self._list(name, most)
        found = [self._number(node, name, -math.inf, math.inf) for node in nodes]
        for node, number in zip(nodes, found, strict=True):
            if number not in options:
                fix = f"choose from {', '.join(f'{option:g}' for option in options)}."
                raise self._wrong(node, name, f"has {number:g}, which was not measured", fix)
        return self._different(name, nodes, found)

    def mapping(self, name: str, default: bool = False) -> "Fields":
        node = self._take(name, default)
        return Fields(self.place.file, node or Node(self.place.line, {}), f"{name!r}")

    def mappings(self, name: str, least: int, most: int) -> list["Fields"]:
        nodes = self._list(name, most)
        if len(nodes) < least:
            raise self._wrong(nodes[0], name, f"has {len(nodes)} entry", f"write {least} to {most}.")
        return [Fields(self.place.file, node, f"an entry of {name!r}") for node in nodes]

    def items(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        """All fields that are left, by name: a text or a list of texts each."""
        return [(name, self.texts(name)) for name in list(self._left)]

    def done(self) -> None:
        for name, node in self._left.items():
            fix = f"its fields are {', '.join(self._known)}." if self._known else "it takes no fields: leave it out."
            raise Place(self.place.file, node.line).error(f"{self.what} has no field {name!r}", fix)

    def error(self, name: str, reason: str, fix: str) -> LessonError:
        return self.place.error(f"{name!r} {reason}", fix)

    def _take(self, name: str, optional: bool = False) -> Node | None:
        self._known.append(name)
        if name in self._left:
            return self._left.pop(name)
        if optional:
            return None
        raise self.place.error(f"{self.what} has no {name!r}", f"add a line `{name}: ...`.")

    def _list(self, name: str, most: int) -> list[Node]:
        node = self._take(name)
        assert node is not None
        nodes = node.value if isinstance(node.value, list) else [node]
        if not 0 < len(nodes) <= most:
            raise self._wrong(node, name, f"has {len(nodes)} entries", f"write 1 to {most}.")
        return nodes

    def _number(self, node: Node, name: str, low: float, high: float) -> float:
        try:
            number = float(node.value)  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError):
            number = math.nan
        if not low <= number <= high:
            fix = f"write a number from {low:g} to {high:g}." if math.isfinite(high) else "write a number."
            raise self._wrong(node, name, "is no such number", fix)
        return number

    def _different(self, name: str, nodes: list[Node], found: list) -> tuple:
        if len(set(found)) < len(found):
            raise self._wrong(nodes[-1], name, "names something twice", "name each once.")
        return tuple(found)

    def _wrong(self, node: Node, name: str, reason: str, fix: str) -> LessonError:
        return Place(self.place.file, node.line).error(f"{name!r} {reason}", fix)
