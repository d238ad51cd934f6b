"""Choosing models from a list of titles that can be searched by typing.

The address holds the models' names. A widget that is bound to the address writes its displayed texts there. So
there are two widgets: a bound one with the names, which `theme` hides, and one with the titles. Each follows the other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from rnorm_core import model_names, zoo
from rnorm_core.data import CLASSES
from rnorm_core.errors import UserError
from rnorm_core.ui.shared import query_params
from rnorm_core.ui.shared.stage import address, places


def one(label: str, key: str, cards: Sequence[zoo.Card], default: str) -> str:
    """The name of one of these networks; `default` if the last choice is not among them any more."""
    titles = {card.name: model_names.listed(card) for card in cards}
    hidden = {"hidden": True, "label_visibility": "collapsed"}
    chosen = query_params.choose_one(_hidden(label), list(titles), key, default=default, **hidden)
    by_title(st.selectbox, label, key, list(titles), chosen, titles.__getitem__)
    return chosen


def several(label: str, key: str, titles: Mapping[str, str], default: Sequence[str], **more: Any) -> list[str]:
    """Some of the keys of `titles`; `more` goes to the widget with the titles."""
    last = st.session_state.get(key, [])
    if any(name not in titles for name in last):  # chosen for another data set
        st.session_state[key] = [name for name in last if name in titles] or list(default)
    hidden = {"key": key, "default": default, "hidden": True, "label_visibility": "collapsed"}
    chosen = query_params.bound(st.multiselect, _hidden(label), list(titles), **hidden)
    by_title(st.multiselect, label, key, list(titles), chosen, titles.__getitem__, **more)
    return chosen


def pairs(cards: Sequence[zoo.Card]) -> None:
    """A menu of pairs of models to compare; a choice sets left and right."""
    offered = {str(pair): pair for pair in model_names.pairs(cards)}
    if offered:
        st.menu_button(
            "Pairs", list(offered), key="pairs", on_click=_take_pair, args=(offered,),
            icon=":material/compare_arrows:", help="Pairs to compare. Each sets the left and the right model.",
            disabled=address.is_locked(),
        )  # fmt: skip


def datasets(uploaded: Sequence[str] = ()) -> list[str]:
    """The data sets of the zoo's models and of the uploaded ones, in the usual order."""
    known = {card.dataset for card in _readable_cards(uploaded)}
    return [dataset for dataset in CLASSES if dataset in known]


def cards_of(dataset: str, uploaded: Sequence[str] = ()) -> list[zoo.Card]:
    """Cards of the zoo's models and of the uploaded ones for a data set, in the usual order.

    A model with an unreadable card is left out; the Models page shows the problem of the card.
    """
    return model_names.ordered(card for card in _readable_cards(uploaded) if card.dataset == dataset)


def _readable_cards(uploaded: Sequence[str]) -> Iterator[zoo.Card]:
    for name in (*zoo.names(), *uploaded):
        with suppress(UserError):
            yield zoo.card(name)


def _hidden(label: str) -> str:
    return f"{label}, by name"


def by_title(
    widget: Callable[..., Any], label: str, key: str, options: list[str], chosen: Any, title: Callable[[str], str],
    **more: Any,
) -> None:  # fmt: skip
    """The widget with titles that follows the hidden one."""
    shown = f"{key} shown"
    st.session_state[shown] = chosen
    query_params.note(key, label, query_params.drawn()[key].values)
    more["disabled"] = address.is_locked()
    with places.control(key):
        widget(label, options, format_func=title, key=shown, on_change=partial(_take, key, shown), **more)


def _take(key: str, shown: str) -> None:
    st.session_state[key] = st.session_state[shown]


def _take_pair(offered: dict[str, model_names.Pair]) -> None:
    if pair := offered.get(st.session_state["pairs"]):
        st.session_state["left"], st.session_state["right"] = pair.left, pair.right
