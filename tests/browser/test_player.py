"""The attack player alone, in a page without Streamlit: what it draws, what it says, and what moves it."""

import base64
import re

import numpy as np
import pytest
import torch

from rnorm_core.experiments.landscape import LEVELS, Landscape, Request, Result
from rnorm_core.ui.attack_player import component
from rnorm_core.zoo import Variant
from tests.landscape_bytes import unpack

pytestmark = pytest.mark.browser
CAT, DOG, FROG = 3, 5, 6
LEFT, RIGHT = Variant("l", "tracked", "", "bn", "BatchNorm"), Variant("r", "tracked", "", "rn", "RobustNorm")


def answers(*winners: int) -> torch.Tensor:
    """Probabilities (len(winners), 10): 0.82 for the winner of each step, 0.02 for the others."""
    return torch.full((len(winners), 10), 0.02).scatter(1, torch.tensor(winners)[:, None], 0.82)


def landscape(variant, winners, saved=None, target=None, sizes=(0, 1, 8)) -> Landscape:
    """winners: for each size the class that wins at each step."""
    many, steps = len(winners), len(winners[0])
    generator = torch.Generator().manual_seed(len(variant.model))
    changes = torch.randint(-LEVELS, LEVELS + 1, (many, steps, 3, 4, 5), generator=generator).to(torch.int8)
    changes[:, 0] = 0
    clean = torch.randint(0, 256, (3, 4, 5), generator=generator) / 255
    scales = torch.tensor([max(size, 1e-9) / 255 for size in sizes or (8,)])
    return Landscape(
        variant, sizes, clean, CAT, target, changes, scales, torch.stack([answers(*row) for row in winners]),
        torch.zeros(many, steps, 4), answers(*(saved or [row[-1] for row in winners])), crafted_here=True,
    )  # fmt: skip


def result_of(*landscapes: Landscape, labels=(CAT,), finished=True) -> Result:
    first = landscapes[0]
    request = Request(
        tuple(each.variant for each in landscapes), ids=("a",), labels=labels, sizes_255=first.sizes_255,
        target=first.target,
    )  # fmt: skip
    return Result(request, {0: landscapes}, finished)


FALLS = [[CAT, CAT, CAT], [CAT, CAT, DOG], [CAT, FROG, FROG]]
HOLDS = [[CAT, CAT, CAT], [CAT, CAT, CAT], [CAT, CAT, FROG]]


@pytest.fixture
def player(browser):
    """player(result, chosen) is a page with the player, and `page.show(result, chosen)` gives it another result."""
    contexts, wrong = [], []
    scripts = [(component._HERE / name).read_text() for name in component._SCRIPTS]
    module = "\n".join(scripts).replace("export default function", "window.mount = function")
    style = (component._HERE / "style.css").read_text()

    def opened(result: Result, chosen: float | None, **context):
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.set_content(f"<style>{style}</style><main></main><script type=module>{module}</script>")
        page.wait_for_function("() => Boolean(window.mount)")
        show(page, result, chosen)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def show(page, result: Result, chosen: float | None, step: int | None = None, locked=False, controls=()) -> None:
    begin = component._Begin(chosen, step, locked, controls)
    raw = base64.b64encode(component._bytes(result, 0, "cifar10", begin)).decode()
    page.evaluate(
        """raw => {
            window.told ??= [];
            const data = Uint8Array.from(atob(raw), c => c.charCodeAt(0));
            const setTriggerValue = (name, value) => told.push([name, value]);
            mount({ parentElement: document.querySelector("main"), data, setTriggerValue });
        }""",
        raw,
    )
    page.wait_for_selector(f"[data-ready={'all' if result.finished else 'chosen'}]")


def at(page) -> str:
    return page.get_attribute("[data-player]", "data-drawn")


def verdicts(page) -> list[str]:
    texts = page.locator(".player-verdict").all_inner_texts()
    return [text.replace("\xa0", " ").replace("\n", " ").strip() for text in texts]


def pixels(page, selector: str) -> np.ndarray:
    flat = page.evaluate(
        "s => { const c = document.querySelector(s); return Array.from(c.getContext('2d').getImageData(0, 0, c.width,"
        " c.height).data) }",
        selector,
    )
    return np.array(flat, np.uint8).reshape(4, 5, 4)[..., :3]


def test_the_pixels_are_those_that_the_server_sent(player):
    result = result_of(landscape(LEFT, FALLS), landscape(RIGHT, HOLDS))
    page = player(result, 8)
    header, (left, right) = unpack(component._bytes(result, 0, "cifar10", component._Begin(8, None, False, ())))
    for e, s in ((2, 2), (1, 1), (0, 0)):
        page.locator("input[name=eps]").fill(str(e))
        page.locator("input[name=step]").fill(str(s))
        for i, network in enumerate((left, right), 1):
            shown = pixels(page, f".player-network:nth-child({i}) figure:nth-child(1) canvas")
            assert (shown == network.pixels(e, s, header["levels"])).all()
    clean = np.floor(255 * left.clean.astype(np.float64) + 0.5).astype(np.uint8).transpose(1, 2, 0)
    assert (pixels(page, ".player-controls canvas") == clean).all()


def test_sliders_keys_and_play_move_both_networks_in_step(player):
    page = player(result_of(landscape(LEFT, FALLS), landscape(RIGHT, HOLDS)), 8)
    assert at(page) == "8,2"
    assert [text.split(" It")[0] for text in verdicts(page)] == ["✗ Fooled: sees frog (82.0 %)."] * 2
    page.locator("input[name=step]").press("ArrowLeft")
    assert at(page) == "8,1"
    assert verdicts(page)[0].startswith("✗ Fooled: sees frog (82.0 %). It first changed its mind at step 1.")
    assert verdicts(page)[1] == "✓ Still cat (82.0 %). It changes its mind at step 2."
    page.locator("input[name=eps]").press("ArrowLeft")
    assert at(page) == "1,1"
    assert page.locator(".player-marks span").count() == 1  # the right network never changes its mind at this size
    page.locator("input[name=step]").press(" ")
    page.wait_for_function("() => document.querySelector('[data-player]').dataset.drawn === '1,2'")
    page.wait_for_function("() => document.querySelector('button[name=play]').innerText.includes('Play')")
    page.locator("button[name=play]").click()  # from the end it begins anew
    assert page.locator("button[name=play]").inner_text() == "Pause"
    page.locator("button[name=play]").click()
    assert page.locator("button[name=play]").inner_text() == "▶ Play"


def test_the_map_shows_where_a_network_is_wrong_and_can_be_clicked(player):
    page = player(result_of(landscape(LEFT, FALLS), landscape(RIGHT, HOLDS)), 1)
    label = page.locator("canvas[name='map 0']").get_attribute("aria-label")
    assert label.endswith("0/255: right at every step; 1/255: wrong first at step 2; 8/255: wrong first at step 1.")
    box = page.locator("canvas[name='map 1']").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 5 / 6, box["y"] + box["height"] * 5 / 6)
    assert at(page) == "8,0"
    colours = page.evaluate(
        """() => {
            const map = document.querySelector("canvas[name='map 0']"), context = map.getContext("2d");
            const cell = (e, s) => [(e + 0.25) * map.width / 3, (2.5 - s) * map.height / 3];
            const colour = (e, s) => Array.from(context.getImageData(...cell(e, s), 1, 1).data).slice(0, 3);
            return [colour(1, 1), colour(1, 2)];
        }"""
    )
    assert colours[1] == [0, 0x72, 0xB2]  # wrong, in BatchNorm's colour
    assert colours[0] != colours[1]


def test_the_size_is_told_once_when_the_finger_has_lifted(player):
    page = player(result_of(landscape(LEFT, FALLS)), 8)
    slider = page.locator("input[name=eps]")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight"):
        slider.press(key)
    assert page.evaluate("told") == []
    page.wait_for_function("() => told.length")
    page.wait_for_timeout(400)
    assert page.evaluate("told") == [["place", {"size": 1, "step": None}]]


def test_the_step_goes_back_once_and_a_link_begins_there(player):
    result = result_of(landscape(LEFT, FALLS))
    page = player(result, 8)
    page.locator("input[name=step]").press("ArrowLeft")
    page.locator("input[name=step]").press("ArrowLeft")
    page.wait_for_function("() => told.length")
    page.locator("button[name=play]").click()
    page.wait_for_function("() => told.length > 1")  # where the play has ended: the last step, which needs no name
    page.wait_for_timeout(400)
    assert page.evaluate("told") == [["place", {"size": 8, "step": 0}], ["place", {"size": 8, "step": None}]]
    show(page, result_of(landscape(RIGHT, HOLDS)), 8, step=1)
    assert at(page) == "8,1"
    show(page, result, 8, step=77)
    assert at(page) == "8,2"


def test_a_locked_size_stays_and_the_steps_can_be_looked_at(player):
    result = result_of(landscape(LEFT, FALLS))
    page = player(result, 8)
    show(page, result, 8, locked=True)
    assert page.locator("input[name=eps]").is_disabled()
    map_ = page.locator("canvas[name='map 0']")
    box = map_.bounding_box()
    map_.click(position={"x": 0.1 * box["width"], "y": 0.9 * box["height"]})  # the smallest size, before the first step
    assert at(page) == "8,0"


@pytest.mark.parametrize(("controls", "kept"), [(("eps",), "eps"), (("attack_step", "photo"), "step")])
def test_a_presenters_player_keeps_the_named_slider(player, controls, kept):
    result = result_of(landscape(LEFT, FALLS))
    page = player(result, 8)
    show(page, result, 8, controls=controls)
    sliders = [one.get_attribute("name") for one in page.locator("input[type=range]").all() if one.is_visible()]
    assert sliders == [kept]
    assert page.locator("button[name=play]").is_visible() == (kept == "step")


def test_more_sizes_and_a_size_from_outside(player):
    """Sizes that come later leave the visitor where he is; a link or another question moves the player."""
    whole = result_of(landscape(LEFT, FALLS))
    first = result_of(landscape(LEFT, FALLS[:2], sizes=(0, 1)), finished=False)
    object.__setattr__(first, "request", whole.request)
    page = player(first, 1)
    page.locator("input[name=step]").press("ArrowLeft")
    page.locator("input[name=eps]").press("ArrowLeft")
    show(page, whole, 1)
    assert at(page) == "0,1"
    assert page.evaluate("document.activeElement.name") == "eps"
    show(page, whole, 8)
    assert at(page) == "8,1"
    show(page, result_of(landscape(RIGHT, HOLDS)), 8)
    assert at(page) == "8,2"


FIRST, FILE = "It first changed its mind at step", "Saved as a PNG file it"


@pytest.mark.parametrize(
    ("winners", "saved", "target", "sentence"),
    [
        ([CAT, CAT, DOG], CAT, None, f"✗ Fooled: sees dog (82.0 %). {FIRST} 2. {FILE} no longer fools."),
        ([CAT, DOG, DOG], FROG, None, f"✗ Fooled: sees dog (82.0 %). {FIRST} 1. {FILE} still fools."),
        ([CAT, CAT, CAT], CAT, None, "✓ Still cat (82.0 %)."),
        ([CAT, DOG, CAT], CAT, None, f"✓ Back to cat (82.0 %). {FIRST} 1."),
        ([DOG, DOG, FROG], FROG, None, "✗ Wrong before the attack: sees frog (82.0 %)."),
        (
            [CAT, DOG, FROG],
            FROG,
            FROG,
            f"✗ Led to the target: sees frog (82.0 %). {FIRST} 1. It reaches the target at step 2. {FILE} still fools.",
        ),
        ([CAT, CAT, DOG], DOG, FROG, f"Sees dog (82.0 %), not the target. {FIRST} 2."),
        ([CAT, CAT, CAT], CAT, FROG, "✓ Still cat (82.0 %)."),
        ([DOG, DOG, DOG], DOG, FROG, "Still dog (82.0 %), as before the attack."),
        ([CAT, CAT, CAT], CAT, CAT, "The target is what the image shows. Sees cat (82.0 %)."),
    ],
)
def test_what_it_says(player, winners, saved, target, sentence):
    page = player(result_of(landscape(LEFT, [winners], [saved], target, sizes=(8,))), 8)
    assert verdicts(page) == [sentence]
    assert page.locator("input[name=eps]").count() == 0  # one size is no axis
    said = page.locator(".player-said").inner_text().replace("\xa0", " ")
    assert said == f"Size 8/255. Step 2 of 2. BatchNorm: {sentence}"


def test_an_attack_without_eps_goes_from_before_to_after(player):
    page = player(result_of(landscape(LEFT, [[CAT, DOG]], sizes=())), None)
    assert at(page) == ",1"
    assert verdicts(page) == [
        f"✗ Fooled: sees dog (82.0 %). The change has at most 0.00/255 for a colour (L-inf). {FILE} still fools."
    ]
    assert page.locator("canvas[name='map 0']").count() == 0
    page.locator("input[name=step]").press("ArrowLeft")
    assert page.locator("label b").all_inner_texts() == ["before the attack"]


def test_numbers_on_demand(player):
    page = player(result_of(landscape(LEFT, FALLS)), 8)
    assert page.locator(".player-numbers table").count() == 0
    page.locator("summary").click()
    page.locator(".player-numbers table").wait_for()
    assert re.search(r"frog\s+82.000 %", page.locator(".player-numbers").inner_text())
    page.locator("input[name=step]").fill("0")
    assert re.search(r"cat\s+82.000 %", page.locator(".player-numbers").inner_text())


def test_who_wants_little_motion_gets_little(player):
    page = player(result_of(landscape(LEFT, FALLS)), 8, reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.querySelector('.player-bar i')).transitionDuration") == "0s"


@pytest.mark.parametrize("many", [2, 3])
def test_on_a_phone_two_stand_beside_each_other(player, many):
    shown = [landscape(LEFT, FALLS), landscape(RIGHT, HOLDS), landscape(Variant("n", "tracked", "", "none"), HOLDS)]
    page = player(result_of(*shown[:many]), 8, viewport={"width": 390, "height": 844}, has_touch=True)
    boxes = [section.bounding_box() for section in page.locator(".player-network").all()]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[1]["x"] > boxes[0]["x"] + 150
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("canvas[name='map 0']").tap(position={"x": 2, "y": 2})
    assert at(page) == "0,2"
    assert page.get_by_role("slider", name="Attack size (eps)").count() == 1
