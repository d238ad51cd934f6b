"""A room -> the screen that the class sees: how to join, the question, how many have answered, then the result."""

from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path

import streamlit as st

from rnorm_core.classroom import lessons
from rnorm_core.classroom.parts import Part
from rnorm_core.classroom.question import Question, letter
from rnorm_core.classroom.vote import where
from rnorm_core.classroom.vote.errors import NoRoom
from rnorm_core.classroom.vote.state import Asked, Key, Room
from rnorm_core.classroom.vote.store import Store, shared
from rnorm_core.figures.markup.vote_bars import vote_bars
from rnorm_core.report import as_csv
from rnorm_core.ui.classroom import address, owner, question, words
from rnorm_core.ui.shared import server_address
from rnorm_core.ui.shared.guard import problems
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.plain_text import sentence

EVERY = 1.5  # seconds between two counts
WIDTHS = [1, 2.4]  # of the two columns
OF_LESSON, OWN = "From a lesson", "Your own"
_STYLE = Path(__file__).with_name("style.css").read_text("utf-8")
_NEXT = "_room_next"  # in the session: the question after which the owner wants to ask another


def apply_style() -> None:
    st.html(f"<style>{_STYLE}</style>")


def show_no_room() -> None:
    if owner.was_lost():
        st.info(words.LOST)
    question.choose_asked()
    st.markdown(words.ABOUT)
    if st.button("Open a room", type="primary", icon=":material/meeting_room:", key="open_room"):
        owner.open_room()
        st.rerun()
    st.caption(f"{words.PHONES} {words.IN_A_FILE if where.is_a_file() else words.KEPT}")


def show_room(store: Store, key: Key, room: Room, page: str, experiment: Callable[[Part, str], None]) -> None:
    """The room's state. page: key of this page. experiment: draws the part of a lesson that answers a question."""
    found, asked = server_address.find(st.context.url), room.asked
    if question.choose_asked() and asked is not None and asked.revealed:
        st.session_state[_NEXT] = asked.id
    if asked is None or st.session_state.get(_NEXT) == asked.id:
        left, right = st.columns(WIDTHS, gap="large")
        with right:
            _show_choice(store, key, asked)
            if asked is None:
                _show_own_link(key, found, page)
    elif asked.revealed:
        _show_result(store, key, asked, experiment)
        with st.container(horizontal=True, vertical_alignment="center", key="room_foot"):
            if st.button("Next question", type="primary", icon=":material/arrow_forward:", key="next"):
                st.session_state[_NEXT] = asked.id
                st.rerun()
            _show_menu(store, key, asked, found, page)
            st.html(address.panel(found, room.code, picture=False))
            _show_count(key, _state(room))
        return
    else:
        left, right = st.columns(WIDTHS, gap="large")
        with right:
            _show_vote(store, key, asked)
    with left:
        st.html(address.panel(found, room.code, picture=True))
        _show_count(key, _state(room))
        _show_menu(store, key, asked, found, page)
        if found.note and asked is None:
            st.caption(found.note)


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


def _show_choice(store: Store, key: Key, last: Asked | None) -> None:
    st.markdown("#### Ask a question")
    kinds = [OF_LESSON, OWN] if lessons.all() else [OWN]
    kind = st.segmented_control("From", kinds, default=kinds[0], key="kind", label_visibility="collapsed")
    sent = None
    if kind == OF_LESSON:
        sent = question.of_lesson(last.source if last else "")
    elif own := question.own():
        sent = own, ""
    if sent is not None:
        store.ask(key, *sent)
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
        with st.popover("Advice for you", icon=":material/lightbulb:", type="tertiary"):
            st.markdown(words.advice(store.advice(key, asked.id), asked.last.number))
    st.caption(words.ADVICE_SEEN)


def _show_result(store: Store, key: Key, asked: Asked, experiment: Callable[[Part, str], None]) -> None:
    """The bars of the votes; beside them the experiment of the lesson, or who changed the answer."""
    about, result, place = asked.question, store.result(key, asked.id), question.prediction(asked.source)
    st.html(f'<div class="asked answered"><p>Question {asked.number}</p><h2>{escape(about.text)}</h2></div>')
    left, right = st.columns([1, 1] if place else WIDTHS[::-1], gap="large")
    with left:
        st.html(vote_bars([choice.text for choice in about.choices], about.right, result.counts))
    with left if place else right, st.container(key="room_moves"):
        st.markdown("  \n".join(words.moves(about, result)))
    if place:
        _, step = place
        with right, problems():
            st.markdown(f"#### {sentence(step.experiment.title)}")
            if about.right is not None and (why := about.choices[about.right].feedback):
                with st.container(key="room_why"):
                    st.markdown(sentence(why))
            experiment(step.experiment.part, f"room {asked.source}")


def _show_own_link(key: Key, found: server_address.Address, page: str) -> None:
    st.markdown(words.OWN_LINK)
    owner.copy_link(found.of_owner(page, key.code, key.secret))


def _show_menu(store: Store, key: Key, asked: Asked | None, found: server_address.Address, page: str) -> None:
    with st.popover("Room", icon=":material/settings:"):
        if asked is not None:  # before the first question it is on the page
            _show_own_link(key, found, page)
        st.download_button(
            "All answers up to now (CSV)", partial(_csv, store, key), f"votes-{key.code}.csv", "text/csv",
            on_click="ignore", icon=":material/download:", key="csv",
        )  # fmt: skip
        st.caption(f"{words.PHONES} {words.IN_A_FILE if where.is_a_file() else words.KEPT}")
        if found.note:
            st.caption(found.note)
        door("lessons", "Go to the lessons; the room stays open")  # a question hides the list of pages
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
