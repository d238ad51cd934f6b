"""Shipped measurements -> the bars at the top of each part of the page about batch statistics. Pure functions."""

from collections.abc import Sequence

import torch

from rnorm_core.evaluation import Accuracy, Row
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.evaluation.tables.laboratories import BATCH, STEPS, pgd_name
from rnorm_core.evaluation.tables.layer_shifts import Moved
from rnorm_core.ui.batch_statistics.by_size import BySize
from rnorm_core.ui.shared import reproduce
from rnorm_core.ui.shared.summary_bars import Shares, SummaryBars, made_for, of_variants, share_of
from rnorm_core.zoo import Variant


def transfer(rows: Sequence[Row], networks: Sequence[Variant], eps_255: float) -> SummaryBars:
    """Tracked and batch statistics, each under an attack made for the same mode and under one made for the other."""

    def bars(network: Variant) -> Shares:
        return [
            (f"scored {scorer}, attack made for {'itself' if crafter == scorer else crafter}",
             made_for(rows, network, scorer, crafter, eps_255))
            for scorer, other in (("tracked", "batch"), ("batch", "tracked"))
            for crafter in (scorer, other)
        ]  # fmt: skip

    what = f"accuracy under {pgd_name(eps_255)}, batches of {BATCH}"
    pictures = [(network, f"{network.title} under PGD, {eps_255:g}/255", bars(network)) for network in networks]
    return of_variants(pictures, what, reproduce.LABORATORIES)


def sizes(measured: Sequence[BySize]) -> SummaryBars:
    """Clean images with the statistics of few and of many images, and with tracked statistics."""
    pictures = []
    for one in measured:
        by_size = {accuracy.batch_size: accuracy for accuracy in one.clean}
        bars = [(f"statistics of {k} image{'s' * (k > 1)}", by_size.get(k)) for k in (1, 4, 16, 128)]
        pictures.append((one.variant, f"{one.variant.title}, clean images", [*bars, ("tracked", one.usual[0])]))
    return of_variants(pictures, "accuracy on clean images", reproduce.EVIDENCE)


def neighbours(rows: Sequence[Row], networks: Sequence[Variant]) -> SummaryBars:
    """Images whose prediction is right with some neighbours and wrong with others."""

    def bars(network: Variant) -> Shares:
        return [(f"in batches of {size}", _sensitive(rows, network, size)) for size in (2, 8, 32, 128)]

    pictures = [(one, f"{one.title}, batch: right or wrong by its neighbours", bars(one)) for one in networks]
    what = "share of clean images that are right in some of 8 draws of neighbours and wrong in others"
    return of_variants(pictures, what, reproduce.LABORATORIES)


def _sensitive(rows: Sequence[Row], network: Variant, size: int) -> Accuracy | None:
    some = [row for row in rows if row.batch_size == size]
    always, ever = (laboratories.of(some, network.model, "batch", right=right) for right in ("always", "ever"))
    return None if always is None or ever is None else share_of(ever.mask & ~always.mask)


def poisoned(rows: Sequence[Row], networks: Sequence[Variant]) -> SummaryBars:
    """Untouched images, before and after some of their neighbours are perturbed."""

    def bars(network: Variant) -> Shares:
        def of(statistics: str, k: int, attack: str) -> Row | None:
            some = [row for row in rows if row.attack == attack]
            return laboratories.of(some, network.model, statistics, poisoned=k, poison_255=8)

        return [
            *(
                (f"batch, {k} of 128 {word}", of("batch", k, attack))
                for k in (8, 32)
                for attack, word in (("clean", "to be poisoned"), ("poison", "poisoned"))
            ),
            ("tracked, 32 of 128 poisoned", of("tracked", 32, "poison")),
        ]

    pictures = [(network, f"{network.title}: all untouched images at once", bars(network)) for network in networks]
    what = f"accuracy on the images that nobody touches, their neighbours changed by at most 8/255 in {STEPS} steps"
    return of_variants(pictures, what, reproduce.LABORATORIES)


def repaired(moved: Sequence[Moved], networks: Sequence[Variant], eps_255: float) -> SummaryBars:
    """The same attacked images with tracked statistics and with the statistics of their own batch."""

    def of(network: Variant, attack: str, which: str = "hits") -> Accuracy | None:
        size = 0 if attack == "clean" else eps_255
        rows = [row for row in moved if (row.model, row.attack, row.eps_255) == (network.model, attack, size)]
        if not rows or (which == "own" and rows[0].own is None):
            return None
        return share_of(torch.from_numpy(rows[0].mask(which)))

    pictures = [
        (
            network, f"{network.title}, attacked, other statistics",
            [("clean, tracked", of(network, "clean")), ("attacked, tracked", of(network, "pgd")),
             ("attacked, statistics of the attacked batch", of(network, "pgd", "own"))],
        )
        for network in networks
        if of(network, "pgd") is not None
    ]  # fmt: skip
    what = f"accuracy under {pgd_name(eps_255)}, made on tracked statistics, batches of {BATCH}"
    note = "Another experiment than the one below: all layers at once, and new statistics in place of tracked ones."
    return of_variants(pictures, what, reproduce.EVIDENCE, note)


def precise_bn(rows: Sequence[Row], networks: Sequence[Variant]) -> SummaryBars:
    """The moving average beside the statistics of k batches, clean and attacked."""

    names = (("moving average", 0, None), ("1 batch counted", 1, None), ("16 batches counted", 16, None),
             ("16 of training images", 16, "whole"), ("16 of training images, cut", 16, "cut"))  # fmt: skip

    def bars(network: Variant) -> Shares:
        return [
            (f"{word}, {name}", laboratories.of(some, network.model, "tracked", counted=k, training_images=images))
            for attack, word in (("clean", "clean"), ("pgd", "PGD 1/255"))
            for some in [[row for row in rows if row.attack == attack]]
            for name, k, images in names
        ]  # fmt: skip

    pictures = [(network, f"{network.title}: re-estimated statistics", bars(network)) for network in networks]
    what = f"accuracy by where statistics come from, in batches of {BATCH}; PGD of {STEPS} steps, made anew each time"
    note = "Cut: at random, with black margins, and flipped, as the network's training did."
    return of_variants(pictures, what, reproduce.LABORATORIES, note)
