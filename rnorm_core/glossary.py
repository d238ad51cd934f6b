"""The glossary (`glossary.json`): two plain sentences about each term, and the page that shows it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from rnorm_core.errors import UserError

FILE = Path(__file__).with_name("glossary.json")


@dataclass(frozen=True)
class Entry:
    """term: the text as shown. text: two sentences. page: key of the page that shows it. formula: LaTeX, or empty.
    aliases: other words for the term on the screen.
    """

    term: str
    text: str
    page: str
    formula: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words that `find` accepts for this entry: the term and its aliases."""
        return (self.term, *self.aliases)


@lru_cache(maxsize=1)
def entries() -> tuple[Entry, ...]:
    """All entries, in alphabetical order."""
    return read(FILE)


def find(word: str) -> Entry:
    """The entry with this term or alias, in upper or lower case; for another word UserError, which lists the terms."""
    for entry in entries():
        if _plain(word) in map(_plain, entry.words):
            return entry
    raise UserError(
        f"The glossary does not explain {word!r}.", f"choose one of {', '.join(entry.term for entry in entries())}."
    )


def read(path: Path) -> tuple[Entry, ...]:
    """The entries of a file, in alphabetical order; UserError, with the name of the entry, if the file is not valid."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _broken(path, f"cannot be read ({error})") from error
    if not isinstance(listed, list) or not listed:
        raise _broken(path, "is not a list of entries")
    parsed = [_entry(path, number, content) for number, content in enumerate(listed, start=1)]
    seen: set[str] = set()
    for entry in parsed:
        for word in entry.words:
            if _plain(word) in seen:
                raise _broken(path, f"is broken at the entry {entry.term!r}: the word {word!r} was there before")
            seen.add(_plain(word))
    return tuple(sorted(parsed, key=lambda entry: _plain(entry.term)))


def _entry(path: Path, number: int, content: Any) -> Entry:
    if not isinstance(content, dict):
        raise _broken(path, f"is broken at entry number {number}: it is no object")
    if problem := next(_problems(content), None):
        name = repr(content["term"]) if content.get("term") else f"number {number}"
        raise _broken(path, f"is broken at the entry {name}: {problem}")
    return Entry(**{**content, "aliases": tuple(content.get("aliases", ()))})


def _problems(content: dict[str, Any]) -> Iterator[str]:
    known = [field.name for field in fields(Entry)]
    yield from (f"there is no field {key!r}" for key in content if key not in known)
    for key in ("term", "text", "page"):
        if not _is_text(content.get(key)):
            yield f"{key!r} is missing"
    if not _is_text(content.get("formula", "-")):
        yield "'formula' is no text"
    aliases = content.get("aliases", [])
    if not isinstance(aliases, list) or not all(map(_is_text, aliases)):
        yield "'aliases' is no list of words"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _plain(word: str) -> str:
    return " ".join(word.split()).casefold()


def _broken(path: Path, what: str) -> UserError:
    return UserError(f"The glossary {path.name} {what}.", "correct it, or restore the file from the repository.")
