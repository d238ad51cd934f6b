"""The transfer matrix of two networks, without a page: rows as they come, and the shipped one."""

import pytest

from rnorm_core import attacks, evaluation, zoo
from rnorm_core.data import ImageChoice
from rnorm_core.evaluation.measure import craft
from rnorm_core.evaluation.measure.matrix import matrix
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.experiments import transfer_matrix
from rnorm_core.norms import STATISTICS
from rnorm_core.zoo import Variant

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"
STEPS = 2


@pytest.fixture
def request_(small_zoo, monkeypatch) -> transfer_matrix.Request:
    monkeypatch.setattr(laboratories, "STEPS", STEPS)
    return transfer_matrix.Request(Variant.of(BN), Variant.of(RN), ImageChoice.of_samples(count=8), eps_255=8)


def test_every_network_in_every_mode(request_):
    partials, fractions = [], []

    def progress(fraction, text, partial=None):
        fractions.append(fraction)
        partials.extend([] if partial is None else [partial])

    result = transfer_matrix.run(request_, progress)
    assert [len(partial.matrix.cells) for partial in partials] == [0, 1, 2, 3, 4, 5, 6]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    crafters = result.matrix.crafters
    assert [variant.model for variant in crafters] == [BN, RN] * 3  # left and right take turns
    assert set(crafters) == set(request_.variants) == set(result.matrix.scorers)
    images, pgd = request_.images.load(), attacks.make("pgd", 8 / 255, STEPS)
    three = [zoo.load(BN, mode, fold=True) for mode in STATISTICS]
    mine = [Variant.of(BN, mode) for mode in STATISTICS]
    assert result.matrix.part(mine, mine).rows == matrix(three, three, images, pgd, 8).rows


def test_what_transfers_is_paired_image_by_image(request_):
    found = transfer_matrix.run(request_).matrix
    images, pgd, scorer = request_.images.load(), attacks.make("pgd", 8 / 255, STEPS), zoo.load(BN, "batch")
    made = [craft.craft(zoo.load(BN, mode, fold=True), images, pgd, 8).images for mode in ("tracked", "batch")]
    hits = [craft.score(scorer, some, images, pgd, 8).hits for some in made]
    assert found.transfer(Variant.of(BN), Variant.of(BN, "batch")) == evaluation.paired(*hits)


def test_modes_of_a_request_do_not_matter_and_one_network_is_measured_once(small_zoo):
    images = ImageChoice.of_samples(count=8)
    request = transfer_matrix.Request(Variant.of(BN, "batch"), Variant.of(BN, "tracked"), images, 1)
    assert request.variants == tuple(Variant.of(BN, mode) for mode in STATISTICS)


def test_the_shipped_matrix():
    if not laboratories.rows():
        pytest.skip("no shipped rows belong to the shipped weights")
    request = transfer_matrix.Request(Variant.of(BN), Variant.of(RN), ImageChoice.of_samples(count=1), eps_255=1)
    result = transfer_matrix.shipped(request)
    assert result is not None
    assert result.matrix.n > 20
    assert len(result.matrix.cells) == len(result.matrix.scorers) == 6
    for crafter, cells in zip(result.matrix.crafters, result.matrix.cells, strict=True):
        made_for = {"model": crafter.model, "statistics": crafter.statistics, "weight_hash": crafter.weight_hash}
        rows = [r for r in laboratories.rows() if r.settings.get("made_for") == made_for and r.eps_255 == 1]
        for scorer, cell in zip(result.matrix.scorers, cells, strict=True):
            row = laboratories.of(rows, scorer.model, scorer.statistics)
            assert row is not None
            assert cell.correct == row.correct
    assert attacks.make(**result.matrix.spec).spec == laboratories.pgd(1).spec
    elsewhere = transfer_matrix.Request(request.left, request.right, request.images, eps_255=3)
    assert transfer_matrix.shipped(elsewhere) is None
