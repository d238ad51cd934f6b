"""Shipped measurements -> the bars at the top of the page about natural shifts. Pure functions."""

from collections.abc import Sequence

from rnorm_core.data import CORRUPTIONS
from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.claims.evidence import signed
from rnorm_core.evaluation.claims.verdict import listed
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.evaluation.tables.laboratories import STEPS
from rnorm_core.norms import modes
from rnorm_core.report import reproduce
from rnorm_core.ui.shared.summary_bars import SummaryBars, bars_of, of_other_images
from rnorm_core.zoo import Variant

AS_TRAINED, OF_THE_BATCH = "tracked", "batch"


def corrupted_share(
    rows: Sequence[Row], network: Variant, statistics: str, corruption: str, severity: int
) -> Row | None:
    return laboratories.of(rows, network.model, statistics, corruption=corruption, severity=severity)


def clean_share(rows: Sequence[Row], network: Variant) -> Row | None:
    """As trained."""
    return laboratories.of([row for row in rows if row.attack == "clean"], network.model, AS_TRAINED, crossed=True)


def corrupted(
    rows: Sequence[Row], networks: Sequence[Variant], corruption: str, severity: int, eps_255: float, table: Table
) -> SummaryBars:
    """Accuracy under a corruption, and under an attack, each with the statistics as trained and with the batch's.

    A picture for each of the two, with all networks: on a small screen the first one is what there is room for.
    """
    both = {AS_TRAINED: "as trained", OF_THE_BATCH: "batch statistics"}
    bars = [(one, mode, f"{one.label}, {both[mode]}") for one in networks for mode in both if mode in modes(one.norm)]
    natural = [(label, corrupted_share(rows, one, mode, corruption, severity)) for one, mode, label in bars]
    attacked = [(label, laboratories.made_for(rows, one, mode, AS_TRAINED, eps_255)) for one, mode, label in bars]
    norms = [one.norm for one, *_ in bars]
    pictures = [
        (f"{CORRUPTIONS[corruption].title}, severity {severity}", norms, natural),
        (f"Attack of {eps_255:g}/255", norms, attacked),
    ]
    measured = {label for _, _, shares in pictures for label, share in shares if share}
    named = {one.label: (one.model, one.weight_hash) for one, _, label in bars if label in measured}
    what = f"accuracy on the same images with the statistics as trained and the batch's; PGD of {STEPS} steps"
    what += ", made for the network as trained"
    note = of_other_images(table, [(network, clean_share(rows, network)) for network in networks])
    return bars_of(pictures, named, what, reproduce.LABORATORIES, note)


def answer(
    rows: Sequence[Row], networks: Sequence[Variant], corruption: str, severity: int, eps_255: float
) -> str:  # fmt: skip
    """What batch statistics change under a corruption and under an attack, in Markdown; "" if unknown.

    Only networks of which all numbers were measured are named.
    """
    both = AS_TRAINED, OF_THE_BATCH
    natural, attacked = {}, {}
    for one in networks:
        natural[one] = _gain(*(corrupted_share(rows, one, mode, corruption, severity) for mode in both))
        attacked[one] = _gain(*(laboratories.made_for(rows, one, mode, AS_TRAINED, eps_255) for mode in both))
    known = [one for one in networks if natural[one] and attacked[one]]
    if not known:
        return ""
    by_network = listed([f"**{natural[one]} points** for {one.label}" for one in known])
    return (
        f"{CORRUPTIONS[corruption].title} of severity {severity}: a batch's own statistics change accuracy by "
        f"{by_network}. Attack of {eps_255:g}/255, made for the network as trained: by "
        f"{listed([f'**{attacked[one]}**' for one in known])}."
    )


def _gain(before: Row | None, after: Row | None) -> str:
    """In points; "" without both."""
    return signed(100 * (after.value - before.value)) if before and after else ""
