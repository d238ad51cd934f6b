import os
import re
import time

import pytest

from rnorm_core import zoo
from rnorm_core.data import CORRUPTIONS
from rnorm_core.experiments import corruption_sweep, recalibration
from rnorm_core.norms import MEDIAN
from tests.pages.shown import charts as charts_of

pytestmark = pytest.mark.usefixtures("small_zoo", "quick")
PART = {"part": "Corruptions"}
FEW = {"n": "8", "corruption": "Contrast"}
BN = "cifar10-resnet20-bn"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("rnorm_core.evaluation.tables.laboratories.STEPS", 2)


def texts(page) -> str:
    return "\n".join(block.value for block in page.markdown)


def captions(page) -> str:
    return "\n".join(block.value for block in page.caption)


def titles(page) -> list[str]:
    """Of the charts, with their small print."""
    specs = [chart.spec for chart in charts_of(page)]
    return [" ".join(re.sub("<[^>]+>", " ", spec["layout"]["title"]["text"]).split()) for spec in specs]


def stripped(page) -> str:
    """The pictures' words."""
    return " ".join(block.proto.body for block in page.get("html") if "row-of-pictures" in block.proto.body)


def test_corruption_and_attack_are_there_at_once(open_page):
    page = open_page("batch", **PART, **FEW, severity="5", eps="8")
    said = [block.value for block in page.markdown if "clean, " in block.value]
    assert len(said) == 2
    assert all("Contrast, severity 5: **" in text and "PGD at 8/255: **" in text for text in said)
    assert [title.split("?")[0] for title in titles(page)] == [
        *["How far does each layer's input shift"] * 2, "What does it cost", "How much accuracy does a shift cost",
    ]  # fmt: skip
    assert all(chart.alt for chart in charts_of(page))
    assert "factor 0.15" in captions(page)
    assert "1903.12261" in captions(page)
    assert stripped(page).count("<figure>") == 7 + 6
    assert re.search("[✓✗] [✓✗]", stripped(page))
    for part in ("What you see", "Why", "Try this"):
        assert part in texts(page)
    assert not page.warning
    assert not page.error


def test_pictures_are_there_before_anything_is_measured(open_page, monkeypatch):
    def endless(request, progress, **first):
        while True:
            time.sleep(0.02)
            progress(0, "waiting")

    monkeypatch.setattr(corruption_sweep, "run", endless)
    page = open_page("batch", **PART, settled=False, **FEW, seed="99")
    assert stripped(page).count("<figure>") == 6 + 6
    assert "✗" not in stripped(page)
    assert not charts_of(page)
    next(button for button in page.button if button.label == "Stop").click().run()


def test_severity_and_attack_move_without_measuring_again(open_page, monkeypatch):
    page = open_page("batch", **PART, **FEW, severity="2")

    def never(*args, **first):
        raise AssertionError("measured again")

    monkeypatch.setattr(corruption_sweep, "run", never)
    page.select_slider(key="severity").set_value(4).run()
    page.select_slider(key="eps").set_value(0.25).run()
    assert not page.exception
    assert "Contrast, severity 4" in texts(page)
    assert "PGD at 0.25/255" in texts(page)
    assert "Contrast, severity 4" in charts_of(page)[0].alt


def test_every_corruption_can_be_looked_at(open_page):
    page = open_page("batch", **PART, settled=False, n="8")
    for corruption in CORRUPTIONS.values():
        page.selectbox(key="corruption").set_value(corruption.title).run()
        assert corruption.title in captions(page)
        assert corruption.source in captions(page)
        assert not page.error
        assert not page.exception


def test_the_button_re_estimates_and_m_moves_for_free(open_page, settle, monkeypatch):
    page = open_page("batch", **PART, **FEW, severity="5", of="the same images")
    assert "What do new statistics repair" not in " ".join(titles(page))
    next(button for button in page.button if button.label == "Re-estimate the statistics").click().run()
    settle(page)
    assert page.select_slider(key="m").value == "all"
    assert [title.split("?")[0] for title in titles(page)][4:] == ["What do new statistics repair"] * 2
    assert texts(page).count("statistics of 8 images. Contrast, severity 5: **") == 2
    assert texts(page).count("| right of 8 | trained | of 8 |") == 2
    assert "8 images cannot tell" in captions(page)
    assert "these images' own batch statistics" in captions(page)

    def never(*args, **first):
        raise AssertionError("measured again")

    monkeypatch.setattr(recalibration, "run", never)
    page.select_slider(key="m").set_value("2").run()
    assert not page.exception
    assert texts(page).count("| right of 8 | trained | of 2 |") == 2
    assert "m = 2 gives 2,048 values a channel" in captions(page)


def test_an_address_holds_everything(open_page):
    page = open_page(
        "batch",
        part="Corruptions",
        **FEW,
        severity="5",
        eps="8",
        of="other images",
        m="4",
        measure="Change of the range",
    )
    assert texts(page).count("statistics of 4 images") == 2
    assert "12 images that are not scored" in captions(page)
    assert "m other images" in charts_of(page)[4].alt
    assert not page.warning
    widgets = [*page.selectbox, *page.number_input, *page.select_slider]
    keys = {widget.proto.query_param_key for widget in widgets}
    assert {"corruption", "severity", "eps", "n", "measure", "of", "m", "seed", "source"} <= keys


def test_with_all_twenty_samples_no_others_are_left(open_page):
    page = open_page("batch", **PART, settled=False, corruption="Fog", mend="true")
    assert page.selectbox(key="of").options == ["the same images"]
    assert [int(n) for n in page.selectbox(key="n").options] == [8, 20]
    assert page.select_slider(key="m").options == ["as trained", "1", "2", "4", "8", "16", "all"]


def test_batch_statistics_have_nothing_to_re_estimate(open_page):
    page = open_page("batch", **PART, **FEW, right=BN, right_mode="batch", m="all")
    (info,) = page.info
    assert "takes its statistics from each batch anew" in info.value
    assert texts(page).count("statistics of 12 images") == 1
    both = open_page("batch", **PART, **FEW, left=BN, left_mode="batch", right=BN, right_mode="batch", m="all")
    assert len(both.info) == 2
    assert "What do new statistics repair" not in " ".join(titles(both))


def test_with_medians_accuracies_are_measured_and_no_band_of_another_mode_is_drawn(open_page):
    page = open_page("batch", **PART, **FEW, right=BN, right_mode=MEDIAN, m="all")
    shift, anew = (info.value for info in page.info)
    assert shift.startswith("How far the layers of BatchNorm with batch-median statistics move is not shown: the range")
    assert "takes its statistics from each batch anew" in anew
    assert texts(page).count("statistics of 12 images") == 1


def test_what_the_address_cannot_have_is_named(open_page):
    wrong = {"corruption": "Snow", "severity": "6", "eps": "3", "n": "128", "measure": "the mood", "of": "my images",
             "m": "5", "surprise": "1"}  # fmt: skip
    page = open_page("batch", **PART, settled=False, **wrong)
    named = [warning.value.split("`")[1] for warning in page.warning]
    assert sorted(named) == sorted(f"{key}={value}" for key, value in wrong.items())
    assert not page.exception
    assert not page.error


def test_a_model_without_a_population_still_has_accuracies(open_page, monkeypatch, tmp_path):
    for file in zoo.DIRECTORY.iterdir():
        if file.name != "cifar10-resnet20-rn.population.safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    page = open_page("batch", **PART, **FEW, seed="78")
    assert "cifar10-resnet20-rn.population.safetensors" in page.error[0].value
    assert [title.split("?")[0] for title in titles(page)] == [
        "How far does each layer's input shift", "What does it cost", "How much accuracy does a shift cost",
    ]  # fmt: skip
    assert "Try this" in texts(page)


def test_a_repaired_population_is_read(open_page, monkeypatch, tmp_path):
    for file in zoo.DIRECTORY.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    path = tmp_path / "cifar10-resnet20-rn.population.safetensors"
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    assert (
        "its numbers do not match its checksum"
        in open_page("batch", part="Corruptions", **FEW, seed="79").error[0].value
    )
    path.write_bytes(sound)
    os.utime(path, ns=(1, 1))  # a file system may give both contents the same time
    assert not open_page("batch", part="Corruptions", **FEW, seed="79").error


def test_a_door_changes_corruption_and_statistics(open_page, settle):
    page = open_page("batch", **PART, **FEW)
    next(button for button in page.button if "JPEG" in button.label).click().run()
    settle(page)
    assert (page.selectbox(key="corruption").value, page.select_slider(key="m").value) == ("JPEG", "all")
    assert "JPEG, severity 5" in texts(page)
    assert not page.warning


def test_with_the_full_test_set(open_page):
    page = open_page(
        "batch",
        part="Corruptions",
        full=True,
        source="full test set",
        settled=False,
        corruption="Fog",
        n="8",
        mend="true",
    )
    assert [int(n) for n in page.selectbox(key="n").options] == [8, 20, 128]
    assert page.selectbox(key="of").options == ["other images", "the same images"]
    assert page.select_slider(key="m").options[-2:] == ["64", "all"]
    assert "128 images that are not scored" in captions(page)
