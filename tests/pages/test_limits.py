"""What a visitor may ask for on a server for everybody, and that the page says it before a button is pressed."""

import pytest

from rnorm_core import data
from rnorm_core.ui.settings import limits
from rnorm_core.ui.settings.bar import EVERYTHING


@pytest.fixture
def public(monkeypatch):
    monkeypatch.setenv("RNORM_PUBLIC", "1")


def captions(page) -> str:
    return "\n".join(block.value for block in page.caption)


def test_elsewhere_nothing_is_limited(open_page, monkeypatch):
    monkeypatch.delenv("RNORM_PUBLIC", raising=False)
    page = open_page("accuracy", full=True, source=EVERYTHING, n="5000", under="Square Attack", scope="every size")
    assert page.number_input(key="n").value == 5000
    assert "for everybody" not in captions(page)


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize(
    ("address", "most"),
    [({}, 1600), ({"scope": "every size"}, 228), ({"under": "Square Attack", "scope": "every size"}, limits.FEWEST)],
)
def test_accuracy_measures_fewer_images_the_more_each_costs(open_page, address, most):
    page = open_page("accuracy", full=True, source=EVERYTHING, n="10000", **address)
    assert page.number_input(key="n").max == most
    assert page.number_input(key="n").value <= most
    assert f"at most {most:,} images" in captions(page)
    assert "`n=10000` in the address could not be used" in page.warning[0].value


@pytest.mark.usefixtures("public")
def test_an_examination_is_thorough_or_of_many_images(open_page):
    page = open_page("honesty", full=True, source=EVERYTHING, n="1000", effort="thorough")
    assert page.selectbox(key="n").options == ["20", "128"]
    assert "at most 128 images" in captions(page)
    assert "`n=1000` in the address could not be used" in page.warning[0].value
    assert page.selectbox(key="effort").options == ["quick", "thorough"]
    page.selectbox(key="n").set_value(128).run()
    assert page.selectbox(key="effort").options == ["quick"]


@pytest.mark.usefixtures("public")
def test_craft_attacks_few_images_at_once(open_page):
    samples = data.samples("cifar10")
    names = [samples.name(i) for i in range(len(samples))]
    page = open_page("craft", images=names, attack="FGSM", settled=False)
    assert page.button_group(key="images").value == names[: limits.CRAFT_IMAGES]
    assert "at most 16 images" in captions(page)
    assert any("`images=" in block.value and "could not be used" in block.value for block in page.warning)
    page.button_group(key="images").set_value(names[: limits.CRAFT_IMAGES + 1]).run()
    assert "at most 16 images" in page.error[0].value


@pytest.mark.usefixtures("public")
def test_square_has_fewer_queries(open_page):
    page = open_page("craft", attack="Square Attack", settled=False)
    assert page.number_input(key="steps_square").max == limits.QUERIES
