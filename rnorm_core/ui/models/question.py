"""The list of the zoo: filters, a table whose rows can be sorted and selected, and the selection in the address."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from rnorm_core import model_names
from rnorm_core.figures.style import LOOKS
from rnorm_core.ui.models.entries import ADVERSARIAL, EVERY, STANDARD, Entry, Filter, first_choice, records, sizes
from rnorm_core.ui.settings import model_picker
from rnorm_core.ui.shared import query_params
from rnorm_core.ui.shared.stage import address
from rnorm_core.zoo import Card

SHOWN = "show"  # key of the selection, also in the address; the table's selected rows follow it
ROW, MOST = 35, 11  # height of a row in pixels; rows that the table shows at once
WIDTH, WIDTHS = 98, {"95 %": 100, "attack": 140, "training": 148}  # pixels; all columns fit on a laptop
SELECT = "Choose here, or select rows of the list at their left edge."
PART = "about"  # key of the open part, also in the address
_DATASET = "_dataset_of_models"  # in the session: the data set for which networks were chosen
EVERYTHING, CURVES, TRAINING, LAYERS, CARD, SEEDS, RATES = (
    "All networks",
    "Accuracy",
    "Training",
    "Norm layers",
    "One card",
    "Seeds",
    "Learning rates",
)
PARTS = {
    EVERYTHING: ("norm", "architecture", "training"), CURVES: (), TRAINING: (), LAYERS: (), CARD: ("card",), SEEDS: (),
    RATES: (),
}  # fmt: skip


def choose(entries: Sequence[Entry], dataset: str) -> tuple[list[Entry], float]:
    """The networks to compare, in the order of `entries`, and the attack size (k of k/255) of their accuracy.

    At first those of `dataset`, and again when the visitor changes the data set.
    """
    titles = {entry.card.name: model_names.listed(entry.card) for entry in entries}
    if SHOWN in st.session_state:  # an uploaded network may be gone from memory
        st.session_state[SHOWN] = [name for name in st.session_state[SHOWN] if name in titles]
    networks, size = st.columns([4, 1], gap="medium")
    with networks:
        first = first_choice(of_dataset(entries, dataset))
        if st.session_state.get(_DATASET, dataset) != dataset:
            st.session_state[SHOWN] = first
        st.session_state[_DATASET] = dataset
        chosen = model_picker.several("Networks", SHOWN, titles, first, help=SELECT)
    with size:
        offered = sizes(entries) or [1.0]
        eps = query_params.choose_one(
            "Attack size (k/255)", offered, key="robust_at", default=1 if 1 in offered else offered[0],
            shown="{:g}".format,
            help="How many grey levels, of 255, each colour may move. 1/255 tells ordinary networks apart; "
            "adversarially trained ones are compared at 8/255.",
        )  # fmt: skip
    return [entry for entry in entries if entry.card.name in chosen], eps


def of_dataset(entries: Sequence[Entry], dataset: str) -> list[Card]:
    """The cards of networks for a data set; all cards if there are none."""
    cards = [entry.card for entry in entries]
    return [card for card in cards if card.dataset == dataset] or cards


def list_networks(entries: Sequence[Entry], eps: float, chosen: Sequence[Entry]) -> None:
    """All networks that pass the filters; the selected rows are the chosen networks, which need not be listed."""
    listed = filters(entries)
    _table([entry for entry in entries if listed.passes(entry.card)], eps, [entry.card.name for entry in chosen])


def filters(listed: Sequence[Entry]) -> Filter:
    titles = {LOOKS[norm].name: norm for norm in LOOKS if any(entry.card.norm == norm for entry in listed)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = query_params.bound(st.pills, "Norm", list(titles), key="norm", selection_mode="multi", wrap=True)
        with st.popover("More choices", icon=":material/filter_alt:"):
            shapes = [EVERY, *dict.fromkeys(entry.card.architecture for entry in listed)]
            architecture = query_params.choose_one("Architecture", shapes, key="architecture")
            training = query_params.choose_one("Training", [EVERY, STANDARD, ADVERSARIAL], key="training")
    return Filter(tuple(titles[title] for title in chosen), architecture, training)


def _table(listed: Sequence[Entry], eps: float, chosen: Sequence[str]) -> None:
    if not listed:
        st.info("No model is like that. Take a filter away.", icon=":material/filter_alt_off:")
        return
    shown, names = records(listed, eps), [entry.card.name for entry in listed]
    rows = [i for i, name in enumerate(names) if name in chosen]
    # A key for each list: rows are numbers, and a click on a row of the list before a filter was changed must not
    # select the row with that number in the new list.
    key = f"_zoo {' '.join(names)}"
    selection = st.session_state.get(key, {}).get("selection", {})
    if selection.get("rows") is None or sorted(selection["rows"]) != rows:
        st.session_state[key] = {"selection": {"rows": rows}}
    columns = {
        key: st.column_config.NumberColumn(format="%.1f", width=WIDTH) for key in shown[0] if key.endswith("(%)")
    }
    columns |= {key: st.column_config.TextColumn(width=width) for key, width in WIDTHS.items()}
    columns["network"] = st.column_config.TextColumn(pinned=True, width=200)
    columns["n"] = st.column_config.NumberColumn(format="localized", width=60)
    st.dataframe(
        shown, key=key, hide_index=True, column_config=columns, selection_mode="multi-row", placeholder="–",
        height=ROW * (min(len(shown), MOST) + 1) + 3,
        on_select="ignore" if address.is_locked() else partial(select, key, names),
        alt=f"{len(shown)} models, each with its training and its accuracy without and under attack",
    )  # fmt: skip


def select(key: str, listed: Sequence[str]) -> None:
    """Takes over the selection of the table `key`, which lists these networks; selected hidden ones stay selected."""
    rows = st.session_state[key]["selection"]["rows"]
    hidden = [name for name in st.session_state.get(SHOWN, []) if name not in listed]
    st.session_state[SHOWN] = hidden + [listed[row] for row in rows]


def choose_card(entries: Sequence[Entry]) -> Entry:
    """One of these networks; the first by default."""
    titles = {entry.card.name: model_names.listed(entry.card) for entry in entries}
    names = list(titles)
    if st.session_state.get("card") not in names:
        st.session_state["card"] = None
    # No default: the address leaves a default out, and which card is the first depends on the selection.
    hidden = {"hidden": True, "label_visibility": "collapsed"}
    name = query_params.bound(st.selectbox, "Card, by name", names, None, key="card", **hidden)
    chosen = name if name in names else names[0]
    model_picker.by_title(st.selectbox, "Card", "card", names, chosen, titles.__getitem__, width=360)
    return entries[names.index(chosen)]
