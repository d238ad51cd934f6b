"""Numbers behind a chart, as a table and as a file."""

import csv
import io
from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st


def numbers(records: list[dict[str, Any]], title: str, filename: str) -> None:
    """Records as a table, and as a CSV file, which is made when somebody clicks."""
    with st.expander(title, icon=":material/table:"):
        st.dataframe(records, hide_index=True, height=300)
        st.download_button(
            "CSV", partial(as_csv, records), filename, "text/csv", on_click="ignore", icon=":material/download:"
        )


def as_csv(records: Sequence[dict[str, Any]]) -> bytes:
    """With a header line; every record has the keys of the first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]) if records else [])
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()
