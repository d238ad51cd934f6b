"""Loads what all pages need while the first visitor's browser is still loading the app.

torch alone takes more than a second to import. `app.py` begins this with the server. The script of the app waits for
the imports: two threads that import the same packages at once may see one of them half imported.
"""

import importlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from rnorm_core.jobs import memory

ALL_PAGES_NEED = (
    "rnorm_core.ui.settings.bar", "rnorm_core.ui.shared.guard", "rnorm_core.ui.shared.growing_result",
    "rnorm_core.ui.shared.panels", "rnorm_core.ui.chart.component", "plotly.graph_objects",
)  # fmt: skip
_imported = threading.Event()
_imported.set()  # without a warm-up nobody has to wait


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """Begins to load when the server starts. The thread ends by itself, so a server that stops early waits for it."""
    memory.few_areas()
    _imported.clear()
    threading.Thread(target=load, name="rnorm-warm-up").start()
    yield


def wait() -> None:
    """Waits until a warm-up that has begun has imported everything."""
    _imported.wait()


def load() -> None:
    """Imports the packages, then reads the shipped results and the networks with which pages begin."""
    try:
        for module in ALL_PAGES_NEED:
            importlib.import_module(module)
    finally:
        _imported.set()  # where an import fails, the page fails in the same way and shows it
    from rnorm_core.errors import UserError
    from rnorm_core.experiments import shipped
    from rnorm_core.ui.shared.live_job import one_thread

    one_thread()
    with suppress(UserError):  # missing or damaged files: the page that needs them says so
        for defaults in shipped.DEFAULTS.values():
            for default in defaults:
                shipped.result(default.request())
