"""Figures about batch statistics: transfer matrix, batch size and composition, patched layers, PreciseBN."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from rnorm_core.data import class_title
from rnorm_core.errors import UserError
from rnorm_core.figures.style import CLEAN, DASHES, LOOKS, Figure, Markers, dress, hatched, wrap

if TYPE_CHECKING:
    from rnorm_core.evaluation import Accuracy
    from rnorm_core.evaluation.measure.batches import NeighbourDraws
    from rnorm_core.evaluation.measure.matrix import Matrix
    from rnorm_core.evaluation.measure.patching import Patching


def with_interval(accuracy: "Accuracy") -> str:
    """ "90.0 % (18 of 20; 95 %: 69.9 to 97.2)"."""
    interval = f"95 %: {100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}"
    return f"{100 * accuracy.value:.1f} % ({accuracy.correct:,} of {accuracy.n:,}; {interval})"


# --- transfer matrix

TRANSFER = "Does the attack know whose statistics are used?"


def transfer_heatmap(
    matrix: "Matrix", crafters: Sequence[str], scorers: Sequence[str], attack: str, title: str = TRANSFER
) -> Figure:
    """Accuracy (%) of each scorer on clean images, on noise, and on the images attacked for each crafter.

    crafters, scorers: labels. Every cell holds its accuracy and interval; it is framed if crafter and scorer are equal.
    """
    rows = ["clean images", "noise of this size", *(f"crafted: {label}" for label in crafters)]
    cells, columns = matrix.rows, list(range(len(scorers)))
    figure = go.Figure()
    figure.add_heatmap(
        z=[[100 * cell.value for cell in row] for row in cells],
        x=columns,
        y=list(range(len(rows))),
        zmin=0,
        zmax=100,
        colorscale="Cividis",
        showscale=False,
        xgap=3,
        ygap=3,
        text=[
            [f"<b>{100 * c.value:.1f} %</b><br>{100 * c.low:.0f} to {100 * c.high:.0f}" for c in row] for row in cells
        ],
        texttemplate="%{text}",
        customdata=[[[with_interval(cell), row, scorer] for cell, scorer in zip(line, scorers, strict=True)]
                    for line, row in zip(cells, rows, strict=True)],
        hovertemplate="%{customdata[1]}<br>scored: %{customdata[2]}<br>%{customdata[0]}<extra></extra>",
    )  # fmt: skip
    for i, crafter in enumerate(matrix.crafters):
        for j, scorer in enumerate(matrix.scorers):
            if crafter == scorer:
                at = {"x0": j - 0.48, "x1": j + 0.48, "y0": i + 1.52, "y1": i + 2.48}
                figure.add_shape(type="rect", **at, line={"color": LOOKS["rn"].colour, "width": 4})
    figure.update_xaxes(
        tickvals=columns, ticktext=[wrap(s, 14) for s in scorers], title="scored with", side="bottom", showgrid=False,
        zeroline=False,
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=[wrap(r, 16) for r in rows], autorange="reversed", showgrid=False,
        zeroline=False,
    )  # fmt: skip
    about = f"accuracy; {attack}; n = {matrix.n:,}, batches of {matrix.batch_size}; below: 95 % interval"
    about += "; framed: attacks on oneself"
    dress(figure, title, about, 90 + 58 * len(rows))
    sentences = [
        f"{row}: " + ", ".join(f"{scorer} {with_interval(cell)}" for scorer, cell in zip(scorers, line, strict=True))
        for row, line in zip(rows, cells, strict=True)
    ]
    return Figure(figure, f"{title} {attack}, scored with: {'; '.join(sentences)}.")


# --- accuracies along an axis of numbers


@dataclass(frozen=True, eq=False)
class Line:
    """Accuracies of one model at numbers `x`.

    open: with open marks, as clean images are drawn. level: an accuracy that does not depend on x, such as the one with
    tracked statistics; it is drawn as a thin horizontal line, named `level_label` in the legend.
    """

    label: str
    norm: str
    statistics: str
    x: Sequence[int]
    accuracies: Sequence["Accuracy"]
    open: bool = False
    level: "Accuracy | None" = None
    level_label: str = "level"


def accuracy_by_size(lines: Sequence[Line], attack: str) -> Figure:
    """Accuracy (%) against the number of images in a batch, doubling from tick to tick."""
    title = "How many images do batch statistics need?"
    return _along(lines, title, "images in a batch", attack)


def accuracy_by_share(lines: Sequence[Line], attack: str, batch_size: int) -> Figure:
    """Accuracy (%) against the number of attacked images in a batch, doubling from tick to tick."""
    title = "Does it help to be attacked alone?"
    return _along(lines, title, f"attacked images in a batch of {batch_size}", attack)


def accuracy_by_batches(lines: Sequence[Line], attack: str, batch_size: int) -> Figure:
    """Accuracy (%) against the number of batches that statistics are estimated from; levels: the moving average."""
    title = "Are more batches better than a moving average?"
    return _along(lines, title, f"batches of {batch_size} counted", attack)


def distance_by_batches(
    x: Sequence[int], distances: Sequence[tuple[str, Sequence[float]]], label: str, norm: str, batch_size: int
) -> Figure:
    """Distance of estimated statistics from others, against the number of batches. distances: (name, values) each."""
    figure, marks, sentences = go.Figure(), Markers(), []
    dashes = ["solid", "dash", "dot", "dashdot"]
    for number, (what, values) in enumerate(distances):
        figure.add_scatter(
            x=list(x), y=list(values), name=wrap(what), mode="lines+markers",
            line={"color": LOOKS[norm].colour, "dash": dashes[number % 4], "width": 2},
            marker={"symbol": marks.next(norm), "size": 9}, hovertemplate="%{x} batches: %{y:.4f}",
        )  # fmt: skip
        sentences.append(f"{what}: " + ", ".join(f"{y:.4f} at {k}" for k, y in zip(x, values, strict=True)))
    _doubling(figure, list(x), f"batches of {batch_size} counted")
    figure.update_yaxes(title="distance, median layer", rangemode="tozero")
    title = "How far are they from each other?"
    dress(figure, title, f"{label}; means in scales of the layer, scales as logarithm of the ratio", 300)
    return Figure(figure, f"{title} {label}. {'; '.join(sentences)}.")


def _along(lines: Sequence[Line], title: str, axis: str, attack: str) -> Figure:
    if not any(line.x for line in lines):
        raise UserError("There is no accuracy to draw yet.", "wait for the first accuracy.")
    figure, used, sentences = go.Figure(), [], []
    everywhere = sorted({x for line in lines for x in line.x})
    for line in lines:
        colour = LOOKS[line.norm].colour
        symbol = LOOKS[line.norm].marker + ("-open" if line.open else "")
        symbol += "-dot" if symbol in used else ""
        used.append(symbol)
        values = [100 * a.value for a in line.accuracies]
        figure.add_scatter(
            x=list(line.x), y=values, error_y=_bars(line.accuracies), name=wrap(line.label), mode="lines+markers",
            line={"color": colour, "dash": DASHES[line.statistics], "width": 2},
            marker={"symbol": symbol, "size": 9, "line": {"width": 2 if line.open else 0}}, cliponaxis=False,
            customdata=[with_interval(a) for a in line.accuracies], hovertemplate="%{x}: %{customdata}",
        )  # fmt: skip
        words = [f"{with_interval(a)} at {x}" for x, a in zip(line.x, line.accuracies, strict=True)]
        if line.level is not None:
            figure.add_scatter(
                x=[everywhere[0], everywhere[-1]], y=[100 * line.level.value] * 2, mode="lines",
                name=wrap(line.level_label),
                line={"color": colour, "dash": "dot" if line.open else DASHES[line.level.statistics], "width": 1},
                customdata=[with_interval(line.level)] * 2, hovertemplate="%{customdata}",
            )  # fmt: skip
            words.append(f"{line.level_label} {with_interval(line.level)}")
        sentences.append(f"{line.label}: {', '.join(words)}")
    _doubling(figure, everywhere, axis)
    figure.update_yaxes(title="accuracy (%)", range=[-2, 102])
    ns = sorted({a.n for line in lines for a in line.accuracies})
    of = f"n = {ns[0]:,}" + (f" to {ns[-1]:,}" if len(ns) > 1 else "")
    dress(figure, title, f"{attack}; {of}; bars: 95 % interval", 320)
    return Figure(figure, f"{title} {attack}; accuracy against {axis}. {'; '.join(sentences)}.")


def _doubling(figure: go.Figure, ticks: list[int], title: str) -> None:
    figure.update_xaxes(title=wrap(title), type="log", tickvals=ticks, ticktext=list(map(str, ticks)), zeroline=False)


def _bars(accuracies: Sequence["Accuracy"]) -> dict[str, Any]:
    up, down = [100 * (a.high - a.value) for a in accuracies], [100 * (a.value - a.low) for a in accuracies]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.2}


# --- accuracies under named conditions


@dataclass(frozen=True, eq=False)
class Dot:
    """An accuracy under a named condition ("one class a batch").

    clean: with an open mark, which the legend calls `open`.
    """

    condition: str
    label: str
    norm: str
    accuracy: "Accuracy"
    clean: bool = False
    open: str = "clean"


def accuracy_dots(dots: Sequence[Dot], title: str, about: str) -> Figure:
    """Accuracy (%) with its interval, one row per condition."""
    if not dots:
        raise UserError("There is no accuracy to draw yet.", "wait for the first accuracy.")
    figure, marks = go.Figure(), Markers()
    rows = list(dict.fromkeys(dot.condition for dot in dots))
    for label, norm, clean in dict.fromkeys((dot.label, dot.norm, dot.clean) for dot in dots):
        here = [dot for dot in dots if (dot.label, dot.norm, dot.clean) == (label, norm, clean)]
        bars = _bars([dot.accuracy for dot in here])
        figure.add_scatter(
            x=[100 * dot.accuracy.value for dot in here], y=[rows.index(dot.condition) for dot in here], error_x=bars,
            name=wrap(f"{label}, {here[0].open}" if clean else label), mode="markers",
            marker={"symbol": LOOKS[norm].marker + "-open" if clean else marks.next(norm), "size": 12,
                    "color": LOOKS[norm].colour, "line": {"width": 2 if clean else 0}},
            customdata=[with_interval(dot.accuracy) for dot in here], hovertemplate="%{customdata}", cliponaxis=False,
        )  # fmt: skip
    figure.update_xaxes(title="accuracy (%)", range=[-2, 102])
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=[wrap(r, 18) for r in rows], range=[len(rows) - 0.5, -0.5],
        zeroline=False,
    )  # fmt: skip
    ns = sorted({dot.accuracy.n for dot in dots})
    of = f"n = {ns[0]:,}" + (f" to {ns[-1]:,}" if len(ns) > 1 else "")
    dress(figure, title, f"{about}; {of}; bars: 95 % interval", 110 + 44 * len(rows))
    sentences = [
        f"{d.condition}, {d.label}{f' ({d.open})' if d.clean else ''}: {with_interval(d.accuracy)}" for d in dots
    ]
    return Figure(figure, f"{title} {about}. {'; '.join(sentences)}.")


# --- one image and its neighbours

MOST_CLASSES = 10  # drawn beside each other


def neighbours(draws: "NeighbourDraws", label: str, norm: str) -> Figure:
    """Probability (%) of each class for one image: a mark for each draw of neighbours, and a bar for their mean.

    Of many classes only those that matter: the true one, those that win in a draw, and the most probable.
    """
    chosen, count = _classes_that_matter(draws), len(draws.probabilities)
    shares, titles = 100 * draws.probabilities[:, chosen].double(), [class_title(draws.classes[k]) for k in chosen]
    names = [f"<b>{c} (true)</b>" if k == draws.label else c for k, c in zip(chosen, titles, strict=True)]
    places, colour = list(range(len(names))), LOOKS[norm].colour
    figure = go.Figure()
    figure.add_bar(
        orientation="h", x=shares.mean(0).tolist(), y=places, name="mean over the draws",
        marker={"color": CLEAN, "opacity": 0.5}, hovertemplate="mean %{x:.1f} %",
    )  # fmt: skip
    figure.add_scatter(
        x=shares.T.flatten().tolist(), y=[k for k in places for _ in range(count)], mode="markers",
        name="one draw of neighbours",
        marker={"symbol": LOOKS[norm].marker + "-open", "size": 8, "color": colour, "line": {"width": 1.5}},
        customdata=list(range(1, count + 1)) * len(places), hovertemplate="draw %{customdata}: %{x:.1f} %",
    )  # fmt: skip
    figure.update_xaxes(title="probability (%)", range=[-2, 102])
    figure.update_yaxes(tickvals=places, ticktext=names, autorange="reversed", zeroline=False)
    title = "Do its neighbours change the answer?"
    about = f"{label}; the same image among {draws.batch_size - 1} others, {count} draws"
    dress(figure, title, about, 120 + 26 * len(names))
    answers = draws.predictions.tolist()
    wins = [f"{class_title(draws.classes[k])} wins in {answers.count(k)} of {count}" for k in sorted(set(answers))]
    widest = int((shares.amax(0) - shares.amin(0)).argmax())
    low, high = float(shares[:, widest].amin()), float(shares[:, widest].amax())
    true = f" The true class is {class_title(draws.classes[draws.label])}." if draws.label >= 0 else ""
    alt = f"{title} {about}: {', '.join(wins)}. {titles[widest]} varies most, {low:.1f} to {high:.1f} %.{true}"
    return Figure(figure, alt)


def _classes_that_matter(draws: "NeighbourDraws") -> list[int]:
    if len(draws.classes) <= MOST_CLASSES:
        return list(range(len(draws.classes)))
    most = draws.probabilities.amax(0)
    always = {draws.label, *draws.predictions.tolist()} - {-1}
    by_share = [k for k in most.argsort(descending=True).tolist() if k not in always]
    chosen = [*always, *by_share[: max(MOST_CLASSES - len(always), 0)]]
    return sorted(chosen, key=lambda k: float(most[k]), reverse=True)


# --- patched layers

PATCHING = {
    "restore": "How much comes back with clean statistics?",
    "spoil": "How much is lost with attacked statistics?",
    "repair": "How much comes back with its own statistics?",
}


def patched_layers(patching: "Patching", label: str, norm: str, attack: str) -> Figure:
    """Accuracy (%) with each layer patched alone, as bars, and with all layers up to it, as a line.

    Two levels show the accuracy on the clean and on the attacked batch without a patched layer.
    """
    x, colour = list(range(1, len(patching.layers) + 1)), LOOKS[norm].colour
    figure = go.Figure()
    for name, accuracies, add, style in (
        ("this layer alone", patching.alone, figure.add_bar, {"marker": hatched(colour)}),
        (
            "all layers up to this one", patching.up_to, figure.add_scatter,
            {"mode": "lines+markers", "line": {"color": colour, "width": 2}, "marker": {"symbol": LOOKS[norm].marker,
             "size": 9, "color": colour, "line": {"color": "white", "width": 1}}},
        ),
    ):  # fmt: skip
        add(
            x=x, y=[100 * a.value for a in accuracies], error_y=_bars(accuracies) | {"color": "rgba(128,128,128,1)"},
            name=name, customdata=list(zip(patching.layers, map(with_interval, accuracies), strict=True)),
            hovertemplate="%{customdata[1]}<extra>%{customdata[0]}</extra>", **style,
        )  # fmt: skip
    for name, level, dash in (
        ("clean, unpatched", patching.clean, "dot"),
        ("attacked, unpatched", patching.attacked, "dash"),
    ):
        figure.add_scatter(
            x=[0.4, len(x) + 0.6], y=[100 * level.value] * 2, name=name, mode="lines",
            line={"color": CLEAN if level is patching.clean else colour, "width": 1.5, "dash": dash},
            customdata=[with_interval(level)] * 2, hovertemplate="%{customdata}",
        )  # fmt: skip
    step = 1 if len(x) <= 10 else 2 if len(x) <= 24 else 8
    figure.update_xaxes(title="layer, in the network's order", tickvals=x[::step], range=[0.3, len(x) + 0.7])
    figure.update_yaxes(title="accuracy (%)", range=[-2, 102])
    part, title = patching.part, PATCHING[patching.experiment]
    dress(figure, title, f"{label}; {attack}; n = {patching.clean.n:,}; bars: 95 % interval", 340)
    best = max(range(len(x)), key=lambda k: abs(patching.alone[k].correct - patching.plain.correct))
    summary = "The attack did no damage."
    if part.value == part.value:
        known = f"95 %: {100 * part.low:.0f} to {100 * part.high:.0f}"
        known = known if part.low == part.low else "too few images for an interval"
        summary = f"All layers together: {100 * part.value:.0f} % of the damage ({known})."
    clean, attacked, all_layers, strongest = map(
        with_interval, (patching.clean, patching.attacked, patching.up_to[-1], patching.alone[best])
    )
    alt = (
        f"{title} {label}; {attack}. Clean {clean}, attacked {attacked}, all {len(x)} layers patched {all_layers}. "
        f"{summary} Alone, {patching.layers[best]} matters most: {strongest}."
    )
    return Figure(figure, alt)
