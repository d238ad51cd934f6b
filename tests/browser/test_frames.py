"""The app inside a page of another site: a Space of the Hub may show it, with uploads; other sites may not."""

from pathlib import Path

import pytest
from PIL import Image

from rnorm_core import zoo
from tests.browser.conftest import QUIET, ROOT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]
# The page around the frame is not on this machine, and the browser asks before such a page reaches this machine.
REACH = "--disable-features=LocalNetworkAccessChecks"


@pytest.fixture(scope="module")
def space(serve) -> str:
    """Address of the app as it runs in a Space; the browser treats localhost as if it had HTTPS."""
    return serve(ROOT / "app.py", "--server.xsrfCookieSameSite=none").replace("127.0.0.1", "localhost")


@pytest.fixture
def framed(browser, chromium, space):
    """`framed(site)` is (the page of a site whose frame shows the app, what its console says)."""
    reaching = browser.browser_type.launch(executable_path=chromium, args=[*QUIET, REACH])

    def show(site: str):
        said: list[str] = []
        page = reaching.new_page()
        page.on("console", lambda message: said.append(message.text))
        frame = f"<iframe src='{space}/craft' width=1200 height=900></iframe>"
        page.route(f"{site}/**", lambda route: route.fulfill(content_type="text/html", body=frame))
        page.goto(f"{site}/page")
        return page, said

    yield show
    reaching.close()


def test_a_picture_can_be_uploaded_in_a_space(framed, tmp_path: Path):
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "teal.png")
    page, _ = framed("https://huggingface.co")
    app = page.frame_locator("iframe")
    app.get_by_role("button", name="Pictures").click()
    app.get_by_text("Use a picture of your own").click()
    app.locator("input[type=file]").set_input_files(tmp_path / "teal.png")
    app.get_by_text("as the network sees it").wait_for()
    assert [cookie["sameSite"] for cookie in page.context.cookies()] == ["None"]


def test_another_site_cannot_show_it(framed):
    page, said = framed("https://another.example")
    page.wait_for_timeout(1000)
    assert any("frame-ancestors" in text for text in said)
    assert not page.frame_locator("iframe").get_by_role("button").count()
