"""A small sound lesson, and files in it that a test changes."""

from pathlib import Path

import pytest

ABOUT = "title: Mine\ngoal: You can say what it is.\n"
PREDICT = """---
type: predict
title: How many are left?
experiment: bars
rule:
  name: interval
  of: bn_at_1
choices:
  - when: 0 to 50
    text: Few
    feedback: "{bars.bn_at_1} are left."
  - when: 50 to 100
    text: Many
    feedback: Tempting.
---
Look at [[eps]].
"""
BARS = """---
type: experiment
title: Bars
part: accuracy
settings:
  lines: [bn, rn batch]
  sizes: [0, 1]
---
These are the bars.
"""
REVEAL = """---
type: reveal
title: So it is
of: guess
---
It is {bars.bn_at_1}.
"""
FILES = {"lesson.yaml": ABOUT, "01-guess.md": PREDICT, "02-bars.md": BARS, "03-answer.md": REVEAL}


@pytest.fixture
def lesson_folder(tmp_path) -> Path:
    """The folder of a sound lesson "9", whose files a test may change."""
    folder = tmp_path / "09-mine"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def change(lesson_folder):
    """change("01-guess.md", "old", "new") -> the errors that are found then."""
    from rnorm_core.classroom.lessons import reading

    def changed(name: str, old: str, new: str):
        path = lesson_folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return reading.read(lesson_folder).errors

    return changed
