"""Shipped measurements -> the sentence that answers each part's question, in Markdown. Pure functions.

A sentence names the networks of which all its numbers were measured; without one it is empty.
"""

from collections.abc import Sequence

from rnorm_core.evaluation import Row
from rnorm_core.evaluation.tables.laboratories import made_for
from rnorm_core.evaluation.tables.layer_shifts import Moved
from rnorm_core.norms import MEDIAN
from rnorm_core.ui.batch_statistics import bars
from rnorm_core.ui.batch_statistics.by_size import BySize
from rnorm_core.ui.shared.summary_bars import sentence
from rnorm_core.zoo import Variant

NOTHING = "Nothing was measured before for these networks: measure it here."


def sizes(measured: Sequence[BySize]) -> str:
    by_size = {one.variant: {accuracy.batch_size: accuracy for accuracy in one.clean} for one in measured}
    return sentence(
        "Right answers with batch statistics: {} for photos shown alone; {} for photos shown 128 together.",
        list(by_size),
        *(lambda one, k=k: by_size[one].get(k) for k in (1, 128)),
    )  # fmt: skip


def neighbours(rows: Sequence[Row], networks: Sequence[Variant]) -> str:
    return sentence(
        "The share of photos that are right beside some neighbours and wrong beside others: {} in batches of 8; {} in "
        "batches of 128.", networks, *(lambda one, k=k: bars.sensitive(rows, one, k) for k in (8, 128)),
    )  # fmt: skip


def poisoned(rows: Sequence[Row], networks: Sequence[Variant]) -> str:
    conditions = (("batch", "clean"), ("batch", "poison"), ("tracked", "clean"), ("tracked", "poison"))
    medians = sentence(
        "With the batch's median as a defence, attacked anew: {} before, {} after.", networks,
        *(lambda one, attack=attack: bars.beside_poison(rows, one, MEDIAN, attack) for attack in ("clean", "poison")),
    )  # fmt: skip
    means = sentence(
        "Right answers for photos that **nobody touches**: {}. After 32 of their 128 neighbours are "
        "poisoned: {}. With the training set's statistics: {} before, {} after.", networks,
        *(lambda one, how=how: bars.beside_poison(rows, one, *how) for how in conditions),
    )  # fmt: skip
    return f"{means} {medians}".strip()


def transfer(rows: Sequence[Row], networks: Sequence[Variant], eps_255: float) -> str:
    pairs = (("batch", "batch"), ("tracked", "batch"), ("tracked", "tracked"))  # who scores, and who crafted
    return sentence(
        f"An attack of {eps_255:g}/255 that is made for batch statistics leaves {{}} right with them, and {{}} with "
        "the statistics as trained. An attack that is made for the statistics as trained leaves {} right.", networks,
        *(lambda one, pair=pair: made_for(rows, one, pair[0], pair[1], eps_255) for pair in pairs),
    )  # fmt: skip


def repaired(moved: Sequence[Moved], networks: Sequence[Variant], eps_255: float) -> str:
    return sentence(
        f"Attacked by {eps_255:g}/255, as trained: {{}}. The same images with the statistics of their own batch in "
        "every layer: {}.", networks,
        *(lambda one, which=which: bars.moved_share(moved, one, eps_255, which) for which in ("hits", "own")),
    )  # fmt: skip


def precise_bn(rows: Sequence[Row], networks: Sequence[Variant]) -> str:
    conditions = (("clean", 0), ("clean", 16), ("pgd", 0), ("pgd", 16))
    return sentence(
        "Clean photos with the moving average: {}; with statistics of 16 batches: {}. Attacked by 1/255: {}, then {}.",
        networks, *(lambda one, how=how: bars.estimated(rows, one, *how) for how in conditions),
    )  # fmt: skip
