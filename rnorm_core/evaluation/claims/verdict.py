"""The state of a claim at each size, and one sentence about the sizes at which it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

HOLDS, FAILS, OPEN, OPPOSITE = "holds", "does not hold", "open", "the opposite holds"
# On its own images every training agrees, but trainings differ so much that another one may do otherwise.
ONLY = "per image, not over trainings"
PER_IMAGE, OPPOSITE_PER_IMAGE = f"{HOLDS} {ONLY}", f"{OPPOSITE} {ONLY}"


@dataclass(frozen=True)
class Finding:
    """The state of a claim at one size.

    size:  of the attack in grey levels (1 is 1/255), or of a batch; None if the claim has no size.
    state: one of the six above.
    text:  the numbers behind the state, with their n.
    """

    size: float | None
    state: str
    text: str


@dataclass(frozen=True)
class Axis:
    """The form of sizes in texts: the unit after the number, the word before it."""

    unit: str = "/255"
    word: str = "at"

    def __call__(self, *sizes: float) -> str:
        """ "0.5, 1 and 2/255"."""
        return listed([f"{size:g}" for size in sizes]) + self.unit


EPS = Axis()
IMAGES = Axis(" images", "with")
# The states at the sizes at which a claim does not simply hold, as a verdict names them.
_OTHERWISE = {
    PER_IMAGE: f"{ONLY},", FAILS: "does not", OPEN: OPEN, OPPOSITE: OPPOSITE,
    OPPOSITE_PER_IMAGE: f"{OPPOSITE_PER_IMAGE},",
}  # fmt: skip


def reach(findings: Sequence[Finding], axis: Axis = EPS) -> str:
    """The sizes at which the claim holds, in words: "holds up to 1/255; does not at 2 and 4/255".

    findings: in ascending order of size; or a single finding without a size.
    """
    if not findings:
        return "not measured"
    sizes = [finding.size for finding in findings if finding.size is not None]
    if not sizes:
        return findings[0].state
    states = [finding.state for finding in findings]
    held = [i for i, state in enumerate(states) if state == HOLDS]
    first, last, end = (held or [0])[0], (held or [0])[-1], len(sizes) - 1
    whole = held == list(range(first, last + 1))
    everywhere = f"at every size measured, {axis(sizes[0])} to {axis(sizes[-1])}" if end else f"at {axis(sizes[0])}"
    if set(states) == {FAILS} and end:
        return f"holds at no size measured, {axis(sizes[0])} to {axis(sizes[-1])}"
    if len(set(states)) == 1:
        return f"{states[0]} {everywhere}"
    if not held:
        over = "over trainings " * (PER_IMAGE in states)
        span = f"holds {over}at no size measured, {axis(sizes[0])} to {axis(sizes[-1])}"
    elif whole and first == 0:
        span = f"holds up to {axis(sizes[last])}"
    elif whole and last == end:
        span = f"holds from {axis(sizes[first])} on"
    elif first == last:
        span = f"holds {axis.word} {axis(sizes[first])} alone"
    else:  # the sizes themselves: another reading may have been measured at a size between them
        span = f"holds {axis.word} {axis(*(sizes[i] for i in held))}"
    return span + "".join(
        f"; {text} {axis.word} {axis(*there)}"
        for state, text in _OTHERWISE.items()
        if (there := [size for size, known in zip(sizes, states, strict=True) if known == state])
    )


def listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
