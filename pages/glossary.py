"""Glossary: every technical word of the app in two sentences, and the page that shows it."""

import streamlit as st

from rnorm_core import glossary
from rnorm_core.ui.shared import query_params
from rnorm_core.ui.shared.guard import guard
from rnorm_core.ui.shared.navigation import PAGES, door
from rnorm_core.ui.shared.panels import figure, page_title
from rnorm_core.ui.shared.stage import copy_link

FIRST = "eps"

with guard("glossary"):
    copy_link.bar()
    page_title("What do the words mean?")
    entries = {entry.term: entry for entry in glossary.entries()}
    first = next(term for term in entries if term.casefold().startswith(FIRST))
    term = query_params.choose_one("Choose a word, or type one", list(entries), key="word", default=first)
    entry = entries[term]
    with figure(), st.container(border=True, key="entry"):
        st.markdown(f"#### {term}\n{entry.text}")
        if entry.formula:
            st.latex(entry.formula)
        if entry.aliases:
            st.caption(f"Also: {', '.join(entry.aliases)}.")
        door(entry.page, f"See it: {PAGES[entry.page].title}")
    with st.expander("All words", icon=":material/menu_book:"):
        listed, half = list(entries.values()), (len(entries) + 1) // 2
        for column, some in zip(st.columns(2, gap="large"), (listed[:half], listed[half:]), strict=True):
            column.markdown("\n\n".join(f"**{one.term}**. {one.text}" for one in some))
