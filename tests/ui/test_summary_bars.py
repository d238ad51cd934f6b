"""The small pictures from shipped rows: the right numbers under the right names, and nothing where nothing is."""

from dataclasses import replace

import pytest
import torch

from rnorm_core import attacks, data, evaluation
from rnorm_core.data import Batch
from rnorm_core.evaluation import Accuracy, Row, Table, wilson
from rnorm_core.evaluation.tables import batch_sizes, laboratories, layer_shifts
from rnorm_core.evaluation.tables.new_rows import blank, filled
from rnorm_core.norms import MEDIAN, STATISTICS
from rnorm_core.ui.batch_statistics import answers, bars
from rnorm_core.ui.batch_statistics.by_size import BySize
from rnorm_core.ui.corruptions import bars as corruption_bars
from rnorm_core.ui.shared import summary_bars
from rnorm_core.zoo import Variant

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"


@pytest.fixture
def batch(small_zoo) -> Batch:
    return data.samples("cifar10")


def accuracy(right: int, n: int = 20, size: int = 0) -> Accuracy:
    return Accuracy(right, n, *wilson(right, n), torch.arange(n) < right, batch_size=size)


def row(
    batch: Batch, count: int, model: str, statistics: str, spec: dict | None = None, size: int = 128, **more
) -> Row:
    return filled(blank(model, statistics, batch, size, spec or {}, 0, **more), accuracy(count))


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def side(model: str) -> Variant:
    return Variant.of(model, STATISTICS[0])


def test_who_it_was_made_for(batch):
    pgd, rows = attacks.make("pgd", 1 / 255, 10).spec, []
    right = {("tracked", "tracked"): 4, ("tracked", "batch"): 10, ("batch", "batch"): 7, ("batch", "tracked"): 6}
    for (scorer, crafter), count in right.items():
        made_for = {"model": BN, "statistics": crafter, "weight_hash": side(BN).weight_hash}
        rows.append(row(batch, count, BN, scorer, pgd, made_for=made_for))
    shown = bars.transfer(rows, [side(BN), side(RN)], 1)
    (picture,) = shown.pictures  # RobustNorm was not measured
    for scorer, crafter, value in (
        ("as trained", "these", 20), ("as trained", "the others", 50),
        ("batch statistics", "these", 35), ("batch statistics", "the others", 30),
    ):  # fmt: skip
        assert f"{scorer}, attack made for {crafter} {value:.1f} %" in picture.alt
    assert shown.n == "n = 20 test images"
    assert shown.weights == {"BatchNorm": side(BN).weight_hash}
    assert shown.command == f"python -m rnorm_core.experiments.precompute.laboratories {BN} --out again.jsonl"
    assert plain(answers.transfer(rows, [side(BN), side(RN)], 1)).startswith(
        "An attack of 1/255 that is made for batch statistics leaves BatchNorm **35.0 %** right with them, "
        "and **50.0 %** "
    )
    assert answers.transfer(rows, [side(BN)], 8) == ""
    assert not bars.transfer(rows, [side(BN)], 8).pictures


def test_statistics_of_few_images(batch):
    sizes = BySize(side(BN), tuple(accuracy(k, size=k) for k in (1, 4)), (), (accuracy(18), None), "clean")
    shown = bars.sizes([sizes], Table(()))
    (picture,) = shown.pictures
    assert "1 photo alone 5.0 %" in picture.alt
    assert "4 photos together 20.0 %" in picture.alt
    assert "as trained, with the training set's 90.0 %" in picture.alt
    assert shown.note == ""
    assert not bars.sizes([], Table(())).pictures
    assert answers.sizes([sizes]) == ""  # 128 together are missing
    whole = replace(sizes, clean=(accuracy(2, size=1), accuracy(17, size=128)))
    assert plain(answers.sizes([whole])) == (
        "Right answers with batch statistics: BatchNorm **10.0 %** for photos shown alone; "
        "**85.0 %** for photos shown 128 together."
    )


def test_other_images_than_those_of_the_table_are_named(batch):
    table = Table((row(batch, 19, BN, "tracked"),))
    other = accuracy(9, n=10)
    assert plain(summary_bars.of_other_images(table, [(side(BN), other), (side(RN), other)])) == (
        "Clean accuracy as trained: of these 10 images BatchNorm 90.0 %; of the 20 on the page Accuracy 95.0 %."
    )
    assert summary_bars.of_other_images(table, [(side(BN), accuracy(19)), (side(RN), None)]) == ""


def test_company_and_poison(batch):
    rows = [row(batch, k, RN, "batch", size=8, draws=8, right=right) for k, right in ((11, "always"), (19, "ever"))]
    (picture,) = bars.neighbours(rows, [side(RN).in_mode("batch")]).pictures
    assert "in batches of 8 40.0 %" in picture.alt  # 19 less 11 of 20
    spec = {"name": "poison", "eps": 8 / 255}
    rows = [
        row(batch, 17, RN, "batch", poisoned=32, poison_255=8),
        row(batch, 9, RN, "batch", spec, poisoned=32, poison_255=8),
        row(batch, 18, RN, "tracked", poisoned=32, poison_255=8),
        row(batch, 18, RN, "tracked", spec, poisoned=32, poison_255=8),
    ]  # fmt: skip
    (picture,) = bars.poisoned(rows, [side(RN)]).pictures
    assert "before 85.0 %" in picture.alt
    assert "32 of 128 neighbours poisoned 45.0 %" in picture.alt
    assert "the same, statistics as trained 90.0 %" in picture.alt
    assert "RobustNorm **85.0 %**. After 32 of their 128 neighbours are poisoned: **45.0 %**" in plain(
        answers.poisoned(rows, [side(RN), side(BN)])
    )
    rows += [row(batch, k, RN, MEDIAN, s, poisoned=32, poison_255=8) for k, s in ((16, None), (10, spec))]
    (picture,) = bars.poisoned(rows, [side(RN)]).pictures
    assert "with medians, before 80.0 %" in picture.alt
    assert "with medians, poisoned anew 50.0 %" in picture.alt
    assert plain(answers.poisoned(rows, [side(RN)])).endswith(
        "With the batch's median as a defence, attacked anew: RobustNorm **80.0 %** before, **50.0 %** after."
    )


def test_statistics_counted_anew(batch):
    pgd = attacks.make("pgd", 1 / 255, 10).spec
    rows = [row(batch, 18, BN, "tracked", counted=0), row(batch, 3, BN, "tracked", pgd, counted=16)]
    rows.append(row(batch, 17, BN, "tracked", counted=16, training_images="cut"))
    (picture,) = bars.precise_bn(rows, [side(BN)], Table(())).pictures
    assert "clean, moving average 90.0 %" in picture.alt
    assert "clean, 16 of training images, cut 85.0 %" in picture.alt
    assert "clean, 16 batches" not in picture.alt
    assert "PGD 1/255, 16 batches 15.0 %" in picture.alt


def test_corruptions_beside_an_attack(batch):
    rows = [row(batch, k, BN, mode, corruption="fog", severity=5) for k, mode in ((5, "tracked"), (14, "batch"))]
    none = Variant("cifar10-resnet20-none", "tracked", "0" * 64, "none", "no norm")
    rows.append(replace(rows[0], model=none.model, norm="none"))
    found = corruption_bars.corrupted(rows, [side(BN), none], "fog", 5, 1, Table(()))
    (picture,) = found.pictures  # the attack was not measured
    assert picture.alt.startswith("Fog, severity 5 BatchNorm, as trained 25.0 %")
    assert "BatchNorm, batch statistics 70.0 %" in picture.alt
    assert "no norm, as trained 25.0 %" in picture.alt
    assert "no norm, batch" not in picture.alt
    assert found.weights.keys() == {"BatchNorm", "no norm"}
    assert not corruption_bars.corrupted(rows, [side(BN)], "fog", 4, 1, Table(())).pictures
    assert corruption_bars.answer(rows, [side(BN), none], "fog", 5, 1) == ""  # without the attack
    pgd, made_for = attacks.make("pgd", 1 / 255, 10).spec, {"model": BN, "statistics": "tracked"}
    made_for["weight_hash"] = side(BN).weight_hash
    rows += [row(batch, k, BN, mode, pgd, made_for=made_for) for k, mode in ((4, "tracked"), (6, "batch"))]
    assert plain(corruption_bars.answer(rows, [side(BN), none], "fog", 5, 1)) == (
        "Fog of severity 5: a batch's own statistics change accuracy by **+45.0 points** for BatchNorm. "
        "Attack of 1/255, made for the network as trained: by **+10.0**."
    )
    attack = corruption_bars.corrupted(rows, [side(BN), none], "fog", 5, 1, Table(())).pictures[1].alt
    assert attack.startswith("Attack of 1/255 BatchNorm, as trained 20.0 %")
    assert "no norm" not in attack


def test_headlines_of_the_table(batch):
    pgd = attacks.make("pgd", 1 / 255, 20).spec
    table = Table((row(batch, 19, BN, "tracked"), row(batch, 4, BN, "tracked", pgd), row(batch, 17, RN, "tracked")))
    found = summary_bars.headlines(table, [side(BN), side(RN)], (0, 1))
    assert found.pictures[0].alt.startswith("BatchNorm clean 95.0 %")
    assert "PGD, 20 steps, 1/255 20.0 %" in found.pictures[0].alt
    assert "PGD" not in found.pictures[1].alt
    of_bn, of_rn = found.command.splitlines()
    assert (
        f"rnorm_core.evaluation --models {BN} --statistics tracked --attacks clean pgd --eps 1 --count 20 --out"
        in of_bn
    )
    assert f"--models {RN} --statistics tracked --attacks clean --count 20 --out" in of_rn


def test_the_images_of_the_strongest_attack_are_those_of_all_bars():
    table = evaluation.table()
    shown = summary_bars.headlines(table, [Variant.of(BN, "batch")], (0, 1))
    found = {row.n: row for row in table.rows if (row.model, row.statistics, row.kind) == (BN, "batch", "apgd-margin")}
    (n,) = found
    assert f"apgd-margin fgsm noise pgd --eps 1 --count {n} " in shown.command
    assert shown.n == f"n = {n} test images"


def test_what_the_captions_say_is_true_of_the_shipped_rows():
    """Steps, draws, batches and seed stand in the captions as words: they must be those of the files."""
    rows = [*laboratories.rows(), *layer_shifts.moved()[0], *batch_sizes.by_size()[0]]
    assert {r.settings["steps"] for r in laboratories.rows() if r.attack in ("pgd", "poison")} == {10}
    assert {r.settings["draws"] for r in laboratories.rows() if "draws" in r.settings} == {8}
    assert {r.batch_size for r in laboratories.rows() if "draws" not in r.settings} == {128}
    assert {r.settings["steps"] for r in evaluation.table().rows if r.attack == "pgd"} == {20}
    assert {r.batch_size for r in evaluation.table().rows if r.statistics != "tracked"} == {128}
    assert {r.seed for r in [*rows, *evaluation.table().rows]} == {0}
