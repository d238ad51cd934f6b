"""The page about batch statistics without a browser: every part on small networks, its numbers against the core's."""

import re
import threading
import time
from types import SimpleNamespace

import pytest
import torch

from rnorm_core import attacks, evaluation, zoo
from rnorm_core.attacks import poison
from rnorm_core.data import Batch, ImageChoice
from rnorm_core.evaluation.measure import batches, craft, matrix, patching
from rnorm_core.evaluation.tables import batch_sizes, laboratories
from rnorm_core.experiments import (
    batch_composition,
    layer_patching,
    poisoning,
    precise_bn,
    shipped,
    transfer_matrix,
)
from rnorm_core.experiments.attack_pair import FIRST
from rnorm_core.norms import MEDIAN, STATISTICS
from rnorm_core.ui.batch_statistics import question, words
from rnorm_core.ui.batch_statistics.question import (
    CORRUPTIONS,
    EXPERIMENT_TITLES,
    NEIGHBOURS,
    PARTS,
    PATCHING,
    POISONING,
    PRECISE_BN,
    SIZE,
    TRANSFER,
)
from rnorm_core.ui.batch_statistics.texts import TEXTS
from rnorm_core.ui.paper.view import WAYS
from rnorm_core.zoo import Variant
from tests.pages.shown import charts as charts_of
from tests.pages.shown import is_chart

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"
STEPS, FEW = 2, {"n": "8"}
RUNS = (
    (transfer_matrix, "run"), (batch_composition, "run_sizes"), (batch_composition, "run_neighbours"),
    (batch_composition, "run_composition"), (poisoning, "run"), (layer_patching, "run"), (precise_bn, "run"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def quick(small_zoo, monkeypatch):
    monkeypatch.setattr(laboratories, "STEPS", STEPS)
    monkeypatch.setattr(evaluation, "table", lambda dataset="cifar10": evaluation.Table(()))


@pytest.fixture
def visit(open_page):
    """visit(part, **address): the page at this part; work for it ends with the test."""
    pages = []

    def opened(part: str, **address):
        pages.append(open_page("batch", part=part, **address))
        return pages[-1]

    yield opened
    for page in pages:
        if (key := f"_ticket {question.COMPOSITION}") in page.session_state:
            page.session_state[key].leave()


@pytest.fixture
def endless(monkeypatch):
    """Every experiment of the page takes for ever, until it is stopped."""
    for module, name in RUNS:
        monkeypatch.setattr(module, name, lambda request, progress: wait_for_ever(progress))


def wait_for_ever(progress) -> None:
    while True:
        threading.Event().wait(0.02)
        progress(0, "waiting")


def samples(count: int = 8) -> Batch:
    return ImageChoice.of_samples(count=count).load()


def pgd(eps: float) -> attacks.Attack:
    return attacks.make("pgd", eps / 255, STEPS)


def texts(page) -> str:
    return "\n".join(block.value for block in [*page.markdown, *page.caption])


def press(page, label: str, settle) -> None:
    next(button for button in page.button if button.label == label).click().run()
    settle(page)


def charts(page) -> list[dict]:
    return [chart.spec for chart in charts_of(page)]


def titles(page) -> list[str]:
    found = [" ".join(re.sub("<[^>]+>", " ", chart["layout"]["title"]["text"]).split()) for chart in charts(page)]
    return [title.split("?")[0] for title in found]


def pictures(page) -> str:
    return " ".join(block.proto.body for block in page.get("html") if "row-of-pictures" in block.proto.body)


def sound(page) -> None:
    """What every part has."""
    for part in ("What you see", "Why", "Try this"):
        assert part in texts(page)
    assert all(chart.alt for chart in charts_of(page))
    assert not page.warning
    assert not page.error


# --- transfer matrix


def request(eps_255: float) -> transfer_matrix.Request:
    return transfer_matrix.Request(Variant.of(BN), Variant.of(RN), ImageChoice.of_samples(count=8), eps_255)


def test_the_matrix_of_modes_is_the_cores(visit):
    page = visit(TRANSFER, **FEW, eps="8")
    modes = [zoo.load(BN, mode, fold=True) for mode in STATISTICS]
    expected = matrix.matrix(modes, modes, samples(), pgd(8), 8)
    drawn = charts(page)[0]["data"][0]["z"]
    assert drawn == [[100 * cell.value for cell in row] for row in expected.rows]
    assert len(drawn) == 5
    model = zoo.load(RN, "batch")
    alone = evaluation.accuracy(model, samples(), pgd(8), 8)
    assert charts(page)[1]["data"][0]["z"][3][1] == 100 * alone.value  # crafted for batch, scored in batch
    assert len(charts(page)) == 3
    assert titles(page)[0] == titles(page)[1] != titles(page)[2]
    found = transfer_matrix.run(request(8))
    for scorer, crafter in (("tracked", "batch"), ("batch", "tracked")):
        sentence = words.transfer(found, Variant.of(BN, scorer), Variant.of(BN, crafter))
        assert sentence.startswith(f"Made for {Variant.of(BN, crafter).label}, scored")
        assert texts(page).count(sentence) == 1
    assert f"BatchNorm `{zoo.card(BN).sha256[:12]}`" in texts(page)
    assert "n = 8, batches of 8" in charts(page)[0]["layout"]["title"]["text"].replace("<br>", " ")
    sound(page)


@pytest.mark.parametrize("mode", ["batch", MEDIAN])
def test_across_networks_in_the_modes_chosen(visit, mode):
    page = visit(TRANSFER, **FEW, left_mode=mode, eps="8")
    left, right = zoo.load(BN, mode), zoo.load(RN, fold=True)
    expected = matrix.matrix([left, right], [left, right], samples(), pgd(8), 8)
    assert charts(page)[2]["data"][0]["z"] == [[100 * cell.value for cell in row] for row in expected.rows]
    assert len(charts(page)[0]["data"][0]["z"]) == (6 if mode == MEDIAN else 5)  # clean, noise, and every mode
    assert texts(page).count("scored with BatchNorm:") == (2 if mode == MEDIAN else 1)
    same = visit(TRANSFER, **FEW, right=BN, right_mode="batch")
    assert len(charts(same)) == 1


def test_the_shipped_matrix_is_there_at_once(visit, monkeypatch):
    monkeypatch.undo()
    if not laboratories.rows():
        pytest.skip("no shipped rows belong to the shipped weights")
    monkeypatch.setattr(transfer_matrix, "run", None)
    page = visit(TRANSFER, eps="1")
    assert len(charts(page)) == 3
    drawn = charts(page)[0]["data"][0]["z"]
    made_for = {"model": BN, "statistics": "batch", "weight_hash": zoo.card(BN).sha256}
    rows = [row for row in laboratories.rows() if row.eps_255 == 1 and row.settings.get("made_for") == made_for]
    assert drawn[3] == [100 * laboratories.of(rows, BN, mode).value for mode in STATISTICS]
    assert not [box.key for box in page.selectbox if box.key == "n"]
    sound(page)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_begins_with_shipped_numbers(visit, monkeypatch, part):
    """In Markdown, before anything that the browser has to fetch a library for."""
    monkeypatch.undo()
    if not laboratories.rows():
        pytest.skip("no shipped rows belong to the shipped weights")
    for module, name in RUNS:
        monkeypatch.setattr(module, name, lambda request, progress: None)
    page = visit(part)
    blocks = ["chart" if is_chart(block) else block.type for block in page.main]
    first = next(i for i, block in enumerate(page.markdown) if "](data:image/svg+xml;base64," in block.value)
    alts = re.findall(r"!\[([^]]*)\]", page.markdown[first].value)
    assert len(alts) == 2
    assert all(any(name in alt for alt in alts) for name in ("BatchNorm", "RobustNorm"))
    assert "chart" not in blocks or blocks.index("chart") > first
    (sentence,) = (block.value for block in page.markdown if re.search(r"\*\*[+−]?[\d.]+.(%|points)\*\*", block.value))
    assert "BatchNorm" in sentence
    assert "RobustNorm" in sentence
    assert "To measure it again" in texts(page)
    assert f"BatchNorm `{zoo.card(BN).sha256[:12]}`" in texts(page)


def test_the_matrix_is_measured_here_on_demand(visit, monkeypatch):
    shipped = transfer_matrix.run(request(8))
    monkeypatch.setattr(transfer_matrix, "shipped", lambda request: shipped)
    assert len(charts(visit(TRANSFER, eps="8"))) == 3
    page = visit(TRANSFER, eps="8", here="true", **FEW)
    assert len(charts(page)) == 6
    assert charts(page)[3]["data"][0]["z"] == charts(page)[0]["data"][0]["z"]
    assert "Measured here: 8 images" in texts(page)
    sound(page)


# --- batch size


def test_shipped_sizes_are_drawn_at_once(visit, monkeypatch):
    monkeypatch.undo()
    rows = [row for row in batch_sizes.by_size()[0] if row.model == BN]
    if not rows:
        pytest.skip("no shipped batch sizes belong to the shipped weights")
    monkeypatch.setattr(batch_composition, "run_sizes", None)
    page = visit(SIZE)
    drawn = {trace["name"].replace("<br>", " "): trace for trace in charts(page)[0]["data"]}
    clean = [row for row in rows if row.statistics == "batch" and row.attack == "clean"]
    assert drawn["clean, batch statistics"]["x"] == [row.batch_size for row in clean]
    assert drawn["clean, batch statistics"]["y"] == pytest.approx([100 * row.value for row in clean])
    assert "lower than as trained with batches of **1, 2" in texts(page)
    pairs = {
        row.batch_size: evaluation.paired(row.mask, level.mask)
        for row in rows if row.statistics == "batch" and row.attack != "clean"
        for level in rows if level.statistics == "tracked" and level.attack == row.attack
    }  # fmt: skip
    more = [str(size) for size, pair in pairs.items() if pair.low > 0]
    sentence = next(text for text in texts(page).splitlines() if text.startswith("Attacked (PGD of 10 steps, 1/255)"))
    assert f"more with **{', '.join(more[:-1])} and {more[-1]}**" in sentence
    assert len(charts(page)) == 2
    sound(page)


@pytest.mark.parametrize(("mode", "named"), [("batch", "batch statistics"), (MEDIAN, "median statistics")])
def test_sizes_are_measured_on_demand(visit, mode, named):
    page = visit(SIZE, here="true", **FEW, eps="4", statistics=mode)
    model, images = zoo.load(BN, mode), samples()
    expected = [evaluation.accuracy(model, images, pgd(4), size) for size in (1, 2, 4, 8)]
    (drawn,) = (trace for trace in charts(page)[0]["data"] if trace["name"] == f"attacked, {named}")
    assert drawn["x"] == [1, 2, 4, 8]
    assert drawn["y"] == pytest.approx([100 * accuracy.value for accuracy in expected])
    assert "Nothing was measured before" in texts(page)
    assert "Measured here: 8 images" in texts(page)
    sound(page)


# --- neighbours


def test_neighbours_alone_move_an_answer(visit):
    page = visit(NEIGHBOURS, n="20", size="4", draw="3", image="ship 200143cf")
    images = samples(20)
    index = next(i for i, one in enumerate(images.ids) if one.startswith("200143cf"))
    draws = batches.neighbour_draws(zoo.load(BN, "batch"), images, index, 4)
    assert charts(page)[0]["data"][1]["x"] == pytest.approx((100 * draws.probabilities.double()).T.flatten().tolist())
    assert texts(page).count("no probability changes at all") == 2
    assert pictures(page).count("<figure>") == 4
    beside = [images.classes[int(images.labels[images.ids.index(one)])] for one in draws.neighbours[2]]
    assert f"Beside it: {', '.join(beside)}." in texts(page)
    assert [int(n) for n in page.selectbox(key="size").options] == [2, 4, 8, 16]
    sound(page)


def test_batches_of_other_composition(visit, players):
    page = visit(NEIGHBOURS, n="8", size="4", here="true", eps="4")
    images, model = samples(), zoo.load(BN, "batch")
    ((header, networks),) = players(page)
    chosen = page.selectbox(key="image").value
    assert header["sizes"] == [4]
    assert [header["classes"][network.about["truth"]] for network in networks] == [chosen.rsplit(" ", 1)[0]] * 2
    composed = charts(page)[2]
    rows = [text.replace("<br>", " ") for text in composed["layout"]["yaxis"]["ticktext"]]
    assert len(rows) == 5
    assert set(rows) == set(batch_composition.CONDITIONS)
    traces = {trace["name"].replace("<br>", " "): trace for trace in composed["data"]}
    alone = batches.accuracy_in(model, images, batches.one_class(images.labels, 4))
    at = traces["BatchNorm, clean"]["y"].index(rows.index(batch_composition.ONE_CLASS))
    assert traces["BatchNorm, clean"]["x"][at] == pytest.approx(100 * alone.value)
    scored = batches.reshuffled(model, images, pgd(4), 4)
    shuffled = [x for x, y in zip(traces["BatchNorm"]["x"], traces["BatchNorm"]["y"], strict=True)
                if rows[y] == batch_composition.SHUFFLED]  # fmt: skip
    assert shuffled == pytest.approx([100 * accuracy.value for accuracy in scored.shuffled])
    shares = batches.by_share(model, images, pgd(4), 4)
    assert charts(page)[3]["data"][0]["y"] == pytest.approx([100 * m.accuracy.value for m in shares])
    sound(page)


# --- poisoned neighbours


def test_a_victim_that_nobody_touches(visit, players, settle, monkeypatch):
    monkeypatch.setattr(poisoning, "MOST_AIMED", 0)
    page = visit(POISONING, n="8", k="2", eps="8", image="dog 3dc597d0", course="true", crowds="true")
    press(page, "Poison them", settle)
    images = ImageChoice.of_samples(count=8)
    batch = poisoning.Request(Variant.of(BN), Variant.of(RN), images, 8, FIRST, 2).batch()
    attack = poison.make([0], [1, 2], 8 / 255, STEPS)
    ((header, networks),) = players(page)
    assert "after it its 2 poisoned neighbours, in a batch of 8" in header["key_text"]
    for name, chart, network in zip((BN, RN), charts(page), networks, strict=False):
        trace = attack.run(zoo.load(name, "batch"), batch, evaluation.batch_generator(0, 0))
        assert torch.equal(trace.adversarial[0], batch.images[0])
        assert network.about["label"].endswith(" with batch statistics")
        assert network.probabilities[0] == pytest.approx(trace.probabilities[:, 0].numpy(), abs=1e-5)
        expected = 100 * trace.probabilities[:, 0, int(trace.labels[0])]
        assert chart["data"][0]["y"] == pytest.approx(expected.tolist(), abs=1e-4)
        tracked = chart["data"][2]["y"]
        assert tracked == [tracked[0]] * (STEPS + 1)
    assert texts(page).count("before and after, to the last bit") == 2
    assert texts(page).count("exactly 0") >= 2
    assert len(charts(page)) == 3
    victims = [0, 5, 6, 7]  # of the largest crowd: half of the images are poisoned
    trace = poison.make(victims, range(1, 5), 8 / 255, STEPS).run(
        zoo.load(BN, "batch"), batch, evaluation.batch_generator(0, 0)
    )
    right = [
        int((answers.argmax(1) == trace.labels)[victims].sum())
        for answers in (trace.clean_probabilities, trace.adversarial_probabilities)
    ]
    (sentence,) = (
        text for text in texts(page).splitlines() if text.startswith("**BatchNorm with batch statistics**: with 4")
    )
    assert f"{right[0]} are right before and {right[1]} after" in sentence
    assert "<figure>" not in pictures(page)  # the player has them
    sound(page)


def test_mean_and_median_side_by_side(visit, players, monkeypatch):
    request = poisoning.Request(Variant.of(BN), Variant.of(RN), ImageChoice.of_samples(count=8), 8, "3dc597d0", 4)
    found = poisoning.run(request)
    monkeypatch.setattr(shipped, "result", {request: found}.get)
    page = visit(POISONING, n="8", k="4", eps="8", image="dog 3dc597d0", side="mean and median", crowds="true")
    ((_, networks),) = players(page)
    modes = [Variant.of(BN, mode) for mode in poisoning.MODES]
    assert [network.about["label"] for network in networks] == [variant.label for variant in modes]
    (sentence,) = (text for text in texts(page).splitlines() if "aims at one other photo at a time" in text)
    assert "the attacker has 4 of 8 photos" in sentence
    for variant, network in zip(modes, networks, strict=True):
        assert network.probabilities[0] == pytest.approx(found.traces[variant].probabilities[:, 0].numpy(), abs=1e-5)
        assert words.many_victims(found, variant) in texts(page)
        before, after = (one.hits for one in (found.aimed[variant].before, found.aimed[variant].after))
        flips = f"**{int((before & ~after).sum())} of {int(before.sum())}**" if before.any() else "none was right"
        assert flips in sentence
    assert texts(page).count("before and after, to the last bit") == 1  # as trained, once for the one network
    sound(page)


def test_neighbours_and_medians(visit):
    page = visit(NEIGHBOURS, n="8", size="4", statistics="batch-median", image="dog 3dc597d0")
    images = samples()
    place = images.find("3dc597d0")
    draws = batches.neighbour_draws(zoo.load(BN, "batch-median"), images, place, 4)
    assert charts(page)[0]["data"][1]["x"] == pytest.approx((100 * draws.probabilities.double()).T.flatten().tolist())
    sound(page)


def test_shipped_numbers_of_the_mean_are_not_shown_for_the_median(open_page, monkeypatch):
    monkeypatch.undo()
    if not laboratories.rows():
        pytest.skip("no shipped rows belong to the shipped weights")
    pages = [open_page("batch", settled=False, part=NEIGHBOURS, statistics=mode) for mode in poisoning.MODES]
    assert ["The share of photos that are right" in texts(page) for page in pages] == [True, False]
    assert "Nothing was measured before" in texts(pages[1])


def test_pictures_are_there_before_the_poison(open_page, endless):
    page = open_page("batch", settled=False, part=POISONING, n="8", k="7", seed="91")
    assert pictures(page).count("<figure>") == 5
    assert not page.get("progress")  # nothing is computed before a click
    page.button(key="request_work").click().run()
    assert pictures(page).count("<figure>") == 5
    page.button(key="stop work").click().run()
    assert not page.exception


def test_what_there_is_stays_when_the_poison_is_stopped(open_page, monkeypatch, players):
    def never(*_, on_step, **__):
        while True:
            threading.Event().wait(0.02)
            on_step(SimpleNamespace(index=0, total=1))

    monkeypatch.setattr(poisoning, "crowd", never)
    page = open_page("batch", settled=False, part=POISONING, n="8", seed="92", course="true", crowds="true")
    page.button(key="request_work").click().run()
    ticket, end = page.session_state["_ticket work"], time.monotonic() + 60
    while ticket.state.partial is None or len(ticket.state.partial.traces) < 4:
        assert time.monotonic() < end
        time.sleep(0.05)
    page.run()
    assert texts(page).count("The slope of its loss") == 4
    page.button(key="stop work").click().run()
    assert texts(page).count("The slope of its loss") == 4
    assert len(charts(page)) == 2
    assert len(players(page)[0][1]) == 2
    page.button(key="again work").click().run()
    assert page.get("progress")


# --- patched layers


@pytest.mark.parametrize(
    ("mode", "experiment"), [("batch", "restore"), ("batch", "spoil"), ("tracked", "repair"), (MEDIAN, "restore")]
)
def test_layers_are_patched_as_in_the_core(visit, settle, mode, experiment):
    page = visit(PATCHING, **FEW, eps="8", mode=mode, experiment=EXPERIMENT_TITLES[experiment])
    assert not page.get("progress")  # nothing is computed before a click
    press(page, "Patch layer by layer", settle)
    images, model = samples(), zoo.load(BN, mode)
    made = craft.craft(model, images, pgd(8), 8)
    found = patching.patching(model, images, made.images, experiment, pgd(8), 8)
    drawn = charts(page)[0]["data"]
    assert drawn[0]["y"] == pytest.approx([100 * accuracy.value for accuracy in found.alone])
    assert drawn[1]["y"] == pytest.approx([100 * accuracy.value for accuracy in found.up_to])
    assert words.share_of_damage(found, Variant.of(BN, mode)) in texts(page)
    assert f"clean {found.clean.correct}, attacked {found.attacked.correct}" in texts(page)
    assert titles(page)[0] == titles(page)[1]
    assert patching.EXPERIMENTS[experiment].sentence in texts(page)
    sound(page)


@pytest.mark.parametrize("mode", ["batch", MEDIAN])
def test_layers_that_take_all_from_the_batch_have_no_repair(visit, mode):
    page = visit(PATCHING, **FEW, **({} if mode == "batch" else {"mode": mode}))
    assert page.selectbox(key="experiment").options == [EXPERIMENT_TITLES["restore"], EXPERIMENT_TITLES["spoil"]]
    assert page.selectbox(key="mode").value == mode


# --- PreciseBN


def test_statistics_are_counted_anew(visit, settle):
    page = visit(PRECISE_BN, **FEW, size="4", eps="4")
    assert not charts(page)  # nothing is computed before a click
    press(page, "Estimate them here", settle)
    images = samples(20)
    found = precise_bn.estimate(
        lambda: zoo.load(BN), images.images[8:], images.select(range(8)), [1, 2, 3], size=4, attack=pgd(4)
    )
    drawn = {trace["name"]: trace for trace in charts(page)[0]["data"]}
    assert drawn["clean"]["x"] == [1, 2, 3]
    assert drawn["clean"]["y"] == pytest.approx([100 * e.clean.value for e in found.by_count])
    assert drawn["attacked"]["y"] == pytest.approx([100 * e.attacked.value for e in found.by_count if e.attacked])
    assert words.gain_of_estimates(found, Variant.of(BN)) in texts(page)
    assert "statistics of 3 batches of 4" in texts(page)
    sound(page)


# --- the page


@pytest.mark.parametrize("part", TEXTS)
def test_a_part_has_only_its_own_controls(open_page, endless, part):
    page = open_page("batch", settled=False, part=part)
    keys = {w.key for w in [*page.selectbox, *page.select_slider, *page.toggle]} & set(question.KEYS) - {"draw"}
    assert keys == {
        TRANSFER: {"eps", "n"}, SIZE: {"here"}, NEIGHBOURS: {"image", "size", "n", "eps", "here", "statistics"},
        POISONING: {"image", "k", "side", "n", "eps"}, PATCHING: {"mode", "experiment", "n", "eps"},
        PRECISE_BN: {"size", "n", "eps"},
    }[part]  # fmt: skip
    assert TEXTS[part].see in texts(page)
    assert not page.exception


def test_a_part_begins_with_its_own_defaults_but_keeps_what_was_chosen(open_page, endless):
    page = open_page("batch", settled=False, part=PRECISE_BN)
    assert (page.selectbox(key="size").value, page.selectbox(key="n").value) == (4, 8)
    page.segmented_control(key="part").set_value(NEIGHBOURS).run()
    assert (page.selectbox(key="size").value, page.selectbox(key="n").value) == (8, 20)
    page.selectbox(key="n").set_value(8).run()
    page.segmented_control(key="part").set_value(POISONING).run()
    assert page.selectbox(key="n").value == 8
    assert page.select_slider(key="eps").value == 8


def test_another_question_leaves_the_work(open_page, endless):
    page = open_page("batch", settled=False, part=NEIGHBOURS, seed="17")
    ticket = page.session_state["_ticket work"]
    page.segmented_control(key="part").set_value(SIZE).run()
    assert ticket.state.status == "left"
    assert not page.get("progress")


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("My question", {}), (TRANSFER, {"eps": "3", "n": "9"}), (NEIGHBOURS, {"size": "5"}),
        (POISONING, {"k": "20", "image": "nobody"}),
        (PATCHING, {"mode": "mine", "experiment": EXPERIMENT_TITLES["repair"]}), (PRECISE_BN, {"n": "20"}),
        (SIZE, {"surprise": "1"}),
    ],
)  # fmt: skip
def test_what_the_address_cannot_have_is_named(open_page, endless, part, wrong):
    page = open_page("batch", settled=False, part=part, **wrong)
    expected = wrong if part in PARTS else {"part": part}
    assert sorted(w.value.split("`")[1] for w in page.warning) == sorted(f"{k}={v}" for k, v in expected.items())
    assert not page.exception
    assert not page.error


def test_a_network_without_batch_statistics_is_named(visit, make_none):
    page = visit(SIZE, right=make_none)
    assert "no norm" in page.info[0].value
    poisoned = visit(POISONING, left=make_none, right=make_none)
    assert not charts(poisoned)
    assert not poisoned.error


@pytest.fixture
def make_none(small_zoo, tmp_path, monkeypatch) -> str:
    """The name of a small network without norm beside the others."""
    from rnorm_core import models
    from rnorm_core.training.publish import publish
    from rnorm_core.training.recipe import RECIPES

    for file in small_zoo.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    curve = [{"epoch": 1, "train_loss": 1.5, "train_accuracy": 0.4, "lr": 0.1, "seconds": 2.0}]
    model = models.build("resnet20", "none", width=0.25)
    shape = {"architecture": "resnet20", "norm": "none", "width": 0.25, "dataset": "cifar10", "power": 0.2}
    publish(
        tmp_path,
        "cifar10-resnet20-none",
        model,
        shape=shape,
        recipe=RECIPES["fast"],
        seed=0,
        data_hash="0" * 64,
        curve=curve,
    )
    return "cifar10-resnet20-none"


def test_every_door_leads_somewhere(open_page):
    """Doors to this page, here and on the page of claims, name parts and values that are there."""
    ways = [way.settings for text in TEXTS.values() for way in text.ways if way.page == "batch"]
    ways = [settings for settings in ways if settings["part"] != CORRUPTIONS]
    ways += [settings for way in WAYS.values() for page, _, settings in way if page == "batch"]
    assert len(ways) >= 15
    for settings in ways:
        assert settings["part"] in PARTS
        assert set(settings) <= {"part", "left", "right", *question.KEYS}
        assert settings.get("experiment", EXPERIMENT_TITLES["spoil"]) in EXPERIMENT_TITLES.values()
        assert settings.get("eps", 1) in laboratories.EPS_255
    claimed = {claim: [s["part"] for p, _, s in way if p == "batch"] for claim, way in WAYS.items()}
    assert (claimed["C2"], claimed["C3"], claimed["C4"]) == ([PATCHING], [TRANSFER], [SIZE])


def test_the_page_begins_with_batch_sizes(open_page, endless):
    page = open_page("batch", settled=False)
    assert page.segmented_control(key="part").value == SIZE == PARTS[0]


def test_advanced_parts_are_behind_a_button(open_page, endless):
    page = open_page("batch", settled=False, part=PRECISE_BN)
    assert page.segmented_control(key="part").value == PRECISE_BN
    assert not page.warning
    page.segmented_control(key="part").set_value(SIZE).run()
    page.menu_button(key="advanced").click(PATCHING).run()
    assert page.segmented_control(key="part").value == PATCHING
    assert not page.exception


def test_the_first_victim_changes_its_answer_at_once(visit, monkeypatch, players):
    monkeypatch.undo()
    if not laboratories.rows():
        pytest.skip("no shipped rows belong to the shipped weights")
    monkeypatch.setattr(poisoning, "run", lambda request, progress: 1 / 0)
    page = visit(POISONING)
    assert len(players(page)[0][1]) == 2
    assert texts(page).count("**became ") == 2
    assert texts(page).count("before and after, to the last bit") == 2
    assert not charts(page)  # closed
    sound(page)


def test_a_door_leads_to_another_part(visit, settle):
    page = visit(SIZE)
    next(button for button in page.button if button.label == "Which neighbours, not only how many").click().run()
    settle(page)
    assert page.segmented_control(key="part").value == NEIGHBOURS
    assert len(charts(page)) == 2
    assert not page.warning


def test_with_the_full_test_set(open_page, endless):
    page = open_page("batch", full=True, source="full test set", settled=False, part=PRECISE_BN)
    assert [int(n) for n in page.selectbox(key="n").options] == [128, 512]
    assert [int(n) for n in page.selectbox(key="size").options] == [16, 64, 128]
    assert not page.exception
