"""Text that is not ours, safe in Streamlit's Markdown: it is shown as it is, and makes no link, picture or heading."""

import re

MOST = 80  # letters of a foreign text on a page
# What begins code, emphasis, a link, a tag, a formula, a directive (":red[", ":material/") or the address of a page.
_SPECIAL = re.compile(r"[\\`*_\[\]<>~$@]|:(?=\S)|(?<=www)\.", re.IGNORECASE)
_SPACE = re.compile(r"\s+")  # a new line could begin a heading or a list


def escaped(text: object) -> str:
    """A foreign text as Markdown, on one line and cut to `MOST` letters. It must not stand at the start of a line."""
    return _plain(_cut(text))


def as_code(text: object) -> str:
    """A foreign text as code, on one line and cut to `MOST` letters."""
    line = _cut(text)
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence, space = "`" * (longest + 1), " " * (longest > 0)
    return f"{fence}{space}{line}{space}{fence}"


def sentence(text: str) -> str:
    """A sentence of ours that names foreign things. Between two backticks it is code; all else is plain text."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without a partner cannot be ours
        return _plain(text)
    return "".join(f"`{_SPACE.sub(' ', part)}`" if i % 2 else _plain(part) for i, part in enumerate(parts) if part)


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", _SPACE.sub(" ", text))


def _cut(text: object) -> str:
    line = _SPACE.sub(" ", str(text)).strip()
    return line if len(line) <= MOST else line[: MOST - 1] + "…"
