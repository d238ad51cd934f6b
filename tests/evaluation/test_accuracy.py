"""Accuracy by count, intervals beside SciPy's, one fixed partition; and every shipped card measured again."""

import pytest
import scipy.stats
import torch
from torch import nn

from rnorm_core import attacks, data, zoo
from rnorm_core.data import CLASSES, Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation import accuracy, predict, wilson


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize(
    ("correct", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (1, 20), (63, 100), (126, 200), (9137, 10_000)]
)
def test_wilson_is_scipys(correct, n, level):
    expected = scipy.stats.binomtest(correct, n).proportion_ci(level, "wilson")
    assert wilson(correct, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_95_percent_is_the_default_and_ends_at_zero_and_one():
    assert wilson(126, 200) == wilson(126, 200, 0.95)
    assert wilson(0, 7)[0] == 0
    assert wilson(7, 7)[1] == 1


@pytest.mark.parametrize(("correct", "n"), [(0, 0), (-1, 3), (4, 3)])
def test_wilson_of_nothing(correct, n):
    with pytest.raises(ValueError, match="0 <= correct <= n"):
        wilson(correct, n)


def make_batch(labels: list[int]) -> Batch:
    n = len(labels)
    images = torch.rand((n, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    ids = tuple(f"{i:064x}" for i in range(n))
    return Batch(images, torch.tensor(labels), CLASSES["cifar10"], ids, "drawn for a test", "cifar10")


class Reader(nn.Module):
    """Says the class that is written in an image's first pixel, and notes the batches it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()), requires_grad=False)
        self.seen: list[torch.Tensor] = []

    def forward(self, x):
        self.seen.append(x[:, 0, 0, 0].clone())
        written = (x[:, 0, 0, 0] * 255).round().long()
        return nn.functional.one_hot(written, 10).float() + self.anchor


def written(labels: list[int], classes: list[int]) -> Batch:
    batch = make_batch(labels)
    batch.images[:, 0, 0, 0] = torch.tensor(classes) / 255
    return batch


def test_accuracy_counts_by_hand():
    found = accuracy(Reader(), written([1, 2, 3, 4, 5], [1, 2, 0, 4, 0]), batch_size=2)
    assert (found.correct, found.n, found.value) == (3, 5, 0.6)
    assert (found.low, found.high) == wilson(3, 5)
    assert (found.model, found.weight_hash, found.spec, found.batch_size) == ("unnamed", "", {}, 2)


def test_every_image_is_seen_once_in_order_and_in_batches_of_the_size_asked_for():
    model, labels = Reader(), list(range(10)) + [3]
    progress = []
    accuracy(model, written(labels, labels), batch_size=4, on_progress=lambda done, n: progress.append((done, n)))
    assert [len(part) for part in model.seen] == [4, 4, 3]
    assert (torch.cat(model.seen) * 255).round().tolist() == labels
    assert progress == [(4, 11), (8, 11), (11, 11)]


class Ranks(nn.Module):
    """As with batch statistics, neighbours decide: class 1 for images brighter than their batch's mean, else 0."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()), requires_grad=False)

    def forward(self, x):
        brightness = x.mean((1, 2, 3))
        return torch.stack([torch.zeros_like(brightness), brightness - brightness.mean()], 1) + self.anchor


def bright(levels: list[float], labels: list[int]) -> Batch:
    batch = make_batch(labels)
    batch.images[:] = torch.tensor(levels)[:, None, None, None]
    return batch


def test_the_partition_is_part_of_the_measurement():
    levels = [0.1, 0.2, 0.3, 0.4]
    batch = bright(levels, [0, 0, 1, 1])
    assert accuracy(Ranks(), batch, batch_size=4).correct == 4
    assert accuracy(Ranks(), batch, batch_size=2).correct == 2  # (0.1, 0.2) and (0.3, 0.4): the brighter is class 1
    assert accuracy(Ranks(), batch.select([0, 2, 1, 3]), batch_size=2).correct == 4


class Shift:
    """An attack in name: writes the class one higher, and notes whom it attacked together."""

    spec = {"name": "shift"}  # noqa: RUF012

    def __init__(self) -> None:
        self.together: list[tuple[str, ...]] = []
        self.generators: list[int] = []

    def run(self, model, batch, generator):
        self.together.append(batch.ids)
        self.generators.append(generator.initial_seed())
        adversarial = batch.images.clone()
        adversarial[:, 0, 0, 0] += 1 / 255
        return type("Trace", (), {"adversarial": adversarial, "adversarial_probabilities": model(adversarial)})


def test_attacked_images_are_scored_in_the_batches_they_were_attacked_in():
    attack, batch = Shift(), written([1, 2, 3], [0, 1, 1])
    found = accuracy(Reader(), batch, attack, batch_size=2, generator=torch.Generator().manual_seed(9))
    assert found.correct == 2
    assert attack.together == [batch.ids[:2], batch.ids[2:]]
    assert attack.generators == [9, 9]
    assert found.spec == {"name": "shift"}


def test_the_same_generator_gives_the_same_result():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)).eval().requires_grad_(False)
    batch = make_batch([0] * 30)
    batch = Batch(batch.images, predict(model, batch.images), batch.classes, batch.ids, batch.source, batch.dataset)
    attack = attacks.make("pgd", eps=0.5 / 255, steps=2)
    default = accuracy(model, batch, attack, batch_size=7)
    again = accuracy(model, batch, attack, batch_size=7, generator=torch.Generator().manual_seed(0))
    assert default == again
    assert 0 < default.correct < 30
    assert default.spec["eps"] == 0.5 / 255


def test_progress_may_stop_it():
    class Stop(Exception):
        pass

    def stop(done, n):
        raise Stop

    model = Reader()
    with pytest.raises(Stop):
        accuracy(model, written([1] * 6, [1] * 6), batch_size=2, on_progress=stop)
    assert len(model.seen) == 1


def test_unknown_labels_and_no_images_are_refused():
    with pytest.raises(UserError, match="labelled images"):
        accuracy(Reader(), written([1, -1], [1, 1]))
    with pytest.raises(UserError, match="labelled images"):
        accuracy(Reader(), make_batch([1]).select([]))


# --- the cards -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not zoo.names(), reason="no trained network is in pretrained/")
@pytest.mark.parametrize("name", zoo.names())
def test_every_card_is_measured_again(name):
    """Clean accuracy within 2 images of 10,000; under attack within the card's interval."""
    card = zoo.card(name)
    if not any(source.complete for source in data.available(card.dataset)):
        pytest.skip(f"{card.dataset}'s full test set is not here (CIFAR_ROOT or the Hugging Face cache)")
    assert card.accuracy() is not None, "a shipped card says its clean accuracy"
    for row in card.accuracies:
        complete = row["n"] == 10_000
        batch = data.load(card.dataset, "test", count=None if complete else row["n"], seed=row["settings"].get("seed", 0))
        options = {key: value for key, value in row["settings"].items() if key not in ("name", "batch_size", "seed")}
        attack = attacks.make(row["attack"], **options) if row["attack"] else None
        model = zoo.load(name, row["statistics"], fold=True)
        found = accuracy(model, batch, attack, row["settings"]["batch_size"], seed=row["settings"].get("seed", 0))
        assert found.n == row["n"]
        assert (row["low"], row["high"]) == pytest.approx(wilson(row["correct"], row["n"]), abs=1e-6)
        if attack is None:
            assert abs(found.correct - row["correct"]) <= 2, row
        else:
            assert row["low"] <= found.value <= row["high"], row
