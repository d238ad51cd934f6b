"""Rooms, questions and answers, in a database. Every rule of the vote is enforced here.

A phone is a random token. It has one answer in a round, which it may change until the round is closed; the same request
twice is as good as once. Nothing is told about answers before the owner reveals them, except to the owner: the advice
after a closed vote, and the file of all answers.
"""

import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, insert, select, update
from sqlalchemy.exc import ArgumentError, IntegrityError, InterfaceError, OperationalError, TimeoutError

from rnorm_core.classroom.question import Question
from rnorm_core.classroom.vote import bounds, codes, queries, where
from rnorm_core.classroom.vote.errors import Closed, Full, NoRoom, NotOwner, Unavailable, VoteError
from rnorm_core.classroom.vote.state import Advice, Key, Now, Result, Room
from rnorm_core.classroom.vote.tables import ANSWER, PHONE, QUESTION, ROOM, ROUND, WRITES, connect


class Store:
    """The votes in one database. Any number of threads and processes may use the same database."""

    def __init__(self, url: str, clock=time.time) -> None:
        self._clock = clock
        with _database():
            self._engine = connect(url)
        # One query needs no transaction; SQLite's are free, and show all queries the same state.
        alone = {} if self._engine.dialect.name == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
        self._reader = self._engine.execution_options(**alone)
        with self._writing() as db:
            self._drop_expired(db)

    def dispose(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    # --- the owner ---------------------------------------------------------------------------------------------------

    def open_room(self) -> Key:
        key = Key(codes.new_code(), codes.new_token())
        with self._writing() as db:
            self._drop_expired(db)
            self._make_space(db)
            now = int(self._clock())
            db.execute(insert(ROOM).values(code=key.code, owner=codes.hashed(key.secret), opened=now))
        return key

    def room(self, key: Key) -> Room:
        with self._reading() as db:
            opened = self._owned(db, key)
            phones = db.scalar(select(func.count()).select_from(PHONE).where(PHONE.c.room == key.code)) or 0
            return Room(key.code, opened + bounds.DAY, phones, queries.last_asked(db, key.code))

    def ask(self, key: Key, question: Question, source: str = "") -> None:
        """Closes what is open, and begins the first round of another question."""
        bounds.check(question, source)
        with self._writing() as db:
            self._owned(db, key, lock=True)
            if (db.scalar(select(func.count()).where(QUESTION.c.room == key.code)) or 0) >= bounds.QUESTIONS:
                raise Full(f"This room has had {bounds.QUESTIONS} questions.", "open another room.")
            queries.close_all(db, key.code)
            written = json.dumps([[choice.text, choice.feedback] for choice in question.choices])
            values = {"text": question.text, "choices": written, "right": question.right, "source": source}
            asked = db.execute(insert(QUESTION).values(room=key.code, revealed=False, **values)).inserted_primary_key
            assert asked is not None
            queries.begin_round(db, key.code, asked[0], 1)

    def close(self, key: Key, question: int) -> None:
        """No answer to this question is taken after the call."""
        with self._writing() as db:
            self._owned(db, key, lock=True)
            queries.question_row(db, key.code, question)
            queries.close(db, ROUND.c.question == question)

    def ask_again(self, key: Key, question: int) -> None:
        """Begins the second round of the question whose first is closed. Once it has begun, nothing changes."""
        with self._writing() as db:
            self._owned(db, key, lock=True)
            row = queries.question_row(db, key.code, question)
            asked = queries.last_asked(db, key.code)
            if row.revealed or asked is None or asked.id != question:
                raise VoteError("This question has no second vote any more.", "ask it as a new question.")
            if asked.last.number < bounds.ROUNDS:
                queries.close(db, ROUND.c.question == question)
                queries.begin_round(db, key.code, question, asked.last.number + 1)

    def reveal(self, key: Key, question: int) -> None:
        """Closes the question; phones may then see the right choice, and the owner the result."""
        with self._writing() as db:
            self._owned(db, key, lock=True)
            queries.question_row(db, key.code, question)
            queries.close(db, ROUND.c.question == question)
            db.execute(update(QUESTION).where(QUESTION.c.id == question).values(revealed=True))

    def result(self, key: Key, question: int) -> Result:
        """VoteError before it is revealed."""
        with self._reading() as db:
            self._owned(db, key)
            row = queries.question_row(db, key.code, question)
            if not row.revealed:
                raise VoteError("The result is not revealed yet.", "reveal it first.")
            rounds: dict[int, dict[int, int]] = {one.number: {} for one in queries.rounds_of(db, question)}
            answers = select(ROUND.c.number, ANSWER.c.phone, ANSWER.c.choice).join_from(ROUND, ANSWER)
            for number, phone, choice in db.execute(answers.where(ROUND.c.question == question)):
                rounds[number][phone] = choice
            return Result.of(len(queries.as_question(row).choices), [rounds[number] for number in sorted(rounds)])

    def advice(self, key: Key, question: int) -> Advice | None:
        """Of the last vote, once it is closed; None for a question without a right choice."""
        with self._reading() as db:
            self._owned(db, key)
            row, last = queries.question_row(db, key.code, question), queries.rounds_of(db, question)[-1]
            if not last.closed:
                raise VoteError("This vote is still open.", "close it first.")
            if row.right is None:
                return None
            right = select(func.count()).where(ANSWER.c.round == last.id, ANSWER.c.choice == row.right)
            return Advice(db.scalar(right) or 0, last.answered)

    def records(self, key: Key) -> list[dict[str, Any]]:
        """A record for each answer of the room up to now. Phones are numbered in the order in which they joined."""
        with self._reading() as db:
            self._owned(db, key)
            joined = db.scalars(select(PHONE.c.id).where(PHONE.c.room == key.code).order_by(PHONE.c.id))
            phones = {phone: number for number, phone in enumerate(joined, start=1)}
            rows = db.execute(select(QUESTION).where(QUESTION.c.room == key.code).order_by(QUESTION.c.id)).all()
            asked = {row.id: (number, row, queries.as_question(row)) for number, row in enumerate(rows, start=1)}
            answers = (
                select(ROUND.c.question, ROUND.c.number, ANSWER.c.phone, ANSWER.c.choice)
                .join_from(ROUND, ANSWER)
                .join(QUESTION, QUESTION.c.id == ROUND.c.question)
                .where(QUESTION.c.room == key.code)
                .order_by(ROUND.c.id, ANSWER.c.phone)
            )
            return [
                queries.record(*asked[question], vote=vote, phone=phones[phone], choice=choice)
                for question, vote, phone, choice in db.execute(answers)
            ]

    def delete(self, key: Key) -> None:
        """With all questions, phones and answers."""
        with self._writing() as db:
            self._owned(db, key, lock=True)
            db.execute(delete(ROOM).where(ROOM.c.code == key.code))

    # --- phones ------------------------------------------------------------------------------------------------------

    def look(self, code: str) -> Now:
        """What is open, for a phone that has not joined."""
        with self._reading() as db:
            self._opened(db, code)
            return queries.phone_sees(db, code, None)

    def now(self, code: str, token: str) -> Now:
        """What is open, for the phone with this token; it joins the room if it has not."""
        with self._reading() as db:
            phone = self._joined(db, code, token)
            if phone is not None:
                return queries.phone_sees(db, code, phone)
        self._join(code, token)
        with self._reading() as db:
            return queries.phone_sees(db, code, self._joined(db, code, token))

    def tag(self, code: str) -> str:
        """A text that changes when there is something new for phones."""
        with self._reading() as db:
            self._opened(db, code)
            asked = queries.last_asked(db, code)
            return f"{asked.last.id} {asked.last.closed} {asked.revealed}" if asked else "waiting"

    def answer(self, code: str, token: str, round_id: int, choice: int) -> Now:
        """Takes an answer, in place of an earlier one of this phone. It is stored when this returns."""
        with suppress(IntegrityError), self._writing() as db:
            # Shared lock: who closes the round waits for the answers under way, and no answer comes after.
            found = queries.ballot(db, code, codes.hashed(token), round_id, self._is_open())
            if found is None:
                self._opened(db, code)
                raise VoteError("This room has no such vote.", "load the page again.")
            if found.closed:
                raise Closed
            if not 0 <= choice < len(json.loads(found.choices)):
                raise VoteError("This question has no such choice.", "load the page again.")
            if found.phone is not None:
                mine = (ANSWER.c.round == round_id) & (ANSWER.c.phone == found.phone)
                if found.choice is None:
                    db.execute(insert(ANSWER).values(round=round_id, phone=found.phone, choice=choice))
                else:
                    db.execute(update(ANSWER).where(mine).values(choice=choice))
                return queries.counted(db, found, choice)
        # It has not joined yet, or sent two answers at the same time and the other one was first.
        self._join(code, token)
        return self.answer(code, token, round_id, choice)

    def _join(self, code: str, token: str) -> None:
        with suppress(IntegrityError), self._writing() as db:  # it joined at the same time
            if self._joined(db, code, token) is None:
                # Without a lock, which all would wait for: phones that join at the same moment may exceed the bound.
                if (db.scalar(select(func.count()).where(PHONE.c.room == code)) or 0) >= bounds.PHONES:
                    raise Full("This room is full.", f"a room takes {bounds.PHONES} phones.")
                db.execute(insert(PHONE).values(room=code, token=codes.hashed(token)))

    def _joined(self, db: Connection, code: str, token: str) -> int | None:
        """The id of the phone with this token, None if it has not joined. NoRoom without the room."""
        mine = (PHONE.c.room == ROOM.c.code) & (PHONE.c.token == codes.hashed(token))
        found = select(PHONE.c.id).join_from(ROOM, PHONE, mine, isouter=True)
        row = db.execute(found.where(ROOM.c.code == code, self._is_open())).first()
        if row is None:
            raise NoRoom
        return row.id

    # --- rooms -------------------------------------------------------------------------------------------------------

    def _opened(self, db: Connection, code: str, lock: bool = False) -> Row:
        """The row of a room that has not expired. lock: until the transaction ends, nobody else has it so."""
        found = select(ROOM).where(ROOM.c.code == code, self._is_open())
        row = db.execute(found.with_for_update() if lock else found).first()
        if row is None:
            raise NoRoom
        return row

    def _is_open(self) -> ColumnElement[bool]:
        return ROOM.c.opened > int(self._clock()) - bounds.DAY

    def _owned(self, db: Connection, key: Key, lock: bool = False) -> int:
        """When the owner with this key opened the room."""
        row = self._opened(db, key.code, lock)
        if not hmac.compare_digest(row.owner, codes.hashed(key.secret)):
            raise NotOwner
        return row.opened

    def _drop_expired(self, db: Connection) -> None:
        db.execute(delete(ROOM).where(ROOM.c.opened <= int(self._clock()) - bounds.DAY))

    def _make_space(self, db: Connection) -> None:
        """Where there are `bounds.ROOMS` rooms, the oldest that no phone has joined goes, if it is not new."""
        if (db.scalar(select(func.count()).select_from(ROOM)) or 0) < bounds.ROOMS:
            return
        unused = ROOM.c.opened <= int(self._clock()) - bounds.UNUSED
        unused &= ~exists().where(PHONE.c.room == ROOM.c.code)
        oldest = db.scalar(select(ROOM.c.code).where(unused).order_by(ROOM.c.opened).limit(1))
        if oldest is None:
            raise Full(f"This server has {bounds.ROOMS} rooms, and takes no more.", "try again later.")
        db.execute(delete(ROOM).where(ROOM.c.code == oldest))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _database(), self._reader.connect() as db:
            yield db

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that is committed at the end, or not at all after an exception."""
        with _database(), self._engine.connect().execution_options(**{WRITES: True}) as db, db.begin():
            yield db


_lock = threading.Lock()
_shared: dict[str, Store] = {}  # by the database's URL


def shared() -> Store:
    """The one store of this process, made at its first use, and again after somebody has deleted its file."""
    url = where.database()
    with _lock:
        if url in _shared and where.is_gone(url):
            _shared.pop(url).dispose()
        if url not in _shared:
            _shared[url] = Store(url)
        return _shared[url]


@contextmanager
def _database() -> Iterator[None]:
    """A database that is not there is nobody's mistake in the vote. Its own message may name users and hosts."""
    try:
        yield
    except (ArgumentError, ModuleNotFoundError):
        what = "DATABASE_URL is not the URL of a database whose driver is installed."
        raise VoteError(what, "write it as postgresql://user:password@host/name.") from None
    except (OperationalError, InterfaceError, TimeoutError, OSError) as error:
        raise Unavailable from error
