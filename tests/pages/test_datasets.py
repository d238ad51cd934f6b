"""Networks for another data set: every page works on it, and there is a control where there are several data sets."""

import shutil

import pytest

from rnorm_core import zoo
from rnorm_core.data import CLASSES
from rnorm_core.ui.craft.question import UNTARGETED
from rnorm_core.ui.paper.question import BOTH
from rnorm_core.ui.shared.navigation import PAGES
from tests.conftest import fill
from tests.pages.test_bring import bring, file_of

BN, RN = "cifar100-resnet20-bn", "cifar100-resnet20-rn"


@pytest.fixture(scope="session")
def _both(_small_zoo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("both") / "zoo"
    shutil.copytree(_small_zoo, folder)
    return fill(folder, "cifar100")


@pytest.fixture
def both(_both, monkeypatch) -> None:
    """A zoo with two networks for CIFAR-10 and two for CIFAR-100."""
    monkeypatch.setattr(zoo, "DIRECTORY", _both)


@pytest.mark.usefixtures("both")
# The glossary, the lessons and the pages for teachers have no setting of the networks.
@pytest.mark.parametrize("name", [name for name in PAGES if name not in {"glossary", "lessons", "room", "teach"}])
def test_every_page_works_on_it(open_page, name):
    page = open_page(name, dataset="CIFAR-100")
    messages = [block.value for block in [*page.error, *page.warning]]
    assert not [text for text in messages if "CIFAR-100 yet" not in text]
    assert (page.selectbox(key="left").value, page.selectbox(key="right").value) == (BN, RN)


@pytest.mark.usefixtures("both")
def test_its_images_and_classes(open_page):
    page = open_page("craft", dataset="CIFAR-100")
    names = page.pills(key="images").options
    classes = {name.rsplit(" ", 1)[0] for name in map(str, names)}
    assert len(names) == 20
    assert classes <= set(CLASSES["cifar100"])
    assert "mountain" in classes
    (bar,) = [block.proto.body for block in page.get("html") if 'class="in-use">' in block.proto.body]
    assert "</small> RobustNorm</b>" in bar
    assert "<span>CIFAR-100, " in bar


@pytest.mark.usefixtures("both")
def test_a_choice_of_the_sidebar(open_page, settle):
    page = open_page("start")
    assert page.selectbox(key="left").value == "cifar10-resnet20-bn"
    page.selectbox(key="dataset").set_value("cifar100").run()
    settle(page)
    assert (page.selectbox(key="left").value, page.selectbox(key="right").value) == (BN, RN)
    assert {str(name).rsplit(" ", 1)[0] for name in page.pills(key="photo").options} <= set(CLASSES["cifar100"])
    assert not page.warning


@pytest.mark.usefixtures("small_zoo")
def test_without_a_second_data_set_there_is_no_control(open_page):
    page = open_page("start")
    assert "dataset" not in [box.key for box in page.selectbox]


@pytest.mark.usefixtures("small_zoo")
def test_a_network_that_is_brought_brings_its_data_set(open_page, settle, monkeypatch):
    monkeypatch.setattr(zoo.brought, "_brought", type(zoo.brought._brought)())
    page = open_page("start")
    raw = file_of("bn", classes=100)
    bring(page, raw)
    settle(page)
    assert page.selectbox(key="dataset").value == "cifar100"
    assert page.selectbox(key="left").value == page.selectbox(key="right").value != BN
    assert page.selectbox(key="right").value.startswith("yours-mine-")
    assert {str(name).rsplit(" ", 1)[0] for name in page.pills(key="photo").options} <= set(CLASSES["cifar100"])
    page.selectbox(key="dataset").set_value("cifar10").run()
    settle(page)
    assert page.selectbox(key="right").value == "cifar10-resnet20-rn"
    assert not page.error, page.error[0].value


@pytest.mark.usefixtures("both")
def test_on_craft_another_data_set_brings_a_picture_of_its_own(open_page, settle):
    page = open_page("craft")
    assert page.pills(key="images").value
    page.selectbox(key="dataset").set_value("cifar100").run()
    settle(page)
    (picked,) = page.pills(key="images").value
    assert str(picked).rsplit(" ", 1)[0] in CLASSES["cifar100"]
    assert not page.error, page.error[0].value


@pytest.mark.usefixtures("both")
def test_a_class_to_aim_at_is_one_of_the_data_set(open_page, settle):
    page = open_page("craft", target="frog")
    page.selectbox(key="dataset").set_value("cifar100").run()
    settle(page)
    assert page.selectbox(key="target").value == UNTARGETED
    assert "Turn it into a turtle" in [button.label for button in page.button]
    assert not page.warning
    next(button for button in page.button if button.label == "Turn it into a turtle").click().run()
    settle(page)
    assert page.selectbox(key="target").value == "turtle"
    assert not page.error, page.error[0].value


@pytest.mark.usefixtures("both")
def test_models_begins_with_the_networks_of_the_data_set(open_page):
    page = open_page("models", dataset="CIFAR-100")
    assert page.session_state["show"] == [BN, RN]
    page.selectbox(key="dataset").set_value("cifar10").run()
    assert page.session_state["show"] == ["cifar10-resnet20-bn", "cifar10-resnet20-rn"]
    page = open_page("models", dataset="CIFAR-100", show=["cifar10-resnet20-rn"])
    assert page.session_state["show"] == ["cifar10-resnet20-rn"], "the address wins"


@pytest.mark.usefixtures("both")
def test_the_paper_compares_the_data_sets(open_page):
    page = open_page("paper", dataset="CIFAR-100", section=BOTH)
    assert any("fast training is kept: **holds on" in block.value for block in page.markdown)
