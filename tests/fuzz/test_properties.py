"""What holds for every text that a stranger sends: in an address, on a page, in a line of a table."""

import json
import re
from contextlib import suppress
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from rnorm_core.evaluation.tables.jsonl import TableRow
from rnorm_core.ui.shared.plain_text import MOST, as_code, escaped
from tests.evaluation.test_jsonl import TABLES
from tests.ui.test_query_params import page

# Texts in which something may begin, beside any text.
TEXTS = st.text() | st.text(alphabet="`*_[]()<>~$@:\\#!|-w.\n /&;", max_size=60)
NUMBERS = st.floats().map(str) | st.integers().map(str)
VALUES = st.lists(TEXTS | NUMBERS | st.sampled_from(["1", "8", "bn", "rn"]), min_size=1, max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3),
    max_leaves=8,
)


@given(TEXTS)
def test_a_foreign_text_begins_nothing(text):
    line = escaped(text)
    assert not re.search(r"[\n\r\t]", line)
    assert not re.search(r"[`*_\[\]<>~$@]|:(?=[^\s:])", re.sub(r"\\[!-/:-@\[-`{-~]", "", line))
    assert len(re.sub(r"\\(.)", r"\1", line)) <= MOST


@given(TEXTS)
def test_a_foreign_text_as_code_stays_inside(text):
    line = as_code(text)
    fence = re.match("`+", line)
    assert fence
    inside = line[len(fence[0]) : -len(fence[0])]
    assert line.endswith(fence[0])
    assert max(map(len, re.findall("`+", inside)), default=0) < len(fence[0])
    assert len(inside) <= MOST + 2
    assert "\n" not in line


@settings(max_examples=25)
@given(st.dictionaries(st.sampled_from(["size", "norm", "seed"]) | st.text(min_size=1, max_size=9), VALUES, max_size=4))
def test_no_address_gives_a_widget_a_value_that_it_does_not_have(address):
    run = AppTest.from_function(page, default_timeout=60)
    for key, values in address.items():
        run.query_params[key] = values
    run.run()
    assert not run.exception, run.exception
    assert run.select_slider[0].value in (1, 2, 4, 8)
    assert set(run.pills[0].value) <= {"bn", "rn", "gn"}
    assert 0 <= run.number_input[0].value <= 9


@pytest.mark.parametrize("kind", TABLES)
@given(text=st.text() | JSON.map(json.dumps))
def test_any_other_line_is_refused(kind, text):
    with pytest.raises(ValueError):
        TABLES[kind][0].parse(text)


@pytest.mark.parametrize("kind", TABLES)
@given(data=st.data())
def test_a_row_with_any_other_value_is_refused_or_a_row(kind, data):
    """Without a checksum, as somebody might write it by hand."""
    file, row, *_ = TABLES[kind]
    content = json.loads(json.dumps(asdict(row)))
    content[data.draw(st.sampled_from(sorted(content)))] = data.draw(JSON)
    with suppress(ValueError):
        assert isinstance(file.parse(json.dumps(content)), TableRow)


@pytest.mark.parametrize("kind", TABLES)
@given(data=st.data())
def test_a_changed_letter_is_noticed(kind, data):
    file, row, *_ = TABLES[kind]
    at = data.draw(st.integers(0, len(row.line) - 2))
    letter = data.draw(st.characters(min_codepoint=32, max_codepoint=126))
    changed = row.line[:at] + letter + row.line[at + 1 :]
    try:
        assert file.parse(changed) == row  # a space more or less, or the same letter
    except ValueError:
        assert letter != row.line[at]
