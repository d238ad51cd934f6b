"""Shares of images from the shipped tables, each with its conditions, and the same found again by these."""

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from rnorm_core import zoo
from rnorm_core.evaluation import Accuracy, Row
from rnorm_core.evaluation.tables import accuracies, batch_sizes, headline, laboratories, layer_shifts
from rnorm_core.evaluation.tables.accuracies import Table
from rnorm_core.evaluation.tables.row import PIXELS
from rnorm_core.report.compare import file_name, read
from rnorm_core.report.files import Rows, Tables, as_csv
from rnorm_core.report.numbers.parts import EPS, share
from rnorm_core.zoo import Variant

LABELS = ("picture", "bar")
Way = tuple[str, tuple[str, ...]]  # the beginning of the hash of a worst case's images, and its attacks
CONDITIONS = (
    "model", "statistics", "weights", "attack", EPS, "pixels", "settings", "batch size", "seed", "images", "n",
)  # fmt: skip


def row(measured: Row | Accuracy) -> dict[str, Any]:
    """The conditions of a measured share that are known, and the share."""
    settings = measured.settings if isinstance(measured, Row) else measured.spec
    known = {
        "model": measured.model, "statistics": measured.statistics, "weights": measured.weight_hash,
        "settings": json.dumps(settings, sort_keys=True), "batch size": measured.batch_size, "n": measured.n,
    }  # fmt: skip
    if isinstance(measured, Row):
        known |= {"attack": measured.attack, EPS: measured.eps_255, "pixels": measured.pixels, "seed": measured.seed}
        known["images"] = measured.images[:12]
    return {key: known.get(key) for key in CONDITIONS} | share(measured)


def of_card(card: zoo.Card, measured: dict[str, Any]) -> dict[str, Any]:
    """The same of an accuracy that a card holds."""
    known = {
        "model": card.name, "statistics": measured["statistics"], "weights": card.sha256,
        "attack": measured["attack"] or "clean", EPS: measured["eps_255"] or 0, "n": measured["n"],
        "settings": json.dumps(measured["settings"], sort_keys=True),
    }  # fmt: skip
    found = {key: measured[key] for key in ("correct", "n", "low", "high")}
    return {key: known.get(key) for key in CONDITIONS} | {"accuracy": found["correct"] / found["n"], **found}


def again(script: str | Path, name: str) -> Tables:
    """The shares of the file beside `script`, from the tables that come with the library."""
    kept = read((Path(script).resolve().parent / file_name(name, "shares")).read_text("utf-8"))
    return {"shares": found(kept)}


def found(kept: Sequence[dict[str, str]]) -> Rows:
    """For each line of a file the share that was measured under its conditions; none if there is none."""
    variants, ways = {(line["model"], line["statistics"]) for line in kept}, {*map(_way, kept)}
    here = read(as_csv([one for model, mode in sorted(variants) for one in _measured(model, mode, ways)]).decode())
    rows = []
    for line in kept:
        wanted = {key: line[key] for key in CONDITIONS if line[key]}
        for one in here:
            if all(one[key] == value for key, value in wanted.items()):
                labels = {key: line[key] for key in LABELS if key in line}
                rows.append(labels | {key: line[key] if key in CONDITIONS else one[key] for key in one})
                break
    return rows


def _way(line: dict[str, str]) -> Way:
    """The images of a worst case, and its attacks, which may be fewer than were measured; () for other shares."""
    return line["images"], tuple(json.loads(line["settings"] or "{}").get("attacks", ()))


def _measured(model: str, statistics: str, ways: Collection[Way] = ()) -> Iterator[dict[str, Any]]:
    """Everything that was measured of a network in a mode and is shipped. ways: of further worst cases."""
    card, variant = zoo.card(model), Variant.of(model, statistics)
    table, rows = accuracies.table(card.dataset), laboratories.rows(card.dataset)
    some = [
        Table(tuple(one for one in table.rows if one.kind in ("clean", *kinds) and one.images.startswith(images)))
        for images, kinds in ways
        if kinds
    ]
    best = [one for each in (table, *some) for p in PIXELS for one in headline.by_size(each, variant, p).values()]
    shares: list[Row | Accuracy] = [*table.rows, *best, *rows, *batch_sizes.by_size(card.dataset)[0]]
    shares = [one for one in shares if one.model == model]
    sizes = sorted({one.batch_size for one in rows if one.model == model})
    shares += filter(None, (laboratories.sensitive(rows, variant, size) for size in sizes))
    shares += layer_shifts.accuracies(layer_shifts.moved(card.dataset)[0], model)
    yield from (row(one) for one in shares if one.statistics == statistics)
    yield from (of_card(card, one) for one in card.accuracies if one["statistics"] == statistics)
