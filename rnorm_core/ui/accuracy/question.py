"""The controls of the Accuracy page: the curves, its further parts, p, one attack of one size, the live measurement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from rnorm_core import evaluation, model_names, zoo
from rnorm_core.attacks import CATALOGUE
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure.protocol import ATTACKS, EPS_255, SETTINGS, STRONG
from rnorm_core.evaluation.tables import curves
from rnorm_core.experiments.accuracy_sweep import Request
from rnorm_core.figures.style import LOOKS
from rnorm_core.norms import BRANCHES, DEFAULT_POWER, STATISTICS, modes
from rnorm_core.ui.accuracy.words import attack_title
from rnorm_core.ui.settings import limits, model_picker
from rnorm_core.ui.settings.bar import Settings
from rnorm_core.ui.shared import query_params
from rnorm_core.ui.shared.guard import show as show_error
from rnorm_core.ui.shared.panels import sections
from rnorm_core.zoo import Variant

_SWEPT = [
    curves.WORST,
    *(SETTINGS.get(kind, {}).get("name", kind) for kind in (*reversed(ATTACKS), *STRONG) if kind != "clean"),
]
IN_TABLES = {attack_title(name): name for name in dict.fromkeys(_SWEPT)}
LIVE = {e.title: e.name for e in CATALOGUE.values() if e.takes_eps and e.norm == "linf"}
COMPARE, MEASURE, POWER, NUMBERS = "Left against right", "Measure it here", f"{LOOKS['rn'].name}'s p", "The numbers"
SIZES = sorted(EPS_255)
ALL, FAIR = "all", "right when clean"
ONE, EVERY = "this size", "every size"
SAMPLES, TEST_IMAGES = 20, 10_000
EVEN, SCALE = "evenly spaced", "to scale"
PGD = CATALOGUE["pgd"].title
POWERS = 3  # fewest RobustNorm models for which there is a slider of p
_MEASURING = "_measuring"  # in the session: the request of the last click on "Measure it here"


@dataclass(frozen=True)
class Choice:
    """What the curves show.

    variants: left and right first.
    seeds: networks that differ from one of `variants` in their seed alone; none if they were not chosen.
    fair:  count only images that all of these networks classify correctly without an attack.
    evenly: whether the attack sizes are drawn evenly spaced, or to scale.
    """

    variants: tuple[Variant, ...]
    seeds: tuple[Variant, ...]
    attacks: tuple[str, ...]
    fair: bool
    pixels: str
    evenly: bool


@dataclass(frozen=True)
class Powers:
    """The RobustNorm of the chosen p, those of another p, and the plain BatchNorm if it was measured."""

    chosen: Variant
    others: tuple[Variant, ...]
    batch_norm: tuple[Variant, ...]


def read_table(dataset: str) -> evaluation.Table:
    """The shipped table; if it cannot be read, the page says why and uses an empty table."""
    try:
        table = evaluation.table(dataset)
    except UserError as error:
        show_error(error)
        return evaluation.Table(())
    if table.notice:
        st.warning(table.notice)
    return table


def choose_curves(settings: Settings, table: evaluation.Table) -> Choice:
    """Left and right are always among the curves; the controls add others."""
    pair, dataset = (settings.left, settings.right), settings.dataset
    # The names are without the data set, because the address holds it already: "models=resnet20-bn".
    cards = {card.name.removeprefix(f"{dataset}-"): card for card in model_picker.cards_of(dataset)}
    titles = {short: model_names.listed(card) for short, card in cards.items()}
    without_norm = [short for short, card in cards.items() if card.norm == "none" and model_names.is_plain(card)]
    left, middle, right = st.columns([2, 2, 1], gap="medium", vertical_alignment="bottom")
    with left:
        chosen = model_picker.several(
            "Beside left and right", "models", titles, without_norm, placeholder="Type to search"
        )
    offered = _offered(table)
    with middle:
        attacks = query_params.bound(st.multiselect, "Attacks", offered, key="attacks", default=[offered[0]])
    with right:
        more = _more(table, list(cards.values()))
    others = [Variant.of(card.name) for short, card in cards.items() if short in chosen]
    in_modes = [
        one.in_mode(mode)
        for one in dict.fromkeys(variant.usual for variant in (*pair, *others))
        for mode in modes(one.norm)
        # Both branches of a dual norm have tracked statistics.
        if mode in more.statistics or (mode in BRANCHES and STATISTICS[0] in more.statistics)
    ]
    variants = tuple(dict.fromkeys((*pair, *others, *in_modes)))
    seeds = _seeds(variants, list(cards.values())) if more.with_seeds else ()
    names = tuple(IN_TABLES[title] for title in offered if title in attacks)
    return Choice(variants, seeds, names, more.counted == FAIR, more.pixels, more.axis == EVEN)


def _offered(table: evaluation.Table) -> list[str]:
    """Titles of the attacks that the table holds, the worst case first; of an empty table all that a sweep knows."""
    known = {row.attack for row in table.rows} | ({curves.WORST} if curves.has_worst(table) else set())
    swept = [title for title, name in IN_TABLES.items() if name != curves.WORST]
    return [title for title, name in IN_TABLES.items() if name in known] or swept


@dataclass(frozen=True)
class _More:
    """Choices that are seldom changed."""

    statistics: list[str]
    counted: str
    pixels: str
    axis: str
    with_seeds: bool


def _more(table: evaluation.Table, cards: Sequence[zoo.Card]) -> _More:
    """Choices that are seldom changed, behind a button that names the changed ones."""
    usual = {"counted": ALL, "pixels": evaluation.PIXELS[0], "axis": EVEN}
    now = {key: st.session_state.get(key) or st.query_params.get(key) or value for key, value in usual.items()}
    changed = [str(now[key]) for key, value in usual.items() if now[key] != value]
    with st.popover(", ".join(changed) or "More choices", icon=":material/tune:", width="stretch", key="more"):
        statistics = query_params.bound(
            st.pills, "Each also with these statistics", list(STATISTICS), key="modes", selection_mode="multi",
            default=[], wrap=True,
            help="tracked: those of the training set. batch: those of the images that are looked at together.",
        )  # fmt: skip
        counted = query_params.bound(
            st.selectbox, "Images counted", [ALL, FAIR], key="counted",
            help="“right when clean”: only images that every network drawn here recognises without an attack.",
        )  # fmt: skip
        pixels = query_params.bound(
            st.selectbox, "Pixels", list(evaluation.PIXELS), key="pixels",
            help="8-bit: the attacked image is rounded to whole grey levels, as a file does, before it is shown.",
        )  # fmt: skip
        axis = query_params.bound(st.selectbox, "Sizes", [EVEN, SCALE], key="axis")
        with_seeds = False
        names = {row.model for row in table.rows}
        measured = [card for card in cards if card.name in names]
        if any(model_names.siblings(card, measured) for card in measured):
            with_seeds = query_params.bound(
                st.toggle, "Other seeds as thin lines", True, key="seeds",
                help="Networks that were trained alike but for the random numbers: how far chance goes.",
            )  # fmt: skip
    return _More(statistics, counted, pixels, axis, with_seeds)


def _seeds(variants: Sequence[Variant], cards: Sequence[zoo.Card]) -> tuple[Variant, ...]:
    chosen = {variant.model for variant in variants}
    siblings = [
        Variant.of(sibling.name, variant.statistics)
        for variant in variants
        for sibling in model_names.siblings(zoo.card(variant.model), cards)
        if sibling.name not in chosen
    ]
    return tuple(dict.fromkeys(siblings))


def _measured(dataset: str, table: evaluation.Table, attack: str, pixels: str) -> list[zoo.Card]:
    names = {row.model for row in curves.under(table, attack, pixels).rows}
    return [card for card in model_picker.cards_of(dataset) if card.name in names]


def rest(dataset: str, table: evaluation.Table, attack: str, pixels: str) -> dict[str, Any]:
    """The parts of the page that open on demand, by title. p has one if `POWERS` networks were measured."""
    query_params.reserve("p", "case", "under", "at")
    several = len(model_names.powers(_measured(dataset, table, attack, pixels))) >= POWERS
    parts: dict[str, tuple[str, ...]] = {COMPARE: (), MEASURE: ("n", "scope"), POWER: ("p",), NUMBERS: ()}
    return sections({title: keys for title, keys in parts.items() if several or title != POWER}, "rest")


def choose_power(dataset: str, table: evaluation.Table, attack: str, pixels: str) -> Powers:
    """RobustNorm's p; call it where `rest` offers it."""
    cards = _measured(dataset, table, attack, pixels)
    by_power = model_names.powers(cards)
    middle = DEFAULT_POWER if DEFAULT_POWER in by_power else next(iter(by_power))
    p = query_params.choose_one(
        "p", list(by_power), "p", default=middle, widget=st.select_slider, shown="{:g}".format,
        help="A channel is divided by its range to the power p: by nothing at 0, by the whole range at 1.",
    )  # fmt: skip
    variants = {power: Variant.of(card.name, STATISTICS[0]) for power, card in by_power.items()}
    batch_norm = [card for card in cards if card.norm == "bn" and model_names.is_plain(card)]
    chosen = variants.pop(p)
    return Powers(chosen, tuple(variants.values()), tuple(Variant.of(card.name, STATISTICS[0]) for card in batch_norm))


def case_and_size(table: evaluation.Table) -> tuple[str, float]:
    """An attack of the table, first of all the worst case, and a size: for the comparison of left and right."""
    titles = _offered(table)
    return _attack_and_size("case", {title: IN_TABLES[title] for title in titles}, titles[0])


def attack_and_size() -> tuple[str, float]:
    """An attack and a size, for the measurement."""
    return _attack_and_size("under", LIVE, PGD)


def _attack_and_size(key: str, attacks: Mapping[str, str], first: str) -> tuple[str, float]:
    """attacks: title -> name. key: under which the address keeps the attack."""
    under, size = st.columns([1, 2], gap="large")
    with under:
        attack = attacks[query_params.bound(st.selectbox, "Under", list(attacks), list(attacks).index(first), key=key)]
    with size:
        eps = query_params.bound(
            st.select_slider, "Attack size (eps, k/255)", SIZES, 1, key="at", shown="{:g}".format,
            help="How many grey levels, of 255, each colour may move.",
        )  # fmt: skip
    return attack, eps


def measurement(settings: Settings, attack: str, eps: float, pixels: str) -> Request:
    """The request of a live measurement. A click on the button begins it; see `is_begun`."""
    every = (st.session_state.get("scope") or st.query_params.get("scope")) == EVERY
    passes = 2 * CATALOGUE[attack].default_steps * (len(SIZES) if every else 1)
    available = TEST_IMAGES if settings.complete else SAMPLES
    most = limits.images(available, passes)
    if st.session_state.get("n", 0) > most:  # chosen while another source was in use
        st.session_state["n"] = most
    number, scope, button = st.columns([1, 1, 1], gap="medium", vertical_alignment="bottom")
    with number:
        count = int(query_params.bound(st.number_input, "Images, left and right", 8, most, min(most, 32), 1, key="n"))
    with scope:
        every = query_params.bound(st.selectbox, "At", [ONE, EVERY], key="scope") == EVERY
    limits.show(most, available)
    sizes, images = tuple(SIZES) if every else (eps,), settings.images(count)
    request = Request(settings.left, settings.right, attack, sizes, pixels, images, settings.device)
    button.button("Measure it here", on_click=_begin, args=(request,), icon=":material/speed:", type="primary")
    return request


def is_begun(request: Request) -> bool:
    """Whether the last click on the button was for this request."""
    return st.session_state.get(_MEASURING) == request


def _begin(request: Request) -> None:
    st.session_state[_MEASURING] = request
