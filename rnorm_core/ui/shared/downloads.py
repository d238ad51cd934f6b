"""Numbers behind a chart, as a table and as a file."""

from functools import partial
from typing import Any

import streamlit as st

from rnorm_core.report import as_csv


def numbers(records: list[dict[str, Any]], title: str, filename: str) -> None:
    """Records as a table, and as a CSV file, which is made when somebody clicks."""
    with st.expander(title, icon=":material/table:"):
        st.dataframe(records, hide_index=True, height=300)
        st.download_button(
            "CSV", partial(as_csv, records), filename, "text/csv", on_click="ignore", icon=":material/download:"
        )
