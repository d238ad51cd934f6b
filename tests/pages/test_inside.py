"""The page about the inside of a norm layer: what it computes, what it says, and the networks by p."""

import json
import re
import shutil

import pytest
import torch

from rnorm_core import evaluation, model_names, zoo
from rnorm_core.data import ImageChoice
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.measure import channel_values as measure
from rnorm_core.evaluation.tables.row import pack
from rnorm_core.experiments import channel as experiment
from rnorm_core.norms import MEDIAN
from rnorm_core.rounding import short
from tests.pages.shown import charts as charts_of

pytestmark = pytest.mark.usefixtures("small_zoo", "quick")
BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"
OUTLIER, SIZE, POWERS = "One far value", "Size of the batch", "Networks of other p"
FEW = {"n": "8", "layer": "3 block 1 second", "channel": "2"}


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("rnorm_core.evaluation.tables.laboratories.STEPS", 2)
    monkeypatch.setattr(evaluation, "table", lambda dataset: Table(()))


def texts(page) -> str:
    return "\n".join(block.value for block in [*page.markdown, *page.caption])


def formulas(page) -> list[str]:
    return [block.value for block in page.latex]


def drawn(page) -> dict[str, dict]:
    """Title, without the small print -> chart."""
    specs = [chart.spec for chart in charts_of(page)]
    words = [" ".join(re.sub("<[^>]+>", " ", spec["layout"]["title"]["text"]).split()) for spec in specs]
    return {title.split("?")[0]: spec for title, spec in zip(words, specs, strict=True)}


def traces(spec: dict) -> dict[str, dict]:
    return {trace["name"].replace("<br>", " "): trace for trace in spec["data"]}


def values_of(name: str = RN, count: int = 8, mode: str = "tracked") -> measure.Channel:
    """What the page has to show, by a way of its own."""
    images = ImageChoice.of_samples(count=count).load().images
    return measure.channel(zoo.load(name, mode, "cpu"), images, "blocks.0.second.norm", 2)


def test_a_picture_is_there_at_once_with_its_numbers(open_page):
    page = open_page("inside", **FEW)
    # what is closed is not computed
    assert list(drawn(page)) == [
        "What arrives, and how wide is it", "What does the layer divide by", "What is made of it",
    ]  # fmt: skip
    assert all(chart.alt for chart in charts_of(page))
    found = measure.spread(values_of().values)
    scales = traces(drawn(page)["What does the layer divide by"])
    assert scales["p = 0.2"]["y"] == pytest.approx([found.range**0.2], rel=1e-5)
    assert scales["standard deviation"]["y"] == pytest.approx([found.std] * 2, rel=1e-5)
    assert f"{found.n:,} values" in texts(page)
    assert f"RobustNorm `{zoo.card(RN).sha256[:12]}`" in texts(page)
    assert "Few images" in texts(page)
    assert "to the power p: in layer 3 block 1 second, channel 2, with p = 0.2, by" in texts(page)
    assert "RobustNorm; layer 3 block 1 second, channel 2; 8 clean images" in charts_of(page)[0].alt
    for part in ("What you see", "Why", "Try this"):
        assert part in texts(page)
    assert not page.warning
    assert not page.error


def test_the_formulas_hold_the_current_numbers(open_page):
    page, channel = open_page("inside", **FEW, p="0.5"), values_of()
    found = measure.spread(channel.values)
    deviation, ranged, bound, applied = formulas(page)
    assert rf"\sigma = {short(found.std)} \;\le\; \frac{{r}}{{2}} = \frac{{{short(found.range)}}}{{2}}" in bound
    assert rf"\sqrt{{{short(found.std)}^2+10^{{-5}}}}" in deviation
    assert rf"{short(found.range)}^{{\,0.5}}+10^{{-5}}" in ranged
    for latex, power in ((deviation, None), (ranged, 0.5)):
        assert f"{{{short(found.scale(power))}}} \\end" in latex
    assert rf"{short(channel.weight)}\cdot" in applied
    assert short(channel.scale) in applied
    assert "both remembered from training" in texts(page)


@pytest.mark.parametrize(
    ("mode", "said"), [("batch", "this batch's own. γ"), ("tracked-mean", "the mean as remembered")]
)
def test_whose_numbers_the_layer_takes(open_page, mode, said):
    page = open_page("inside", **FEW, right_mode=mode)
    assert said in texts(page)
    assert short(values_of(mode=mode).scale) in formulas(page)[3]


def test_p_moves_and_nothing_runs_anew(open_page, monkeypatch):
    page = open_page("inside", **FEW)
    before = traces(drawn(page)["What is made of it"])

    def never(*args, **more):
        raise AssertionError("a forward pass")

    monkeypatch.setattr(measure, "channel", never)
    page.select_slider(key="p").set_value(1.0).run()
    assert not page.exception
    after = traces(drawn(page)["What is made of it"])
    assert after["divided by the standard deviation"]["name"] in before
    assert "divided by range to the power 1" in after
    found = measure.spread(cached_values(page))
    assert f"{short(found.range)}^1 = **{short(found.range)}**" in texts(page)


def cached_values(page) -> torch.Tensor:
    """The values in the page's cache: an equal request is not computed again."""
    ticket = page.session_state["_ticket work"]
    assert ticket.spec == ticket.result().request
    return experiment.received(ticket.result(), experiment.NONE, "blocks.0.second.norm", 2).values


def test_an_attack_on_one_image_changes_that_image_alone(open_page):
    page = open_page("inside", **FEW, attacked="one image", eps="8", part=OUTLIER)
    found = page.session_state["_ticket work"].result()
    mixed = found.images(experiment.ONE)
    moved = (mixed != found.batch.images).flatten(1).any(1)
    assert moved.nonzero().flatten().tolist() == [found.one]
    assert torch.equal(mixed[found.one], found.attacked[found.one])
    assert float((found.attacked - found.batch.images).abs().max()) <= 8 / 255 + 1e-6
    assert "8 images, one of them attacked" in texts(page)
    assert "| one image attacked, 8/255 |" in texts(page)
    assert "| all images attacked, 8/255 |" in texts(page)
    after = measure.spread(experiment.received(found, experiment.ALL, "blocks.0.second.norm", 2).values)
    before = measure.spread(cached_values(page))
    assert f"{short(after.std)} (×{after.std / before.std:.3f})" in texts(page)
    assert f"fools {int(found.fooled.sum())} of them" in texts(page)


def test_an_outlier_moves_by_its_slider(open_page):
    page = open_page("inside", **FEW, outlier="50", p="0.35")  # an address from before there were parts
    (wanted,) = measure.outliers(values_of().values, (50,), 0.35)
    factors = f"**{wanted.std_factor:.3f} times** what it was, range^0.35 **{wanted.scale_factor:.3f} times**"
    assert factors in texts(page)
    (line,) = [s for s in drawn(page)["What does one outlier do"]["layout"]["shapes"] if s["x0"] == s["x1"]]
    assert line["x0"] == 50
    page.select_slider(key="outlier").set_value(2).run()
    assert "One value 2 standard deviations above the mean" in texts(page)


def test_ranges_by_batch_size(open_page):
    page = open_page("inside", **FEW, part=SIZE)
    grown = measure.growth(values_of().values, (1, 2, 4, 8))
    assert traces(drawn(page)["Which scale knows the batch's size"])["range"]["y"] == pytest.approx(
        [g.range for g in grown], rel=1e-5
    )
    assert f"**{grown[-1].range / grown[0].range:.3f} times**" in texts(page)


def test_a_constant_channel_is_said_and_the_rest_stays(open_page, monkeypatch):
    real = measure.channel

    def constant(*args):
        from dataclasses import replace

        found = real(*args)
        return replace(found, values=torch.full_like(found.values, 3.0))

    monkeypatch.setattr(measure, "channel", constant)
    page = open_page("inside", **FEW, seed="31", part=OUTLIER)
    assert "all values are the same: there is nothing to divide by" in texts(page)
    assert "All values of this channel are equal" in page.error[0].value
    assert "nan" not in " ".join(chart.alt for chart in charts_of(page))
    assert "Try this" in texts(page)


def test_networks_without_such_layers_are_said(open_page, monkeypatch):
    monkeypatch.setattr("rnorm_core.ui.inside.question.SCALED", ("gn",))
    page = open_page("inside", part=POWERS)
    assert "Neither left nor right" in page.info[0].value
    assert "No RobustNorm was measured" in texts(page)
    assert "What you will see" in texts(page)
    assert not page.exception


def test_what_the_address_cannot_have_is_named(open_page):
    wrong = {
        "net": "middle", "layer": "99 stem", "channel": "4000", "n": "128", "attacked": "two", "eps": "3", "p": "0.33",
        "outlier": "7", "surprise": "1",
    }  # fmt: skip
    page = open_page("inside", **wrong, part=OUTLIER)
    named = [warning.value.split(" ")[0].strip("`") for warning in page.warning]
    assert sorted(named) == sorted(f"{key}={value}".split(" ")[0] for key, value in wrong.items())
    assert not page.exception
    assert not page.error


def test_choices_are_in_the_address(open_page, in_address):
    page = open_page("inside", **FEW, part=OUTLIER)
    settings = {"left", "left_mode", "right", "right_mode", "source", "seed"}
    own = {"net", "layer", "channel", "n", "attacked", "eps", "p", "outlier"}
    assert in_address(page) == settings | own
    assert not page.warning


def test_doors_on_the_page(open_page, settle):
    page = open_page("inside", **FEW)
    next(button for button in page.button if button.label.startswith("p = 1")).click().run()
    assert page.select_slider(key="p").value == 1
    next(button for button in page.button if button.label == "The same place in the left network").click().run()
    settle(page)
    assert "BatchNorm; layer 3 block 1 second, channel 2" in charts_of(page)[0].alt
    assert "The same place in the right network" in [button.label for button in page.button]
    next(button for button in page.button if button.label.startswith("All images attacked")).click().run()
    settle(page)
    assert "8 attacked images" in texts(page)
    assert not page.warning


def test_the_shift_page_leads_to_the_same_channel(open_page):
    address = {"attack": "FGSM", "batch": "8", "layer": "3 block 1 second", "channel_left": "1", "channel_right": "2"}
    page = open_page("shift", **address)
    keys = [button.key for button in page.button if button.label == "Look inside this channel"]
    assert len(keys) == 2
    for key, channel, net in zip(keys, "12", ("left", "right"), strict=True):
        for setting in (f"('channel', '{channel}')", "('layer', '3 block 1 second')", "('n', 8)", f"('net', '{net}')"):
            assert setting in key


# --- networks by p


def test_with_medians_the_layer_subtracts_the_median(open_page):
    page = open_page("inside", **FEW, net="left", left_mode=MEDIAN)
    assert "the median of this batch and its spread" in texts(page)
    assert not page.warning


@pytest.fixture
def planted(_small_zoo, tmp_path, monkeypatch):
    """planted({0.1: (80, 30), ...}, n): networks with these p, of n images so many right when clean, so many attacked.

    None in place of a p is BatchNorm.
    """

    def made(counts: dict[float | None, tuple[int, int]], n: dict[float | None, int] | None = None) -> None:
        rows = []
        for power, both in counts.items():
            norm = "bn" if power is None else "rn"
            card = json.loads((_small_zoo / f"cifar10-resnet20-{norm}.json").read_text())
            name = model_names.default_name("cifar10", "resnet20", norm, power=power)
            shutil.copy(_small_zoo / f"cifar10-resnet20-{norm}.safetensors", tmp_path / f"{name}.safetensors")
            (tmp_path / f"{name}.json").write_text(json.dumps(card | {"name": name, "power": power}))
            images = (n or {}).get(power, 100)
            rows += [row(name, norm, card["sha256"], eps, both[eps], images) for eps in (0, 1)]
        monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
        monkeypatch.setattr(evaluation, "table", lambda dataset: Table(tuple(rows)))

    return made


def row(name: str, norm: str, sha256: str, eps: float, correct: int, n: int) -> Row:
    low, high = evaluation.wilson(correct, n)
    return Row(
        model=name, weight_hash=sha256, dataset="cifar10", norm=norm, statistics="tracked",
        attack="pgd" if eps else "clean", settings={"steps": 20} if eps else {}, eps_255=eps, pixels="float", n=n,
        correct=correct, low=low, high=high, batch_size=128, seed=0, images=f"{n:064d}",
        hits=pack(torch.arange(n) < correct), code_version="1", made_with={}, date="2026-01-01",
    )  # fmt: skip


def test_several_p_make_a_curve(open_page, planted):
    planted({None: (90, 20), 0.2: (88, 30), 1.0: (60, 5), 0.1: (85, 25)}, {1.0: 80})
    page = open_page("inside", **FEW, p="0.35", part=POWERS)
    spec = drawn(page)["How much is left, for which p"]
    shown = traces(spec)
    assert shown["RobustNorm, clean"]["x"] == [0.1, 0.2, 1]
    assert shown["RobustNorm, clean"]["y"] == [85, 88, 75]
    assert shown["RobustNorm, attack at 1/255"]["y"] == [25, 30, 6.25]
    assert set(shown["BatchNorm, attack at 1/255"]["y"]) == {20}
    assert "n = 80 to 100 images a point" in re.sub("<[^>]+>", " ", spec["layout"]["title"]["text"])
    assert "**3 networks that differ in p alone.**" in texts(page)
    assert "Under attack at 1/255 p = 0.2 keeps most, 30.0 %" in texts(page)
    clean, attacked = texts(page).split("Without an attack")[1].split("Under attack at 1/255")[:2]
    assert "Their intervals overlap" in clean
    assert "Their intervals overlap" not in attacked
    found = evaluation.paired(torch.arange(100) < 25, torch.arange(100) < 20)
    line = f"| p = 0.1 | 100 | 85.0 (76.7 to 90.7) | 25.0 (17.5 to 34.3) | +5.0 (+{100 * found.low:.1f} to"
    assert line in texts(page)
    assert "| p = 1 | 80 |" in texts(page)
    assert "| other images |" in texts(page)
    marks = [shape["x0"] for shape in spec["layout"]["shapes"] if shape["x0"] == shape["x1"]]
    assert marks == [0.35]


def test_one_p_alone_is_said(open_page, planted):
    planted({None: (90, 20), 0.2: (88, 30)})
    page = open_page("inside", **FEW, part=POWERS)
    assert "Only p = 0.2 is among the shipped networks" in texts(page)
    assert traces(drawn(page)["How much is left, for which p"])["RobustNorm, clean"]["y"] == [88]


def test_where_all_keep_the_same_none_keeps_most(open_page, planted):
    planted({None: (90, 20), 0.2: (88, 0), 0.5: (80, 0)})
    page = open_page("inside", **FEW, part=POWERS)
    assert "Under attack at 1/255 all 2 keep 0 %" in texts(page)


def test_what_was_not_measured_is_not_drawn(open_page, planted):
    planted({None: (90, 20), 0.2: (88, 30), 0.5: (80, 10)})
    page = open_page("inside", **FEW, eps="8", part=POWERS)
    shown = traces(drawn(page)["How much is left, for which p"])
    assert shown["RobustNorm, clean"]["y"] == [88, 80]
    assert "RobustNorm, attack at 8/255" not in shown
    assert "not measured" in texts(page)
    assert texts(page).count("Their intervals overlap") == 1
    other = open_page("inside", **FEW, p_mode="batch")
    assert "No RobustNorm was measured in the mode batch." in texts(other)
    assert "How much is left, for which p" not in drawn(other)


def test_without_a_table_the_channel_is_still_there(open_page, monkeypatch):
    def broken(dataset: str) -> Table:
        raise UserError("The table is damaged.", "restore it.")

    monkeypatch.setattr(evaluation, "table", broken)
    page = open_page("inside", **FEW, part=POWERS)
    assert "The table is damaged." in page.error[0].value
    assert "What arrives, and how wide is it" in drawn(page)
    assert "No RobustNorm was measured" in texts(page)


def test_with_the_full_test_set(open_page):
    page = open_page("inside", full=True, source="full test set", n="128")
    assert "Few images" not in texts(page)
    assert "128 clean images" in texts(page)
    assert "test split" in texts(page)
