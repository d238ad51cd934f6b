"""The page about statistic shift."""

import json
import re
import time
from types import SimpleNamespace

import pytest
import streamlit as st

from rnorm_core import evaluation, shift, zoo
from rnorm_core.experiments import shift_reference, shift_sweep
from rnorm_core.norms import MEDIAN
from rnorm_core.ui.shift import selection, view
from tests.pages.shown import charts as charts_of

pytestmark = pytest.mark.usefixtures("small_zoo")
QUICK = {"attack": "FGSM", "batch": "8"}
SENTENCES = ("**BatchNorm", "**RobustNorm")


def texts(page) -> str:
    return "\n".join(block.value for block in page.markdown)


def captions(page) -> str:
    return "\n".join(block.value for block in page.caption)


WORDS = {"more": "In words"}
INSIDE = {"more": "Inside one layer"}


def answer(page) -> str:
    """The sentence at the top."""
    return next(block.value for block in page.markdown if re.match(r"\*\*(FGSM|PGD|Random|No attack)", block.value))


def sentences(page) -> list[str]:
    return [block.value for block in page.markdown if block.value.startswith(SENTENCES)]


def charts(page) -> dict[str, dict]:
    """Title, with its small print and in one line -> specification."""
    specs = [chart.spec for chart in charts_of(page)]
    return {" ".join(re.sub("<[^>]+>", " ", spec["layout"]["title"]["text"]).split()): spec for spec in specs}


def chart(page, start: str) -> dict:
    (found,) = [spec for title, spec in charts(page).items() if title.startswith(start)]
    return found


def test_everything_is_there_at_once(open_page):
    page = open_page("shift", **QUICK)
    assert "layers outside the grey band" in answer(page)
    assert len(charts_of(page)) == 4
    assert "FGSM.** One step of size eps" in captions(page)
    for name, title in (("cifar10-resnet20-bn", "BatchNorm"), ("cifar10-resnet20-rn", "RobustNorm")):
        assert f"{title} `{zoo.card(name).sha256[:12]}`" in texts(page)
    assert "n = 8 (foolbox's 20 samples), seed 0" in texts(page)
    assert not any("weights" in title.lower() for title in charts(page))
    assert "https://arxiv.org/abs/2006.11007" in texts(page)
    assert all(chart.alt for chart in charts_of(page))
    for part in ("What you see", "Why", "Try this"):
        assert part in texts(page)
    assert not page.warning
    assert not page.error


def test_in_words(open_page):
    page = open_page("shift", **QUICK, **WORDS)
    assert len(sentences(page)) == 2
    assert all("of 19 layers outside the band" in said for said in sentences(page))
    assert all("than chance**" in said and "clean batches of 8 at most" in said for said in sentences(page))
    assert "The attack itself" in texts(page)
    assert len(charts_of(page)) == 2


def test_inside_one_layer(open_page):
    page = open_page("shift", **QUICK, **INSIDE)
    assert len(charts_of(page)) == 6
    assert [formula.value.count("x") > 0 for formula in page.latex] == [True, True]


def test_eps_moves_without_measuring_again(open_page, monkeypatch):
    page = open_page("shift", **QUICK, eps="0")
    assert answer(page).startswith("**No attack**")

    def never(*args, **options):
        raise AssertionError("measured again")

    monkeypatch.setattr(shift_sweep, "run", never)
    page.select_slider(key="eps").set_value(8).run()
    assert not page.exception
    assert "(clean: " in answer(page)
    assert "FGSM at 8/255" in charts_of(page)[0].alt
    marks = [c["layout"]["shapes"][-1]["x0"] for title, c in charts(page).items() if title.startswith("How ")]
    assert marks == [7, 7]  # on both axes of eps at once


def legend(spec: dict) -> set[str]:
    return {trace["name"] for trace in spec["data"]}


def test_without_an_attack_nothing_is_called_attacked(open_page):
    page = open_page("shift", **QUICK, **INSIDE, eps="0")
    for title, spec in charts(page).items():
        assert "attacked" not in legend(spec), title
        assert not title.startswith("Which") or legend(spec) == {"95 % band", "outside the band", "clean"}
    assert "the attacked" not in texts(page).split("What you see")[0]
    assert "So the clean batch leaves the layer with mean" in texts(page)
    assert "only the clean batch is drawn" in captions(page)
    page.select_slider(key="eps").set_value(1).run()
    assert "attacked" in legend(chart(page, "Which layers move? BatchNorm"))


def test_the_first_layer_shown_is_chosen_by_a_rule_that_is_stated(open_page):
    page = open_page("shift", **QUICK, **INSIDE)
    assert page.selectbox(key="layer").value == "most moved"
    (stated,) = [block.value for block in page.caption if block.value.startswith("Layer ")]
    layer = stated.removeprefix("Layer ").split(":")[0]
    assert "grows most from clean to 8/255" in stated
    assert stated.endswith("in heights of its band.")
    title = "Which channels move? BatchNorm; layer "
    assert chart(page, f"{title}{layer.replace(' block', ', block')};")
    page.select_slider(key="eps").set_value(8).run()
    assert chart(page, f"{title}{layer.replace(' block', ', block')};")  # the same at every size
    assert chart(open_page("shift", **QUICK), f"How far does this layer move? layer {layer};")


@pytest.mark.parametrize("attack", ["FGSM", "Random noise (L-inf)"])
def test_axes_end_at_the_same_place_for_an_attack_and_its_control(open_page, monkeypatch, attack):
    """Where none of them moves a layer beyond."""

    monkeypatch.setitem(selection.AXIS_ENDS, "wasserstein", 7.0)
    page = open_page("shift", attack=attack, batch="8", measure="Wasserstein-1 distance")
    for title in ("Which layers move?", "How far does"):
        for found in (spec for said, spec in charts(page).items() if said.startswith(title)):
            assert found["layout"]["yaxis"]["range"] == [0, 7]
    assert "Axes end at 7," in texts(page)


def test_left_and_right_share_their_scales(open_page):
    drawn = charts(open_page("shift", **QUICK, **INSIDE, eps="8", measure="Change of the range"))
    for question in ("Which layers move?", "Which channels move?"):
        one, other = (spec["layout"]["yaxis"] for title, spec in drawn.items() if title.startswith(question))
        assert one["range"] == other["range"]
        assert "ln of the ratio" in one["title"]["text"]


def test_an_address_chooses_layer_and_channels(open_page):
    page = open_page("shift", **QUICK, layer="5 block 2 second", channel_left="1", channel_right="2", order="by number")
    assert chart(page, "What does channel 1 get? BatchNorm; layer 5, block 2 second;")
    assert chart(page, "What does channel 2 get? RobustNorm; layer 5, block 2 second;")
    channels = chart(page, "Which channels move? BatchNorm; layer 5, block 2 second;")
    assert channels["layout"]["xaxis"]["title"]["text"] == "channels, by number"
    assert not page.warning
    # a layer with fewer channels, and one that has never been asked for
    page.selectbox(key="layer").set_value("1 stem").run()
    assert chart(page, "Which channels move? BatchNorm; layer 1")


@pytest.mark.parametrize(
    "wrong",
    [
        {
            "eps": "3", "attack": "DeepFool", "batch": "128", "measure": "the mood", "layer": "99 stem",
            "order": "by mood", "channel_left": "4000", "image": "cat af12e124", "surprise": "1",
        },
        {"batch": "20.5"},
    ],
    ids=["everything", "half an image"],
)  # fmt: skip
def test_what_the_address_cannot_have_is_named(open_page, wrong):
    page = open_page("shift", **wrong)
    named = [warning.value.split(" ")[0].strip("`") for warning in page.warning]
    assert sorted(named) == sorted(f"{key}={value}".split(" ")[0] for key, value in wrong.items())
    assert not page.exception
    assert not page.error


def test_a_single_image(open_page):
    page = open_page("shift", attack="FGSM", batch="1", image="ship 200143cf")
    assert not page.warning
    assert "the image is recognised" in answer(page)
    assert "single clean images" in texts(page)


def test_statistics_of_the_batch_are_what_the_formula_takes(open_page):
    page = open_page(
        "shift", **QUICK, **INSIDE, right="cifar10-resnet20-bn", right_mode="batch", left_mode="tracked-mean"
    )
    assert "The mean is the one tracked in training" in texts(page)
    assert "those of this attacked batch itself" in texts(page)


def test_with_medians_the_reference_is_the_same_and_no_band_of_another_mode_is_drawn(open_page):
    page = open_page("shift", **QUICK, **INSIDE, left_mode=MEDIAN, right="cifar10-resnet20-bn")
    assert not page.warning
    assert "the median of this attacked batch itself, and the mean squared distance from it" in texts(page)
    assert "For BatchNorm with batch-median statistics the range of clean batches is not known" in texts(page)
    assert "the reference on the training images has not been measured" not in texts(page)
    bands = {title: [trace["name"] for trace in chart["data"]].count("95 % band")
             for title, chart in charts(page).items() if title.startswith("Which layers")}  # fmt: skip
    assert [("median" in title, count) for title, count in bands.items()] == [(True, 0), (False, 1)]


def test_a_door_shows_the_control(open_page, settle):
    page = open_page("shift", **QUICK, **INSIDE)
    next(button for button in page.button if "noise" in button.label).click().run()
    settle(page)
    assert page.selectbox(key="attack").value == "Random noise (L-inf)"
    assert page.select_slider(key="eps").value == 8
    assert "clean and with noise" in charts_of(page)[0].alt
    assert "So the batch with noise leaves" in texts(page)
    assert not page.warning


def without_populations(tmp_path, monkeypatch) -> None:
    for file in zoo.DIRECTORY.iterdir():
        if file.name != "cifar10-resnet20-rn.population.safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)


def test_without_a_population_the_samples_take_its_place_and_no_band_is_drawn(open_page, monkeypatch, tmp_path):
    without_populations(tmp_path, monkeypatch)
    page = open_page("shift", **QUICK, **WORDS, seed="77")
    assert not page.error
    left, right = sentences(page)
    assert "layers outside the band" in left
    assert "band" not in right
    assert "images right" in right
    assert "For RobustNorm the reference" in texts(page)
    assert "20 clean images at hand" in texts(page)
    bands = {title: [t["name"] for t in c["data"]].count("95 % band") for title, c in charts(page).items()
             if title.startswith("Which layers")}  # fmt: skip
    assert [("RobustNorm" in title, count) for title, count in bands.items()] == [(False, 1), (True, 0)]
    assert "NaN" not in json.dumps([chart.alt for chart in charts_of(page)])
    assert "nan" not in " ".join(chart.alt for chart in charts_of(page))


def test_with_the_full_test_set_the_reference_has_bands(open_page, monkeypatch, tmp_path):
    without_populations(tmp_path, monkeypatch)
    for name, value in (("IMAGES", 60), ("FEWEST", 50), ("DRAWS", {8: 5})):
        monkeypatch.setattr(shift_reference, name, value)
    page = open_page("shift", full=True, source="full test set", **QUICK, **WORDS, seed="78")
    assert all("layers outside the band" in said for said in sentences(page))
    assert "60 clean test images" in texts(page)


def test_a_damaged_population_is_said_and_the_rest_stays(open_page, monkeypatch, tmp_path):
    without_populations(tmp_path, monkeypatch)
    (tmp_path / "cifar10-resnet20-rn.population.safetensors").write_bytes(b"nothing")
    page = open_page("shift", **QUICK, seed="79")
    assert "is damaged" in page.error[0].value
    assert "rnorm_core.shift.reference" in page.error[0].value
    assert "Try this" in texts(page)
    page.selectbox(key="right").set_value("cifar10-resnet20-bn").run()
    assert not page.error


def endless(*args, on_step, **options) -> None:
    """An attack without an end, in place of `evaluation.attack_batch`."""
    while True:
        time.sleep(0.01)
        on_step(SimpleNamespace(index=1, total=2))


def test_pictures_come_while_the_work_goes_on_and_stay_when_it_is_stopped(open_page, monkeypatch):
    """The attack never ends: only the clean batch is there."""
    monkeypatch.setattr(evaluation, "attack_batch", endless)
    page = open_page("shift", settled=False, **QUICK, **INSIDE, seed="4711")
    ticket, end = page.session_state["_ticket work"], time.monotonic() + 60
    while ticket.state.partial is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    page.run()
    assert len(charts_of(page)) == 6
    assert page.get("progress")
    assert "1/255 is not measured yet" in captions(page)
    assert answer(page).startswith("**No attack**")
    assert not any("attacked" in legend(spec) for spec in charts(page).values())
    next(button for button in page.button if button.label == "Stop").click().run()
    assert not page.get("progress")
    assert "Stopped." in texts(page)
    assert "Kept: the clean batch. 1/255 is not" in captions(page)
    assert answer(page)


def test_nothing_is_asked_about_what_is_not_there(open_page, monkeypatch):
    """The clean batch is never done: no layer can be chosen, and the address keeps what it asks for."""

    def never(request, progress, *, first):
        while True:
            time.sleep(0.01)
            progress(0, "endless")

    monkeypatch.setattr(shift_sweep, "run", never)
    page = open_page("shift", settled=False, **QUICK, layer="5 block 2 second", seed="4712")
    for _ in range(2):
        assert not {"layer", "order", "channel_left", "channel_right"} & {box.key for box in page.selectbox}
        assert not page.tabs
        assert not page.warning
        if page.get("progress"):
            next(button for button in page.button if button.label == "Stop").click().run()
    assert "Nothing is kept" in captions(page)
    assert "What you will see" in texts(page)


def test_a_doors_label_says_all_that_it_changes(open_page):
    """Every value that another choice takes stands in the label, in the words of the page."""
    said = {"PGD (L-inf)": "PGD", "Random noise (L-inf)": "noise", "Change of the range": "change of the range"}
    page = open_page("shift", settled=False, **QUICK)
    labels = [button.label for button in page.button if ":" in button.label or "alone" in button.label]
    assert len(labels) == 5
    for label in labels:
        page = open_page("shift", settled=False, **QUICK, eps="2")
        widgets = lambda page: {w.key: w.value for w in [*page.selectbox, *page.select_slider]}  # noqa: E731
        before = widgets(page)
        next(button for button in page.button if button.label == label).click().run()
        changed = {key: value for key, value in widgets(page).items() if key in before and before[key] != value}
        assert changed, label
        for key, value in changed.items():
            if key == "eps":
                assert f"{value:g}/255" in label
            elif key == "batch":
                assert f"{value} images" in label or (value == 1 and "One image" in label)
            elif key.startswith(("left", "right")):
                assert "twice" in label
                assert "of training left" in label
                assert "own right" in label
            else:
                assert said.get(value, value) in label, (label, key)


def test_an_unexpected_error_is_not_hidden(open_page, monkeypatch):
    def broken(*args):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(shift, "compare", broken)
    with pytest.raises(AssertionError, match="a defect"):
        open_page("shift", **QUICK, seed="4321")


def test_choices_are_in_the_address(open_page, in_address):
    page = open_page("shift", **QUICK, **INSIDE)
    sidebar = {"left", "left_mode", "right", "right_mode", "source", "seed"}
    own = {"attack", "batch", "measure", "eps", "layer", "order", "channel_left", "channel_right"}
    assert in_address(page) == sidebar | own


def test_with_the_full_test_set(open_page):
    page = open_page("shift", full=True, source="full test set", attack="FGSM", batch="8", seed="5", **WORDS)
    assert [int(n) for n in page.selectbox(key="batch").options] == [1, 8, 20, 128]
    assert "test split" in texts(page)
    assert len(sentences(page)) == 2


def test_a_click_on_a_layer_that_the_left_network_lacks_is_answered(open_page, monkeypatch):
    def clicked(figure, key, on_click, source):
        if key == "layers_right":
            st.button("click", on_click=on_click, args=(30,))

    monkeypatch.setattr(view, "clickable", clicked)
    page = open_page("shift", **QUICK)
    next(button for button in page.button if button.label == "click").click().run()
    assert "layers that both have" in page.toast[0].value
    assert not any(box.key == "layer" for box in page.selectbox)  # it is not opened
