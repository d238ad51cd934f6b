"""What a class answered, as HTML: a bar for each choice and vote, readable from the last row."""

from collections.abc import Sequence
from html import escape

_KINDS = (("only",), ("first", "second"))  # names of the votes in the style sheet, by their number


def vote_bars(choices: Sequence[str], right: int | None, counts: Sequence[Sequence[int]]) -> str:
    """counts: for each vote, the phones that gave each answer. right: the index of the right choice, if it has one."""
    rows = []
    for i, choice in enumerate(choices):
        mark = " <em>✓ right</em>" if i == right else ""
        bars = "".join(
            _bar(kind, count[i], sum(count)) for kind, count in zip(_KINDS[len(counts) - 1], counts, strict=True)
        )
        kind = "right" if i == right else ""
        rows.append(f'<li class="{kind}"><p><b>{"ABCDEF"[i]}</b> {escape(choice)}{mark}</p>{bars}</li>')
    key = '<p class="key"><i class="first"></i> first vote <i class="second"></i> second vote</p>'
    return f'<div class="vote-bars">{key if len(counts) > 1 else ""}<ul>{"".join(rows)}</ul></div>'


def _bar(kind: str, count: int, total: int) -> str:
    share = round(100 * count / total) if total else 0
    spoken = "" if kind == "only" else f'<span class="unseen">{kind} vote: </span>'
    return (
        f'<div class="bar">{spoken}<span class="track"><i class="{kind}" style="width: {share}%"></i></span>'
        f"<span>{count} ({share} %)</span></div>"
    )
