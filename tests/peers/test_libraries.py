"""Our attacks against those of torchattacks and ART on the 20 sample images: `make peers`."""

import pytest

from benchmarks.peer_attacks import LIBRARIES, STEPS, TITLES, ours
from benchmarks.peers import Condition, measure, weaker

pytest.importorskip("torchattacks", reason="torchattacks needs an environment of its own: make peers")
pytest.importorskip("art", reason="ART needs an environment of its own: make peers")
pytestmark = pytest.mark.timeout(900)  # ART's Square Attack asks the network three times for each query


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("model", ["cifar10-resnet20-bn", "cifar10-resnet20-rn"])
def test_ours_is_not_weaker(samples, library, kind, model):
    condition = Condition(kind, model, eps_255=1, n=len(samples), seed=0)
    cell = measure(samples, {"ours": ours, library: LIBRARIES[library]}, condition)
    assert weaker([cell]) == []
    assert cell.hits[library].sum() < cell.clean.sum(), "the library's attack did nothing"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_weak_attack_of_ours_is_refused(samples, library, weak):
    condition = Condition("pgd", "cifar10-resnet20-bn", eps_255=1, n=len(samples), seed=0)
    cell = measure(samples, {"ours": weak, library: LIBRARIES[library]}, condition)
    assert weaker([cell]) == [f"{TITLES['pgd']} ({library})"]
