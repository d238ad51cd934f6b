"""Whether anything has changed in a room. The database is asked once a second, however many phones ask."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

FRESH = 1.0  # seconds for which a tag is given again
MOST = 1000  # rooms that are remembered


@dataclass
class _Known:
    tag: str
    until: float


class Watch:
    """read(code): the tag of a room's state, which changes with it."""

    def __init__(self, read: Callable[[str], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._known: dict[str, _Known] = {}

    async def tag(self, code: str) -> str:
        """At most `FRESH` old, but older while another phone's question is on its way. Raises what `read` raises."""
        known, now = self._known.get(code), self._clock()
        if known is not None:
            if now < known.until:
                return known.tag
            known.until = now + FRESH  # the others do not ask as well
        try:
            tag = await run_in_threadpool(self._read, code)
        except BaseException:
            self._known.pop(code, None)
            raise
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[code] = _Known(tag, self._clock() + FRESH)
        return tag
