"""The pages of phones, as HTML of a few kB. They work without JavaScript, by the form around the choices."""

import hashlib
from html import escape
from pathlib import Path

from rnorm_core.classroom.question import letter
from rnorm_core.classroom.vote import codes
from rnorm_core.classroom.vote.state import Now

_HERE = Path(__file__).parent
# The name of a file has a hash of its text, so a browser may keep it for good.
FILES = {
    f"phone-{hashlib.sha256((_HERE / f'phone.{kind}').read_bytes()).hexdigest()[:12]}.{kind}": kind
    for kind in ("css", "js")
}
_NAME = {kind: name for name, kind in FILES.items()}
_LOOK = '<noscript><button name="look" value="1">See what is open now</button></noscript>'


def text_of(file: str) -> str:
    """The text of one of `FILES`."""
    return (_HERE / f"phone.{FILES[file]}").read_text("utf-8")


def vote(code: str, token: str, now: Now, problem: str = "", base: str = "") -> str:
    """base: the way from the page's address to the folder of all pages."""
    return _page(
        f"Vote in {codes.shown(code)}",
        f'<form method="post" data-code="{escape(code)}"><input type="hidden" name="token" value="{escape(token)}">'
        f'<main aria-live="polite">{body(now)}</main><p role="status">{escape(problem)}</p>{_LOOK}</form>'
        f"<footer>Room {escape(codes.shown(code))}. The server stores your answers, without name or address.</footer>",
        base,
    )


def enter(base: str, unknown: str = "") -> str:
    """Asks for the code of a room. unknown: a code that no room has."""
    if unknown:
        begin = (
            f"<h1>No room has the code {escape(unknown)}</h1>"
            "<p>Check the code on the screen in front. A room ends after a day.</p>"
        )
    else:
        begin = "<h1>Join the class vote</h1><p>The code is on the screen in front.</p>"
    return _page(
        "Class vote",
        f'<main>{begin}<form class="enter" action="{base or "."}"><label for="code">Code</label>'
        '<input id="code" name="code" required maxlength="20" autocomplete="off" autocapitalize="characters" '
        'spellcheck="false"><button>Join</button></form></main>',
        base,
    )


def body(now: Now) -> str:
    """What changes on a phone while the class votes."""
    if now.question is None:
        return "<h1>You are in</h1><p>Wait for the first question.</p>"
    mine = now.answers[-1]
    lines = [f"<h1>{escape(now.question.text)}</h1>"]
    if len(now.answers) > 1:
        lines.insert(0, '<p class="round">Second vote</p>')
    if now.state == "open":
        lines += [f'<input type="hidden" name="round" value="{now.round}">', _buttons(now)]
        lines.append(
            "<p>Choose your answer.</p>"
            if mine is None
            else f"<p><b>{letter(mine)} is counted.</b> You may change it until the vote is closed.</p>"
        )
        return "".join(lines)
    lines.append(_choices(now))
    if now.state == "closed":
        lines.append(f"<p><b>The vote is closed.</b> {_answered(now)}</p>")
    else:
        lines.append(f"<p>{_answered(now)}</p>")
        latest = next((choice for choice in reversed(now.answers) if choice is not None), None)
        if latest is not None and (feedback := now.question.choices[latest].feedback):
            lines.append(f"<p>{escape(feedback)}</p>")
    return "".join(lines)


def _buttons(now: Now) -> str:
    assert now.question is not None
    buttons = (
        f'<button name="choice" value="{i}" aria-pressed="{"true" if i == now.answers[-1] else "false"}">'
        f"<b>{letter(i)}</b><span>{escape(choice.text)}</span></button>"
        for i, choice in enumerate(now.question.choices)
    )
    return f'<div class="choices">{"".join(buttons)}</div>'


def _choices(now: Now) -> str:
    """The choices of a closed question: the phone's own, and the right one if it is known."""
    assert now.question is not None
    lines = []
    for i, choice in enumerate(now.question.choices):
        right, mine = i == now.question.right, i == now.answers[-1]
        marks = [text for text, there in (("your answer", mine), ("✓ right", right)) if there]
        kind = " ".join(name for name, there in (("mine", mine), ("right", right)) if there)
        mark = f"<em>{', '.join(marks)}</em>" if marks else ""
        lines.append(f'<li class="{kind}"><b>{letter(i)}</b><span>{escape(choice.text)} {mark}</span></li>')
    return f'<ul class="choices">{"".join(lines)}</ul>'


def _answered(now: Now) -> str:
    given = [None if choice is None else letter(choice) for choice in now.answers]
    if len(given) == 1:
        return f"You answered {given[0]}." if given[0] else "You did not answer."
    first, second = (one or "no answer" for one in given)
    return f"Your first vote: {first}. Your second: {second}."


def _page(title: str, content: str, base: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="{base}{_NAME["css"]}"><script src="{base}{_NAME["js"]}" defer></script>'
        f"</head><body>{content}</body></html>"
    )
