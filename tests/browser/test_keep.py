"""What is kept from a page opens from disk, without the app and without a network."""

import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def from_disk(browser):
    """`from_disk(path)` opens a file in a browser without a network; nothing but the file is requested."""
    opened, wrong = [], []

    def start(path: Path, scheme: str = "light"):
        context = browser.new_context(viewport={"width": 1000, "height": 900}, color_scheme=scheme)
        context.set_offline(True)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"page: {error}"))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        address = path.as_uri()
        page.on("request", lambda request: None if request.url.startswith((address, "data:", "blob:"))
                else wrong.append(request.url))  # fmt: skip
        page.goto(address)
        opened.append(context)
        return page

    yield start
    for context in opened:
        context.close()
    assert not wrong, wrong


def keep(page, label: str, folder: Path) -> Path:
    """Clicks the first button with this label, and unpacks what comes."""
    with page.expect_download() as coming:
        page.get_by_role("button", name=label, exact=True).first.click()
    assert coming.value.suggested_filename.startswith("robustnorm-")
    assert coming.value.suggested_filename.endswith("-seed0.zip")
    zipfile.ZipFile(coming.value.path()).extractall(folder)
    return folder


def test_charts_are_kept(visit, settled, from_disk, tmp_path):
    page = visit("/shift")
    settled(page, 4)
    folder = keep(page, "Keep this page", tmp_path / "page")
    assert {"figures.html", "shift layers.csv", "reproduce.py", "settings.json", "cite.bib"} <= {
        path.name for path in folder.iterdir()
    }
    kept = from_disk(folder / "figures.html")
    kept.wait_for_function("document.querySelectorAll('.js-plotly-plot .point').length > 50")
    assert kept.locator(".js-plotly-plot").count() == 4
    titles = "document => [...document.querySelectorAll('.chart figcaption b')].map((title) => title.textContent)"
    assert kept.evaluate(titles.replace("document =>", "() =>")) == page.evaluate(
        titles.replace("document =>", "() =>")
    )
    box = kept.locator(".js-plotly-plot .point").first.bounding_box()
    kept.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    kept.wait_for_selector(".hoverlayer .hovertext")  # it can be explored
    one = keep(page, "Keep this", tmp_path / "figure")
    kept = from_disk(one / "figures.html", "dark")
    kept.wait_for_selector(".js-plotly-plot .point")
    assert kept.locator(".js-plotly-plot").count() == 1


def test_the_attack_player_is_kept(visit, from_disk, tmp_path):
    page = visit("/")
    page.wait_for_selector('.player[data-ready="all"]')
    page.wait_for_selector(".st-key-keep-photos button")
    folder = keep(page, "Keep this", tmp_path)
    assert (folder / "images/clean.png").exists()
    kept = from_disk(folder / "figures.html")
    kept.wait_for_selector('.player[data-ready="all"]')
    slider = kept.locator("input[name=eps]")
    before = kept.locator(".player-verdict").first.inner_text()
    slider.fill("0")
    assert kept.locator(".player-verdict").first.inner_text() != before  # without an attack
