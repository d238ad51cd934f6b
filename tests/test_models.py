"""CIFAR networks: shapes, sizes, and folding; torchvision's with other norms."""

import sys

import pytest
import torch

from rnorm_core import models
from rnorm_core.errors import UserError
from rnorm_core.norms import NORMS, BatchNorm2d, DualBatchNorm2d, NoNorm, RobustNorm2d, looks_at_batch, modes
from rnorm_core.training.recipe import RECIPES


def with_random_statistics(model: torch.nn.Module) -> torch.nn.Module:
    for layer in model.modules():
        if isinstance(layer, BatchNorm2d | RobustNorm2d):
            layer.weight.data.uniform_(0.5, 1.5)
            layer.bias.data.normal_()
            layer.running_mean.normal_()
            (layer.running_var if isinstance(layer, BatchNorm2d) else layer.running_range).uniform_(0.5, 3)
    return model.eval()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("architecture", models.ARCHITECTURES)
def test_every_network_gives_logits_and_gradients(architecture, norm):
    model = models.build(architecture, norm, classes=7, width=0.25).train()
    logits = model(torch.rand(2, 3, 32, 32))
    assert logits.shape == (2, 7)
    (logits.sum() + logits.square().sum()).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("architecture", models.ARCHITECTURES)
def test_every_network_takes_the_small_crops_of_training(architecture):
    model = models.build(architecture, "bn", width=0.25).train()
    for recipe in RECIPES.values():
        assert model(torch.rand(2, 3, recipe.small_crop, recipe.small_crop)).shape == (2, 10)


@pytest.mark.parametrize(("architecture", "count"), [("resnet20", 269_722), ("resnet38", None), ("resnet50", None)])
def test_resnets_have_the_depth_they_are_named_for(architecture, count):
    model = models.build(architecture, "bn")
    convolutions = sum(isinstance(m, torch.nn.Conv2d) for m in model.modules())
    assert convolutions + 1 == int(architecture.removeprefix("resnet"))
    if architecture == "resnet20":  # He et al. 2016 give 0.27 M
        assert sum(p.numel() for p in model.parameters()) == count


def test_pixels_are_normalized_inside():
    model = models.build("resnet20", "bn")
    x = torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert torch.allclose(model.pixels(x), torch.zeros_like(x), atol=1e-6)


@pytest.mark.parametrize(
    ("norm", "mode"), [(norm, mode) for norm in NORMS for mode in modes(norm) if not looks_at_batch(mode)]
)
@pytest.mark.parametrize("architecture", ["resnet20", "vgg11"])
def test_a_folded_network_is_equal_in_float64(architecture, norm, mode):
    torch.manual_seed(0)
    model = with_random_statistics(models.build(architecture, norm, width=0.25, statistics=mode)).double()
    torch.nn.init.normal_(model.classifier.weight)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    folded = models.fold(model)
    x = torch.rand(5, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(folded(x), model(x), rtol=1e-10, atol=1e-10)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert not any(isinstance(m, BatchNorm2d | RobustNorm2d | DualBatchNorm2d) for m in folded.modules())
    if norm in ("bn", "rn"):
        assert sum(isinstance(m, NoNorm) for m in folded.modules()) == sum(
            isinstance(m, BatchNorm2d | RobustNorm2d) for m in model.modules()
        )


def test_batch_statistics_cannot_be_folded():
    with pytest.raises(ValueError, match="Only tracked statistics"):
        models.fold(models.build("resnet20", "rn", statistics="tracked-mean"))


def test_fixup_starts_as_identity_branches():
    model = models.build("resnet20", "none")
    assert torch.equal(model(torch.rand(2, 3, 32, 32)), torch.zeros(2, 10))


def test_no_channel_of_a_network_without_norm_starts_dead():
    """A channel that is 0 for all images passes no gradient and would stay 0: half of a wider stage could be lost."""
    torch.manual_seed(0)
    model = models.build("resnet20", "none", width=0.25)
    before = [block.second.conv.weight.detach().clone() for block in model.blocks]
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    for _ in range(3):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(torch.rand(32, 3, 32, 32)), torch.arange(32) % 10)
        loss.backward()
        optimizer.step()
    for block, old in zip(model.blocks, before, strict=True):
        assert (block.second.conv.weight != old).flatten(1).any(1).all()


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ValueError, match="resnet20, resnet38, resnet50, vgg11, vgg16"):
        models.build("resnet18", "bn")
    with pytest.raises(ValueError, match="bn, rn, gn, none, dualbn"):
        models.build("resnet20", "batch")


@pytest.mark.parametrize("norm", ["bn", "rn", "gn", "none"])
def test_the_layout_changes_nothing(norm):
    torch.manual_seed(0)
    model = models.build("resnet20", norm, width=0.25).double().eval()
    images = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    expected = model(images)
    model.to(memory_format=models.fastest_layout(model))
    assert (models.fastest_layout(model) == torch.contiguous_format) == (norm == "gn")
    torch.testing.assert_close(model(images.to(memory_format=torch.channels_last)), expected)


# --- torchvision's networks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_a_network_of_torchvision_with_any_norm(norm):
    theirs = pytest.importorskip("torchvision").models.shufflenet_v2_x0_5(num_classes=10)
    torch.manual_seed(0)
    model = models.build("torchvision:shufflenet_v2_x0_5", norm, power=0.3).train()
    kinds = {"bn": BatchNorm2d, "rn": RobustNorm2d, "gn": torch.nn.GroupNorm, "none": NoNorm, "dualbn": DualBatchNorm2d}
    norms = [m for m in model.modules() if isinstance(m, kinds[norm])]
    inside = 2 if norm == "dualbn" else 1
    assert len(norms) == sum(isinstance(m, torch.nn.BatchNorm2d) for m in theirs.modules())
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules()) == (
        inside * len(norms) if norm in ("bn", "dualbn") else 0
    )
    x = torch.rand(4, 3, 32, 32)
    logits = model(x)
    assert logits.shape == (4, 10)
    logits.logsumexp(1).sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    assert torch.equal(model.eval()(x), model.network(model.pixels(x)))
    assert torch.allclose(model.pixels(x), models.build("resnet20", "bn").pixels(x))
    if norm == "rn":
        assert {layer.power for layer in norms} == {0.3}


def test_a_network_of_torchvision_is_built_without_memory_and_filled():
    pytest.importorskip("torchvision")
    name, x = "torchvision:shufflenet_v2_x0_5", torch.rand(3, 3, 32, 32)
    model = models.build(name, "rn").eval()
    with torch.device("meta"):
        empty = models.build(name, "rn", statistics="tracked")
    empty.load_state_dict(model.state_dict(), strict=True, assign=True)
    assert torch.equal(empty.eval()(x), model(x))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "no classification network 'nothing'"),
        ("fasterrcnn_resnet50_fpn", "no classification network"),  # it would fetch weights
        ("swin_t", "does not normalise with BatchNorm2d alone"),
        ("alexnet", "does not normalise with BatchNorm2d alone"),
        ("maxvit_t", "does not normalise with BatchNorm2d alone"),
    ],
)
def test_networks_of_torchvision_that_cannot_be_used(name, said):
    pytest.importorskip("torchvision")
    with torch.device("meta"), pytest.raises(ValueError, match=said):
        models.build(f"torchvision:{name}", "rn")


def test_networks_of_torchvision_have_one_width():
    with pytest.raises(ValueError, match="no other width"):
        models.build("torchvision:resnet18", "rn", width=0.5)


def test_without_torchvision_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(UserError, match="install torchvision"):
        models.build("torchvision:resnet18", "rn")
