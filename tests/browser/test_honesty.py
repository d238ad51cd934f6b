"""The honesty page in a browser: what is there at once, an examination with stop, a planted fake and hills by link."""

import re

import pytest

from rnorm_core import zoo
from rnorm_core.sanity import CHECKS, PLANTED

BN = "cifar10-resnet20-bn"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(f"'{BN}' not in zoo.names()", reason="the trained models are not here"),
]
assert zoo  # for the condition above
FAKE, FLAT = PLANTED["crowded"], PLANTED["quantised"]
NEIGHBOURS = CHECKS["neighbours"].title
MAIN = "[data-testid=stMain]"


def lines(page) -> list[str]:
    """ "believable · Gradients do not vanish · ...", in the order of the page."""
    shown = page.locator(f"{MAIN} [data-testid=stExpander] summary").all_inner_texts()
    found = [re.search(r"(believable|doubtful|not believable|not measured) · .*", text, re.DOTALL) for text in shown]
    return [" ".join(match[0].split()) for match in found if match]


def at_least(page, n: int) -> None:
    page.wait_for_function(
        "n => document.querySelectorAll('[data-testid=stMain] [data-testid=stExpander]').length >= n", arg=n
    )


def sound(page) -> None:
    assert not page.locator("[data-testid=stAlertContentWarning], [data-testid=stAlertContentError]").all()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_examine_with_stop_and_a_fake_by_link(visit):
    page = visit("/honesty")
    at_least(page, 18)
    assert len(lines(page)) == 18
    # a line opens by keyboard, with its rule
    first = page.locator(f"{MAIN} [data-testid=stExpander] summary").first
    first.focus()
    first.press("Enter")
    page.get_by_text("The rule.").first.wait_for()

    # findings come as they are made, in the order of the list, and stay when stopped
    page = visit("/honesty?effort=thorough")  # for minutes: there is something to stop on a fast machine, too
    page.get_by_test_id("stCheckbox").filter(has_text="Run all nine checks").locator("label").click()
    page.wait_for_url(lambda url: "examine=true" in url)
    at_least(page, 3)  # one is the closing words
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Start again").wait_for()
    found = lines(page)
    assert 2 <= len(found) < 9
    assert [line.split(" · ")[1] for line in found][:2] == [rule.title for rule in CHECKS.values()][:2]
    assert all(line.startswith("believable") for line in found[:2])

    # a planted fake, by link, is called one, and caught
    other = visit(f"/honesty?subject=FAKE: {FAKE.title}&examine=true", width=390, height=844)
    at_least(other, 3)
    caught = [line for line in lines(other) if NEIGHBOURS in line]
    assert caught
    assert caught[0].startswith("not believable")
    other.get_by_text(f"FAKE: {FAKE.title}.").wait_for()
    sound(other)


def test_the_hills_of_a_fake_by_link(visit, settled):
    page = visit(f"/honesty?beside=FAKE: {FLAT.title}&hills=true", width=390, height=844)
    settled(page, 4)  # hills and decisions, of the fake and of the model it is planted on
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot .gl-container canvas').length >= 2")
    sound(page)
