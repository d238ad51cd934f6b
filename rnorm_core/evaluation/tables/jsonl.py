"""The file of a measured table, one row of JSON per line. It stays valid after a kill or a full disk.

Every measured table is read and written here. A row is a dataclass; its fields are the JSON's keys, and their
annotations determine the accepted JSON types. The last key, "crc32", is a checksum over the others: a flipped byte is
an error. Rows that older versions wrote have none.
"""

import json
import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Generic, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from rnorm_core.errors import UserError
from rnorm_core.replace import put

DISK_FIX = "free some disk space or name another file with --out, then run the same command again; no row is lost."


@dataclass(frozen=True)
class TableRow(ABC):
    """One line of a table."""

    @property
    @abstractmethod
    def identity(self) -> Hashable:
        """The conditions of the measurement: two rows with equal conditions repeat one measurement."""

    @abstractmethod
    def contradiction(self) -> str | None:
        """A text about impossible values in a row with the right types, or None. It may also raise ValueError."""

    @property
    def line(self) -> str:
        """The row as JSON on one line, with its checksum and a newline."""
        content = asdict(self)
        return json.dumps({**content, "crc32": _checksum(content)}) + "\n"


R = TypeVar("R", bound=TableRow)


@dataclass(frozen=True)
class TableFile(Generic[R]):
    """Reads and writes files with rows of the dataclass `row` as lines. command: it measures such a table.

    Errors are UserErrors that name the file and the first line that is not valid, with the reason.
    """

    row: type[R]
    command: str

    def read(self, path: Path) -> tuple[R, ...]:
        """All rows. UserError if the file cannot be read, or if a line is broken or repeats an earlier measurement."""
        return self._rows(path, self._content(path))

    def heal(self, path: Path) -> tuple[R, ...]:
        """Reads all rows before others are appended; no file means no rows.

        If a kill cut the last line short, this line is removed from the file. UserError as for `read`, and if the file
        cannot be appended to.
        """
        self.append(path, ())
        content = self._content(path)
        whole = content.rfind(b"\n") + 1
        beginning = f'{{"{fields(self.row)[0].name}": '.encode()  # of every line
        if not content[whole:].startswith(beginning[: len(content) - whole]):
            return self._rows(path, content)  # no line of a table: a file of another kind is not shortened
        rows = self._rows(path, content[:whole])
        os.truncate(path, whole)
        return rows

    def append(self, path: Path, rows: Iterable[R]) -> None:
        """Adds rows at the end, all or none. UserError if they cannot be written."""
        content = "".join(row.line for row in rows).encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab", buffering=0) as file:
                before = file.tell()
                try:
                    while content:
                        content = content[file.write(content) :]
                except OSError:
                    file.truncate(before)
                    raise
        except OSError as error:
            raise UserError(f"{path} could not be written: {error}.", DISK_FIX) from error

    def write(self, path: Path, rows: Iterable[R]) -> None:
        """Replaces the file in one move. UserError if it cannot be written; the old file stays then."""
        put({path: "".join(row.line for row in rows).encode()}, DISK_FIX)

    def parse(self, line: str) -> R:
        """A row from a line of JSON; ValueError says how the line is wrong."""
        content = json.loads(line, parse_constant=_refuse_constant)
        if not isinstance(content, dict):
            raise ValueError("it is not a JSON object")
        if "crc32" in content and content.pop("crc32") != _checksum(content):
            raise ValueError("it does not match its checksum")
        types = _json_types(self.row)
        if missing := sorted(types.keys() - content.keys()):
            raise ValueError(f"it lacks {', '.join(missing)}")
        if unknown := sorted(content.keys() - types.keys()):
            raise ValueError(f"there is no field {', '.join(unknown)}")
        for name, accepted in types.items():
            if not isinstance(content[name], accepted) or isinstance(content[name], bool):
                raise ValueError(f"{name!r} has the wrong type ({type(content[name]).__name__})")
        hints = _hints(self.row)
        row = self.row(**{k: tuple(v) if get_origin(hints[k]) is tuple else v for k, v in content.items()})
        if problem := row.contradiction():
            raise ValueError(problem)
        return row

    def _content(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise UserError(f"{path.name} cannot be read: {error}.", self._fix) from error

    def _rows(self, path: Path, content: bytes) -> tuple[R, ...]:
        rows: dict[Hashable, R] = {}
        for number, line in enumerate(content.splitlines(), start=1):
            try:
                row = self.parse(line.decode())
                if rows.setdefault(row.identity, row) is not row:
                    raise ValueError("an earlier line holds the same measurement")
            except ValueError as error:
                raise UserError(f"Line {number} of {path.name} is invalid: {error}.", self._fix) from error
        return tuple(rows.values())

    @property
    def _fix(self) -> str:
        return f"restore the file, or delete the line and run `{self.command}`, which measures what is missing."


def _checksum(content: dict[str, Any]) -> str:
    """CRC-32 in hexadecimal digits; over the JSON, which is the same before it is written and after it is read."""
    return f"{zlib.crc32(json.dumps(content).encode()):08x}"


@cache
def _json_types(row: type) -> dict[str, tuple[type, ...]]:
    """For each field, the types that `json.loads` may return."""
    return {field.name: _accepted(_hints(row)[field.name]) for field in fields(row)}


_hints = cache(get_type_hints)


def _accepted(annotation: Any) -> tuple[type, ...]:
    if isinstance(annotation, UnionType):
        return tuple(kind for part in get_args(annotation) for kind in _accepted(part))
    kind = get_origin(annotation) or annotation
    return {float: (int, float), tuple: (list,)}.get(kind, (kind,))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a finite number")  # Python's JSON accepts NaN and Infinity
