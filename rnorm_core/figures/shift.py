"""Statistics that move: over the layers of a network, over the channels of a layer, and inside one channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from rnorm_core.errors import UserError
from rnorm_core.figures.style import CLEAN, DASHES, LOOKS, Figure, Markers, dress, wrap

if TYPE_CHECKING:  # a name for readers
    from rnorm_core.probes import Layer

BAND = "rgba(128,128,128,0.28)"  # seen on white and on black
OUTLINE = "rgba(128,128,128,0.9)"
RING = "rgba(128,128,128,1)"


@dataclass(frozen=True, eq=False)
class Places:
    """How far one model's statistics moved at K places: the layers of a network, or the channels of a layer.

    label, norm, weight_hash: of the model, as everywhere. n: images in the batch. names: of the places, for people.
    clean, adversarial: (K,) shifts of the clean and of the attacked batch; NaN where there is none to measure. Without
               an attack there is only the clean batch.
    low, high: (K,) the natural band: 95 % of the clean training batches of `band_size` images lie between them;
               nothing is known of it where band_size is 0.
    """

    label: str
    norm: str
    weight_hash: str
    n: int
    names: Sequence[str]
    clean: np.ndarray
    adversarial: np.ndarray | None
    low: np.ndarray
    high: np.ndarray
    band_size: int
    changed: str = "attacked"  # what is said of the batch that is compared with the clean one

    @property
    def shown(self) -> np.ndarray:
        """(K,): the shifts that are looked at, of the attacked batch if there is one."""
        return self.clean if self.adversarial is None else self.adversarial

    @property
    def outside(self) -> np.ndarray:
        """Bool (K,): where the batch looked at lies outside the natural band."""
        return (self.shown < self.low) | (self.shown > self.high)

    @property
    def clean_outside(self) -> np.ndarray:
        """The same of the clean batch."""
        return (self.clean < self.low) | (self.clean > self.high)


def span(sides: Sequence[Places], least: tuple[float, float] = (0, 0)) -> tuple[float, float]:
    """A common axis for several figures: from the lowest to the highest thing drawn, with some room.

    It reaches from least[0] to least[1] in any case, so that figures of different attacks can be compared.
    """
    drawn = [np.isfinite(p.shown) for p in sides]
    everything = [
        v[here]
        for p, here in zip(sides, drawn, strict=True)
        for v in (p.clean, p.shown, *((p.low, p.high) if p.band_size else ()))
    ]
    low, high = (float(end(np.append(np.concatenate(everything), 0))) for end in (np.min, np.max))
    room = 0.06 * (high - low or 1)
    return min(low - (room if low else 0), least[0]), max(high + room, least[1])


def shift_by_layer(
    places: Places, measure: str, attack: str, chosen: int | None = None, axis: tuple[float, float] | None = None
) -> Figure:
    """A layer's summary over the network's layers in order; `chosen` (from 0) is marked. Points can be clicked."""
    order, along = list(range(len(places.names))), "layer, in the network's order"
    return _drawn(places, measure, "Which layers move?", attack, along, order, chosen, axis, joined=True)


def shift_by_channel(
    places: Places,
    layer: str,
    measure: str,
    attack: str,
    chosen: int | None = None,
    axis: tuple[float, float] | None = None,
    by_size: bool = True,
) -> Figure:
    """The same over the channels of one layer, the most moved first or by number."""
    sizes = -np.abs(places.shown) if by_size else np.zeros(len(places.names))
    order, along = (
        np.argsort(sizes, kind="stable").tolist(),
        f"channels, {'most moved first' if by_size else 'by number'}",
    )
    where = f"layer {layer}; {attack}"
    return _drawn(places, measure, "Which channels move?", where, along, order, chosen, axis, joined=False)


def _drawn(
    places: Places,
    measure: str,
    title: str,
    subtitle: str,
    along: str,
    order: list[int],
    chosen: int | None,
    axis: tuple[float, float] | None,
    joined: bool,
) -> Figure:
    left_out, order = len(order), [k for k in order if np.isfinite(places.shown[k])]
    left_out -= len(order)
    if not order:
        raise UserError("There is no shift to draw.", "choose a model with layers to look at.")
    look, x = LOOKS[places.norm], list(range(1, len(order) + 1))
    low, high, clean, shown, outside = (
        np.asarray(values)[order] for values in (places.low, places.high, places.clean, places.shown, places.outside)
    )
    names = [places.names[k] for k in order]
    figure = go.Figure()
    if places.band_size:
        figure.add_scatter(
            **_steps(x, low, high),
            name="95 % band",
            mode="lines",
            fill="toself",
            fillcolor=BAND,
            line={"color": OUTLINE, "width": 0.5},
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=np.array(x)[outside].tolist() or [None],  # so that it stands in the legend, on both sides alike
            y=shown[outside].tolist() or [None],
            name="outside the band",
            mode="markers",
            marker={
                "symbol": "circle-open",
                "size": 18 if len(x) < 40 else 11,
                "color": RING,
                "line": {"width": 2 if joined else 1},
            },
            hoverinfo="skip",
        )
    mode = "lines+markers" if joined else "markers"
    marks = [("clean", clean, {"color": CLEAN, "symbol": look.marker + "-open", "line": {"width": 2}}, CLEAN)]
    if places.adversarial is not None:
        marks.append((places.changed, shown, {"color": look.colour, "symbol": look.marker}, look.colour))
    for name, values, marker, colour in marks:
        figure.add_scatter(
            x=x,
            y=values.tolist(),
            name=name,
            mode=mode,
            line={"color": colour, "width": 1},
            marker={"size": 9 if len(x) < 40 else 6, **marker},
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            customdata=[[k, text, lo, hi] for k, text, lo, hi in zip(order, names, low, high, strict=True)],
            hovertemplate=f"{name} %{{y:.3f}}"
            + (" (band %{customdata[2]:.3f} to %{customdata[3]:.3f})" if places.band_size else "")
            + "<extra>%{customdata[1]}</extra>",
        )
    if chosen is not None and chosen in order:
        at = order.index(chosen) + 1
        figure.add_vrect(x0=at - 0.5, x1=at + 0.5, line={"color": OUTLINE, "width": 1.5, "dash": "dot"})
    step = 1 if len(x) <= 10 else 2 if len(x) <= 24 else 8
    ticks = x[::step] if joined else []
    figure.update_xaxes(
        title=along, range=[0.3, len(x) + 0.7], tickvals=ticks, showgrid=False, zeroline=False, fixedrange=True
    )
    figure.update_yaxes(title=measure, range=list(axis) if axis else None, zeroline=True, fixedrange=True)
    # Anywhere above or below a place is a click on it.
    figure.update_layout(hovermode="x", clickmode="event+select", dragmode=False)
    dress(figure, title, f"{places.label}; {subtitle}; {_images(places.n)}", 340)
    what, looked_at = "layers" if joined else "channels", "clean" if places.adversarial is None else places.changed
    worst = max(range(len(names)), key=lambda i: abs(shown[i]))
    beyond, between = "Where clean batches lie by chance is not known", ""
    if places.band_size:
        beyond = (
            f"{looked_at.capitalize()}, {int(outside.sum())} of {len(names)} lie outside the band in which 95 % of "
            f"clean batches of {places.band_size:,} image{'' if places.band_size == 1 else 's'} lie"
        )
        between = f", band {low[worst]:.3f} to {high[worst]:.3f}"
    both = "clean" if places.adversarial is None else f"clean and {places.changed}"
    was = "" if places.adversarial is None else f"clean {clean[worst]:.3f}"
    alt = (
        f"{title} {measure.capitalize()} at {len(names)} {what} of {places.label} ({subtitle}), "
        f"{both}, {_images(places.n)}. {beyond}; "
        f"most moved: {names[worst]} with {shown[worst]:.3f} ({(was + between).removeprefix(', ') or 'clean'})."
    )
    if left_out:
        alt += f" {left_out} that are constant in training are left out."
    return Figure(figure, alt)


def distribution(
    population: "Layer", clean: "Layer", adversarial: "Layer | None", channel: int, place: str, label: str, norm: str,
    attack: str, n: int, centre: float | None = None, changed: str = "attacked", against: str = "training set",
) -> Figure:  # fmt: skip
    """What one channel of a layer receives: recordings in the same bins, in percent of all values a bin.

    Above them each recording's mean with its deviation to either side; `centre` is what the layer subtracts from the
    batch looked at, the attacked one if there is one; `against` says what the population is of. The outer bins, which
    hold whatever lies beyond them, are not drawn. ValueError if bins differ.
    """
    recordings = [(against, population), ("clean", clean)]
    if adversarial is not None:
        recordings.append((changed, adversarial))
    edges = _numbers(population.edges)[:, channel]
    if any(not np.array_equal(_numbers(layer.edges)[:, channel], edges) for _, layer in recordings):
        raise ValueError(f"The recordings of {population.name} were counted in different bins.")
    look, figure, said = LOOKS[norm], go.Figure(), []
    styles = {
        against: dict(fill="tozeroy", fillcolor=BAND, line={"color": OUTLINE, "width": 1}),
        "clean": dict(line={"color": CLEAN, "width": 2, "dash": "dot"}),
        changed: dict(line={"color": look.colour, "width": 2}),
    }
    symbols = {against: "line-ns", "clean": look.marker + "-open", changed: look.marker}
    shares = {}
    for name, layer in recordings:
        counts = _numbers(layer.histogram)[:, channel]
        shares[name] = 100 * counts / max(counts.sum(), 1)
    shares, edges = _joined(shares, edges)
    top = max(float(share.max()) for share in shares.values())
    for (name, layer), height in zip(recordings, (1.28, 1.18, 1.08), strict=False):
        mean, std = float(layer.mean[channel]), float(layer.std[channel])
        colour = styles[name]["line"]["color"]
        figure.add_scatter(
            x=edges.tolist(), y=[*shares[name].tolist(), 0.0], name=name, mode="lines", line_shape="hv",
            legendgroup=name, hoverinfo="skip", **{k: v for k, v in styles[name].items() if k != "line"},
            line={**styles[name]["line"], "shape": "hv"},
        )  # fmt: skip
        figure.add_scatter(
            x=[mean], y=[height * top], mode="markers", name=name, legendgroup=name, showlegend=False,
            marker={"symbol": symbols[name], "size": 11, "color": colour, "line": {"width": 2, "color": colour}},
            error_x={"type": "data", "array": [std], "color": colour, "thickness": 2, "width": 5},
            hovertemplate=f"{name}: mean %{{x:.3f}} ± deviation {std:.3f}<extra></extra>",
        )  # fmt: skip
        said.append(f"{name}: mean {mean:.3f}, deviation {std:.3f}")
    if centre is not None:
        figure.add_vline(
            x=centre, line={"color": OUTLINE, "width": 1.5, "dash": "dash"},
            annotation={"text": "subtracted", "font_size": 11, "y": 1, "yanchor": "top", "xanchor": "left"},
        )  # fmt: skip
    figure.update_xaxes(title="value (above: mean ± deviation)", fixedrange=True, zeroline=False)
    figure.update_yaxes(title="% of values a bin", range=[0, 1.5 * top], fixedrange=True)
    title = f"What does channel {channel} get?"
    subtitle = f"{label}; layer {place}; {attack}; {_images(n)}"
    dress(figure, title, subtitle, 300)
    return Figure(figure, f"{title} Histograms in the same bins, {subtitle}. {'; '.join(said)}.")


@dataclass(frozen=True, eq=False)
class Growth:
    """One model's shift at one layer as the attack grows: eps_255 and values are equally long; low, high: the band,
    NaN where it is not known."""

    label: str
    norm: str
    statistics: str
    weight_hash: str
    eps_255: Sequence[float]
    values: Sequence[float]
    low: float
    high: float


def shift_by_eps(
    growths: Sequence[Growth], layer: str, measure: str, attack: str, n: int, axis: tuple[float, float] | None = None
) -> Figure:  # fmt: skip
    """Shift at one layer against eps (k/255), every eps with the same room."""
    if not growths:
        raise UserError("There is no shift to draw yet.", "wait for the first size of the attack.")
    figure, markers, said = go.Figure(), Markers(), []
    everything = sorted({e for g in growths for e in g.eps_255})
    for g in growths:
        look, known = LOOKS[g.norm], g.low <= g.high
        band = f"band {g.low:.3f} to {g.high:.3f}" if known else "no band is known"
        if known:
            figure.add_hrect(
                y0=g.low, y1=g.high, fillcolor=look.colour, opacity=0.16, layer="below",
                line={"color": look.colour, "width": 1, "dash": DASHES[g.statistics]},
            )  # fmt: skip
        figure.add_scatter(
            x=[everything.index(e) for e in g.eps_255],
            y=list(g.values),
            name=wrap(g.label),
            mode="lines+markers",
            line={"color": look.colour, "dash": DASHES[g.statistics], "width": 2},
            marker={"symbol": markers.next(g.norm), "size": 9},
            customdata=[f"{e:g}" for e in g.eps_255],
            hovertemplate=f"eps %{{customdata}}/255: %{{y:.3f}} ({band})",
        )
        values = ", ".join(f"{v:.3f} at {e:g}/255" for e, v in zip(g.eps_255, g.values, strict=True))
        said.append(f"{g.label}, {band}: {values}")
    figure.update_xaxes(
        title="eps (k/255), steps not to scale",
        tickvals=list(range(len(everything))),
        ticktext=[f"{e:g}" for e in everything],
    )
    figure.update_yaxes(title=measure, rangemode="tozero", range=list(axis) if axis else None)
    title = "How far does this layer move?"
    dress(figure, title, f"layer {layer}; {attack}; {_images(n)}; shaded: 95 % bands", 400)
    return Figure(
        figure, f"{title} {measure.capitalize()} at layer {layer}, {attack}, {_images(n)}. {'; '.join(said)}."
    )


def mark_eps(figure: Figure, eps: float) -> Figure:
    """The figure, whose horizontal axis has the attack sizes (k/255) as tick texts, with a line at `eps`."""
    layout: Any = figure.plotly.layout
    axis = layout.xaxis
    if f"{eps:g}" not in axis.ticktext:
        return figure
    marked = go.Figure(figure.plotly)
    at = axis.tickvals[axis.ticktext.index(f"{eps:g}")]
    marked.add_shape(
        type="line", x0=at, x1=at, xref="x", y0=0, y1=1, yref="paper",
        line={"color": OUTLINE, "width": 2, "dash": "dot"}, layer="below",
    )  # fmt: skip
    return Figure(marked, f"{figure.alt} A line marks {eps:g}/255.")


def _steps(x: list[int], low: np.ndarray, high: np.ndarray) -> dict[str, list[float]]:
    """The outline of a band that is level over each place."""
    sides = [side for k in x for side in (k - 0.5, k + 0.5)]
    return {"x": sides + sides[::-1], "y": [*np.repeat(high, 2).tolist(), *np.repeat(low, 2)[::-1].tolist()]}


def _joined(
    shares: dict[str, np.ndarray], edges: np.ndarray, bins: int = 64
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Without the open-ended bins and those that are empty in all recordings, neighbours joined to about `bins`."""
    inner = {name: share[1:-1] for name, share in shares.items()}
    edges = edges[1:-1]
    used = np.flatnonzero(np.max([*inner.values()], axis=0) > 0.005)
    first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, len(edges) - 1)
    step = max(1, round((last - first) / bins))
    starts = np.arange(first, last, step)
    joined = {name: np.add.reduceat(share[:last], starts) for name, share in inner.items()}
    return joined, np.append(edges[starts], edges[last])


def _images(n: int) -> str:
    return f"n = {n:,} image{'' if n == 1 else 's'}".replace(" ", "\N{NO-BREAK SPACE}")


def _numbers(values) -> np.ndarray:
    return np.asarray(values, dtype=float)
