import re

import pytest

from rnorm_core import data, evaluation, zoo
from rnorm_core.evaluation.tables import curves
from rnorm_core.experiments.attack_pair import FIRST
from tests.pages.shown import charts as charts_of


def texts(page) -> str:
    return "\n".join(block.value for block in page.markdown)


def test_something_is_seen_without_any_button(open_page, players):
    page = open_page("start")
    ((header, networks),) = players(page)
    assert [network.about["label"] for network in networks] == ["BatchNorm, tracked", "RobustNorm, tracked"]
    assert header["sizes"] == [0, 0.25, 0.5, 1, 2, 4, 8, 16]
    assert (header["chosen"], header["finished"]) == (1, True)
    text = texts(page)
    assert "What you see" in text
    assert "Why" in text
    assert "Try this" in text
    assert not page.warning


def test_accuracy_comes_from_the_table_with_hash_and_n(open_page):
    page = open_page("start")
    bars = next(block.value for block in page.markdown if "data:image/svg" in block.value)
    row = curves.at(evaluation.table("cifar10").curve("cifar10-resnet20-bn", "tracked", "pgd"), 1)
    shown = float(re.search(r"PGD, 1/255 ([\d.]+) %", bars)[1])
    assert shown == pytest.approx(100 * row.correct / row.n, abs=0.051)
    about = next(block.value for block in page.caption if block.value.startswith("Measured before"))
    assert zoo.card("cifar10-resnet20-bn").sha256[:12] in about
    assert "n = 2,000" in about
    assert not charts_of(page)  # the browser need not load plotly for this page


def test_the_size_of_the_address_is_the_players(open_page, players):
    ((header, _),) = players(open_page("start", eps="8"))
    assert header["chosen"] == 8


def test_the_photo_is_the_seeds_choice_alone(open_page):
    def photo(page):
        return next(block.value for block in page.caption if block.value.startswith("The photo:"))

    poor = photo(open_page("start", left_mode="batch", right_mode="batch"))
    assert poor == photo(open_page("start"))
    assert poor != photo(open_page("start", seed="1"))


def test_a_photo_that_was_attacked_here_is_known_on_the_page_craft(open_page, monkeypatch, players):
    """Both pages ask for one computation, whatever the size: nothing is attacked a second time."""
    first = players(open_page("start", eps="0.5", seed="3"))[0][1]

    def no_attack(*args, **kwargs):
        raise AssertionError("attacked again")

    monkeypatch.setattr("rnorm_core.experiments.landscape.run", no_attack)
    photo = data.samples("cifar10").name((data.samples("cifar10").find(FIRST) + 3) % 20)
    second = players(open_page("craft", eps="8", seed="3", images=[photo]))[0][1]
    assert all((one.changes == other.changes).all() for one, other in zip(first, second, strict=True))


def test_a_model_in_a_batch_mode_says_so(open_page, players):
    ((header, networks),) = players(open_page("start", right="cifar10-resnet20-bn", right_mode="batch"))
    assert networks[1].about["label"] == "BatchNorm, batch"
    assert header["notes"][0] == ""
    assert "takes statistics from the pictures" in header["notes"][1]


def test_everything_but_the_device_is_in_the_address(open_page, in_address):
    page = open_page("start")
    assert in_address(page) == {"left", "left_mode", "right", "right_mode", "source", "seed", "eps"}


def test_only_the_modes_that_a_model_has_are_offered(open_page):
    page = open_page("start", right="cifar10-resnet20-none", right_mode="batch")
    assert page.selectbox(key="right_mode").options == ["tracked"]
    assert "`right_mode=batch`" in page.warning[0].value
    page.selectbox(key="right shown").set_value("cifar10-resnet20-bn").run()
    assert page.selectbox(key="right_mode").options == ["tracked", "batch", "tracked-mean"]
