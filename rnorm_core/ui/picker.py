"""Picking models: a list of all that one can search by typing, by what people call them, in groups.

The address holds the models' names. A widget that is bound to the address writes there what it shows, so there are two:
a bound one with the names, which `look` hides, and one with the titles, which is; they are kept alike.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from rnorm_core import zoo
from rnorm_core.data import CLASSES
from rnorm_core.errors import UserError
from rnorm_core.ui import naming, url


def one(label: str, key: str, norms: Mapping[str, str], default: str) -> str:
    """A model of name -> norm; one that is no more among them gives way to `default`."""
    chosen = url.choose_one(_unseen(label), list(norms), key, default=default, label_visibility="collapsed")
    _shown(st.selectbox, label, key, list(norms), chosen, lambda name: naming.listed(name, norms[name]))
    return chosen


def several(label: str, key: str, titles: Mapping[str, str], default: Sequence[str], **more: Any) -> list[str]:
    """Some of what the address knows by the names that lead to `titles`."""
    known = st.session_state.get(key, [])
    if any(one not in titles for one in known):  # of another data set, say
        st.session_state[key] = [one for one in known if one in titles] or list(default)
    unseen = {"key": key, "default": default, "label_visibility": "collapsed"}
    chosen = url.bound(st.multiselect, _unseen(label), list(titles), **unseen)
    _shown(st.multiselect, label, key, list(titles), chosen, titles.__getitem__, **more)
    return chosen


def pairs(norms: Mapping[str, str]) -> None:
    """A menu of models worth comparing; a choice sets left and right."""
    offered = {str(pair): pair for pair in naming.pairs(norms)}
    if offered:
        st.menu_button(
            "Pairs to compare", list(offered), key="pairs", on_click=_take_pair, args=(offered,), width="stretch",
            icon=":material/compare_arrows:", help="Each sets the left and the right model.",
        )  # fmt: skip


def datasets(yours: Sequence[str] = ()) -> list[str]:
    """Of the zoo's models and of those brought, as data sets are listed."""
    known = {card.dataset for card in _sound(yours)}
    return [dataset for dataset in CLASSES if dataset in known]


def norms_of(dataset: str, yours: Sequence[str] = ()) -> dict[str, str]:
    """name -> norm of the zoo's models for a data set and of those brought, as they are listed.

    One whose card is not sound is left out; the Models page says what is wrong with it.
    """
    norms = {card.name: card.norm for card in _sound(yours) if card.dataset == dataset}
    return {name: norms[name] for name in naming.ordered(norms)}


def _sound(yours: Sequence[str]) -> Iterator[zoo.Card]:
    for name in (*zoo.names(), *yours):
        with suppress(UserError):
            yield zoo.card(name)


def _unseen(label: str) -> str:
    return f"{label}, by name"


def _shown(
    widget: Callable[..., Any], label: str, key: str, options: list[str], chosen: Any, title: Callable[[str], str],
    **more: Any,
) -> None:  # fmt: skip
    shown = f"{key} shown"
    st.session_state[shown] = chosen
    widget(label, options, format_func=title, key=shown, on_change=partial(_take, key, shown), **more)


def _take(key: str, shown: str) -> None:
    st.session_state[key] = st.session_state[shown]


def _take_pair(offered: dict[str, naming.Pair]) -> None:
    if pair := offered.get(st.session_state["pairs"]):
        st.session_state["left"], st.session_state["right"] = pair.left, pair.right
