"""The two marks in a lesson's texts: `{experiment.value}` and `[[glossary word]]` or `[[shown|glossary word]]`."""

import re
from collections.abc import Mapping

from rnorm_core import glossary
from rnorm_core.classroom.fields import LessonError, Text
from rnorm_core.classroom.lessons.lesson import Experiment
from rnorm_core.errors import UserError

VALUE = re.compile(r"\{([a-z0-9][\w-]*)\.([\w.-]+)\}|\{([\w.-]*)\}")
WORD = re.compile(r"\[\[([^\[\]|\n]+)(?:\|([^\[\]|\n]+))?\]\]")


def filled(text: Text, experiments: Mapping[str, Experiment]) -> str:
    """The text with the values of the experiments. LessonError, with its line, for one that is not there."""

    def put(match: re.Match[str]) -> str:
        name, value, whole = match.groups()
        if whole is not None or name not in experiments:
            listed = ", ".join(f"{{{one}.…}}" for one in experiments) or "none: add an experiment"
            raise _at(text, match, f"{match[0]} names no experiment of this lesson", f"its experiments are {listed}.")
        values = experiments[name].part.values()
        if value not in values:
            raise _at(text, match, f"{match[0]} names no value", f"its values are {', '.join(sorted(values))}.")
        return values[value].text

    return VALUE.sub(put, text.text)


def named(text: Text) -> list[tuple[str, str]]:
    """(experiment, value) of all marks, "" for the experiment of one without."""
    return [(match[1] or "", match[2] or match[3] or "") for match in VALUE.finditer(text.text)]


def words(text: Text) -> dict[str, glossary.Entry]:
    """The glossary's entries of the marked words, by the word that is shown. LessonError for an unknown one."""
    found = {}
    for match in WORD.finditer(text.text):
        try:
            found[match[1]] = glossary.find(match[2] or match[1])
        except UserError as error:
            raise _at(text, match, f"{match[0]} is not in the glossary", error.fix) from error
    return found


def unmarked(text: str, mark: str = "{}") -> str:
    """The text with its glossary words as they are shown, each in `mark`."""
    return WORD.sub(lambda match: mark.format(match[1]), text)


def _at(text: Text, match: re.Match[str], reason: str, fix: str) -> LessonError:
    line = text.place.line + text.text.count("\n", 0, match.start())
    return LessonError(text.place.file, line, reason, fix)
