"""A question with choices: what a lesson asks, and what a class votes on."""

from dataclasses import dataclass


def letter(choice: int) -> str:
    """The name of a choice: on screen, on phones and on paper."""
    return "ABCDEF"[choice]


@dataclass(frozen=True)
class Choice:
    """One answer to choose. `feedback`: why it is right, or why it is tempting though it is wrong."""

    text: str
    feedback: str = ""


@dataclass(frozen=True)
class Question:
    """A question with two to six choices, in the order in which they are shown.

    right: the index of the right choice; None where nobody has said it (a teacher's own question may have none).
    """

    text: str
    choices: tuple[Choice, ...]
    right: int | None = None
