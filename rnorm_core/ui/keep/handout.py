"""Figures as one page of HTML that needs neither the app nor a network."""

import base64
import json
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from torch import Tensor

from rnorm_core import citation, report
from rnorm_core.ui.keep.shown import Component, Part

_HERE = Path(__file__).parent
_PLOTLY = Path(str(distribution("plotly").locate_file("plotly/package_data/plotly.min.js")))
_EXPORT = "export default function"
_MOUNT = "window.mounts[{name}] = function"  # in place of the export: a page that is opened from disk loads no modules


def page(title: str, parts: Sequence[Part], settings: Mapping[str, Any], images: Mapping[str, Tensor]) -> str:
    """The figures under each other. Scripts stand in the page, plotly.js only if a figure needs it."""
    components = {part.component.name: part.component for part in parts if part.component}
    sections = "".join(_section(i, part) for i, part in enumerate(parts))
    styles = (_HERE / "handout.css").read_text("utf-8") + "".join(one.css for one in components.values())
    scripts = [f"<script>{_plotly()}</script>"] if "chart" in components else []
    scripts += ["<script>window.mounts = {};</script>", *map(_script, components.values())]
    mounts = "\n".join(_mount(i, part) for i, part in enumerate(parts) if part.component)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{styles}</style></head>
<body><main><h1>{escape(title)}</h1>
<p>{escape(_in_words(settings))}</p>
{sections}{_pictures(images)}
<details><summary>Cite</summary><pre>{escape(citation.paper())}

{escape(citation.software())}</pre></details></main>
{"".join(scripts)}
<script type="module">{mounts}</script>
</body></html>
"""


def _section(number: int, part: Part) -> str:
    heading = f"<h2>{escape(part.title)}</h2>" if part.title else ""
    place = f'<div id="figure{number}"></div>' if part.component else ""
    return f"<section>{heading}{part.html}{place}</section>\n"


def _script(component: Component) -> str:
    code = "\n".join(component.scripts).replace(_EXPORT, _MOUNT.format(name=json.dumps(component.name)))
    return f'<script type="module">{code}</script>'


def _mount(number: int, part: Part) -> str:
    assert part.component is not None
    if isinstance(part.data, bytes):
        text = base64.b64encode(part.data).decode()
        data = f'Uint8Array.from(atob("{text}"), (letter) => letter.charCodeAt(0))'
    else:
        data = json.dumps(part.data).replace("<", "\\u003c")  # no text of a figure may end or begin a script
    place = f'document.getElementById("figure{number}")'
    return (
        f"window.mounts[{json.dumps(part.component.name)}]"
        f"({{ parentElement: {place}, data: {data}, setTriggerValue() {{}} }});"
    )


def _pictures(images: Mapping[str, Tensor]) -> str:
    shown = []
    for name, image in images.items():
        source = "data:image/png;base64," + base64.b64encode(report.png(image)).decode()
        shown.append(f'<figure><img src="{source}" alt=""><figcaption>{escape(name)}</figcaption></figure>')
    return f'<section class="row-of-pictures">{"".join(shown)}</section>' if shown else ""


def _in_words(settings: Mapping[str, Any]) -> str:
    networks = [f"{side}: {settings[side]['title']}" for side in ("left", "right") if side in settings]
    seed = [f"seed {settings['seed']}"] if "seed" in settings else []
    return "; ".join([*networks, *seed, "made with RobustNorm Lab"]) + "."


@cache
def _plotly() -> str:
    return _PLOTLY.read_text("utf-8")
