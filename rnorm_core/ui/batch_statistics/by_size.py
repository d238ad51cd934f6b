"""Accuracies by batch size of one network, from the shipped table or measured live."""

from dataclasses import dataclass

from rnorm_core.evaluation import Accuracy
from rnorm_core.evaluation.tables import batch_sizes
from rnorm_core.evaluation.tables.laboratories import pgd_name
from rnorm_core.experiments.batch_composition import SizesResult
from rnorm_core.zoo import Variant


@dataclass(frozen=True, eq=False)
class BySize:
    """A network in a mode in which it looks at its batch, at several batch sizes.

    usual: (clean, attacked) accuracy of the same network in its usual mode. attack: its name and size, for people.
    """

    variant: Variant
    clean: tuple[Accuracy, ...]
    attacked: tuple[Accuracy, ...]
    usual: tuple[Accuracy | None, Accuracy | None]
    attack: str


def shipped(dataset: str, variant: Variant) -> BySize | None:
    """The shipped measurements of `variant`, which is in "batch" mode; None if there are none."""
    rows = [row for row in batch_sizes.by_size(dataset)[0] if row.model == variant.model]
    mine = sorted((row for row in rows if row.statistics == variant.statistics), key=lambda row: row.batch_size)
    if not mine:
        return None
    others = {row.attack: row.accuracy for row in rows if row.statistics != variant.statistics}
    clean, attacked = ([r for r in mine if (r.attack == "clean") == clean] for clean in (True, False))
    attack = attacked[0] if attacked else None
    return BySize(
        variant, tuple(row.accuracy for row in clean), tuple(row.accuracy for row in attacked),
        (others.get("clean"), others.get(attack.attack) if attack else None),
        pgd_name(attack.eps_255, attack.settings["steps"]) if attack else "clean",
    )  # fmt: skip


def live(result: SizesResult, variant: Variant) -> BySize:
    usual = result.usual.get(variant, (None, None))
    attack = pgd_name(result.request.eps_255)
    return BySize(variant, result.clean[variant], result.attacked[variant], usual, attack)
