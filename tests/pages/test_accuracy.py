"""The Accuracy page alone: curves, a comparison, an address, and what is measured here."""

import re
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from rnorm_core import attacks, evaluation, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Table
from rnorm_core.evaluation.tables import alike
from rnorm_core.evaluation.tables.headline import headline
from rnorm_core.norms import MEDIAN
from rnorm_core.ui.accuracy.question import MEASURE, NUMBERS
from rnorm_core.zoo import Variant
from tests.pages.shown import charts as charts_of
from tests.rows import row

BN, RN, NONE = (f"cifar10-resnet20-{norm}" for norm in ("bn", "rn", "none"))
# Right images of 100 by eps, invented for the tests; the shipped table has its own tests.
FALL = {BN: (90, 60, 0), RN: (80, 75, 10), NONE: (70, 50, 5)}


@pytest.fixture
def table(monkeypatch) -> Table:
    names = [name for name in FALL if name in zoo.names()]
    conditions = [(name, mode) for name in names for mode in (["tracked", "batch"] if name != NONE else ["tracked"])]
    rows = {
        (r.model, r.statistics, r.attack, r.eps_255, r.pixels): r
        for name, mode in conditions
        for attack, pixels in (("pgd", "float"), ("pgd", "8-bit"), ("noise", "float"))
        for r in [
            row(Variant.of(name, mode), 0, (FALL[name][0], 100)),
            *(
                row(Variant.of(name, mode), eps, (correct, 100), attack, pixels=pixels)
                for eps, correct in zip((1, 8), FALL[name][1:], strict=True)
            ),
        ]
    }
    table = Table(tuple(rows.values()))
    monkeypatch.setattr(evaluation, "table", lambda dataset: table)
    return table


def texts(page) -> str:
    return "\n".join(block.value for block in [*page.markdown, *page.caption])


def charts(page) -> list[dict]:
    return [chart.spec for chart in charts_of(page)]


def names(chart) -> list[str]:
    return [trace["name"] for trace in chart["data"] if not trace["name"].startswith(("shaded", "dotted"))]


def press(page, label: str):
    next(button for button in page.button if button.label == label).click().run()


@pytest.mark.usefixtures("table")
def test_curves_and_a_comparison_are_there_at_once(open_page):
    page = open_page("accuracy")
    drawn, agreement = charts(page)
    assert names(drawn) == ["BatchNorm", "RobustNorm", "no norm"]
    assert drawn["data"][0]["y"] == [90, 60, 0]
    assert [bar["x"] for bar in agreement["data"]] == [[60, 75], [0, 0], [15, pytest.approx(18.75)], [25, 6.25]]
    said = texts(page)
    assert "RobustNorm is ahead of BatchNorm by 15.0 points" in said
    assert "one seed is an example" in said
    assert "0 only BatchNorm gets right, 15 only RobustNorm" in said
    assert said.startswith(
        "When each colour may move by 1 grey level of 255, BatchNorm gets **60.0 %** and RobustNorm gets **75.0 %** of "
        "the images right; by 8 levels, 0 % and 10.0 %. Without an attack: 90.0 % and 80.0 %.".replace(
            " %", "\N{NO-BREAK SPACE}%"
        )
    )
    assert any("python -m rnorm_core.evaluation" in block.value for block in page.code)
    for part in ("What you see", "Why", "Try this"):
        assert part in said
    assert not page.warning
    assert not page.error


@pytest.mark.usefixtures("table")
def test_an_address_chooses_everything(open_page):
    page = open_page(
        "accuracy", models=["resnet20-bn", "resnet20-none"], modes=["tracked", "batch"], counted="right when clean",
        attacks=["PGD (L-inf)", "Random noise (L-inf)"], axis="to scale", at="8", right=BN, right_mode="batch",
    )  # fmt: skip
    pgd, noise, agreement = charts(page)
    both = ["BatchNorm", "BatchNorm with batch statistics"]
    assert names(pgd) == [*both, "no norm"] == names(noise)
    assert pgd["data"][0]["y"][0] == 100  # 70 images are right without norm: those count
    assert pgd["data"][0]["customdata"][1][:2] == [60, 70]
    assert pgd["data"][0]["x"] == [0, 1, 8]
    assert "only BatchNorm with batch statistics" in [bar["name"] for bar in agreement["data"]]
    assert "No difference" in texts(page)
    assert not page.warning


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "address",
    [{"models": "resnet20-xx", "modes": "none", "attacks": "CW-L2", "counted": "some", "pixels": "7-bit", "axis": "log",
      "under": "DeepFool", "at": "3", "n": "7", "scope": "some", "eps": "1"}, {"n": "21"}],
)  # fmt: skip
def test_what_the_address_cannot_have_is_named(open_page, address):
    page = open_page("accuracy", **address)
    named = {pair for warning in page.warning for pair in re.findall("`(.*?)`", warning.value)}
    assert {f"{key}={value}" for key, value in address.items()} <= named
    assert len(charts(page)) == 1  # `n` opens the part that measures


def test_left_and_right_are_compared_in_the_worst_case_first(open_page):
    """On the shipped table; other trainings met fewer attacks, which is said."""
    page = open_page("accuracy")
    left, right = (headline(evaluation.table("cifar10"), Variant.of(name), 1) for name in (BN, RN))
    assert "**Worst case (6 attacks) at 1/255, 2,000 images.**" in texts(page)
    bars = [bar["x"][0] for bar in charts(page)[-1]["data"]]
    both = int((left.mask & right.mask).sum())
    assert bars == pytest.approx([n / 20 for n in (
        both, left.correct - both, right.correct - both, 2000 - left.correct - right.correct + both
    )])  # fmt: skip
    assert "Compared under what all of them met: APGD (ce), FGSM, Random noise, PGD." in texts(page)
    page = open_page("accuracy", case="FGSM")
    assert "**FGSM at 1/255, 2,000 images.**" in texts(page)
    assert "Compared under" not in texts(page)
    assert "case=DeepFool" in open_page("accuracy", case="DeepFool").warning[0].value


def published(page) -> list[list[str]]:
    """For each chart what is drawn of others."""
    return [[t["fillpattern"]["shape"] for t in chart["data"] if "fillpattern" in t] for chart in charts(page)]


def test_what_others_published_is_beside_networks_trained_on_attacked_images(open_page):
    page = open_page("accuracy", models=["resnet20-bn-adv"], attacks=["Worst case over attacks", "PGD (L-inf)"])
    assert published(page)[:2] == [["/"], []]
    said = texts(page)
    assert "Hatched: published by others, not measured here." in said
    assert "Ours lie below: they have 0.27 million parameters" in said
    assert "[Wong et al. 2020](https://arxiv.org/abs/2001.03994) 43.2 %" in said
    assert "published by others and not measured by this project" in charts_of(page)[0].alt


@pytest.mark.parametrize(
    "address",
    [{}, {"models": ["resnet20-dualbn-adv"]}, {"models": ["resnet20-bn-adv"], "counted": "right when clean"},
     {"models": ["resnet20-bn-adv"], "pixels": "8-bit"}, {"models": ["resnet20-bn-adv"], "attacks": ["PGD (L-inf)"]}],
)  # fmt: skip
def test_nothing_of_others_is_beside_what_cannot_be_compared_with_it(open_page, address):
    page = open_page("accuracy", **address)
    assert not any(published(page))
    assert "published by others" not in texts(page).lower()


@pytest.mark.usefixtures("table")
def test_what_the_table_does_not_hold_is_said(open_page):
    page = open_page("accuracy", modes=["tracked", "tracked-mean"], attacks="PGD (L-inf)", at="2")
    assert "Not measured yet: BatchNorm with tracked-mean statistics under PGD (L-inf)" in texts(page)
    assert "The table does not hold left and right under this attack at this size" in texts(page)
    assert len(charts(page)) == 1


@pytest.mark.usefixtures("table")
def test_nothing_chosen_is_an_error_and_the_page_goes_on(open_page, settle):
    page = open_page("accuracy")
    page.multiselect(key="attacks").set_value([]).run()
    settle(page)
    assert "There is nothing to draw." in page.error[0].value
    assert "Try this" in texts(page)


def test_without_a_table_the_page_says_so_and_still_measures(open_page, settle, monkeypatch, tmp_path):
    module = sys.modules["rnorm_core.evaluation.tables.accuracies"]
    monkeypatch.setattr(module, "shipped", lambda dataset="cifar10": tmp_path / "none.jsonl")
    page = open_page("accuracy", under="FGSM", n="8")
    assert "BatchNorm and RobustNorm were not measured before." in texts(page)
    assert "No accuracies have been measured" in page.error[0].value
    assert charts(page) == []
    press(page, "Measure it here")
    settle(page)
    (chart,) = charts(page)
    assert names(chart) == ["BatchNorm, measured here", "RobustNorm, measured here"]


def test_a_damaged_table_is_named(open_page, monkeypatch):
    def damaged(dataset):
        raise UserError("Line 7 of the table is not sound: it is cut short.", "restore it.")

    monkeypatch.setattr(evaluation, "table", damaged)
    assert "Line 7" in open_page("accuracy").error[0].value


def test_rows_of_other_weights_are_told_of(open_page, monkeypatch, table):
    monkeypatch.setattr(evaluation, "table", lambda dataset: Table(table.rows[:6], table.rows[6:8]))
    assert "2 measured accuracies are left out" in open_page("accuracy").warning[0].value


def test_an_unexpected_error_is_not_hidden(open_page, monkeypatch):
    def broken(dataset):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(evaluation, "table", broken)
    with pytest.raises(AssertionError, match="a defect"):
        open_page("accuracy")


@pytest.mark.usefixtures("table")
def test_measured_here_is_drawn_over_the_shipped_curve(open_page, settle):
    page = open_page("accuracy", n="8", at="1", under="PGD (L-inf)")
    press(page, "Measure it here")
    settle(page)
    chart = charts(page)[-1]
    assert names(chart) == [
        "BatchNorm", "RobustNorm", "BatchNorm, measured here", "RobustNorm, measured here",
    ]  # fmt: skip
    here = chart["data"][2]
    assert here["mode"] == "markers"
    assert [point[1] for point in here["customdata"]] == [8, 8]  # clean and at 1/255
    assert "n = 8 to 100" in chart["layout"]["title"]["text"].replace("<br>", " ")
    assert "Measured here: 8 images (foolbox's 20 samples)" in texts(page)
    page.select_slider(key="at").set_value(8).run()
    assert "Measured here" not in texts(settle(page))  # another question, not yet asked


@pytest.mark.usefixtures("table")
def test_a_small_batch_in_a_batch_mode_is_said_to_be_another_network(open_page, settle):
    page = open_page("accuracy", n="8", under="FGSM", left_mode="batch")
    press(page, "Measure it here")
    assert "With the statistics of a batch of 8" in texts(settle(page))


@pytest.mark.usefixtures("table")
def test_medians_which_no_table_holds_are_measured_here(open_page, settle):
    page = open_page("accuracy", n="8", under="FGSM", left_mode=MEDIAN)
    assert "Not measured yet: BatchNorm with batch-median statistics" in texts(page)
    press(page, "Measure it here")
    settle(page)
    assert "BatchNorm with batch-median<br>statistics, measured here" in names(charts(page)[-1])
    assert not page.warning


@pytest.mark.usefixtures("table")
def test_with_the_full_test_set_more_can_be_measured(open_page, settle):
    page = open_page("accuracy", full=True, source="full test set", n="24", under="FGSM")
    press(page, "Measure it here")
    settle(page)
    assert "Measured here: 24 images" in texts(page)
    assert not page.warning
    page.selectbox(key="source").set_value("20 samples").run()
    assert page.number_input(key="n").value == 20
    assert not settle(page).warning


@pytest.mark.usefixtures("table")
def test_stop_keeps_the_points_there_are(open_page, settle, monkeypatch):
    """The attack never ends: it waits until it is stopped."""
    waiting = threading.Event()

    def endless(attack, on_step):
        waiting.set()
        while True:
            on_step(SimpleNamespace(index=0, total=1))
            time.sleep(0.01)

    monkeypatch.setattr(attacks, "watched", endless)
    page = open_page("accuracy", n="9")
    press(page, "Measure it here")
    assert waiting.wait(60), "left and right are measured without an attack"
    page.run()
    press(page, "Stop")
    assert "Stopped." in texts(page)
    assert len(names(charts(page)[-1])) == 4
    press(page, "Start again")
    assert page.get("progress")
    press(page, "Stop")
    settle(page)


@pytest.mark.usefixtures("table")
def test_left_and_right_are_always_among_the_curves(open_page):
    page = open_page("accuracy", models=[], left=NONE, right=RN, right_mode="batch")
    assert names(charts(page)[0])[:2] == ["no norm", "RobustNorm with batch statistics"]
    assert "no norm gets" in texts(page)


@pytest.mark.usefixtures("table")
def test_what_is_closed_is_not_computed(open_page, monkeypatch):
    monkeypatch.setattr(alike, "compare", None)
    page = open_page("accuracy", rest=NUMBERS)
    assert len(page.dataframe) == 1
    assert len(charts(page)) == 1
    page = open_page("accuracy", rest=MEASURE)
    assert page.number_input(key="n").value == 20
    assert not page.dataframe


@pytest.mark.usefixtures("table")
def test_a_door_opens_what_it_leads_to(open_page, settle):
    page = open_page("accuracy")
    press(page, "Measure left and right here")
    assert settle(page).number_input(key="n").value == 20
    assert len(charts(page)) == 1
    assert not page.warning


@pytest.mark.usefixtures("table")
def test_a_door_changes_the_curves(open_page, settle):
    page = open_page("accuracy")
    press(page, "The batch's own statistics")
    settle(page)
    assert len(names(charts(page)[0])) == 5
    assert page.get("button_group")[0].value == ["tracked", "batch"]
    press(page, "Noise of the same size, as a control")
    assert len(charts(settle(page))) == 3
    assert not page.warning
