"""The keyboard alone: from Start to the player, by the list of pages to another page, and to a lesson's prediction."""

import pytest

from rnorm_core import zoo
from tests.browser.test_lessons import QUIET, at

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]
MOST = 120  # key presses to any place
FOCUSED = """() => {
    let one = document.activeElement;
    while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    return one === document.body ? null : one;
}"""
# A choice is an invisible element beside what is drawn for it.
PLACE = """one => {
    const box = (one.closest('label') ?? one).getBoundingClientRect(), room = 8;
    const x = Math.max(box.x - room, 0), y = Math.max(box.y - room, 0);
    const right = Math.min(box.right + room, innerWidth), bottom = Math.min(box.bottom + room, innerHeight);
    return {x, y, width: right - x, height: bottom - y};
}"""
KIND = "one => `${one.tagName} ${one.type ?? ''} ${one.getAttribute('role') ?? ''} ${one.className}`"
HERE = "one => one.getRootNode().activeElement === one"


def is_seen(page, one) -> bool:
    """Whether the focus can be seen: its place looks otherwise without it."""
    place = one.evaluate(PLACE)
    pictures = []
    for change in ("", "one => one.blur()"):
        if change:
            one.evaluate(change)
        pictures.append(page.screenshot(clip=place, animations="disabled", caret="initial"))
    one.evaluate("one => one.focus()")
    return pictures[0] != pictures[1]


class Hands:
    """Presses keys, and looks at the focus on the way: once at each kind of element."""

    def __init__(self, page) -> None:
        self.page, self.known = page, set[str]()

    def go_to(self, place: str, key: str = "Tab") -> None:
        target, before = self.page.locator(place).first, None
        target.wait_for(state="attached")
        for _ in range(MOST):
            self.page.keyboard.press(key)
            now = self.page.evaluate_handle(FOCUSED).as_element()
            if now is None:  # between the end of the page and its beginning
                before = None
                continue
            text = now.evaluate("one => one.outerHTML.slice(0, 200)")
            assert before is None or not now.evaluate("(now, before) => now === before", before), f"a trap: {text}"
            if (kind := now.evaluate(KIND)) not in self.known:
                self.known.add(kind)
                assert is_seen(self.page, now), f"the focus cannot be seen: {text}"
            if target.evaluate(HERE):
                return
            before = now
        pytest.fail(f"{key} does not lead to {place}")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


def drawn(page, value: str) -> None:
    """Waits until the player shows this size and step."""
    page.wait_for_selector(f"[data-player][data-drawn='{value}']")
    page.wait_for_function(QUIET)


def test_the_keyboard_alone_leads_from_start_to_a_prediction(visit):
    page = visit("/")
    page.wait_for_selector("[data-player][data-ready=all]")
    page.wait_for_function(QUIET)
    hands = Hands(page)

    hands.go_to(".player input[name=eps]")
    size, step = page.locator("[data-player]").get_attribute("data-drawn").split(",")
    hands.press("Home")
    drawn(page, f"0,{step}")
    hands.press("End", "ArrowLeft")
    page.wait_for_function(QUIET)
    smaller = page.locator("[data-player]").get_attribute("data-drawn").split(",")[0]
    assert 0 < float(smaller) != float(size)
    assert page.locator(".player input[name=eps]").evaluate(HERE), "the page ran again and took the focus away"
    hands.go_to(".player input[name=step]")
    hands.press("ArrowLeft", "ArrowLeft")
    drawn(page, f"{smaller},{int(step) - 2}")
    hands.go_to(".player button[name=play]")
    hands.press("Enter")
    drawn(page, f"{smaller},{step}")

    hands.go_to("[data-testid=stSidebarNav] a[href$='/shift']", "Shift+Tab")
    hands.press("Enter")
    page.get_by_role("heading", name="Do the statistics move?").wait_for()
    page.wait_for_function(QUIET)
    hands.go_to("[data-testid=stSidebarNav] a[href$='/lessons']", "Shift+Tab")
    hands.press("Enter")
    page.wait_for_selector(".st-key-begin-1 button")
    page.wait_for_function(QUIET)

    hands.go_to(".st-key-begin-1 button")
    hands.press("Enter")
    at(page, 1)
    hands.go_to(".st-key-lesson_next button")
    hands.press("Enter")
    at(page, 2)
    hands.go_to("[data-testid=stRadio] input")
    hands.press("Space", "ArrowDown")
    page.wait_for_selector(".st-key-predict button:not(:disabled)")
    hands.go_to(".st-key-predict button")
    hands.press("Space")
    at(page, 3)


def test_a_focus_that_nobody_sees_and_a_trap_are_noticed(visit_at):
    page = visit_at("about:blank")
    page.set_content("<button>a</button><button class=b style='outline:none'>b</button><button class=c>c</button>")
    hands = Hands(page)
    with pytest.raises(AssertionError, match="the focus cannot be seen"):
        hands.go_to(".b")
    page.evaluate("document.querySelector('.b').addEventListener('keydown', event => event.preventDefault())")
    with pytest.raises(AssertionError, match="a trap"):
        hands.go_to(".c")
