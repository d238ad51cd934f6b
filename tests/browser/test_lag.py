"""What a page shows when its server is late: all of it."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser


def test_nothing_is_lost_where_work_ended(serve, visit_at):
    """A look at work that has just ended must not remove what follows on the page, as two of three did once."""
    page = visit_at(serve(Path(__file__).with_name("lagging.py")))
    inside = page.locator("[data-testid=stMain]")
    for count in range(1, 6):
        inside.get_by_text(f"done: {count}").wait_for()
        page.wait_for_timeout(2000)  # for late runs of the fragment
        for text in ("on the left", "on the right"):
            assert inside.get_by_text(text).is_visible(), inside.inner_text()
        inside.get_by_role("button", name="Once more").click()
