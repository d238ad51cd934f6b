"""What the attack player says beside a network's landscape."""

from types import SimpleNamespace

import pytest

from rnorm_core.norms import MEDIAN
from rnorm_core.ui.attack_player.words import note


@pytest.mark.parametrize(
    ("mode", "images", "crafted_here", "said"),
    [
        ("tracked", 1, True, []),
        ("tracked", 1, False, ["crafted for the other model"]),
        ("batch", 1, True, ["here from this one alone", "right by chance"]),
        ("batch", 2, True, ["answers depend on the other pictures"]),
        (MEDIAN, 2, True, ["answers depend on the other pictures", "climbs the mean's gradient"]),
        (MEDIAN, 2, False, ["crafted for the other model", "answers depend on the other pictures"]),
    ],
)
def test_a_mode_is_said_where_it_matters(mode, images, crafted_here, said):
    request = SimpleNamespace(attack="pgd", ids=("a",) * images)
    text = note(request, SimpleNamespace(variant=SimpleNamespace(statistics=mode), crafted_here=crafted_here))
    assert all(part in text for part in said)
    assert (text == "") == (not said)
    assert ("climbs" in text) == (mode == MEDIAN and crafted_here)


@pytest.mark.parametrize("attack", ["noise", "square"])
def test_an_attack_without_a_gradient_climbs_none(attack):
    landscape = SimpleNamespace(variant=SimpleNamespace(statistics=MEDIAN), crafted_here=True)
    assert "climbs" not in note(SimpleNamespace(attack=attack, ids=("a", "b")), landscape)
