"""Titles of norm layers, made from their paths in the network."""

from collections.abc import Iterable

NAMES = {"blocks": "block", "features": "part"}  # parts of a path that read badly


def title(path: str) -> str:
    """ "blocks.0.first.norm" -> "block 1 first"."""
    parts = [part for part in path.split(".") if part != "norm"]
    return " ".join(str(int(part) + 1) if part.isdigit() else NAMES.get(part, part) for part in parts)


def numbered(paths: Iterable[str]) -> list[str]:
    """Titles with the number of the layer in front, from 1: "2 block 1 first". Addresses contain these."""
    return [f"{number} {title(path)}" for number, path in enumerate(paths, 1)]
