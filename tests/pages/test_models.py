"""The Models page alone: the list, what is chosen from it, a card, and what is wrong with a card."""

import json
import re
import shutil

import pytest

from rnorm_core import evaluation, zoo
from rnorm_core.evaluation import Table
from rnorm_core.ui.models import question
from tests.pages.shown import charts as charts_of

BN, RN = (f"cifar10-resnet20-{norm}" for norm in ("bn", "rn"))


@pytest.fixture(autouse=True)
def own_zoo(small_zoo, tmp_path, monkeypatch):
    """A copy of the small zoo that a test may change, without a table."""
    folder = tmp_path / "zoo"
    shutil.copytree(small_zoo, folder)
    monkeypatch.setattr(zoo, "DIRECTORY", folder)
    return folder


@pytest.fixture
def add(own_zoo):
    """add("bn", seed=1): another training in the zoo, with the weights of the one that is there."""

    def add(kind: str, suffix: str, **changes) -> str:
        source, name = own_zoo / f"cifar10-resnet20-{kind}", f"cifar10-resnet20-{kind}{suffix}"
        card = json.loads(source.with_suffix(".json").read_text()) | changes | {"name": name}
        (own_zoo / f"{name}.json").write_text(json.dumps(card))
        shutil.copy(f"{source}.safetensors", own_zoo / f"{name}.safetensors")
        return name

    return add


def measured(correct: int, eps: float | None = None, n: int = 1000) -> dict:
    low, high = evaluation.wilson(correct, n)
    row = {"split": "test", "attack": eps and "pgd", "settings": {"steps": 20} if eps else {}, "eps_255": eps}
    return row | {"statistics": "tracked", "n": n, "correct": correct, "low": low, "high": high}


def curve(*accuracies: float) -> list:
    return [
        {"epoch": i, "train_loss": 2 - a, "train_accuracy": a, "lr": 0.1, "seconds": 1.0}
        for i, a in enumerate(accuracies, 1)
    ]


def charts(page) -> dict[str, dict]:
    """Question -> specification."""
    specs = [chart.spec for chart in charts_of(page)]
    titles = [re.sub("<[^>]+>", " ", spec["layout"]["title"]["text"]) for spec in specs]
    return {" ".join(title.split("?")[0].split()): spec for title, spec in zip(titles, specs, strict=True)}


def drawn(spec: dict) -> list[str]:
    hidden = ("shaded",)
    return [t["name"] for t in spec["data"] if t.get("showlegend", True) and not t["name"].startswith(hidden)]


def listed(page) -> list[str]:
    """Titles of the networks in the list."""
    return list(page.dataframe[0].value["network"])


def texts(page) -> str:
    return "\n".join(block.value for block in [*page.markdown, *page.caption])


BOTH = ["BatchNorm", "RobustNorm"]
LAYER_QUESTIONS = [
    "How large is the learned gamma", "Where is the running mean", "How far do the inputs spread",
    "How much does a layer amplify",
]  # fmt: skip


def test_the_list_is_there_at_once_and_nothing_else_is_computed(open_page):
    page = open_page("models")
    assert listed(page) == BOTH
    assert page.multiselect(key="show").value == [BN, RN]
    assert not charts(page)
    assert "The zoo has **2 networks**" in texts(page)
    for part in ("What you see", "Why", "Try this", "Not measured under attack yet: BatchNorm, RobustNorm"):
        assert part in texts(page)
    assert not page.warning
    assert not page.error


@pytest.mark.parametrize(
    ("part", "questions"),
    [
        (question.TRAINING, ["How does the training loss fall", "How fast do they learn"]),
        (question.LAYERS, LAYER_QUESTIONS),
    ],
)
def test_the_parts_show_the_chosen_networks(open_page, part, questions):
    page = open_page("models", about=part)
    found = charts(page)
    assert list(found) == questions
    assert all(drawn(spec) == BOTH for spec in found.values())
    assert all(chart.alt for chart in charts_of(page))
    assert not page.error


def test_a_card_in_full(open_page):
    page = open_page("models", about=question.CARD)
    command = "python -m rnorm_core.training --model resnet20 --norm bn --width 0.25 --dataset cifar10 --recipe fast"
    assert any(code.value.startswith(command) for code in page.code)
    assert zoo.card(BN).sha256 in texts(page)
    assert not page.error


def test_measured_accuracies_are_in_the_list_the_bars_and_the_curve(open_page, add):
    rows = [measured(900), measured(300, 1), measured(5, 8)]
    name = add("bn", "-seed1", seed=1, accuracies=rows)
    page = open_page("models", show=[name], robust_at="8")
    row = page.dataframe[0].value.set_index("network").loc["BatchNorm, seed 1"]
    assert (row["clean (%)"], row["at 8/255 (%)"], row["n"]) == (90, 0.5, 1000)
    assert (row["95 %"], row["attack"]) == ("0.2 to 1.2", "PGD, 20 steps")
    assert "At 8/255 **BatchNorm, seed 1 keeps 0.5 %**" in texts(page)
    assert "Right under attack at 8/255 BatchNorm, seed 1 0.5 %" in texts(page)
    assert "Not measured" not in texts(page)
    page = open_page("models", show=[name], about=question.CURVES)
    under_attack = charts(page)["How much is left under attack"]
    assert under_attack["data"][0]["y"] == [90, 30, 0.5]
    assert drawn(under_attack) == ["BatchNorm, seed 1"]


def test_the_table_of_accuracies_counts_too(open_page, monkeypatch):
    asked = []
    monkeypatch.setattr(evaluation, "table", lambda dataset: asked.append(dataset) or Table(()))
    open_page("models")
    assert asked == ["cifar10"]  # once for each data set of the zoo


def test_an_address_chooses_everything(open_page, add):
    add("rn", "-p050", power=0.5)
    page = open_page("models", show=[RN], norm=["RobustNorm"], architecture="resnet20", training="standard")
    assert listed(page) == ["RobustNorm", "RobustNorm p=0.5"]
    assert not page.warning
    page = open_page("models", show=[BN, RN], card=RN)  # an address from before there were parts
    assert "**RobustNorm**: a" in texts(page)
    assert not page.warning


def test_what_the_address_cannot_have_is_named(open_page):
    address = {
        "show": "cifar10-resnet20-xx", "norm": "LayerNorm", "architecture": "resnet18", "training": "none",
        "robust_at": "77", "colour": "blue",
    }  # fmt: skip
    for wrong in (address, {"card": "cifar10-resnet20-xx"}):
        page = open_page("models", **wrong)
        named = {pair for warning in page.warning for pair in re.findall("`(.*?)`", warning.value)}
        assert named == {f"{key}={value}" for key, value in wrong.items()}
    assert listed(open_page("models", **address)) == BOTH


def test_the_card_chosen_stays_while_other_models_are_shown(open_page):
    page = open_page("models", show=[RN], about=question.CARD)
    assert "**RobustNorm**: a" in texts(page)  # nothing chosen: the first
    page.selectbox(key="card").set_value(RN).run()
    page.multiselect(key="show").set_value([BN, RN]).run()
    assert "**RobustNorm**: a" in texts(page)
    page.multiselect(key="show").set_value([BN]).run()
    assert "**BatchNorm**: a" in texts(page)
    assert page.selectbox(key="card").value is None


def test_a_filter_hides_from_the_list_and_not_from_the_choice(open_page):
    page = open_page("models", norm=["RobustNorm"])
    assert listed(page) == ["RobustNorm"]
    assert page.multiselect(key="show").value == [BN, RN]
    page.selectbox(key="training").set_value("adversarial").run()
    assert "No model is like that" in page.info[0].value
    assert page.multiselect(key="show").value == [BN, RN]


def test_nothing_chosen(open_page, settle):
    page = open_page("models", about=question.LAYERS)
    page.multiselect(key="show").set_value([]).run()
    settle(page)
    assert "Select one or more networks" in page.info[0].value
    assert charts(page) == {}
    assert "Try this" in texts(page)


def test_rows_follow_the_choice_and_the_choice_follows_the_rows(open_page, monkeypatch):
    page = open_page("models", show=[RN])
    assert page.session_state[f"_zoo {BN} {RN}"]["selection"]["rows"] == [1]
    state = {"_zoo": {"selection": {"rows": [1]}}, "show": ["hidden by a filter", BN]}
    monkeypatch.setattr(question.st, "session_state", state)
    question.select("_zoo", [BN, RN])
    assert state["show"] == ["hidden by a filter", RN]


def test_a_click_in_the_list_before_a_filter_is_not_one_in_the_filtered_list(open_page):
    page = open_page("models", show=[RN])
    page.session_state[f"_zoo {BN} {RN}"] = {"selection": {"rows": [0, 1]}}  # on its way when the filter came
    page.pills(key="norm").set_value(["BatchNorm"]).run()
    assert not page.exception
    assert listed(page) == ["BatchNorm"]
    assert page.session_state[f"_zoo {BN}"]["selection"]["rows"] == []


def test_an_unsound_card_is_named_and_the_others_are_shown(open_page, own_zoo, add):
    add("bn", "-seed1", seed=1, norm="layer norm")
    (own_zoo / "lonely.json").write_text("{}")
    page = open_page("models")
    said = "\n".join(error.value for error in page.error)
    assert "cifar10-resnet20-bn-seed1.json is invalid: norm 'layer norm' is unknown" in said
    assert "lonely.safetensors is missing" in said
    assert listed(page) == BOTH


def test_weights_that_are_not_the_cards_cost_only_their_own_lines(open_page, add):
    name = add("rn", "-seed1", seed=1, sha256="0" * 64)
    page = open_page("models", show=[BN, name], about=question.TRAINING)
    assert drawn(charts(page)["How fast do they learn"]) == ["BatchNorm", "RobustNorm, seed 1"]
    page = open_page("models", show=[BN, name], about=question.LAYERS)
    assert "does not match its card" in page.error[0].value
    assert drawn(charts(page)["How large is the learned gamma"]) == ["BatchNorm"]


def test_seeds_are_shown_each_where_there_are_several(open_page, add):
    add("bn", "-seed1", seed=1, accuracies=[measured(910)], curve=curve(0.7, 0.8, 0.9))
    add("rn", "-seed1", seed=1, accuracies=[measured(890)], curve=curve(0.5, 0.7, 0.8))
    page = open_page("models", about=question.SEEDS)
    found = charts(page)
    assert found["How accurate, seed by seed"]["data"][0]["x"] == [91]
    levels = found["How soon, seed by seed"]["layout"]["yaxis"]["categoryarray"]
    assert {"BatchNorm (1 epochs), seed 0", "RobustNorm (3 epochs), seed 1"} <= set(levels)


def test_models_of_other_data_sets_are_listed(open_page):
    from rnorm_core.data import CLASSES

    name = "cifar100-resnet20-bn"
    # a card of a hundred classes; its weights are of ten, which is said where they are read
    folder = zoo.DIRECTORY
    card = json.loads((folder / f"{BN}.json").read_text())
    card |= {"name": name, "dataset": "cifar100", "classes": list(CLASSES["cifar100"])}
    (folder / f"{name}.json").write_text(json.dumps(card))
    shutil.copy(folder / f"{BN}.safetensors", folder / f"{name}.safetensors")
    assert "CIFAR-100 BatchNorm" in listed(open_page("models", show=[name]))
    assert "100 classes apart: apple" in texts(open_page("models", show=[name], card=name))
    page = open_page("models", show=[name], about=question.TRAINING)
    assert drawn(charts(page)["How fast do they learn"]) == ["CIFAR-100 BatchNorm"]
    page = open_page("models", show=[name], about=question.LAYERS)
    assert "classifier." in page.error[0].value
    assert "expected (100" in page.error[0].value


def test_the_study_of_learning_rates_is_shown_when_it_is_there(open_page, own_zoo):
    row = {
        "dataset": "cifar10", "architecture": "resnet20", "norm": "bn", "power": None, "peak_lr": 0.4, "seed": 0,
        "recipe": {"name": "short", "epochs": 4, "precision": "fp32"}, "n": 100, "correct": 40, "low": 0.309402,
        "high": 0.497997, "diverged_in": None, "curve": [{"epoch": 1, "train_accuracy": 0.3}],
        "made_with": {}, "code_version": "", "date": "2026-01-01",
    }  # fmt: skip
    file = own_zoo / "cifar10-learning-rates.jsonl"
    file.write_text(json.dumps(row) + "\n")
    page = open_page("models", about=question.RATES)
    study = charts(page)["How high may the learning rate be"]
    assert (study["data"][0]["x"], study["data"][0]["y"]) == ([0.4], [40])
    assert "--norms bn --rates 0.4 --seeds 0 --epochs 4 --precision fp32 --holdout 100" in page.code[-1].value
    file.write_text("{}\n")
    page = open_page("models", about=question.RATES)
    assert "Line 1 of cifar10-learning-rates.jsonl is invalid" in page.error[0].value
    assert "Try this" in texts(page)
