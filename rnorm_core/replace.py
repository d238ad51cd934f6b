"""Writes files safely: after a kill, a full disk or a missing permission the old files are unchanged."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rnorm_core.errors import UserError


def put(contents: Mapping[Path, bytes], fix: str) -> None:
    """Writes all new files under other names first, then renames them. Creates folders if needed.

    fix: the fix in the UserError that is raised if a file cannot be written.
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
