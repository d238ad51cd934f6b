"""Writing files so that a kill, a full disk or a missing right leaves what was there before."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rnorm_core.errors import UserError


def put(contents: Mapping[Path, bytes], fix: str) -> None:
    """Writes all files aside before the first one takes its place; folders are made as needed.

    UserError with `fix` if that cannot be done.
    """
    aside = {path: path.with_name(path.name + ".partial") for path in contents}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            aside[path].write_bytes(content)
        for path in contents:
            os.replace(aside[path], path)
    except OSError as error:
        raise UserError(f"{next(iter(contents))} could not be written: {error}.", fix) from error
    finally:
        for partial in aside.values():
            with suppress(OSError):
                partial.unlink()
