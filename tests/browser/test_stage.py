"""A lecture: the presenter's view by keyboard alone, on a projector, and a link that a class opens."""

import re

import pytest

from rnorm_core import zoo
from rnorm_core.classroom import lessons
from rnorm_core.classroom.lessons import Predict
from rnorm_core.classroom.paths import PATHS
from rnorm_core.ui.shared.stage.remote import WALK

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]
PROJECTOR = {"width": 1280, "height": 720}
LEAST = 28  # pixels of 720: letters of a fiftieth of the picture's height can be read from the last row
READY = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
           && document.querySelector('.st-key-stage_figure')?.getBoundingClientRect().height > 50"""
FULL = "() => Boolean(document.fullscreenElement)"
# Of the stage: the sizes of letters, how far it reaches, and how much is seen that does not belong there.
LOOK = """() => {
  const all = (at) => [...document.querySelectorAll(at)];
  const size = (at) => Math.min(...all(at).map((one) => parseFloat(getComputedStyle(one).fontSize)), 1000);
  const parts = all('.st-key-stage h1, .st-key-stage_answer p, .st-key-stage_figure');
  const boxes = parts.map((one) => one.getBoundingClientRect());
  const look = {
    title: size('.st-key-stage h1'), answer: size('.st-key-stage_answer p'),
    seen: all('[data-testid=stSidebar], .st-key-settings_bar, .st-key-backstage')
      .filter((one) => one.checkVisibility()).length,
  };
  return boxes.every((box) => box.bottom <= innerHeight && box.right <= innerWidth) && look;
}"""


def title_is(page, name):
    page.wait_for_function(
        f"name => new RegExp('/{'' if name == 'start' else name}([?]|$)').test(location.href)", arg=name
    )


def test_a_presenter_walks_along_all_pages_by_keyboard_alone(visit):
    page = visit("/?present=1", **PROJECTOR)
    for number, name in enumerate(WALK, start=1):
        title_is(page, name)
        page.wait_for_selector(f".remote span:text-is('{number} of {len(WALK)}')")
        page.wait_for_function(READY)
        look = page.wait_for_function(LOOK).json_value()
        assert look["title"] >= LEAST, name
        assert look["answer"] >= LEAST, name
        assert look["seen"] == 0, name
        if number < len(WALK):
            page.keyboard.press("PageDown")
    page.keyboard.press("PageUp")
    title_is(page, WALK[-2])
    page.wait_for_selector(f".remote span:text-is('{len(WALK) - 1} of {len(WALK)}')")
    page.wait_for_function(READY)
    assert "present=1" in page.url
    page.keyboard.press("f")
    page.wait_for_function(FULL)
    page.keyboard.press("F")
    page.wait_for_function(f"() => !({FULL})()")
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-testid=stSidebar]")
    page.wait_for_selector(".st-key-stage", state="detached")
    assert "present" not in page.url


def test_a_lesson_and_the_next_one_are_given_by_keyboard_alone(visit):
    path = PATHS[0]
    page = visit(f"/lessons?lesson={path.parts[0].id}&present=1&path={path.minutes}", **PROJECTOR)
    for id, index in path.steps():
        lesson = lessons.find(id)
        page.wait_for_selector(
            f".remote span:text-is('lesson {id}, {index + 1} of {len(path.part(id, index).steps)} in this path')"
        )
        page.wait_for_function(READY)
        look = page.wait_for_function(LOOK).json_value()
        assert look["title"] >= LEAST
        assert look["answer"] >= LEAST
        assert look["seen"] == 0
        if isinstance(lesson.steps[index], Predict):
            page.keyboard.press("PageDown")  # the class comes first
            page.keyboard.press("a" if index % 2 else "1")  # the letter of a choice, or its place
        else:
            page.keyboard.press("PageDown")
    assert page.get_by_role("heading", level=1).inner_text() == lesson.steps[index].title
    page.keyboard.press("Escape")
    title_is(page, "teach")


def test_a_clicker_moves_the_page_and_not_the_slider_in_focus(visit):
    page = visit("/?present=1&controls=eps", **PROJECTOR)
    page.wait_for_selector(f".remote span:text-is('1 of {len(WALK)}')")
    page.wait_for_function(READY)
    slider = page.get_by_role("slider", name=re.compile("Attack size"))
    slider.focus()
    before = slider.input_value()
    page.keyboard.press("PageDown")
    page.wait_for_selector(f".remote span:text-is('2 of {len(WALK)}')")
    page.keyboard.press("PageUp")
    title_is(page, WALK[0])
    assert slider.input_value() == before


def measured(page) -> str:
    """The first figure's subtitle, once it is of the size that the address names."""
    subtitle = page.locator(".chart figcaption span", has_text="4/255").first
    subtitle.wait_for()
    return subtitle.inner_text()


def test_a_copied_link_opens_the_same_page_elsewhere(visit, visit_at):
    page = visit("/shift?eps=4&batch=1&right_mode=batch")
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Presenter's view").click()
    page.get_by_text("Lock the settings").click()
    code = page.locator(".st-key-copy_link code, [data-testid=stPopoverBody] code")
    page.wait_for_function("() => /lock=1/.test(document.querySelector('[data-testid=stPopoverBody] code')?.innerText)")
    link = code.inner_text()
    title = measured(page)
    other = visit_at(link, **PROJECTOR)
    other.wait_for_function(READY)
    assert measured(other) == title
    other.keyboard.press("Escape")
    other.get_by_text("This link locks the settings").wait_for()
    slider = other.get_by_role("slider", name="Attack size")
    assert slider.is_disabled() or slider.get_attribute("aria-disabled") == "true"
    other.get_by_role("button", name="Unlock").click()
    other.get_by_text("This link locks the settings").wait_for(state="detached")
    assert measured(other) == title
