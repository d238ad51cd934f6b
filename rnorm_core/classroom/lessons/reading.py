"""A folder -> a lesson. All that is wrong with its files is found at once, each with file, line and remedy."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnorm_core.classroom import yaml_tree
from rnorm_core.classroom.fields import Fields, LessonError, Place, Text
from rnorm_core.classroom.lessons import texts
from rnorm_core.classroom.lessons.lesson import KINDS, Answer, Experiment, Lesson, Predict, Read, Reveal, Step, Try, Way
from rnorm_core.classroom.parts import PARTS
from rnorm_core.classroom.parts.photos import WORDS
from rnorm_core.classroom.rules import RULES
from rnorm_core.classroom.yaml_tree import Node

ABOUT = "lesson.yaml"
FOLDER = re.compile(r"(\d{1,3})-([a-z0-9][a-z0-9-]{0,60})")
FILE = re.compile(r"(\d{1,3})-([a-z0-9][a-z0-9-]{0,60})\.md")
LARGEST, MOST_STEPS = 40_000, 40  # bytes of a file; files of a lesson
MINUTES = {"read": 1.0, "predict": 1.0, "experiment": 1.0, "reveal": 1.0, "try": 2.0}
# Pages to which a lesson can lead, as their addresses name them.
PAGES = (
    "start", "lessons", "teach", "room", "glossary", "craft", "inside", "shift", "accuracy", "batch", "paper",
    "honesty", "models",
)  # fmt: skip
RENAME = "use letters a to z, digits and hyphens after a number, for instance"


@dataclass
class Reading:
    """What was found in a folder. lesson: None where an error makes it useless."""

    lesson: Lesson | None = None
    errors: list[LessonError] = field(default_factory=list)


def read(folder: Path) -> Reading:
    """The lesson in a folder, and everything that is wrong with it. Never raises for what is in the files."""
    reading, lesson_id = Reading(), folder.name
    try:
        if not (match := FOLDER.fullmatch(folder.name)):
            raise LessonError(folder.name, 1, "this is no name of a lesson's folder", f"{RENAME} `07-my-lesson`.")
        lesson_id = str(int(match[1]))
        about = Fields(f"{folder.name}/{ABOUT}", _tree(folder / ABOUT), ABOUT)
        title, goal = about.text("title", most=80), about.text("goal")
        about.done()
        files = _files(folder)
    except LessonError as error:
        return Reading(errors=[error])
    raw = [_attempt(reading, lambda file=file: _Raw.of(file)) for file in files]
    experiments: dict[str, Experiment] = {}
    for one in raw:
        if one and one.kind == "experiment" and (made := _attempt(reading, one.experiment)):
            experiments[made.name] = made
    steps: list[Step] = []
    for number, one in enumerate(raw):
        if one is None:
            continue
        later = {r.name: experiments[r.name] for r in raw[number + 1 :] if r and r.name in experiments}
        make = _Make(one, steps, later, experiments)
        if step := _attempt(reading, make.step):
            steps.append(step)
    if not reading.errors:
        reading.errors += _order(steps, {r.name: r.fields.place for r in raw if r})
    if not reading.errors:
        reading.lesson = Lesson(lesson_id, folder.name, title, goal, tuple(steps))
    return reading


@dataclass
class _Raw:
    """A step's file, half read: fields of every kind, and those that are left."""

    kind: str
    name: str
    title: str
    body: Text
    minutes: float
    teacher: Text
    photos: tuple[str, ...]
    fields: Fields

    @classmethod
    def of(cls, path: Path) -> "_Raw":
        shown = f"{path.parent.name}/{path.name}"
        content, lines = _text(path, shown), []
        begin = content.split("\n")
        if begin[0].strip() != "---" or not (end := next((i for i, line in enumerate(begin[1:], 1)
                                                          if line.strip() == "---"), 0)):  # fmt: skip
            raise LessonError(
                shown, 1, "it does not begin with fields", "write `---`, the fields, `---`, then the text."
            )
        lines = begin[1:end]
        fields = Fields(shown, _parsed("\n".join(lines), shown, 2), "this step")
        kind = fields.one_of("type", KINDS)
        body = "\n".join(begin[end + 1 :])
        skipped = len(body) - len(body.lstrip("\n"))
        name = FILE.fullmatch(path.name)
        assert name is not None
        return cls(
            kind, name[2], fields.text("title", most=200), Text(body.strip(), Place(shown, end + 2 + skipped)),
            fields.number("minutes", 0, 60, MINUTES[kind]), fields.long_text("teacher", ""),
            fields.texts("photos", WORDS, most=4) if "photos" in fields else (), fields,
        )  # fmt: skip

    def common(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("name", "title", "body", "minutes", "teacher", "photos")}

    def experiment(self) -> Experiment:
        kind = PARTS[self.fields.one_of("part", PARTS)]
        settings = self.fields.mapping("settings", default=True)
        part = kind.read(settings)
        settings.done()
        self.fields.done()
        return Experiment(**self.common(), part=part)


@dataclass
class _Make:
    """Makes a step of a raw one. before: the steps before it. later: the experiments after it. all: of the lesson."""

    raw: _Raw
    before: Sequence[Step]
    later: dict[str, Experiment]
    all: dict[str, Experiment]

    def step(self) -> Step | None:
        raw = self.raw
        for text in (raw.body, raw.teacher):
            self._check_marks(text, self.all)
        match raw.kind:
            case "experiment":
                return self.all.get(raw.name)  # None: its error is known
            case "predict":
                step: Step = self._predict()
            case "reveal":
                step = Reveal(**raw.common(), of=self._prediction())
            case "try":
                step = Try(**raw.common(), ways=self._ways())
            case _:
                step = Read(**raw.common())
        raw.fields.done()
        return step

    def _predict(self) -> Predict:
        fields = self.raw.fields
        name = fields.text("experiment")
        if name not in self.later:
            listed = ", ".join(self.later) or "none"
            raise fields.error(
                "experiment", f"is {name!r}, which is no experiment after this step",
                f"name a later one (here: {listed}), so that nobody sees the answer before.",
            )  # fmt: skip
        rule_fields = fields.mapping("rule")
        rule = RULES[rule_fields.one_of("name", RULES)].read(rule_fields)
        rule_fields.done()
        answers = []
        for entry in fields.mappings("choices", 2, 6):
            answers.append(
                Answer(entry.text("when", most=40), entry.text("text", most=200), entry.long_text("feedback"),
                       entry.place)
            )  # fmt: skip
            entry.done()
            self._check_marks(answers[-1].feedback, {name: self.later[name]})
        rule.check([one.when for one in answers], [one.place for one in answers])
        return Predict(**self.raw.common(), experiment=self.later[name], rule=rule, answers=tuple(answers))

    def _prediction(self) -> Predict:
        fields = self.raw.fields
        name = fields.text("of")
        known = {step.name: step for step in self.before if isinstance(step, Predict)}
        if name not in known:
            listed = ", ".join(known) or "none"
            raise fields.error("of", f"is {name!r}, which is no prediction before this step", f"name one of {listed}.")
        return known[name]

    def _ways(self) -> tuple[Way, ...]:
        fields, ways = self.raw.fields, []
        for entry in fields.mappings("ways", 1, 6) if "ways" in fields else []:
            page, label = entry.one_of("page", PAGES), entry.text("label", most=80)
            settings = entry.mapping("settings", default=True)
            entry.done()
            ways.append(Way(label, page, tuple(settings.items())))
        return tuple(ways)

    def _check_marks(self, text: Text, experiments: dict[str, Experiment]) -> None:
        """LessonError for a mark that names no experiment, or a word that is not in the glossary."""
        texts.words(text)
        for experiment, value in texts.named(text):
            if experiment not in experiments:
                where = f"{experiment}.{value}" if experiment else value
                listed = ", ".join(experiments) or "none"
                raise text.place.error(
                    f"{{{where}}} names no experiment of this lesson", f"its experiments are {listed}."
                )


def _order(steps: Sequence[Step], places: dict[str, Place]) -> list[LessonError]:
    """Errors of the order: each prediction needs its experiment and then exactly one reveal."""
    errors = []
    for i, step in enumerate(steps):
        if not isinstance(step, Predict):
            continue
        reveals = [j for j, other in enumerate(steps) if isinstance(other, Reveal) and other.of is step]
        if len(reveals) != 1:
            reason = "has no reveal" if not reveals else "has several reveals"
            fix = f"add one later step with `type: reveal` and `of: {step.name}`."
            errors.append(places[step.name].error(f"the prediction {step.name!r} {reason}", fix))
        elif not i < steps.index(step.experiment) < reveals[0]:
            fix = "put the experiment between the prediction and its reveal."
            errors.append(places[step.name].error(f"{step.name!r} is revealed before its experiment", fix))
    return errors


def _files(folder: Path) -> list[Path]:
    """The steps' files in their order; LessonError for a name that is none, twice there, or too many."""
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".md" and not path.name.startswith("."))
    if not 0 < len(paths) <= MOST_STEPS:
        raise LessonError(
            f"{folder.name}/{ABOUT}", 1, f"the folder has {len(paths)} steps", f"add files, 1 to {MOST_STEPS}."
        )
    names: dict[str, Path] = {}
    for path in paths:
        shown = f"{folder.name}/{path.name}"
        if not (match := FILE.fullmatch(path.name)):
            raise LessonError(shown, 1, "this is no name of a step", f"{RENAME} `02-predict.md`.")
        for key in (match[1].lstrip("0"), match[2]):
            if key in names:
                raise LessonError(
                    shown, 1, f"{key!r} is also in {names[key].name}", "give each file a number and a name of its own."
                )
            names[key] = path
    return sorted(paths, key=lambda path: int(path.name.split("-")[0]))


def _tree(path: Path) -> Node:
    shown = f"{path.parent.name}/{path.name}"
    return _parsed(_text(path, shown), shown, 1)


def _parsed(text: str, shown: str, first: int) -> Node:
    try:
        return yaml_tree.parse(text, first)
    except yaml_tree.NotYaml as error:
        fix = "correct this line; a text with a colon in it needs quotes."
        raise LessonError(shown, error.line, f"this is no YAML of a lesson: {error}", fix) from error


def _text(path: Path, shown: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        reason = error.strerror or "it cannot be opened"
        raise LessonError(shown, 1, f"it cannot be read ({reason})", "add this file.") from error
    if len(raw) > LARGEST:
        raise LessonError(shown, 1, f"it has more than {LARGEST:,} bytes", "make it shorter.")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise LessonError(shown, line, "it is no UTF-8 text", "save it as UTF-8.") from error


def _attempt(reading: Reading, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except LessonError as error:
        reading.errors.append(error)
        return None
