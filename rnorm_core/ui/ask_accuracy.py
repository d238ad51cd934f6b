"""The table and the questions of the Accuracy page: what to draw, one attack of one size, and what to measure here."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from rnorm_core import evaluation
from rnorm_core.attacks import CATALOGUE
from rnorm_core.errors import UserError
from rnorm_core.evaluation.protocol import ATTACKS, EPS_255, STRONG
from rnorm_core.figures import LOOKS
from rnorm_core.norms import BRANCHES, STATISTICS, modes
from rnorm_core.ui import naming, picker, shipped, url
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.guard import show as show_error
from rnorm_core.ui.measuring import Measurement
from rnorm_core.ui.sidebar import Settings

TABLED = {
    CATALOGUE[name].title: name
    for name in dict.fromkeys((*reversed(ATTACKS), *(kind.partition("-")[0] for kind in STRONG)))
    if name != "clean"
} | {shipped.WORST_TITLE: shipped.WORST}
LIVE = {e.title: e.name for e in CATALOGUE.values() if e.takes_eps and e.norm == "linf"}
SIZES = sorted(EPS_255)
ALL, FAIR = "all", "right when clean"
ONE, EVERY = "this size", "every size"
SAMPLES, TEST_IMAGES = 20, 10_000
EVEN, SCALE = "evenly spaced", "to scale"
PGD = CATALOGUE["pgd"].title
POWERS = 3  # RobustNorm models from which on a slider of p makes sense


@dataclass(frozen=True)
class Curves:
    """The answers of the first rows; fair: only images that all chosen networks get right when clean.

    seeds: for each side the networks that differ in their seed alone, empty where they are not asked for.
    """

    sides: tuple[Side, ...]
    seeds: tuple[Side, ...]
    attacks: tuple[str, ...]
    fair: bool
    pixels: str
    evenly: bool


def read_table(dataset: str) -> evaluation.Table:
    """The shipped table; where it cannot be read the page says why, and goes on with an empty one."""
    try:
        table = evaluation.table(dataset)
    except UserError as error:
        show_error(error)
        return evaluation.Table(())
    if table.notice:
        st.warning(table.notice)
    return table


def choose_curves(dataset: str, table: evaluation.Table) -> Curves:
    norms = picker.norms_of(dataset)
    names = {name.removeprefix(f"{dataset}-"): name for name in norms}
    titles = {short: naming.listed(name, norms[name]) for short, name in names.items()}
    plain = [short for short, name in names.items() if naming.of_name(name, norms[name]).plain]
    left, right = st.columns([4, 1], gap="medium", vertical_alignment="bottom")
    with left:
        chosen = picker.several("Models", "models", titles, plain or list(names)[:3], placeholder="Type to search")
    with right:
        counted, pixels, axis, seeds = _more(table, norms)
    left, right = st.columns([1, 1.8], gap="medium")
    with left:
        said = _several("Statistics", list(STATISTICS), [STATISTICS[0]], "modes")
    with right:
        offered = _offered(table)
        attacks = _several("Attacks", offered, [PGD if PGD in offered else offered[0]], "attacks")
    sides = tuple(
        Side.of(names[short], mode)
        for short in names
        if short in chosen
        for mode in modes(norms[names[short]])
        # Both branches of a dual norm remember their statistics.
        if mode in said or (mode in BRANCHES and STATISTICS[0] in said)
    )
    beside = _seeds(sides, norms) if seeds else ()
    kinds = tuple(TABLED[title] for title in offered if title in attacks)
    return Curves(sides, beside, kinds, counted == FAIR, pixels, axis == EVEN)


def _several(label: str, options: list[str], default: list[str], key: str) -> list[str]:
    return url.bound(st.pills, label, options, key=key, selection_mode="multi", default=default, wrap=True)


def _offered(table: evaluation.Table) -> list[str]:
    """Titles of the attacks that the table holds; all that a sweep knows where it holds nothing."""
    known = {row.attack for row in table.rows} | ({shipped.WORST} if shipped.has_worst(table) else set())
    return [title for title, name in TABLED.items() if name in known] or list(TABLED)[:-1]


def _more(table: evaluation.Table, norms: dict[str, str]) -> tuple[str, str, str, bool]:
    """What is seldom changed, behind a button that says what was."""
    usual = {"counted": ALL, "pixels": evaluation.PIXELS[0], "axis": EVEN}
    now = {key: st.session_state.get(key) or st.query_params.get(key) or value for key, value in usual.items()}
    changed = [str(now[key]) for key, value in usual.items() if now[key] != value]
    with st.popover(", ".join(changed) or "More choices", icon=":material/tune:", width="stretch", key="more"):
        counted = url.bound(
            st.selectbox, "Images counted", [ALL, FAIR], key="counted",
            help="“right when clean”: only images that every network drawn here recognises without an attack.",
        )  # fmt: skip
        pixels = url.bound(
            st.selectbox, "Pixels", list(evaluation.PIXELS), key="pixels",
            help="8-bit: the attacked image is rounded to whole grey levels, as a file does, before it is shown.",
        )  # fmt: skip
        axis = url.bound(st.selectbox, "Sizes", [EVEN, SCALE], key="axis")
        seeds = False
        measured = {row.model: row.norm for row in table.rows if row.model in norms}
        if any(naming.siblings(name, measured) for name in measured):
            seeds = url.bound(
                st.toggle, "Other seeds as thin lines", True, key="seeds",
                help="Networks that were trained alike but for the random numbers: how far chance goes.",
            )  # fmt: skip
    return counted, pixels, axis, seeds


def _seeds(sides: Sequence[Side], norms: dict[str, str]) -> tuple[Side, ...]:
    chosen = {side.name for side in sides}
    found = [
        Side.of(other, side.statistics)
        for side in sides
        for other in naming.siblings(side.name, norms)
        if other not in chosen
    ]
    return tuple(dict.fromkeys(found))


def choose_power(
    dataset: str, table: evaluation.Table, attack: str, pixels: str
) -> tuple[Side, tuple[Side, ...], tuple[Side, ...]] | None:
    """The RobustNorm whose p was chosen, those with another, and the plain BatchNorm; None where fewer than `POWERS`
    were measured under this attack."""
    names = {row.model: row.norm for row in shipped.under(table, attack, pixels).rows}
    norms = {name: norm for name, norm in picker.norms_of(dataset).items() if name in names}
    known = naming.powers(norms)
    if len(known) < POWERS:
        return None
    st.markdown(f"#### What does {LOOKS['rn'].name}'s p change?")
    middle = naming.POWER if naming.POWER in known else next(iter(known))
    p = url.choose_one(
        "p", list(known), "p", default=middle, widget=st.select_slider, shown="{:g}".format,
        help="A channel is divided by its range to the power p: by nothing at 0, by the whole range at 1.",
    )  # fmt: skip
    sides = {power: Side.of(name, STATISTICS[0]) for power, name in known.items()}
    batch = [name for name, norm in norms.items() if norm == "bn" and naming.of_name(name, norm).plain]
    return sides.pop(p), tuple(sides.values()), tuple(Side.of(name, STATISTICS[0]) for name in batch)


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
