"""A small page; its server sends nothing to the browser for most of a second, as on a busy machine.

Not a test: `test_lag.py` starts it.
"""

import time

import streamlit as st
from streamlit.runtime.app_session import AppSession

from rnorm_core.ui.shared.live_job import run

LAG = 0.9  # seconds: more than two times `live_job.POLL_EVERY`

if not hasattr(AppSession, "flushed_last"):
    AppSession.flushed_last = 0.0
    flush = AppSession.flush_browser_queue

    def late(session):
        now = time.monotonic()
        if now - session.flushed_last < LAG and not session._browser_queue.is_empty():
            session._message_enqueued_callback()  # come back soon
            return []
        session.flushed_last = now
        return flush(session)

    AppSession.flush_browser_queue = late


def work(job: object) -> str:
    time.sleep(1.2)
    return "done"


done = st.session_state.setdefault("done", 0)
if st.button("Once more"):
    done = st.session_state["done"] = done + 1
if result := run(("lag", done), work):
    for column, text in zip(st.columns(2), ("on the left", "on the right"), strict=True):
        column.markdown(text)
    st.caption(f"{result}: {done + 1}")
