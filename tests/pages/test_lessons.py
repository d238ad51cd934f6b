"""The page of lessons: predictions come before what answers them."""

import pytest

from rnorm_core import data, jobs
from rnorm_core.classroom import lessons
from rnorm_core.classroom.lessons import Experiment, Predict, Reveal, Try
from rnorm_core.classroom.parts import OneChannel, Player
from rnorm_core.ui.lessons import question, words


def texts(page) -> str:
    return "\n".join(block.value for block in (*page.markdown, *page.caption, *page.info, *page.title))


def pictures(page) -> str:
    """What the small pictures of a step say to those who do not see them."""
    shown = "\n".join(block.value for block in page.markdown if "data:image/svg" in block.value)
    return shown.replace("\N{NO-BREAK SPACE}", " ")


def number_of(lesson, step) -> str:
    return str(lesson.steps.index(step) + 1)


def button(page, name: str):
    """The button whose key begins with this."""
    return next(one for one in page.button if one.key.startswith(f"{name} "))


def give(page, answer: int) -> None:
    page.radio[0].set_value(answer).run()
    button(page, "predict").click().run()
    assert not page.exception


def test_the_list_names_all_lessons(open_page):
    page = open_page("lessons")
    for lesson in lessons.all():
        assert f"**{lesson.id}. {lesson.title}**" in texts(page)
        assert page.button(key=f"begin {lesson.id}").label == "Begin"
    assert not page.error


@pytest.mark.parametrize("lesson", lessons.all(), ids=lambda lesson: lesson.folder)
def test_a_lesson_from_begin_to_end_without_a_job(open_page, lesson, monkeypatch):
    def no_job(request, work, visitor=None):
        raise AssertionError(f"{request} is computed")

    monkeypatch.setattr(jobs, "start", no_job)
    page = open_page("lessons", lesson=lesson.id)
    for number, step in enumerate(lesson.steps):
        assert page.title[0].value == step.title
        assert f"step {number + 1} of {len(lesson.steps)}" in texts(page)
        if isinstance(step, Predict):
            assert button(page, "next").disabled
            give(page, 0)  # this goes on
        else:
            if isinstance(step, Experiment) and not isinstance(step.part, Player):
                assert "data:image/svg" in texts(page) or page.get("bidi_component")
            if isinstance(step, Reveal):
                asked = lessons.question(step.of)
                given, right = (words.choice(asked.choices[i].text) for i in (0, asked.right))
                assert f"You predicted **{given}**" in texts(page)
                assert (f"Measured: **{right}**" in texts(page)) == (asked.right != 0)
            if number + 1 < len(lesson.steps):
                button(page, "next").click().run()
        assert not page.exception
        assert not page.error, page.error[0].value
        assert not page.warning
    assert not page.session_state["_predictions"].keys() - {question.key(lesson, one) for one in lesson.predictions}


def test_an_experiment_is_shown_on_the_other_data_set(open_page):
    lesson = lessons.find("5")
    step = lesson.experiments["norms"]
    page = open_page("lessons", lesson="5", step=number_of(lesson, step))
    while page.title[0].value != step.title:  # questions before it come first
        give(page, 0)
    here, there = ([one.text.replace("\N{NO-BREAK SPACE}", " ") for one in part.values().values()]
                   for part in (step.part, step.part.on("cifar100")))  # fmt: skip
    assert not set(here) & set(there)
    assert all(number in pictures(page) for number in here)
    page.segmented_control(key=f"photos of {question.key(lesson, step)}").set_value("cifar100").run()
    assert not page.exception
    assert "Shown: CIFAR-100. The text above is about CIFAR-10." in texts(page)
    assert all(number in pictures(page) for number in there)
    assert not any(f" {number} " in pictures(page) for number in here)


@pytest.mark.parametrize("kind", [Player, OneChannel], ids=lambda kind: kind.NAME)
def test_the_player_and_the_channel_too(open_page, kind):
    lesson, step = next(
        (lesson, step) for lesson in lessons.all() for step in lesson.steps
        if isinstance(step, Experiment) and isinstance(step.part, kind)
    )  # fmt: skip
    page = open_page("lessons", lesson=lesson.id, step=number_of(lesson, step))
    while page.title[0].value != step.title:
        give(page, 0)
    page.segmented_control(key=f"photos of {question.key(lesson, step)}").set_value("cifar100").run()
    assert not page.exception
    assert not page.error
    assert "Shown: CIFAR-100. The text above is about CIFAR-10." in texts(page)
    if kind is Player:
        names = data.samples("cifar100")
        assert set(page.selectbox[0].options) == {names.name(i) for i in range(len(names))}


def test_parts_of_several_data_sets_offer_no_other(open_page):
    lesson = lessons.find("7")
    step = lesson.experiments["kinds"]
    page = open_page("lessons", lesson="7", step=number_of(lesson, step))
    give(page, 0)
    assert page.title[0].value == step.title
    assert not page.segmented_control


def test_a_link_into_the_middle_shows_the_missing_predictions_first(open_page):
    lesson = lessons.find("1")
    first, second, *_ = lesson.predictions
    asked = lesson.steps.index(second) + 2
    page = open_page("lessons", lesson="1", step=str(asked + 1))
    assert page.title[0].value == first.title
    assert "question comes first" in texts(page)
    give(page, 1)
    assert page.title[0].value == second.title
    give(page, 0)
    assert page.title[0].value == lesson.steps[asked].title
    assert page.query_params["step"] == str(asked + 1)


def test_a_prediction_is_given_once(open_page):
    lesson = lessons.find("1")
    step = lesson.predictions[0]
    page = open_page("lessons", lesson="1", step=number_of(lesson, step))
    give(page, 2)
    button(page, "back").click().run()
    assert page.radio[0].disabled
    assert page.radio[0].value == 2


def test_a_lesson_can_be_begun_again(open_page):
    lesson = lessons.find("1")
    page = open_page("lessons", lesson="1", step=str(len(lesson.steps)))
    for _ in lesson.predictions:
        give(page, 0)
    button(page, "again").click().run()
    assert page.title[0].value == lesson.steps[0].title
    page.query_params["step"] = str(len(lesson.steps))
    page.run()
    assert page.title[0].value == lesson.predictions[0].title


@pytest.mark.parametrize("address", [{"lesson": "99"}, {"lesson": "`](x)<b>"}, {"lesson": "1", "step": "0"},
                                     {"lesson": "1", "step": "9" * 400}, {"lesson": "1", "step": "²"}])  # fmt: skip
def test_an_address_that_leads_nowhere_is_named(open_page, address):
    page = open_page("lessons", **address)
    (warning,) = page.warning
    assert "in the address is not used" in warning.value


def test_the_browser_can_bring_predictions_back(open_page, monkeypatch):
    """What a page does with the message of its component: a session that was lost goes on where it was."""
    lesson = lessons.find("1")
    kept = {question.key(lesson, step): 0 for step in lesson.predictions}
    page = open_page("lessons", lesson="1", step="8")
    page.session_state["_predictions"] = {}
    for broken in (None, "x", {"a": "b"}, {1: 2}, {"x" * 999: 1}, {question.key(lesson, lesson.predictions[0]): 77}):
        known = dict[str, int]()
        monkeypatch.setattr(question, "predictions", lambda known=known: known)
        question.take_back(broken)
        assert not known
    known = {}
    monkeypatch.setattr(question, "predictions", lambda: known)
    question.take_back(kept)
    assert known == kept


def test_words_open_on_a_tap(open_page):
    page = open_page("lessons", lesson="1")
    shown = "\n".join(block.value for block in page.markdown)
    assert "**adversarial example**" in shown
    assert "An image that somebody has changed" in shown


def test_of_a_broken_lesson_learners_see_one_line_and_teachers_all(open_page, monkeypatch, tmp_path):
    assert words.LEFT_OUT not in texts(open_page("lessons"))
    (tmp_path / "09-mine").mkdir()
    (tmp_path / "09-mine" / "lesson.yaml").write_text("title: Mine\ngaol: x\n")
    monkeypatch.setenv("RNORM_LESSONS", str(tmp_path))
    page = open_page("lessons")
    assert words.LEFT_OUT in texts(page)
    assert "09-mine" not in texts(page)
    assert not page.error
    assert page.button(key="begin 1")
    assert "09-mine/lesson.yaml, line 1" in open_page("teach").error[0].value


def ways() -> list:
    tries = [step for lesson in lessons.all() for step in lesson.steps if isinstance(step, Try)]
    return list(dict.fromkeys(way for step in tries for way in step.ways))


@pytest.mark.parametrize("way", ways(), ids=lambda way: way.label)
def test_a_door_of_a_lesson_leads_to_what_it_says(open_page, way):
    page = open_page(way.page, settled=False, **{key: list(values) for key, values in way.address})
    assert not page.exception
    assert not page.warning, page.warning[0].value  # an address that cannot be used is named
