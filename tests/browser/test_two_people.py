"""Two people at once, each with a network, a picture and a statistics mode of their own: neither sees the other."""

import time
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from rnorm_core import models, zoo
from tests.browser.test_bring import bring, close_settings, wait

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]
CRAFT = "Craft an attack"
ROUND = (CRAFT, "Accuracy", CRAFT, "Inside a norm layer", "Batch statistics", "Start")


@dataclass
class Person:
    """words: what only this person may see. verdicts: what the networks said of the picture, the first time."""

    page: Any
    weights: Path
    picture: Path
    words: tuple[str, ...]
    verdicts: list[str] = field(default_factory=list)

    def go(self, title: str) -> None:
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
        if title == CRAFT:
            self.page.get_by_role("button", name="Pictures").click()
            self.page.get_by_text("Use a picture of your own").click()
            self.page.locator("[data-testid=stMain], [data-testid=stPopoverBody]").last.locator(
                "input[type=file]"
            ).first.set_input_files(self.picture)

    def look(self, title: str, other: "Person") -> None:
        """Waits for the page, and checks that it is this person's and nothing of the other's."""
        self.page.locator("[data-testid=stMain] .in-use").get_by_text(f"yours: {self.weights.stem}").wait_for()
        if title == CRAFT:
            self.page.get_by_text("as the network sees it").wait_for()
            self.page.wait_for_selector("[data-ready=all]")
        wait(self.page)
        everything = self.page.content()
        assert [word for word in other.words if word in everything] == []
        assert self.words[0] in everything
        if title == CRAFT:
            verdicts = self.page.locator(".player-verdict").all_inner_texts()
            self.verdicts = self.verdicts or verdicts
            assert verdicts == self.verdicts


def person(visit, folder: Path, name: str, norm: str, mode: str, colour: str) -> Person:
    torch.manual_seed(len(name))
    model = models.build("resnet20", norm, width=1 / 16).train()
    model(torch.rand(8, 3, 32, 32))
    torch.nn.init.normal_(model.classifier.weight)
    raw = save({key: value.contiguous() for key, value in model.state_dict().items()}, {"power": "0.2"})
    (folder / f"{name}.safetensors").write_bytes(raw)
    Image.new("RGB", (48, 32), colour).save(folder / f"{name}-photo.png")
    page = visit(f"/accuracy?left_mode={mode}&right_mode={mode}")
    wait(page)
    bring(page, folder / f"{name}.safetensors")
    page.locator("[data-testid=stMain] .in-use").get_by_text(f"yours: {name}").wait_for()
    close_settings(page)
    words = (name, sha256(raw).hexdigest()[:8])
    return Person(page, folder / f"{name}.safetensors", folder / f"{name}-photo.png", words)


@pytest.mark.parametrize("seconds", [10, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def test_neither_sees_the_other(visit, tmp_path, seconds):
    ada = person(visit, tmp_path, "adaswork", "bn", "tracked", "crimson")
    ben = person(visit, tmp_path, "benjamins", "rn", "batch", "seagreen")
    until = time.monotonic() + seconds
    for pages, title in enumerate(cycle(ROUND), start=1):
        ada.go(title)
        ben.go(title)
        ada.look(title, ben)
        ben.look(title, ada)
        if time.monotonic() > until and pages >= 3:
            break
    assert ada.verdicts != ben.verdicts
    # an address with the other's network leads to the usual pair
    place = ada.page.url[ada.page.url.index("/", 8) :]
    assert f"right=yours-{ada.words[0]}" in place
    stranger = visit(place)
    wait(stranger)
    stranger.get_by_text("in the address could not be used").wait_for()
    assert not stranger.locator("[data-testid=stMain] .in-use").get_by_text("yours").count()
