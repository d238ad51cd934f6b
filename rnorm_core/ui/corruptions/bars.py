"""Shipped measurements -> the bars at the top of the page about natural shifts. Pure functions."""

from collections.abc import Sequence

from rnorm_core.data import CORRUPTIONS
from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.evaluation.tables.laboratories import STEPS
from rnorm_core.norms import modes
from rnorm_core.report import reproduce
from rnorm_core.ui.shared.summary_bars import Shares, SummaryBars, made_for, of_other_images, of_variants, sentence
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
    """Accuracy under a corruption and under an attack, each with the statistics as trained and with the batch's."""

    def bars(network: Variant) -> Shares:
        both = [(AS_TRAINED, "as trained"), (OF_THE_BATCH, "batch statistics")]
        both = [(mode, word) for mode, word in both if mode in modes(network.norm)]
        title = f"{CORRUPTIONS[corruption].title}, severity {severity}"
        natural = [
            (f"{title}, {word}", corrupted_share(rows, network, mode, corruption, severity)) for mode, word in both
        ]
        attacked = [
            (f"PGD {eps_255:g}/255, {word}", made_for(rows, network, mode, AS_TRAINED, eps_255)) for mode, word in both
        ]
        return [*natural, *attacked]

    pictures = [(network, network.title, bars(network)) for network in networks]
    what = f"accuracy on the same images with the statistics as trained and the batch's; PGD of {STEPS} steps"
    what += ", made for the network as trained"
    note = of_other_images(table, [(network, clean_share(rows, network)) for network in networks])
    return of_variants(pictures, what, reproduce.LABORATORIES, note)


def answer(
    rows: Sequence[Row], networks: Sequence[Variant], corruption: str, severity: int, eps_255: float
) -> str:  # fmt: skip
    """What batch statistics bring back of a corruption's and of an attack's damage, in Markdown; "" if unknown."""
    both = AS_TRAINED, OF_THE_BATCH
    natural = [lambda one, mode=mode: corrupted_share(rows, one, mode, corruption, severity) for mode in both]
    attacked = [lambda one, mode=mode: made_for(rows, one, mode, AS_TRAINED, eps_255) for mode in both]
    return sentence(
        f"{CORRUPTIONS[corruption].title} of severity {severity} leaves {{}} right; with the statistics of the "
        f"corrupted batch, {{}}. An attack of {eps_255:g}/255 leaves {{}}; with those of the attacked batch, {{}}.",
        networks, *natural, *attacked,
    )  # fmt: skip
