"""Gives memory back to the system after large work.

glibc keeps what threads have freed for their next requests, each thread from an area of its own: after a class, more
than a gigabyte that nobody uses. Other systems and C libraries do this by themselves, or cannot be asked.
"""

import ctypes
import sys
from functools import cache

AREAS = 2  # for all threads; Python's lock lets hardly more than one ask at a time
_M_ARENA_MAX = -8  # of malloc.h


def few_areas() -> None:
    """Once, before threads begin: all threads take memory from the same few areas."""
    if (libc := _glibc()) is not None:
        libc.mallopt(_M_ARENA_MAX, AREAS)


def give_back() -> None:
    """Takes some milliseconds."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
