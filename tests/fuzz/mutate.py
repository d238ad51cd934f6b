"""Files that nobody would write: a sound file with a few changes, the same for the same seed."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import thread_time

EXTREMES = [value.to_bytes(size, order) for size in (2, 4, 8) for order in ("big", "little")
            for value in (0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1)]  # fmt: skip
SECONDS, GROWTH = 2.0, 100_000_000  # at most, for a file; and for all files together, in bytes


def changed(sound: Sequence[bytes], seed: int) -> bytes:
    """One of the sound files with one to four changes."""
    rng = random.Random(seed)
    raw = bytearray(rng.choice(sound))
    for _ in range(rng.randint(1, 4)):
        rng.choice(CHANGES)(raw, rng, sound)
    return bytes(raw)


def _flip(raw: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    for _ in range(rng.choice((1, 3, 30))):
        if raw:
            raw[_place(raw, rng)] ^= 1 << rng.randrange(8)


def _cut(raw: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    del raw[_place(raw, rng) :]


def _remove(raw: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(raw, rng)
    del raw[at : at + rng.choice((1, 4, 100))]


def _repeat(raw: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(raw, rng)
    raw[at:at] = raw[at : at + rng.choice((1, 8, 300))] * rng.choice((1, 10, 300))


def _put_extreme(raw: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    value, at = rng.choice(EXTREMES), _place(raw, rng)
    raw[at : at + len(value)] = value


def _splice(raw: bytearray, rng: random.Random, sound: Sequence[bytes]) -> None:
    other = rng.choice(sound)
    raw[_place(raw, rng) :] = other[rng.randrange(len(other)) :]


CHANGES: tuple[Callable, ...] = (_flip, _cut, _remove, _repeat, _put_extreme, _splice)


def _place(raw: bytearray, rng: random.Random) -> int:
    """Half of the changes concern the first bytes, where a format keeps its sizes."""
    return rng.randrange(min(len(raw), 200) if rng.random() < 0.5 else len(raw)) if raw else 0


@contextmanager
def no_hang(seed: int) -> Iterator[None]:
    """Fails if its block takes longer than `SECONDS` of this thread's own time (not of a busy machine's)."""
    begun = thread_time()
    yield
    assert thread_time() - begun < SECONDS, f"seed {seed} took {thread_time() - begun:.1f} s"


@contextmanager
def no_growth() -> Iterator[None]:
    """Fails if the process holds more than `GROWTH` bytes more after its block than before."""
    before = resident()
    yield
    assert resident() - before < GROWTH, f"{(resident() - before) / 1e6:.0f} MB"


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
