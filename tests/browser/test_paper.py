"""The paper page in a real browser: a claim and its link, a small version stopped, the map of works by mouse."""

import re

import pytest

from rnorm_core import zoo
from rnorm_core.evaluation.tables.accuracies import shipped

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
    pytest.mark.skipif(not shipped().exists(), reason="no table of measured accuracies is in pretrained/"),
]


def wait(page) -> None:
    """Until nothing is under way."""
    page.wait_for_function(
        """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
                 && !document.querySelector('[data-testid=stMain] [data-testid=stProgress]')
                 && document.body.innerText.includes('Try this')"""
    )


class Map:
    """The map's frame; its marks are where cytoscape says they are."""

    def __init__(self, page) -> None:
        self.page = page
        self.box = page.locator("iframe[title*=cytoscape]")
        self.box.scroll_into_view_if_needed()
        self.frame = self.box.element_handle().content_frame()
        self.frame.wait_for_function("() => document.getElementById('cy')?._cyreg?.cy.nodes().length > 20")
        page.wait_for_timeout(1000)  # the map takes its size from the page around it

    def ask(self, question: str, *more):
        return self.frame.evaluate(f"more => {{const cy = document.getElementById('cy')._cyreg.cy; {question}}}", more)

    def at(self, key: str) -> tuple[float, float]:
        frame = self.box.bounding_box()
        x, y = self.ask(
            """const p = cy.$id(more[0]).renderedPosition(), r = cy.container().getBoundingClientRect();
               return [p.x + r.left, p.y + r.top];""",
            key,
        )
        return frame["x"] + x, frame["y"] + y

    def until(self, question: str, *more) -> None:
        self.frame.wait_for_function(
            f"more => {{const cy = document.getElementById('cy')._cyreg.cy; {question}}}", arg=more
        )


def test_from_the_overview_to_a_claim_and_back_by_the_link(visit):
    page = visit("/paper")
    wait(page)
    inside = page.locator("[data-testid=stMain]")
    inside.get_by_role("heading", name=re.compile("^C3: ")).wait_for()
    inside.locator(".verdicts").get_by_text("RobustNorm ahead of BatchNorm").wait_for()
    inside.get_by_role("radio", name="C5").click()
    inside.get_by_role("heading", name=re.compile("^C5: ")).wait_for()
    wait(page)
    assert "claim=C5" in page.url
    verdict = inside.locator("li", has_text="RobustNorm ahead of BatchNorm: ").first.inner_text()
    page.reload()
    wait(page)
    assert inside.locator("li", has_text="RobustNorm ahead of BatchNorm: ").first.inner_text() == verdict


def test_a_small_version_measured_and_stopped(visit):
    page = visit("/paper?claim=C5&n=20")
    wait(page)
    inside = page.locator("[data-testid=stMain]")
    inside.get_by_role("button", name="Re-measure a small version").click()
    inside.get_by_text(re.compile("step .* of 20")).wait_for()
    inside.get_by_role("button", name="Stop", exact=True).click()
    inside.get_by_text("Stopped.").wait_for()
    wait(page)
    assert inside.get_by_role("button", name="Start again").is_visible()
    assert inside.get_by_role("heading", name=re.compile("^C5: ")).is_visible()


def test_a_small_version_on_a_telephone(visit):
    page = visit("/paper?claim=C4&n=8", width=390, height=844)
    wait(page)
    inside = page.locator("[data-testid=stMain]")
    inside.get_by_role("button", name="Re-measure a small version").click()
    inside.get_by_text("Measured here: n = 8 images").wait_for()
    wait(page)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_the_map_by_mouse(visit):
    page = visit("/paper?section=Citation map", width=1280, height=900)
    wait(page)
    inside, found = page.locator("[data-testid=stMain]"), Map(page)
    page.mouse.move(*[c - 40 for c in found.at("wang-2022")])
    page.mouse.move(*found.at("wang-2022"), steps=8)  # as a hand does: the map may miss a single event
    found.until("return cy.$id('wang-2022').style('label').startsWith('Removing Batch Normalization')")
    page.mouse.move(*[c + 40 for c in found.at("wang-2022")])
    found.until("return cy.$id('wang-2022').style('label') === 'Wang 2022'")

    page.mouse.click(*found.at("benz-2020"))
    inside.get_by_text("Estimates BatchNorm's statistics anew").first.wait_for()
    wait(page)
    assert "work=Revisiting" in page.url
    found = Map(page)
    before = found.at("kong-2022")
    page.mouse.move(*before)
    page.mouse.down()
    page.mouse.move(before[0] + 40, before[1] + 30, steps=6)
    page.mouse.up()
    after = found.at("kong-2022")
    assert [round(b - a) for a, b in zip(before, after, strict=True)] == [40, 30]

    zoom = found.ask("return cy.zoom()")
    page.mouse.wheel(0, -400)
    found.until("return cy.zoom() > more[0]", zoom)

    inside.get_by_role("button", name="Adversarial training").click()
    found.until("return cy.nodes().filter(n => n.data('short') && n.data('title')).length < 10")
    wait(page)
    shown = found.ask("return cy.nodes().filter(n => n.data('title')).map(n => n.id())")
    assert {"awais-2020", "wang-2022", "sridhar-2021"} <= set(shown)
    assert "kong-2022" not in shown
    assert "theme=Adversarial+training" in page.url
    inside.get_by_text("All of them as a list").click()
    link = inside.get_by_role("link", name="Search", exact=True).first
    assert link.get_attribute("href").startswith("https://www.semanticscholar.org/search?q=")
