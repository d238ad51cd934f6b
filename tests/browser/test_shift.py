"""Exploring the statistics in a browser: into a layer, into a channel, along the attack sizes, and back by link."""

import pytest

from rnorm_core import shift
from rnorm_core.errors import UserError


def measured() -> bool:
    try:
        return bool(shift.population("cifar10-resnet20-bn") and shift.population("cifar10-resnet20-rn"))
    except UserError:
        return False


pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("not measured()", reason="the trained models or their populations are not here"),
]
SENTENCE = ".st-key-answer p"
CHARTS = 6  # with one layer opened
# Where point `place` of the chart whose title begins so is on the screen; the last trace is the attacked batch.
POINT = """([title, place]) => {
    const said = chart => chart.querySelector('figcaption').innerText.split(/\\s+/).join(' ').trim();
    const plot = [...document.querySelectorAll('.chart')].find(c => said(c).startsWith(title))
      .querySelector('.js-plotly-plot');
    plot.scrollIntoView({block: 'center'});
    const {xaxis, yaxis} = plot._fullLayout, points = plot.data.at(-1), box = plot.getBoundingClientRect();
    const y = Array.from(points.y)[place], x = Array.from(points.x)[place];
    return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y), points.customdata[place][0]];
}"""


def sentences(page, settled) -> list[str]:
    """The sentence at the top, once all work is done and all is drawn."""
    settled(page, CHARTS)
    return page.locator(SENTENCE).all_inner_texts()


def titles(page) -> list[str]:
    """Of the charts, with what stands below in small print."""
    return [" ".join(title.split()) for title in page.locator(".chart figcaption").all_inner_texts()]


def click_point(page, title: str, place: int) -> int:
    """Clicks a point of a chart and returns its number there."""
    x, y, number = page.evaluate(POINT, [title, place])
    page.mouse.move(x - 3, y - 3)
    page.mouse.move(x, y)  # plotly clicks on what the pointer hovers over
    page.wait_for_timeout(300)
    page.mouse.click(x, y)
    return int(number)


def address_says(page, what: str) -> None:
    page.wait_for_url(lambda url: what in url)


def test_into_a_layer_into_a_channel_along_eps_and_back(visit, settled):
    page = visit("/shift?attack=FGSM&batch=8&eps=4&right=cifar10-resnet20-bn&right_mode=batch")
    settled(page, 4)
    first = page.locator(SENTENCE).all_inner_texts()
    assert len(first) == 1
    assert "the grey band" in first[0]

    # a click on the fifth layer opens it, on both sides
    assert click_point(page, "Which layers move? BatchNorm;", 4) == 4
    address_says(page, "layer=5+block+2+second")
    settled(page, CHARTS)
    assert sum("layer 5, block 2 second" in title for title in titles(page)) == 4
    assert sentences(page, settled) == first

    # a click on a channel shows what it gets, on its side alone
    before = page.locator(".katex").all_inner_texts()
    channel = click_point(page, "Which channels move? BatchNorm;", 3)
    address_says(page, f"channel_left={channel}")
    settled(page, CHARTS)
    assert any(title.startswith(f"What does channel {channel} get? BatchNorm;") for title in titles(page))
    assert page.locator(".katex").all_inner_texts()[1] == before[1]
    assert "channel_right" not in page.url

    # the attack size moves, by keyboard, without any work; the charts stay and change
    page.evaluate("document.querySelectorAll('.js-plotly-plot').forEach(plot => { plot.isOld = true; })")
    slider = page.get_by_test_id("stMain").get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")
    address_says(page, "eps=8")
    page.wait_for_function("() => [...document.querySelectorAll('.chart')].some(c => c.innerText.includes('at 8/255'))")
    last = sentences(page, settled)
    assert page.evaluate("[...document.querySelectorAll('.js-plotly-plot')].every(plot => plot.isOld)")
    assert sum("FGSM at 8/255" in title for title in titles(page)) == 6

    # the link brings all of it back
    shown = titles(page)
    page.reload()
    assert sentences(page, settled) == last
    assert titles(page) == shown
    other = visit(page.url[page.url.index("/shift") :], width=390, height=844)
    assert sentences(other, settled) == last
    assert not other.locator("[data-testid=stAlert]").all()
