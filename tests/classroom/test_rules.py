"""The rules that find the right answer."""

import pytest
import torch

from rnorm_core.classroom.fields import Fields, LessonError, Place
from rnorm_core.classroom.parts import Value
from rnorm_core.classroom.rules import RULES, SAME
from rnorm_core.classroom.yaml_tree import parse

N = 1000


def share(correct: int, images: str = "same") -> Value:
    mask = torch.zeros(N, dtype=torch.bool)
    mask[:correct] = True
    return Value.of_mask(mask, images)


def rule(text: str):
    fields = Fields("x.md", parse(text), "a rule")
    made = RULES[fields.one_of("name", RULES)].read(fields)
    fields.done()
    return made


def right(text: str, outcomes: list[str], values: dict[str, Value]) -> list[str]:
    return [outcome for outcome in outcomes if rule(text).fits(outcome, values)]


@pytest.mark.parametrize(
    ("a", "b", "answer"),
    [(share(500), share(600), "b"), (share(600), share(500), "a"), (share(500), share(500), SAME),
     (share(500), share(502), SAME), (share(500, "x"), share(520, "y"), SAME), (Value(2.0), Value(2.1), "b")],
)  # fmt: skip
def test_the_largest_is_clearly_ahead(a, b, answer):
    assert right("name: largest\nof: [a, b]", ["a", "b", SAME], {"a": a, "b": b}) == [answer]


def test_the_same_images_tell_more_than_other_images():
    """20 of 1,000 images more: clear on the same images, and chance between two different sets of images."""
    assert right("name: largest\nof: [a, b]", ["a", "b", SAME], {"a": share(500), "b": share(520)}) == ["b"]


@pytest.mark.parametrize(
    ("before", "after", "margin", "answer"),
    [
        (500, 600, 0, "rises"),
        (600, 500, 0, "falls"),
        (500, 501, 0, SAME),
        (500, 600, 20, SAME),
        (500, 800, 20, "rises"),
    ],
)
def test_a_change_has_a_direction_or_none(before, after, margin, answer):
    text = f"name: change\nfrom: a\nto: b\nmargin: {margin}"
    values = {"a": share(before), "b": share(after)}
    assert right(text, ["rises", "falls", SAME], values) == [answer]


@pytest.mark.parametrize(
    ("correct", "answer"), [(0, "0 to 20"), (200, "20 to 50"), (499, "20 to 50"), (1000, "50 to 100")]
)
def test_an_interval_holds_its_lower_end(correct, answer):
    assert right("name: interval\nof: a", ["0 to 20", "20 to 50", "50 to 100"], {"a": share(correct)}) == [answer]


@pytest.mark.parametrize(("values", "answer"), [((90, 50, 5), "c"), ((5, 50, 5), "a"), ((90, 80, 70), "never")])
def test_the_first_below_a_limit(values, answer):
    known = {name: share(10 * percent) for name, percent in zip("abc", values, strict=True)}
    assert right("name: first below\nof: [a, b, c]\nbelow: 20", ["a", "b", "c", "never"], known) == [answer]


def test_a_name_that_is_no_value_lists_the_values():
    with pytest.raises(LessonError, match="its values are a, b"):
        rule("name: interval\nof: c").fits("0 to 1", {"a": Value(1), "b": Value(2)})


def test_every_possible_outcome_needs_a_choice():
    here = Place("x.md", 1)
    with pytest.raises(LessonError, match="no choice says `when: same`"):
        rule("name: largest\nof: [a, b]").check(["a", "b"], [here, here])
    with pytest.raises(LessonError, match="'when' is 'c'"):
        rule("name: largest\nof: [a, b]").check(["a", "c"], [here, here])


def test_a_share_is_shown_by_the_projects_rounding():
    assert Value.of_mask(share(227).mask).text == "22.7\N{NO-BREAK SPACE}%"
    assert Value(0.5, unit="/255").text == "0.5/255"
