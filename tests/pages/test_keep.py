"""Every page offers what it shows as one file: figures, numbers, images, settings, a script, how to cite."""

import csv
import io
import json
import zipfile

import pytest

from rnorm_core import zoo
from rnorm_core.norms import MEDIAN
from rnorm_core.ui.keep import button
from tests.pages.shown import charts, is_player

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"
pytestmark = pytest.mark.skipif(not zoo.has_population(BN), reason="needs the shipped networks")
# Page, its address, and the tables that its file has at least. All of them from shipped results.
PAGES = [
    ("start", {}, {"attack steps.csv", "photos photos.csv", "summary shares.csv"}),
    ("craft", {}, {"attack steps.csv", "attack saved as PNG.csv"}),
    ("inside", {}, {"channel values.csv", "channel divisors.csv"}),
    ("inside", {"part": "Networks of other p"}, {"channel values.csv", "accuracy by p shares.csv"}),
    ("shift", {}, {"shift layers.csv", "shift accuracy.csv"}),
    ("shift", {"more": "Inside one layer"}, {"shift channels.csv", "shift values.csv"}),
    ("accuracy", {}, {"summary shares.csv"}),
    ("batch", {"part": "Craft and score"}, {"summary shares.csv", "transfer matrix.csv"}),
    ("batch", {"part": "Batch size"}, {"summary shares.csv", "by batch size accuracy.csv"}),
    ("batch", {"part": "Poisoned neighbours"}, {"poisoning victim.csv", "summary shares.csv"}),
    ("batch", {"part": "Corruptions"}, {"corruptions accuracy.csv", "corruptions layers.csv", "summary shares.csv"}),
    ("batch", {"part": "Corruptions", "left_mode": MEDIAN, "n": "8"}, {"corruptions accuracy.csv"}),
    ("paper", {}, {"all claims claims.csv", "claim C3 claims.csv"}),
    ("paper", {"section": "Citation map"}, {"works works.csv"}),
    ("honesty", {}, {"checks checks.csv", "summary shares.csv"}),
    ("honesty", {"test": "The loss around one image"}, {"loss plane.csv"}),
    ("models", {}, {"summary shares.csv"}),
    ("models", {"about": "Training"}, {"training epochs.csv"}),
    ("models", {"about": "Accuracy"}, {"accuracy shares.csv"}),
    ("models", {"about": "Norm layers"}, {"norm layers channels.csv"}),
    ("models", {"about": "One card"}, {"card shares.csv"}),
]  # fmt: skip


def buttons(page) -> dict[str, str]:
    """Key -> label of the buttons that keep something."""
    found = {one.key: one.label for one in page.get("download_button")}
    return {key: label for key, label in found.items() if label in (button.LABEL, button.PAGE)}


def kept(page) -> zipfile.ZipFile:
    raw = button._file(page.session_state["_shown"])
    assert len(raw) < 25e6
    return zipfile.ZipFile(io.BytesIO(raw))


@pytest.mark.parametrize(
    ("name", "address", "tables"), PAGES, ids=[" ".join([name, *address.values()]) for name, address, _ in PAGES]
)
def test_a_page_can_be_kept(open_page, name, address, tables, tmp_path, capsys):
    page = open_page(name, **address)
    offered = buttons(page)
    assert offered["keep page"] == button.PAGE
    drawn = charts(page)
    assert sum(key.startswith("keep figure ") for key in offered) == len(drawn)  # one for every chart
    file = kept(page)
    assert tables <= set(file.namelist())
    settings = json.loads(file.read("settings.json"))
    assert (settings["page"], settings["seed"]) == (name, 0)
    assert settings["weights"].items() <= {name: zoo.card(name).sha256 for name in zoo.names()}.items()
    html = file.read("figures.html").decode()
    players = [part for part in page.get("bidi_component") if is_player(part)]
    assert html.count("window.mounts[") >= len(drawn) + len(players)
    assert ("plotly.js" in html) == bool(drawn)
    for table in tables:
        rows = list(csv.DictReader(io.StringIO(file.read(table).decode())))
        assert rows
        assert all(None not in row.values() for row in rows)
    # Shares and other numbers of shipped tables are found again; experiments are run again in tests/report.
    code = file.read("reproduce.py").decode()
    compile(code, "reproduce.py", "exec")
    file.extractall(tmp_path)
    _, _, rest = code.partition("\n\nfrom rnorm_core")
    tabled = [block for block in ("from rnorm_core" + rest).split("\n\n") if "request =" not in block]
    capsys.readouterr()
    exec("\n".join(tabled), {"__file__": str(tmp_path / "reproduce.py")})
    said = capsys.readouterr().out.splitlines()
    assert all("the same" in line for line in said), said


def test_the_file_is_named_after_page_networks_and_seed(open_page):
    page = open_page("accuracy", seed="3")
    shown = page.session_state["_shown"]
    assert button._name(shown, "") == f"robustnorm-accuracy-{BN}-{RN}-seed3.zip"
    assert button._name(shown, "figure curves worst").startswith("robustnorm-accuracy-figure-curves-worst-cifar10")


def test_the_numbers_of_a_chart_are_in_its_table(open_page):
    page = open_page("accuracy")
    chart = charts(page)[0]
    file = kept(page)
    (name,) = [name for name in file.namelist() if name.startswith("accuracy under")]
    rows = csv.DictReader(io.StringIO(file.read(name).decode()))
    known = {(float(row["eps (k/255)"]), round(float(row["accuracy (%)"]), 1)) for row in rows}
    drawn = [trace for trace in chart.spec["data"] if "markers" in trace.get("mode", "") and trace.get("customdata")]
    points = {
        (float(about[2]), round(100 * about[0] / about[1], 1)) for trace in drawn for about in trace["customdata"]
    }
    assert len(points) > 10
    assert points <= known


def test_the_glossary_has_nothing_to_keep(open_page):
    assert not buttons(open_page("glossary"))
