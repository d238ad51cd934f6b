"""Shipped measurements -> the small pictures that a page begins with. Pure functions, no Streamlit.

A network that was not measured has no picture. Every function takes networks and settings of the page's controls.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnorm_core import evaluation, figures
from rnorm_core.data import CORRUPTIONS
from rnorm_core.evaluation import Accuracy, Row, Table, laboratories
from rnorm_core.evaluation.laboratories import STEPS
from rnorm_core.evaluation.moved import Moved
from rnorm_core.figures import Bar, Picture
from rnorm_core.figures.glance import Share
from rnorm_core.norms import looks_at_batch, modes
from rnorm_core.ui import again, inside_powers
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.sizes_view import Course

Found = Sequence[tuple[str, Share | None]]  # what a bar is called, and what was measured


@dataclass(frozen=True)
class Glance:
    """Pictures, and what their numbers rest on; none where nothing was measured."""

    pictures: tuple[Picture, ...]
    about: str


def _glance(
    found: Iterable[tuple[str, str | Sequence[str], Found]],
    networks: dict[str, tuple[str, str]],
    what: str,
    form: str,
    note: str = "",
) -> Glance:
    """found: (title, norm of all bars or of each, bars) of each picture. networks: name and hash by what each is called
    on the page. what: the bars are and under which conditions. form: of the command, one of `again`. note: what to be
    careful about, a sentence.
    """
    drawn, counts = [], set()
    for title, norm, measured in found:
        norms = [norm] * len(measured) if isinstance(norm, str) else norm
        each = zip(norms, measured, strict=True)
        if bars := [Bar(label, norm, share) for norm, (label, share) in each if share is not None]:
            drawn.append(figures.glance(title, bars))
            counts |= {bar.share.n for bar in bars}
    if not drawn:
        return Glance((), "")
    n = " to ".join(f"{count:,}" for count in sorted({min(counts), max(counts)}))
    hashes = ", ".join(f"{title} `{digits[:12]}`" for title, (_, digits) in networks.items())
    typed = again.command(form, (name for name, _ in networks.values()), max(counts))
    about = (
        f"Measured before: {what}; n = {n} test images (seed 0); thin lines: 95 % intervals.{note and ' ' + note} "
        f"Weights: {hashes}. Repeat with `{typed}`."
    )
    return Glance(tuple(drawn), about)


def _of_sides(found: Iterable[tuple[Side, str, Found]], what: str, form: str, note: str = "") -> Glance:
    """found: (network, title, bars) of each picture; only networks that have one are named with their weights."""
    there = [(side, title, bars) for side, title, bars in found if any(share for _, share in bars)]
    networks = {side.title: (side.name, side.weight_hash) for side, _, _ in there}
    return _glance([(title, side.norm, bars) for side, title, bars in there], networks, what, form, note)


# --- whose statistics?


def crossed(rows: Sequence[Row], sides: Sequence[Side], eps_255: float) -> Glance:
    """Tracked and batch statistics, each under an attack made for itself and under one made for the other."""

    def bars(side: Side) -> Found:
        found = []
        for scorer in ("tracked", "batch"):
            found += [
                (f"scored {scorer}, attack made for {'itself' if crafter == scorer else crafter}",
                 _made_for(rows, side, scorer, crafter, eps_255))
                for crafter in (scorer, "batch" if scorer == "tracked" else "tracked")
            ]  # fmt: skip
        return found

    what = f"accuracy under PGD of {STEPS} steps, {eps_255:g}/255, batches of 128"
    found = [(side, f"{side.title} under PGD, {eps_255:g}/255", bars(side)) for side in sides]
    return _of_sides(found, what, again.LABORATORIES)


def _made_for(rows: Sequence[Row], side: Side, scorer: str, crafter: str, eps_255: float) -> Row | None:
    made_for = {"model": side.name, "statistics": crafter, "weight_hash": side.weight_hash}
    some = [row for row in rows if row.eps_255 == eps_255]
    return laboratories.of(some, side.name, scorer, made_for=made_for)


def sizes(courses: Sequence[Course]) -> Glance:
    """Clean images with the statistics of few and many images, and with tracked ones."""
    found = []
    for course in courses:
        by_size = {accuracy.batch_size: accuracy for accuracy in course.clean}
        bars = [(f"statistics of {k} image{'s' * (k > 1)}", by_size.get(k)) for k in (1, 4, 16, 128)]
        found.append((course.side, f"{course.side.title}, clean images", [*bars, ("tracked", course.levels[0])]))
    return _of_sides(found, "accuracy on clean images", again.EVIDENCE)


def company(rows: Sequence[Row], sides: Sequence[Side]) -> Glance:
    """Right in some company and wrong in other: what hangs on the neighbours alone."""

    def bars(side: Side) -> Found:
        return [(f"in batches of {size}", _swayed(rows, side, size)) for size in (2, 8, 32, 128)]

    found = [(side, f"{side.title}, batch: right or wrong by company", bars(side)) for side in sides]
    what = "share of clean images that are right in some of 8 draws of neighbours and wrong in others"
    return _of_sides(found, what, again.LABORATORIES)


def _swayed(rows: Sequence[Row], side: Side, size: int) -> Accuracy | None:
    some = [row for row in rows if row.batch_size == size]
    always, ever = (laboratories.of(some, side.name, "batch", right=right) for right in ("always", "ever"))
    return None if always is None or ever is None else _counted(ever.mask & ~always.mask)


def _counted(mask: Tensor) -> Accuracy:
    """The share of bool (n,) that is true."""
    return Accuracy(int(mask.sum()), len(mask), *evaluation.wilson(int(mask.sum()), len(mask)), mask)


def poisoned(rows: Sequence[Row], sides: Sequence[Side]) -> Glance:
    """Images that nobody touches, before and after some of their neighbours are changed."""

    def bars(side: Side) -> Found:
        def of(statistics: str, k: int, attack: str) -> Row | None:
            some = [row for row in rows if row.attack == attack]
            return laboratories.of(some, side.name, statistics, poisoned=k, poison_255=8)

        return [
            *(
                (f"batch, {k} of 128 {word}", of("batch", k, attack))
                for k in (8, 32)
                for attack, word in (("clean", "to be poisoned"), ("poison", "poisoned"))
            ),
            ("tracked, 32 of 128 poisoned", of("tracked", 32, "poison")),
        ]

    found = [(side, f"{side.title}: all untouched images at once", bars(side)) for side in sides]
    what = f"accuracy on the images that nobody touches, their neighbours changed by at most 8/255 in {STEPS} steps"
    return _of_sides(found, what, again.LABORATORIES)


def repaired(moved: Sequence[Moved], sides: Sequence[Side], eps_255: float) -> Glance:
    """The same attacked images with tracked statistics and with their own."""

    def of(side: Side, attack: str, which: str = "hits") -> Accuracy | None:
        size = 0 if attack == "clean" else eps_255
        found = [row for row in moved if (row.model, row.attack, row.eps_255) == (side.name, attack, size)]
        if not found or (which == "own" and found[0].own is None):
            return None
        return _counted(torch.from_numpy(found[0].mask(which)))

    found = [
        (
            side, f"{side.title}, attacked, then normalised anew",
            [("clean, tracked", of(side, "clean")), ("attacked, tracked", of(side, "pgd")),
             ("attacked, statistics of the attacked batch", of(side, "pgd", "own"))],
        )
        for side in sides
        if of(side, "pgd") is not None
    ]  # fmt: skip
    what = f"accuracy under PGD of {STEPS} steps, {eps_255:g}/255, made on tracked statistics, batches of 128"
    note = "Another experiment than the one below: all layers at once, and new statistics in place of tracked ones."
    return _of_sides(found, what, again.EVIDENCE, note)


def counted(rows: Sequence[Row], sides: Sequence[Side]) -> Glance:
    """The moving average beside statistics counted anew, clean and attacked."""

    said = (("moving average", 0, None), ("1 batch counted", 1, None), ("16 batches counted", 16, None),
            ("16 of training images", 16, "whole"), ("16 of training images, cut", 16, "cut"))  # fmt: skip

    def bars(side: Side) -> Found:
        return [
            (f"{word}, {name}", laboratories.of(some, side.name, "tracked", counted=k, training_images=images))
            for attack, word in (("clean", "clean"), ("pgd", "PGD 1/255"))
            for some in [[row for row in rows if row.attack == attack]]
            for name, k, images in said
        ]  # fmt: skip

    found = [(side, f"{side.title}: statistics counted anew", bars(side)) for side in sides]
    what = f"accuracy by where statistics come from, in batches of 128; PGD of {STEPS} steps, made anew each time"
    note = "Cut: at random, with black margins, and flipped, as the network's training did."
    return _of_sides(found, what, again.LABORATORIES, note)


# --- the other laboratories


def corrupted(rows: Sequence[Row], sides: Sequence[Side], corruption: str, severity: int, eps_255: float) -> Glance:
    """A corruption and an attack, each met with tracked statistics and with those of the batch itself."""

    def bars(side: Side) -> Found:
        mine = [mode for mode in ("tracked", "batch") if mode in modes(side.norm)]
        title = CORRUPTIONS[corruption].title
        met = [
            (f"{title}, severity {severity}, {mode}",
             laboratories.of(rows, side.name, mode, corruption=corruption, severity=severity)) for mode in mine
        ]  # fmt: skip
        some = [row for row in rows if row.attack == "clean"]
        clean = [(f"clean, {mode}", laboratories.of(some, side.name, mode, crossed=True)) for mode in mine]
        attacked = [(f"PGD {eps_255:g}/255, {mode}", _made_for(rows, side, mode, "tracked", eps_255)) for mode in mine]
        return [*clean, *met, *attacked]

    found = [(side, side.title, bars(side)) for side in sides]
    what = f"accuracy on the same images with tracked and the batch's statistics; PGD of {STEPS} steps on tracked ones"
    note = "An attack made anew for the batch's statistics is another one: see below."
    return _of_sides(found, what, again.LABORATORIES, note)


def powers(dataset: str, table: Table, eps_255: float) -> Glance:
    """Networks by their p, with tracked statistics, clean and attacked."""
    points = inside_powers.measured(dataset, table, "tracked", eps_255)
    attacked, clean = ([(point.label, getattr(point, kind)) for point in points] for kind in ("attacked", "clean"))
    norms = [point.clean.norm for point in points]
    found = [(f"Under PGD at {eps_255:g}/255, by p", norms, attacked), ("Clean images, by p", norms, clean)]
    networks = {point.label: (point.clean.model, point.clean.weight_hash) for point in points}
    note = "One training each: another might differ by more than these lines, which are for the images alone."
    form = again.sweep(("tracked",), ("clean", "pgd"), (eps_255,))
    return _glance(found, networks, "accuracy, tracked, PGD of 20 steps", form, note)


def attacked(table: Table, sides: Sequence[Side], wanted: Sequence[tuple[str, float]]) -> Glance:
    """Networks in a mode, clean and under several attacks: (name of the attack, eps in grey levels)."""
    names = {"clean": "clean", "noise": "noise", "fgsm": "FGSM", "pgd": "PGD"}

    def row(side: Side, attack: str, eps: float) -> Row | None:
        found = table.curve(side.name, side.statistics, attack)
        return next((row for row in found if row.eps_255 == eps), None)

    said = {(a, eps): names[a] + (f", {eps:g}/255" if eps else "") for a, eps in wanted}
    found = [(side, side.label, [(word, row(side, *which)) for which, word in said.items()]) for side in sides]
    batch = any(looks_at_batch(side.statistics) for side in sides)
    note = "With statistics of a batch an attack made for another mode may do more harm than these." if batch else ""
    kinds, sizes = zip(*wanted, strict=True)
    form = again.sweep((side.statistics for side in sides), kinds, sizes)
    return _of_sides(found, "accuracy, PGD of 20 steps" + ", batches of 128" * batch, form, note)
