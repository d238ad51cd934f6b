"""Weights of one's own in real browsers: taken, kept while one goes from page to page, and seen by nobody else."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rnorm_core import models, zoo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """mine.safetensors, and wrong.safetensors that lacks a key."""
    torch.manual_seed(5)
    model = models.build("resnet20", "bn", width=1 / 16).train()
    model(torch.rand(8, 3, 32, 32))
    tensors = {key: value.contiguous() for key, value in model.state_dict().items()}
    folder = tmp_path_factory.mktemp("weights")
    save_file(tensors, folder / "mine.safetensors")
    save_file({key: t for key, t in tensors.items() if key != "stem.conv.weight"}, folder / "wrong.safetensors")
    return folder


def wait(page) -> None:
    """Until nothing is under way."""
    page.wait_for_function(
        """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
                 && !document.querySelector('[data-testid=stMain] [data-testid=stProgress]')
                 && document.body.innerText.includes('Try this')"""
    )


def bring(page, file: Path) -> None:
    settings = open_settings(page)
    if not settings.get_by_text("A .safetensors file").is_visible():
        settings.get_by_text("Bring your own weights").click()
    settings.get_by_text("A .safetensors file").wait_for()
    settings.locator("input[type=file]").set_input_files(file)


def open_settings(page):
    """The controls behind the button "Settings", which are shown."""
    settings = page.get_by_test_id("stPopoverBody")
    if not settings.is_visible():
        page.get_by_role("button", name="Settings").click()
        settings.wait_for()
    return settings


def close_settings(page) -> None:
    if page.get_by_test_id("stPopoverBody").is_visible():
        page.keyboard.press("Escape")
        page.get_by_test_id("stPopoverBody").wait_for(state="hidden")


def test_mine_is_mine_alone(visit, files):
    page, side = visit("/?eps=0.5"), "[data-testid=stPopoverBody]"
    wait(page)
    bring(page, files / "wrong.safetensors")
    page.locator(side).get_by_text("lack stem.conv.weight").wait_for()
    wait(page)
    assert "right=" not in page.url
    page.locator(side).get_by_role("button", name="Remove wrong.safetensors").click()
    page.locator(side).get_by_text("lack stem.conv.weight").wait_for(state="detached")
    bring(page, files / "mine.safetensors")
    page.locator("[data-testid=stMain] p").get_by_text("BatchNorm, yours: mine").first.wait_for()
    wait(page)
    assert "right=yours-mine-" in page.url
    assert page.get_by_text("Not measured yet: BatchNorm, yours").is_visible()
    # on another page it is still there
    close_settings(page)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Accuracy").click()
    page.get_by_role("heading", name="How much accuracy is left?").wait_for()
    page.get_by_text("No accuracies come with BatchNorm, yours: mine").wait_for()
    wait(page)
    assert not page.get_by_text("could not be used").count()
    # another browser that is given the link has the usual pair, and a word about it
    other = visit(page.url[page.url.index("/accuracy") :])
    wait(other)
    other.get_by_text("in the address could not be used").wait_for()
    open_settings(other)
    other.locator(f"{side} .st-key-right-shown").get_by_role("combobox").click()
    other.get_by_role("option").first.wait_for()
    assert not other.get_by_role("option").get_by_text("Yours").count()
    other.keyboard.press("Escape")
    close_settings(other)
    # where something else of one's own is brought, the first does not change
    bring(other, files / "mine.safetensors")
    other.get_by_text("No accuracies come with BatchNorm, yours: mine").wait_for()
    other.locator(side).get_by_role("button", name="Forget").click()
    other.get_by_text("No accuracies come with").wait_for(state="detached")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Start").click()
    page.get_by_role("heading", name="Can a change too small").wait_for()
    page.locator("[data-testid=stMain] p").get_by_text("BatchNorm, yours: mine").first.wait_for()
    wait(page)
    assert not page.get_by_text("could not be used").count()
