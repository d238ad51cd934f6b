"""The few bars at the top of a page, from shipped measurements. Pure functions.

A network that was not measured has no picture. Each page's room chooses the content of its bars.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from rnorm_core import evaluation
from rnorm_core.evaluation import Accuracy, Row, Table
from rnorm_core.evaluation.tables import curves, laboratories
from rnorm_core.figures import summary_bars
from rnorm_core.figures.summary_bars import Bar, Picture, Share
from rnorm_core.norms import looks_at_batch
from rnorm_core.ui.shared import reproduce
from rnorm_core.zoo import Variant

Shares = Sequence[tuple[str, Share | None]]  # label of a bar, and its share; None if it was not measured


@dataclass(frozen=True)
class SummaryBars:
    """Pictures, () if nothing was measured; about: where their numbers come from."""

    pictures: tuple[Picture, ...]
    about: str


def bars_of(
    pictures: Iterable[tuple[str, str | Sequence[str], Shares]],
    networks: dict[str, tuple[str, str]],
    measured: str,
    template: str,
    note: str = "",
) -> SummaryBars:
    """Pictures, and one line about their origin.

    pictures: (title, norm, bars) of each; norm: of all its bars, or one for each.
    networks: title -> (name, hash of the weights) of each network.
    measured: the quantity and its conditions. template: the command that measures it again, see `reproduce`.
    note:     a warning, as a sentence.
    """
    drawn, counts = [], set()
    for title, norm, shares in pictures:
        norms = [norm] * len(shares) if isinstance(norm, str) else norm
        each = zip(norms, shares, strict=True)
        if bars := [Bar(label, norm, share) for norm, (label, share) in each if share is not None]:
            drawn.append(summary_bars.draw(title, bars))
            counts |= {bar.share.n for bar in bars}
    if not drawn:
        return SummaryBars((), "")
    n = " to ".join(f"{count:,}" for count in sorted({min(counts), max(counts)}))
    hashes = ", ".join(f"{title} `{digits[:12]}`" for title, (_, digits) in networks.items())
    command = reproduce.command(template, (name for name, _ in networks.values()), max(counts))
    about = (
        f"Measured before: {measured}; n = {n} test images (seed 0); thin lines: 95 % intervals.{note and ' ' + note} "
        f"Weights: {hashes}. Repeat with `{command}`."
    )
    return SummaryBars(tuple(drawn), about)


def of_variants(
    pictures: Iterable[tuple[Variant, str, Shares]], measured: str, template: str, note: str = ""
) -> SummaryBars:
    """As `bars_of`, with (variant, title, bars) of each picture; names the weights of networks that have a picture."""
    drawn = [(variant, title, bars) for variant, title, bars in pictures if any(share for _, share in bars)]
    networks = {variant.title: (variant.model, variant.weight_hash) for variant, _, _ in drawn}
    by_norm = [(title, variant.norm, bars) for variant, title, bars in drawn]
    return bars_of(by_norm, networks, measured, template, note)


def made_for(rows: Sequence[Row], variant: Variant, scorer: str, crafter: str, eps_255: float) -> Row | None:
    """One network's accuracy in the mode `scorer` on images that were attacked for it in the mode `crafter`."""
    settings = {"model": variant.model, "statistics": crafter, "weight_hash": variant.weight_hash}
    some = [row for row in rows if row.eps_255 == eps_255]
    return laboratories.of(some, variant.model, scorer, made_for=settings)


def share_of(mask: Tensor) -> Accuracy:
    """The share of images that are true in bool (n,)."""
    return Accuracy(int(mask.sum()), len(mask), *evaluation.wilson(int(mask.sum()), len(mask)), mask)


def attacked(table: Table, variants: Sequence[Variant], attacks: Sequence[tuple[str, float]]) -> SummaryBars:
    """A picture for each variant, with a bar for each attack: (name of the attack, eps in grey levels)."""
    names = {"clean": "clean", "noise": "noise", "fgsm": "FGSM", "pgd": "PGD"}

    def row(variant: Variant, attack: str, eps: float) -> Row | None:
        return curves.at(table.curve(variant.model, variant.statistics, attack), eps)

    labels = {(a, eps): names[a] + (f", {eps:g}/255" if eps else "") for a, eps in attacks}
    pictures = [
        (variant, variant.label, [(label, row(variant, *attack)) for attack, label in labels.items()])
        for variant in variants
    ]
    batch = any(looks_at_batch(variant.statistics) for variant in variants)
    note = "With statistics of a batch an attack made for another mode may do more harm than these." if batch else ""
    kinds, sizes = zip(*attacks, strict=True)
    template = reproduce.sweep((variant.statistics for variant in variants), kinds, sizes)
    return of_variants(pictures, "accuracy, PGD of 20 steps" + ", batches of 128" * batch, template, note)
