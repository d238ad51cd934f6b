"""The accuracies in docs/networks.md are the app's: `python -m tests.test_readme_numbers` prints them for pasting."""

from collections.abc import Mapping, Sequence
from functools import partial

import pytest
import torch

from rnorm_core import evaluation, zoo
from rnorm_core.evaluation import Row
from rnorm_core.evaluation.tables import accuracies
from rnorm_core.evaluation.tables.headline import attacks_of, by_size
from rnorm_core.rounding import percent, span
from rnorm_core.zoo import Variant

EPS_255 = (0, 0.25, 0.5, 1, 2, 8)
MAIN = [f"{dataset}-resnet20-{norm}" for dataset in ("cifar10", "cifar100") for norm in ("bn", "rn", "none")]
WITHOUT_GRADIENT = [
    f"{dataset}-resnet20-{norm}"
    for dataset in ("cifar10", "cifar100") for norm in ("bn", "rn", "none", "bn-adv", "rn-adv")
]  # fmt: skip
ATTACKED = {"cifar10-resnet20-bn-early": (0.5, 1, 2, 8), "cifar10-resnet20-gn": (1,)}
USUAL, APGD = {"fgsm", "noise", "pgd"}, {"apgd-ce", "apgd-dlr", "apgd-margin"}
ALL_IMAGES = {"clean": ({"clean"}, 0), "PGD, 1/255": ({"pgd"}, 1), "APGD (cross entropy), 1/255": ({"apgd-ce"}, 1)}
SQUARE = {
    f"{title}, {eps}/255": (kinds, eps)
    for eps in (1, 8)
    for title, kinds in (("PGD", {"pgd"}), ("APGD", APGD), ("Square", {"square"}))
}


def shown(card: zoo.Card) -> dict[float, Row | None]:
    """The headline rows of a network in its usual mode; None where nothing was measured yet."""
    measured = accuracies.shipped(card.dataset).exists()
    found = by_size(evaluation.table(card.dataset), Variant.of(card.name)) if measured else {}
    return {eps: found.get(eps) for eps in EPS_255}


def cell(row: Row | None) -> str:
    """63.0 (56.1 to 69.4)"""
    return "–" if row is None else f"{percent(row.value).removesuffix(' %')} ({span(row.low, row.high)})"


def table() -> str:
    """The headline rows of all networks."""
    header = ["network", "weights", *(f"{eps:g}/255" if eps else "clean" for eps in EPS_255)]
    cards = [zoo.card(name) for name in zoo.names()]
    return markdown(
        header, [[f"`{card.name}`", f"`{card.sha256[:12]}`", *map(cell, shown(card).values())] for card in cards]
    )


def small_table(names: Sequence[str], columns: Mapping[str, tuple[set[str], float]], count: int) -> str:
    """The worst case over some attacks at one size, on `count` images with tracked statistics."""
    return markdown(
        ["network", *columns], [[f"`{name}`", *(_first(name, *of, count) for of in columns.values())] for name in names]
    )


def _first(name: str, kinds: set[str], eps: float, count: int) -> str:
    """On the first `count` images, of the smallest set with so many: sets of one seed begin with the same images."""
    rows = evaluation.table(zoo.card(name).dataset).select(
        model=name, statistics="tracked", pixels="float", eps_255=eps
    )
    chosen = {
        row.kind: row for row in sorted(rows.rows, key=lambda row: -row.n) if row.kind in kinds and row.n >= count
    }
    if chosen.keys() != kinds:
        return "–"
    correct = int(torch.stack([row.mask[:count] for row in chosen.values()]).all(0).sum())
    low, high = evaluation.wilson(correct, count)
    return f"{percent(correct / count).removesuffix(' %')} ({span(low, high)})"


def markdown(header: list[str], lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *lines])


TABLES = (
    table,
    partial(small_table, MAIN[:3], ALL_IMAGES, 10_000),
    partial(small_table, WITHOUT_GRADIENT, SQUARE, 500),
)


@pytest.mark.parametrize("table", TABLES)
def test_the_accuracies_are_those_of_the_shipped_rows(table):
    text = (zoo.DIRECTORY.parent / "docs" / "networks.md").read_text(encoding="utf-8")
    assert table() in text


def test_the_images_and_the_attacks_are_those_that_the_text_names():
    text = (zoo.DIRECTORY.parent / "docs" / "networks.md").read_text(encoding="utf-8")
    for name in zoo.names():
        for eps, row in shown(zoo.card(name)).items():
            assert row is not None, (name, eps)
            assert f"n = {row.n:,}" in text
            assert set(attacks_of(row)) == ({"clean"} if not eps else USUAL | more(name, eps)), (name, eps)


def more(name: str, eps: float) -> set[str]:
    """The stronger attacks that the text names."""
    if name in MAIN or eps in ATTACKED.get(name, ()):
        return APGD
    if "seed" in name and name.rpartition("-")[0] in MAIN and eps in (0.5, 1):
        return {"apgd-ce"}
    if name.endswith("-adv") and "dualbn" not in name:
        return {1: APGD, 2: APGD, 8: APGD | {"square"}}.get(eps, set())
    return set()


if __name__ == "__main__":
    print(*(table() for table in TABLES), sep="\n\n")
