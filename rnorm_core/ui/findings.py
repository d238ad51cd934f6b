"""Findings on a page: a verdict by word and icon, the number that decided, and the rest behind it."""

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from rnorm_core.honesty import CHECKS, FAIL, NOT_MEASURED, PASS, VERDICTS, WARN, Finding, Number

ICONS = {
    PASS: ":material/check_circle:", WARN: ":material/warning:", FAIL: ":material/cancel:",
    NOT_MEASURED: ":material/radio_button_unchecked:",
}  # fmt: skip
NEIGHBOURS = (
    "In a batch-dependent mode an answer depends on the other images, so that “{check}” cannot pass. This describes "
    "the mode and is no fraud: the accuracies hold for one partition into batches, in which attack and score are "
    "measured here."
)


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """As the checks are listed."""
    return sorted(findings, key=lambda finding: list(CHECKS).index(finding.check))


def summary(findings: Sequence[Finding]) -> str:
    """ "5 pass, 1 warn, 3 not measured"."""
    found = Counter(finding.verdict for finding in findings)
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in VERDICTS if found[verdict])


def left(findings: Sequence[Finding]) -> str:
    """What the largest attack leaves right, whatever the checks say of it: honest is not robust."""
    by_check = {finding.check: finding.numbers for finding in findings}
    # Where a larger attack would have to tell whether accuracy reaches zero, that by size ends with the largest.
    if largest := [*by_check["zero"][:1], *by_check["eps"][-2:-1]]:
        return f"robust accuracy {largest[0]}."
    return "no attack on it was measured."


def deciding(finding: Finding) -> Number | None:
    """The one number to show first; None where nothing was measured."""
    numbers = finding.numbers
    if not numbers:
        return None
    if finding.check in ("gradients", "zero"):
        return numbers[0]
    if finding.check == "steps" and finding.verdict == PASS and numbers[-1].value <= 0:
        return numbers[1]  # it passed because many steps leave about nothing
    if finding.check == "neighbours":
        return max(numbers[:2], key=lambda number: number.value)
    if finding.check == "worst-case":
        return numbers[-2]
    if finding.check == "black-box":  # after the gradient attack: each other attack, and the difference to it
        return max(numbers[2::2], key=lambda number: number.value)
    return numbers[-1]


def show(findings: Sequence[Finding]) -> None:
    """One line for each, which opens."""
    for finding in in_order(findings):
        number = deciding(finding)
        head = f"**{finding.verdict}** · {finding.title}" + (f" · {number}" if number else "")
        with st.expander(head, icon=ICONS[finding.verdict]):
            st.markdown(finding.said)
            if finding.numbers:
                st.markdown("\n".join(f"- {one}" for one in finding.numbers))
            st.markdown(f"**The rule.** {finding.rule.rule}\n\n**The reason.** {finding.rule.why} ({finding.source})")
