"""A page shows at most three controls in front; the others are behind a button, or in a part that opens."""

from collections.abc import Iterator

import pytest

from rnorm_core.ui.batch_statistics.question import PARTS
from rnorm_core.ui.shared.navigation import PAGES

CONTROLS = {
    "selectbox", "select_slider", "slider", "multiselect", "number_input", "text_input", "button_group", "checkbox",
    "radio", "toggle",
}  # fmt: skip
CLOSED = "popover", "expander", "tab"
PLACE = {"eps", "step"}  # of the player: hidden, for the address


def in_front(block) -> Iterator[str]:
    """Keys of the controls outside of popovers, expanders and tabs."""
    for child in block.children.values():
        if child.type in CONTROLS:
            yield child.key
        elif child.type not in CLOSED and getattr(child, "children", None):
            yield from in_front(child)


@pytest.mark.parametrize(
    ("page", "address"),
    [*((page, {}) for page in PAGES if page != "batch"), *(("batch", {"part": part}) for part in PARTS)],
)
def test_three_at_most(open_page, page, address):
    keys = set(in_front(open_page(page, settled=False, **address).main)) - (
        PLACE if page in ("start", "craft") else set()
    )
    assert len(keys) <= 3
