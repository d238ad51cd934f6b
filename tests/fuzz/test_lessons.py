"""Files of lessons that nobody would write: each is a lesson or a list of errors, never an exception."""

import random

import pytest

from rnorm_core.classroom import yaml_tree
from rnorm_core.classroom.lessons import SHIPPED, reading
from tests.fuzz.mutate import changed, no_hang

PIECES = [
    "- ", "? ", ": ", "[", "]", "{", "}", "&a ", "*a ", "!!x ", "|\n", ">\n", "#", "'", '"', "---\n", "\n", " ", "\t",
    "type: read", "title: x", "\x00", "\ufeff", "\u2028", "9" * 300, "when: nan to inf", "{a.b}", "[[eps]]",
]  # fmt: skip


@pytest.mark.parametrize("count", [150, pytest.param(5_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_a_changed_file_is_no_exception(tmp_path, count):
    folder = tmp_path / "09-fuzz"
    source = SHIPPED / "01-small-changes"
    sound = {path.name: path.read_bytes() for path in source.iterdir()}
    folder.mkdir()
    for name, content in sound.items():
        (folder / name).write_bytes(content)
    assert reading.read(folder).lesson
    for seed in range(count):
        name = random.Random(seed).choice(sorted(sound))
        (folder / name).write_bytes(changed(list(sound.values()), seed))
        with no_hang(seed):
            found = reading.read(folder)
        assert (found.lesson is None) == bool(found.errors), seed
        assert all(error.line >= 1 and error.fix for error in found.errors), seed
        (folder / name).write_bytes(sound[name])


def line_of(text: str) -> int:
    try:
        return yaml_tree.parse(text).line
    except yaml_tree.NotYaml as error:
        return error.line


def test_pieces_of_yaml_are_a_tree_or_an_error():
    for seed in range(3_000):
        rng = random.Random(seed)
        text = "".join(rng.choices(PIECES, k=rng.randint(1, 30)))
        with no_hang(seed):
            assert 1 <= line_of(text) <= text.count("\n") + 40


@pytest.mark.parametrize("text", ["[" * 30_000, "- " * 15_000 + "x", "{a: " * 9_000, "? " * 15_000])
def test_a_deep_file_is_an_error(text):
    with no_hang(0), pytest.raises(yaml_tree.NotYaml):
        yaml_tree.parse(text)


def test_a_billion_laughs_are_an_error():
    lines = ["a: &a [x, x]"] + [f"{b}: &{b} [*{a}, *{a}]" for a, b in zip("abcdef", "bcdefg", strict=True)]
    with pytest.raises(yaml_tree.NotYaml, match="alias"):
        yaml_tree.parse("\n".join(lines))
