"""The questions of the page about the inside of a norm layer, in one row."""

from dataclasses import dataclass

import streamlit as st

from rnorm_core.evaluation import inside
from rnorm_core.norms import modes
from rnorm_core.ui import looking_inside, reference, shifting, url
from rnorm_core.ui.looking_inside import ALL, EPS_255, NONE, ONE, SCALED, SIZES, Plan
from rnorm_core.ui.naming import POWER
from rnorm_core.ui.sidebar import Settings

FIRST = 5  # number, from 0, of the layer that the page begins with: values of many sizes arrive there
OUTLIERS = (0, 2, 5, 10, 20, 50, 100)  # deviations


@dataclass(frozen=True)
class Look:
    """What is computed (None where no network has such a layer), and where and with which p it is looked at.

    layer: its path in the network; place: layer and channel, for people. other: "left" or "right", where that one could
    be looked into as well.
    """

    plan: Plan | None
    attacked: str
    layer: str
    place: str
    channel: int
    eps_255: float
    power: float
    other: str = ""


def look(settings: Settings) -> Look:
    """Network, layer, channel, images, attack and p."""
    sides = {"left": settings.left, "right": settings.right}
    able = {key: side for key, side in sides.items() if side.norm in SCALED}
    columns = iter(st.columns([0.75, 1.25, 0.7, 0.7, 1.15, 1.2, 1.45], gap="small"))
    boxes = [next(columns) for _ in range(5)]
    with next(columns):
        eps = url.choose_one(
            "PGD, eps (k/255)", list(EPS_255), key="eps", default=1, widget=st.select_slider, shown="{:g}".format,
            help=f"Of the attack above ({looking_inside.STEPS} steps), and of the accuracies by p below.",
        )  # fmt: skip
    with next(columns):
        p = url.choose_one(
            "p", list(inside.POWERS), key="p", default=POWER, widget=st.select_slider, shown="{:g}".format,
            help="RobustNorm divides by range to the power p: by 1 at p = 0, by the whole range at p = 1. Moving it "
            "costs nothing: the same values are divided by something else.",
        )  # fmt: skip
    if not able:
        url.reserve("net", "layer", "channel", "n", "attacked")
        return Look(None, NONE, "", "", 0, eps, p)
    with boxes[0]:
        default = next((key for key in ("right", "left") if key in able and able[key].norm == "rn"), next(iter(able)))
        net = url.choose_one("Look into", list(able), key="net", default=default, help="Of the sidebar's two networks.")
        side, other = able[net], next((key for key in able if key != net), "")
    channels = reference.layers(side)
    titles = {f"{k} {shifting.nice(name)}": name for k, name in enumerate(channels, 1)}
    with boxes[1]:
        first = list(titles)[min(FIRST, len(titles) - 1)]
        title = url.choose_one("Layer", list(titles), key="layer", default=first)
        layer = titles[title]
    with boxes[2]:
        channel = url.choose_one("Channel", [str(c) for c in range(channels[layer])], key="channel")
    with boxes[3]:
        counts = [n for n in SIZES if settings.complete or n <= 20]
        count = url.choose_one("Images", counts, key="n", default=20, help="They run through together, as one batch.")
    with boxes[4]:
        attacked = url.choose_one(
            "Attacked", [NONE, ONE, ALL], key="attacked",
            help="By PGD, all together; with “one image” only one takes its clean self's place in the batch.",
        )  # fmt: skip
    plan = Plan(
        side, settings.dataset, settings.complete, settings.source, count, eps if attacked != NONE else 0,
        settings.seed, settings.device,
    )  # fmt: skip
    return Look(plan, attacked, layer, f"layer {title}, channel {channel}", int(channel), eps, p, other)


def outlier() -> float:
    """How far out one more value lies, in deviations."""
    return url.choose_one(
        "One more value, so many deviations from the mean", list(OUTLIERS), key="outlier", default=20,
        widget=st.select_slider, help="Beside all the others that arrive at this channel.",
    )  # fmt: skip


def mode() -> str:
    """The statistics mode of the networks that are compared by p."""
    return url.choose_one(
        "Statistics of these networks", list(modes("rn")), key="p_mode",
        help="Of the networks in this section, whatever the sidebar says. In “batch” and “tracked-mean” they were "
        "attacked jointly, in batches of 128.",
    )  # fmt: skip
