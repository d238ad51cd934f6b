"""A lesson on paper: the worksheet without answers, and the teacher's sheet. Each is one HTML file, made for print."""

import base64
from collections.abc import Iterable
from html import escape
from urllib.parse import urlencode

from rnorm_core import report
from rnorm_core.classroom import lessons, markup
from rnorm_core.classroom.lessons import Experiment, Lesson, Predict, Read, Reveal, Step, Try
from rnorm_core.classroom.parts import BarPart, Picture
from rnorm_core.classroom.parts.photos import photos
from rnorm_core.classroom.question import Question, letter

VOTE = (
    "After the first vote: below 35 % right, explain. From 35 to 70 %, let neighbours discuss, and vote again. Above "
    "70 %, explain briefly and go on. Then the experiment answers."
)
_STYLE = """
@page { size: A4; margin: 16mm 18mm; }
* { box-sizing: border-box; }
body { font: 11pt/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; color: #1b2430;
       background: #fff; max-width: 176mm; margin: 8mm auto; padding: 0 4mm; }
h1 { font-size: 17pt; margin: 0 0 1mm; } h2 { font-size: 12pt; margin: 0 0 1.5mm; line-height: 1.3; }
p { margin: 0 0 2mm; } ul { margin: 0 0 2mm; padding-left: 6mm; } .answers { list-style: none; }
section { break-inside: avoid; margin: 6mm 0 0; padding-top: 3mm; border-top: 0.3mm solid #9aa3af; }
code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 10pt; }
.goal { color: #4a5563; }
.head { display: flex; gap: 8mm; margin: 3mm 0; }
.head span { flex: 1; border-bottom: 0.2mm solid; }
.choice { display: flex; gap: 3mm; margin: 1mm 0; }
.box { width: 4mm; height: 4mm; flex: none; margin-top: 1mm; border: 0.3mm solid; }
.line { height: 8mm; border-bottom: 0.2mm solid #9aa3af; } .ask { margin: 2mm 0 0; color: #4a5563; }
.time { float: right; font-weight: 400; color: #4a5563; font-size: 10pt; } .right { font-weight: 600; }
.say { border-left: 1mm solid #d55e00; padding-left: 3mm; } .small { font-size: 9.5pt; color: #4a5563; }
.photos { display: flex; gap: 4mm; margin: 2mm 0; }
figure { margin: 0; width: 26mm; font-size: 8.5pt; text-align: center; }
img { width: 100%; image-rendering: pixelated; } a { color: inherit; overflow-wrap: anywhere; }
@media print { body { margin: 0; padding: 0; max-width: none; } }
"""


def worksheet(lesson: Lesson) -> str:
    """Questions and room to write. Reveals and feedback are not on it."""
    head = '<p class="head"><span>Name</span><span>Date</span></p>'
    parts = [html for number, step in _numbered(lesson) if (html := _for_students(lesson, number, step))]
    return _page(lesson, "Worksheet", [head, *parts])


def teacher_sheet(lesson: Lesson, address: str) -> str:
    """Answers, timing, what students usually say, and links that set the stage. address: of the app, without a page."""
    about = f'<p class="small">{escape(VOTE)}</p><p class="small">Students begin at {_link(address, lesson)}</p>'
    parts, passed = [f"<p>{lesson.minutes:g} minutes. {about}</p>"], 0.0
    for number, step in _numbered(lesson):
        parts.append(_for_teachers(lesson, number, step, passed, address))
        passed += step.minutes
    return _page(lesson, "Teacher's sheet", parts)


def _for_students(lesson: Lesson, number: int, step: Step) -> str:
    title, body = f"<h2>{number}. {markup.inline(step.title)}</h2>", markup.html(lessons.text(lesson, step.body))
    match step:
        case Read():
            return _section(title, body, _photos(step))
        case Predict():
            choices = [
                f'<p class="choice"><span class="box"></span><b>{letter(i)}</b>{_plain(one.text)}</p>'
                for i, one in enumerate(step.answers)
            ]
            return _section(title, body, _photos(step), *choices, _room("Why do you think so?", 2))
        case Experiment():
            return _section(title, _room("What do you see? Write the numbers that answer your question.", 2))
        case Reveal():
            return _section(f"<h2>{number}. Was your prediction right?</h2>", _room("What did you learn from it?", 2))
        case Try():
            return _section(title, body, _room("Your notes", 4))
    return ""


def _for_teachers(lesson: Lesson, number: int, step: Step, passed: float, address: str) -> str:
    kind = type(step).__name__.lower()
    time = f'<span class="time">{kind}, minute {passed:g} to {passed + step.minutes:g}</span>'
    parts = [f"<h2>{time}{number}. {markup.inline(step.title)}</h2>", markup.html(lessons.text(lesson, step.body))]
    if isinstance(step, Predict):
        parts.append(_answers(lessons.question(step)))
    if isinstance(step, Experiment) and isinstance(step.part, BarPart):
        parts += [f'<p class="small">{_plain(_numbers(picture))}</p>' for picture in step.part.pictures()]
    if isinstance(step, Try):
        parts.append(f"<p>Pages: {_plain('; '.join(one.label for one in step.ways))}.</p>")
    if step.teacher.text:
        say = markup.html(lessons.text(lesson, step.teacher))
        parts.append(f'<div class="say">{say}</div>')
    parts.append(f'<p class="small">On the screen: {_link(address, lesson, number)}</p>')
    return _section(*parts)


def _answers(question: Question) -> str:
    items = [
        f'<li class="{"right" if i == question.right else ""}">{"✓ " if i == question.right else ""}<b>{letter(i)}</b> '
        f"{_plain(one.text)}"
        f'<br><span class="small">{markup.inline(one.feedback)}</span></li>'
        for i, one in enumerate(question.choices)
    ]
    return f'<ul class="answers">{"".join(items)}</ul>'


def _numbers(picture: Picture) -> str:
    return f"{picture.title}: {', '.join(f'{bar.label} {bar.value.text}' for bar in picture.bars)}."


def _photos(step: Step) -> str:
    shown = [
        f'<figure><img alt="" src="data:image/png;base64,{base64.b64encode(report.png(one.image)).decode()}">'
        f"{escape(one.caption)}</figure>"
        for word in step.photos
        for one in photos(word)
    ]
    return f'<div class="photos">{"".join(shown)}</div>' if shown else ""


def _page(lesson: Lesson, kind: str, parts: Iterable[str]) -> str:
    title = f"Lesson {lesson.id}: {lesson.title}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}, {kind}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>"
        f'<p class="goal">{kind}. {_plain(lesson.goal)}</p>\n{"".join(parts)}\n</body></html>\n'
    )


def _section(*parts: str) -> str:
    return f"\n<section>{''.join(parts)}</section>"


def _room(ask: str, lines: int) -> str:
    return f'<p class="ask">{ask}</p>{"<div class=line></div>" * lines}'


def _link(address: str, lesson: Lesson, step: int = 0) -> str:
    query = urlencode({"lesson": lesson.id, **({"step": step, "present": 1} if step else {})})
    url = escape(f"{address.rstrip('/')}/lessons?{query}")
    return f'<a href="{url}">{url}</a>'


def _numbered(lesson: Lesson) -> Iterable[tuple[int, Step]]:
    return enumerate(lesson.steps, 1)


def _plain(text: str) -> str:
    return escape(text)
