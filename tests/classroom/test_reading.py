"""Files of lessons -> steps, and errors with file, line and remedy."""

import pickle

import pytest

from rnorm_core import evaluation
from rnorm_core.classroom import lessons
from rnorm_core.classroom.lessons import Experiment, Predict, Reveal, reading
from rnorm_core.classroom.parts import AccuracyBySize


def test_a_sound_folder_is_a_lesson(lesson_folder):
    found = reading.read(lesson_folder)
    assert not found.errors
    lesson = found.lesson
    assert (lesson.id, lesson.title, lesson.minutes) == ("9", "Mine", 3)
    guess, bars, answer = lesson.steps
    assert isinstance(guess, Predict)
    assert isinstance(bars, Experiment)
    assert isinstance(answer, Reveal)
    assert guess.experiment is bars
    assert answer.of is guess
    assert isinstance(bars.part, AccuracyBySize)
    assert [line.key for line in bars.part.lines] == ["bn", "rn_batch"]
    assert bars.part.numbers == (0, 1)


def test_an_experiment_on_the_other_data_set(change, lesson_folder):
    assert not change("02-bars.md", "sizes: [0, 1]", "sizes: [0, 1]\n  dataset: cifar100")
    bars = reading.read(lesson_folder).lesson.experiments["bars"].part
    assert [one.model for one in bars.variants()] == ["cifar100-resnet20-bn", "cifar100-resnet20-rn"]
    assert bars.values()["bn_at_0"].images in {row.images for row in evaluation.table("cifar100").rows}
    kind = "part: batch size\nsettings:\n  networks: [bn]\n  sizes: [1, 128]\n  dataset: cifar100"
    old = "part: accuracy\nsettings:\n  lines: [bn, rn batch]\n  sizes: [0, 1]\n  dataset: cifar100"
    change("02-bars.md", old, kind)
    change("01-guess.md", "bn_at_1", "bn_in_1")
    change("03-answer.md", "bn_at_1", "bn_in_1")
    alone = reading.read(lesson_folder).lesson.experiments["bars"].part
    assert [picture.title for picture in alone.pictures()] == ["CIFAR-100 BatchNorm: photos recognised"]


def test_two_data_sets_in_one_picture(change, lesson_folder):
    assert not change("02-bars.md", "[bn, rn batch]", "[bn, bn cifar100]")
    bars = reading.read(lesson_folder).lesson.experiments["bars"].part
    assert [bar.label for bar in bars.pictures()[0].bars] == ["CIFAR-10 BatchNorm", "CIFAR-100 BatchNorm"]
    here, there = bars.values()["bn_at_1"], bars.values()["bn_cifar100_at_1"]
    assert (here.n, there.n) == (2000, 2000)
    assert here.images != there.images
    attacks = [set(line.rows(bars.lines)[1].settings["attacks"]) for line in bars.lines]
    assert attacks[0] == attacks[1]
    assert bars.on("cifar100") is None


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "reason"),
    [
        ("lesson.yaml", "goal", "gaol", 1, "has no 'goal'"),
        ("lesson.yaml", "title: Mine", "title: Mine\nauthor: me", 2, "has no field 'author'"),
        ("lesson.yaml", "title: Mine", "title: [a, b]", 1, "'title' is no text"),
        ("lesson.yaml", "title: Mine", "title: a: b", 1, "no YAML of a lesson"),
        ("lesson.yaml", "title: Mine", "title: *x", 1, "an alias"),
        ("lesson.yaml", "title: Mine", "title: Mine\ntitle: Yours", 2, "there twice"),
        ("01-guess.md", "type: predict", "type: quiz", 2, "'type' is 'quiz'"),
        ("01-guess.md", "---\ntype", "type", 1, "does not begin with fields"),
        ("01-guess.md", "title: How", "titel: How", 2, "has no 'title'"),
        ("01-guess.md", "experiment: bars", "experiment: stars", 2, "no experiment after this step"),
        ("01-guess.md", "name: interval", "name: guess", 6, "'name' is 'guess'"),
        ("01-guess.md", "of: bn_at_1", "off: bn_at_1", 5, "has no 'of'"),
        ("01-guess.md", "when: 50 to 100", "when: 60 to 100", 5, "is a gap"),
        ("01-guess.md", "when: 50 to 100", "when: 40 to 100", 5, "is an overlap"),
        ("01-guess.md", "when: 50 to 100", "when: 0 to 50", 12, "two choices"),
        ("01-guess.md", "when: 50 to 100", "when: much", 12, "'when' is 'much'"),
        ("01-guess.md", "    feedback: Tempting.\n", "", 12, "has no 'feedback'"),
        ("01-guess.md", "[[eps]]", "[[eps]] and\n[[normality]]", 17, "not in the glossary"),
        ("01-guess.md", "Look", "{stars.x}", 16, "names no experiment"),
        ("01-guess.md", "{bars.bn_at_1}", "{bn_at_1}", 11, "names no experiment"),
        ("02-bars.md", "part: accuracy", "part: accuracies", 4, "'part' is 'accuracies'"),
        ("02-bars.md", "sizes: [0, 1]", "sizes: [0, 3]", 7, "has 3, which was not measured"),
        ("02-bars.md", "sizes: [0, 1]", "sizes: [0, many]", 7, "is no such number"),
        ("02-bars.md", "sizes: [0, 1]", "sizes: [0, 1]\n  colour: red", 8, "has no field 'colour'"),
        ("02-bars.md", "[bn, rn batch]", "[bn, bn]", 6, "names something twice"),
        ("02-bars.md", "[bn, rn batch]", "[xn]", 5, "begins with 'xn'"),
        ("02-bars.md", "[bn, rn batch]", "[none batch]", 5, "has 'none batch'"),
        ("02-bars.md", "sizes: [0, 1]", "sizes: [0, 1]\n  dataset: mnist", 8, "'dataset' is 'mnist'"),
        ("02-bars.md", "[bn, rn batch]", "[bn, gn]\n  dataset: cifar100", 5, "begins with 'gn'"),
        ("02-bars.md", "[bn, rn batch]", "[bn cifar10 cifar100]", 5, "has 'bn cifar10 cifar100'"),
        ("02-bars.md", "title: Bars", "title: Bars\nminutes: soon", 4, "'minutes' is no such number"),
        ("02-bars.md", "title: Bars", "title: Bars\nphotos: [cat]", 4, "'photos' has 'cat'"),
        ("03-answer.md", "of: guess", "of: bars", 2, "no prediction before"),
        ("03-answer.md", "type: reveal", "type: read", 4, "has no field 'of'"),
    ],
)
def test_what_is_wrong_has_a_file_a_line_and_a_remedy(change, name, old, new, line, reason):
    first, *_ = (error for error in change(name, old, new) if error.file == f"09-mine/{name}")
    assert first.line == line
    assert reason in first.what
    assert str(first).startswith(f"09-mine/{name}, line {line}: ")
    assert len(first.fix) > 5
    assert str(pickle.loads(pickle.dumps(first))) == str(first)


def test_a_prediction_needs_a_later_reveal(lesson_folder):
    (lesson_folder / "03-answer.md").unlink()
    (error,) = reading.read(lesson_folder).errors
    assert error.file == "09-mine/01-guess.md"
    assert "has no reveal" in error.what


def test_an_experiment_does_not_come_before_its_prediction(lesson_folder):
    (lesson_folder / "02-bars.md").rename(lesson_folder / "00-bars.md")
    errors = reading.read(lesson_folder).errors
    assert any("no experiment after this step" in error.what for error in errors)


def test_an_experiment_comes_before_the_reveal(lesson_folder):
    (lesson_folder / "02-bars.md").rename(lesson_folder / "04-bars.md")
    (error,) = reading.read(lesson_folder).errors
    assert "revealed before its experiment" in error.what


def test_all_errors_are_found_at_once(change, lesson_folder):
    change("02-bars.md", "type: experiment", "type: expriment")
    errors = change("03-answer.md", "{bars.bn_at_1}", "{stars.x}")
    assert {error.file for error in errors} >= {"09-mine/02-bars.md", "09-mine/03-answer.md"}


@pytest.mark.parametrize("name", ["2-.md", "x.md", "1-Two.md", "02-bars.md.md", "01-other.md", "07-bars.md"])
def test_a_file_with_another_name_is_named(lesson_folder, name):
    (lesson_folder / name).write_text("---\ntype: read\ntitle: A\n---\n")
    (error,) = reading.read(lesson_folder).errors
    assert error.file == f"09-mine/{name}"


def test_files_are_bounded(lesson_folder):
    (lesson_folder / "01-guess.md").write_bytes(b"x" * (reading.LARGEST + 1))
    assert "bytes" in reading.read(lesson_folder).errors[0].what
    for number in range(10, 60):
        (lesson_folder / f"{number}-a{number}.md").write_text("")
    assert "steps" in reading.read(lesson_folder).errors[0].what


def test_a_file_that_is_no_utf8_says_in_which_line(lesson_folder):
    (lesson_folder / "01-guess.md").write_bytes(b"---\ntype: read\ntitle: \xff\n---\n")
    assert reading.read(lesson_folder).errors[0].line == 3


def test_windows_line_ends_are_line_ends(lesson_folder):
    path = lesson_folder / "01-guess.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert not reading.read(lesson_folder).errors


# --- lessons from outside


def test_lessons_from_outside_come_after_the_shipped_ones(monkeypatch, lesson_folder):
    shipped = lessons.all()
    monkeypatch.setenv("RNORM_LESSONS", str(lesson_folder.parent))
    assert lessons.all() == (*shipped, lessons.find("9"))
    assert not lessons.problems()
    (lesson_folder / "02-bars.md").write_text("")  # a change is seen
    assert lessons.all() == shipped
    assert lessons.problems()[0].file == "09-mine/02-bars.md"


def test_a_number_that_is_taken_is_named(monkeypatch, lesson_folder):
    lesson_folder.rename(lesson_folder.with_name("01-mine"))
    monkeypatch.setenv("RNORM_LESSONS", str(lesson_folder.parent))
    assert "another lesson 1" in lessons.problems()[0].what
    assert lessons.find("1").title != "Mine"


def test_a_folder_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("RNORM_LESSONS", str(tmp_path / "nowhere"))
    assert "no such folder" in lessons.problems()[0].what
    assert lessons.all()
