"""Findings of the sanity checks -> sentences. Pure functions."""

from collections import Counter
from collections.abc import Sequence

from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.tables.headline import headline
from rnorm_core.rounding import percent
from rnorm_core.sanity import CHECKS, FAIL, NOT_MEASURED, PASS, PLANTED, WARN, Finding, Number, overall
from rnorm_core.sanity.rules import FLOOR
from rnorm_core.zoo import Variant

LARGE, SMALL = 8, 1  # attack sizes of the answer, k of k/255
# A check judges a measurement, not a network: "pass" beside 0 % would read as "robust".
SAYS = {PASS: "believable", WARN: "doubtful", FAIL: "not believable", NOT_MEASURED: "not measured"}
BELIEF = {
    PASS: "The measurement can be believed",
    WARN: "The measurement is doubtful",
    FAIL: "The measurement cannot be believed",
    NOT_MEASURED: "No check of it was measured",
}
NEIGHBOURS = (
    f"In a batch-dependent mode an answer depends on the other images, so that “{CHECKS['neighbours'].title}” cannot "
    "hold. This describes the mode and is no fraud: the accuracies hold for one partition into batches, in which "
    "attack and score are measured here."
)
MEDIANS = (
    "With medians an attack climbs the mean's gradient in place of the median's own, which is 0 almost everywhere: "
    f"“{CHECKS['gradients'].title}” judges this stand-in."
)
# Title of a difference of two accuracies -> the attack that leaves the second accuracy, and that of the first.
_DIFFERENCES = {
    "one step minus many": ("Many steps leave", "one"),
    "the whole fall": ("The largest attack leaves", "none"),
    "noise minus attack": ("The attack leaves", "noise"),
    "what more effort takes away": ("More effort leaves", "the usual"),
    "what the other attacks take away": ("All attacks together leave", "the usual one"),
}
_AGAINST = "with the gradient minus "


def answer(table: Table, findings: dict[Variant, Sequence[Finding]]) -> str:
    """Whether the networks are robust at a large attack, how much is left, and whether that can be believed."""
    rows = {variant: (headline(table, variant, LARGE), headline(table, variant, SMALL)) for variant in findings}
    measured = [variant for variant in rows if rows[variant][0]]
    if not measured:
        return "Nobody knows yet: neither network was measured under attack. Run the checks below."
    weak = [variant for variant in measured if (row := rows[variant][0]) and row.value <= FLOOR]
    names = [variant.label for variant in weak]
    verdict = ""
    if weak:
        are, how = "are" if len(weak) > 1 else "is", f"moves each colour by up to {LARGE} of 255 grey levels"
        verdict = f"**No: {' and '.join(names)} {are} not robust at {LARGE}/255**, where an attack {how}. "
    numbers = "; ".join(f"{variant.label} {_numbers(*rows[variant])}" for variant in measured)
    beliefs = {overall(findings[variant]) for variant in measured}
    if len(beliefs) == 1:
        (belief,) = beliefs
        end = BELIEF[belief] if len(measured) == 1 else _plural(BELIEF[belief])
    else:
        end = "; ".join(f"{variant.label}: {_lower(BELIEF[overall(findings[variant])])}" for variant in measured)
    left = {sum(finding.verdict == NOT_MEASURED for finding in findings[variant]) for variant in measured}
    of = f", as far as {len(CHECKS) - max(left)} of {len(CHECKS)} checks tell" if max(left) else ""
    rest = "".join(f" {variant.label} was not measured before." for variant in rows if variant not in measured)
    return f"{verdict}Right under attack: {numbers}. {end}{of}.{rest}"


def _numbers(large: Row | None, small: Row | None) -> str:
    shares = [(row, eps) for row, eps in ((small, SMALL), (large, LARGE)) if row]
    return ", ".join(f"{percent(row.value)} at {eps}/255" for row, eps in shares)


def _plural(belief: str) -> str:
    return belief.replace("The measurement is", "Both measurements are").replace("The measurement", "Both measurements")


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """In the order of `CHECKS`."""
    return sorted(findings, key=lambda finding: list(CHECKS).index(finding.check))


def summary(findings: Sequence[Finding]) -> str:
    """ "The measurement can be believed: 6 of 9 checks say believable, 3 not measured"."""
    counts = Counter(finding.verdict for finding in findings)
    listed = ", ".join(f"{counts[verdict]} {says}" for verdict, says in SAYS.items() if counts[verdict])
    return f"**{BELIEF[overall(findings)]}**: of {len(findings)} checks {listed}"


def robust_accuracy(findings: Sequence[Finding]) -> str:
    """The accuracy under the largest attack of an examination: a network may pass all checks and not be robust."""
    by_check = {finding.check: finding.numbers for finding in findings}
    # The check "zero" needs a very large attack. Without one, the check "eps" has the largest attack before its last
    # number, the difference of clean and attacked accuracy.
    if largest := [*by_check.get("zero", ())[:1], *by_check.get("eps", ())[-2:-1]]:
        return f"robust accuracy {largest[0]}."
    return "no attack on it was measured."


def headline_of(finding: Finding) -> str:
    """ "believable · Many steps beat one step · Many steps leave 7.1 points fewer than one (n = ...)"."""
    number = main_number(finding)
    return " · ".join(filter(None, [f"**{SAYS[finding.verdict]}**", finding.title, number and text(number)]))


def text(number: Number) -> str:
    """A difference as a sentence about the attack that leaves fewer images right; other numbers with their title."""
    ends = [end or 0.0 for end in (number.value, number.low, number.high)]
    if number.title.startswith(_AGAINST):
        who, whom = "The attack with the gradient leaves", number.title.removeprefix(_AGAINST)
        value, high, low = (-end for end in ends)
    elif number.title in _DIFFERENCES:
        who, whom = _DIFFERENCES[number.title]
        value, low, high = ends
    else:
        return str(number)
    interval = f"{_size(low)} to {_fewer(high)}" if low >= 0 or high < 0 else f"{_fewer(low)} to {_fewer(high)}"
    return f"{who} {_fewer(value, ' points')} than {whom} (n = {number.n:,}; 95 %: {interval})"


def _fewer(difference: float, unit: str = "") -> str:
    return f"{_size(difference)}{unit} {'fewer' if difference >= 0 else 'more'}"


def _size(difference: float) -> str:
    return percent(abs(difference)).removesuffix(" %")


def main_number(finding: Finding) -> Number | None:
    """The number to show first; None if nothing was measured."""
    numbers = finding.numbers
    if not numbers:
        return None
    if finding.check in ("gradients", "zero"):
        return numbers[0]
    if finding.check == "steps" and finding.verdict == PASS and numbers[-1].value <= 0:
        return numbers[1]  # it passed because many steps leave almost no accuracy
    if finding.check == "neighbours":
        return max(numbers[:2], key=lambda number: number.value)
    if finding.check == "worst-case":
        return numbers[-2]
    if finding.check == "black-box":  # after the gradient attack: each other attack, and the difference to it
        return max(numbers[2::2], key=lambda number: number.value)
    return numbers[-1]


def about_fake(key: str) -> str:
    """A planted defence, and the checks that are meant to find it."""
    fake = PLANTED[key]
    checks = ", ".join(f"“{CHECKS[check].title}”" for check in fake.caught_by)
    return f"**FAKE: {fake.title}.** {fake.about} There to catch it: {checks}."
