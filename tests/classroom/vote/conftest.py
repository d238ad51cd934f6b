"""A store of votes in SQLite and in a real PostgreSQL."""

import uuid

import pytest
from sqlalchemy import create_engine, make_url, text

from rnorm_core.classroom.question import Choice, Question
from rnorm_core.classroom.vote import store as store_module
from rnorm_core.classroom.vote.store import Store
from tests import postgres


class Clock:
    """Stands still until it is set."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def question() -> Question:
    choices = (Choice("the mean", "It moves too."), Choice("the scale", "Yes."), Choice("neither", "Look again."))
    return Question("What does the attack move?", choices, right=1)


@pytest.fixture(scope="session")
def postgres_server():
    if reason := postgres.why_not():
        pytest.skip(reason)
    with postgres.running() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deep/votes.sqlite"
    server = request.getfixturevalue("postgres_server")
    name = f"votes_{uuid.uuid4().hex}"
    driven = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(driven, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url, clock):
    made = Store(url, clock)
    yield made
    made.dispose()


@pytest.fixture
def shared(url, monkeypatch):
    """The store that the pages use, in this test."""
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setattr(store_module, "_shared", {})
    made = store_module.shared()
    yield made
    made.dispose()
