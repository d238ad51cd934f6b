"""The lessons against the shipped results: an answer that changes fails here, and so does a text with a hole."""

import pytest

from rnorm_core import zoo
from rnorm_core.classroom import __main__ as command
from rnorm_core.classroom import lessons
from rnorm_core.classroom.lessons import Experiment, Predict, reading
from rnorm_core.classroom.parts import AccuracyBySize, clearly_more
from rnorm_core.classroom.parts.accuracy import Line
from rnorm_core.evaluation.claims.shipped import shipped
from rnorm_core.ui.shared.navigation import PAGES

pytestmark = pytest.mark.skipif("cifar10-resnet20-bn-adv" not in zoo.names(), reason="the trained models are not here")

SEEDS = "", "-seed1", "-seed2"
# The right answer of each prediction. Where one changes, the text around it tells another story: read the lesson again.
RIGHT = {
    "1 tiny": "10 to 30",
    "1 noise": "70 to 100",
    "1 file": "rises",
    "2 alone": "0 to 15",
    "2 many": "falls",
    "2 crowd": "20 to 60",
    "3 large": "70 to 100",
    "3 small": "0 to 30",
    "3 control": "70 to 100",
    "4 swap": "30 to 55",
    "4 stronger": "bn_at_1",
    "4 price": "falls",
    "5 far": "divisor_grows",
    "5 which": "rn_at_1",
    "5 eight": "0 to 1",
    "6 other": "falls",
    "6 end": "same",
    "6 training": "20 to 50",
    "7 hundred": "0 to 10",
    "7 which": "rn_at_1",
    "7 norm-free": "bn_at_1",
    "7 back": "bn_at_1",
}


def test_all_are_sound():
    assert [lesson.id for lesson in lessons.all()] == list("1234567")
    assert not lessons.problems()
    assert all(9 <= lesson.minutes <= 13 for lesson in lessons.all())


def test_the_answers_are_those_of_the_shipped_results():
    found = {}
    for lesson in lessons.all():
        for step in lesson.predictions:
            found[f"{lesson.id} {step.name}"] = step.answers[lessons.question(step).right].when
    assert found == RIGHT


def test_only_the_right_choice_says_that_it_is_right():
    """The feedback was written for these answers."""
    for lesson in lessons.all():
        for step in lesson.predictions:
            asked = lessons.question(step)
            for i, choice in enumerate(asked.choices):
                assert choice.feedback.startswith("Right:") == (i == asked.right), (lesson.id, step.name)


def test_sentences_that_no_rule_checks():
    """Comparisons in words, which would be wrong for other results."""

    def values(lesson: str, experiment: str):
        known = lessons.find(lesson).experiments[experiment].part.values()
        return {name: value.value for name, value in known.items()}

    file, noise = values("1", "png"), values("1", "random")
    assert file["bn_png_at_0.5"] < file["bn_at_0.5"]  # "there the file makes the change larger"
    assert noise["bn_noise_at_8"] > noise["bn_at_1"]  # "and does much less"
    few = lessons.find("2").experiments["few"].part.values()["bn_as_trained"]
    assert (few.n, lessons.find("1").experiments["attack"].part.values()["bn_at_0"].n) == (512, 2000)
    shift = values("3", "noise")
    assert abs(shift["noise_outside"] - shift["pgd_outside"]) < 0.1  # "about as many layers"
    swap = lessons.find("4").experiments["sizes"].part.values()
    assert {value.n for value in swap.values()} == {500}
    assert not any(clearly_more(swap[f"bn_batch_at_{eps}"], swap[f"bn_at_{eps}"]) for eps in ("0.5", "1", "1.5", "2"))
    luck = values("5", "luck")
    assert all(luck[f"rn-seed{k}_at_1"] > luck[f"bn-seed{k}_at_1"] for k in (1, 2))  # "ahead in these trainings, too"
    norms = values("5", "norms")
    assert norms["none_at_1"] >= norms["rn_at_1"]  # "so does no norm"
    assert 0.005 < norms["bn_at_0"] - norms["rn_at_0"] < 0.015  # "about one point"
    bn, early, rn = (values("5", "less")[f"{word}_at_1"] for word in ("bn", "bn-early", "rn"))
    assert abs(early - bn) < 0.02 < rn - early  # "less training alone does not do it"
    less = values("5", "less")
    assert abs(less["bn-early_at_0"] - less["rn_at_0"]) < 0.01  # "at about RobustNorm's accuracy without an attack"
    assert shipped().by_claim["C5"][0].verdict.startswith("holds at 0.5, 1 and 1.5/255")  # "from about 0.5 to 1.5/255"
    for lesson, experiment in (("2", "neighbours"), ("6", "transfer")):
        assert {value.n for value in lessons.find(lesson).experiments[experiment].part.values().values()} == {1000}
    window = values("6", "window")
    assert abs(window["bn_at_0.25"] - window["rn_at_0.25"]) < 0.01  # "equal, up to chance"
    assert window["rn_at_1.5"] > window["bn_at_1.5"]  # "a little ahead"
    again = lessons.find("7").experiments["again"].part.values()
    first, second, third = ([again[f"{norm}{seed}_at_1"] for norm in ("bn", "rn", "none")] for seed in SEEDS)
    assert clearly_more(first[0], first[2])  # "is behind BatchNorm in the first training"
    assert not clearly_more(second[0], second[2])  # "no larger than chance"
    assert not clearly_more(second[2], second[0])
    assert clearly_more(third[2], third[0])  # "in the third it is ahead"
    assert all(clearly_more(rn, bn) for bn, rn, _ in (first, second, third))  # "three times out of three"
    lines = tuple(Line((norm + seed,)) for seed in SEEDS for norm in ("bn", "rn", "none"))
    at_home = AccuracyBySize((1,), lines).values()
    for seed in SEEDS:
        bn, rn, none = (at_home[f"{norm}{seed}_at_1"] for norm in ("bn", "rn", "none"))
        assert clearly_more(none, bn)  # "ahead of BatchNorm in every training"
        there = again[f"rn{seed}_at_1"].value - again[f"bn{seed}_at_1"].value
        assert clearly_more(rn, bn)
        assert rn.value - bn.value > 2 * there  # "by more on CIFAR-10, by little on CIFAR-100"
    swap = lessons.find("7").experiments["swap"].part.values()
    price = {where: swap[f"bn{where}_at_0"].value - swap[f"bn_batch{where}_at_0"].value for where in ("", "_cifar10")}
    assert all(lost > 0 for lost in price.values())  # "it costs photos, too"
    for where in price:
        assert swap[f"bn_batch{where}_at_1"].n == 500
        assert clearly_more(swap[f"bn{where}_at_1"], swap[f"bn_batch{where}_at_1"])  # "as on CIFAR-10"
    kinds = values("7", "kinds")
    for where in ("", "_cifar10"):
        assert kinds[f"bn{where}_at_1"] < 0.5 * kinds[f"bn{where}_at_0"]  # "takes most photos"
    assert values("7", "norms")["rn_at_8"] < 0.01  # "nothing is left at 8/255"


@pytest.mark.parametrize("lesson", lessons.all(), ids=lambda lesson: lesson.folder)
def test_every_text_can_be_filled_and_every_value_is_there(lesson):
    assert command.examine(lesson) == []
    for step in lesson.steps:
        for text in (step.body, step.teacher):
            assert "{" not in lessons.text(lesson, text)
        if isinstance(step, Predict):
            assert step.title.endswith("?")
            assert step.teacher.text  # what students usually say
        if isinstance(step, Experiment):
            assert step.part.values()


@pytest.mark.parametrize(("lesson", "experiment", "labels"), [
    ("1", "random", ["BatchNorm, under attack", "BatchNorm, random noise"]),
    ("1", "png", ["BatchNorm, as computed", "BatchNorm, saved as PNG"]),
    ("4", "swapped", ["BatchNorm with its memory, PGD", "BatchNorm with batch statistics, PGD"]),
    ("4", "sizes", ["BatchNorm with its memory", "BatchNorm with batch statistics"]),
    ("6", "better", ["RobustNorm with batch statistics, PGD",
                     "RobustNorm with batch statistics, worst case"]),
    ("5", "norms", ["BatchNorm", "RobustNorm", "no norm"]),
    ("7", "kinds", ["CIFAR-10 BatchNorm", "CIFAR-100 BatchNorm"]),
    ("7", "swap", ["CIFAR-10 BatchNorm with its memory", "CIFAR-10 BatchNorm with batch statistics",
                   "CIFAR-100 BatchNorm with its memory", "CIFAR-100 BatchNorm with batch statistics"]),
])  # fmt: skip
def test_bars_say_in_what_they_differ(lesson, experiment, labels):
    picture = lessons.find(lesson).experiments[experiment].part.pictures()[0]
    assert [bar.label.lower() for bar in picture.bars] == [label.lower() for label in labels]


def test_pages_of_doors_are_pages_of_the_app():
    assert set(reading.PAGES) == set(PAGES)


def test_an_unknown_lesson_names_the_known_ones():
    with pytest.raises(lessons.UserError, match="choose one of 1, 2, 3, 4, 5, 6, 7"):
        lessons.find("77")


# --- the command


def test_the_command_checks_the_shipped_lessons(capsys):
    assert command.main(["check"]) == 0
    said = capsys.readouterr().out
    assert "7 lessons, 0 errors" in said
    assert "-> 20 to 50 %" in said


def test_the_command_names_what_is_wrong(capsys, change, lesson_folder):
    change("01-guess.md", "bn_at_1", "bn_at_7")
    assert command.main(["check", str(lesson_folder)]) == 1
    said = capsys.readouterr()
    assert "error: 09-mine/01-guess.md, line 5: the experiment has no value 'bn_at_7'" in said.err
    assert "1 lessons, 1 errors" in said.out


def test_the_command_names_a_value_that_a_text_does_not_find(capsys, change, lesson_folder):
    change("03-answer.md", "It is", "So\n\n{bars.bn_at_2}")
    assert command.main(["check", str(lesson_folder.parent)]) == 1
    assert "09-mine/03-answer.md, line 8: {bars.bn_at_2} names no value" in capsys.readouterr().err


def test_an_empty_folder_is_no_success(capsys, tmp_path):
    assert command.main(["check", str(tmp_path)]) == 1
    assert "has no lesson" in capsys.readouterr().err
