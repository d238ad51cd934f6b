import pytest
import torch

from rnorm_core import attacks, data


@pytest.fixture(scope="session")
def samples():
    return data.samples("cifar10")


@pytest.fixture
def weak():
    """In place of an attack of ours: one step of a tenth of its size."""

    def attack(network, batch, kind, eps, seed):
        made = attacks.make("fgsm", eps / 10)
        return made.run(network, batch, torch.Generator().manual_seed(seed)).adversarial

    return attack
