"""The small pictures from shipped rows: the right numbers under the right names, and nothing where nothing is."""

from dataclasses import replace

import pytest
import torch

from rnorm_core import attacks, data, evaluation
from rnorm_core.data import Batch
from rnorm_core.evaluation import Accuracy, Row, Table, wilson
from rnorm_core.evaluation.tables import batch_sizes, laboratories, layer_shifts
from rnorm_core.evaluation.tables.new_rows import blank, filled
from rnorm_core.norms import STATISTICS
from rnorm_core.ui.batch_statistics import bars
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
        ("tracked", "itself", 20), ("tracked", "batch", 50), ("batch", "itself", 35), ("batch", "tracked", 30),
    ):  # fmt: skip
        assert f"scored {scorer}, attack made for {crafter} {value:.1f} %" in picture.alt
    assert "n = 20 test images (seed 0)" in shown.about
    assert f"BatchNorm `{side(BN).weight_hash[:12]}`" in shown.about
    assert f"`python -m rnorm_core.experiments.precompute.laboratories {BN} --out again.jsonl`" in shown.about
    assert not bars.transfer(rows, [side(BN)], 8).pictures


def test_statistics_of_few_images(batch):
    sizes = BySize(side(BN), tuple(accuracy(k, size=2 * k) for k in (2, 8)), (), (accuracy(18), None), "clean")
    (picture,) = bars.sizes([sizes]).pictures
    assert "statistics of 4 images 10.0 %" in picture.alt
    assert "statistics of 16 images 40.0 %" in picture.alt
    assert "tracked 90.0 %" in picture.alt
    assert not bars.sizes([]).pictures


def test_company_and_poison(batch):
    rows = [row(batch, k, RN, "batch", size=8, draws=8, right=right) for k, right in ((11, "always"), (19, "ever"))]
    (picture,) = bars.neighbours(rows, [side(RN)]).pictures
    assert "in batches of 8 40.0 %" in picture.alt  # 19 less 11 of 20
    spec = {"name": "poison", "eps": 8 / 255}
    rows = [
        row(batch, 18, RN, "batch", poisoned=8, poison_255=8),
        row(batch, 9, RN, "batch", spec, poisoned=8, poison_255=8),
        row(batch, 18, RN, "tracked", spec, poisoned=32, poison_255=8),
    ]  # fmt: skip
    (picture,) = bars.poisoned(rows, [side(RN)]).pictures
    assert "batch, 8 of 128 to be poisoned 90.0 %" in picture.alt
    assert "batch, 8 of 128 poisoned 45.0 %" in picture.alt
    assert "tracked, 32 of 128 poisoned 90.0 %" in picture.alt


def test_statistics_counted_anew(batch):
    pgd = attacks.make("pgd", 1 / 255, 10).spec
    rows = [row(batch, 18, BN, "tracked", counted=0), row(batch, 3, BN, "tracked", pgd, counted=16)]
    rows.append(row(batch, 17, BN, "tracked", counted=16, training_images="cut"))
    (picture,) = bars.precise_bn(rows, [side(BN)]).pictures
    assert "clean, moving average 90.0 %" in picture.alt
    assert "clean, 16 of training images, cut 85.0 %" in picture.alt
    assert "clean, 16 batches counted" not in picture.alt
    assert "PGD 1/255, 16 batches counted 15.0 %" in picture.alt


def test_corruptions_beside_an_attack(batch):
    rows = [row(batch, k, BN, mode, corruption="fog", severity=5) for k, mode in ((5, "tracked"), (14, "batch"))]
    none = Variant("cifar10-resnet20-none", "tracked", "0" * 64, "none", "no norm")
    rows.append(replace(rows[0], model=none.model, norm="none"))
    found = corruption_bars.corrupted(rows, [side(BN), none], "fog", 5, 1)
    assert "Fog, severity 5, tracked 25.0 %" in found.pictures[0].alt
    assert "Fog, severity 5, batch 70.0 %" in found.pictures[0].alt
    assert "batch" not in found.pictures[1].alt
    assert not corruption_bars.corrupted(rows, [side(BN)], "fog", 4, 1).pictures


def test_attacks_of_the_table(batch):
    pgd = attacks.make("pgd", 1 / 255, 20).spec
    table = Table((row(batch, 19, BN, "tracked"), row(batch, 4, BN, "tracked", pgd), row(batch, 17, RN, "tracked")))
    found = summary_bars.attacked(table, [side(BN), side(RN)], (("clean", 0), ("pgd", 1)))
    assert found.pictures[0].alt.startswith("BatchNorm, tracked clean 95.0 %")
    assert "PGD, 1/255 20.0 %" in found.pictures[0].alt
    assert "PGD" not in found.pictures[1].alt
    command = "rnorm_core.evaluation --models {} {} --statistics tracked --attacks clean pgd --eps 1 --count 20 --out"
    assert command.format(BN, RN) in found.about


def test_what_the_captions_say_is_true_of_the_shipped_rows():
    """Steps, draws, batches and seed stand in the captions as words: they must be those of the files."""
    rows = [*laboratories.rows(), *layer_shifts.moved()[0], *batch_sizes.by_size()[0]]
    assert {r.settings["steps"] for r in laboratories.rows() if r.attack in ("pgd", "poison")} == {10}
    assert {r.settings["draws"] for r in laboratories.rows() if "draws" in r.settings} == {8}
    assert {r.batch_size for r in laboratories.rows() if "draws" not in r.settings} == {128}
    assert {r.settings["steps"] for r in evaluation.table().rows if r.attack == "pgd"} == {20}
    assert {r.batch_size for r in evaluation.table().rows if r.statistics != "tracked"} == {128}
    assert {r.seed for r in [*rows, *evaluation.table().rows]} == {0}
