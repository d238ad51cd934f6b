"""Shipped measurements -> the bars at the top of each part of the page about batch statistics. Pure functions."""

from collections.abc import Sequence

from rnorm_core.evaluation import Accuracy, Row, Table
from rnorm_core.evaluation.tables import laboratories, layer_shifts
from rnorm_core.evaluation.tables.laboratories import BATCH, STEPS, pgd_name
from rnorm_core.evaluation.tables.layer_shifts import Moved
from rnorm_core.norms import MEDIAN
from rnorm_core.report import reproduce
from rnorm_core.ui.batch_statistics.by_size import BySize
from rnorm_core.ui.batch_statistics.words import MODES
from rnorm_core.ui.shared.summary_bars import Shares, SummaryBars, of_other_images, of_variants
from rnorm_core.zoo import Variant


def transfer(rows: Sequence[Row], networks: Sequence[Variant], eps_255: float) -> SummaryBars:
    """Tracked and batch statistics, each under an attack made for the same mode and under one made for the other."""

    def bars(network: Variant) -> Shares:
        return [
            (f"{MODES[scorer]}, attack made for {'these' if crafter == scorer else 'the others'}",
             laboratories.made_for(rows, network, scorer, crafter, eps_255))
            for scorer, other in (("tracked", "batch"), ("batch", "tracked"))
            for crafter in (scorer, other)
        ]  # fmt: skip

    what = f"accuracy under {pgd_name(eps_255)}, batches of {BATCH}"
    pictures = [(network, f"{network.title} under PGD, {eps_255:g}/255", bars(network)) for network in networks]
    return of_variants(pictures, what, reproduce.LABORATORIES)


def sizes(measured: Sequence[BySize], table: Table) -> SummaryBars:
    """Clean images with the statistics of few and of many images, and of the network as trained."""
    pictures = []
    for one in measured:
        by_size = {accuracy.batch_size: accuracy for accuracy in one.clean}
        bars = [("1 photo alone" if k == 1 else f"{k} photos together", by_size.get(k)) for k in (1, 4, 128)]
        usual = ("as trained, with the training set's", one.usual[0])
        pictures.append((one.variant, f"{one.variant.title}: right answers", [*bars, usual]))
    note = of_other_images(table, [(one.variant.usual, one.usual[0]) for one in measured])
    return of_variants(pictures, "accuracy on clean images", reproduce.EVIDENCE, note)


def neighbours(rows: Sequence[Row], networks: Sequence[Variant]) -> SummaryBars:
    """Images whose prediction is right with some neighbours and wrong with others."""

    def bars(network: Variant) -> Shares:
        return [(f"in batches of {size}", sensitive(rows, network, size)) for size in (2, 8, 32, 128)]

    pictures = [(one, f"{one.title}: depends on the neighbours", bars(one)) for one in networks]
    what = "share of clean images that are right in some of 8 draws of neighbours and wrong in others"
    return of_variants(pictures, what, reproduce.LABORATORIES)


def sensitive(rows: Sequence[Row], network: Variant, size: int) -> Accuracy | None:
    """The share of images that are right in some draws of neighbours and wrong in others."""
    return laboratories.sensitive(rows, network, size)


def beside_poison(rows: Sequence[Row], network: Variant, statistics: str, attack: str) -> Row | None:
    """Accuracy of the untouched images beside 32 of 128 that are poisoned ("poison") or not yet ("clean")."""
    some = [row for row in rows if row.attack == attack]
    return laboratories.of(some, network.model, statistics, poisoned=32, poison_255=8)


def poisoned(rows: Sequence[Row], networks: Sequence[Variant]) -> SummaryBars:
    """Untouched images, before and after some of their neighbours are perturbed."""

    def bars(network: Variant) -> Shares:
        return [
            ("before", beside_poison(rows, network, "batch", "clean")),
            ("32 of 128 neighbours poisoned", beside_poison(rows, network, "batch", "poison")),
            ("the same, statistics as trained", beside_poison(rows, network, "tracked", "poison")),
            ("with medians, before", beside_poison(rows, network, MEDIAN, "clean")),
            ("with medians, poisoned anew", beside_poison(rows, network, MEDIAN, "poison")),
        ]

    pictures = [(network, f"{network.title}: the untouched images", bars(network)) for network in networks]
    what = f"accuracy on the images that nobody touches, their neighbours changed by at most 8/255 in {STEPS} steps"
    return of_variants(pictures, what, reproduce.LABORATORIES)


def moved_share(moved: Sequence[Moved], network: Variant, eps_255: float, which: str = "hits") -> Accuracy | None:
    """Right images under PGD of this size, 0 for clean; which: "hits" as trained, "own" with their own statistics."""
    rows = [row for row in moved if row.eps_255 == eps_255 and row.attack == ("pgd" if eps_255 else "clean")]
    mode = {"hits": "tracked", "own": "batch"}[which]
    found = layer_shifts.accuracies(rows, network.model)
    return next((one for one in found if one.statistics == mode), None)


def repaired(moved: Sequence[Moved], networks: Sequence[Variant], eps_255: float, table: Table) -> SummaryBars:
    """The same attacked images with the statistics of the training set and with those of their own batch."""
    pictures = [
        (
            network, f"{network.title}, attacked, other statistics",
            [("clean, as trained", moved_share(moved, network, 0)),
             ("attacked, as trained", moved_share(moved, network, eps_255)),
             ("attacked, statistics of the attacked batch", moved_share(moved, network, eps_255, "own"))],
        )
        for network in networks
        if moved_share(moved, network, eps_255) is not None
    ]  # fmt: skip
    what = f"accuracy under {pgd_name(eps_255)}, made on the network as trained, batches of {BATCH}"
    note = of_other_images(table, [(network.usual, moved_share(moved, network, 0)) for network in networks])
    return of_variants(pictures, what, reproduce.EVIDENCE, note)


def estimated(
    rows: Sequence[Row], network: Variant, attack: str, counted: int, training_images: str | None = None
) -> Row | None:
    """Accuracy with the statistics of this number of batches; 0: the moving average."""
    some = [row for row in rows if row.attack == attack]
    return laboratories.of(some, network.model, "tracked", counted=counted, training_images=training_images)


def precise_bn(rows: Sequence[Row], networks: Sequence[Variant], table: Table) -> SummaryBars:
    """The moving average beside the statistics of k batches, clean and attacked."""

    names = (("moving average", 0, None), ("16 batches", 16, None), ("16 of training images, cut", 16, "cut"))

    def bars(network: Variant) -> Shares:
        return [
            (f"{word}, {name}", estimated(rows, network, attack, k, images))
            for attack, word in (("clean", "clean"), ("pgd", "PGD 1/255"))
            for name, k, images in names
        ]

    pictures = [(network, f"{network.title}: re-estimated statistics", bars(network)) for network in networks]
    what = f"accuracy by where statistics come from, in batches of {BATCH}; PGD of {STEPS} steps, made anew each time"
    what += "; cut: at random, with black margins, and flipped, as the network's training did"
    note = of_other_images(table, [(network, estimated(rows, network, "clean", 0)) for network in networks])
    return of_variants(pictures, what, reproduce.LABORATORIES, note)
