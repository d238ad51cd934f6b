"""The paper and the works listed around it: titles, authors, years, and a sourced sentence on each (`works.json`)."""

import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from urllib.parse import quote_plus

FILE = Path(__file__).with_name("works.json")


@dataclass(frozen=True)
class Work:
    """about: what it is about, in this project's words, as `source` says it; both None where no source was found.

    page: key of the page on which its idea can be seen, or None.
    """

    key: str
    title: str
    authors: tuple[str, ...]
    year: int
    theme: str
    page: str | None
    about: str | None
    source: str | None

    @property
    def short(self) -> str:
        """ "Wang 2022"; some names are listed with their initials last."""
        names = [word for word in self.authors[0].split() if len(word.strip(".")) > 1]
        return f"{names[-1]} {self.year}"

    @property
    def search(self) -> str:
        """A link to a search for the title."""
        return f"https://www.semanticscholar.org/search?q={quote_plus(self.title)}"


@lru_cache(maxsize=1)
def works() -> tuple[Work, ...]:
    """The paper first, then the works around it in the order of their list."""
    listed = json.loads(FILE.read_text(encoding="utf-8"))["works"]
    return tuple(Work(**{**entry, "authors": tuple(entry["authors"])}) for entry in listed)


def themes() -> tuple[str, ...]:
    """In the order in which they first appear."""
    return tuple(dict.fromkeys(work.theme for work in works()))


def shared_authors() -> tuple[tuple[str, str], ...]:
    """Pairs of keys of works that have an author in common, as the list spells the names."""
    return tuple((a.key, b.key) for a, b in combinations(works(), 2) if set(a.authors) & set(b.authors))
