"""Which rows of the table make a curve and a comparison, from rows written by hand."""

import itertools

import pytest

from rnorm_core import evaluation
from rnorm_core.evaluation import Table
from rnorm_core.evaluation.tables import alike, curves, headline
from rnorm_core.evaluation.tables.accuracies import shipped
from rnorm_core.evaluation.tables.curves import WORST, Line
from rnorm_core.zoo import Variant
from tests.rows import row

BN, RN = (Variant(f"cifar10-resnet20-{norm}", "tracked", norm[0] * 64, norm) for norm in ("bn", "rn"))


@pytest.fixture
def table() -> Table:
    """BatchNorm falls faster at 1/255; at 8/255 both have nothing left. 50 images are right under RobustNorm alone."""
    right = {BN: (900, 200, 0), RN: (850, 250, 5)}
    return Table(
        tuple(row(of, eps, (k, 1000)) for of, some in right.items() for eps, k in zip((0, 1, 8), some, strict=True))
    )


def lines(rows, variants=(BN, RN), attack="pgd", fair=False, pixels="float") -> list[Line]:
    return curves.lines(rows if isinstance(rows, Table) else Table(tuple(rows)), variants, attack, pixels, fair=fair)


def counts(line: Line) -> dict[float, tuple[int, int]]:
    """eps -> (correct, n)."""
    return {one.eps_255: line.counts(one) for one in line.rows}


def compare(rows, eps_255, attack="pgd"):
    return alike.compare(Table(tuple(rows)), (BN, RN), attack, eps_255, "float")


def those(*right: int, n: int = 10) -> list[bool]:
    return [i in right for i in range(n)]


def test_lines_are_the_rows(table):
    bn, rn = lines(table)
    assert counts(bn) == {0: (900, 1000), 1: (200, 1000), 8: (0, 1000)}
    assert (bn.rows, rn.variant, rn.among) == (table.rows[:3], RN, None)


def test_fair_lines_count_images_that_all_get_right_when_clean(table):
    bn, rn = lines(table, fair=True)
    assert counts(bn) == {0: (850, 850), 1: (200, 850), 8: (0, 850)}
    assert counts(rn) == {0: (850, 850), 1: (250, 850), 8: (5, 850)}


def test_fair_lines_take_images_that_all_were_measured_on(table):
    begun = [row(BN, 0, (9000, 10_000), images="2"), row(BN, 1, (1, 10_000), images="2")]
    more = Table((*table.rows, *begun))
    assert counts(*lines(more, (BN,), fair=True))[1] == (200, 900), "more sizes count first"
    more = Table((*table.rows, *begun, row(BN, 8, (0, 10_000), images="2")))
    assert counts(*lines(more, (BN,), fair=True))[1] == (1, 9000)
    assert counts(lines(more, fair=True)[0])[1] == (200, 850)


def test_a_pair_is_compared_on_images_that_both_were_measured_on(table):
    """One network on all images, the other on some of them: where both have both, more images count, size by size."""
    some = list(table.rows)
    all_bn = [row(BN, eps, (k, 10_000), images="2") for eps, k in ((0, 9000), (1, 3000), (8, 7))]
    all_rn = [row(RN, eps, (k, 10_000), images="2") for eps, k in ((0, 9000), (1, 2000))]

    def n(rows, eps):
        comparison = compare(rows, eps)
        return comparison and (comparison.everything.n, comparison.fair and comparison.fair.n)

    assert n(some + all_bn, 1) == (1000, 850)
    assert n(some + all_bn + all_rn, 1) == (10_000, 9000)
    assert n(some + all_bn + all_rn, 8) == (1000, 850), "at this size RobustNorm was measured on some images alone"
    assert n(all_bn + all_rn, 8) is None
    assert n(some + all_bn + all_rn[1:], 1) == (1000, 850), "without its clean row a set cannot be compared"

    def sizes(rows, fair):
        return [[n for _, n in counts(line).values()] for line in lines(rows, fair=fair)]

    everything = some + all_bn + all_rn
    assert sizes(everything, fair=True) == [[850] * 3, [850] * 3], "RobustNorm at 8/255 is not lost"
    whole = [*everything, row(RN, 8, (3, 10_000), images="2")]
    assert sizes(whole, fair=True) == [[9000] * 3, [9000] * 3]
    assert sizes(everything, fair=False) == [[10_000] * 3, [1000] * 3], "a line stays on the images of most sizes"


def test_a_comparison_pairs_image_by_image(table):
    comparison = compare(table.rows, 1)
    assert (comparison.left, comparison.right, comparison.condition) == (BN, RN, "PGD (L-inf) at 1/255")
    p, fair = comparison.everything, comparison.fair
    assert (p.both, p.left_only, p.right_only, p.neither) == (200, 0, 50, 750)
    assert (fair.n, fair.right_only, fair.difference) == (850, 50, -50 / 850)
    turned = alike.compare(table, (RN, BN), "pgd", 1, "float")
    assert turned is not None
    assert (turned.everything.left_only, turned.everything.difference) == (50, 0.05)
    assert compare(table.rows, 2) is None


def test_left_and_right_are_compared_under_losses_that_both_met():
    def ways(of, *losses):
        return [row(of, 1, (k, 1000), attack="apgd", settings={"loss": loss}) for loss, k in losses]

    rows = [
        row(BN, 0, (900, 1000)),
        *ways(BN, ("ce", 300), ("dlr", 100)),
        row(RN, 0, (850, 1000)),
        *ways(RN, ("ce", 200)),
    ]
    found = compare(rows, 1, "apgd")
    assert (found.everything.left, found.everything.right) == (0.3, 0.2)
    assert found.condition == "APGD (ce) at 1/255"
    behind = alike.rows_of(Table(tuple(rows)), found, "float")
    assert [(one.model, one.kind) for one in behind] == [(of.model, k) for of in (BN, RN) for k in ("clean", "apgd-ce")]
    found = compare([*rows, *ways(RN, ("dlr", 250))], 1, "apgd")
    assert (found.everything.left, found.condition) == (0.1, "APGD (worst of 2 losses) at 1/255")


def test_a_comparison_under_several_losses_is_of_their_worst_case():
    def ways(variant, ce, dlr):
        return [
            row(variant, 8, mask, attack="apgd", settings={"loss": loss}) for loss, mask in (("ce", ce), ("dlr", dlr))
        ]

    late = [k >= 200 for k in range(1000)]
    rows = [row(BN, 0, (900, 1000)), *ways(BN, (300, 1000), late)]
    rows += [row(RN, 0, (850, 1000)), *ways(RN, (50, 1000), (60, 1000))]
    comparison = compare(rows, 8, "apgd")
    assert (comparison.everything.left_only, comparison.everything.right_only) == (100, 50)


def test_what_was_not_measured_is_no_line(table):
    assert lines(table, attack="fgsm") == []
    assert lines(table, pixels="8-bit", fair=True) == []
    assert lines([], (BN,), fair=True) == []
    apart = [row(BN, 0, (3, 9)), row(BN, 1, (2, 9)), row(RN, 0, (3, 9), images="2"), row(RN, 1, (2, 9), images="2")]
    assert lines(apart, fair=True) == []
    assert len(lines(apart)) == 2
    assert compare(apart, 1) is None


def test_a_line_is_on_the_images_of_most_sizes(table):
    """More images at one size do not take it away from the others; more attacks do."""
    more = [row(BN, 0, (9100, 10_000), images="2"), row(BN, 1, (1900, 10_000), images="2")]
    (line,) = lines((*table.rows, *more), (BN,))
    assert counts(line) == {0: (900, 1000), 1: (200, 1000), 8: (0, 1000)}
    many = [row(BN, 1, (k, 500), attack=attack, images="3") for attack, k in (("pgd", 90), ("fgsm", 99))]
    (line,) = lines((*table.rows, row(BN, 0, (450, 500), images="3"), *many), (BN,), WORST)
    assert counts(line) == {0: (900, 1000), 1: (90, 500)}, "a size with more attacks alone"
    (line,) = lines((*table.rows, *more, row(BN, 8, (0, 10_000), images="2")), (BN,))
    assert counts(line) == {0: (9100, 10_000), 1: (1900, 10_000), 8: (0, 10_000)}


# --- the worst case over attacks


def test_the_worst_case_is_what_no_attack_takes():
    rows = [row(BN, 0, those(0, 1, 2, 3, 4, 5)), row(BN, 1, those(0, 1, 2, 3)), row(BN, 8, those(0, 1))]
    more = [*rows, row(BN, 1, those(2, 3, 4, 5), attack="fgsm")]
    assert curves.has_worst(Table(tuple(more)))
    assert not curves.has_worst(Table(tuple(rows)))
    (line,) = lines(more, (BN,), WORST)
    # at 8/255 there is one attack only, which is no worst case
    assert counts(line) == {0: (6, 10), 1: (2, 10)}
    assert (line.rows[1].low, line.rows[1].high) == evaluation.wilson(2, 10)
    assert line.rows[1].settings["worst of"] == ["PGD", "FGSM"]


def test_a_worst_case_is_of_the_images_that_most_attacks_saw():
    weak = [row(BN, 0, (9000, 10_000), images="2"), row(BN, 8, (5000, 10_000), images="2"),
            row(BN, 8, (6000, 10_000), attack="fgsm", images="2")]  # fmt: skip
    strong = [row(BN, 0, (900, 1000))]
    strong += [row(BN, 8, (k, 1000), attack=attack) for attack, k in (("pgd", 500), ("fgsm", 600), ("square", 550))]
    strong += [row(BN, 8, (k, 1000), attack="apgd", settings={"loss": loss}) for loss, k in (("ce", 450), ("dlr", 430))]
    for fair in (False, True):
        for attack, last in ((WORST, (430, 1000)), ("pgd", (5000, 10_000))):
            (line,) = lines(weak + strong, (BN,), attack, fair)
            assert (line.rows[-1].correct, line.rows[-1].n) == last


def test_attacks_of_one_step_alone_are_no_worst_case():
    clean, *attacked = (row(BN, eps, (9 - k, 10)) for k, eps in enumerate((0, 1, 2)))
    one_step = [row(BN, eps, (8, 10), attack=attack) for eps in (1, 1.5, 2) for attack in ("fgsm", "noise")]
    (line,) = lines([clean, *attacked, *one_step], (BN,), WORST)
    assert counts(line) == {0: (9, 10), 1: (8, 10), 2: (7, 10)}
    assert not curves.has_worst(Table((clean, *one_step)))
    assert lines([clean, *one_step], (BN,), WORST) == []


def test_an_attack_with_several_losses_counts_at_its_worst():
    ways = {"ce": those(0, 1, 2), "dlr": those(1, 2, 3)}
    rows = [row(BN, 8, hits, attack="apgd", settings={"loss": loss, "steps": 9}) for loss, hits in ways.items()]
    (line,) = lines([row(BN, 0, those(0, 1, 2, 3)), *rows], (BN,), "apgd")
    assert counts(line) == {0: (4, 10), 8: (2, 10)}
    assert line.rows[1].settings["worst of"] == ["APGD (ce)", "APGD (dlr)"]


def test_no_shipped_worst_case_rises_with_the_size():
    table = Table(evaluation.read(shipped("cifar10")))
    for name, statistics in sorted({(one.model, one.statistics) for one in table.rows}):
        for line in lines(table, (Variant(name, statistics),), WORST):
            left = [one.correct / one.n for one in line.rows]
            # statistics of the batch: PGD itself leaves a little more at a larger size now and then
            assert all(b <= a + 0.01 for a, b in itertools.pairwise(left)), (name, statistics, left)


def test_headline_rows_are_the_worst_case_where_it_was_measured():
    rows = [row(BN, 0, (9, 10)), *(row(BN, eps, (k, 10)) for eps, k in ((1, 6), (8, 2)))]
    table = Table((*rows, row(BN, 1, (5, 10), attack="fgsm"), row(RN, 0, (8, 10)), row(RN, 1, (3, 10))))
    worst = curves.lines(table, (BN, RN), WORST, "float", fair=False, rows=headline.rows)
    assert [(r.eps_255, "worst of" in r.settings) for r in worst[0].rows] == [(0, False), (1, True), (8, False)]
    assert [r.eps_255 for r in worst[1].rows] == [0, 1]  # no worst case at any size
    assert headline.headline(table, BN, 8) == worst[0].rows[2]
    assert headline.headline(table, RN, 8) is None
