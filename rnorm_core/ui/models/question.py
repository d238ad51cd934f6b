"""The list of the zoo: filters, a table whose rows can be sorted and selected, and the selection in the address."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from rnorm_core.figures.style import LOOKS
from rnorm_core.ui.models.entries import ADVERSARIAL, EVERY, STANDARD, Entry, Filter, first_choice, records, sizes
from rnorm_core.ui.shared import query_params
from rnorm_core.zoo import Card

SHOWN = "show"  # key of the selection, also in the address; the table's selected rows follow it
ROW, MOST = 35, 11  # height of a row in pixels; rows that the table shows at once
WORST = "An image counts where none of the attacks measured at this size fooled the network; APGD or Square among them."
SELECT = "Select rows at their left edge, or here. What you select is drawn below."


def filters(listed: Sequence[Entry]) -> tuple[Filter, float]:
    """Which networks are listed, and the attack size (k of k/255) of their robust accuracy."""
    columns = iter(st.columns([2, 1, 1, 1], gap="medium"))
    known = [norm for norm in LOOKS if any(entry.card.norm == norm for entry in listed)]
    titles = {LOOKS[norm].name: norm for norm in known}
    with next(columns):
        chosen = query_params.bound(st.pills, "Norm", list(titles), key="norm", selection_mode="multi", wrap=True)
    with next(columns):
        shapes = [EVERY, *dict.fromkeys(entry.card.architecture for entry in listed)]
        architecture = query_params.choose_one("Architecture", shapes, key="architecture")
    with next(columns):
        training = query_params.choose_one("Training", [EVERY, STANDARD, ADVERSARIAL], key="training")
    with next(columns):
        offered = sizes(listed) or [1.0]
        first = 1 if 1 in offered else offered[0]
        eps = query_params.choose_one(
            "Robust at eps (k/255)", offered, key="robust_at", default=first, shown="{:g}".format,
            help="1/255 tells ordinary networks apart; adversarially trained ones are compared at 8/255.",
        )  # fmt: skip
    return Filter(tuple(titles[title] for title in chosen), architecture, training), eps


def choose(entries: Sequence[Entry], listed: Filter, eps: float) -> list[Entry]:
    """The list. Returns the selected networks in the order of `entries`. Selected networks need not be listed."""
    names = [entry.card.name for entry in entries]
    if SHOWN in st.session_state:  # an uploaded network may be gone from memory
        st.session_state[SHOWN] = [name for name in st.session_state[SHOWN] if name in names]
    above, first = st.container(), first_choice([entry.card for entry in entries])
    chosen = query_params.bound(st.multiselect, "Shown below", names, key=SHOWN, default=first, help=SELECT)
    with above:
        _table([entry for entry in entries if listed.passes(entry.card)], eps, chosen)
    return [entry for entry in entries if entry.card.name in chosen]


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
    columns = {key: st.column_config.NumberColumn(format="%.1f") for key in shown[0] if key.endswith("(%)")}
    columns["worst case (%)"] = st.column_config.NumberColumn(format="%.1f", help=WORST)
    columns |= {key: st.column_config.TextColumn("95 %, n") for key in shown[0] if key.endswith("95 %")}
    columns["worst case, 95 %"] = st.column_config.TextColumn("95 %, n, attacks")
    columns["p"] = st.column_config.NumberColumn(format="%.2f", help="RobustNorm divides by range to the power of p.")
    columns["parameters"] = st.column_config.NumberColumn(format="localized")
    columns["model"] = st.column_config.TextColumn(pinned=True, width=218)
    st.dataframe(
        shown, key=key, hide_index=True, column_config=columns, selection_mode="multi-row", placeholder="–",
        height=ROW * (min(len(shown), MOST) + 1) + 3, on_select=partial(select, key, names),
        alt=f"{len(shown)} models, each with its norm, training, parameters and measured accuracies",
    )  # fmt: skip


def select(key: str, listed: Sequence[str]) -> None:
    """Takes over the selection of the table `key`, which lists these networks; selected hidden ones stay selected."""
    rows = st.session_state[key]["selection"]["rows"]
    hidden = [name for name in st.session_state.get(SHOWN, []) if name not in listed]
    st.session_state[SHOWN] = hidden + [listed[row] for row in rows]


def choose_card(cards: Sequence[Card]) -> Card:
    """One of these networks; the first by default."""
    names = [card.name for card in cards]
    if st.session_state.get("card") not in names:
        st.session_state["card"] = None
    # No default: the address leaves a default out, and which card is the first depends on the selection.
    name = query_params.bound(st.selectbox, "Card", names, None, key="card", placeholder=names[0], width=360)
    return cards[names.index(name)] if name in names else cards[0]
