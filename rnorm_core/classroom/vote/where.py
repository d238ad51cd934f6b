"""Where votes are stored: in the database that `DATABASE_URL` names, else in a file."""

import os
from pathlib import Path


def home() -> Path:
    """The folder for files that the app itself writes: `RNORM_HOME`, else `~/.cache/rnorm-lab`."""
    named = os.environ.get("RNORM_HOME")
    return Path(named) if named else Path.home() / ".cache" / "rnorm-lab"


def database() -> str:
    """The database's URL."""
    return os.environ.get("DATABASE_URL") or f"sqlite:///{(home() / 'votes.sqlite').absolute()}"


def is_a_file() -> bool:
    """Whether votes are as durable as this server's disk, and no more."""
    return database().startswith("sqlite")
