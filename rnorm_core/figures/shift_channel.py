"""The values that one channel of a norm layer receives: in training, from a clean batch, and from an attacked one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from rnorm_core.figures.shift import n_images
from rnorm_core.figures.style import BAND, CLEAN, LOOKS, OUTLINE, Figure, dress, numbers

if TYPE_CHECKING:  # a name for readers
    from rnorm_core.probes import Layer


@dataclass(frozen=True, eq=False)
class ChannelInput:
    """The inputs of one channel of one layer of one network, recorded in the same bins.

    label, norm: of the network. layer: title of the layer. channel: its number. n: images in the batch.
    population, clean, attacked: recordings of the layer; attacked is None if there is no attack.
    centre:     the number that the layer subtracts from this channel, if it subtracts one number.
    changed:    a word for the attacked batch, "attacked" or "with noise". reference: a word for the population.
    """

    label: str
    norm: str
    layer: str
    channel: int
    n: int
    population: "Layer"
    clean: "Layer"
    attacked: "Layer | None"
    centre: float | None = None
    changed: str = "attacked"
    reference: str = "training set"

    @property
    def recordings(self) -> list[tuple[str, "Layer"]]:
        """(name, recording) of each."""
        both = [(self.reference, self.population), ("clean", self.clean)]
        return both if self.attacked is None else [*both, (self.changed, self.attacked)]


def distribution(inputs: ChannelInput, attack: str) -> Figure:
    """Histograms of the channel's inputs in the same bins, in percent of all values per bin.

    Above them stand the means, with one standard deviation to either side, and `centre`. The outer bins also hold all
    values beyond them and are not drawn. attack: its title with its size. ValueError if the bins differ.
    """
    channel, look, population = inputs.channel, LOOKS[inputs.norm], inputs.population
    edges = numbers(population.edges[:, channel])
    if any(not np.array_equal(numbers(layer.edges[:, channel]), edges) for _, layer in inputs.recordings):
        raise ValueError(f"The recordings of {population.name} were counted in different bins.")
    styles = {
        inputs.reference: dict(fill="tozeroy", fillcolor=BAND, line={"color": OUTLINE, "width": 1}),
        "clean": dict(line={"color": CLEAN, "width": 2, "dash": "dot"}),
        inputs.changed: dict(line={"color": look.colour, "width": 2}),
    }
    symbols = {inputs.reference: "line-ns", "clean": look.marker + "-open", inputs.changed: look.marker}
    figure, series, shares = go.Figure(), [], {}
    for name, layer in inputs.recordings:
        counts = numbers(layer.histogram[:, channel])
        shares[name] = 100 * counts / max(counts.sum(), 1)
    shares, edges = _joined(shares, edges)
    top = max(float(share.max()) for share in shares.values())
    for (name, layer), height in zip(inputs.recordings, (1.28, 1.18, 1.08), strict=False):
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
            hovertemplate=f"{name}: mean %{{x:.3f}} ± standard deviation {std:.3f}<extra></extra>",
        )  # fmt: skip
        series.append(f"{name}: mean {mean:.3f}, standard deviation {std:.3f}")
    if inputs.centre is not None:
        figure.add_vline(
            x=inputs.centre, line={"color": OUTLINE, "width": 1.5, "dash": "dash"},
            annotation={"text": "subtracted", "font_size": 12, "y": 1, "yanchor": "top", "xanchor": "left"},
        )  # fmt: skip
    figure.update_xaxes(title="value (above: mean ± standard deviation)", fixedrange=True, zeroline=False)
    figure.update_yaxes(title="% of values a bin", range=[0, 1.5 * top], fixedrange=True)
    title = f"What does channel {channel} get?"
    subtitle = f"{inputs.label}; layer {inputs.layer}; {attack}; {n_images(inputs.n)}"
    dress(figure, title, subtitle, 300)
    return Figure(figure, f"{title} Histograms in the same bins, {subtitle}. {'; '.join(series)}.")


def _joined(
    shares: dict[str, np.ndarray], edges: np.ndarray, bins: int = 64
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Shares and edges without the outer bins and without those that are empty in every recording at either end;
    neighbouring bins are joined until about `bins` are left.
    """
    inner = {name: share[1:-1] for name, share in shares.items()}
    edges = edges[1:-1]
    used = np.flatnonzero(np.max([*inner.values()], axis=0) > 0.005)
    first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, len(edges) - 1)
    step = max(1, round((last - first) / bins))
    starts = np.arange(first, last, step)
    joined = {name: np.add.reduceat(share[:last], starts) for name, share in inner.items()}
    return joined, np.append(edges[starts], edges[last])
