"""What is said of a table: curves and comparisons, from rows written by hand."""

import csv
import io
import itertools

import pytest
import torch

from rnorm_core import evaluation, zoo
from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.row import pack
from rnorm_core.evaluation.table import shipped as shipped_table
from rnorm_core.ui import shipped
from rnorm_core.ui.crafting import Side

BN, RN = (Side(f"cifar10-resnet20-{norm}", "tracked", norm, norm[0] * 64) for norm in ("bn", "rn"))


def row(side: Side, eps: float, hits, attack="pgd", pixels="float", images="1", **changes) -> Row:
    mask = torch.as_tensor(hits).bool()
    n, correct = len(mask), int(mask.sum())
    low, high = evaluation.wilson(correct, n)
    fields = {
        "model": side.name, "weight_hash": side.weight_hash, "dataset": "cifar10", "norm": side.norm,
        "statistics": side.statistics, "attack": attack if eps else "clean", "settings": {"steps": 20} if eps else {},
        "eps_255": eps, "pixels": pixels if eps else "float", "n": n, "correct": correct, "low": low, "high": high,
        "batch_size": 128, "seed": 0, "images": images * 64, "hits": pack(mask), "code_version": "1",
        "made_with": {}, "date": "2026-01-01",
    }  # fmt: skip
    return Row(**(fields | changes))


def first(k: int, n: int = 1000) -> torch.Tensor:
    """The first k of n images are right."""
    return torch.arange(n) < k


@pytest.fixture
def table() -> Table:
    """BatchNorm falls faster at 1/255; at 8/255 both have nothing left. 50 images are right under RobustNorm alone."""
    return Table(
        (
            row(BN, 0, first(900)), row(BN, 1, first(200)), row(BN, 8, first(0)),
            row(RN, 0, first(850)), row(RN, 1, first(250)), row(RN, 8, first(5)),
        )
    )  # fmt: skip


def test_lines_are_the_rows(table):
    bn, rn = shipped.lines(table, (BN, RN), "pgd", "float", fair=False)
    assert (list(bn.curve.eps_255), list(bn.curve.correct), list(bn.curve.n)) == ([0, 1, 8], [900, 200, 0], [1000] * 3)
    assert (bn.curve.low[1], bn.curve.high[1]) == evaluation.wilson(200, 1000)
    assert rn.curve.label == "RobustNorm, tracked"
    assert bn.conditions == "20 steps, float pixels"


def test_fair_lines_begin_at_everything(table):
    bn, rn = shipped.lines(table, (BN, RN), "pgd", "float", fair=True)
    assert (list(bn.curve.correct), list(bn.curve.n)) == ([850, 200, 0], [850] * 3)
    assert list(rn.curve.correct) == [850, 250, 5]
    assert bn.conditions.endswith("only images that all of these get right when clean")


def test_fair_lines_take_images_that_all_were_measured_on(table):
    begun = [row(BN, 0, first(9000, 10_000), images="2"), row(BN, 1, first(1, 10_000), images="2")]
    more = Table((*table.rows, *begun))
    assert list(shipped.lines(more, (BN,), "pgd", "float", fair=True)[0].curve.n) == [900] * 3, "more sizes count first"
    more = Table((*table.rows, *begun, row(BN, 8, first(0, 10_000), images="2")))
    assert list(shipped.lines(more, (BN,), "pgd", "float", fair=True)[0].curve.n) == [9000] * 3
    bn, _ = shipped.lines(more, (BN, RN), "pgd", "float", fair=True)
    assert list(bn.curve.n) == [850] * 3


def test_a_pair_is_compared_on_images_that_both_were_measured_on(table):
    """One network on all images, the other on some of them: where both have both, more images count, size by size."""
    some = list(table.rows)
    all_bn = [row(BN, eps, first(k, 10_000), images="2") for eps, k in ((0, 9000), (1, 3000), (8, 7))]
    all_rn = [row(RN, eps, first(k, 10_000), images="2") for eps, k in ((0, 9000), (1, 2000))]

    def n(rows, eps):
        comparison = shipped.compare(Table(tuple(rows)), BN, RN, "pgd", eps, "float")
        return comparison and (comparison.everything.n, comparison.fair and comparison.fair.n)

    assert n(some + all_bn, 1) == (1000, 850)
    assert n(some + all_bn + all_rn, 1) == (10_000, 9000)
    assert n(some + all_bn + all_rn, 8) == (1000, 850), "at this size RobustNorm was measured on some images alone"
    assert n(all_bn + all_rn, 8) is None
    assert n(some + all_bn + all_rn[1:], 1) == (1000, 850), "without its clean row a set cannot be compared"
    bn, rn = shipped.lines(Table(tuple(some + all_bn + all_rn)), (BN, RN), "pgd", "float", fair=True)
    assert (list(bn.curve.n), list(rn.curve.n)) == ([850] * 3, [850] * 3), "RobustNorm at 8/255 is not lost"
    whole = [*some, *all_bn, *all_rn, row(RN, 8, first(3, 10_000), images="2")]
    bn, rn = shipped.lines(Table(tuple(whole)), (BN, RN), "pgd", "float", fair=True)
    assert (list(bn.curve.n), list(rn.curve.n)) == ([9000] * 3, [9000] * 3)
    bn, rn = shipped.lines(Table(tuple(some + all_bn + all_rn)), (BN, RN), "pgd", "float", fair=False)
    assert (list(bn.curve.n), list(rn.curve.n)) == ([10_000] * 3, [10_000, 10_000, 1000])


def test_a_worst_case_is_of_the_images_that_most_attacks_saw():
    weak = [row(BN, 0, first(9000, 10_000), images="2"), row(BN, 8, first(5000, 10_000), images="2"),
            row(BN, 8, first(6000, 10_000), attack="fgsm", images="2")]  # fmt: skip
    strong = [row(BN, 0, first(900)), *(row(BN, 8, first(k), attack=attack) for attack, k in
              (("pgd", 500), ("fgsm", 600), ("square", 550)))]  # fmt: skip
    strong += [row(BN, 8, first(k), attack="apgd", settings={"loss": loss}) for loss, k in (("ce", 450), ("dlr", 430))]
    for fair in (False, True):
        (line,) = shipped.lines(Table(tuple(weak + strong)), (BN,), shipped.WORST, "float", fair)
        assert (line.rows[-1].correct, line.rows[-1].n) == (430, 1000)
        (line,) = shipped.lines(Table(tuple(weak + strong)), (BN,), "pgd", "float", fair)
        assert (line.rows[-1].correct, line.rows[-1].n) == (5000, 10_000)


def test_a_comparison_under_several_losses_is_of_their_worst_case(table):
    def ways(side, ce, dlr):
        return [row(side, 8, mask, attack="apgd", settings={"loss": loss}) for loss, mask in (("ce", ce), ("dlr", dlr))]

    rows = [
        row(BN, 0, first(900)),
        *ways(BN, first(300), ~first(200)),
        row(RN, 0, first(850)),
        *ways(RN, first(50), first(60)),
    ]
    comparison = shipped.compare(Table(tuple(rows)), BN, RN, "apgd", 8, "float")
    assert comparison is not None
    assert (comparison.everything.left_only, comparison.everything.right_only) == (100, 50)


def test_what_was_not_measured_is_no_line(table):
    assert shipped.lines(table, (BN, RN), "fgsm", "float", fair=False) == []
    assert shipped.lines(table, (BN, RN), "pgd", "8-bit", fair=True) == []
    assert shipped.lines(Table(()), (BN,), "pgd", "float", fair=True) == []
    apart = Table((row(BN, 0, first(3)), row(BN, 1, first(2)), row(RN, 0, first(3), images="2"),
                   row(RN, 1, first(2), images="2")))  # fmt: skip
    assert shipped.lines(apart, (BN, RN), "pgd", "float", fair=True) == []
    assert len(shipped.lines(apart, (BN, RN), "pgd", "float", fair=False)) == 2
    assert shipped.compare(apart, BN, RN, "pgd", 1, "float") is None


def test_a_comparison_in_words(table):
    comparison = shipped.compare(table, BN, RN, "pgd", 1, "float")
    assert comparison is not None
    said = shipped.told(comparison)
    assert said[0].startswith("**PGD (L-inf) at 1/255, 1,000 images.** BatchNorm, tracked keeps 20.0 %, ")
    assert "RobustNorm, tracked is ahead of BatchNorm, tracked by 5.0 points" in said[0]
    assert "more than the choice of images explains (exact McNemar p < 0.001)" in said[0]
    assert said[1].startswith("**Only 850 images that both get right when clean.**")
    turned = shipped.compare(table, RN, BN, "pgd", 1, "float")
    assert turned is not None
    assert "RobustNorm, tracked is ahead of BatchNorm, tracked by 5.0 points" in shipped.told(turned)[0]
    assert shipped.compare(table, BN, RN, "pgd", 2, "float") is None


def test_a_difference_that_may_be_chance(table):
    close = Table((row(BN, 0, first(9, 10)), row(BN, 1, first(4, 10)), row(RN, 0, first(9, 10)),
                   row(RN, 1, first(5, 10))))  # fmt: skip
    comparison = shipped.compare(close, BN, RN, "pgd", 1, "float")
    assert comparison is not None
    assert "may well be chance (exact McNemar p = 1.000)" in shipped.told(comparison)[0]
    assert "\N{MINUS SIGN}" in shipped.told(comparison)[0]  # the interval reaches to the other side
    same = shipped.compare(close, BN, BN, "pgd", 1, "float")
    assert same is not None
    assert "are the same" in shipped.told(same)[0]


def test_the_csv_holds_what_was_counted_and_how_to_do_it_again(table):
    lines = shipped.lines(table, (BN, RN), "pgd", "float", fair=True)
    read = list(csv.DictReader(io.StringIO(shipped.as_csv(shipped.records(lines)).decode())))
    assert [(r["eps (k/255)"], r["correct"], r["n"]) for r in read[:3]] == [
        ("0", "850", "850"), ("1", "200", "850"), ("8", "0", "850"),
    ]  # fmt: skip
    assert read[1]["weights"] == BN.weight_hash
    assert read[1]["eps (paper)"] == "0.0196"
    assert read[1]["images"] == "right when clean"
    assert (read[1]["batch size"], read[1]["seed"], read[1]["date"]) == ("128", "0", "2026-01-01")


def those(*right: int, n: int = 10) -> list[bool]:
    return [i in right for i in range(n)]


def test_the_worst_case_is_what_no_attack_takes():
    table = Table(
        (
            row(BN, 0, those(0, 1, 2, 3, 4, 5)),
            row(BN, 1, those(0, 1, 2, 3)), row(BN, 1, those(2, 3, 4, 5), attack="fgsm"),
            row(BN, 8, those(0, 1)),
        )
    )  # fmt: skip
    assert shipped.has_worst(table)
    assert not shipped.has_worst(Table((table.rows[0], table.rows[1], table.rows[3])))
    (line,) = shipped.lines(table, (BN,), shipped.WORST, "float", fair=False)
    # at 8/255 there is one attack only, which is no worst case
    assert (list(line.curve.eps_255), list(line.curve.correct)) == ([0, 1], [6, 2])
    assert (line.curve.low[1], line.curve.high[1]) == evaluation.wilson(2, 10)
    assert line.conditions == "float pixels; worst of PGD, FGSM"
    listed = shipped.records([line])
    assert listed[1]["attack"] == "worst of PGD, FGSM"
    assert listed[1]["command"] == ""


def test_attacks_of_one_step_alone_are_no_worst_case():
    clean, *attacked = (row(BN, eps, those(*range(9 - k))) for k, eps in enumerate((0, 1, 2)))
    one_step = [row(BN, eps, those(*range(8)), attack=attack) for eps in (1, 1.5, 2) for attack in ("fgsm", "noise")]
    (line,) = shipped.lines(Table((clean, *attacked, *one_step)), (BN,), shipped.WORST, "float", fair=False)
    assert (list(line.curve.eps_255), list(line.curve.correct)) == ([0, 1, 2], [9, 8, 7])
    assert not shipped.has_worst(Table((clean, *one_step)))
    assert shipped.lines(Table((clean, *one_step)), (BN,), shipped.WORST, "float", fair=False) == []


def test_no_shipped_worst_case_rises_with_the_size():
    table = Table(evaluation.read(shipped_table("cifar10")))
    for name, statistics in sorted({(row.model, row.statistics) for row in table.rows}):
        side = Side(name, statistics, "bn", "")
        for line in shipped.lines(table, (side,), shipped.WORST, "float", fair=False):
            left = [row.correct / row.n for row in line.rows]
            # statistics of the batch: PGD itself leaves a little more at a larger size now and then
            assert all(b <= a + 0.01 for a, b in itertools.pairwise(left)), (name, statistics, left)


def test_the_worst_case_says_where_there_were_more_attacks():
    more = [row(BN, eps, those(0), attack=attack) for eps in (1, 8) for attack in ("pgd", "fgsm")]
    more += [row(BN, 8, those(1), attack="noise")]
    (line,) = shipped.lines(Table((row(BN, 0, those(0)), *more)), (BN,), shipped.WORST, "float", fair=True)
    assert line.conditions.startswith("float pixels; worst of PGD, FGSM, Random noise (at 8/255); only images")
    assert list(line.curve.correct) == [1, 1, 0]


def test_an_attack_with_several_losses_counts_at_its_worst():
    pytest.importorskip("rnorm_core.attacks.apgd")
    ways = {"ce": those(0, 1, 2), "dlr": those(1, 2, 3)}
    rows = [row(BN, 8, hits, attack="apgd", settings={"loss": loss, "steps": 9}) for loss, hits in ways.items()]
    (line,) = shipped.lines(Table((row(BN, 0, those(0, 1, 2, 3)), *rows)), (BN,), "apgd", "float", fair=False)
    assert list(line.curve.correct) == [4, 2]
    assert shipped.records([line])[1]["attack"] == "worst of APGD (ce), APGD (dlr)"


def test_what_differs_between_lines_is_said(table):
    lines = shipped.lines(table, (BN, RN), "pgd", "float", fair=False)
    assert shipped.conditions(lines) == "20 steps, float pixels"
    more = Table((*table.rows, row(RN, 4, first(9), settings={"steps": 50})))
    lines = shipped.lines(more, (BN, RN), "pgd", "float", fair=False)
    assert shipped.conditions(lines) == "20 steps, float pixels"  # told by the largest size
    more = Table((*table.rows, row(RN, 16, first(0), settings={"steps": 50})))
    lines = shipped.lines(more, (BN, RN), "pgd", "float", fair=False)
    assert shipped.conditions(lines) == "BatchNorm: 20 steps, float pixels; RobustNorm: 50 steps, float pixels"


def test_square_attack_asks_queries():
    rows = [row(BN, 8, those(0, 1), attack="square", settings={"steps": 1234}), row(BN, 8, those(1, 2))]
    table = Table((row(BN, 0, those(0, 1, 2, 3)), *rows))
    (line,) = shipped.lines(table, (BN,), "square", "float", fair=False)
    assert line.conditions == "1,234 queries, float pixels"
    (line,) = shipped.lines(table, (BN,), shipped.WORST, "float", fair=False)
    assert line.conditions == "float pixels; worst of Square Attack (1,234 queries), PGD"


@pytest.mark.parametrize(("eps", "attack"), [(0, "clean"), (0.25, "pgd"), (8, "square")])
def test_the_command_asks_for_the_row(eps, attack):
    """What the sweep makes of it is this row's condition and no other."""
    from rnorm_core.evaluation.__main__ import arguments
    from rnorm_core.evaluation.protocol import plan

    side = Side.of(zoo.names()[0], "tracked") if zoo.names() else pytest.skip("the trained models are not here")
    wanted = row(side, eps, first(3), attack=attack, seed=4)
    words = shipped.command(wanted).removeprefix("python -m rnorm_core.evaluation ").split()
    options = arguments(words)
    (condition,) = plan(options.models, options.statistics, options.attacks, options.eps, options.queries)
    assert (condition.model, condition.statistics) == (side.name, "tracked")
    assert (condition.attack, condition.eps_255) == (wanted.attack, eps)
    assert (options.count, options.seed) == (1000, 4)
    if attack == "square":
        assert condition.queries == wanted.settings["steps"]
