"""Choices that live in the address, and notices about values of the address that cannot be used.

A widget that is bound to the address falls back to its default without notice if the address holds a value that the
widget does not have. Here the value in the address is compared with the widget's value, and `notices` shows the result.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from rnorm_core.ui.shared.plain_text import as_code, escaped
from rnorm_core.ui.shared.stage import address, places

# In the session, each by the widget's key. Values are written as in the address.
_REQUESTED = "_requested"  # the address's values when the widget was last drawn
_USED = "_used"  # the widget's values then
_DEFAULTS = "_defaults"  # of the widgets of `choose_one`
_CUT = "_cut"  # what `keep_first` kept, until the widget is drawn
_UNUSABLE = "_unusable"  # (values of the address that cannot be used, values that are used instead)
_DRAWN = "_drawn"  # the choices of the page as it is now, see `drawn`


@dataclass(frozen=True)
class Drawn:
    """A choice of the page: its label, "" if it is not a control, and its values as the address writes them."""

    label: str
    values: Sequence[str] = ()


def begin() -> None:
    """Forgets the choices of the last page. Call it before all widgets."""
    st.session_state[_DRAWN] = {}
    for key in (address.PRESENT, address.LOCK):
        given = st.query_params.get_all(key)
        _compare(key, given, ["1" if "1" in given else "0"], late=False)
    reserve(address.CONTROLS)


def drawn() -> Mapping[str, Drawn]:
    """The choices of the page so far, by key."""
    return dict(_session(_DRAWN))


def note(key: str, label: str, values: Sequence[str] = ()) -> None:
    """A choice that is not drawn by `bound`."""
    _session(_DRAWN)[key] = Drawn(label, values)


def bound(
    widget: Callable[..., Any], label: str, *args: Any, key: str, shown: Callable = str, hidden: bool = False,
    **options: Any,
) -> Any:  # fmt: skip
    """`widget(label, *args, ...)` bound to the address as `key`; returns its value.

    shown:  value -> text in the address; for widgets that format their options, the format.
    hidden: whether it only holds the value for the address, and another control shows it.
    """
    given = st.query_params.get_all(key)
    requested = [text for text in given if text.strip()]
    if shown is not str:
        options["format_func"] = shown
    # Streamlit's widgets take an empty value and a number that is not finite, and fail later: they must not see it.
    # At its first binding a widget takes what the address had at first, which `keep_first` has cut.
    if _session(_CUT).pop(key, None):
        pass
    elif len(requested) == len(given) and all(map(_finite, given)):
        options["bind"] = "query-params"
    else:
        del st.query_params[key]
    options["disabled"] = options.get("disabled", False) or (address.is_locked() and not hidden)
    with places.at(places.BACKSTAGE) if hidden else places.control(key):
        value = widget(label, *args, key=key, **options)
    values = value if isinstance(value, list) else [] if value is None else [value]
    # A valid value that is not the widget's is an older value: after quick changes the address is late.
    known = args[0] if args and isinstance(args[0], list | tuple) else ()
    late = bool(requested) and set(requested) <= {shown(option) for option in known}
    used = [str(v).lower() if isinstance(v, bool) else shown(v) for v in values]
    _compare(key, requested, used, late)
    note(key, label, used)
    return value


def choose_one(
    label: str, options: list, key: str, default: Any = None, widget: Callable[..., Any] = st.selectbox, **more: Any
) -> Any:
    """One of `options`, which depend on other choices; `default` or the first if the last choice is not an option.

    widget: st.selectbox, or a widget that takes a value as its default, not an index.
    """
    default = options[0] if default is None else default
    _session(_DEFAULTS)[key] = default
    if st.session_state.get(key, default) not in options:
        st.session_state[key] = default
    first = options.index(default) if widget is st.selectbox else default
    return bound(widget, label, options, first, key=key, **more)


def keep_first(key: str, most: int) -> None:
    """Cuts an address with more than `most` values of a choice that is not drawn yet; a notice says so."""
    given = st.query_params.get_all(key)
    if len(given) > most and key not in st.session_state:
        st.session_state[key] = _session(_CUT)[key] = kept = given[:most]
        del st.query_params[key]
        _session(_UNUSABLE)[key] = ", ".join(given[most:]), ", ".join(kept)


def reserve(*keys: str) -> None:
    """Keys of widgets that will be drawn later, so that `notices` knows them."""
    for key in keys:
        _session(_REQUESTED).setdefault(key, [])


def forget_defaults(*keys: str) -> None:
    """Drops the values of `choose_one` that are the default of the last widget of their key; other choices stay.

    For parts that share keys but have other defaults.
    """
    for key in keys:
        if key in st.session_state and st.session_state[key] == _session(_DEFAULTS).get(key):
            del st.session_state[key]


def notices() -> None:
    """Names the unusable values of the address, until the choice is changed. Call it after all widgets."""
    named = address.controls()
    _compare(address.CONTROLS, named, [key for key in named if key in _session(_DRAWN)], late=False)
    for key, (unusable, instead) in _session(_UNUSABLE).items():
        text = f"{as_code(f'{key}={unusable}')} in the address could not be used; it is now {escaped(instead)}."
        st.warning(text, icon=":material/link_off:")
    for key in st.query_params:
        if key not in _session(_REQUESTED):
            why = "with these choices there is no such setting"
            name = as_code(f"{key}={st.query_params[key]}")
            st.warning(f"{name} in the address is not used: {why}.", icon=":material/link_off:")


def _compare(key: str, requested: list[str], used: list[str], late: bool) -> None:
    unusable, instead = _session(_UNUSABLE), ", ".join(used) or "empty"
    # Only new values in the address: after a change by code, the address still holds the widget's last value.
    if requested and not late and requested not in (_session(_REQUESTED).get(key), _session(_USED).get(key)):
        if missing := [text for text in requested if not any(_same(text, other) for other in used)]:
            unusable[key] = ", ".join(missing), instead
    elif key in unusable and unusable[key][1] != instead:
        del unusable[key]
    _session(_REQUESTED)[key], _session(_USED)[key] = requested, used


def _finite(text: str) -> bool:
    """Whether a text is no number, or a finite one."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return True


def _same(one: str, other: str) -> bool:
    """Whether two texts are equal, or equal numbers: "0.50" and "0.5"."""
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other


def _session(name: str) -> dict[str, Any]:
    return st.session_state.setdefault(name, {})
