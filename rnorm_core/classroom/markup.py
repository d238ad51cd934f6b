"""The Markdown of lessons as HTML for paper: paragraphs, lists, bold, italic, code. Everything else stays text."""

import re
from html import escape

from rnorm_core.classroom.lessons.texts import unmarked

_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")
_ITEM = re.compile(r"[-*] +")


def html(markdown: str) -> str:
    """Escaped first, so that no text of a file becomes a tag."""
    blocks = [block for block in re.split(r"\n\s*\n", unmarked(markdown).strip()) if block.strip()]
    return "\n".join(map(_block, blocks))


def inline(markdown: str) -> str:
    """One line, without a paragraph around it."""
    parts = _CODE.split(_LINK.sub(r"\1 (\2)", unmarked(markdown)))
    return "".join(f"<code>{escape(part)}</code>" if i % 2 else _emphasis(part) for i, part in enumerate(parts))


def _block(block: str) -> str:
    lines = block.strip().split("\n")
    if all(_ITEM.match(line) for line in lines):
        items = (f"<li>{inline(_ITEM.sub('', line, count=1))}</li>" for line in lines)
        return f"<ul>{''.join(items)}</ul>"
    return f"<p>{inline(' '.join(line.strip() for line in lines))}</p>"


def _emphasis(text: str) -> str:
    bold = re.sub(r"\*\*([^*\n]+)\*\*", r"<b>\1</b>", escape(text))
    return re.sub(r"\*([^*\n]+)\*", r"<i>\1</i>", bold)
