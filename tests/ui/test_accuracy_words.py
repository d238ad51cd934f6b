"""The sentences, curves and records of the Accuracy page, from rows written by hand."""

import csv
import io

import pytest

from rnorm_core import evaluation, zoo
from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.measure.over_seeds import over_seeds
from rnorm_core.evaluation.tables import curves
from rnorm_core.evaluation.tables.alike import compare
from rnorm_core.evaluation.tables.curves import WORST, Line
from rnorm_core.report import as_csv
from rnorm_core.report.points import records
from rnorm_core.report.reproduce import rows_commands
from rnorm_core.ui.accuracy import view, words
from rnorm_core.zoo import Variant
from tests.rows import row

TITLES = {"bn": "BatchNorm", "rn": "RobustNorm"}
BN, RN = (Variant(f"cifar10-resnet20-{n}", "tracked", n[0] * 64, n, title) for n, title in TITLES.items())


def lines(*rows, variants=(BN, RN), attack="pgd", fair=False) -> list[Line]:
    return curves.lines(Table(rows), variants, attack, "float", fair=fair)


def pair(left: tuple[int, int], right: tuple[int, int], n: int) -> tuple:
    """Rows of left and right: (clean, attacked at 1/255) of n images."""
    return tuple(row(of, eps, (k, n)) for of, some in ((BN, left), (RN, right)) for eps, k in enumerate(some))


def sentences(rows, left=BN, right=RN) -> list[str]:
    comparison = compare(Table(rows), (left, right), "pgd", 1, "float")
    assert comparison is not None
    return words.sentences(comparison)


def test_a_curve_is_the_line():
    (line, _) = lines(*pair((900, 200), (850, 250), 1000))
    drawn = view.curve(line)
    assert (list(drawn.eps_255), list(drawn.correct), list(drawn.n)) == ([0, 1], [900, 200], [1000] * 2)
    assert (drawn.low[1], drawn.high[1]) == evaluation.wilson(200, 1000)
    assert (drawn.label, drawn.norm, drawn.weight_hash, drawn.here) == (
        "BatchNorm", "bn", BN.weight_hash, False,
    )  # fmt: skip
    (fair, _) = lines(*pair((900, 200), (850, 250), 1000), fair=True)
    assert (list(view.curve(fair).correct), list(view.curve(fair).n)) == ([850, 200], [850, 850])


def test_a_difference_that_is_none_of_chance():
    rows = pair((900, 200), (850, 250), 1000)
    for first, second in (sentences(rows), sentences(rows, RN, BN)):
        assert first.startswith("**PGD (L-inf) at 1/255, 1,000 images.**")
        assert "BatchNorm keeps 20.0 %" in first or "BatchNorm 20.0 %" in first
        assert "RobustNorm is ahead of BatchNorm by 5.0 points" in first
        assert "exact McNemar p < 0.001" in first
        assert "850 images" in second


def test_a_difference_that_may_be_chance():
    (first, _) = sentences(pair((9, 4), (9, 5), 10))
    assert "may well be chance (exact McNemar p = 1.000)" in first
    assert "\N{MINUS SIGN}" in first  # the interval reaches to the other side
    assert "are the same" in sentences(pair((9, 4), (9, 5), 10), BN, BN)[0]


def test_conditions_of_lines_that_differ():
    rows = pair((900, 200), (850, 250), 1000)
    assert words.conditions(lines(*rows)) == "20 steps, float pixels"
    assert words.conditions(lines(*rows, fair=True)).endswith("only images that all of these get right when clean")
    more = row(RN, 0.5, (9, 1000), settings={"steps": 50})
    assert words.conditions(lines(*rows, more)) == (
        "BatchNorm: 20 steps, float pixels; RobustNorm: 50 steps (at 0.5/255), 20 steps (at 1/255), float pixels"
    )
    assert words.conditions(lines(*rows, row(BN, 1, (9, 1000), attack="fgsm"), attack="fgsm")) == "float pixels"


def test_conditions_name_the_losses_of_an_attack():
    def ways(of: Variant, *losses: str) -> list[Row]:
        return [row(of, 1, (9, 10), attack="apgd", settings={"steps": 50, "loss": loss}) for loss in losses]

    clean = [row(of, 0, (9, 10)) for of in (BN, RN)]
    drawn = lines(*clean, *ways(BN, "ce", "dlr"), *ways(RN, "ce"), attack="apgd")
    assert words.conditions(drawn) == (
        "BatchNorm: 50 steps, worst of 2 losses, float pixels; RobustNorm: 50 steps, ce, float pixels"
    )
    assert words.conditions(drawn, {RN: "the other seeds"}).endswith("; the other seeds: 50 steps, ce, float pixels")


def test_conditions_of_a_worst_case_name_sizes_at_which_there_were_more_attacks():
    rows = [row(BN, eps, (1, 10), attack=attack) for eps in (1, 8) for attack in ("pgd", "fgsm")]
    drawn = lines(row(BN, 0, (1, 10)), *rows, variants=(BN,), attack=WORST)
    assert words.conditions(drawn) == "float pixels; worst of PGD, FGSM"
    rows.append(row(BN, 8, (1, 10), attack="noise"))
    drawn = lines(row(BN, 0, (1, 10)), *rows, variants=(BN,), attack=WORST, fair=True)
    assert words.conditions(drawn).startswith("float pixels; worst of PGD, FGSM, Random noise (at 8/255); only images")


def test_square_attack_asks_queries():
    rows = [row(BN, 0, (4, 10)), row(BN, 8, (1, 10), attack="square", settings={"steps": 1234}), row(BN, 8, (2, 10))]
    for attack, conditions in (
        ("square", "1,234 queries, float pixels"),
        (WORST, "float pixels; worst of Square Attack (1,234 queries), PGD"),
    ):
        assert words.conditions(lines(*rows, variants=(BN,), attack=attack)) == conditions


def test_the_csv_holds_what_was_counted_and_how_to_do_it_again():
    drawn = lines(*pair((900, 200), (850, 250), 1000), fair=True)
    first, second, *_ = csv.DictReader(io.StringIO(as_csv(records(drawn)).decode()))
    assert (first["eps (k/255)"], first["correct"], first["n"]) == ("0", "850", "850")
    assert (second["eps (k/255)"], second["eps (paper)"], second["correct"]) == ("1", "0.0196", "200")
    assert (second["weights"], second["images"]) == (BN.weight_hash, "right when clean")
    assert (second["batch size"], second["seed"], second["date"]) == ("128", "0", "2026-01-01")
    (both,) = rows_commands([row for line in drawn for row in line.rows])  # which are right when clean, too
    assert second["command"] == both


def test_records_of_a_worst_case_name_its_attacks():
    rows = [row(BN, 0, (9, 10)), row(BN, 1, (4, 10)), row(BN, 1, (5, 10), attack="fgsm")]
    (_, worst) = records(lines(*rows, variants=(BN,), attack=WORST))
    assert "--attacks clean fgsm pgd --eps 1 --count 10" in worst["command"]
    assert (worst["attack"], worst["correct"]) == ("worst of PGD, FGSM", 4)


@pytest.mark.parametrize(("eps", "attack"), [(0, "clean"), (0.25, "pgd"), (8, "square")])
def test_the_command_asks_for_the_row(eps, attack):
    """What the sweep makes of it is this row's condition and no other."""
    from rnorm_core.evaluation.__main__ import arguments
    from rnorm_core.evaluation.measure.protocol import plan

    variant = Variant.of(zoo.names()[0], "tracked") if zoo.names() else pytest.skip("the trained models are not here")
    shown = row(variant, eps, (3, 1000), attack=attack, seed=4)
    (command,) = rows_commands([shown])
    options = arguments(command.removeprefix("python -m rnorm_core.evaluation ").split())
    *_, condition = plan(options.models, options.statistics, options.attacks, options.eps, options.queries)
    assert (condition.model, condition.statistics) == (variant.model, "tracked")
    assert (condition.attack, condition.eps_255) == (shown.attack, eps)
    assert (options.count, options.seed) == (1000, 4)
    if attack == "square":
        assert condition.queries == shown.settings["steps"]


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ((0.2, 0.22, 0.21), (0.3, 0.31, 0.32), "RobustNorm is ahead of BatchNorm by 10.0 points (95 %: "),
        ((0.3, 0.31, 0.32), (0.2, 0.22, 0.21), "BatchNorm is ahead of RobustNorm by 10.0 points (95 %: "),
        ((0.2, 0.22, 0.21), (0.2, 0.22, 0.6), "A difference of 13.0 points (95 %: \N{MINUS SIGN}"),
    ],
)
def test_a_difference_over_trainings(left, right, said):
    over = over_seeds(left, right)
    assert over is not None
    text = words.over_seeds(over, "BatchNorm", "RobustNorm")
    assert text.startswith("**Over 3 trainings of each.** BatchNorm keeps ")
    assert said in text
    assert ("may be chance" in text) is (over.low <= 0 <= over.high)
