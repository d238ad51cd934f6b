"""Findings of the sanity checks -> sentences. Pure functions."""

from collections import Counter
from collections.abc import Sequence

from rnorm_core.sanity import CHECKS, PASS, PLANTED, VERDICTS, Finding, Number

NEIGHBOURS = (
    f"In a batch-dependent mode an answer depends on the other images, so that “{CHECKS['neighbours'].title}” cannot "
    "pass. This describes the mode and is no fraud: the accuracies hold for one partition into batches, in which "
    "attack and score are measured here."
)


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """In the order of `CHECKS`."""
    return sorted(findings, key=lambda finding: list(CHECKS).index(finding.check))


def summary(findings: Sequence[Finding]) -> str:
    """ "5 pass, 1 warn, 3 not measured"."""
    counts = Counter(finding.verdict for finding in findings)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])


def robust_accuracy(findings: Sequence[Finding]) -> str:
    """The accuracy under the largest attack: a network may pass all checks and not be robust."""
    by_check = {finding.check: finding.numbers for finding in findings}
    # The check "zero" needs a very large attack. Without one, the check "eps" has the largest attack before its last
    # number, the difference of clean and attacked accuracy.
    if largest := [*by_check["zero"][:1], *by_check["eps"][-2:-1]]:
        return f"robust accuracy {largest[0]}."
    return "no attack on it was measured."


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
