"""The loss around an image equals the model asked by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnorm_core.errors import UserError
from rnorm_core.sanity import even, plant, surface

GRID = (-1.0, -0.5, 0.0, 0.5, 1.0)
EPS = 4 / 255


def linear() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2)).requires_grad_(False).eval()


def test_every_point_is_the_model_s_answer(net, batch, generator):
    model, image, label = net(), batch.images[0], int(batch.labels[0])
    found = surface(model, image, label, EPS, GRID, generator())
    x = image[None].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), torch.tensor([label])), x)
    g, r = found.directions
    assert torch.equal(g, gradient[0].sign())
    assert set(r.unique().tolist()) == {-1.0, 1.0}
    assert found.gradient == pytest.approx(float(gradient.norm()), rel=1e-5)
    for i, a in enumerate(GRID):
        for j, b in enumerate(GRID):
            logits = model((image + EPS * (a * g + b * r)).clamp(0, 1)[None])[0]
            loss = float(F.cross_entropy(logits, torch.tensor(label)))
            assert float(found.loss[i, j]) == pytest.approx(loss, abs=1e-4)
            others = [value for k, value in enumerate(logits.tolist()) if k != label]
            assert float(found.margin[i, j]) == pytest.approx(max(others) - float(logits[label]), abs=1e-4)
            assert int(found.predicted[i, j]) == int(logits.argmax())
    assert torch.equal(found.margin > 0, found.predicted != label)
    assert found.loss[4, 2] > found.loss[2, 2]  # up the gradient


def test_a_linear_model_is_a_plane(generator):
    image = 0.3 + 0.4 * torch.rand((3, 32, 32), generator=generator(1))
    found = surface(linear(), image, 1, EPS, GRID, generator())
    m = found.margin.double()
    assert torch.allclose(m.diff(n=2, dim=0), torch.zeros(3, 5).double(), atol=1e-4)
    assert torch.allclose(m.diff(n=2, dim=1), torch.zeros(5, 3).double(), atol=1e-4)
    assert torch.allclose(m[0, 0] + m[4, 4], m[0, 4] + m[4, 0], atol=1e-4)
    weight = linear()[1].weight  # along the gradient's sign the margin grows by eps times the sum of |w|
    slope = EPS * (weight[0] - weight[1]).abs().sum()
    assert torch.allclose(m[3] - m[1], slope.double().expand(5), rtol=1e-3)


def test_an_even_grid_holds_the_image_itself():
    assert even(5, 2) == (-2, -1, 0, 1, 2)
    assert even()[10] == 0
    for points in (1, 20):
        with pytest.raises(UserError, match="odd"):
            even(points)


def test_points_are_images(generator):
    seen = []
    model = linear()
    model.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].clone()))
    surface(model, torch.ones(3, 32, 32), 0, 0.5, GRID, generator())
    assert all(x.min() >= 0 and x.max() <= 1 for x in seen)


def test_the_same_seed_gives_two_models_the_same_direction(net, batch, generator):
    found = [surface(net(which=k), batch.images[0], 0, EPS, (0.0,), generator(7)) for k in (0, 1)]
    assert torch.equal(found[0].directions[1], found[1].directions[1])


def test_other_images_are_in_every_batch(net, batch, generator):
    model, image = net("batch"), batch.images[0]
    with pytest.raises(UserError, match="depends on the batch"):
        surface(model, image, 0, EPS, GRID, generator())
    found = surface(model, image, 0, EPS, GRID, generator(), others=batch.images[1:6])
    assert found.others == 5
    g, r = found.directions
    point = (image + EPS * (g - 0.5 * r)).clamp(0, 1)
    logits = model(torch.cat([point[None], batch.images[1:6]]))[0]
    assert float(found.loss[4, 1]) == pytest.approx(float(F.cross_entropy(logits, torch.tensor(0))), abs=1e-4)


def test_without_a_gradient_rows_are_all_alike(net, batch, generator):
    found = surface(plant("quantised", net()), batch.images[0], int(batch.labels[0]), EPS, GRID, generator())
    assert found.gradient == 0
    assert torch.equal(found.loss, found.loss[:1].expand(5, 5))


def test_it_can_be_stopped(net, batch, generator):
    def stop(fraction, text, partial=None):
        raise KeyError(fraction)

    with pytest.raises(KeyError):
        surface(net(), batch.images[0], 0, EPS, GRID, generator(), progress=stop)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"label": 10}, "no class 10"), ({"eps": 0}, "size"), ({"grid": ()}, "points"), ({"image": 2}, r"\[0, 1\]")],
)
def test_what_does_not_fit(net, batch, generator, change, words):
    given = {"image": batch.images[0], "label": 0, "eps": EPS, "grid": GRID, **change}
    if "image" in change:
        given["image"] = batch.images[0] + 2
    with pytest.raises(UserError, match=words):
        surface(net(), **given, generator=generator())
