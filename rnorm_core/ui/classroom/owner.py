"""The owner's key of a room: in the session, and in the browser for the next session."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from rnorm_core.classroom.vote.errors import NoRoom, NotOwner
from rnorm_core.classroom.vote.state import Key, Room
from rnorm_core.classroom.vote.store import Store, shared

_KEY, _FORGET, _LOST = "_room_key", "_room_forget", "_room_lost"  # in the session
# The text and not the path, because Streamlit serves files of installed packages only.
_mount = component(
    "room_keeper",
    html="<button hidden>Copy your own link</button>",
    css="""
    button { font: inherit; color: inherit; background: transparent; cursor: pointer; padding: 0.35rem 0.8rem;
      border: 1px solid rgba(128, 128, 128, 0.6); border-radius: 0.5rem; }
    """,
    js=Path(__file__).with_name("keeper.js").read_text("utf-8"),
)


def keep() -> None:
    """Exchanges the owner link, or the key that the browser keeps, for a key in the session. Call it before `room`."""
    key = st.session_state.get(_KEY)
    forget = st.session_state.pop(_FORGET, False)
    data = {"keep": key and _text(key), "forget": forget, "asks": key is None and not forget}
    _mount(key="keeper", data=data, on_found_change=_take)


def copy_link(link: str) -> None:
    """A button that puts the owner link into the clipboard; the page never shows it."""
    _mount(key="owner link", data={"link": link})


def room() -> tuple[Store, Key, Room] | None:
    """The room of this session, if there is one that has not ended."""
    key = st.session_state.get(_KEY)
    if key is None:
        return None
    store = shared()
    try:
        return store, key, store.room(key)
    except (NoRoom, NotOwner):
        forget()
        st.session_state[_LOST] = True
        st.rerun()  # so that the browser forgets it, too


def was_lost() -> bool:
    """Whether the room of this session or of the owner link is gone; said once."""
    return st.session_state.pop(_LOST, False)


def open_room() -> None:
    st.session_state[_KEY] = shared().open_room()


def forget() -> None:
    """This browser is no owner any more; the room goes on."""
    st.session_state.pop(_KEY, None)
    st.session_state[_FORGET] = True


def delete(store: Store, key: Key) -> None:
    store.delete(key)
    forget()


def _take() -> None:
    code, _, secret = str(st.session_state["keeper"].found).partition(".")
    st.session_state[_KEY] = Key(code, secret)


def _text(key: Key) -> str:
    return f"{key.code}.{key.secret}"
