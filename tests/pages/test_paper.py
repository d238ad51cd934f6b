"""The paper page, without a browser."""

import time
from html import escape

import pytest

from rnorm_core.data.works import works
from rnorm_core.evaluation.claims.evidence import RULES
from rnorm_core.evaluation.claims.judge import CLAIMS
from rnorm_core.evaluation.claims.shipped import shipped
from rnorm_core.evaluation.tables import accuracies, batch_sizes, laboratories, layer_shifts
from rnorm_core.experiments import claim_check
from rnorm_core.ui.paper import citation_map, question, words
from tests.pages.shown import charts as charts_of


def texts(page) -> str:
    return "\n".join(block.value for block in [*page.markdown, *page.caption])


def charts(page) -> list[dict]:
    return [chart.spec for chart in charts_of(page)]


def press(page, label: str):
    next(button for button in page.button if button.label == label).click().run()


def grid(page) -> str:
    return next(block.proto.body for block in page.get("html") if "verdicts" in block.proto.body)


def test_verdicts_are_there_at_once(open_page):
    page = open_page("paper")
    found = shipped()
    for row in words.main_readings(found):
        assert escape(row.reading) in grid(page)
        assert row.verdict in grid(page)
    said = texts(page)
    assert words.answer(found) in said
    assert words.BIBTEX in [code.value for code in page.code]
    assert words.LINK in said
    assert f"C3: {CLAIMS['C3'].text}" in said
    for judgement in found.by_claim["C3"]:
        assert judgement.verdict in said
    assert len(charts(page)) == 2
    for part in ("What you see", "Why", "Try this"):
        assert part in said
    assert not page.warning
    assert not page.error


def test_all_readings_with_their_numbers(open_page):
    page, found = open_page("paper", section=question.READINGS), shipped()
    all_of_them = [block.proto.body for block in page.get("html") if "verdicts" in block.proto.body][-1]
    for row in words.all_readings(found):
        assert escape(row.reading) in all_of_them
    numbers = page.dataframe[0].value
    assert {"claim", "reading", "state", "size", "n", "value", "low", "high"} <= set(numbers.columns)
    assert numbers["value"].dtype == float
    assert not charts(page)


def test_the_rules(open_page):
    said = texts(open_page("paper", section=question.RULES_PART))
    for rule in RULES.values():
        assert rule in said


def test_every_claim_has_experiment_verdict_seeds_and_hashes(open_page):
    page, found = open_page("paper", section=question.CLAIM), shipped()
    for claim, judgements in found.by_claim.items():
        page.session_state["claim"] = claim
        page.run()
        assert not page.exception
        text = texts(page)
        assert CLAIMS[claim].experiment in text
        for judgement in judgements:
            assert judgement.sentence in text
            assert judgement.sources[0].weight_hash[:12] in text
        if judgements:
            assert words.seeds(judgements) in text
        if len({seed for judgement in judgements for seed in judgement.seeds}) == 1:
            assert "One seed (0): an example" in text
        assert len(charts(page)) == min(len(judgements), 2)
    page = open_page("paper", claim="C5", drawings="true")
    assert len(charts(page)) == len(found.by_claim["C5"])


def test_what_the_address_cannot_have_is_named(open_page):
    for wrong in (
        {"claim": "C9", "n": "7", "eps": "1"}, {"theme": "Cooking", "year": "1999", "work": "None"}
    ):  # fmt: skip
        page = open_page("paper", **wrong)
        named = [warning.value.split("`")[1] for warning in page.warning]
        assert sorted(named) == sorted(f"{key}={value}" for key, value in wrong.items())
    (warning,) = open_page("paper", n="21").warning
    assert "`n=21`" in warning.value


@pytest.mark.parametrize("claim", ["C4", "C5"])
def test_a_small_version_is_measured_on_the_samples(open_page, settle, claim, monkeypatch):
    monkeypatch.setattr(claim_check, "EPS_255", (8,))
    page = open_page("paper", claim=claim, n="8")
    before = len(charts(page))
    press(page, "Re-measure a small version")
    settle(page)
    said = texts(page)
    assert f"{claim}, measured here and now" in said
    assert "Measured here: n = 8 images (foolbox's 20 samples), seed 0" in said
    assert len(charts(page)) > before


def test_another_claim_is_another_question(open_page, settle, monkeypatch):
    monkeypatch.setattr(claim_check, "EPS_255", (8,))
    page = open_page("paper", claim="C4", n="8")
    press(page, "Re-measure a small version")
    settle(page)
    page.number_input(key="n").set_value(9).run()
    assert "measured here and now" not in texts(settle(page))


def test_a_small_version_stays_as_it_was_when_stopped(open_page, monkeypatch):
    measure = claim_check.run

    def slow(request, progress):
        result = measure(request)
        while True:
            time.sleep(0.02)
            progress(0.5, "waiting", result)

    monkeypatch.setattr(claim_check, "run", slow)
    page = open_page("paper", claim="C4", n="8", seed="5")
    press(page, "Re-measure a small version")
    end = time.monotonic() + 60
    while "seed 5" not in texts(page):
        assert time.monotonic() < end
        time.sleep(0.1)
        page.run()
    drawn = len(charts(page))
    page.button(key="stop remeasure").click().run()
    assert page.button(key="again remeasure")
    assert len(charts(page)) == drawn == len(shipped().by_claim["C4"]) + 1
    assert "Measured here: n = 8 images" in texts(page)


def test_rows_of_other_weights_are_told_of(open_page, monkeypatch):
    fresh, _ = layer_shifts.moved()
    if not fresh:
        pytest.skip("no layers have been measured")
    monkeypatch.setattr(layer_shifts, "moved", lambda dataset: ((), fresh))
    page = open_page("paper", claim="C1")
    assert "are left out: they belong to other weights" in page.warning[0].value
    assert "Nothing that was measured on the shipped weights speaks to this claim yet" in page.info[0].value


def test_without_any_table_the_page_goes_on(open_page, monkeypatch, tmp_path):
    for module in (accuracies, layer_shifts, batch_sizes, laboratories):
        monkeypatch.setattr(module, "shipped", lambda dataset="cifar10": tmp_path / "none.jsonl")
    page = open_page("paper", claim="C3")
    assert "No accuracies have been measured" in page.warning[0].value
    assert page.info
    assert "No claim can be judged" in texts(page)
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
    assert "No source was found" in texts(open_page("paper", work=work.title))


def test_the_list_holds_every_work(open_page):
    said = texts(open_page("paper", section=question.MAP))
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

    monkeypatch.setattr(citation_map, "streamlit_cytoscape", map_of)
    page = open_page("paper", section=question.MAP)
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
    monkeypatch.setattr(citation_map.st, "session_state", state)
    for action, key, stamp in (("hover", "wu-2021", 1), ("pick", "wu-2021", 2)):
        state[citation_map.MAP] = {"action": action, "data": {"target_id": key}, "timestamp": stamp}
        citation_map._on_event()
    assert state.pop("_picked") == 'Rethinking "Batch" in BatchNorm'
    citation_map._on_event()  # drawn again for another reason
    assert "_picked" not in state
    state[citation_map.MAP] = {"action": "hover", "data": {"target_id": "heading 2021"}, "timestamp": 3}
    citation_map._on_event()
    assert state["_hovered"] is None
