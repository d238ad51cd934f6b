"""The commands beside measured rows measure these rows and no others."""

from dataclasses import replace

import pytest

from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.__main__ import arguments
from rnorm_core.evaluation.measure.protocol import plan
from rnorm_core.evaluation.tables import headline
from rnorm_core.report.reproduce import rows_commands
from rnorm_core.zoo import Variant
from tests.rows import row

BN, RN = (Variant.of(f"cifar10-resnet20-{norm}") for norm in ("bn", "rn"))


def apgd(of: Variant, eps: float, loss: str = "ce") -> Row:
    return row(of, eps, (1, 20), attack="apgd", settings={"steps": 50, "loss": loss})


def square(of: Variant, queries: int) -> Row:
    return row(of, 8, (1, 20), attack="square", settings={"steps": queries})


def worst(of: Variant, *rows: Row) -> list[Row]:
    return list(headline.by_size(Table((row(of, 0, (9, 20)), *rows)), of).values())


def measured(rows: list[Row]) -> set[tuple]:
    """What the commands measure: network, mode, attack, size, number of images."""
    found = set()
    for command in rows_commands(rows):
        options = arguments(command.removeprefix("python -m rnorm_core.evaluation ").split())
        for one in plan(options.models, options.statistics, options.attacks, options.eps, options.queries):
            found.add((one.model, one.statistics, one.attack, one.eps_255, options.count))
    return found


def test_a_size_with_more_attacks_has_its_own_command():
    rows = worst(BN, row(BN, 1, (1, 20)), apgd(BN, 1), row(BN, 8, (1, 20)), row(BN, 8, (1, 20), attack="fgsm"))
    kinds = {(kind, eps) for _, _, kind, eps, _ in measured(rows)}
    assert kinds == {("clean", 0), ("pgd", 1), ("apgd-ce", 1), ("pgd", 8), ("fgsm", 8)}


def test_networks_that_met_the_same_share_a_command():
    both = [one for of in (BN, RN) for one in worst(of, row(of, 1, (1, 20)), apgd(of, 1))]
    (command,) = rows_commands(both)
    assert f"--models {BN.model} {RN.model} --statistics tracked --attacks clean apgd-ce pgd --eps 1 " in command
    assert len(rows_commands([*both, *worst(RN, row(RN, 1, (1, 50)))])) == 2, "another number of images"
    batch = BN.in_mode("batch")
    (command,) = rows_commands([row(one, 1, (1, 20)) for one in (BN, batch)])
    assert "--statistics tracked batch " in command


def test_square_attack_gets_its_queries():
    rows = worst(BN, row(BN, 8, (1, 20)), square(BN, 1000))
    assert rows[-1].settings["attacks"] == ["pgd", "square"]
    assert "--attacks clean pgd square --eps 8 --queries 1000 --count 20 " in rows_commands(rows)[0]
    assert "--queries 5000 " in rows_commands([square(BN, 5000)])[0]


def test_a_file_holds_one_data_set():
    there = [replace(one, dataset="cifar100", model="cifar100-resnet20-bn") for one in worst(BN, row(BN, 1, (1, 20)))]
    ends = [command.rpartition(" ")[2] for command in rows_commands([*worst(BN, row(BN, 1, (1, 20))), *there])]
    assert ends == ["again.jsonl", "again-cifar100.jsonl"]


@pytest.mark.parametrize("seed", [0, 4])
def test_images_of_another_seed(seed):
    (command,) = rows_commands([row(BN, 1, (1, 20), seed=seed)])
    assert ("--seed 4" in command) == (seed == 4)
