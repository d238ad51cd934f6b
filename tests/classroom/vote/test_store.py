"""The rules of the vote, in SQLite and in PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, text

from rnorm_core.classroom.question import Choice, Question
from rnorm_core.classroom.vote import bounds, codes, tables
from rnorm_core.classroom.vote.errors import Closed, Full, NoRoom, NotOwner, TooLong, Unavailable, VoteError
from rnorm_core.classroom.vote.state import Advice, Key, Result
from rnorm_core.classroom.vote.store import Store


def tokens(n: int) -> list[str]:
    return [f"token-of-phone-{i:04d}" for i in range(n)]


def asked(store, key):
    found = store.room(key).asked
    assert found is not None
    return found


def test_a_question_with_two_votes(store, question):
    key = store.open_room()
    one, two, three = tokens(3)
    assert store.now(key.code, one).state == "waiting"
    store.ask(key, question, "shift/2")
    first = asked(store, key)
    assert (first.number, first.source, first.question) == (1, "shift/2", question)
    for token, choice in ((one, 0), (two, 1), (three, 2)):
        assert store.answer(key.code, token, first.last.id, choice).answers == (choice,)
    assert store.room(key).phones == 3
    assert asked(store, key).last.answered == 3

    store.close(key, first.id)
    assert store.now(key.code, one).state == "closed"
    assert store.advice(key, first.id) == Advice(right=1, answered=3)
    store.ask_again(key, first.id)
    second = asked(store, key)
    assert (second.id, second.last.number, second.last.answered) == (first.id, 2, 0)
    assert store.now(key.code, one).answers == (0, None)
    for token, choice in ((one, 1), (two, 1)):
        store.answer(key.code, token, second.last.id, choice)
    store.reveal(key, first.id)
    assert store.result(key, first.id) == Result(((1, 1, 1), (0, 2, 0)), {(0, 1): 1, (1, 1): 1})
    told = store.now(key.code, three)
    assert (told.state, told.answers, told.question) == ("revealed", (2, None), question)


def test_an_answer_counts_once_and_may_be_changed(store, question):
    key, (token,) = store.open_room(), tokens(1)
    store.ask(key, question)
    now = asked(store, key)
    for choice in (0, 0, 2, 2, 1):
        assert store.answer(key.code, token, now.last.id, choice).answers == (choice,)
        assert asked(store, key).last.answered == 1
    store.reveal(key, now.id)
    assert store.result(key, now.id).counts == ((0, 1, 0),)


def test_a_phone_that_asks_from_many_threads_is_one_phone(store, question):
    key, (token,) = store.open_room(), tokens(1)
    store.ask(key, question)
    now = asked(store, key)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: store.now(key.code, token), range(16)))
        list(threads.map(lambda i: store.answer(key.code, token, now.last.id, i % 3), range(32)))
    assert store.room(key).phones == 1
    assert asked(store, key).last.answered == 1


def test_no_answer_is_taken_after_the_close(store, question):
    """Also not one that began before."""
    key = store.open_room()
    store.ask(key, question)
    now = asked(store, key)

    def vote(token: str) -> bool:
        try:
            store.answer(key.code, token, now.last.id, 1)
        except Closed:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        taken = [threads.submit(vote, token) for token in tokens(60)]
        taken[10].result()
        store.close(key, now.id)
        at_close = asked(store, key).last.answered
        counted = sum(one.result() for one in taken)
    assert 0 < at_close == counted == asked(store, key).last.answered
    assert not vote("a-phone-that-is-late")


def test_nothing_is_told_before_the_reveal(store, question):
    key, (token,) = store.open_room(), tokens(1)
    store.ask(key, question)
    now = asked(store, key)
    store.answer(key.code, token, now.last.id, 1)
    with pytest.raises(VoteError, match="still open"):
        store.advice(key, now.id)
    store.close(key, now.id)
    for _ in range(2):  # after the first vote, and after the second
        with pytest.raises(VoteError, match="not revealed"):
            store.result(key, now.id)
        told = store.now(key.code, token).question
        assert told is not None
        assert (told.right, {choice.feedback for choice in told.choices}) == (None, {""})
        store.ask_again(key, now.id)
        store.close(key, now.id)


def test_only_the_owner_rules(store, question):
    key = store.open_room()
    store.ask(key, question)
    now = asked(store, key)
    stranger = Key(key.code, store.open_room().secret)
    for forbidden in (
        lambda: store.room(stranger), lambda: store.ask(stranger, question), lambda: store.close(stranger, now.id),
        lambda: store.ask_again(stranger, now.id), lambda: store.reveal(stranger, now.id),
        lambda: store.result(stranger, now.id), lambda: store.advice(stranger, now.id),
        lambda: store.records(stranger), lambda: store.delete(stranger),
    ):  # fmt: skip
        with pytest.raises(NotOwner):
            forbidden()
    assert asked(store, key) == now


def test_an_owner_has_no_power_over_other_rooms(store, question):
    mine, other = store.open_room(), store.open_room()
    store.ask(other, question)
    theirs = asked(store, other)
    for forbidden in (store.close, store.ask_again, store.reveal, store.result, store.advice):
        with pytest.raises(VoteError, match="no such question"):
            forbidden(mine, theirs.id)
    with pytest.raises(VoteError, match="no such vote"):
        store.answer(mine.code, tokens(1)[0], theirs.last.id, 0)
    assert asked(store, other) == theirs


def test_the_next_question_closes_the_last(store, question):
    key, (token,) = store.open_room(), tokens(1)
    store.ask(key, question)
    first = asked(store, key)
    store.ask(key, question)
    second = asked(store, key)
    assert (second.number, second.last.number) == (2, 1)
    with pytest.raises(Closed):
        store.answer(key.code, token, first.last.id, 0)
    with pytest.raises(VoteError, match="no second vote"):
        store.ask_again(key, first.id)
    assert not asked(store, key).last.closed


def test_pressing_twice_is_as_good_as_once(store, question):
    """Two devices of an owner may show different states."""
    key = store.open_room()
    store.ask(key, question)
    now = asked(store, key)
    store.close(key, now.id)
    store.close(key, now.id)
    store.ask_again(key, now.id)
    store.ask_again(key, now.id)
    assert [one.number for one in asked(store, key).rounds] == [1, 2]
    store.reveal(key, now.id)
    store.reveal(key, now.id)
    with pytest.raises(VoteError, match="no second vote"):
        store.ask_again(key, now.id)


def test_a_room_ends_after_a_day(store, clock, question):
    key, (token,) = store.open_room(), tokens(1)
    store.ask(key, question)
    assert store.room(key).expires == clock.now + 86_400
    clock.now += 86_399
    store.now(key.code, token)
    clock.now += 1
    for late in (lambda: store.room(key), lambda: store.now(key.code, token), lambda: store.look(key.code)):
        with pytest.raises(NoRoom):
            late()
    store.open_room()
    clock.now -= 10  # back to when it was open: it is deleted, not only hidden
    with pytest.raises(NoRoom):
        store.room(key)


def test_a_deleted_room_leaves_nothing(store, question):
    key = store.open_room()
    store.ask(key, question)
    for token in tokens(3):
        store.answer(key.code, token, asked(store, key).last.id, 0)
    store.delete(key)
    with pytest.raises(NoRoom):
        store.now(key.code, tokens(1)[0])
    with store._reading() as db:
        left = {table.name: len(db.execute(table.select()).all()) for table in _tables()}
    assert left == dict.fromkeys(left, 0)
    assert len(left) == 5


def _tables():
    from rnorm_core.classroom.vote.tables import TABLES

    return TABLES.tables.values()


def test_the_database_holds_no_secret_and_no_token(store, question):
    key, (token,) = store.open_room(), tokens(1)
    store.ask(key, question)
    store.answer(key.code, token, asked(store, key).last.id, 0)
    with store._reading() as db:
        written = str([db.execute(table.select()).all() for table in _tables()])
    assert key.code in written
    assert key.secret not in written
    assert token not in written


def test_records_in_the_middle_of_class(store, question):
    key, (one, two) = store.open_room(), tokens(2)
    assert store.records(key) == []
    store.ask(key, replace(question, right=None), "shift/2")
    store.answer(key.code, one, asked(store, key).last.id, 2)
    store.ask(key, question)
    store.answer(key.code, two, asked(store, key).last.id, 1)
    assert store.records(key) == [
        {"question": 1, "text": question.text, "source": "shift/2", "vote": 1, "phone": 1, "answer": "C",
         "answer text": "neither", "right": ""},
        {"question": 2, "text": question.text, "source": "", "vote": 1, "phone": 2, "answer": "B",
         "answer text": "the scale", "right": "yes"},
    ]  # fmt: skip


def test_a_server_and_a_room_take_only_so_much(store, clock, question, monkeypatch):
    for name, most in (("ROOMS", 2), ("PHONES", 2), ("QUESTIONS", 2), ("ANSWERS", 3)):
        monkeypatch.setattr(bounds, name, most)
    key, (one, two, three) = store.open_room(), tokens(3)
    store.now(key.code, one)
    unused = store.open_room()
    with pytest.raises(Full, match="2 rooms"):
        store.open_room()
    clock.now += bounds.UNUSED
    newest = store.open_room()  # in place of the room that no phone has joined
    with pytest.raises(NoRoom):
        store.room(unused)
    store.now(newest.code, one)

    store.now(key.code, two)
    with pytest.raises(Full, match="room is full"):
        store.now(key.code, three)
    assert store.now(key.code, two).state == "waiting"
    store.ask(key, question)
    now = asked(store, key)
    for token in (one, two):
        store.answer(key.code, token, now.last.id, 0)
    with pytest.raises(Full, match="another vote"):
        store.ask_again(key, now.id)
    assert asked(store, key).last.number == 1
    monkeypatch.setattr(bounds, "ANSWERS", 9)
    store.ask(key, question)
    with pytest.raises(Full, match="2 questions"):
        store.ask(key, question)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (Question("", (Choice("a"), Choice("b"))), VoteError),
        (Question("a?", (Choice("a"), Choice(" "))), VoteError),
        (Question("a?", (Choice("a"),)), VoteError),
        (Question("a?", (Choice("a"),) * 7), VoteError),
        (Question("a?", (Choice("a"), Choice("b")), right=2), VoteError),
        (Question("a" * 1001, (Choice("a"), Choice("b"))), TooLong),
        (Question("a?", (Choice("a" * 601), Choice("b"))), TooLong),
        (Question("a?", (Choice("a", "f" * 1001), Choice("b"))), TooLong),
    ],
)
def test_a_question_that_nobody_can_answer_is_refused(wrong, error):
    with pytest.raises(VoteError) as found:
        bounds.check(wrong, "")
    assert type(found.value) is error


@pytest.mark.parametrize("choice", [-1, 3])
def test_a_choice_that_is_not_there(store, question, choice):
    key = store.open_room()
    store.ask(key, question)
    with pytest.raises(VoteError, match="no such choice"):
        store.answer(key.code, tokens(1)[0], asked(store, key).last.id, choice)
    assert asked(store, key).last.answered == 0


def test_another_process_finds_everything(store, url, question):
    key, (token,) = store.open_room(), tokens(1)
    store.ask(key, question)
    store.answer(key.code, token, asked(store, key).last.id, 2)
    other = Store(url, store._clock)
    assert other.now(key.code, token).answers == (2,)
    assert other.room(key) == store.room(key)
    other.dispose()


def test_texts_come_back_as_they_were(store):
    key = store.open_room()
    strange = Question("ε ≤ 8/255?\n<b>'\";--%s {x}", (Choice("😀 ja", "\\n"), Choice("nein")), None)
    store.ask(key, strange)
    assert asked(store, key).question == strange


def test_codes_are_read_aloud_and_typed():
    seen = {codes.new_code() for _ in range(200)}
    assert len(seen) == 200
    assert set().union(*seen) <= set(codes.LETTERS)
    assert not set(codes.LETTERS) & set("AEIOU0O1IL5S2Z8B")
    assert len(codes.LETTERS) ** codes.LENGTH > 5e10
    assert codes.shown("CDFGHJKM") == "CDFG HJKM"
    for typed in ("cdfghjkm", " CDFG hjkm", "cdfg-hjkm"):
        assert codes.plain(typed) == "CDFGHJKM"


@pytest.mark.parametrize(
    ("right", "answered", "step"),
    [(0, 0, None), (6, 20, "explain"), (7, 20, "discuss"), (14, 20, "discuss"), (15, 20, "go on"), (1, 1, "go on")],
)
def test_the_rule_of_peer_instruction(right, answered, step):
    assert Advice(right, answered).step == step


def test_a_server_that_has_closed_all_connections(store, question, monkeypatch):
    """As a database does with those that were idle for long."""
    if store._engine.dialect.name == "sqlite":
        pytest.skip("a file closes no connections")
    monkeypatch.setattr(tables, "IDLE", -1.0)
    key = store.open_room()
    engine = create_engine(store._engine.url)
    with engine.connect() as other:
        others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        assert other.scalar(text(f"{others} AND datname = current_database()"))
    engine.dispose()
    store.ask(key, question)
    assert asked(store, key).number == 1


def test_a_database_that_is_not_there():
    with pytest.raises(Unavailable) as found:
        Store("postgresql://somebody:hush@127.0.0.1:1/votes")
    assert "hush" not in str(found.value)


@pytest.mark.parametrize("url", ["nonsense", "nodriver://somebody:hush@host/votes"])
def test_an_address_of_no_database(url):
    with pytest.raises(VoteError, match="DATABASE_URL") as found:
        Store(url)
    assert "hush" not in str(found.value)
