"""Shifts of layer statistics: over the layers of a network, over the channels of a layer, and over attack sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from rnorm_core.errors import UserError
from rnorm_core.figures.style import BAND, CLEAN, DASHES, LOOKS, OUTLINE, Figure, Markers, dress, images, wrap

RING = "rgba(128,128,128,1)"


@dataclass(frozen=True, eq=False)
class Places:
    """The shifts of one network at K places: the layers of the network, or the channels of one layer.

    label, norm, weight_hash: of the network. n: images in the batch. names: titles of the places.
    clean, adversarial: (K,) shifts of the clean and of the attacked batch; NaN where a channel is constant in training.
               adversarial is None if there is no attack.
    low, high: (K,) the natural band: 95 % of the clean training batches of `band_size` images lie between them. The
               band is not known if band_size is 0.
    changed:   a word for the batch that is compared with the clean one, "attacked" or "with noise".
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
    changed: str = "attacked"

    @property
    def shown(self) -> np.ndarray:
        """(K,): the shifts of the attacked batch, or of the clean one if there is no attack."""
        return self.clean if self.adversarial is None else self.adversarial

    @property
    def outside(self) -> np.ndarray:
        """Bool (K,): where `shown` lies outside the natural band."""
        return (self.shown < self.low) | (self.shown > self.high)

    @property
    def clean_outside(self) -> np.ndarray:
        """Bool (K,): where the clean batch lies outside the natural band."""
        return (self.clean < self.low) | (self.clean > self.high)


def span(sides: Sequence[Places], least: tuple[float, float] = (0, 0)) -> tuple[float, float]:
    """A common axis (low, high) for several figures: it holds everything drawn, with some room.

    It contains `least`, so that figures of different attacks can be compared.
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
    """The shift of each layer, in the order of the network; layer `chosen` (from 0) is marked. Points can be clicked.

    measure: title of the vertical axis. attack: its title with its size. axis: ends of the vertical axis.
    UserError if there is nothing to draw.
    """
    form = _Form("Which layers move?", attack, "layer, in the network's order", joined=True)
    return _places_figure(places, measure, form, list(range(len(places.names))), chosen, axis)


def shift_by_channel(
    places: Places,
    layer: str,
    measure: str,
    attack: str,
    chosen: int | None = None,
    axis: tuple[float, float] | None = None,
    by_size: bool = True,
) -> Figure:
    """The shift of each channel of one layer, the largest first or by number. See `shift_by_layer`."""
    sizes = -np.abs(places.shown) if by_size else np.zeros(len(places.names))
    along = f"channels, {'most moved first' if by_size else 'by number'}"
    form = _Form("Which channels move?", f"layer {layer}; {attack}", along, joined=False)
    return _places_figure(places, measure, form, np.argsort(sizes, kind="stable").tolist(), chosen, axis)


@dataclass(frozen=True)
class _Form:
    """The texts of a figure of places, and whether neighbouring points are joined by a line."""

    title: str
    subtitle: str
    along: str
    joined: bool


def _places_figure(
    places: Places,
    measure: str,
    form: _Form,
    order: list[int],
    chosen: int | None,
    axis: tuple[float, float] | None,
) -> Figure:
    left_out, order = len(order), [k for k in order if np.isfinite(places.shown[k])]
    left_out -= len(order)
    if not order:
        raise UserError("There is no shift to draw.", "choose a model with norm layers.")
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
            x=np.array(x)[outside].tolist() or [None],  # an empty trace would have no entry in the legend
            y=shown[outside].tolist() or [None],
            name="outside the band",
            mode="markers",
            marker={
                "symbol": "circle-open",
                "size": 18 if len(x) < 40 else 11,
                "color": RING,
                "line": {"width": 2 if form.joined else 1},
            },
            hoverinfo="skip",
        )
    mode = "lines+markers" if form.joined else "markers"
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
    ticks = x[::step] if form.joined else []
    figure.update_xaxes(
        title=form.along, range=[0.3, len(x) + 0.7], tickvals=ticks, showgrid=False, zeroline=False, fixedrange=True
    )
    figure.update_yaxes(title=_two_lines(measure), range=list(axis) if axis else None, zeroline=True, fixedrange=True)
    # A click anywhere above or below a place selects it.
    figure.update_layout(hovermode="x", clickmode="event+select", dragmode=False)
    dress(figure, form.title, f"{places.label}; {form.subtitle}; {n_images(places.n)}", 270 if form.joined else 340)
    what, shown_batch = (
        "layers" if form.joined else "channels",
        "clean" if places.adversarial is None else places.changed,
    )
    worst = max(range(len(names)), key=lambda i: abs(shown[i]))
    beyond, between = "Where clean batches lie by chance is not known", ""
    if places.band_size:
        beyond = (
            f"{shown_batch.capitalize()}, {int(outside.sum())} of {len(names)} lie outside the band in which 95 % of "
            f"clean batches of {places.band_size:,} image{'' if places.band_size == 1 else 's'} lie"
        )
        between = f", band {low[worst]:.3f} to {high[worst]:.3f}"
    both = "clean" if places.adversarial is None else f"clean and {places.changed}"
    was = "" if places.adversarial is None else f"clean {clean[worst]:.3f}"
    alt = (
        f"{form.title} {measure.capitalize()} at {len(names)} {what} of {places.label} ({form.subtitle}), "
        f"{both}, {n_images(places.n)}. {beyond}; "
        f"most moved: {names[worst]} with {shown[worst]:.3f} ({(was + between).removeprefix(', ') or 'clean'})."
    )
    if left_out:
        alt += f" {left_out} that are constant in training are left out."
    return Figure(figure, alt)


@dataclass(frozen=True, eq=False)
class Growth:
    """The shift of one network at one layer, for each attack size: `values` for `eps_255`.

    low, high: the natural band, NaN if it is not known.
    """

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
    """The shift at one layer over eps (k/255), in equal steps. UserError without any growth."""
    if not growths:
        raise UserError("There is no shift to draw yet.", "wait for the first size of the attack.")
    figure, markers, series = go.Figure(), Markers(), []
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
        series.append(f"{g.label}, {band}: {values}")
    figure.update_xaxes(
        title="eps (k/255), not to scale",
        tickvals=list(range(len(everything))),
        ticktext=[f"{e:g}" for e in everything],
    )
    figure.update_yaxes(title=_two_lines(measure), rangemode="tozero", range=list(axis) if axis else None)
    title = "How far does this layer move?"
    dress(figure, title, f"layer {layer}; {attack}; {n_images(n)}; shaded: 95 % bands", 400)
    return Figure(
        figure, f"{title} {measure.capitalize()} at layer {layer}, {attack}, {n_images(n)}. {'; '.join(series)}."
    )


def mark_eps(figure: Figure, eps: float) -> Figure:
    """A copy of the figure with a line at `eps`. The tick texts of its horizontal axis are attack sizes (k/255); if
    `eps` is not among them, the figure itself is returned.
    """
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
    """The outline of a band that is flat over each place."""
    sides = [side for k in x for side in (k - 0.5, k + 0.5)]
    return {"x": sides + sides[::-1], "y": [*np.repeat(high, 2).tolist(), *np.repeat(low, 2)[::-1].tolist()]}


def _two_lines(measure: str) -> str:
    """The unit on a line of its own: an axis is short."""
    return measure.replace(" (", "<br>(")


def n_images(n: int) -> str:
    """ "n = 20 images", with spaces that do not break."""
    return f"n = {images(n)}".replace(" ", "\N{NO-BREAK SPACE}")
