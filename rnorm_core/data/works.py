"""The paper and the works that are listed with it (`works.json`): title, authors, year, a sentence and its source."""

import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from urllib.parse import quote_plus

FILE = Path(__file__).with_name("works.json")


@dataclass(frozen=True)
class Work:
    """A work of the list.

    about:  a sentence about the work in our words, based on `source` (an address). Both are None if there is no source.
    page:   key of the page that shows its idea, or None.
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
        """ "Wang 2022". Words of one letter are skipped, because some names are listed with their initials last."""
        names = [word for word in self.authors[0].split() if len(word.strip(".")) > 1]
        return f"{names[-1]} {self.year}"

    @property
    def search(self) -> str:
        """A link that searches for the title at Semantic Scholar."""
        return f"https://www.semanticscholar.org/search?q={quote_plus(self.title)}"


@lru_cache(maxsize=1)
def works() -> tuple[Work, ...]:
    """The paper first, then the other works in the order of the list."""
    listed = json.loads(FILE.read_text(encoding="utf-8"))["works"]
    return tuple(Work(**{**entry, "authors": tuple(entry["authors"])}) for entry in listed)


def themes() -> tuple[str, ...]:
    """All themes, in the order in which they first appear in the list."""
    return tuple(dict.fromkeys(work.theme for work in works()))


def shared_authors() -> tuple[tuple[str, str], ...]:
    """Pairs of keys of works with a common author; names are compared as the list spells them."""
    return tuple((a.key, b.key) for a, b in combinations(works(), 2) if set(a.authors) & set(b.authors))
