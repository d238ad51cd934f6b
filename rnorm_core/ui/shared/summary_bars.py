"""The few bars at the top of a page, from shipped measurements. Pure functions.

A network that was not measured has no picture. Each page's room chooses the content of its bars.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rnorm_core import evaluation
from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.claims.verdict import listed
from rnorm_core.evaluation.tables import accuracies
from rnorm_core.evaluation.tables.headline import WHAT, attack_of, headline
from rnorm_core.figures.markup import summary_bars
from rnorm_core.figures.markup.summary_bars import Bar, Picture, Share
from rnorm_core.norms import looks_at_batch
from rnorm_core.report import Rows, Source, reproduce, sources
from rnorm_core.rounding import percent
from rnorm_core.zoo import Variant

Shares = Sequence[tuple[str, Share | None]]  # label of a bar, and its share; None if it was not measured


@dataclass(frozen=True)
class SummaryBars:
    """Pictures, () if nothing was measured, and how their numbers were made, as `provenance.how_measured` takes it.

    bars: all bars, with the picture's title. note: a warning, as a sentence. kept: where the numbers come from, if they
    are not those of `bars`.
    """

    pictures: tuple[Picture, ...]
    measured: str = ""
    weights: dict[str, str] = field(default_factory=dict)
    n: str = ""
    command: str = ""
    note: str = ""
    bars: tuple[tuple[str, Bar], ...] = ()
    networks: tuple[Variant, ...] = ()
    kept: Source | None = None

    @property
    def source(self) -> Source:
        """Where the numbers come from."""
        return self.kept or sources.shares("summary", self._rows, self.networks, self.command)

    def _rows(self) -> Rows:
        from rnorm_core.report.numbers import shares  # all experiments

        def row(share: Any) -> dict[str, Any]:
            return share.record() if hasattr(share, "record") else shares.row(share)

        return [{"picture": title, "bar": bar.label, **row(bar.share)} for title, bar in self.bars]


def bars_of(
    pictures: Iterable[tuple[str, str | Sequence[str], Shares]],
    networks: dict[str, tuple[str, str]],
    measured: str,
    template: str,
    note: str = "",
) -> SummaryBars:
    """Pictures, and how their numbers were made.

    pictures: (title, norm, bars) of each; norm: of all its bars, or one for each.
    networks: title -> (name, hash of the weights) of each network.
    measured: the quantity and its conditions. template: the commands that measure it again, see `reproduce`.
    note:     a warning, as a sentence.
    """
    drawn, every, counts = [], [], set()
    for title, norm, shares in pictures:
        norms = [norm] * len(shares) if isinstance(norm, str) else norm
        each = zip(norms, shares, strict=True)
        if bars := [Bar(label, norm, share) for norm, (label, share) in each if share is not None]:
            drawn.append(summary_bars.draw(title, bars))
            every += [(title, bar) for bar in bars]
            counts |= {bar.share.n for bar in bars}
    if not drawn:
        return SummaryBars(())
    n = " to ".join(f"{count:,}" for count in sorted({min(counts), max(counts)}))
    command = reproduce.command(template, (name for name, _ in networks.values()))
    hashes = {title: digits for title, (_, digits) in networks.items()}
    used = tuple(Variant(name, "", digits) for name, digits in networks.values())
    about = measured, hashes, f"n = {n} test images", command, note
    return SummaryBars(tuple(drawn), *about, tuple(every), used)


def of_variants(
    pictures: Iterable[tuple[Variant, str, Shares]], measured: str, template: str, note: str = ""
) -> SummaryBars:
    """As `bars_of`, with (variant, title, bars) of each picture; names the weights of networks that have a picture."""
    drawn = [(variant, title, bars) for variant, title, bars in pictures if any(share for _, share in bars)]
    networks = {variant.title: (variant.model, variant.weight_hash) for variant, _, _ in drawn}
    by_norm = [(title, variant.norm, bars) for variant, title, bars in drawn]
    return bars_of(by_norm, networks, measured, template, note)


def sentence(text: str, networks: Sequence[Variant], *shares_of: Callable[[Variant], Share | None]) -> str:
    """`text` with one list of shares for each of `shares_of` in its gaps; the first list names the networks.

    Only networks of which all shares were measured are named; "" without one.
    """
    known = [(one, shares) for one in networks if all(shares := [share_of(one) for share_of in shares_of])]
    if not known:
        return ""
    lists = [
        [f"**{percent(share.value)}**" for _, shares in known if (share := shares[i])] for i in range(len(shares_of))
    ]
    lists[0] = [f"{one.title} {share}" for (one, _), share in zip(known, lists[0], strict=True)]
    return text.format(*map(listed, lists)).replace(" %", "\N{NO-BREAK SPACE}%")


def headlines(table: Table, variants: Sequence[Variant], sizes_255: Sequence[float], note: str = "") -> SummaryBars:
    """A picture for each variant, with the headline row of each attack size (k of k/255; 0 is clean)."""
    pictures, shown = [], list[Row]()
    for variant in variants:
        rows = {eps: headline(table, variant, eps) for eps in sizes_255}
        shown += filter(None, rows.values())
        pictures.append((variant, variant.label, [(_label(eps, row), row) for eps, row in rows.items()]))
    if batch := any(looks_at_batch(row.statistics) for row in shown):
        note = f"With statistics of a batch an attack made for another mode may do more harm than these. {note}".strip()
    return of_variants(pictures, WHAT + ", in batches of 128" * batch, reproduce.rows_script(shown), note)


def of_other_images(table: Table, clean: Sequence[tuple[Variant, Share | None]]) -> str:
    """Says that clean accuracies are of other images than those of the page Accuracy; "" where they are the same."""
    pairs = [(one, share, row) for one, share in clean if share and (row := headline(table, one, 0))]
    if not pairs or all(share.n == row.n for _, share, row in pairs):
        return ""
    here = listed([f"{one.title} {percent(share.value)}" for one, share, _ in pairs])
    there, (_, share, row) = listed([percent(row.value) for *_, row in pairs]), pairs[0]
    text = (
        f"Clean accuracy as trained: of these {share.n:,} images {here}; of the {row.n:,} on the page Accuracy {there}."
    )
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def measured_table(dataset: str) -> Table:
    """The table of accuracies; empty for a data set without one."""
    return evaluation.table(dataset) if accuracies.shipped(dataset).exists() else Table(())


def _label(eps: float, row: Row | None) -> str:
    return f"{attack_of(row)}, {eps:g}/255" if row and eps else "clean"
