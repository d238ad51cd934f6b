"""From page to page: old addresses, doors that show what they change, and the list of pages on a phone."""

import re

import pytest

from rnorm_core import zoo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]
DONE = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
          && document.body.innerText.includes('Try this')"""


@pytest.mark.parametrize(
    ("old", "part"), [("/whose?part=Neighbours&seed=3", "Neighbours"), ("/corruptions?seed=3", "Corruptions")]
)
def test_an_old_address_leads_to_the_new_one(visit, old, part):
    page = visit(old)
    page.wait_for_url(re.compile("/batch"))
    page.wait_for_function(DONE)
    assert f"part={part}" in page.url
    assert "seed=3" in page.url
    assert page.get_by_role("radio", name=part, exact=True).is_checked()


def resting_place(page) -> float:
    """Where the title stands on the page, in pixels, wherever the page is scrolled to; after the last movement."""
    place = """() => { const main = document.querySelector('[data-testid=stMain]');
                       const now = document.querySelector('h1').getBoundingClientRect().top + main.scrollTop;
                       const rests = now === main.lastPlace;
                       main.lastPlace = now;
                       return rests && now; }"""
    return page.wait_for_function(place, polling=500).json_value()


def test_a_door_shows_and_marks_what_it_changes(visit):
    page = visit("/shift", height=500)
    page.wait_for_function(DONE)
    top = resting_place(page)
    page.get_by_role("button", name="The control: noise at 8/255").click()
    page.wait_for_selector(".st-key-layers_left.door-mark")
    page.wait_for_function(
        """() => { const box = document.querySelector('.st-key-layers_left').getBoundingClientRect();
                   return box.top < innerHeight && box.bottom > 0; }"""
    )
    page.wait_for_function(DONE)
    assert resting_place(page) == top  # the title does not jump


def test_on_a_phone_the_list_of_pages_closes_over_the_page_that_is_chosen(visit):
    page = visit("/glossary", width=390, height=844)
    page.get_by_role("heading", name="What do the words mean?").wait_for()
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Statistic shift").click()
    page.get_by_role("heading", name="Do the statistics move?").wait_for()
    page.wait_for_selector("[data-testid=stSidebar][data-collapsed=true]", state="attached")


def test_plotly_is_fetched_after_the_first_picture(visit):
    page, seen = visit("/glossary"), []
    page.get_by_role("heading", name="What do the words mean?").wait_for()

    def note(route) -> None:
        drawn = "[...document.querySelectorAll('.chart canvas')].filter(c => !c.hidden && c.width > 300).length"
        seen.append(page.evaluate(drawn))
        route.continue_()

    page.route(re.compile("plotly"), note)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Statistic shift").click()
    page.wait_for_selector(".js-plotly-plot .main-svg")
    assert len(seen) == 1  # not on the page without charts, and once for all charts
    assert seen[0] >= 1
    page.wait_for_selector(".chart canvas", state="detached")
