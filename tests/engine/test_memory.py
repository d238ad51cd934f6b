"""A GPU whose memory is too small, in place of which a network refuses large batches."""

import pytest
import torch
from torch import nn

from rnorm_core import attacks, data, evaluation, jobs, models, progress
from rnorm_core.engine import CrossEntropy, Eager


class Small(nn.Module):
    """A network on a device with memory for `most` images; its copy on the CPU has enough."""

    def __init__(self, network: nn.Module, most: int) -> None:
        super().__init__()
        self.network, self.most, self.batches = network, most, []
        self.eval()

    def forward(self, x):
        if len(x) > self.most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        self.batches.append(len(x))
        return self.network(x)

    def cpu(self):
        self.most = 10**9
        return self


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return models.build("resnet20", "bn", 10, width=1 / 4).double().eval().requires_grad_(False)


@pytest.fixture
def notes():
    said = []
    token = progress.listener.set(said.append)
    yield said
    progress.listener.reset(token)


@pytest.mark.parametrize(("most", "splits"), [(3, True), (1, True), (0, True), (3, False)])
def test_less_memory_gives_the_same_numbers_and_says_so(network, notes, most, splits):
    images, score = torch.rand(8, 3, 32, 32, dtype=torch.float64), CrossEntropy(torch.arange(8), 7)
    small = Small(network, most)
    passes = Eager(small, splits=splits)
    expected, found = Eager(network).ascend(images, score), passes.ascend(images, score)
    for one, other in zip(expected, found, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)
    assert torch.allclose(passes.logits(images), expected.logits, rtol=0, atol=1e-12)
    if most and splits:
        assert max(small.batches) <= most
        assert "images at a time" in notes[-1]
    else:
        assert "the CPU computes" in notes[-1]
    before = len(notes)
    passes.ascend(images, score)  # it has learnt how many fit
    assert len(notes) == before


def test_memory_that_is_too_small_even_for_the_cpu_is_an_error(network):
    small = Small(network, 0)
    small.cpu = lambda: small
    with pytest.raises(torch.cuda.OutOfMemoryError):
        Eager(small, splits=True).logits(torch.rand(2, 3, 32, 32, dtype=torch.float64))


def test_attacks_and_accuracies_go_on_and_the_job_says_how(network):
    samples = data.samples("cifar10")
    attack = attacks.make("pgd", 2 / 255, 3)

    def work(model):
        return lambda job: (
            evaluation.accuracy(model, samples, attack).hits.tolist()
            + evaluation.predict(model, samples.images.double()).tolist()
        )

    enough = jobs.Jobs().start("enough", work(network))
    little = jobs.Jobs().start("little", work(Small(network, 8)))
    assert little.result(60) == enough.result(60)
    assert enough.state.notes == ()
    assert little.state.notes == ("The GPU's memory is too small: the CPU computes.",)
