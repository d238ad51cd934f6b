"""The paper page, without a browser."""

import json
import sys

import pytest

from rnorm_core.data.works import works
from rnorm_core.evaluation.claims import CLAIMS
from rnorm_core.evaluation.evidence import RULES
from rnorm_core.ui import citing, judging, remeasuring


def texts(page) -> str:
    return "\n".join(block.value for block in [*page.markdown, *page.caption])


def charts(page) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def press(page, label: str):
    next(button for button in page.button if button.label == label).click().run()


def test_verdicts_are_there_at_once(open_page):
    page = open_page("paper")
    found = judging.shipped()
    overview, *drawings = charts(page)
    named = [note["text"] for note in overview["layout"]["annotations"]]
    for row in judging.overview(found):
        assert any(row.reading in text for text in named)
    said = texts(page)
    assert f"C3: {CLAIMS['C3'].text}" in said
    for judgement in found.by_claim["C3"]:
        assert judgement.verdict in said
    assert len(drawings) == len(found.by_claim["C3"])
    for rule in RULES.values():
        assert rule in said
    for part in ("What you see", "Why", "Try this", "The works around the paper"):
        assert part in said
    assert not page.warning
    assert not page.error


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_claim_has_experiment_verdict_seeds_and_hashes(open_page, claim):
    page, found = open_page("paper", claim=claim), judging.shipped()
    said = texts(page)
    assert CLAIMS[claim].experiment in said
    if not found.by_claim[claim]:
        pytest.skip(f"nothing that was measured speaks to {claim} (yet)")
    for judgement in found.by_claim[claim]:
        assert judging.said(judgement) in said
        assert judgement.sources[0].weight_hash[:12] in said
    assert judging.seeds(found.by_claim[claim]) in said
    if len({seed for j in found.by_claim[claim] for seed in j.seeds}) == 1:
        assert "One seed (0): an example" in said
    assert len(charts(page)) == 1 + len(found.by_claim[claim])


@pytest.mark.parametrize(
    ("key", "value"),
    [("claim", "C9"), ("n", "7"), ("n", "21"), ("theme", "Cooking"), ("year", "1999"), ("work", "None"), ("eps", "1")],
)
def test_what_the_address_cannot_have_is_named(open_page, key, value):
    page = open_page("paper", **{key: value})
    assert [f"`{key}={value}`" in warning.value for warning in page.warning] == [True]
    assert charts(page)


@pytest.mark.parametrize("claim", ["C4", "C5"])
def test_a_small_version_is_measured_on_the_samples(open_page, settle, claim, monkeypatch):
    monkeypatch.setattr(remeasuring, "EPS_255", (8,))
    page = open_page("paper", claim=claim, n="8")
    before = len(charts(page))
    press(page, "Re-measure a small version")
    settle(page)
    said = texts(page)
    assert f"{claim}, measured here and now" in said
    assert "Measured here: n = 8 images (foolbox's 20 samples), seed 0" in said
    assert len(charts(page)) > before


def test_another_claim_is_another_question(open_page, settle, monkeypatch):
    monkeypatch.setattr(remeasuring, "EPS_255", (8,))
    page = open_page("paper", claim="C4", n="8")
    press(page, "Re-measure a small version")
    settle(page)
    page.number_input(key="n").set_value(9).run()
    assert "measured here and now" not in texts(settle(page))


def test_rows_of_other_weights_are_told_of(open_page, monkeypatch):
    module = sys.modules["rnorm_core.evaluation.moved"]
    fresh, _ = module.moved()
    if not fresh:
        pytest.skip("no layers have been measured")
    monkeypatch.setattr(module, "moved", lambda dataset: ((), fresh))
    page = open_page("paper", claim="C1")
    assert "are left out: they belong to other weights" in page.warning[0].value
    assert "Nothing that was measured on the shipped weights speaks to this claim yet" in page.info[0].value


def test_without_any_table_the_page_goes_on(open_page, monkeypatch, tmp_path):
    for name in ("table", "moved", "sizes", "laboratories"):
        module = sys.modules[f"rnorm_core.evaluation.{name}"]
        monkeypatch.setattr(module, "shipped", lambda dataset="cifar10": tmp_path / "none.jsonl")
    page = open_page("paper", claim="C3")
    assert "No accuracies have been measured" in page.warning[0].value
    assert page.info
    assert "Try this" in texts(page)


# --- the works


def test_a_work_is_chosen_by_address(open_page):
    work = next(work for work in works() if work.key == "benz-2020")
    page = open_page("paper", work=work.title)
    said = texts(page)
    assert f"**{work.title}**" in said
    assert work.about in said
    assert work.search in said
    assert not page.warning


def test_where_no_source_was_found_nothing_is_said(open_page):
    work = next(work for work in works() if work.about is None)
    assert "No source was found, so nothing is said of it." in texts(open_page("paper", work=work.title))


def test_the_list_holds_every_work(open_page):
    said = texts(open_page("paper"))
    for work in works():
        assert f"- **{work.title}** ({', '.join(work.authors)}, {work.year}" in said


def test_filters(open_page):
    page = open_page("paper", theme=["Adversarial training"], year=["2021", "2024"])
    options = page.selectbox(key="work").options
    expected = [w.title for w in works() if w.theme == "Adversarial training" and w.year in (2021, 2024)]
    assert options == [works()[0].title, *expected]
    assert not page.warning


def test_what_is_hovered_is_named_and_what_is_clicked_is_chosen(open_page, monkeypatch):
    """What the map would say, said by hand."""
    shown = {}

    def map_of(elements, **more):
        shown.update(more, elements=elements)

    monkeypatch.setattr(citing, "streamlit_cytoscape", map_of)
    page = open_page("paper")
    assert {work.key for work in works()} <= {node["data"]["id"] for node in shown["elements"]["nodes"]}

    def styled() -> list[str]:
        return [style.dump()["selector"] for style in shown["node_styles"] if "[id=" in style.dump()["selector"]]

    assert styled() == ["node[id='awais-2020']"]
    page.session_state["_hovered"] = "wang-2022"
    page.run()
    assert styled() == ["node[id='awais-2020']", "node[id='wang-2022']"]
    page.session_state["_hovered"] = None
    page.session_state["_picked"] = works()[3].title
    page.run()
    assert page.selectbox(key="work").value == works()[3].title
    assert styled() == [f"node[id='{works()[3].key}']"]


def test_an_event_is_heard_once(monkeypatch):
    state: dict = {}
    monkeypatch.setattr(citing.st, "session_state", state)
    for action, key, stamp in (("hover", "wu-2021", 1), ("pick", "wu-2021", 2)):
        state[citing.MAP] = {"action": action, "data": {"target_id": key}, "timestamp": stamp}
        citing._hear()
    assert state.pop("_picked") == 'Rethinking "Batch" in BatchNorm'
    citing._hear()  # drawn again for another reason
    assert "_picked" not in state
    state[citing.MAP] = {"action": "hover", "data": {"target_id": "heading 2021"}, "timestamp": 3}
    citing._hear()
    assert state["_hovered"] is None
