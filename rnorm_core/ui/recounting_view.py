"""Statistics of k batches against the moving average -> what is drawn and said. Pure functions."""

from rnorm_core import evaluation, figures
from rnorm_core.figures import Figure, Line
from rnorm_core.training.precise import Precise, median
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.whose import points, said


def by_batches(found: Precise, side: Side, eps_255: float) -> Figure:
    """Accuracy with statistics of k batches; the moving average's as levels."""
    k = [estimate.k for estimate in found.estimates]
    lines = [
        Line("clean", side.norm, side.statistics, k, [e.clean for e in found.estimates], True, found.moving.clean,
             "clean, moving average")
    ]  # fmt: skip
    attacked = [e.attacked for e in found.estimates if e.attacked is not None]
    if attacked:
        lines.append(
            Line("attacked", side.norm, side.statistics, k, attacked, False, found.moving.attacked,
                 "attacked, moving average")
        )  # fmt: skip
    about = f"{side.title}; {said(eps_255) if attacked else 'clean'}"
    return figures.accuracy_by_batches(lines, about, found.batch_size)


def distances(found: Precise, side: Side) -> Figure:
    k = [estimate.k for estimate in found.estimates]
    values = [
        ("means, from the moving average's", [median(e.from_moving.mean) for e in found.estimates]),
        ("scales, from the moving average's", [median(e.from_moving.spread) for e in found.estimates]),
        (f"means, from those of {k[-1]}", [median(e.from_most.mean) for e in found.estimates]),
        (f"scales, from those of {k[-1]}", [median(e.from_most.spread) for e in found.estimates]),
    ]
    return figures.distance_by_batches(k, values, side.title, side.norm, found.batch_size)


def worth(found: Precise, side: Side) -> str:
    """What the estimate over the most batches changes, in Markdown."""
    last = found.estimates[-1]
    parts = [f"clean {points(evaluation.paired(last.clean.hits, found.moving.clean.hits))}"]
    if last.attacked and found.moving.attacked:
        parts.append(f"attacked {points(evaluation.paired(last.attacked.hits, found.moving.attacked.hits))}")
    batches = f"{last.k} batch{'es' * (last.k > 1)} of {found.batch_size}"
    return f"**{side.title}**, statistics of {batches} against the moving average: {'; '.join(parts)}."
