"""The folder for what the app and its commands write by themselves: checkpoints of trainings, votes of a class.

The environment variable `RNORM_HOME` names it; without it, it is `~/.cache/rnorm-lab`. It may be deleted at any time,
also while the app runs: trainings then begin again, and votes are lost. Files that a person requests, such as a trained
network, are written where the command's options say. Downloaded images are in the Hugging Face cache (`HF_HOME`).
"""

import os
from pathlib import Path

from rnorm_core.errors import UserError


def home() -> Path:
    """The folder, which exists after the call. Call it for each use: somebody may have deleted the folder since.

    UserError if it cannot be made or written to.
    """
    named = os.environ.get("RNORM_HOME")
    folder = Path(named).absolute() if named else Path.home() / ".cache" / "rnorm-lab"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be made: {error.strerror}.", _FIX) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"The folder {folder} cannot be written to.", _FIX)
    return folder


_FIX = "set RNORM_HOME to a folder that can be written to."
