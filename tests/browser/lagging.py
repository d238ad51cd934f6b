"""A small page whose server holds back what it says for most of a second, as a busy machine does.

Not a test: `test_lag.py` starts it.
"""

import time

import streamlit as st
from streamlit.runtime.app_session import AppSession

from rnorm_core import ui

LAG = 0.9  # seconds: two beats of `ui.run` and more

if not hasattr(AppSession, "said_last"):
    AppSession.said_last = 0.0
    flush = AppSession.flush_browser_queue

    def late(session):
        now = time.monotonic()
        if now - session.said_last < LAG and not session._browser_queue.is_empty():
            session._message_enqueued_callback()  # come back soon
            return []
        session.said_last = now
        return flush(session)

    AppSession.flush_browser_queue = late


def work(job: object) -> str:
    time.sleep(1.2)
    return "done"


done = st.session_state.setdefault("done", 0)
if st.button("Once more"):
    done = st.session_state["done"] = done + 1
if result := ui.run(("lag", done), work):
    for column, text in zip(st.columns(2), ("on the left", "on the right"), strict=True):
        column.markdown(text)
    st.caption(f"{result}: {done + 1}")
