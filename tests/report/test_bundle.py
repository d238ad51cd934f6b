"""What is in the file that somebody takes home."""

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
import torch

from rnorm_core import citation, report
from rnorm_core.report import Source, compare
from rnorm_core.report.compare import different, read
from rnorm_core.report.script import Lines, as_json, script, written
from rnorm_core.zoo import Variant

ROOT = Path(__file__).resolve().parents[2]


def source(name="one", rows=({"eps": 1, "accuracy": 0.123456789, "note": None},), code="pass"):
    return Source(name, lambda: {"points": rows}, lambda: Lines(code, frozenset({"from a import b"})), {"count": 3})


def opened(raw):
    return zipfile.ZipFile(io.BytesIO(raw))


def test_a_bundle_has_figures_numbers_images_settings_script_and_citations():
    raw = report.bundle(
        [source(), source("two")], figures="<p>figure</p>", images={"a/b: clean": torch.zeros(3, 2, 2)},
        settings={"page": "shift"},
    )  # fmt: skip
    kept = opened(raw)
    assert set(kept.namelist()) == {
        "README.txt", "figures.html", "one points.csv", "two points.csv", "images/a_b_ clean.png", "settings.json",
        "reproduce.py", "cite.bib",
    }  # fmt: skip
    assert kept.read("one points.csv").decode().splitlines() == ["eps,accuracy,note", "1,0.123457,"]
    settings = json.loads(kept.read("settings.json"))
    assert (settings["page"], settings["results"]["two"]) == ("shift", {"count": 3})
    assert "@article{awais2020towards" in kept.read("cite.bib").decode()
    assert "@software{" in kept.read("cite.bib").decode()


def test_equal_results_give_equal_bytes():
    assert report.bundle([source()]) == report.bundle([source()])
    assert report.bundle([source()]) != report.bundle([source(rows=({"eps": 2},))])


def test_sources_of_one_name_are_kept_once():
    assert opened(report.bundle([source(), source()])).read("reproduce.py").decode().count("pass") == 1


def test_very_many_images_are_bounded():
    images = {str(i): torch.zeros(3, 1, 1) for i in range(500)}
    assert sum(name.startswith("images/") for name in opened(report.bundle([], images=images)).namelist()) == 400


def test_a_script_merges_imports():
    made = script(
        [Lines("x = 1", frozenset({"from p import b", "from p import a"})), Lines("y = 2", frozenset())], "It."
    )
    assert made == '"""It."""\n\nfrom p import a, b\n\nx = 1\n\ny = 2\n'


@pytest.mark.parametrize("text", ["plain", "it's", 'a "quote"', "a \\ b", "two\nlines"])
def test_texts_are_written_as_they_are(text):
    assert eval(written(text, set())) == text


def test_requests_as_json_and_as_code():
    variant = Variant("m", "batch", "0" * 64, "bn", "BatchNorm", 0)
    imports = set()
    assert written((1.5, None, variant), imports) == '(\n    1.5,\n    None,\n    Variant.of("m", "batch"),\n)'
    assert imports == {"from rnorm_core.zoo import Variant"}
    assert as_json((variant,))[0]["statistics"] == "batch"


def table(text):
    return read(text.replace(" ", ""))


def test_rows_are_compared_by_their_conditions():
    kept = table("eps,network,right\n1,bn,0.5\n8,bn,0.25\n")
    assert different(kept, table("eps,network,right\n8,bn,0.25001\n1,bn,0.5\n2,bn,0.3\n")) == []
    assert different(kept, table("eps,network,right\n1,bn,0.6\n8,bn,0.25\n")) == ["eps 1: right 0.6, not 0.5"]
    assert different(kept, table("eps,network,right\n1,bn,0.5\n")) == ["eps 8: not among the numbers of this script"]
    assert different(kept, []) != []


def test_whole_numbers_are_exact():
    assert different(table("eps,correct\n1,5000\n"), table("eps,correct\n1,5001\n")) == [
        "eps 1: correct 5001, not 5000"
    ]


def test_compare_says_so(tmp_path, capsys):
    (tmp_path / "x points.csv").write_text("eps,right\n1,0.5\n")
    assert compare(tmp_path / "reproduce.py", "x", {"points": [{"eps": 1, "right": 0.5}]})
    assert compare(tmp_path / "reproduce.py", "x", {"points": [{"eps": 1, "right": 0.51}]})
    assert not compare(tmp_path / "reproduce.py", "x", {"points": [{"eps": 1, "right": 0.6}]})
    assert capsys.readouterr().out.splitlines() == [
        "x points.csv: the same 1 rows",
        "x points.csv: nearly the same 1 rows; 1 differ a little, as another engine or device makes them, such as: "
        "eps 1: right 0.51, not 0.5",
        "x points.csv: 1 of 1 rows differ, such as: eps 1: right 0.6, not 0.5",
    ]  # fmt: skip


def test_the_software_is_cited_as_in_the_citation_file():
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"title: {citation.TITLE}\n" in text
    assert f"version: {citation.VERSION}\n" in text
    assert f'date-released: "{citation.YEAR}-' in text
    assert f'version = "{citation.VERSION}"' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert re.search(r"doi: \S+", text)
