"""Where votes are stored: in the database that `DATABASE_URL` names, else in a file in `RNORM_HOME`."""

import os
from pathlib import Path

from rnorm_core.home import home


def database() -> str:
    """The database's URL. UserError where there is no folder for a file."""
    return os.environ.get("DATABASE_URL") or f"sqlite:///{home() / 'votes.sqlite'}"


def is_a_file() -> bool:
    """Whether votes are as durable as this server's disk, and no more."""
    return os.environ.get("DATABASE_URL", "sqlite").startswith("sqlite")


def is_gone(url: str) -> bool:
    """Whether the database is a file that somebody has deleted."""
    path = url.removeprefix("sqlite:///")
    return path != url and not Path(path).exists()
