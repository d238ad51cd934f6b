"""Every page in the presenter's view, with locked settings, and the link that sets both."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from rnorm_core.classroom import lessons, paths
from rnorm_core.classroom.lessons import Experiment, Predict
from rnorm_core.classroom.question import letter
from rnorm_core.ui.lessons import question
from rnorm_core.ui.shared.navigation import PAGES
from rnorm_core.ui.shared.stage.lock import TEXT as LOCKED
from rnorm_core.ui.shared.stage.remote import WALK
from tests.pages.shown import is_chart, is_player

# What a visitor can change, of all that a page shows.
CONTROLS = {
    "button", "button_group", "checkbox", "download_button", "file_uploader", "menu_button", "multiselect",
    "number_input", "pills", "popover", "select_slider", "selectbox", "segmented_control", "tab", "toggle",
}  # fmt: skip
HIDDEN = {
    "left",
    "right",
    "models",
    "show",
    "card",
    "attack_step",
}  # other controls, which are disabled, show their values
# Settings of each page other than the first ones.
CHANGED = {
    "start": {"eps": "4", "left": "cifar10-resnet20-gn", "seed": "3"},
    "glossary": {"word": "seed"},
    "lessons": {"lesson": "2", "step": "1"},
    "room": {},
    "teach": {"plan": "All lessons"},
    "craft": {"eps": "2", "steps": "10", "target": "frog"},
    "inside": {"p": "0.5", "net": "left", "part": "One far value", "outlier": "50"},
    "shift": {"eps": "8", "more": "In words"},
    "accuracy": {"axis": "to scale", "seeds": "false", "modes": ["tracked", "batch"]},
    "batch": {"part": "Poisoned neighbours", "k": "2", "eps": "8"},
    "paper": {"claim": "C5"},
    "honesty": {"test": "The nine checks", "right_mode": "batch"},
    "models": {"norm": ["RobustNorm", "BatchNorm"], "robust_at": "4"},
}


def inside(page, key):
    """All blocks and elements inside the container with this key."""
    (found,) = [block for block in page.main if getattr(block, "key", None) == key]
    return list(found)


def on_stage(page):
    return inside(page, "stage")


def is_picture(block) -> bool:
    if block.type == "bidi_component":
        return is_chart(block) or is_player(block)
    text = getattr(block, "value", None) or getattr(block.proto, "body", "")
    return "data:image/" in str(text) or "verdicts" in str(text)


@pytest.mark.parametrize("name", WALK)
def test_a_presenter_sees_question_answer_and_figure_and_no_control(open_page, name):
    page = open_page(name, present="1")
    shown = on_stage(page)
    (title,) = [block.value for block in shown if block.type == "title"]
    assert title == page.title[0].value
    assert not [block for block in shown if block.type in CONTROLS]
    figure = inside(page, "stage_figure")
    if name == "glossary":
        assert "####" in next(block.value for block in figure if block.type == "markdown")
    else:
        assert any(map(is_picture, figure)), [block.type for block in figure]
        (answer,) = [block.value for block in inside(page, "answer") if block.type == "markdown"]
        assert 20 < len(answer) < 300
    assert not page.warning


@pytest.mark.parametrize(
    ("name", "kept"), [("shift", "eps,attack"), ("accuracy", "left"), ("inside", "p"), ("glossary", "word")]
)
def test_a_presenters_link_names_the_controls_to_keep(open_page, name, kept):
    page = open_page(name, present="1", controls=kept)
    found = {block.key.removesuffix(" shown") for block in on_stage(page) if block.type in CONTROLS}
    assert found == set(kept.split(","))
    assert not page.warning


def test_the_player_keeps_the_controls_that_are_named(open_page, players):
    ((header, _),) = players(open_page("start", present="1", controls="eps"))
    assert header["controls"] == ["eps"]
    ((header, _),) = players(open_page("start"))
    assert (header["controls"], header["locked"]) == ([], False)


@pytest.mark.parametrize("name", PAGES)
def test_a_locked_page_says_so_keeps_its_settings_and_can_be_unlocked(open_page, players, name):
    page = open_page(name, lock="1", **CHANGED[name])
    free = {widget.key for widget in bound(page) if not widget.proto.disabled}
    assert free <= HIDDEN | ({"eps"} if players(page) else set())
    assert all(
        widget.disabled for widget in page.selectbox if widget.key in {"left shown", "right shown", "card shown"}
    )
    assert LOCKED in texts(page)
    assert chosen(page) == chosen(page) | as_lists(CHANGED[name])
    assert all(header["locked"] for header, _ in players(page))
    assert not page.warning
    page.button(key="unlock").click().run()
    assert not page.exception
    assert not {widget.key for widget in bound(page) if widget.proto.disabled}
    assert LOCKED not in texts(page)
    assert chosen(page) == chosen(page) | as_lists(CHANGED[name])


@pytest.mark.parametrize("name", [name for name in PAGES if name != "room"])  # a room has links of its own
def test_the_link_of_a_page_sets_all_its_settings_and_nothing_else(open_page, name, monkeypatch):
    monkeypatch.setenv("RNORM_URL", "https://lab.example/")
    page = open_page(name, **CHANGED[name], owner="secret")
    page.session_state["copy_link"] = True
    page.run()
    (link,) = [block.value for block in page.code if block.value.startswith("https://")]
    there = urlsplit(link)
    assert (there.netloc, there.path) == ("lab.example", "/" if name == "start" else f"/{name}")
    address = parse_qs(there.query)
    assert address == {key: values for key, values in chosen(page).items() if values}
    assert "secret" not in link
    again = open_page(name, **address)
    assert chosen(again) == chosen(page)
    assert not again.warning


def test_a_link_can_show_the_presenters_view_and_lock(open_page):
    page = open_page("shift", settled=False)
    page.session_state["copy_link"] = True
    page.run()
    page.toggle(key="link_present").set_value(True).run()
    page.multiselect(key="link_controls").set_value(["eps", "attack"]).run()
    page.toggle(key="link_lock").set_value(True).run()
    address = parse_qs(urlsplit(page.code[-1].value).query)
    assert (address["present"], address["controls"], address["lock"]) == (["1"], ["eps,attack"], ["1"])


@pytest.mark.parametrize(
    ("key", "value", "named"), [("present", "yes", "yes"), ("lock", "2", "2"), ("controls", "eps,colour", "colour")]
)
def test_a_bad_value_is_named_and_not_used(open_page, key, value, named):
    page = open_page("shift", settled=False, **{key: value})
    (warning,) = page.warning
    assert warning.value.startswith(f"`{key}={named}` in the address could not be used")
    assert LOCKED not in texts(page)


def bound(page) -> list:
    """The widgets that live in the address; tabs do, too, but they hold no setting."""
    return [
        one for one in page.main if getattr(one.proto, "query_param_key", "") and one.type not in {"tab", "expander"}
    ]


def chosen(page) -> dict[str, list[str]]:
    return {key: list(one.values) for key, one in page.session_state["_drawn"].items()}


def as_lists(settings: dict) -> dict[str, list[str]]:
    return {key: value if isinstance(value, list) else [value] for key, value in settings.items()}


def texts(page) -> str:
    return "\n".join(block.value for block in page.markdown)


def test_a_lesson_in_the_presenters_view_waits_for_the_class(open_page):
    lesson = lessons.find("4")
    page = open_page("lessons", lesson="4", present="1")
    for number, step in enumerate(lesson.steps):
        assert page.title[0].value == step.title
        shown = {block.type for block in on_stage(page)} & CONTROLS
        assert not shown
        ways = ways_of(page)
        assert ("forward" in ways) == (not isinstance(step, Predict))
        if isinstance(step, Predict):
            assert [ways[letter(i)] for i in range(len(step.answers))] == [answer.text for answer in step.answers]
            page.session_state["_predictions"] |= {question.key(lesson, step): 0}
        if isinstance(step, Experiment):
            assert any(map(is_picture, inside(page, "stage_figure")))
        page.query_params["step"] = str(number + 2)
        page.run()


def test_a_presenters_path_goes_on_to_its_next_lesson(open_page):
    first, second = (part.lesson for part in paths.PATHS[0].parts[:2])
    last = len(paths.PATHS[0].parts[0].steps)
    page = open_page("lessons", lesson=first.id, present="1", path="15")
    page.session_state["_predictions"] = {question.key(first, step): 0 for step in first.predictions}
    page.query_params["step"] = str(last)
    page.run()
    assert ways_of(page)["forward"] == second.steps[0].title
    assert remote_of(page)["place"] == f"lesson {first.id}, {last} of {last} in this path"
    del page.query_params["path"]
    page.run()
    assert ways_of(page)["forward"] == first.steps[last].title
    assert remote_of(page)["place"] == f"lesson {first.id}, {last} of {len(first.steps)}"


def test_a_path_that_is_not_there_is_named(open_page):
    (warning,) = open_page("lessons", lesson="1", path="16").warning
    assert "`path=16`" in warning.value


def ways_of(page) -> dict[str, str]:
    return remote_of(page)["ways"]


def remote_of(page) -> dict:
    (remote,) = [block for block in page.get("bidi_component") if block.proto.component_name.endswith("remote")]
    return json.loads(remote.proto.json)
