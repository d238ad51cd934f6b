"""Whose statistics?, without a browser: every part on small networks, its numbers against the core's."""

import json
import re
import threading
import time

import pytest
import torch

from rnorm_core import attacks, evaluation, zoo
from rnorm_core.attacks import poison
from rnorm_core.evaluation import batches, craft, laboratories, matrix, patching, sizes
from rnorm_core.norms import STATISTICS
from rnorm_core.training import precise
from rnorm_core.ui import ask_statistics as ask
from rnorm_core.ui import crossing, poisoning, whose
from rnorm_core.ui.ask_statistics import COMPANY, COUNTED, MATRIX, PARTS, PATCHES, POISON, SAID, SIZE
from rnorm_core.ui.claim_view import WAYS
from rnorm_core.ui.crafting import FIRST, Side
from rnorm_core.ui.statistics_words import WORDS

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"
STEPS, FEW = 2, {"n": "8"}


@pytest.fixture(autouse=True)
def quick(small_zoo, monkeypatch):
    monkeypatch.setattr(whose, "STEPS", STEPS)
    monkeypatch.setattr("rnorm_core.ui.poisoning.STEPS", STEPS)
    monkeypatch.setattr(evaluation, "table", lambda dataset="cifar10": evaluation.Table(()))


@pytest.fixture
def visit(open_page):
    """visit(part, **address): the page at this part; work for it ends with the test."""
    pages = []

    def opened(part: str, **address):
        pages.append(open_page("whose", part=part, **address))
        return pages[-1]

    yield opened
    for page in pages:
        if (key := f"_ticket {ask.MORE}") in page.session_state:
            page.session_state[key].leave()


def plan(count: int = 8, **changes) -> whose.Plan:
    sides = Side.of(BN, "tracked"), Side.of(RN, "tracked")
    return whose.Plan(*sides, "cifar10", False, "samples", count, changes.get("seed", 0), "cpu")


def pgd(eps: float) -> attacks.Attack:
    return attacks.make("pgd", eps / 255, STEPS)


def texts(page) -> str:
    return "\n".join(block.value for block in [*page.markdown, *page.caption])


def charts(page) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def titles(page) -> list[str]:
    said = [" ".join(re.sub("<[^>]+>", " ", chart["layout"]["title"]["text"]).split()) for chart in charts(page)]
    return [title.split("?")[0] for title in said]


def pictures(page) -> str:
    return " ".join(block.proto.body for block in page.get("html") if "row-of-pictures" in block.proto.body)


def sound(page) -> None:
    """What every part has."""
    for part in ("What you see", "Why", "Try this"):
        assert part in texts(page)
    assert all(chart.proto.alt for chart in page.get("plotly_chart"))
    assert not page.warning
    assert not page.error


# --- craft and score


def test_the_matrix_of_modes_is_the_cores(visit):
    page = visit(MATRIX, **FEW, eps="8")
    modes = [zoo.load(BN, mode, fold=True) for mode in STATISTICS]
    expected = matrix.matrix(modes, modes, plan().images(), pgd(8), 8)
    drawn = charts(page)[0]["data"][0]["z"]
    assert drawn == [[100 * cell.value for cell in row] for row in expected.rows]
    assert len(drawn) == 5
    model = zoo.load(RN, "batch")
    alone = evaluation.accuracy(model, plan().images(), pgd(8), 8)
    assert charts(page)[1]["data"][0]["z"][3][1] == 100 * alone.value  # crafted for batch, scored in batch
    assert titles(page) == ["Does the attack know whose statistics are used"] * 2 + [
        "Does it work on the other network, too"
    ]
    assert texts(page).count("Made for BatchNorm, batch, scored with BatchNorm, tracked: ") == 1
    assert f"BatchNorm {zoo.card(BN).sha256[:12]}" in texts(page)
    assert "n = 8, batches of 8" in charts(page)[0]["layout"]["title"]["text"].replace("<br>", " ")
    sound(page)


def test_across_networks_in_the_modes_chosen(visit):
    page = visit(MATRIX, **FEW, left_mode="batch", eps="8")
    left, right = zoo.load(BN, "batch"), zoo.load(RN, fold=True)
    expected = matrix.matrix([left, right], [left, right], plan().images(), pgd(8), 8)
    assert charts(page)[2]["data"][0]["z"] == [[100 * cell.value for cell in row] for row in expected.rows]
    same = visit(MATRIX, **FEW, right=BN, right_mode="batch")
    assert len(charts(same)) == 1


def test_what_a_foreign_attack_does_is_paired(small_zoo):
    asked, told = crossing.Asked(plan(), 8), []

    class Listener:
        def progress(self, fraction, text, partial=None):
            told.append((fraction, partial))

    found = crossing.measure(asked)(Listener()).matrix
    tracked, batchwise = (Side.of(BN, mode) for mode in ("tracked", "batch"))
    pair = crossing.foreign(found, tracked, batchwise)
    assert pair is not None
    images = plan().images()
    made = [craft.craft(zoo.load(BN, mode), images, pgd(8), 8) for mode in ("tracked", "batch")]
    scorer = zoo.load(BN, "batch")
    hits = [craft.score(scorer, one.images, images, pgd(8), 8).hits for one in made]
    assert pair == evaluation.paired(*hits)
    rows = [len(partial.matrix.cells) for _, partial in told if partial is not None]
    assert rows == [0, 1, 2, 3, 4, 5, 6]
    assert [f for f, _ in told] == sorted(f for f, _ in told)
    assert told[-1][0] == 1


def test_what_was_measured_before_is_there_at_once(visit, monkeypatch):
    monkeypatch.undo()
    if not laboratories.rows():
        pytest.skip("no shipped rows belong to the shipped weights")
    monkeypatch.setattr(crossing, "measure", lambda asked: waiting)
    page = visit(MATRIX, eps="1")
    assert titles(page) == ["Does the attack know whose statistics are used"] * 2 + [
        "Does it work on the other network, too"
    ]
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
    for work in ("crossing.measure", "grouping.measure_company", "poisoning.measure", "patches.measure",
                 "recounting.measure"):  # fmt: skip
        monkeypatch.setattr(f"rnorm_core.ui.{work}", lambda asked: lambda job: None)
    page = visit(part)
    blocks = [block.type for block in page.main if block.type in ("markdown", "plotly_chart")]
    first = next(i for i, block in enumerate(page.markdown) if "](data:image/svg+xml;base64," in block.value)
    assert page.markdown[first].value.count("![BatchNorm") == page.markdown[first].value.count("![RobustNorm") == 1
    assert "plotly_chart" not in blocks or blocks.index("plotly_chart") > first
    assert "Measured before: " in texts(page)
    assert f"BatchNorm `{zoo.card(BN).sha256[:12]}`" in texts(page)


def test_the_matrix_is_measured_here_where_that_is_wanted(visit, monkeypatch):
    known = crossing.Crossed(crossing.Asked(plan(), 8), crossing.measure(crossing.Asked(plan(), 8))(Quiet()).matrix)
    monkeypatch.setattr(crossing, "shipped", lambda asked: known)
    assert len(charts(visit(MATRIX, eps="8"))) == 3
    page = visit(MATRIX, eps="8", here="true", **FEW)
    assert len(charts(page)) == 6
    assert charts(page)[3]["data"][0]["z"] == charts(page)[0]["data"][0]["z"]
    assert "Measured here: 8 images (foolbox's 20 samples)" in texts(page)
    sound(page)


class Quiet:
    def progress(self, fraction, text, partial=None):
        """Nobody listens."""


def waiting(job):
    while True:
        threading.Event().wait(0.02)
        job.progress(0, "waiting")


# --- batch size


def test_shipped_sizes_are_drawn_at_once(visit, monkeypatch):
    monkeypatch.undo()
    rows = [row for row in sizes.by_size()[0] if row.model == BN]
    if not rows:
        pytest.skip("no shipped batch sizes belong to the shipped weights")
    monkeypatch.setattr("rnorm_core.ui.grouping.measure_sizes", None)
    page = visit(SIZE)
    drawn = {trace["name"].replace("<br>", " "): trace for trace in charts(page)[0]["data"]}
    clean = [row for row in rows if row.statistics == "batch" and row.attack == "clean"]
    assert drawn["clean, batch"]["x"] == [row.batch_size for row in clean]
    assert drawn["clean, batch"]["y"] == pytest.approx([100 * row.value for row in clean])
    assert "**BatchNorm**, clean images: below tracked with batches of **1, 2" in texts(page)
    pairs = {
        row.batch_size: evaluation.paired(row.mask, level.mask)
        for row in rows if row.statistics == "batch" and row.attack != "clean"
        for level in rows if level.statistics == "tracked" and level.attack == row.attack
    }  # fmt: skip
    more = [str(size) for size, pair in pairs.items() if pair.low > 0]
    said = next(text for text in texts(page).splitlines() if text.startswith("Attacked (PGD of 10 steps, 1/255)"))
    assert f"more with **{', '.join(more[:-1])} and {more[-1]}**" in said
    assert titles(page) == ["How many images do batch statistics need"] * 2
    sound(page)


def test_sizes_are_measured_where_that_is_wanted(visit):
    page = visit(SIZE, here="true", **FEW, eps="4")
    model, images = zoo.load(BN, "batch"), plan().images()
    expected = [evaluation.accuracy(model, images, pgd(4), size) for size in (1, 2, 4, 8)]
    (drawn,) = (trace for trace in charts(page)[0]["data"] if trace["name"] == "attacked, batch")
    assert drawn["x"] == [1, 2, 4, 8]
    assert drawn["y"] == pytest.approx([100 * accuracy.value for accuracy in expected])
    assert "Nothing was measured before of BatchNorm, batch." in texts(page)
    assert "Measured here: 8 images (foolbox's 20 samples)" in texts(page)
    sound(page)


# --- neighbours


def test_neighbours_alone_move_an_answer(visit):
    page = visit(COMPANY, n="20", size="4", draw="3", image="ship 200143cf")
    images = plan(20).images()
    index = next(i for i, one in enumerate(images.ids) if one.startswith("200143cf"))
    met = batches.company(zoo.load(BN, "batch"), images, index, 4)
    assert charts(page)[0]["data"][1]["x"] == pytest.approx((100 * met.probabilities.double()).T.flatten().tolist())
    assert texts(page).count("no probability changes at all") == 2
    assert pictures(page).count("<figure>") == 4
    beside = [images.classes[int(images.labels[images.ids.index(one)])] for one in met.neighbours[2]]
    assert f"Beside it: {', '.join(beside)}." in texts(page)
    assert [int(n) for n in page.selectbox(key="size").options] == [2, 4, 8, 16]
    sound(page)


def test_batches_of_other_composition(visit):
    page = visit(COMPANY, n="8", size="4", here="true", eps="4")
    images, model = plan().images(), zoo.load(BN, "batch")
    composed = charts(page)[2]
    rows = [text.replace("<br>", " ") for text in composed["layout"]["yaxis"]["ticktext"]]
    assert rows == [
        "as they come", "attacked, same batches", "attacked, shuffled after", "one class a batch",
        "sizes as with one class, any class",
    ]  # fmt: skip
    traces = {trace["name"].replace("<br>", " "): trace for trace in composed["data"]}
    alone = batches.accuracy_in(model, images, batches.one_class(images.labels, 4))
    at = traces["BatchNorm, clean"]["y"].index(3)
    assert traces["BatchNorm, clean"]["x"][at] == pytest.approx(100 * alone.value)
    again = batches.reshuffled(model, images, pgd(4), 4)
    shuffled = [x for x, y in zip(traces["BatchNorm"]["x"], traces["BatchNorm"]["y"], strict=True) if y == 2]
    assert shuffled == pytest.approx([100 * accuracy.value for accuracy in again.anew])
    shares = batches.by_share(model, images, pgd(4), 4)
    assert charts(page)[3]["data"][0]["y"] == pytest.approx([100 * m.accuracy.value for m in shares])
    sound(page)


# --- poisoned neighbours


def test_a_victim_that_nobody_touches(visit):
    page = visit(POISON, n="8", k="2", eps="8")
    batch = poisoning.Asked(plan(), 8, FIRST, 2).batch()
    attack = poison.make([0], [1, 2], 8 / 255, STEPS)
    for name, chart in zip((BN, RN), charts(page), strict=False):
        trace = attack.run(zoo.load(name, "batch"), batch, evaluation.batch_generator(0, 0))
        assert torch.equal(trace.adversarial[0], batch.images[0])
        expected = 100 * trace.probabilities[:, 0, int(trace.labels[0])]
        assert chart["data"][0]["y"] == pytest.approx(expected.tolist(), abs=1e-4)
        tracked = chart["data"][2]["y"]
        assert tracked == [tracked[0]] * (STEPS + 1)
    assert texts(page).count("before and after, to the last bit. The slope of its loss") == 2
    assert texts(page).count("exactly 0") >= 2
    assert "How many neighbours does it take" in titles(page)
    victims = [0, 5, 6, 7]  # of the largest crowd: half of the images are poisoned
    trace = poison.make(victims, range(1, 5), 8 / 255, STEPS).run(
        zoo.load(BN, "batch"), batch, evaluation.batch_generator(0, 0)
    )
    right = [
        int((answers.argmax(1) == trace.labels)[victims].sum())
        for answers in (trace.clean_probabilities, trace.adversarial_probabilities)
    ]
    said = f"with 4 of 8 poisoned, of the 4 untouched images {right[0]} are right before and {right[1]} after"
    assert f"**BatchNorm, batch**: {said}" in texts(page)
    assert pictures(page).count("<figure>") == 6
    sound(page)


def test_pictures_are_there_before_the_poison(visit, open_page, monkeypatch):
    monkeypatch.setattr("rnorm_core.ui.poisoning.measure", lambda asked: waiting)
    page = open_page("whose", settled=False, part=POISON, n="8", k="7", seed="91")
    assert pictures(page).count("<figure>") == 5
    page.button(key="stop work").click().run()
    assert not page.exception


def test_what_there_is_stays_when_the_poison_is_stopped(visit, open_page, monkeypatch):
    monkeypatch.setattr("rnorm_core.ui.poisoning._crowd", lambda asked, side, batch, k, told: waiting(told.job))
    page = open_page("whose", settled=False, part=POISON, n="8", seed="92")
    end = time.monotonic() + 60
    while texts(page).count("The slope of its loss") < 4:
        assert time.monotonic() < end
        page.run()
    page.button(key="stop work").click().run()
    assert texts(page).count("The slope of its loss") == 4
    assert "How many neighbours does it take" not in titles(page)
    page.button(key="again work").click().run()
    assert page.get("progress")


# --- patched layers


@pytest.mark.parametrize(("mode", "experiment"), [("batch", "restore"), ("batch", "spoil"), ("tracked", "repair")])
def test_layers_are_patched_as_in_the_core(visit, mode, experiment):
    page = visit(PATCHES, **FEW, eps="8", mode=mode, experiment=SAID[experiment])
    images, model = plan().images(), zoo.load(BN, mode)
    made = craft.craft(model, images, pgd(8), 8)
    found = patching.patching(model, images, made.images, experiment, pgd(8), 8)
    drawn = charts(page)[0]["data"]
    assert drawn[0]["y"] == pytest.approx([100 * accuracy.value for accuracy in found.alone])
    assert drawn[1]["y"] == pytest.approx([100 * accuracy.value for accuracy in found.up_to])
    assert f"**BatchNorm, {mode}**: clean {found.clean.correct}, attacked {found.attacked.correct}, all 19" in texts(
        page
    )
    assert titles(page)[0] == titles(page)[1]
    assert patching.EXPERIMENTS[experiment].sentence in texts(page)
    sound(page)


def test_layers_in_batch_mode_have_no_repair(visit):
    page = visit(PATCHES, **FEW)
    assert page.selectbox(key="experiment").options == [SAID["restore"], SAID["spoil"]]
    assert page.selectbox(key="mode").value == "batch"


# --- counted anew


def test_statistics_are_counted_anew(visit):
    page = visit(COUNTED, **FEW, size="4", eps="4")
    images = plan().images(12)
    found = precise.precise(
        lambda: zoo.load(BN), images.images[8:], images.select(range(8)), [1, 2, 3], 4, pgd(4)
    )  # fmt: skip
    drawn = {trace["name"]: trace for trace in charts(page)[0]["data"]}
    assert drawn["clean"]["x"] == [1, 2, 3]
    assert drawn["clean"]["y"] == pytest.approx([100 * e.clean.value for e in found.estimates])
    assert drawn["attacked"]["y"] == pytest.approx([100 * e.attacked.value for e in found.estimates if e.attacked])
    assert titles(page)[0] == "Are more batches better than a moving average"
    assert "statistics of 3 batches of 4 against the moving average: clean " in texts(page)
    sound(page)


# --- the page


@pytest.mark.parametrize("part", PARTS)
def test_a_part_has_only_its_own_controls(open_page, part):
    page = open_page("whose", settled=False, part=part)
    if "_ticket work" in page.session_state:
        page.session_state["_ticket work"].leave()
    keys = {w.key for w in [*page.selectbox, *page.select_slider, *page.toggle]} & set(ask.KEYS) - {"draw"}
    assert keys == {
        MATRIX: {"eps", "n"}, SIZE: {"here"}, COMPANY: {"image", "size", "n", "here"},
        POISON: {"image", "k", "n", "eps"}, PATCHES: {"mode", "experiment", "n", "eps"}, COUNTED: {"size", "n", "eps"},
    }[part]  # fmt: skip
    assert WORDS[part].lead in texts(page)
    assert not page.exception


def test_another_question_leaves_the_work(open_page, monkeypatch):
    monkeypatch.setattr(crossing, "measure", lambda asked: waiting)
    page = open_page("whose", settled=False, seed="17")
    ticket = page.session_state["_ticket work"]
    page.segmented_control(key="part").set_value(SIZE).run()
    assert ticket.state.status == "left"
    assert not page.get("progress")


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("My question", "part", "My question"), (MATRIX, "eps", "3"), (MATRIX, "n", "9"), (COMPANY, "size", "5"),
        (POISON, "k", "20"), (POISON, "image", "nobody"), (PATCHES, "mode", "mine"),
        (PATCHES, "experiment", SAID["repair"]), (COUNTED, "n", "20"), (SIZE, "surprise", "1"),
    ],
)  # fmt: skip
def test_what_the_address_cannot_have_is_named(open_page, monkeypatch, part, key, value):
    for module, name in (("crossing", "measure"), ("grouping", "measure_company"), ("poisoning", "measure"),
                         ("patches", "measure"), ("recounting", "measure")):  # fmt: skip
        monkeypatch.setattr(f"rnorm_core.ui.{module}.{name}", lambda asked: waiting)
    page = open_page("whose", settled=False, **{"part": part, key: value})
    if "_ticket work" in page.session_state:
        page.session_state["_ticket work"].leave()
    assert [w.value.split("`")[1] for w in page.warning] == [f"{key}={value}"]
    assert not page.exception
    assert not page.error


def test_a_network_without_batch_statistics_is_named(visit, make_none):
    page = visit(SIZE, right=make_none)
    assert "has no mode with statistics of a batch" in page.info[0].value
    assert "no norm" in page.info[0].value
    poisoned = visit(POISON, left=make_none, right=make_none)
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
    publish(tmp_path, "cifar10-resnet20-none", model, shape, RECIPES["fast"], 0, "0" * 64, curve)
    return "cifar10-resnet20-none"


def test_every_door_leads_somewhere(open_page):
    """Doors to this page, here and on the page of claims, name parts and values that are there."""
    ways = [settings for words in WORDS.values() for page, _, settings in words.ways if page == "whose"]
    ways += [settings for way in WAYS.values() for page, _, settings in way if page == "whose"]
    assert len(ways) >= 15
    for settings in ways:
        assert settings["part"] in PARTS
        assert set(settings) <= {"part", "left", "right", *ask.KEYS}
        assert settings.get("experiment", SAID["spoil"]) in SAID.values()
        assert settings.get("eps", 1) in whose.EPS_255
    claimed = {claim: [s["part"] for p, _, s in way if p == "whose"] for claim, way in WAYS.items()}
    assert (claimed["C2"], claimed["C3"], claimed["C4"]) == ([PATCHES], [MATRIX], [SIZE])


def test_a_door_leads_to_another_part(visit, settle):
    page = visit(SIZE)
    next(button for button in page.button if button.label == "Which neighbours, not only how many").click().run()
    settle(page)
    assert page.segmented_control(key="part").value == COMPANY
    assert titles(page)[:2] == ["Do its neighbours change the answer"] * 2
    assert not page.warning


def test_with_the_full_test_set(open_page):
    page = open_page("whose", full=True, source="full test set", settled=False, part=COUNTED)
    if "_ticket work" in page.session_state:
        page.session_state["_ticket work"].leave()
    assert [int(n) for n in page.selectbox(key="n").options] == [128, 512]
    assert [int(n) for n in page.selectbox(key="size").options] == [16, 64, 128]
    assert not page.exception
