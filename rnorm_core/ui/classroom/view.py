"""A room -> the screen that the class sees: how to join, the question, how many have answered, then the result."""

from functools import partial
from html import escape
from pathlib import Path

import streamlit as st

from rnorm_core.classroom.question import Question
from rnorm_core.classroom.vote import where
from rnorm_core.classroom.vote.errors import NoRoom
from rnorm_core.classroom.vote.state import Asked, Key, Result, Room, letter
from rnorm_core.classroom.vote.store import Store, shared
from rnorm_core.figures.markup.vote_bars import vote_bars
from rnorm_core.ui.classroom import address, owner, question, words
from rnorm_core.ui.shared.downloads import as_csv
from rnorm_core.ui.shared.guard import problems

EVERY = 1.5  # seconds between two counts
_STYLE = Path(__file__).with_name("style.css").read_text("utf-8")
_NEXT = "_room_next"  # in the session: the question after which the owner wants to ask another


def apply_style() -> None:
    st.html(f"<style>{_STYLE}</style>")


def show_no_room() -> None:
    if owner.was_lost():
        st.info(words.LOST)
    st.markdown(words.ABOUT)
    if st.button("Open a room", type="primary", icon=":material/meeting_room:", key="open_room"):
        owner.open_room()
        st.rerun()
    st.caption(f"{words.PHONES} {words.IN_A_FILE if where.is_a_file() else words.KEPT}")


def show_room(store: Store, key: Key, room: Room, page: str) -> None:
    """On the left how to join, on the right what happens."""
    found, asked = address.find(st.context.url), room.asked
    chooses = asked is None or st.session_state.get(_NEXT) == asked.id
    result = store.result(key, asked.id) if asked and asked.revealed and not chooses else None
    left, right = st.columns([1, 2.4], gap="large")
    with left:
        st.html(address.panel(found, room.code, picture=result is None))
        _show_count(key, _state(room))
        if result and asked:
            _show_moves(asked.question, result)
        with st.popover("Room", icon=":material/settings:"):
            _show_menu(store, key, found, page)
        if found.note and chooses:
            st.caption(found.note)
    with right:
        if result and asked:
            _show_result(asked, result)
        elif asked and not chooses:
            _show_vote(store, key, asked)
        else:
            _show_choice(store, key)


@st.fragment(run_every=EVERY)
def _show_count(key: Key, seen: object) -> None:
    """Only this part runs again, unless another device of the owner has changed the room, or the room has ended."""
    with st.container(key="room_count"), problems():
        try:
            room = shared().room(key)
        except NoRoom:
            st.rerun()
        if _state(room) != seen:
            st.rerun()
        st.markdown(words.count(room))


def _state(room: Room) -> object:
    """What the page around the count depends on."""
    return room.asked and (room.asked.revealed, room.asked.last.id, room.asked.last.closed)


def _show_choice(store: Store, key: Key) -> None:
    st.markdown("#### Ask a question")
    asked = question.own()
    if asked is not None:
        store.ask(key, asked)
        st.session_state.pop(_NEXT, None)
        st.rerun()


def _show_vote(store: Store, key: Key, asked: Asked) -> None:
    """The question while the class votes, and between the votes: no word about the answers."""
    st.html(_asked(words.stage(asked), asked.question))
    with st.container(horizontal=True, vertical_alignment="center"):
        if not asked.last.closed:
            if st.button("Close the vote", type="primary", icon=":material/lock:", key="close"):
                store.close(key, asked.id)
                st.rerun()
            return
        if asked.last.number == 1 and st.button("Vote again", icon=":material/replay:", key="again"):
            store.ask_again(key, asked.id)
            st.rerun()
        if st.button("Reveal the result", icon=":material/visibility:", key="reveal"):
            store.reveal(key, asked.id)
            st.rerun()
        with st.popover("For you alone", icon=":material/lightbulb:", type="tertiary"):
            st.markdown(words.advice(store.advice(key, asked.id)))
            st.caption("What you open here, a projector shows. The owner link shows it on your own phone.")


def _show_moves(about: Question, result: Result) -> None:
    with st.container(key="room_moves"):
        for line in words.moves(about, result):
            st.markdown(line)


def _show_result(asked: Asked, result: Result) -> None:
    about = asked.question
    st.html(f'<div class="asked"><p>Question {asked.number}</p><h2>{escape(about.text)}</h2></div>')
    st.html(vote_bars([choice.text for choice in about.choices], about.right, result.counts))
    if about.right is not None and (feedback := about.choices[about.right].feedback):
        st.html(f'<p class="why">{escape(feedback)}</p>')
    if st.button("Next question", type="primary", icon=":material/arrow_forward:", key="next"):
        st.session_state[_NEXT] = asked.id
        st.rerun()


def _show_menu(store: Store, key: Key, found: address.Address, page: str) -> None:
    st.markdown("**On another device.** The owner link opens this room there. Whoever has it owns the room.")
    owner.copy_link(found.of_owner(page, key.code, key.secret))
    st.download_button(
        "All answers up to now (CSV)", partial(_csv, store, key), f"votes-{key.code}.csv", "text/csv",
        on_click="ignore", icon=":material/download:", key="csv",
    )  # fmt: skip
    st.caption(f"{words.PHONES} {words.IN_A_FILE if where.is_a_file() else words.KEPT}")
    if st.button("Leave the room on this computer", icon=":material/logout:", key="leave"):
        owner.forget()
        st.rerun()
    sure = st.checkbox("Delete the room and all its votes", key="sure")
    if sure and st.button("Delete now", icon=":material/delete:", key="delete"):
        owner.delete(store, key)
        st.rerun()


def _csv(store: Store, key: Key) -> bytes:
    return as_csv(store.records(key))


def _asked(stage: str, about: Question) -> str:
    choices = "".join(f"<li><b>{letter(i)}</b> {escape(choice.text)}</li>" for i, choice in enumerate(about.choices))
    return f'<div class="asked"><p>{escape(stage)}</p><h2>{escape(about.text)}</h2><ul>{choices}</ul></div>'
