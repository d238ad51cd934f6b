"""The page for teachers."""

import pytest

from rnorm_core.classroom import lessons
from rnorm_core.classroom.paths import PATHS
from rnorm_core.errors import UserError
from rnorm_core.ui.lessons import teach


def texts(page) -> str:
    return "\n".join(block.value for block in page.markdown)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.minutes))
def test_a_path_names_its_lessons_with_their_times(open_page, path):
    page, begin = open_page("teach", plan=f"{path.minutes} minutes"), 0.0
    for part in path.parts:
        assert f"**{begin:g} to {begin + part.minutes:g} min**" in texts(page)
        assert f"**Lesson {part.id}, {part.lesson.title}**" in texts(page)
        begin += part.minutes
    shown = [button.label for button in page.button if button.label.startswith("Show lesson")]
    assert shown == [f"Show lesson {part.id}" for part in path.parts]


def test_every_lesson_has_its_goal_and_two_sheets(open_page):
    page = open_page("teach", plan=teach.ALL)
    assert len(page.get("download_button")) == 2 * len(lessons.all())
    for lesson in lessons.all():
        assert lesson.goal in texts(page)


@pytest.mark.parametrize("part", [teach.VOTE, teach.BEFORE])
def test_the_other_parts_have_no_error(open_page, part):
    page = open_page("teach", plan=part)
    assert len(texts(page)) > 300
    assert not page.error


def test_a_path_without_one_of_its_lessons_shows_the_others(open_page, monkeypatch):
    find = lessons.find

    def missing(id: str):
        if id == "3":
            raise UserError("There is no lesson '3'.", "restore the lessons.")
        return find(id)

    monkeypatch.setattr(lessons, "find", missing)
    page = open_page("teach", plan="45 minutes")
    assert "no lesson" in page.error[0].value
    assert len([button for button in page.button if button.label.startswith("Show lesson")]) == 5
