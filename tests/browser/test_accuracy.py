"""The Accuracy page in a real browser: choose, measure here and stop, measure here to the end, come back by a link."""

import json
import re

import pytest

from rnorm_core import zoo
from rnorm_core.evaluation.tables.accuracies import shipped

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]
with_table = pytest.mark.skipif(not shipped().exists(), reason="no table of measured accuracies is in pretrained/")


def wait(page) -> None:
    """Until nothing is under way."""
    page.wait_for_function(
        """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
                 && !document.querySelector('[data-testid=stMain] [data-testid=stProgress]')
                 && document.body.innerText.includes('Try this')"""
    )


def chart(page, key: str):
    """The drawing of the chart with this key."""
    return page.locator(f".st-key-{key} .js-plotly-plot")


def drawn(page, key: str) -> list[str]:
    """Names of what is drawn in a chart, with the number of its points; other seeds are not named."""
    script = "plot => JSON.stringify(plot.data.filter(t => t.showlegend !== false).map(t => [t.name, t.x.length]))"
    traces = chart(page, key).evaluate(script)
    return [f"{name}: {points}" for name, points in json.loads(traces) if not name.startswith(("shaded", "dotted"))]


@with_table
def test_choose_and_come_back_by_the_link(visit):
    page = visit("/accuracy")
    wait(page)
    inside = page.locator("[data-testid=stMain]")
    assert [line.split(":")[0] for line in drawn(page, "curves-worst")] == ["BatchNorm", "RobustNorm", "no norm"]
    inside.get_by_role("button", name="Noise of the same size").click()
    chart(page, "curves-noise").wait_for()
    wait(page)
    inside.get_by_role("button", name="The batch's own statistics").click()
    page.wait_for_url(lambda url: "modes=tracked&modes=batch" in url)
    wait(page)
    assert len(drawn(page, "curves-pgd")) == 5
    slider = inside.get_by_role("slider").last
    slider.focus()
    slider.press("ArrowRight")
    sentence = inside.get_by_test_id("stMarkdown").get_by_text("at 1.5/255").first
    sentence.wait_for()
    wait(page)
    said = sentence.inner_text()
    for part in ("attacks=PGD+%28L-inf%29&attacks=Random", "at=1.5"):
        assert part in page.url
    page.reload()
    wait(page)
    chart(page, "curves-noise").wait_for()
    assert len(drawn(page, "curves-pgd")) == 5
    assert sentence.inner_text() == said
    inside.get_by_role("tab", name="The numbers").click()
    with page.expect_download() as download:
        inside.get_by_role("button", name="CSV", exact=True).click()
    header, *rows = download.value.path().read_text().splitlines()
    assert "weights" in header
    assert any("python -m rnorm_core.evaluation" in row for row in rows)


@with_table
def test_a_door_shows_what_it_opens(visit):
    page = visit("/accuracy")
    wait(page)
    page.get_by_role("button", name="Measure left and right here").click()
    button = page.get_by_role("button", name="Measure it here")
    button.wait_for()
    page.wait_for_function("() => document.querySelector('.st-key-parts_rest.door-mark')")
    wait(page)
    assert button.evaluate("one => one.getBoundingClientRect().bottom < innerHeight")


def test_measure_here_and_stop(visit):
    page = visit("/accuracy?n=20&scope=every+size")
    wait(page)
    inside = page.locator("[data-testid=stMain]")
    inside.get_by_role("button", name="Measure it here").click()
    inside.get_by_text(re.compile("step .* of 20")).wait_for()
    inside.get_by_role("button", name="Stop", exact=True).click()
    inside.get_by_text("Stopped.").wait_for()
    wait(page)
    kept = [line.rpartition(": ")[2] for line in drawn(page, "measured") if "RobustNorm, measured here" in line]
    assert 1 <= int(kept[0]) < 8  # what there was when it was stopped, the clean point at least
    assert inside.get_by_role("button", name="Start again").is_visible()


def test_measure_here_to_the_end_and_again_by_the_link(visit):
    page = visit("/accuracy?under=FGSM&n=8&right_mode=batch&rest=Measure+it+here", width=390, height=844)
    wait(page)
    inside = page.locator("[data-testid=stMain]")
    for _ in range(2):
        inside.get_by_role("button", name="Measure it here").click()
        inside.get_by_text("Measured here: 8 images").wait_for()
        wait(page)
        points = drawn(page, "measured")
        assert {"BatchNorm, measured here: 2", "RobustNorm with batch statistics,<br>measured here: 2"} <= set(points)
        sentence = inside.get_by_text("FGSM at 1/255, 8 images.").last.locator("xpath=..").inner_text()
        assert "McNemar" in sentence or "No difference" in sentence
        page.reload()  # measured again, or found as it was: the same
        wait(page)
        assert not inside.get_by_text("Measured here:").count()
    width = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert width <= 390


def test_from_another_page_without_a_notice(visit):
    page = visit("/craft?eps=0.5&steps=2")
    wait(page)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Accuracy").click()
    page.get_by_role("heading", name="How much accuracy is left?").wait_for()
    wait(page)
    assert not page.get_by_test_id("stAlert").count()


def test_a_door_to_another_page_from_an_address_with_choices(visit):
    """What this page's widgets hold in the address stays behind; the two models come along."""
    page = visit("/accuracy?at=0.5&left=cifar10-resnet20-none&counted=right+when+clean")
    wait(page)
    page.get_by_role("button", name="Look at such an attack").click()
    page.get_by_role("heading", name="Craft an attack").wait_for()
    wait(page)
    assert "left=cifar10-resnet20-none" in page.url
    assert "at=0.5" not in page.url
    assert not page.get_by_test_id("stAlert").count()


def test_what_a_door_to_another_page_brings_is_in_its_address(visit):
    page = visit("/accuracy")
    page.get_by_role("button", name="Look at such an attack").click()
    page.wait_for_url(lambda url: "/craft?" in url and "eps=1" in url and "attack=PGD" in url)
