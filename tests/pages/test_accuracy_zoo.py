"""The Accuracy page and the sidebar with a zoo of many models: seeds, p, worst cases, picking and pairs."""

import json
import shutil

import pytest
import torch

from rnorm_core import evaluation, norms, zoo
from rnorm_core.evaluation import Table
from rnorm_core.zoo import Variant
from tests.pages.shown import charts as charts_of
from tests.rows import row
from tests.trainings import welch

PGD = "How much is left under PGD"
BASE = "cifar10-resnet20"
BN, RN = f"{BASE}-bn", f"{BASE}-rn"
CHANGES = {f"{norm}-seed{k}": {"seed": k} for norm in (BN, RN) for k in (1, 2)}
SEEDS = list(CHANGES)
POWERS = [f"{RN}-p{p}" for p in ("010", "050", "100")]
CHANGES |= {name: {"power": p} for name, p in zip(POWERS, (0.1, 0.5, 1.0), strict=True)}


@pytest.fixture
def zoo_of(_small_zoo, tmp_path, monkeypatch):
    """zoo_of(names): a zoo of copies of small networks under these names, with the seed and p of `CHANGES`."""

    def made(*names: str) -> None:
        for name in (BN, RN, *names):
            norm = "rn" if name.startswith(RN) else "bn"
            shutil.copy(_small_zoo / f"{BASE}-{norm}.safetensors", tmp_path / f"{name}.safetensors")
            card = json.loads((_small_zoo / f"{BASE}-{norm}.json").read_text())
            (tmp_path / f"{name}.json").write_text(json.dumps(card | CHANGES.get(name, {}) | {"name": name}))
        monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)

    return made


@pytest.fixture
def table_of(monkeypatch):
    """table_of(models, attacks): each model has its own number of right images of 100, each attack takes others."""

    def made(models: list[str], attacks: tuple[str, ...] = ("pgd",)) -> Table:
        rows = []
        for k, name in enumerate(models):
            for mode in norms.modes(zoo.card(name).norm):
                rows.append(row(Variant.of(name, mode), 0, (90 - k, 100)))
                for i, attack in enumerate(attacks):
                    right = (torch.arange(100) >= 10 * i) & (torch.arange(100) < 60 - k)
                    rows += [row(Variant.of(name, mode), eps, right, attack) for eps in (1, 8)]
        table = Table(tuple(rows))
        monkeypatch.setattr(evaluation, "table", lambda dataset: table)
        return table

    return made


def chart(page, start: str) -> dict:
    drawn = [chart.spec for chart in charts_of(page)]
    (found,) = [spec for spec in drawn if spec["layout"]["title"]["text"].replace("<br>", " ").startswith(start)]
    return found


def lines(spec: dict, thin: bool) -> list[str]:
    shown = [t for t in spec["data"] if not t["name"].startswith(("shaded", "dotted"))]
    return [t["name"].replace("<br>", " ") for t in shown if (t.get("showlegend") is False) == thin]


def texts(page) -> str:
    return "\n".join(block.value for block in [*page.markdown, *page.caption])


def test_seeds_are_thin_lines_beside_the_model(zoo_of, table_of, open_page):
    zoo_of(*SEEDS)
    table_of([BN, RN, *SEEDS])
    page = open_page("accuracy")
    spec = chart(page, PGD)
    assert lines(spec, thin=False) == ["BatchNorm", "RobustNorm"]
    assert sorted(lines(spec, thin=True)) == [
        f"{norm}, seed {k}" for norm in ("BatchNorm", "RobustNorm") for k in (1, 2)
    ]
    assert "thin: other seeds" in spec["layout"]["title"]["text"].replace("<br>", " ")
    alt = charts_of(page)[0].alt
    assert "BatchNorm, seed 2 (other seeds): 87.0 % at 0/255" in alt
    page.toggle(key="seeds").set_value(False).run()
    assert lines(chart(page, PGD), thin=True) == []


def test_a_seed_that_is_chosen_is_a_line_like_any_other(zoo_of, table_of, open_page):
    zoo_of(*SEEDS)
    table_of([BN, RN, *SEEDS])
    page = open_page("accuracy", models=["resnet20-bn", "resnet20-bn-seed1"])
    spec = chart(page, PGD)
    assert lines(spec, thin=False) == ["BatchNorm", "RobustNorm", "BatchNorm, seed 1"]
    assert lines(spec, thin=True) == ["BatchNorm, seed 2", "RobustNorm, seed 1", "RobustNorm, seed 2"]


def test_without_other_seeds_there_is_no_such_choice(zoo_of, table_of, open_page):
    zoo_of(*SEEDS)
    table_of([BN, RN])
    page = open_page("accuracy", seeds="false")
    assert [toggle.key for toggle in page.toggle] == []
    assert "`seeds=false` in the address is not used" in page.warning[0].value


def test_p_is_a_slider_over_the_models_there_are(zoo_of, table_of, open_page):
    zoo_of(*POWERS)
    table_of([BN, RN, *POWERS])
    page = open_page("accuracy", p="0.5")
    assert [float(p) for p in page.select_slider(key="p").options] == [0.1, 0.2, 0.5, 1.0]
    spec = chart(page, "Does the power")
    assert lines(spec, thin=False) == ["RobustNorm p=0.5", "BatchNorm"]
    assert len(lines(spec, thin=True)) == 3
    page.select_slider(key="p").set_value(1.0).run()
    assert lines(chart(page, "Does the power"), thin=False)[0] == "RobustNorm p=1"
    assert not page.warning


def test_two_p_are_no_slider(zoo_of, table_of, open_page):
    zoo_of(*POWERS)
    table_of([BN, RN, POWERS[0]])
    page = open_page("accuracy")
    assert "p" not in [slider.key for slider in page.select_slider]
    assert "p change?" not in texts(page)


def test_the_worst_case_is_offered_where_there_is_one(zoo_of, table_of, open_page):
    zoo_of()
    table_of([BN, RN], ("pgd", "fgsm"))
    page = open_page("accuracy", attacks=["Worst case over attacks"])
    spec = chart(page, "How much is left in the worst case?")
    assert [round(y, 6) for y in spec["data"][0]["y"]] == [90, 50, 50]  # the tenth to the sixtieth image
    assert "worst of PGD, FGSM" in spec["layout"]["title"]["text"].replace("<br>", " ")
    assert not page.warning
    table_of([BN, RN], ("pgd",))
    page = open_page("accuracy", attacks=["Worst case over attacks"])
    assert "could not be used" in page.warning[0].value


def test_models_are_picked_by_their_titles(zoo_of, table_of, open_page):
    zoo_of(*SEEDS, *POWERS)
    table_of([BN, RN])
    page = open_page("accuracy")
    picker = page.multiselect(key="models shown")
    assert picker.options[:3] == ["BatchNorm", "RobustNorm", "RobustNorm p=1"]
    assert picker.value == []  # left and right are drawn without being picked
    picker.set_value(["resnet20-rn-p050"]).run()
    assert page.multiselect(key="models").value == ["resnet20-rn-p050"]  # what the address holds
    assert "Not measured yet: RobustNorm p=0.5 under PGD (L-inf)." in texts(page)


def test_the_sidebar_picks_by_title_and_the_address_keeps_names(zoo_of, table_of, open_page):
    zoo_of(*SEEDS, *POWERS)
    table_of([BN, RN])
    page = open_page("accuracy", left=SEEDS[0])
    shown = page.selectbox(key="left shown")
    assert shown.options[0] == "BatchNorm"
    assert shown.value == SEEDS[0]
    shown.set_value(POWERS[1]).run()
    left = page.selectbox(key="left")
    assert (left.value, left.proto.query_param_key) == (POWERS[1], "left")
    assert not page.warning


def test_a_pair_sets_left_and_right(zoo_of, table_of, open_page):
    zoo_of(*SEEDS, *POWERS)
    table_of([BN, RN])
    page = open_page("accuracy", left_mode="batch")
    (menu,) = page.menu_button
    assert "p from 0.1 to 1: RobustNorm p=0.1 | RobustNorm p=1" in menu.options
    assert not [option for option in menu.options if "Adversarially" in option]
    menu.click("p from 0.1 to 1: RobustNorm p=0.1 | RobustNorm p=1").run()
    assert [page.selectbox(key=key).value for key in ("left", "right")] == [POWERS[0], POWERS[2]]
    assert page.selectbox(key="left_mode").value == "batch"
    assert not page.warning


def test_left_and_right_over_their_trainings(open_page, zoo_of, table_of):
    zoo_of(*SEEDS)
    table_of([BN, RN, *SEEDS])  # of 100 images 60, 58 and 57 are right at 1/255 with BatchNorm, 59, 56 and 55 with RN
    page = open_page("accuracy")
    said = "\n".join(block.value for block in [*page.markdown, *page.caption])
    low, value, high = (100 * x for x in welch([0.6, 0.58, 0.57], [0.59, 0.56, 0.55]))
    ends = f"{value:.1f} points (95 %: {low:.1f} to {high:.1f}, Welch's t)".replace("-", "\N{MINUS SIGN}")
    means = "BatchNorm keeps 58.3 % on average, RobustNorm 56.7 %."
    assert f"**Over 3 trainings of each.** {means} A difference of {ends}" in said
    assert "the last interval says how far" in said
