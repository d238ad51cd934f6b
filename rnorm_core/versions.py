"""The versions of the software that made a result or a model."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

import torch

HERE = Path(__file__).resolve()


def versions() -> dict[str, str]:
    """Versions of this project, of torch and of Python; results depend on them."""
    return {"robustnorm-lab": code_version(), "torch": torch.__version__, "python": platform.python_version()}


def code_version() -> str:
    """A checkout's commit, with "+changes" if the code differs from it; else the installed version or "unknown"."""
    try:
        _git("ls-files", "--error-unmatch", HERE.name)  # an installed copy may lie inside another project's checkout
        return _git("rev-parse", "--short=12", "HEAD") + (
            "+changes" if _git("status", "--porcelain", "--", ".") else ""
        )
    except (OSError, subprocess.CalledProcessError):
        pass  # no git, no checkout
    try:
        return importlib.metadata.version("robustnorm-lab")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=HERE.parent, capture_output=True, text=True, check=True).stdout.strip()
