"""What the server loads before its first visitor comes."""

import importlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rnorm_core import zoo
from rnorm_core.ui import warm_up
from tests import own_loop

ROOT = Path(__file__).resolve().parents[2]
LIGHT = "import sys, rnorm_core.ui.warm_up; sys.exit('torch' in sys.modules)"


def test_the_module_itself_imports_nothing_heavy():
    """Else `app.py` would import it before the server answers."""
    assert subprocess.run([sys.executable, "-c", LIGHT], cwd=ROOT, check=False).returncode == 0


def test_the_script_waits_for_the_imports_only(monkeypatch):
    importing, go = threading.Event(), threading.Event()

    def slow(name):
        importing.set()
        assert go.wait(10)

    monkeypatch.setattr(importlib, "import_module", slow)

    async def start():
        async with warm_up.lifespan(None):
            pass

    own_loop.run(start())
    assert importing.wait(10)
    waited = threading.Thread(target=warm_up.wait)
    waited.start()
    waited.join(0.1)
    assert waited.is_alive()
    go.set()
    waited.join(10)
    assert not waited.is_alive()


def test_a_failed_import_lets_the_script_go_on(monkeypatch):
    def broken(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", broken)
    warm_up._imported.clear()
    with pytest.raises(ImportError):
        warm_up.load()
    warm_up.wait()


def test_missing_models_are_no_error_here(monkeypatch, tmp_path):
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    warm_up.load()
