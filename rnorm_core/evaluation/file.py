"""A table as a file, one row a line: appended to while it is measured, sound after a kill or a full disk."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from rnorm_core.errors import UserError
from rnorm_core.evaluation.row import Row, parse
from rnorm_core.replace import put

COMMAND = "python -m rnorm_core.evaluation"
FIX = "restore the file, or delete the line and run the command that writes it: it measures what is missing."
AGAIN = "make room or name another file with --out, then run the same command again; what the file holds stays."
BEGINNING = b'{"model": "'  # of every line


class Line(Protocol):
    @property
    def line(self) -> str: ...


def read(path: Path) -> tuple[Row, ...]:
    """All rows of a table's file; UserError names the first line that is not sound, with the reason."""
    return _rows(path, _content(path))


def identity(row: Row) -> tuple:
    """The conditions of a row: two rows that share them are two measurements of one thing."""
    settings = tuple(sorted((key, repr(value)) for key, value in row.settings.items()))
    return (row.model, row.weight_hash, row.statistics, row.attack, settings, row.eps_255, row.pixels,
            row.images, row.batch_size, row.seed)  # fmt: skip


def heal(path: Path) -> tuple[Row, ...]:
    """`read` for who will `append`: a last line that a kill cut short is taken off the file; no file is no rows.

    UserError also where the file could not be appended to.
    """
    append(path, ())
    content = _content(path)
    whole = content.rfind(b"\n") + 1
    if content[whole:].startswith(BEGINNING[: len(content) - whole]):
        rows = _rows(path, content[:whole])  # nothing is cut off a file that is no table
        os.truncate(path, whole)
        return rows
    return _rows(path, content)


def append(path: Path, rows: Iterable[Line]) -> None:
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
        raise UserError(f"{path} could not be written: {error}.", AGAIN) from error


def write(path: Path, rows: Iterable[Line]) -> None:
    """Replaces the file in one move. UserError if it cannot be written, and the one before stays."""
    put({path: "".join(row.line for row in rows).encode()}, AGAIN)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"The table {path.name} cannot be read: {error}.", FIX) from error


def _rows(path: Path, content: bytes) -> tuple[Row, ...]:
    rows: dict[tuple, Row] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            row = parse(line.decode())
            if rows.setdefault(identity(row), row) is not row:
                raise ValueError(f"{row.model} is measured under these conditions in an earlier line already")
        except ValueError as error:
            raise UserError(f"Line {number} of the table {path.name} is not sound: {error}.", FIX) from error
    return tuple(rows.values())
