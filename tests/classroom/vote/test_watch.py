"""Many phones ask, and the database is asked once a second."""

import asyncio

import pytest

from rnorm_core.classroom.vote import watch
from rnorm_core.classroom.vote.errors import NoRoom
from rnorm_core.classroom.vote.watch import Watch
from tests import own_loop


class Room:
    """Counts how often it is read."""

    def __init__(self) -> None:
        self.tag, self.reads, self.time = "first", 0, 0.0

    def read(self, code: str) -> str:
        self.reads += 1
        if not self.tag:
            raise NoRoom
        return f"{self.tag} of {code}"

    def clock(self) -> float:
        return self.time


def test_the_database_is_asked_once_a_second():
    room = Room()
    shared = Watch(room.read, room.clock)

    async def phones() -> None:
        assert await shared.tag("A") == "first of A"
        room.tag = "second"
        assert {await shared.tag("A") for _ in range(100)} == {"first of A"}
        assert room.reads == 1
        room.time = 1.0
        found = await asyncio.gather(*(shared.tag("A") for _ in range(100)))
        assert room.reads == 2
        assert found[0] == "second of A"
        assert await shared.tag("A") == "second of A"
        assert await shared.tag("B") == "second of B"

    own_loop.run(phones())


def test_a_room_that_ends_is_gone_within_a_second():
    room = Room()
    shared = Watch(room.read, room.clock)

    async def phones() -> None:
        await shared.tag("A")
        room.tag, room.time = "", 1.0
        for _ in range(2):
            with pytest.raises(NoRoom):
                await shared.tag("A")

    own_loop.run(phones())


def test_many_rooms_are_not_kept_for_good(monkeypatch):
    monkeypatch.setattr(watch, "MOST", 10)
    room = Room()
    shared = Watch(room.read, room.clock)

    async def phones() -> None:
        for i in range(50):
            await shared.tag(str(i))

    own_loop.run(phones())
    assert len(shared._known) <= 10
