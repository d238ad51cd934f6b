"""Shipped measurements -> the bars at the top of the page about natural shifts. Pure functions."""

from collections.abc import Sequence

from rnorm_core.data import CORRUPTIONS
from rnorm_core.evaluation import Row
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.evaluation.tables.laboratories import STEPS
from rnorm_core.norms import modes
from rnorm_core.ui.shared import reproduce
from rnorm_core.ui.shared.summary_bars import Shares, SummaryBars, made_for, of_variants
from rnorm_core.zoo import Variant


def corrupted(
    rows: Sequence[Row], networks: Sequence[Variant], corruption: str, severity: int, eps_255: float
) -> SummaryBars:
    """Accuracy under a corruption and under an attack, each with tracked and with batch statistics."""

    def bars(network: Variant) -> Shares:
        both = [mode for mode in ("tracked", "batch") if mode in modes(network.norm)]
        title = CORRUPTIONS[corruption].title
        natural = [
            (f"{title}, severity {severity}, {mode}",
             laboratories.of(rows, network.model, mode, corruption=corruption, severity=severity)) for mode in both
        ]  # fmt: skip
        clean_rows = [row for row in rows if row.attack == "clean"]
        clean = [(f"clean, {mode}", laboratories.of(clean_rows, network.model, mode, crossed=True)) for mode in both]
        attacked = [
            (f"PGD {eps_255:g}/255, {mode}", made_for(rows, network, mode, "tracked", eps_255)) for mode in both
        ]
        return [*clean, *natural, *attacked]

    pictures = [(network, network.title, bars(network)) for network in networks]
    what = f"accuracy on the same images with tracked and the batch's statistics; PGD of {STEPS} steps on tracked ones"
    note = "An attack made anew for the batch's statistics is another one: see below."
    return of_variants(pictures, what, reproduce.LABORATORIES, note)
