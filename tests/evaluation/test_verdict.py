"""How far a claim reaches, in words."""

import pytest

from rnorm_core.evaluation.claims.verdict import (
    EPS,
    FAILS,
    HOLDS,
    IMAGES,
    OPEN,
    OPPOSITE,
    OPPOSITE_PER_IMAGE,
    PER_IMAGE,
    Finding,
    reach,
)

SIZES = (0.25, 0.5, 1, 2, 8)
H, F, O, T, P, Q = HOLDS, FAILS, OPEN, OPPOSITE, PER_IMAGE, OPPOSITE_PER_IMAGE


def findings(*states: str) -> list[Finding]:
    return [Finding(size, state, "") for size, state in zip(SIZES, states, strict=False)]


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ((H, H, H, F, F), "holds up to 1/255; does not at 2 and 8/255"),  # exactly to 1/255
        ((H, H, H, H, H), "holds at every size measured, 0.25/255 to 8/255"),
        ((F, F, F, F, F), "holds at no size measured, 0.25/255 to 8/255"),
        ((F, F, H, H, H), "holds from 1/255 on; does not at 0.25 and 0.5/255"),
        ((T, T, H, H, O), "holds at 1 and 2/255; open at 8/255; the opposite holds at 0.25 and 0.5/255"),
        ((H, F, H, F, F), "holds at 0.25 and 1/255; does not at 0.5, 2 and 8/255"),
        ((O, O, F, F, F), "holds at no size measured, 0.25/255 to 8/255; does not at 1, 2 and 8/255; "
         "open at 0.25 and 0.5/255"),
        ((F, F, H, F, F), "holds at 1/255 alone; does not at 0.25, 0.5, 2 and 8/255"),
        ((H,), "holds at 0.25/255"),
        ((O, H, H, P, O), "holds at 0.5 and 1/255; per image, not over trainings, at 2/255; open at 0.25 and 8/255"),
        ((P, P, O, O, Q), "holds over trainings at no size measured, 0.25/255 to 8/255; per image, not over trainings, "
         "at 0.25 and 0.5/255; open at 1 and 2/255; the opposite holds per image, not over trainings, at 8/255"),
        ((P, P), "holds per image, not over trainings at every size measured, 0.25/255 to 0.5/255"),
    ],
)  # fmt: skip
def test_where_it_holds(states, said):
    assert reach(findings(*states), EPS) == said


def test_other_sizes_and_none():
    batches = [Finding(1, H, ""), Finding(2, H, ""), Finding(4, F, ""), Finding(8, F, "")]
    assert reach(batches, IMAGES) == "holds up to 2 images; does not with 4 and 8 images"
    assert reach([Finding(None, O, "")]) == "open"
    assert reach([]) == "not measured"
