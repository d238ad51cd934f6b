"""The start page's sentences, from results. Pure functions, in Markdown."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.claims.evidence import difference_texts
from rnorm_core.evaluation.measure.paired import paired
from rnorm_core.evaluation.tables.alike import to_compare
from rnorm_core.evaluation.tables.headline import headline
from rnorm_core.evaluation.tables.trainings import over_trainings
from rnorm_core.norms import looks_at_batch
from rnorm_core.rounding import percent
from rnorm_core.zoo import Variant

PAPERS = 8  # k of k/255: the size that most papers use
HIDDEN = 2  # up to here hardly anybody sees the change


def levels(size: float) -> str:
    """An attack size in words."""
    return "without any change" if not size else f"with each colour moved by at most {size:g} of 255 grey levels"


def of_photos(variants: Sequence[Variant], right: Tensor, size: float) -> str:
    """How many of the photos each network still recognises. right: bool (V, N)."""
    n, kept = right.shape[1], right.sum(1).tolist()
    each = [f"{variant.label} **{k}**" for variant, k in zip(variants, kept, strict=True)]
    each[0] = each[0].replace(" **", " still recognises **")
    yes = "**Yes.** " if 0 < size <= HIDDEN and min(kept) < n else ""
    alone = " each shown alone," if _in_batches(variants) else ""
    return f"{yes}Of these {n} photos,{alone} {levels(size)}, {_list(each)}."


def sizes_of(table: Table, variants: Sequence[Variant], size: float) -> list[float]:
    """The chosen size, or 1/255 where that was not measured for left and right, and the papers' size."""
    measured = [eps for eps in (size, 1, PAPERS) if eps and _rows(table, variants[:2], eps)]
    return list(dict.fromkeys([*measured[:1], *(eps for eps in measured if eps == PAPERS)]))


def of_table(table: Table, variants: Sequence[Variant], size: float) -> str:
    """What the shipped table says of these sizes: right against left, and which network keeps most.

    Empty if left and right were not both measured, or are one.
    """
    same = to_compare(table, variants)
    sizes = sizes_of(same, variants, size)
    if len(variants) < 2 or not sizes:
        return ""
    left, right = variants[:2]
    pairs = {eps: _rows(same, (left, right), eps) for eps in sizes}
    n = min(row.n for pair in pairs.values() for row in pair)
    gains = [
        f"{_gain(one, other, left.label if eps == sizes[0] else '')} at {eps:g}/255"
        for eps, (one, other) in pairs.items()
    ]
    here = Table(tuple(row for row in table.rows if row.eps_255 in (0, *sizes)))  # the page asks at every run
    gains[0] += _trainings(here, (left, right), pairs[sizes[0]], sizes[0])
    together = ", in batches of 128," if _in_batches(variants) else ""
    known = [v for v in variants if all(_rows(same, [v], eps) for eps in sizes)]
    return f"Of {n:,} test images{together} {right.label} recognises {_list(gains)}.{_most(here, same, known, sizes)}"


def _in_batches(variants: Sequence[Variant]) -> bool:
    """Whether an answer depends on the other images of a batch."""
    return any(looks_at_batch(variant.statistics) for variant in variants)


def _rows(table: Table, variants: Sequence[Variant], eps: float) -> list[Row]:
    """The headline rows of all these networks; [] if one is missing."""
    rows = [headline(table, variant, eps) for variant in variants]
    return [row for row in rows if row is not None] if all(rows) else []


def _gain(left: Row, right: Row, than: str) -> str:
    """than: the left network, "" where the sentence has named it already."""
    if not _is_ahead(left, right) and not _is_ahead(right, left):
        return f"**about as many as** {than}" if than else "**about as many**"
    gain = f"**{_points(right, left)} points {'more' if right.value > left.value else 'fewer'}**"
    return f"{gain} than {than}" if than else gain


def _is_ahead(one: Row, other: Row) -> bool:
    """Whether chance, in the choice of the images, hardly explains that the first is better."""
    if one.images == other.images:
        return paired(one.mask, other.mask).low > 0
    return one.low > other.high


def _points(one: Row, other: Row) -> str:
    return percent(abs(one.value - other.value)).removesuffix(" %")


def _trainings(table: Table, pair: Sequence[Variant], said: Sequence[Row], eps: float) -> str:
    """How much more right recognises over all trainings of the two, with other seeds; "" if there are none.

    A training is an example: its seed may do more than its norm. said: the rows of the two in the sentence.
    """
    left, right = pair
    over = over_trainings(table, right, left, partial(headline, eps_255=eps))
    if over is None or max(abs(over.low), abs(over.high)) < 0.001:
        return ""
    low, value, high = difference_texts(over)
    chance = "" if over.low > 0 or over.high < 0 else ", so this may be chance"
    same = said[1].value in over.left and said[0].value in over.right
    fewer = "" if same else ", under attacks that all of them had,"
    return f" (over {over.trainings}{fewer} {value} points, 95\N{NO-BREAK SPACE}%: {low} to {high}{chance})"


def _most(table: Table, same: Table, variants: Sequence[Variant], sizes: Sequence[float]) -> str:
    """Which of three networks is clearly ahead of the others, size by size; of two it is said already.

    same: the rows of these networks under attacks that all of them had; other trainings are in the table.
    """
    if len(variants) < 3:
        return ""
    ahead: dict[str, list[str]] = {}
    for eps in sizes:
        rows = dict(zip(variants, _rows(same, variants, eps), strict=True))
        for variant, row in rows.items():
            others = [other for other in variants if other is not variant]
            if all(_is_ahead(row, rows[other]) for other in others):
                name = "The network without a norm" if variant.norm == "none" else variant.label
                over = [over_trainings(table, variant, other, partial(headline, eps_255=eps)) for other in others]
                chance = any(one is not None and one.low <= 0 for one in over)
                share = f"{percent(row.value)} at {eps:g}/255" + " (over trainings this may be chance)" * chance
                ahead.setdefault(name, []).append(share)
    return "".join(f" {name} is ahead of both: {_list(shares)}." for name, shares in ahead.items())


def _list(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
