"""The controls of the Accuracy page: the curves, p, one attack of one size, and the live measurement."""

from collections.abc import Sequence
from dataclasses import dataclass

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
from rnorm_core.ui.settings import model_picker
from rnorm_core.ui.settings.sidebar import Settings
from rnorm_core.ui.shared import query_params
from rnorm_core.ui.shared.guard import show as show_error
from rnorm_core.zoo import Variant

_SWEPT = [SETTINGS.get(kind, {}).get("name", kind) for kind in (*reversed(ATTACKS), *STRONG) if kind != "clean"]
IN_TABLES = {attack_title(name): name for name in dict.fromkeys((*_SWEPT, curves.WORST))}
LIVE = {e.title: e.name for e in CATALOGUE.values() if e.takes_eps and e.norm == "linf"}
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


def choose_curves(dataset: str, table: evaluation.Table) -> Choice:
    # The names are without the data set, because the address holds it already: "models=resnet20-bn".
    cards = {card.name.removeprefix(f"{dataset}-"): card for card in model_picker.cards_of(dataset)}
    titles = {short: model_names.listed(card) for short, card in cards.items()}
    plain = [short for short, card in cards.items() if model_names.is_plain(card)]
    left, right = st.columns([4, 1], gap="medium", vertical_alignment="bottom")
    with left:
        chosen = model_picker.several(
            "Models", "models", titles, plain or list(cards)[:3], placeholder="Type to search"
        )
    with right:
        more = _more(table, list(cards.values()))
    left, right = st.columns([1, 1.8], gap="medium")
    with left:
        statistics = _several("Statistics", list(STATISTICS), [STATISTICS[0]], "modes")
    with right:
        offered = _offered(table)
        attacks = _several("Attacks", offered, [PGD if PGD in offered else offered[0]], "attacks")
    variants = tuple(
        Variant.of(card.name, mode)
        for short, card in cards.items()
        if short in chosen
        for mode in modes(card.norm)
        # Both branches of a dual norm have tracked statistics.
        if mode in statistics or (mode in BRANCHES and STATISTICS[0] in statistics)
    )
    seeds = _seeds(variants, list(cards.values())) if more.with_seeds else ()
    names = tuple(IN_TABLES[title] for title in offered if title in attacks)
    return Choice(variants, seeds, names, more.counted == FAIR, more.pixels, more.axis == EVEN)


def _several(label: str, options: list[str], default: list[str], key: str) -> list[str]:
    return query_params.bound(st.pills, label, options, key=key, selection_mode="multi", default=default, wrap=True)


def _offered(table: evaluation.Table) -> list[str]:
    """Titles of the attacks that the table holds; of an empty table all attacks that a sweep knows."""
    known = {row.attack for row in table.rows} | ({curves.WORST} if curves.has_worst(table) else set())
    swept = [title for title, name in IN_TABLES.items() if name != curves.WORST]
    return [title for title, name in IN_TABLES.items() if name in known] or swept


@dataclass(frozen=True)
class _More:
    """Choices that are seldom changed."""

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
    return _More(counted, pixels, axis, with_seeds)


def _seeds(variants: Sequence[Variant], cards: Sequence[zoo.Card]) -> tuple[Variant, ...]:
    chosen = {variant.model for variant in variants}
    siblings = [
        Variant.of(sibling.name, variant.statistics)
        for variant in variants
        for sibling in model_names.siblings(zoo.card(variant.model), cards)
        if sibling.name not in chosen
    ]
    return tuple(dict.fromkeys(siblings))


def choose_power(dataset: str, table: evaluation.Table, attack: str, pixels: str) -> Powers | None:
    """RobustNorm's p; None if fewer than `POWERS` networks were measured under this attack."""
    names = {row.model for row in curves.under(table, attack, pixels).rows}
    cards = [card for card in model_picker.cards_of(dataset) if card.name in names]
    by_power = model_names.powers(cards)
    if len(by_power) < POWERS:
        return None
    st.markdown(f"#### What does {LOOKS['rn'].name}'s p change?")
    middle = DEFAULT_POWER if DEFAULT_POWER in by_power else next(iter(by_power))
    p = query_params.choose_one(
        "p", list(by_power), "p", default=middle, widget=st.select_slider, shown="{:g}".format,
        help="A channel is divided by its range to the power p: by nothing at 0, by the whole range at 1.",
    )  # fmt: skip
    variants = {power: Variant.of(card.name, STATISTICS[0]) for power, card in by_power.items()}
    batch_norm = [card for card in cards if card.norm == "bn" and model_names.is_plain(card)]
    chosen = variants.pop(p)
    return Powers(chosen, tuple(variants.values()), tuple(Variant.of(card.name, STATISTICS[0]) for card in batch_norm))


def attack_and_size() -> tuple[str, float]:
    """An attack and a size, for the comparison and the measurement."""
    st.markdown("#### Left or right: who keeps more?")
    under, size = st.columns([1, 2], gap="large")
    with under:
        attack = LIVE[query_params.bound(st.selectbox, "Under", list(LIVE), list(LIVE).index(PGD), key="under")]
    with size:
        eps = query_params.bound(st.select_slider, "eps (k/255)", SIZES, 1, key="at", shown=lambda value: f"{value:g}")
    return attack, eps


def measurement(settings: Settings, attack: str, eps: float, pixels: str) -> Request:
    """The request of a live measurement. A click on the button begins it; see `is_begun`."""
    st.markdown("#### Measure it here")
    most = TEST_IMAGES if settings.complete else SAMPLES
    if st.session_state.get("n", 0) > most:  # chosen while another source was in use
        st.session_state["n"] = most
    number, scope, button = st.columns([1, 1, 1], gap="medium", vertical_alignment="bottom")
    with number:
        count = int(query_params.bound(st.number_input, "Images, left and right", 8, most, min(most, 32), 1, key="n"))
    with scope:
        every = query_params.bound(st.selectbox, "At", [ONE, EVERY], key="scope") == EVERY
    sizes, images = tuple(SIZES) if every else (eps,), settings.images(count)
    request = Request(settings.left, settings.right, attack, sizes, pixels, images, settings.device)
    button.button("Measure it here", on_click=_begin, args=(request,), icon=":material/speed:", type="primary")
    return request


def is_begun(request: Request) -> bool:
    """Whether the last click on the button was for this request."""
    return st.session_state.get(_MEASURING) == request


def _begin(request: Request) -> None:
    st.session_state[_MEASURING] = request
