"""The questions of the Accuracy page: what to draw, one attack of one size, and what to measure here."""

from dataclasses import dataclass

import streamlit as st

from rnorm_core import evaluation, zoo
from rnorm_core.attacks import CATALOGUE
from rnorm_core.evaluation.sweep import ATTACKS, EPS_255, modes
from rnorm_core.figures import LOOKS
from rnorm_core.norms import MODES
from rnorm_core.ui import url
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.measuring import Measurement
from rnorm_core.ui.sidebar import Settings

TABLED = {CATALOGUE[name].title: name for name in reversed(ATTACKS) if name != "clean"}  # the strongest first
LIVE = {e.title: e.name for e in CATALOGUE.values() if e.takes_eps and e.norm == "linf"}
SIZES = sorted(EPS_255)
ALL, FAIR = "all", "right when clean"
ONE, EVERY = "this size", "every size"
SAMPLES, TEST_IMAGES = 20, 10_000
EVEN, SCALE = "evenly spaced", "to scale"
PGD = CATALOGUE["pgd"].title


@dataclass(frozen=True)
class Curves:
    """The answers of the first row; fair: only images that all chosen networks get right when clean."""

    sides: tuple[Side, ...]
    attacks: tuple[str, ...]
    fair: bool
    pixels: str
    evenly: bool


def choose_curves(dataset: str) -> Curves:
    cards = sorted((zoo.card(name) for name in zoo.names()), key=lambda card: list(LOOKS).index(card.norm))
    names = {card.name.removeprefix(f"{dataset}-"): card.name for card in cards if card.dataset == dataset}
    known = [mode for mode in MODES if any(mode in modes(name) for name in names.values())]
    columns = iter(st.columns([1.25, 1, 1.3], gap="medium"))
    with next(columns):
        models = _several("Models", list(names), list(names), "models")
    with next(columns):
        chosen = _several("Statistics", known, [known[0]], "modes")
    with next(columns):
        attacks = _several("Attacks", list(TABLED), [PGD], "attacks")
    columns = iter(st.columns([1.25, 1, 1.3], gap="medium"))
    with next(columns):
        counted = url.bound(
            st.selectbox, "Images counted", [ALL, FAIR], key="counted",
            help="“right when clean”: only images that every network drawn here recognises without an attack.",
        )  # fmt: skip
    with next(columns):
        pixels = url.bound(
            st.selectbox, "Pixels", list(evaluation.PIXELS), key="pixels",
            help="8-bit: the attacked image is rounded to whole grey levels, as a file does, before it is shown.",
        )  # fmt: skip
    with next(columns):
        axis = url.bound(st.selectbox, "Sizes", [EVEN, SCALE], key="axis")
    sides = tuple(
        Side.of(names[name], mode)
        for name in names
        if name in models
        for mode in MODES
        if mode in chosen and mode in modes(names[name])
    )
    return Curves(sides, tuple(TABLED[t] for t in TABLED if t in attacks), counted == FAIR, pixels, axis == EVEN)


def _several(label: str, options: list[str], default: list[str], key: str) -> list[str]:
    return url.bound(st.pills, label, options, key=key, selection_mode="multi", default=default, wrap=True)


def attack_and_size() -> tuple[str, float]:
    """An attack and a size, for the comparison and the measurement."""
    st.markdown("#### Left or right: who keeps more?")
    under, size = st.columns([1, 2], gap="large")
    with under:
        attack = LIVE[url.bound(st.selectbox, "Under", list(LIVE), list(LIVE).index(PGD), key="under")]
    with size:
        eps = url.bound(st.select_slider, "eps (k/255)", SIZES, 1, key="at", shown=lambda value: f"{value:g}")
    return attack, eps


def measurement(settings: Settings, attack: str, eps: float, pixels: str) -> Measurement:
    st.markdown("#### Measure it here")
    most = TEST_IMAGES if settings.complete else SAMPLES
    if st.session_state.get("n", 0) > most:  # chosen from another source
        st.session_state["n"] = most
    number, scope, button = st.columns([1, 1, 1], gap="medium", vertical_alignment="bottom")
    with number:
        count = int(url.bound(st.number_input, "Images, left and right", 8, most, min(most, 32), 1, key="n"))
    with scope:
        every = url.bound(st.selectbox, "At", [ONE, EVERY], key="scope") == EVERY
    about = settings.dataset, settings.complete, settings.source, count, settings.seed, settings.device
    asked = Measurement(settings.left, settings.right, attack, tuple(SIZES) if every else (eps,), pixels, *about)
    button.button("Measure it here", on_click=begin, args=(asked,), icon=":material/speed:", type="primary")
    return asked


def begin(asked: Measurement) -> None:
    st.session_state["_measuring"] = asked
