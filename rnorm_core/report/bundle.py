"""What somebody takes home: figures, numbers, images, settings, and a script that gets the same numbers."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from rnorm_core import citation
from rnorm_core.report.compare import SETTINGS, file_name
from rnorm_core.report.files import Tables, as_csv, png, zipped
from rnorm_core.report.script import brought, script
from rnorm_core.report.sources import Source
from rnorm_core.versions import versions

SCRIPT, FIGURES, CITE = "reproduce.py", "figures.html", "cite.bib"
MOST_IMAGES = 400


def bundle(
    sources: Sequence[Source],
    *,
    figures: str = "",
    images: Mapping[str, Tensor] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> bytes:
    """A ZIP file. figures: a page in HTML that needs no other file. images: (3, H, W) in [0, 1] by name.

    Equal results give equal bytes. Of very many images only the first `MOST_IMAGES` are in it.
    """
    sources = list({source.name: source for source in sources}.values())
    tables = {source.name: source.tables() for source in sources}
    pictures = {name: image for source in sources for name, image in source.images().items()} | dict(images or {})
    pictures = dict(list(pictures.items())[:MOST_IMAGES])
    weights = {variant.model: variant.weight_hash for source in sources for variant in source.variants}
    about = {
        **(settings or {}),
        "results": {source.name: source.settings for source in sources},
        "weights": weights,
        "versions": versions(),
    }
    files = {"README.txt": _readme(tables, bool(pictures), bool(figures)).encode()}
    files |= {FIGURES: figures.encode()} if figures else {}
    files |= {
        file_name(name, table): as_csv(rows) for name, known in tables.items() for table, rows in known.items() if rows
    }
    files |= {f"images/{_safe(name)}.png": png(image) for name, image in pictures.items()}
    files[SETTINGS] = json.dumps(about, indent=2, default=str).encode()
    if sources:
        files[SCRIPT] = reproduce(sources).encode()
    files[CITE] = f"{citation.paper()}\n\n{citation.software()}\n".encode()
    return zipped(files)


def reproduce(sources: Sequence[Source]) -> str:
    """The script of the bundle."""
    own = brought(variant for source in sources for variant in source.variants)
    about = (
        "Gets the numbers beside this file again and says whether they are the same: `python reproduce.py`, with "
        "RobustNorm Lab installed (`pip install -e .` in its checkout)."
    )
    return script([*([own] if own.code else []), *(source.lines() for source in sources)], about)


def _readme(tables: Mapping[str, Tables], pictures: bool, figures: bool) -> str:
    lines = {
        FIGURES: "the figures, interactive; opens in a browser, needs no network" if figures else "",
        "*.csv": "the numbers; shares are fractions, low and high their 95 % interval" if tables else "",
        "images/": "PNG files: an attack is rounded to whole grey levels" if pictures else "",
        SETTINGS: "what was chosen, sha256 of the weights, versions",
        SCRIPT: "gets the same numbers again, and says whether they are the same" if tables else "",
        CITE: "BibTeX of the paper and of this software",
    }
    listed = "\n".join(f"{name:<14} {text}" for name, text in lines.items() if text)
    return f"""\
Kept from RobustNorm Lab
========================

{listed}

The same versions on the same kind of device and engine give the same numbers, up to rounding. Elsewhere sums round
differently, and an attack that takes the sign of a gradient may differ in some pixels. The app uses OpenVINO where it
is installed; with ROBUSTNORM_ENGINE=eager both use torch alone.
"""


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in " .,=-" else "_" for letter in name).strip()
