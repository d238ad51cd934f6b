"""What is measured of gradients and neighbours, where the answer is known."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnorm_core.errors import UserError
from rnorm_core.sanity import plant
from rnorm_core.sanity.measurements import gradients, neighbours


class Dice(nn.Module):
    """Draws lots from a generator of its own."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.generator = model, torch.Generator().manual_seed(0)
        self.eval()

    def forward(self, x):
        logits = self.model(x)
        return logits + 5 * torch.randn(logits.shape, generator=self.generator)


def test_gradients_are_those_of_each_image_alone(net, batch):
    found = gradients(net(), batch, 10)
    for index in (0, 11, 23):
        x = batch.images[index : index + 1].clone().requires_grad_()
        loss = F.cross_entropy(net()(x), batch.labels[index : index + 1])
        (gradient,) = torch.autograd.grad(loss, x)
        assert float(found.lengths[index]) == pytest.approx(float(gradient.norm()), rel=1e-3)
        assert float(found.zeros[index]) == pytest.approx(float((gradient == 0).float().mean()), abs=1e-6)


def test_half_a_gradient_is_half_zero(net, batch):
    class Half(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model.eval()
            self.eval()

        def forward(self, x):
            return self.model(torch.cat([x[..., :16], x[..., 16:].detach()], dim=-1))

    assert (gradients(Half(net()), batch, 10).zeros >= 0.5).all()
    assert (gradients(plant("quantised", net()), batch, 10).zeros == 1).all()


def test_population_statistics_judge_each_for_itself(net, batch, generator):
    found = neighbours(net(), batch, 10, generator())
    assert float(found.repeated.max()) == 0
    assert float(found.shuffled.max()) < 1e-4
    assert not found.flipped_shuffled.any()


def test_batch_statistics_do_not(net, batch, generator):
    found = neighbours(net("batch"), batch, 10, generator())
    assert float(found.repeated.max()) == 0
    order = torch.randperm(24, generator=generator()).tolist()
    with torch.no_grad():
        alone = net("batch")(batch.images[order[:2]]).softmax(1)
        # the whole image's answer in its place of the fixed partition
        start = 10 * (order[0] // 10)
        whole = net("batch")(batch.images[start : start + 10]).softmax(1)[order[0] - start]
    assert float(found.shuffled[order[0]]) == pytest.approx(float((alone[0] - whole).abs().max()), abs=1e-5)
    assert float(found.shuffled.max()) > 0.01


def test_lots_are_noticed(net, batch, generator):
    assert float(neighbours(Dice(net()), batch, 10, generator()).repeated.max()) > 0.1


def test_odd_numbers_leave_nobody_alone(net, batch, generator):
    seen = []
    model = net("batch")
    model.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    neighbours(model, batch.select(range(5)), 10, generator())
    assert seen == [5, 5, 2, 3]


def test_one_image_has_no_neighbours(net, batch, generator):
    with pytest.raises(UserError, match="no neighbours"):
        neighbours(net(), batch.select([0]), 10, generator())
