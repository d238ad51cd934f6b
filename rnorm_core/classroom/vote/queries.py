"""What the store asks the database, within a transaction of the store."""

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from rnorm_core.classroom.question import Choice, Question, letter
from rnorm_core.classroom.vote import bounds
from rnorm_core.classroom.vote.errors import Full, VoteError
from rnorm_core.classroom.vote.state import Asked, Now, Round
from rnorm_core.classroom.vote.tables import ANSWER, PHONE, QUESTION, ROOM, ROUND


def question_row(db: Connection, code: str, question: int) -> Row:
    """A question of this room."""
    row = db.execute(select(QUESTION).where(QUESTION.c.id == question, QUESTION.c.room == code)).first()
    if row is None:
        raise VoteError("This room has no such question.", "load the page again.")
    return row


def as_question(row: Row) -> Question:
    choices = tuple(Choice(text, feedback) for text, feedback in json.loads(row.choices))
    return Question(row.text, choices, row.right)


def last_row(db: Connection, code: str) -> Row | None:
    return db.execute(select(QUESTION).where(QUESTION.c.room == code).order_by(QUESTION.c.id.desc()).limit(1)).first()


def rounds_of(db: Connection, question: int) -> list[Round]:
    answered = select(func.count()).where(ANSWER.c.round == ROUND.c.id).scalar_subquery()
    rows = select(ROUND.c.id, ROUND.c.number, ROUND.c.closed, answered).where(ROUND.c.question == question)
    return [Round(*row) for row in db.execute(rows.order_by(ROUND.c.number))]


def last_asked(db: Connection, code: str) -> Asked | None:
    row = last_row(db, code)
    if row is None:
        return None
    number = db.scalar(select(func.count()).where(QUESTION.c.room == code)) or 0
    return Asked(row.id, number, as_question(row), row.source, row.revealed, tuple(rounds_of(db, row.id)))


def begin_round(db: Connection, code: str, question: int, number: int) -> None:
    answers = (
        select(func.count())
        .select_from(ANSWER)
        .join(ROUND, ROUND.c.id == ANSWER.c.round)
        .join(QUESTION, QUESTION.c.id == ROUND.c.question)
        .where(QUESTION.c.room == code)
    )
    if (db.scalar(answers) or 0) > bounds.ANSWERS - bounds.PHONES:
        raise Full(
            f"This room has no space for another vote: it takes {bounds.ANSWERS:,} answers.", "open another room."
        )
    db.execute(insert(ROUND).values(question=question, number=number, closed=False))


def close(db: Connection, which: Any) -> None:
    db.execute(update(ROUND).where(which, ~ROUND.c.closed).values(closed=True))


def close_all(db: Connection, code: str) -> None:
    close(db, ROUND.c.question.in_(select(QUESTION.c.id).where(QUESTION.c.room == code)))


def phone_sees(db: Connection, code: str, phone: int | None) -> Now:
    row = last_row(db, code)
    if row is None:
        return Now("waiting")
    mine = (ANSWER.c.round == ROUND.c.id) & (ANSWER.c.phone == phone)
    found = db.execute(
        select(ROUND.c.id, ROUND.c.closed, ANSWER.c.choice)
        .join_from(ROUND, ANSWER, mine, isouter=True)
        .where(ROUND.c.question == row.id)
        .order_by(ROUND.c.number)
    ).all()
    question, last = as_question(row), found[-1]
    if not row.revealed:
        question = _hidden(question)
    state = "revealed" if row.revealed else "closed" if last.closed else "open"
    return Now(state, question, last.id, tuple(one.choice for one in found))


def ballot(db: Connection, code: str, token: str, round_id: int, is_open: ColumnElement[bool]) -> Row | None:
    """All that decides about an answer, in one query: the question, its round, and this phone with its answer or None.

    The round stays as it is until the transaction ends. token: its hash. is_open: of the room.
    """
    mine = (PHONE.c.room == ROOM.c.code) & (PHONE.c.token == token)
    its = (ANSWER.c.round == ROUND.c.id) & (ANSWER.c.phone == PHONE.c.id)
    found = (
        select(QUESTION, ROUND.c.id.label("round"), ROUND.c.number, ROUND.c.closed, PHONE.c.id.label("phone"))
        .add_columns(ANSWER.c.choice)
        .join_from(ROOM, QUESTION, QUESTION.c.room == ROOM.c.code)
        .join(ROUND, ROUND.c.question == QUESTION.c.id)
        .join(PHONE, mine, isouter=True)
        .join(ANSWER, its, isouter=True)
        .where(ROOM.c.code == code, is_open, ROUND.c.id == round_id)
    )
    return db.execute(found.with_for_update(read=True, of=ROUND)).first()


def counted(db: Connection, ballot: Row, choice: int) -> Now:
    """What a phone is told after its answer."""
    answers: tuple[int | None, ...] = (choice,)
    if ballot.number > 1:
        first = select(ANSWER.c.choice).join_from(ANSWER, ROUND).where(ROUND.c.question == ballot.id)
        answers = (db.scalar(first.where(ANSWER.c.phone == ballot.phone, ROUND.c.number == 1)), choice)
    return Now("open", _hidden(as_question(ballot)), ballot.round, answers)


def _hidden(question: Question) -> Question:
    """Without what is told after the reveal."""
    return Question(question.text, tuple(Choice(choice.text) for choice in question.choices))


def record(number: int, row: Row, question: Question, *, vote: int, phone: int, choice: int) -> dict[str, Any]:
    right = "" if question.right is None else "yes" if choice == question.right else "no"
    return {
        "question": number, "text": question.text, "source": row.source, "vote": vote, "phone": phone,
        "answer": letter(choice), "answer text": question.choices[choice].text, "right": right,
    }  # fmt: skip
