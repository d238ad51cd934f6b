"""The presenter's page, without a browser: a room, a question, two votes, the reveal, the file, the end."""

import csv
import io

import pytest
from streamlit.testing.v1 import AppTest

from rnorm_core import zoo
from rnorm_core.classroom import lessons
from rnorm_core.classroom.vote import bounds, store
from rnorm_core.classroom.vote.state import Key
from rnorm_core.ui.classroom import question
from tests.pages.conftest import ROOT

QUESTION = "Which *one* <b>moves</b>?"
CHOICES = "the mean\n\n  the scale \nneither"
TOKENS = [f"token-of-phone-{i:04d}" for i in range(4)]


@pytest.fixture
def votes(tmp_path, monkeypatch) -> store.Store:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/votes.sqlite")
    monkeypatch.setattr(store, "_shared", {})
    return store.shared()


@pytest.fixture
def page(votes) -> AppTest:
    return AppTest.from_file(str(ROOT / "pages" / "room.py"), default_timeout=30).run()


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def ask(page: AppTest, right: str = "B") -> AppTest:
    page.segmented_control(key="kind").set_value("Your own").run()
    page.text_area(key="own_text").input(QUESTION)
    page.text_area(key="own_choices").input(CHOICES)
    page.selectbox(key="own_right").set_value(right)
    (sent,) = [button for button in page.button if button.label == "Ask the class"]
    sent.click().run()
    assert not page.exception
    return page


def key_of(page: AppTest) -> Key:
    return page.session_state["_room_key"]


def texts(page: AppTest) -> str:
    """Everything that the class could read."""
    parts = [*page.markdown, *page.caption, *page.get("html")]
    return "\n".join(str(part.value if hasattr(part, "value") else part.proto.body) for part in parts)


def labels(page: AppTest) -> set[str]:
    return {button.label for button in page.button}


def answer(votes, page, choices: list[int]) -> None:
    key = key_of(page)
    asked = votes.room(key).asked
    for token, choice in zip(TOKENS, choices, strict=False):
        votes.answer(key.code, token, asked.last.id, choice)


def test_a_question_with_two_votes(votes, page):
    assert "second browser" in texts(page)
    assert "DATABASE_URL" in texts(page)
    press(page, "open_room")
    assert "Your own link" in texts(page)
    ask(page)
    key = key_of(page)
    assert "**0 of 0 answered**" in texts(page)
    assert "Which *one* &lt;b&gt;moves&lt;/b&gt;?" in texts(page)
    answer(votes, page, [0, 0, 1, 2])
    page.run()
    assert "**4 of 4 answered**" in texts(page)
    assert "reveal" not in {button.key for button in page.button}

    press(page, "close")
    shown = texts(page)
    assert "(25 %)" not in shown
    assert "✓" not in shown
    assert "**Explain first.**" in shown  # behind a popover
    assert "mirrors this screen" in shown  # beside it
    press(page, "again")
    answer(votes, page, [1, 1, 1])
    press(press(page, "close"), "reveal")
    shown = texts(page)
    assert "2 (50 %)" in shown
    assert "3 (100 %)" in shown
    assert "the scale <em>✓ right</em>" in shown
    assert "**3** phones voted twice; **1** kept the answer." in shown
    assert "Moved: A → B **2**." in shown
    assert "To the right answer: **2**. Away from it: **0**." in shown

    rows = list(csv.DictReader(io.StringIO(page_csv(votes, key))))
    assert [(row["vote"], row["answer"]) for row in rows] == [
        *(("1", letter) for letter in "AABC"), *(("2", letter) for letter in "BBB")
    ]  # fmt: skip
    press(page, "next")
    assert "Ask the class" in labels(page)
    ask(page, "no right answer")
    assert votes.room(key).asked.number == 2
    press(page, "close")
    assert "no right answer, so the rule has no advice" in texts(page)


@pytest.mark.skipif("cifar10-resnet20-bn" not in zoo.names(), reason="the trained models are not here")
def test_a_lessons_question(votes, page):
    press(page, "open_room")
    first, second = lessons.all()[0].predictions[:2]
    assert page.selectbox(key="room_question 1").value == first.name
    press(page, "ask")
    asked = votes.room(key_of(page)).asked
    assert asked.source == f"1/{first.name}"
    assert asked.question.right == lessons.question(first).right
    written = str(asked.question)
    assert not any(mark in written for mark in ("**", "[[", "{"))
    answer(votes, page, [0, 1, asked.question.right])
    press(page, "close")
    assert "✓" not in texts(page)
    press(page, "reveal")
    assert first.experiment.title in texts(page)
    assert " ".join(asked.question.choices[asked.question.right].feedback.split()) in texts(page)
    assert "![BatchNorm" in texts(page)  # the experiment's picture
    press(page, "next")
    assert page.selectbox(key="room_question 1").value == second.name


def test_another_lesson_has_its_own_choice_of_a_question(page):
    """A new widget and not the old one with other options: the browser would go on showing the old one's choice."""
    press(page, "open_room")
    before = page.selectbox(key="room_question 1")
    other = lessons.all()[3]
    page.selectbox(key="room_lesson").set_value(other.id).run()
    after = next(box for box in page.selectbox if box.label == "Question")
    assert after.proto.id != before.proto.id
    assert after.value == other.predictions[0].name
    assert f"**{other.predictions[0].title}**" in texts(page)


def test_a_lessons_door_names_the_question(votes, page):
    lesson = lessons.all()[3]
    step = lesson.predictions[-1]
    for name in ("no such/question", f"{lesson.id}/{step.name}"):
        page.query_params["ask"] = name
        page.run()
        assert "ask" not in page.query_params
        assert not page.warning
    press(page, "open_room")
    assert page.selectbox(key="room_lesson").value == lesson.id
    press(page, "ask")
    assert votes.room(key_of(page)).asked.source == f"{lesson.id}/{step.name}"
    # After a result the door leads to the choice of the next question.
    press(press(page, "close"), "reveal")
    page.query_params["ask"] = "1/" + lessons.all()[0].predictions[1].name
    page.run()
    assert page.selectbox(key="room_question 1").value == lessons.all()[0].predictions[1].name


def test_every_lessons_question_can_be_asked():
    for lesson in lessons.all():
        for step in lesson.predictions:
            asked = question.plain(lessons.question(step))
            bounds.check(asked, f"{lesson.id}/{step.name}")
            assert question.prediction(f"{lesson.id}/{step.name}") == (lesson, step)


def page_csv(votes, key) -> str:
    from rnorm_core.ui.classroom.view import _csv

    return _csv(votes, key).decode()


def test_the_page_never_shows_the_secret(page):
    ask(press(page, "open_room"))
    for step in ("close", "reveal"):
        press(page, step)
        assert key_of(page).secret not in texts(page) + str(page.query_params)


def test_a_question_that_cannot_be_asked(votes, page):
    press(page, "open_room")
    page.segmented_control(key="kind").set_value("Your own").run()
    page.text_area(key="own_text").input("One choice?")
    page.text_area(key="own_choices").input("yes")
    next(button for button in page.button if button.label == "Ask the class").click().run()
    assert "this one has 1" in page.error[0].value
    assert votes.room(key_of(page)).asked is None
    ask(page)
    assert not page.error


def test_another_device_of_the_owner(votes, page):
    """What one device does, the next run of the other shows."""
    ask(press(page, "open_room"))
    key = key_of(page)
    votes.reveal(key, votes.room(key).asked.id)
    page.run()
    assert "Next question" in labels(page)


def test_a_room_that_is_gone(votes, page):
    press(page, "open_room")
    votes.delete(key_of(page))
    page.run()
    assert "The room has ended" in page.info[0].value
    assert "Open a room" in labels(page)
    press(page, "open_room")
    assert votes.room(key_of(page)).phones == 0


def test_leaving_and_deleting(votes, page):
    key = key_of(press(page, "open_room"))
    press(page, "leave")
    assert "_room_key" not in page.session_state
    assert votes.room(key).phones == 0  # the room goes on
    key = key_of(press(page, "open_room"))
    page.checkbox(key="sure").check().run()
    press(page, "delete")
    with pytest.raises(store.NoRoom):
        votes.room(key)


def test_a_key_that_is_no_key(page):
    page.session_state["_room_key"] = Key("CDFGHJKM", "guessed")
    page.run()
    assert not page.exception
    assert "The room has ended" in page.info[0].value


def test_a_server_that_is_full(page, monkeypatch):
    monkeypatch.setattr(bounds, "ROOMS", 0)
    press(page, "open_room")
    assert "takes no more" in page.error[0].value


def test_a_database_that_is_away(page, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:hush@127.0.0.1:1/votes")
    press(page, "open_room")
    assert "does not answer" in page.error[0].value
    assert "hush" not in page.error[0].value + texts(page)
