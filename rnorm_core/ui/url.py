"""Choices that live in the address, and a word about those in it that could not be used.

A widget bound to the address falls back to its default without a word when the address asks for something it does not
have. Here what was asked for is compared with what came of it, and `notices` tells people.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

_ASKED = "_asked"  # in the session: key -> what the address said when the widget was last drawn
_USED = "_used"  # in the session: key -> what the widget had then, as the address writes it
_UNUSABLE = "_unusable"  # in the session: key -> (what the address said, what is used instead)


def bound(widget: Callable[..., Any], label: str, *args: Any, key: str, shown: Callable = str, **options: Any) -> Any:
    """`widget(label, *args, ...)` bound to the address as `key`; returns its value.

    shown: how a value is written in the address; for widgets that format their options, the format.
    """
    said = [text for text in st.query_params.get_all(key) if text]
    if shown is not str:
        options["format_func"] = shown
    value = widget(label, *args, key=key, bind="query-params", **options)
    values = value if isinstance(value, list) else [] if value is None else [value]
    # A possible value that is not the widget's is one it had a moment ago: the address lags behind a quick hand.
    options_of_it = args[0] if args and isinstance(args[0], list | tuple) else ()
    lagging = bool(said) and set(said) <= {shown(option) for option in options_of_it}
    _compare(key, said, [str(v).lower() if isinstance(v, bool) else shown(v) for v in values], lagging)
    return value


def choose_one(
    label: str, options: list, key: str, default: Any = None, widget: Callable[..., Any] = st.selectbox, **more: Any
) -> Any:
    """One of `options`, which change with other choices and pages; one that is no more among them gives way to
    `default`, or the first. widget: st.selectbox, or one that takes its default as it is.
    """
    default = options[0] if default is None else default
    if st.session_state.get(key, default) not in options:
        st.session_state[key] = default
    first = options.index(default) if widget is st.selectbox else default
    return bound(widget, label, options, first, key=key, **more)


def reserve(*keys: str) -> None:
    """Keys whose widgets will be drawn later: they are known, only not asked for yet."""
    for key in keys:
        _session(_ASKED).setdefault(key, [])


def notices() -> None:
    """Says what in the address could not be used, until that choice is changed; called when all have been asked for."""
    for key, (said, instead) in _session(_UNUSABLE).items():
        st.warning(f"`{key}={said}` in the address could not be used; it is now {instead}.", icon=":material/link_off:")
    for key in st.query_params:
        if key not in _session(_ASKED):
            why = "with these choices there is no such setting"
            st.warning(f"`{key}={st.query_params[key]}` in the address is not used: {why}.", icon=":material/link_off:")


def _compare(key: str, said: list[str], shown: list[str], lagging: bool) -> None:
    unusable, instead = _session(_UNUSABLE), ", ".join(shown) or "empty"
    # Only news from the address: where code changes a widget, the address follows a moment later.
    if said and not lagging and said not in (_session(_ASKED).get(key), _session(_USED).get(key)):
        if missing := [text for text in said if not any(_same(text, other) for other in shown)]:
            unusable[key] = ", ".join(missing), instead
    elif key in unusable and unusable[key][1] != instead:
        del unusable[key]
    _session(_ASKED)[key], _session(_USED)[key] = said, shown


def _same(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other


def _session(name: str) -> dict[str, Any]:
    return st.session_state.setdefault(name, {})
