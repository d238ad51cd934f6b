"""Every page for everybody: rules of axe-core, 200 % zoom, no motion for those who want none, the keyboard alone."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from rnorm_core import zoo
from rnorm_core.ui.models.question import PARTS as OF_MODELS
from rnorm_core.ui.shared.navigation import PAGES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]
PLACES = [f"/{'' if name == 'start' else name}" for name in PAGES]
MORE = [
    "/batch?part=Corruptions", "/batch?part=Poisoned+neighbours", "/batch?part=Patched+layers",
    "/paper?section=All+readings", "/paper?section=Citation+map", "/honesty?part=Examine",
    "/lessons?lesson=small-changes",
    *(f"/models?section={part}" for part in OF_MODELS),
    "/teach?plan=All+lessons", "/?present=1", "/shift?present=1&controls=eps", "/shift?lock=1",
]  # fmt: skip
WIDTH, HEIGHT = 1440, 900
TABS = 150  # more than any page has
# What only Streamlit can mend: (rule, where). Its list of pages has groups between a list and its items. A formula that
# is wider than the page scrolls; browsers let the keyboard scroll it although nothing in it can be chosen.
STREAMLITS_OWN = [
    ("list", '[data-testid="stSidebarNavItems"]'),
    ("listitem", '[data-testid="stSidebarNavItems"] *'),
    ("scrollable-region-focusable", ".katex-display"),
]
ARE_OWN = "(element, selectors) => selectors.some((selector) => element.matches(selector))"
# Canvases and pictures that say nothing and are not hidden from screen readers; axe knows no canvases. A canvas with a
# table inside it is Streamlit's table.
SILENT = """() => [...document.querySelectorAll("canvas, svg[role=img], [role=img], img")]
    .filter((one) => !one.closest("[aria-hidden=true], [role=img] *, [data-testid=stDataFrame]")
        && one.checkVisibility() && one.getAttribute("alt") === null
        && !one.getAttribute("aria-label") && !one.getAttribute("aria-labelledby"))
    .map((one) => one.outerHTML.slice(0, 200))"""
MOVING = """() => document.getAnimations().filter((one) => one.playState === "running"
    && one.effect.target?.closest("[data-testid=stMain]")).map((one) => one.effect.target.outerHTML.slice(0, 200))"""
TOO_WIDE = """() => [document.documentElement, document.querySelector("[data-testid=stMain]")]
    .map((one) => one.scrollWidth - one.clientWidth).filter((more) => more > 1)"""
# What the keyboard has to reach. Of a group of choices it reaches one, and the arrow keys lead to the others.
REACHABLE = """() => [...document.querySelector("[data-testid=stMain]").querySelectorAll(
        "button, a[href], input, textarea, [role=slider]")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true })
        && !one.disabled && one.tabIndex >= 0
        && !one.closest("[inert], [aria-hidden=true], [role=radio], [data-variant=pills], .modebar, "
            + "[data-testid=stElementToolbar]"))"""
MARK = f"() => ({REACHABLE})().forEach((one, i) => one.setAttribute('data-number', i))"
FOCUSED = "() => document.activeElement?.getAttribute('data-number')"
MISSED = f"""reached => ({REACHABLE})().filter((one) => one.dataset.number && !reached.includes(one.dataset.number))
    .map((one) => one.outerHTML.slice(0, 200))"""


def problems(page) -> list[str]:
    """Serious and critical violations that are ours, with the element."""
    found = []
    for violation in Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]:
        exempt = [where for rule, where in STREAMLITS_OWN if rule == violation["id"]]
        for node in violation["nodes"] if violation["impact"] in ("serious", "critical") else ():
            if not page.locator(node["target"][-1]).first.evaluate(ARE_OWN, exempt):
                found.append(f"{violation['id']}: {node['html'][:200]}")
    return found


def missed(page) -> list[str]:
    page.evaluate(MARK)
    reached = set()
    for _ in range(TABS):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    return page.evaluate(MISSED, sorted(one for one in reached if one is not None))


def look_at(page, place: str, width: int, settled) -> list[str]:
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.goto(place)
    page.get_by_test_id("stMain").get_by_role("heading").first.wait_for()
    settled(page, charts=0)
    page.wait_for_timeout(700)  # charts are drawn after the page has settled
    found = [*problems(page), *(f"says nothing: {one}" for one in page.evaluate(SILENT))]
    found += [f"moves: {one}" for one in page.evaluate(MOVING)]
    found += [f"no key reaches: {one}" for one in missed(page)]
    if page.viewport_size["width"] == WIDTH:  # at 200 % a window has half as many pixels
        page.set_viewport_size({"width": WIDTH // 2, "height": HEIGHT // 2})
        page.wait_for_timeout(500)
    found += [f"wider than the window by {more} pixels" for more in page.evaluate(TOO_WIDE)]
    return [f"{place}: {one}" for one in found]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("width", "scheme", "places"),
    [
        pytest.param(WIDTH, "light", PLACES, id="wide-light"),
        pytest.param(390, "dark", PLACES, id="phone-dark"),
        pytest.param(WIDTH, "dark", PLACES + MORE, id="wide-dark", marks=pytest.mark.slow),
        pytest.param(390, "light", PLACES + MORE, id="phone-light", marks=pytest.mark.slow),
        pytest.param(WIDTH, "light", MORE, id="parts-wide-light", marks=pytest.mark.slow),
        pytest.param(390, "dark", MORE, id="parts-phone-dark", marks=pytest.mark.slow),
    ],
)
def test_no_page_excludes_anybody(visit, server, settled, width, scheme, places):
    page = visit("/_stcore/health")
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert [one for place in places for one in look_at(page, server + place, width, settled)] == []


def test_the_rules_find_what_is_wrong(visit, settled):
    page = visit("/glossary")
    page.get_by_test_id("stMain").get_by_role("heading").first.wait_for()
    settled(page, charts=0)
    bad = '<p style="color: #eee">pale</p><canvas></canvas>'
    page.get_by_test_id("stMain").evaluate("(main, bad) => main.insertAdjacentHTML('beforeend', bad)", bad)
    assert page.evaluate(SILENT) == ["<canvas></canvas>"]
    assert any(one.startswith("color-contrast") for one in problems(page))
