"""The controls of the page about the inside of a norm layer."""

from dataclasses import dataclass

import streamlit as st

from rnorm_core.evaluation.measure.channel_values import POWERS
from rnorm_core.evaluation.tables.laboratories import STEPS
from rnorm_core.experiments import shift_reference
from rnorm_core.experiments.channel import ALL, EPS_255, FIRST, NONE, ONE, SCALED, SIZES, Request
from rnorm_core.norms import DEFAULT_POWER, modes
from rnorm_core.ui.settings.bar import Settings
from rnorm_core.ui.shared import layers, query_params
from rnorm_core.ui.shared.query_params import choose_one

OUTLIERS = (0, 2, 5, 10, 20, 50, 100)  # standard deviations


@dataclass(frozen=True)
class Choice:
    """What the visitor has chosen.

    request:  None if no network has a layer that this page can show.
    attacked: NONE, ONE or ALL of the images.
    layer:    path of the layer. place: layer and channel in words. channel: its number.
    eps_255, power: attack size (k of k/255) and p.
    other:    "left" or "right", if this page can show that network as well; else empty.
    """

    request: Request | None
    attacked: str
    layer: str
    place: str
    channel: int
    eps_255: float
    power: float
    other: str = ""


def choose(settings: Settings) -> Choice:
    """Network, layer and p; channel, images and attack behind a button."""
    sides = {"left": settings.left, "right": settings.right}
    possible = {key: variant for key, variant in sides.items() if variant.norm in SCALED}
    first, second, third, last = st.columns([0.8, 1.4, 2, 1], gap="medium", vertical_alignment="bottom")
    with third:
        power = choose_one(
            "p", list(POWERS), key="p", default=DEFAULT_POWER, widget=st.select_slider, shown="{:g}".format,
            help="RobustNorm divides by range to the power p: by 1 at p = 0, by the whole range at p = 1. Moving it "
            "costs nothing: the same values are divided by something else.",
        )  # fmt: skip
    more = last.popover("More choices", icon=":material/tune:", key="more", width="stretch")
    with more:
        above = st.container()
        eps = choose_one(
            "Attack size (eps, k/255)", list(EPS_255), key="eps", default=1, widget=st.select_slider,
            shown="{:g}".format,
            help=f"Of PGD with {STEPS} steps: each colour moves by at most k of 255 grey levels. Also of the "
            "accuracies of networks with other p.",
        )  # fmt: skip
    if not possible:
        query_params.reserve("net", "layer", "channel", "n", "attacked")
        return Choice(None, NONE, "", "", 0, eps, power)
    with first:
        robust = [key for key in ("right", "left") if key in possible and possible[key].norm == "rn"]
        default = (robust or list(possible))[0]
        net = choose_one("Look into", list(possible), key="net", default=default, help="Of the two networks above.")
    variant, other = possible[net], next((key for key in possible if key != net), "")
    channels = shift_reference.layers(variant)
    paths = dict(zip(layers.numbered(channels), channels, strict=True))
    with second:
        title = choose_one("Layer", list(paths), key="layer", default=list(paths)[min(FIRST, len(paths) - 1)])
    with above:
        channel = choose_one("Channel", [str(c) for c in range(channels[paths[title]])], key="channel")
        counts = [n for n in SIZES if settings.complete or n <= 20]
        count = choose_one("Images", counts, key="n", default=20, help="They run through together, as one batch.")
        attacked = choose_one(
            "Attacked", [NONE, ONE, ALL], key="attacked",
            help="By PGD, all as one batch; with “one image” the others of the batch stay clean.",
        )  # fmt: skip
    request = Request(variant, settings.images(count), eps if attacked != NONE else 0, settings.device)
    place = f"layer {title}, channel {channel}"
    return Choice(request, attacked, paths[title], place, int(channel), eps, power, other)


def outlier() -> float:
    """The distance of one more value from the mean, in standard deviations."""
    return choose_one(
        "One more value, so many standard deviations from the mean", list(OUTLIERS), key="outlier", default=20,
        widget=st.select_slider, help="Beside all the others that arrive at this channel.",
    )  # fmt: skip


def mode() -> str:
    """The statistics mode of the networks that are compared by p."""
    return choose_one(
        "Statistics of these networks", list(modes("rn")), key="p_mode",
        help="Of the networks in this section, whatever is chosen above. In “batch” and “tracked-mean” they were "
        "attacked jointly, in batches of 128.",
    )  # fmt: skip
