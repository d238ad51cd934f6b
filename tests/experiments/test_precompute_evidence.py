"""The command that measures layers and batch sizes: what it writes, that it goes on, that it notices new weights."""

from types import SimpleNamespace

import pytest
import torch

from rnorm_core import data, evaluation, norms, probes, shift, zoo
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation.tables import batch_sizes, layer_shifts
from rnorm_core.evaluation.tables.new_rows import one_dataset
from rnorm_core.experiments.precompute import evidence
from tests.rows import unsigned

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"


@pytest.fixture
def batch(small_zoo, monkeypatch) -> Batch:
    """Twenty real photos, in batches of eight."""
    monkeypatch.setattr(evidence, "BATCH", 8)
    monkeypatch.setattr(evidence, "SIZES", (1, 5))
    monkeypatch.setattr(evidence, "STEPS", 2)
    return data.samples("cifar10")


def test_layers(batch, tmp_path):
    out, reports = tmp_path / "moved.jsonl", []
    evidence.measure_shifts([BN], batch, out, reports.append, (8,))
    rows = layer_shifts.FILE.read(out)
    assert [(row.attack, row.eps_255) for row in rows] == [("clean", 0), ("pgd", 8), ("noise", 8)]
    clean = rows[0]
    assert clean.beyond("mean").shape == (3, len(clean.layers))  # 8, 8 and 4 images
    population, part = shift.population(BN), batch.select(range(8, 16))
    recorded = probes.record(zoo.load(BN), part.images, grid=population.statistics)
    by_hand = [layer.summary("wasserstein") for layer in shift.compare(recorded, population.statistics).layers]
    assert clean.shifts["wasserstein"][1] == pytest.approx(by_hand, rel=1e-3)
    band = population.band("tracked", 8, clean.layers[2], "mean")
    assert clean.bands["mean"][2] == pytest.approx([band.summary_low, band.summary_high], rel=1e-3)
    assert clean.mask().tolist() == (evaluation.predict(zoo.load(BN), batch.images) == batch.labels).tolist()
    own = [evaluation.predict(zoo.load(BN, "batch"), p.images) == p.labels for p in
           (batch.select(range(i, min(i + 8, 20))) for i in (0, 8, 16))]  # fmt: skip
    assert clean.mask("own").tolist() == torch.cat(own).tolist()
    assert len(reports) == 3


def test_it_goes_on_where_it_was_stopped_and_drops_other_weights(batch, tmp_path):
    out, reports = tmp_path / "moved.jsonl", []
    evidence.measure_shifts([BN], batch, out, reports.append, ())
    evidence.measure_shifts([BN, RN], batch, out, reports.append, (8,))
    assert len(reports) == 1 + 5
    before = out.read_text()
    evidence.measure_shifts([BN, RN], batch, out, reports.append, (8,))
    assert out.read_text() == before
    out.write_text(unsigned(before).replace(zoo.card(RN).sha256, "0" * 64))
    evidence.measure_shifts([RN], batch, out, reports.append, (8,))
    rows = layer_shifts.FILE.read(out)
    assert len(rows) == 6
    assert {row.weight_hash for row in rows} == {zoo.card(name).sha256 for name in (BN, RN)}


def test_batch_sizes(batch, tmp_path):
    out, reports = tmp_path / "sizes.jsonl", []
    evidence.measure_batch_sizes([BN, RN], batch, out, reports.append, images=6)
    rows = evaluation.read(out)
    assert {(r.statistics, r.attack, r.batch_size, r.n) for r in rows if r.model == BN} == {
        ("tracked", "clean", 8, 20), ("batch", "clean", 1, 20), ("batch", "clean", 5, 20),
        ("tracked", "pgd", 8, 6), ("batch", "pgd", 1, 6), ("batch", "pgd", 5, 6),
    }  # fmt: skip
    alone = next(r for r in rows if (r.model, r.statistics, r.attack, r.batch_size) == (RN, "batch", "clean", 1))
    model = zoo.load(RN, "batch")
    singly = [bool(evaluation.predict(model, batch.images[i : i + 1])[0] == batch.labels[i]) for i in range(20)]
    assert alone.mask.tolist() == singly
    count = len(reports)
    evidence.measure_batch_sizes([BN, RN], batch, out, reports.append, images=6)
    assert len(reports) == count
    assert evaluation.read(out) == rows


def test_a_network_without_batch_statistics_has_no_batch_size(batch, tmp_path, monkeypatch):
    monkeypatch.setattr(norms, "modes", lambda norm: ("tracked",))
    evidence.measure_batch_sizes([BN], batch, tmp_path / "sizes.jsonl", print)
    assert evaluation.read(tmp_path / "sizes.jsonl") == ()


def test_the_samples_are_no_test_set(small_zoo, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError):
        evidence.measure([BN], tmp_path / "empty", 20)
    assert not layer_shifts.shipped().exists()
    assert not batch_sizes.shipped().exists()


def test_a_table_is_of_one_data_set(monkeypatch):
    monkeypatch.setattr(zoo, "card", lambda name: SimpleNamespace(dataset=name.partition("-")[0]))
    assert one_dataset(["cifar100-resnet20-bn", "cifar100-resnet20-rn"]) == "cifar100"
    with pytest.raises(UserError, match="not cifar10 and cifar100"):
        one_dataset(["cifar100-resnet20-bn", "cifar10-resnet20-bn"])
