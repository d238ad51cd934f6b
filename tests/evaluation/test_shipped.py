"""The shipped table: complete, sound and of the shipped weights; and, slowly, a sample of it measured again."""

import pytest

from rnorm_core import attacks, data, evaluation, zoo
from rnorm_core.evaluation.sweep import BATCH, STEPS, images_hash, modes, plan
from rnorm_core.evaluation.table import shipped

pytestmark = pytest.mark.skipif(not shipped().exists(), reason=f"{shipped().name} has not been measured yet")

NAMES = [name for name in zoo.names() if zoo.card(name).dataset == "cifar10"]
NETS = [(name, mode) for name in NAMES for mode in modes(name)]
COUNT = 2000
# Machines round differently, and an image at the edge then falls to the other side. Folded and unfolded networks, with
# and without oneDNN, agreed on every one of 128 images.
DIFFER = 0.01


@pytest.fixture(scope="module")
def rows() -> tuple[evaluation.Row, ...]:
    return evaluation.read(shipped())


@pytest.fixture(scope="module")
def full():
    """The test images that the sweep chose."""
    if not any(source.complete for source in data.available("cifar10")):
        pytest.skip("cifar10's full test set is not here (CIFAR_ROOT or the Hugging Face cache)")
    return data.load("cifar10", "test", count=COUNT, seed=0)


def test_it_belongs_to_the_shipped_weights(rows):
    assert {(row.model, row.weight_hash) for row in rows} == {(name, zoo.card(name).sha256) for name in NAMES}
    assert evaluation.table().notice == ""


def test_every_condition_is_there(rows):
    measured = {(r.model, r.statistics, r.attack, r.eps_255, r.pixels, r.n, r.seed) for r in rows}
    wanted = {
        (c.model, c.statistics, c.attack, c.eps_255, pixels, COUNT, 0) for c in plan(NAMES) for pixels in c.pixels
    }
    assert sorted(wanted - measured) == []


def test_every_row_is_sound(rows):
    for row in rows:
        assert int(row.mask.sum()) == row.correct
        assert (row.low, row.high) == pytest.approx(evaluation.wilson(row.correct, row.n), abs=1e-6)
        assert (row.norm, row.dataset) == (zoo.card(row.model).norm, zoo.card(row.model).dataset)
        assert row.batch_size == BATCH
        if row.attack != "clean":
            assert row.settings == attacks.make(**row.settings).spec
            assert row.settings["name"] == row.attack
            assert row.settings["eps"] == pytest.approx(row.eps_255 / 255)
            assert row.settings["steps"] == STEPS.get(row.attack, 1)
            assert row.settings.get("precision", "fp32") == "fp32"
            assert row.settings["targets"] is None


def test_all_rows_of_a_count_saw_the_same_images(rows):
    assert len({(row.n, row.seed) for row in rows}) == len({row.images for row in rows})


def test_the_images_are_those_that_the_seed_picks(rows, full):
    assert {row.images for row in rows if (row.n, row.seed) == (COUNT, 0)} == {images_hash(full.ids)}


def test_the_file_is_as_a_finished_sweep_leaves_it(rows):
    places = [(row.model, modes(row.model).index(row.statistics), row.attack, row.eps_255) for row in rows]
    assert places == sorted(places)


# --- measured again --------------------------------------------------------------------------------------------------


def again(rows, batch, name: str, statistics: str, attack: str, eps_255: float) -> None:
    """Attacks the images of `batch`, the first of the table's, once more, and compares image by image."""
    found = None
    for pixels in evaluation.PIXELS:
        (row,) = (
            r for r in rows
            if (r.model, r.statistics, r.attack, r.eps_255) == (name, statistics, attack, eps_255)
            and (r.pixels, r.n, r.seed) == (pixels, COUNT, 0)
        )  # fmt: skip
        if found is None:
            model = zoo.load(name, statistics, fold=True)
            made = attacks.make(**row.settings)
            found = evaluation.accuracies(model, batch, made, row.batch_size, seed=0, pixels=evaluation.PIXELS)
        differ = int((found[pixels].hits != row.mask[: len(batch)]).sum())
        assert differ <= DIFFER * len(batch), f"{differ} of {len(batch)} images, {pixels}"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "statistics"), NETS)
def test_fgsm_measured_again(rows, full, name, statistics):
    again(rows, full, name, statistics, "fgsm", 1)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "statistics"), NETS)
def test_pgd_measured_again_on_two_batches(rows, full, name, statistics):
    again(rows, full.select(range(2 * BATCH)), name, statistics, "pgd", 0.5)
