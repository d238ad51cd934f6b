"""Lessons on paper."""

import re
from html import unescape

import pytest

from rnorm_core import zoo
from rnorm_core.classroom import lessons, markup, sheets
from rnorm_core.classroom.lessons import Predict, Reveal, Try, reading
from rnorm_core.classroom.question import letter

EVIL = "<script>alert(1)</script>"


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


needs_models = pytest.mark.skipif(
    "cifar10-resnet20-bn-adv" not in zoo.names(), reason="the trained models are not here"
)


@needs_models
@pytest.mark.parametrize("lesson", lessons.all(), ids=lambda lesson: lesson.folder)
def test_the_worksheet_has_questions_and_no_answers(lesson):
    sheet = sheets.worksheet(lesson)
    for step in lesson.steps:
        if isinstance(step, Predict):
            assert step.title in text(sheet)
            for i, choice in enumerate(lessons.question(step).choices):
                assert f"{letter(i)} {choice.text}" in text(sheet)
                assert text(markup.inline(choice.feedback)) not in text(sheet)
        if isinstance(step, Reveal):
            assert step.title not in text(sheet)
    assert "✓" not in sheet
    assert sheet.count('class="box"') == sum(len(step.answers) for step in lesson.predictions)


@needs_models
@pytest.mark.parametrize("lesson", lessons.all(), ids=lambda lesson: lesson.folder)
def test_the_teachers_sheet_has_answers_times_and_links(lesson):
    sheet = sheets.teacher_sheet(lesson, "https://lab.example/")
    assert sheet.count("✓") == len(lesson.predictions)
    assert f"to {lesson.minutes:g}</span>" in sheet
    for number, step in enumerate(lesson.steps, 1):
        assert f"https://lab.example/lessons?lesson={lesson.id}&amp;step={number}" in sheet
        if isinstance(step, Predict):
            asked = lessons.question(step)
            assert f"✓ {letter(asked.right)} {asked.choices[asked.right].text}" in text(sheet)
            assert " ".join(step.teacher.text.split()[:4]) in text(sheet)
        if isinstance(step, Try):
            assert all(way.label in text(sheet) for way in step.ways)


@needs_models
def test_a_sheet_needs_nothing_from_elsewhere():
    for sheet in (sheets.worksheet(lessons.find("1")), sheets.teacher_sheet(lessons.find("1"), "http://here")):
        sources = re.findall(r'(?:src|href)="([^"]+)"', sheet)
        assert sources
        assert all(source.startswith(("data:image/png;base64,", "http://here/lessons?")) for source in sources)


@needs_models
def test_texts_of_files_are_never_html(change, lesson_folder):
    guess = [("01-guess.md", old) for old in ("How many", "Few", "Tempting", "Look at")]
    for name, old in (("lesson.yaml", "Mine"), ("03-answer.md", "So it is"), *guess):
        assert not change(name, old, f"{old} {EVIL}")
    lesson = reading.read(lesson_folder).lesson
    for sheet in (sheets.worksheet(lesson), sheets.teacher_sheet(lesson, '"><script>')):
        assert "<script" not in sheet
        assert "&lt;script&gt;alert(1)" in sheet


def test_markdown_on_paper():
    assert markup.html("One *a* **b** `c < d`\nline [[eps]]\n\n- x\n- [y](http://z)") == (
        "<p>One <i>a</i> <b>b</b> <code>c &lt; d</code> line eps</p>\n<ul><li>x</li><li>y (http://z)</li></ul>"
    )
