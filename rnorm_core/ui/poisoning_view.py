"""Poisoned neighbours -> what is drawn and said. Pure functions."""

import torch
from torch import Tensor

from rnorm_core import evaluation, figures
from rnorm_core.attacks import Trace
from rnorm_core.data import Batch
from rnorm_core.figures import Dot, Figure
from rnorm_core.ui import poisoning
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.grouping_view import Picture
from rnorm_core.ui.poisoning import Poisoned
from rnorm_core.ui.story import best_guess
from rnorm_core.ui.whose import everyday, points, said


def victim(found: Poisoned, side: Side) -> str:
    """What became of the one victim, in "batch" and in its everyday mode, in Markdown."""
    lines = []
    for one in (side, everyday(side)):
        if (trace := found.traces.get(one)) is None:
            continue
        lines.append(f"**{one.label}**: {_fate(trace, found.batch.classes)} {_slope(found.slopes[one])}")
    return "\n\n".join(lines)


def _fate(trace: Trace, classes: tuple[str, ...]) -> str:
    before, after, label = trace.clean_probabilities[0], trace.adversarial_probabilities[0], int(trace.labels[0])
    was, now = best_guess(before, classes), best_guess(after, classes)
    if torch.equal(before, after):
        return f"{was} before and after, to the last bit."
    if int(before.argmax()) != label:
        return f"wrong before already: {was}; now {now}."
    if int(after.argmax()) != label:
        same = torch.equal(trace.adversarial[0], trace.clean[0])
        return f"{was} **became {now}**{', and not one of its own pixels was changed' if same else ''}."
    return f"held: {was}, now {now}."


def _slope(slope: float) -> str:
    how = "exactly 0" if slope == 0 else f"up to {slope:.2g} a pixel"
    return f"The slope of its loss over its neighbours' pixels: {how}."


def course(found: Poisoned, side: Side) -> Figure:
    """The victim's probabilities, step by step, in both modes."""
    sides = [
        figures.Side(one.statistics, one.norm, found.traces[one])
        for one in (side, everyday(side))
        if one in found.traces
    ]
    return figures.confidence_by_step(sides, 0, found.batch.classes)


def before_poison(asked: poisoning.Asked, batch: Batch) -> list[Picture]:
    """The victim and the neighbours that are going to be poisoned."""
    return _row(batch, batch.images, asked.poisoned, "neighbour")


def after_poison(found: Poisoned, side: Side) -> list[Picture]:
    return _row(found.batch, found.traces[side].adversarial, found.asked.poisoned, "poisoned")


def _row(batch: Batch, images: Tensor, poisoned: int, what: str) -> list[Picture]:
    others = [(images[i], f"{what}:", batch.classes[int(batch.labels[i])]) for i in range(1, 1 + min(poisoned, 4))]
    return [(images[0], "victim:", batch.classes[int(batch.labels[0])]), *others]


def toll(found: Poisoned, side: Side) -> str:
    """What the most poisoned neighbours cost all other images together, in Markdown; empty while unknown."""
    crowd = max(found.crowds[side], key=lambda crowd: crowd.k, default=None)
    if crowd is None:
        return ""
    pair = evaluation.paired(crowd.after.hits, crowd.before.hits)
    size = found.asked.plan.count
    return (
        f"**{side.label}**: with {crowd.k} of {size} poisoned, of the {pair.n} untouched images "
        f"{crowd.before.correct} are right before and {crowd.after.correct} after: {points(pair)}."
    )


def crowds(found: Poisoned) -> Figure:
    """How many victims are still right when all images that are not poisoned are victims."""
    size = found.asked.plan.count
    dots = [
        Dot(f"{crowd.k} of {size} poisoned", side.title, side.norm, accuracy, clean, "before")
        for side, all_of in found.crowds.items()
        for crowd in all_of
        for clean, accuracy in ((True, crowd.before), (False, crowd.after))
    ]
    dots.sort(key=lambda dot: int(dot.condition.split()[0]))
    about = f"the untouched images, batch mode, before (open) and after; {said(found.asked.eps_255)}"
    return figures.compositions(dots, "How many neighbours does it take?", about)
