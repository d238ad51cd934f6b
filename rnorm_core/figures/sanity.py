"""The loss around an image: a 3-D surface over a plane of two directions, and the classes in the same plane."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from rnorm_core.data import class_title
from rnorm_core.errors import UserError
from rnorm_core.figures.style import Figure, dress, numbers
from rnorm_core.sanity import Surface

ALONG, ASIDE = "along the gradient's sign (in eps)", "random signs (in eps)"
# Paul Tol's light scheme and one grey: nine hues that are safe for the colour-blind. Letters name the classes, too.
COLOURS = (
    "#77AADD", "#EE8866", "#EEDD88", "#FFAABB", "#99DDFF", "#44BB99", "#BBCC33", "#AAAA00", "#DDDDDD", "#BBAACC",
)  # fmt: skip


def common_scale(surfaces: Sequence[Surface]) -> tuple[float, float]:
    """One scale of the loss for several models: from 0 to the highest point. UserError if a loss is not finite."""
    losses = [numbers(surface.loss) for surface in surfaces]
    if not losses or not all(np.isfinite(loss).all() for loss in losses):
        raise UserError("There is no finite loss to draw.", "choose a model with finite outputs.")
    return 0.0, max(float(max(loss.max() for loss in losses)), 1e-6)


def loss_surface(surface: Surface, label: str, classes: Sequence[str], scale: tuple[float, float]) -> Figure:
    """Cross entropy over the plane, in 3-D. scale: `common_scale` of all surfaces that are compared."""
    grid, loss, classes = numbers(surface.grid), numbers(surface.loss), list(map(class_title, classes))
    names = np.array([[classes[k] for k in row] for row in surface.predicted.tolist()])
    figure = go.Figure(
        go.Surface(
            x=grid.tolist(), y=grid.tolist(), z=loss.T.tolist(), customdata=names.T.tolist(), cmin=scale[0],
            cmax=scale[1], colorscale="Cividis", colorbar={"title": "loss", "thickness": 12, "len": 0.7},
            contours={"z": {"show": True, "usecolormap": False, "color": "rgba(255,255,255,0.5)", "width": 1}},
            hovertemplate="gradient %{x:.2g}, random %{y:.2g}: loss %{z:.3g}, seen as %{customdata}<extra></extra>",
        )
    )  # fmt: skip
    if len(middle := np.flatnonzero(grid == 0)):
        k = int(middle[0])
        foot = float(loss[k, k])
        figure.add_scatter3d(  # a vertical line, because the surface would cover a mark at its foot
            x=[0, 0], y=[0, 0], z=[foot, scale[1]], mode="lines+markers+text",
            text=["", "the image"], showlegend=False, hoverinfo="skip", line={"color": "#D55E00", "width": 5},
            marker={"size": [5, 0], "color": "#D55E00"}, textfont={"size": 13, "color": "#D55E00"},
        )  # fmt: skip
    figure.update_scenes(
        xaxis_title="gradient (eps)", yaxis_title="random (eps)", zaxis_title="loss",
        zaxis_range=[scale[0], 1.02 * scale[1]], aspectmode="manual", aspectratio={"x": 1, "y": 1, "z": 0.7},
        camera={"eye": {"x": -1.65, "y": -1.65, "z": 1.0}},
    )  # fmt: skip
    title = "What does the loss look like around this image?"
    dress(figure, title, _about(surface, label), 420)
    top, low = np.unravel_index(int(loss.argmax()), loss.shape), float(loss.min())
    alt = (
        f"{title} Cross entropy of {classes[surface.label]} for {label}, one image, 1 eps = {255 * surface.eps:g}/255: "
        f"between {low:.3g} and {loss.max():.3g}, highest at {grid[top[0]]:.2g} eps along the gradient and "
        f"{grid[top[1]]:.2g} eps of random signs; length of the gradient {surface.gradient:.2g}."
    )
    return Figure(figure, alt)


def decision_map(surface: Surface, label: str, classes: Sequence[str]) -> Figure:
    """The predicted class at each point of the plane. In the dotted diamond no pixel changes by more than eps.

    Each direction changes each pixel by one eps, up or down. Where the two signs agree, the two steps add up.
    """
    grid, predicted, classes = numbers(surface.grid), surface.predicted.numpy(), list(map(class_title, classes))
    seen = np.unique(predicted).tolist()
    bands = [[(k + end) / len(seen), colour] for k, colour in enumerate(_colours(seen)) for end in (0, 1)]
    names = np.array([[classes[k] for k in row] for row in predicted.tolist()])
    figure = go.Figure(
        go.Heatmap(
            x=grid.tolist(), y=grid.tolist(), z=np.searchsorted(seen, predicted).T.tolist(), zmin=-0.5,
            zmax=len(seen) - 0.5, colorscale=bands, showscale=False,
            customdata=np.stack([names.T, np.char.mod("%.3g", numbers(surface.margin).T)], axis=-1).tolist(),
            hovertemplate="gradient %{x:.2g}, random %{y:.2g}: %{customdata[0]}, other minus own logit "
            "%{customdata[1]}<extra></extra>",
        )
    )  # fmt: skip
    for k in seen:
        a, b = _middle(predicted == k)
        shift = 18 if abs(grid[a]) < 0.4 and abs(grid[b]) < 0.2 else 0  # off the cross in the middle
        name = f"{classes[k]} (right)" if k == surface.label else classes[k]
        figure.add_annotation(
            x=grid[a], y=grid[b], text=name, showarrow=False, yshift=shift, font={"color": "black", "size": 13},
            bgcolor="rgba(255,255,255,0.65)",
        )  # fmt: skip
    figure.add_scatter(
        x=[0], y=[0], mode="markers", showlegend=False, hoverinfo="skip",
        marker={"symbol": "x", "size": 10, "color": "black", "line": {"color": "white", "width": 1}},
    )  # fmt: skip
    dotted = {"color": "black", "width": 1.5, "dash": "dot"}
    figure.add_shape(type="path", path="M 1 0 L 0 1 L -1 0 L 0 -1 Z", line=dotted)
    figure.update_xaxes(title=ALONG, constrain="domain", showgrid=False, zeroline=False)
    figure.update_yaxes(title=ASIDE, scaleanchor="x", constrain="domain", showgrid=False, zeroline=False)
    title = "Where does the answer change?"
    dress(figure, title, _about(surface, label) + "; cross: the image", 420)
    shares = ", ".join(f"{classes[k]} at {np.mean(predicted == k):.0%} of the points" for k in seen)
    right = classes[surface.label]
    alt = f"{title} Predicted class of {label} in the plane of two directions; the label is {right}: {shares}."
    return Figure(figure, alt)


def _colours(seen: Sequence[int]) -> list[str]:
    """One colour for each of these classes, different ones as long as there are enough."""
    colours: list[str] = []
    for k in seen:
        in_order = [COLOURS[(k + i) % len(COLOURS)] for i in range(len(COLOURS))]
        colours.append(next((colour for colour in in_order if colour not in colours), in_order[0]))
    return colours


def _about(surface: Surface, label: str) -> str:
    others = f", beside {surface.others} others" if surface.others else ""
    return f"{label}; one image{others}; 1 eps = {255 * surface.eps:g}/255"


def _middle(mask: np.ndarray) -> tuple[int, int]:
    """The true point of bool (G, G) that is nearest to the mean of all true points. (The mean itself may be False.)"""
    points = np.argwhere(mask)
    a, b = points[((points - points.mean(0)) ** 2).sum(1).argmin()].tolist()
    return a, b
