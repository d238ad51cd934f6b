"""A class in real browsers: a teacher and three phones through a question with two votes, and phones in trouble."""

import csv
import re

import pytest

from rnorm_core.classroom import lessons
from tests.browser.test_stage import PROJECTOR

pytestmark = pytest.mark.browser
DONE = "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
QUESTION, CHOICES = "What does an attack move?", ("the mean", "the scale", "neither of them")


@pytest.fixture
def phone(visit_at, server):
    """`phone(code)` is a phone in the room."""
    return lambda code: visit_at(f"{server}/vote/{code}", width=390, height=844)


def open_room(visit):
    """(the teacher's page, the code of the room)"""
    page = visit("/room", height=720)
    page.get_by_role("button", name="Open a room").click()
    return page, page.locator(".join .code").inner_text().replace(" ", "")


def ask(page) -> None:
    page.get_by_role("radio", name="Your own").click()
    page.get_by_label("Your question").fill(QUESTION)
    page.get_by_label("Its choices").fill("\n".join(CHOICES))
    page.get_by_label("Which is right?").click()
    page.get_by_role("option", name="B", exact=True).click()
    page.get_by_role("button", name="Ask the class").click()
    page.get_by_role("button", name="Close the vote").wait_for()


def counts(page, text: str) -> None:
    page.locator(".st-key-room_count").get_by_text(text, exact=True).wait_for()


def press(page, name: str, then: str) -> None:
    page.get_by_role("button", name=name).click()
    page.get_by_role("button", name=then).wait_for()


def choose(phone, letter: str) -> None:
    phone.locator(f".choices button[value='{'ABC'.index(letter)}']").click()
    phone.get_by_text(f"{letter} is counted.").wait_for()


def test_a_teacher_and_three_phones(visit, phone, tmp_path):
    teacher, code = open_room(visit)
    phones = [phone(code) for _ in range(3)]
    for one in phones:
        one.get_by_text("You are in").wait_for()
    counts(teacher, "3 phones joined")
    ask(teacher)
    for one, letter in zip(phones, "AAB", strict=True):
        one.get_by_role("heading", name=QUESTION).wait_for()
        choose(one, letter)
    counts(teacher, "3 of 3 answered")
    assert not teacher.get_by_text("%").count()

    press(teacher, "Close the vote", then="Vote again")
    phones[0].get_by_text("You answered A.").wait_for()
    assert not teacher.get_by_text("%").count()
    teacher.get_by_role("button", name="Advice for you").click()
    teacher.get_by_text("Explain first.").wait_for()  # 1 of 3
    teacher.keyboard.press("Escape")
    press(teacher, "Vote again", then="Close the vote")
    phones[0].get_by_text("Second vote").wait_for()
    phones[0].reload()
    choose(phones[0], "C")
    choose(phones[0], "B")  # a change of mind
    choose(phones[1], "B")
    counts(teacher, "2 of 3 answered")
    press(teacher, "Close the vote", then="Reveal the result")
    press(teacher, "Reveal the result", then="Next question")
    bars = teacher.locator(".vote-bars li").all_inner_texts()
    assert [re.findall(r"\d+ \(\d+ %\)", text) for text in bars] == [
        ["2 (67 %)", "0 (0 %)"], ["1 (33 %)", "2 (100 %)"], ["0 (0 %)", "0 (0 %)"],
    ]  # fmt: skip
    teacher.get_by_text("Moved: A → B 2.").wait_for()
    phones[2].get_by_text("Your first vote: B. Your second: no answer.").wait_for()
    assert "✓ right" in phones[0].locator("li.right").inner_text()

    with teacher.expect_download() as download:
        teacher.get_by_role("button", name="Room", exact=True).click()
        teacher.get_by_role("button", name="All answers up to now").click()
    download.value.save_as(tmp_path / "votes.csv")
    rows = csv.DictReader((tmp_path / "votes.csv").read_text("utf-8").splitlines())
    assert [row["vote"] + row["answer"] for row in rows] == ["1A", "1A", "1B", "2B", "2B"]


def test_a_whole_lesson_with_two_votes(visit, phone):
    """The lesson in one tab, by keyboard; the room in another one. The third prediction is made without a vote."""
    lesson, asked = lessons.find("1"), 0
    teacher, code = open_room(visit)
    phones = [phone(code) for _ in range(3)]
    stage = visit("/lessons?lesson=1&present=1", **PROJECTOR)
    for index, step in enumerate(lesson.steps, start=1):
        stage.wait_for_selector(f".remote span:has-text('{index} of {len(lesson.steps)}')")
        stage.wait_for_function(DONE)
        if not isinstance(step, lessons.Predict):
            if index < len(lesson.steps):
                stage.keyboard.press("PageDown")
            continue
        if asked < 2:
            press(teacher, "Ask the class", then="Close the vote")
            for one, letter in zip(phones, "ABB", strict=True):
                one.get_by_role("heading", name=step.title).wait_for()
                choose(one, letter)
            counts(teacher, "3 of 3 answered")
            press(teacher, "Close the vote", then="Reveal the result")
            press(teacher, "Reveal the result", then="Next question")
            right = lessons.question(step).right
            phones[0].get_by_role("listitem").nth(right).get_by_text("✓ right").wait_for()
            press(teacher, "Next question", then="Ask the class")
            asked += 1
        stage.keyboard.press("b")
    assert asked == 2
    assert stage.get_by_role("heading", level=1).inner_text() == lesson.steps[-1].title


def test_another_lesson_shows_its_own_question(visit):
    teacher, _ = open_room(visit)
    for number in (4, 2):
        teacher.get_by_role("combobox", name="Lesson").click()
        teacher.get_by_role("option", name=f"{number}. ").click()
        expected = lessons.all()[number - 1].predictions[0].title
        teacher.locator(".stMarkdown strong").get_by_text(expected, exact=True).wait_for()
        assert teacher.get_by_role("combobox", name="Question").input_value() == expected


def test_a_lesson_leads_to_its_question(visit):
    page = visit("/lessons?lesson=1&step=1", height=720)
    number = next(i for i, step in enumerate(lessons.all()[0].steps, 1) if step is lessons.all()[0].predictions[0])
    for _ in range(number - 1):
        page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Ask the class").click()
    page.get_by_role("button", name="Open a room").click()
    expected = lessons.all()[0].predictions[0].title
    page.get_by_role("combobox", name="Question").wait_for()
    assert page.get_by_role("combobox", name="Question").input_value() == expected
    assert page.url.endswith("/room")


def test_the_result_of_a_lessons_question_fits_on_a_projector(visit):
    teacher, _ = open_room(visit)
    teacher.set_viewport_size({"width": 1280, "height": 720})
    press(teacher, "Ask the class", then="Close the vote")
    press(teacher, "Close the vote", then="Vote again")
    press(teacher, "Reveal the result", then="Next question")
    assert not teacher.get_by_test_id("stSidebar").is_visible()
    sizes = teacher.get_by_test_id("stButtonGroup").get_by_role("button")
    sizes.first.wait_for()
    buttons = [sizes.nth(i) for i in range(sizes.count())]
    buttons += [teacher.get_by_role("button", name=name) for name in ("Next question", "Room")]
    for button in buttons:
        box = button.bounding_box()
        assert box["x"] + box["width"] <= 1280, button.inner_text()
        assert box["y"] + box["height"] <= 720, button.inner_text()
    assert len(buttons) > 6
    teacher.get_by_role("button", name="Next question").click()
    teacher.get_by_role("button", name="Ask the class").wait_for()
    teacher.get_by_test_id("stSidebar").wait_for()


def test_the_owner_link_is_seen_nowhere(visit, visit_at):
    teacher, code = open_room(visit)
    teacher.context.grant_permissions(["clipboard-read", "clipboard-write"])
    teacher.get_by_role("button", name="Copy your own link").click()
    teacher.get_by_role("button", name="Copied").wait_for()
    link = teacher.evaluate("navigator.clipboard.readText()")
    secret = link.partition(f"#owner={code}.")[2]
    assert len(secret) == 22
    other = visit_at(f"{teacher.url}#{link.partition('#')[2]}")
    for page in (teacher, other):
        page.locator(".join .code").wait_for()
        assert page.url.endswith("/room")
        assert secret not in page.content()
    # Both are owners: what one does, the other shows. A reload keeps the room.
    ask(other)
    teacher.get_by_role("heading", name=QUESTION).wait_for()
    teacher.reload()
    teacher.get_by_role("button", name="Close the vote").wait_for()
    teacher.get_by_role("button", name="Room").click()
    teacher.get_by_role("button", name="Copy your own link").wait_for()
    assert teacher.url.endswith("/room")
    other.go_back()
    assert "owner" not in other.url


def test_a_phone_without_connection_for_a_while(visit, browser, server):
    teacher, code = open_room(visit)
    ask(teacher)
    context = browser.new_context()  # `visit_at` would complain about the failed requests
    one = context.new_page()
    one.goto(f"{server}/vote/{code}")
    one.locator(".choices button").first.wait_for()
    failed = []
    one.route("**/vote/**", lambda route: (failed.append(route.request.url), route.abort()))
    one.locator(".choices button[value='2']").click()
    one.get_by_text("No connection.").wait_for()
    assert "C is counted" not in one.content()
    one.unroute("**/vote/**")
    one.get_by_text("C is counted.").wait_for()
    counts(teacher, "1 of 1 answered")
    assert any(url.endswith("/answer") for url in failed)
    context.close()


def test_a_browser_that_refuses_storage_is_one_phone_after_a_reload(visit, visit_at, server):
    """As in a frame of another site."""
    teacher, code = open_room(visit)
    ask(teacher)
    one = visit_at("about:blank", width=390, height=844)
    one.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('refused'); }})")
    one.goto(f"{server}/vote/{code}")
    choose(one, "A")
    one.reload()
    one.get_by_text("A is counted.").wait_for()
    choose(one, "B")
    counts(teacher, "1 of 1 answered")


def test_a_phone_without_javascript(visit, browser, server):
    teacher, code = open_room(visit)
    ask(teacher)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    one = context.new_page()
    one.goto(f"{server}/vote")
    one.get_by_label("Code").fill(f"{code[:4].lower()} {code[4:].lower()}")
    one.get_by_role("button", name="Join").click()
    one.locator(".choices button[value='0']").click()
    one.get_by_text("A is counted.").wait_for()
    one.locator(".choices button[value='1']").click()
    one.get_by_text("B is counted.").wait_for()
    counts(teacher, "1 of 1 answered")
    press(teacher, "Close the vote", then="Reveal the result")
    press(teacher, "Reveal the result", then="Next question")
    one.get_by_role("button", name="See what is open now").click()
    one.get_by_text("✓ right").wait_for()
    context.close()
