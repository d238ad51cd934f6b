"""What is saved can be brought, and answers as it did; what would not fit is not saved."""

import pytest
import torch
from torch import nn

from rnorm_core import models, norms, zoo
from rnorm_core.errors import UserError

FOREIGN = "torchvision:shufflenet_v2_x0_5"


def network(architecture: str = "resnet20", norm: str = "rn", **options) -> nn.Module:
    """With statistics of its own."""
    torch.manual_seed(0)
    model = models.build(architecture, norm, **options).train()
    model(torch.rand(4, 3, 32, 32))
    return model.eval()


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch):
    monkeypatch.setattr(zoo.brought, "_brought", type(zoo.brought._brought)())


@pytest.mark.parametrize("norm", norms.NORMS)
@pytest.mark.parametrize("architecture", ["resnet20", "vgg11", FOREIGN])
def test_a_saved_network_is_brought_without_a_word_and_answers_the_same(tmp_path, architecture, norm):
    width = 1.0 if architecture == FOREIGN else 0.25
    if architecture == FOREIGN:
        pytest.importorskip("torchvision")
    model = network(architecture, norm, power=0.35, width=width)
    path = zoo.save(model, tmp_path / "mine.safetensors", architecture=architecture, norm=norm, width=width)
    name = zoo.bring(path.read_bytes(), path.name)
    card = zoo.card(name)
    assert (card.architecture, card.norm, card.width, card.dataset) == (architecture, norm, width, "cifar10")
    assert card.power == (0.35 if norm == "rn" else None)
    x = torch.rand(5, 3, 32, 32)
    for fold in (False, True):
        torch.testing.assert_close(zoo.load(name, device="cpu", fold=fold)(x), model(x), rtol=1e-3, atol=1e-3)
    assert list(tmp_path.iterdir()) == [path]


def test_a_network_for_cifar100(tmp_path):
    model = network(width=0.25, classes=100, dataset="cifar100")
    shape = dict(architecture="resnet20", norm="rn", width=0.25)
    path = zoo.save(model, str(tmp_path / "mine.safetensors"), **shape, dataset="cifar100")
    assert len(zoo.card(zoo.bring(path.read_bytes(), path.name, dataset="cifar100")).classes) == 100
    with pytest.raises(UserError, match="100 classes"):
        zoo.save(model, tmp_path / "other.safetensors", **shape)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"architecture": "resnet38"}, "mine.safetensors lack blocks"),
        ({"architecture": "resnet19"}, "resnet19"),
        ({"norm": "bn"}, "running_"),
        ({"norm": "ln"}, "'ln'"),
        ({"width": 0.5}, "shape"),
        ({"power": 0.5}, "p = 0.2, not 0.5"),
    ],
)
def test_another_network_than_the_words_describe_is_not_saved(tmp_path, change, said):
    path = tmp_path / "mine.safetensors"
    path.write_text("before")
    with pytest.raises(UserError, match=said):
        zoo.save(network(width=0.25), path, **{"architecture": "resnet20", "norm": "rn", "width": 0.25} | change)
    assert path.read_text() == "before"


def test_numbers_that_are_not_finite_are_not_saved(tmp_path):
    model = network("resnet20", "bn", width=0.25)
    nn.init.constant_(model.classifier.bias, float("nan"))
    with pytest.raises(UserError, match=r"classifier\.bias.*not finite"):
        zoo.save(model, tmp_path / "mine.safetensors", architecture="resnet20", norm="bn", width=0.25)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_made(tmp_path):
    path = tmp_path / "new" / "mine"
    assert zoo.save(network(width=0.25), path, architecture="resnet20", norm="rn", width=0.25) == path
    assert path.exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "no").write_text("in the way")
    with pytest.raises(UserError, match="could not be written"):
        zoo.save(network(width=0.25), tmp_path / "no" / "mine", architecture="resnet20", norm="rn", width=0.25)
