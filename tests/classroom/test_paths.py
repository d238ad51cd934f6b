"""The ways through the lessons for a class."""

import pytest

from rnorm_core.classroom import paths
from rnorm_core.classroom.lessons import Predict, Reveal
from rnorm_core.classroom.paths import PATHS

by_minutes = pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.minutes))


@by_minutes
def test_a_path_takes_the_time_that_a_class_has(path):
    assert path.minutes - 3 <= sum(part.minutes for part in path.parts) <= path.minutes


@by_minutes
def test_a_part_ends_with_a_step_of_its_lesson_and_answers_what_it_asks(path):
    for part in path.parts:
        assert part.steps[-1].name == part.last
        asked = {step.name for step in part.steps if isinstance(step, Predict)}
        assert asked == {step.of.name for step in part.steps if isinstance(step, Reveal)}


@by_minutes
def test_a_path_goes_on_from_part_to_part_and_ends(path):
    seen = [(path.parts[0].lesson, 0)]
    while following := path.near(seen[-1][0].id, seen[-1][1], 1):
        seen.append(following)
    assert [lesson.steps[index] for lesson, index in seen] == [step for part in path.parts for step in part.steps]


@by_minutes
def test_a_path_goes_back_as_it_came(path):
    way = [(part.lesson, index) for part in path.parts for index in range(len(part.steps))]
    assert path.near(way[0][0].id, 0, -1) is None
    assert [path.near(lesson.id, index, -1) for lesson, index in way[1:]] == way[:-1]


def test_a_path_is_found_by_its_minutes():
    assert paths.find("15") is PATHS[0]
    assert paths.find("16") is None
