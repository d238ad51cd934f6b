"""The tables of the votes, and the connection to any database that SQLAlchemy knows. No names, no addresses."""

import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

# A server's database may hold other things, so all names begin with "vote_". Times are seconds since 1970.
TABLES = MetaData()


def _parent(column: str) -> ForeignKey:
    return ForeignKey(column, ondelete="CASCADE")


ROOM = Table(
    "vote_room", TABLES,
    Column("code", String(8), primary_key=True),
    Column("owner", String(64), nullable=False),  # hash of the owner's secret
    Column("opened", BigInteger, nullable=False),
)  # fmt: skip
PHONE = Table(
    "vote_phone", TABLES,
    Column("id", Integer, primary_key=True),
    Column("room", _parent("vote_room.code"), nullable=False),
    Column("token", String(64), nullable=False),  # hash of the phone's token
    UniqueConstraint("room", "token"),
)  # fmt: skip
QUESTION = Table(
    "vote_question", TABLES,
    Column("id", Integer, primary_key=True),
    Column("room", _parent("vote_room.code"), nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("choices", Text, nullable=False),  # JSON: [[text, feedback], ...]
    Column("right", SmallInteger),  # index of the right choice
    Column("source", String(200), nullable=False),  # of a lesson's question: where it stands there
    Column("revealed", Boolean, nullable=False),
)  # fmt: skip
ROUND = Table(
    "vote_round", TABLES,
    Column("id", Integer, primary_key=True),
    Column("question", _parent("vote_question.id"), nullable=False),
    Column("number", SmallInteger, nullable=False),  # 1 or 2
    Column("closed", Boolean, nullable=False),
    UniqueConstraint("question", "number"),
)  # fmt: skip
ANSWER = Table(
    "vote_answer", TABLES,
    Column("round", _parent("vote_round.id"), primary_key=True),
    Column("phone", _parent("vote_phone.id"), primary_key=True, index=True),  # so one phone has one answer in a round
    Column("choice", SmallInteger, nullable=False),
)  # fmt: skip

# More threads at once wait for each other: a new connection costs more than the transaction that it is for.
POOL: dict[str, Any] = {"pool_size": 8, "max_overflow": 0}
IDLE = 10.0  # seconds after which a connection is tested before it is used
WRITES = "writes"  # option of a connection whose transactions write


def connect(address: str) -> Engine:
    """An engine for the database, whose tables exist after the call. A SQLite file gets its folder."""
    url = make_url(address)
    if url.drivername in {"postgres", "postgresql"}:  # as hosts of databases write it; our driver is psycopg 3
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        engine = create_engine(url, **POOL)
        event.listen(engine, "checkin", _note)
        event.listen(engine, "checkout", partial(_wake, engine))
    else:
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": 15}, **POOL)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    TABLES.create_all(engine)
    return engine


def _note(_: Any, record: ConnectionPoolEntry) -> None:
    record.info["used"] = time.monotonic()


def _wake(engine: Engine, connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """A server may have closed what the pool has kept for long; then the pool makes another connection. SQLAlchemy's
    own test, before each use, costs as much as a query."""
    if time.monotonic() - record.info.get("used", time.monotonic()) > IDLE:
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error


def _prepare(connection: Any, _: Any) -> None:
    """WAL: readers do not wait for a writer. NORMAL: what is committed survives the process, however it ends; only a
    power cut may take the last moment."""
    connection.isolation_level = None  # Python's driver begins no transaction by itself; `_begin` does
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Any) -> None:
    """A transaction that writes takes the lock at once: one that only later wants to write may fail without waiting."""
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
