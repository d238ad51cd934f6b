"""The comparison of our attacks with others' refuses a weak attack, and one that goes too far. No library is needed."""

import pytest
import torch

from benchmarks.peer_attacks import TITLES, ours
from benchmarks.peers import (
    EQUAL,
    FULL,
    STRONGER,
    WEAKER,
    Cell,
    Condition,
    conclude,
    conditions,
    measure,
    pooled,
    report,
    verdict,
    weaker,
)
from rnorm_core.evaluation import paired

PGD = Condition("pgd", "cifar10-resnet20-bn", eps_255=1, n=20, seed=0)


def hits(*counts: int) -> torch.Tensor:
    """hits(2, 1): two images right, one wrong, and so on."""
    return torch.cat([torch.full((n,), i % 2 == 0) for i, n in enumerate(counts)])


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (hits(60, 40), hits(50, 50), WEAKER),
        (hits(50, 50), hits(60, 40), STRONGER),
        (hits(50, 50), hits(50, 50), EQUAL),
        (hits(52, 48), hits(50, 50), EQUAL),  # two images of a hundred may be chance
        (hits(1009, 991), hits(1000, 1000), EQUAL),  # no chance, but less than a point
        (hits(1030, 970), hits(1000, 1000), WEAKER),
    ],
)
def test_ours_is_weaker_only_by_more_than_chance_and_margin(left, right, expected):
    assert verdict(paired(left, right)) == expected


def test_a_weak_attack_of_ours_is_refused(samples, weak):
    cells = [measure(samples, {"ours": weak, "library": ours}, PGD)]
    assert weaker(cells) == [f"{TITLES['pgd']} (library)"]


def test_an_equal_and_a_weaker_library_are_no_fault_of_ours(samples, weak):
    cells = [measure(samples, {"ours": ours, "same": ours, "weak": weak}, PGD)]
    assert weaker(cells) == []
    assert [verdict(compared) for compared in pooled(cells).values()] == [EQUAL, STRONGER]


def test_an_attack_that_goes_too_far_is_an_error(samples):
    def far(network, batch, kind, eps, seed):
        return (batch.images + 1.01 * eps).clamp(0, 1)

    with pytest.raises(ValueError, match="changed a pixel by"):
        measure(samples, {"ours": ours, "library": far}, PGD)


def test_the_report_counts_the_images_of_all_networks_and_sizes():
    cells = [
        Cell(model, "pgd", eps, hits(9, 1), {"ours": hits(2, 8), "theirs": hits(6, 4)})
        for model in ("a", "b") for eps in (1, 2)
    ]  # fmt: skip
    lines = [[part.strip() for part in line.split("|")[1:-1]] for line in report(cells, "").splitlines() if "|" in line]
    whole, each = lines[2], lines[5:]
    assert whole[1:7] == ["theirs", "40", "8", "24", "0", "16"]
    assert whole[-1] == STRONGER
    assert [row[:2] for row in each] == [["a", "1/255"], ["a", "2/255"], ["b", "1/255"], ["b", "2/255"]]
    assert each[0][3:10] == ["theirs", "9", "10", "2", "6", "0", "4"]


def test_a_weak_attack_ends_the_program_with_an_error_after_its_report(tmp_path):
    out = tmp_path / "results" / "peers.md"
    cell = Cell("a", "pgd", 1, hits(100), {"ours": hits(60, 40), "theirs": hits(50, 50)})
    with pytest.raises(SystemExit, match="Weaker than its peer: PGD, 20 steps \\(theirs\\)"):
        conclude([cell], "", out)
    assert WEAKER in out.read_text()


def test_every_condition_has_random_numbers_of_its_own():
    every = conditions(FULL)
    assert len({c.seed for c in every}) == len({(c.kind, c.model, c.eps_255) for c in every}) == len(every) == 36
