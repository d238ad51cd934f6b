"""Sentences of the presenter's page."""

from rnorm_core.classroom.question import Question, letter
from rnorm_core.classroom.vote.state import FEW, MANY, Advice, Asked, Result, Room

ABOUT = (
    "Open a room, and everybody in class joins with a phone: no account, no app, no name. You ask, they vote, talk to "
    "their neighbours and vote again; then you reveal the result."
)
PHONES = (
    "A phone has one vote in each round and may change it until you close. A second browser or a private window counts "
    "as another phone. A room and its votes are deleted after a day."
)
KEPT = "Votes are in the database that DATABASE_URL names."
IN_A_FILE = (
    "Votes are in a file on this server. Where the disk is not kept, as in a Space or a container without a volume, "
    "they are lost at a restart. To keep them, start the app with DATABASE_URL=postgresql://user:password@host/name."
)
LOST = "The room has ended: rooms are deleted after a day, or by their owner."
SEEN = (
    "If the class sees this screen, it also sees what you write. Write on your own phone, with your own link (under "
    "“Room”), or leave the right answer open."
)
OWN_LINK = (
    "**A second screen for you.** Your own link opens this room on your phone, where you read the advice and press the "
    "same buttons, unseen by the class. Copy it and send it to yourself alone: whoever has it runs the room."
)
ADVICE_SEEN = "If a projector mirrors this screen, the class sees the advice, too."
_FEW, _MANY = f"{100 * FEW:.0f}", f"{100 * MANY:.0f}"
_STEPS = {
    "explain": ("Explain first.", f"Fewer than {_FEW} % chose the right answer", "too few to convince the others"),
    "discuss": (
        "Let neighbours discuss, then vote again.",
        f"{_FEW} to {_MANY} % chose the right answer", "enough to convince the others",
    ),
    "go on": ("Reveal, and go on.", f"More than {_MANY} % chose the right answer", "the next question can come"),
}  # fmt: skip


def count(room: Room) -> str:
    """How many have joined, or answered the open vote; never what."""
    joined = f"{room.phones} phone{'' if room.phones == 1 else 's'} joined"
    asked = room.asked
    if asked is None or asked.revealed:
        return f"**{joined}**"
    return f"**{asked.last.answered} of {room.phones} answered**"


def stage(asked: Asked) -> str:
    vote = "First vote" if asked.last.number == 1 else "Second vote"
    return f"Question {asked.number} · {vote}{', closed' if asked.last.closed else ''}"


def advice(given: Advice | None, vote: int) -> str:
    """After the first or second vote, in Markdown."""
    if given is None:
        return "This question has no right answer, so the rule has no advice."
    if given.step is None:
        return "Nobody has answered."
    what, found, why = _STEPS[given.step]
    if vote > 1 and given.step != "go on":
        return f"**Reveal, and explain.** {found}."
    return f"**{what}** {found}: {why}."


def moves(question: Question, result: Result) -> list[str]:
    """Who changed between the votes: sentences in Markdown. Empty after one vote."""
    if len(result.counts) < 2:
        return []
    both, kept = sum(result.moves.values()), sum(n for (a, b), n in result.moves.items() if a == b)
    if not both:
        return ["No phone voted twice."]
    lines = [f"**{both}** {_phones(both)} voted twice; **{kept}** kept the answer."]
    changed = sorted(((n, a, b) for (a, b), n in result.moves.items() if a != b), key=lambda move: (-move[0], move[1:]))
    if changed:
        lines.append("Moved: " + ", ".join(f"{letter(a)} → {letter(b)} **{n}**" for n, a, b in changed) + ".")
    if question.right is not None:
        to = sum(n for n, a, b in changed if b == question.right)
        away = sum(n for n, a, b in changed if a == question.right)
        lines.append(f"To the right answer: **{to}**. Away from it: **{away}**.")
    return lines


def _phones(n: int) -> str:
    return "phone" if n == 1 else "phones"
