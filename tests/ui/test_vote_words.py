"""Sentences of the presenter's page, and the bars of a vote."""

import re

import pytest

from rnorm_core.classroom.question import Choice, Question
from rnorm_core.classroom.vote.state import Advice, Asked, Result, Room, Round
from rnorm_core.figures.markup.vote_bars import vote_bars
from rnorm_core.ui.classroom import words

QUESTION = Question("Which?", (Choice("a"), Choice("b"), Choice("c")), right=1)


def room(phones: int, *rounds: Round, revealed: bool = False) -> Room:
    asked = Asked(1, 1, QUESTION, "", revealed, rounds) if rounds else None
    return Room("CDFGHJKM", 0, phones, asked)


def test_the_count_says_how_many_and_not_what():
    assert words.count(room(1)) == "**1 phone joined**"
    assert words.count(room(7, Round(1, 1, False, 3))) == "**3 of 7 answered**"
    assert words.count(room(7, Round(1, 1, True, 3), revealed=True)) == "**7 phones joined**"


@pytest.mark.parametrize(
    ("given", "vote", "begin"),
    [
        (None, 1, "This question has no right answer"), (Advice(0, 0), 1, "Nobody has answered"),
        (Advice(1, 10), 1, "**Explain first.** Fewer than 35 %"), (Advice(5, 10), 1, "**Let neighbours discuss"),
        (Advice(9, 10), 1, "**Reveal, and go on.** More than 70 %"),
        (Advice(5, 10), 2, "**Reveal, and explain.** 35 to 70 % chose the right answer."),
        (Advice(9, 10), 2, "**Reveal, and go on.**"),
    ],
)  # fmt: skip
def test_advice(given, vote, begin):
    assert words.advice(given, vote).startswith(begin)


def test_moves():
    assert words.moves(QUESTION, Result(((1, 1, 0),), {})) == []
    assert words.moves(QUESTION, Result(((1, 0, 0), (0, 1, 0)), {})) == ["No phone voted twice."]
    moved = Result(((4, 2, 1), (1, 5, 1)), {(0, 1): 3, (0, 0): 1, (1, 1): 1, (1, 2): 1, (2, 1): 1})
    assert words.moves(QUESTION, moved) == [
        "**7** phones voted twice; **2** kept the answer.",
        "Moved: A → B **3**, B → C **1**, C → B **1**.",
        "To the right answer: **4**. Away from it: **1**.",
    ]


def test_bars():
    one = vote_bars(["<b>a</b>", "b"], None, [(1, 3)])
    assert re.findall(r"width: (\d+)%", one) == ["25", "75"]
    assert "&lt;b&gt;a&lt;/b&gt;" in one
    assert "right" not in one
    assert "first vote" not in one
    two = vote_bars(["a", "b"], 1, [(0, 0), (1, 2)])
    assert re.findall(r"\d+ \(\d+ %\)", two) == ["0 (0 %)", "1 (33 %)", "0 (0 %)", "2 (67 %)"]
    assert two.count("✓ right") == 1
    assert two.count("first vote: ") == two.count("second vote: ") == 2  # for those who hear the page
