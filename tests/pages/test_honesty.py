"""The honesty page, without a browser."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from rnorm_core import evaluation, jobs, sanity, zoo
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.experiments import robustness
from rnorm_core.experiments.shipped import files
from rnorm_core.norms import MEDIAN
from rnorm_core.sanity import CHECKS, FAIL, PLANTED, Finding, Number
from rnorm_core.ui.robustness import question, words
from tests.pages.shown import charts as charts_of

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"
SMALL = replace(
    sanity.LIVE, sizes=(1 / 255, 64 / 255), steps=2, more_steps=3, restarts=1, apgd=3, aims=1, queries=6
)  # fmt: skip
FAKE = "FAKE: rounded pixels"


@pytest.fixture(autouse=True)
def quick(small_zoo, monkeypatch):
    monkeypatch.setattr(robustness, "BUDGETS", {"quick": SMALL, "thorough": SMALL})
    monkeypatch.setattr(robustness, "POINTS", 3)
    monkeypatch.setattr(evaluation, "table", lambda dataset="cifar10": evaluation.Table(()))


def texts(page) -> str:
    return "\n".join(block.value for block in [*page.markdown, *page.caption])


def lines(page) -> list[str]:
    return [box.label for box in page.expander if " · " in box.label]


def leave(page) -> None:
    for key in ("_ticket examine", "_ticket plane"):
        if key in page.session_state:
            page.session_state[key].leave()


def checked(listed: list[str]) -> list[str]:
    return [line.split(" · ")[1] for line in listed]


TITLES = [rule.title for rule in CHECKS.values()]


def test_what_was_measured_is_there_at_once(open_page, monkeypatch):
    monkeypatch.undo()  # the shipped models and their table
    if not evaluation.table("cifar10").rows:
        pytest.skip("nothing that was measured belongs to the shipped weights")
    page = open_page("honesty", settled=False)
    leave(page)
    shown = lines(page)
    assert checked(shown) == TITLES * 2
    found = sanity.from_table(evaluation.table("cifar10"), BN, "tracked", laboratories.rows())
    for line, finding in zip(shown, found, strict=False):
        assert line == words.headline_of(finding)
        assert all(words.text(number) in texts(page) for number in finding.numbers)
    assert "pass" not in " ".join(shown)
    assert zoo.card(BN).sha256[:8] in texts(page)
    assert "**No: BatchNorm and RobustNorm are not robust at 8/255**" in texts(page)
    other = sanity.from_table(evaluation.table("cifar10"), RN, "tracked", laboratories.rows())
    left = max(sum(finding.verdict == sanity.NOT_MEASURED for finding in one) for one in (found, other))
    of = f", as far as {len(TITLES) - left} of {len(TITLES)} checks tell" if left else ""
    assert f"Both measurements can be believed{of}" in texts(page)
    for part in ("What you see", "Why", "Try this"):
        assert part in texts(page)
    assert not page.warning
    assert not page.error


def test_nothing_is_examined_before_it_is_asked_for(open_page, monkeypatch):
    monkeypatch.setattr(sanity, "examine", None)
    page = open_page("honesty", test=question.EXAMINE)
    assert not lines(page)
    assert "Nothing runs until you ask" in texts(page)


def test_a_model_is_put_through_all_checks(open_page):
    page = open_page("honesty", examine="true", subject="right model")
    shown = lines(page)
    assert checked(shown) == TITLES
    assert not any("not measured" in line for line in shown)
    assert all("n = 20" in line for line in shown)
    assert "**RobustNorm**: robust accuracy" in texts(page)
    assert "(9 of 9 checks)" in texts(page)
    assert "transferred attacks are crafted on BatchNorm" in texts(page)
    assert not page.warning
    assert not page.error


@pytest.mark.parametrize("key", PLANTED)
def test_a_planted_fake_is_called_a_fake_and_is_caught(open_page, key):
    page = open_page("honesty", examine="true", subject=f"FAKE: {PLANTED[key].title}")
    shown = lines(page)
    caught = {title for line, title in zip(shown, checked(shown), strict=True) if not line.startswith("**believable**")}
    assert any(CHECKS[check].title in caught for check in PLANTED[key].caught_by)
    assert PLANTED[key].about in page.info[0].value
    assert f"**FAKE ({PLANTED[key].title}) around BatchNorm**" in texts(page)
    page = open_page("honesty", beside=f"FAKE: {PLANTED[key].title}")
    maps = [chart.spec["layout"]["title"]["text"] for chart in charts_of(page)]
    assert ["FAKE" in title for title in maps] == [False, True]


@pytest.mark.parametrize("mode", ["batch", MEDIAN])
def test_neighbours_fail_by_mode_and_the_page_says_so(open_page, mode):
    page = open_page("honesty", left=BN, left_mode=mode, examine="true")
    (line,) = (line for line in lines(page) if CHECKS["neighbours"].title in line)
    assert not line.startswith("**believable**")
    assert ["is no fraud" in info.value for info in page.info] == [True]


def test_findings_come_one_by_one_and_stay_when_stopped(open_page, monkeypatch):
    go_on = threading.Event()

    def slow(model, batch, budget, *, progress, **more):
        found = []
        for key in ("steps", "gradients"):  # not in the order of the list
            found.append(Finding(key, FAIL, (Number("a share", 0.25, 20),), "made for a test"))
            progress(0.5, key, SimpleNamespace(findings=tuple(found)))
        while not go_on.wait(0.02):
            progress(0.5, "waiting")
        return SimpleNamespace(findings=tuple(found))

    monkeypatch.setattr(sanity, "examine", slow)
    page = open_page("honesty", settled=False, examine="true", seed="7")
    for _ in range(50):
        if len(lines(page)) == 2:
            break
        go_on.wait(0.1)
        page.run()
    try:
        assert checked(lines(page)) == [CHECKS["gradients"].title, CHECKS["steps"].title]
        assert lines(page)[0].endswith("a share: 25.0 % (n = 20)")
        page.button(key="stop examine").click().run()
        assert page.button(key="again examine")
        assert len(lines(page)) == 2
        assert "(2 of 9 checks)" in texts(page)
    finally:
        go_on.set()
        leave(page)


def test_an_old_link_to_hills_opens_them_whatever_else_it_has(open_page):
    fake = f"FAKE: {next(iter(PLANTED.values())).title}"
    assert open_page("honesty", subject=fake, hills="true").session_state["test"] == question.LOSS
    assert open_page("honesty", settled=False, subject=fake).session_state["test"] == question.EXAMINE
    assert open_page("honesty", settled=False, subject=fake, hills="false").session_state["test"] == question.EXAMINE


def test_hills_stand_on_one_scale_and_only_when_asked_for(open_page):
    page = open_page("honesty", test=question.LOSS)
    assert ["scene" in c.spec["layout"] for c in charts_of(page)] == [False, False]
    page = open_page("honesty", hills="true", eps="8", right_mode="batch")
    specs = [chart.spec for chart in charts_of(page)]
    hills = [spec for spec in specs if "scene" in spec["layout"]]
    assert len(hills) == 2
    assert len({spec["data"][0]["cmax"] for spec in hills}) == 1
    assert "beside 19 others" in specs[2]["layout"]["title"]["text"].replace("<br>", " ")
    assert all("8/255" in chart.alt for chart in charts_of(page) if "Cross entropy" in chart.alt)
    assert not page.error


def test_the_shipped_loss_needs_no_job(open_page, monkeypatch):
    monkeypatch.undo()  # the shipped models
    if not zoo.has_population(BN):
        pytest.skip("needs the shipped networks")

    def no_job(request, work):
        raise AssertionError(f"{request} is computed")

    monkeypatch.setattr(jobs, "start", no_job)
    page = open_page("honesty", settled=False, test=question.LOSS)
    assert not page.error
    assert len(charts_of(page)) == 2


def test_a_damaged_shipped_loss_is_named_and_the_page_goes_on(open_page, monkeypatch, tmp_path):
    monkeypatch.undo()
    if not zoo.has_population(BN):
        pytest.skip("needs the shipped networks")
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    monkeypatch.setattr(files, "path_of", lambda default: damaged)
    page = open_page("honesty", settled=False, test=question.LOSS)
    assert "defaults/damaged.zip is damaged" in page.error[0].value
    assert "Try this" in texts(page)


def test_what_the_address_cannot_have_is_named(open_page):
    for keys in (("subject", "n", "effort"), ("image", "beside", "eps")):
        page = open_page("honesty", **dict.fromkeys(keys, "nonsense"))
        assert sorted(w.value.split("`")[1] for w in page.warning) == sorted(f"{key}=nonsense" for key in keys)
        assert not page.error


def test_an_address_holds_everything(open_page, in_address):
    page = open_page("honesty", subject=FAKE, n="20", effort="thorough")
    assert {"subject", "n", "effort", "left", "right", "seed", "source"} <= in_address(page)
    assert {t.key: t.proto.query_param_key for t in page.toggle} == {"examine": "examine"}
    assert page.selectbox(key="subject").value == FAKE
    assert not page.warning
    page = open_page("honesty", image="cat af12e124", eps="4", hills="true")
    assert {"image", "beside", "eps"} <= in_address(page)
    assert {t.key: t.proto.query_param_key for t in page.toggle} == {"hills": "hills"}
    assert not page.warning


def test_a_door_plants_a_fake(open_page, settle):
    page = open_page("honesty")
    next(button for button in page.button if button.label == "A planted fake").click().run()
    settle(page)
    assert page.selectbox(key="subject").value == next(iter(question.FAKES))
    assert checked(lines(page)) == TITLES
    assert not page.warning


def test_the_same_weights_give_no_transfer(open_page):
    page = open_page("honesty", right=BN, right_mode="batch", examine="true")
    assert "transferred attacks are crafted on" not in texts(page)
    assert ", crafted on" not in texts(page)
