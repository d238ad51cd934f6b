"""Measured accuracies -> sentences of the Accuracy page."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from types import MappingProxyType

from rnorm_core.attacks import CATALOGUE
from rnorm_core.evaluation import Paired, Row, Table
from rnorm_core.evaluation.claims.verdict import EPS, listed
from rnorm_core.evaluation.measure.comparison import Comparison
from rnorm_core.evaluation.measure.over_seeds import OverSeeds
from rnorm_core.evaluation.tables.curves import WORST, Line, version
from rnorm_core.evaluation.tables.headline import headline
from rnorm_core.figures.style import images
from rnorm_core.rounding import percent
from rnorm_core.zoo import Variant

CHANCE = 0.05  # a p-value from here on is no evidence of a difference
WORST_TITLE = "Worst case over attacks"


def attack_title(attack: str) -> str:
    """attack: a name of `attacks.CATALOGUE`, or `WORST`."""
    return WORST_TITLE if attack == WORST else CATALOGUE[attack].title


def answer(table: Table, variants: Sequence[Variant]) -> str:
    """What is left of these networks' accuracy, in one sentence for each case: measured or not."""
    networks = tuple(dict.fromkeys(variants))
    rows = {one: [headline(table, one, eps) for eps in (1, 8, 0)] for one in networks}
    known = [one for one in networks if all(rows[one])]
    unknown = [one.label for one in networks if one not in known]
    parts = []
    if known:

        def each(i: int) -> list[str]:
            return [percent(row.value) for one in known if (row := rows[one][i])]

        weak = [f"{one.label} gets **{share}**" for one, share in zip(known, each(0), strict=True)]
        parts.append(
            f"When each colour may move by 1 grey level of 255, {listed(weak)} of the images right; by 8 levels, "
            f"{listed(each(1))}. Without an attack: {listed(each(2))}."
        )
    if unknown:
        parts.append(f"{listed(unknown)} {'were' if len(unknown) > 1 else 'was'} not measured before.")
    return " ".join(parts).replace(" %", "\N{NO-BREAK SPACE}%")


def conditions(drawn: Sequence[Line], names: Mapping[Variant, str] = MappingProxyType({})) -> str:
    """The attack and its settings: one text if they are the same for all networks, else one for each network.

    names: for networks that do not go by their title.
    """
    titles: dict[str, list[str]] = {}
    for line in drawn:
        titles.setdefault(_condition(line), []).append(names.get(line.variant, line.variant.title))
    if len(titles) == 1:
        return next(iter(titles))
    return "; ".join(f"{', '.join(dict.fromkeys(some))}: {condition}" for condition, some in titles.items())


def _condition(line: Line) -> str:
    fair = "" if line.among is None else "only images that all of these get right when clean"
    pixels, attacked = f"{line.rows[-1].pixels} pixels", line.rows[1:]
    if line.attack == WORST:
        ways = {row.eps_255: row.settings.get("worst of", [attack_title(row.attack)]) for row in attacked}
        return "; ".join(filter(None, [pixels, f"worst of {_by_size(ways)}", fair]))
    return ", ".join(filter(None, [_by_size({row.eps_255: _settings(row) for row in attacked}), pixels, fair]))


def beside_live(shipped: Sequence[Line], attack: str, pixels: str) -> str:
    """The conditions of a measurement with the attack's usual settings, drawn over shipped ones."""
    entry = CATALOGUE[attack]
    unit = "queries" if entry.black_box else "steps"
    steps = "" if entry.one_step else f"{entry.default_steps:,} {unit}"
    usual = ", ".join(filter(None, [steps, entry.options.get("loss"), f"{pixels} pixels"]))
    drawn = f"lines: {conditions(shipped)}; " if shipped else ""
    return f"{entry.title}; {drawn}open, measured here: {usual}"


def _settings(row: Row) -> list[str]:
    """Of one attack: ["50 steps, worst of 3 losses"]; [] where there is nothing to say."""
    steps = (
        "" if CATALOGUE[row.attack].black_box or CATALOGUE[row.attack].one_step else f"{row.settings['steps']} steps"
    )
    said = ", ".join(filter(None, [steps, version(row)]))
    return [said] if said else []


def _by_size(ways: Mapping[float, Sequence[str]]) -> str:
    """The attacks, or the settings of one; those that were not the same at every size with their sizes."""
    everywhere = [way for way in next(iter(ways.values())) if all(way in some for some in ways.values())]
    only: dict[str, list[float]] = {}
    for eps, some in ways.items():
        for way in some:
            if way not in everywhere:
                only.setdefault(way, []).append(eps)
    return ", ".join([*everywhere, *(f"{way} (at {EPS(*sizes)})" for way, sizes in only.items())])


def sentences(comparison: Comparison) -> list[str]:
    """One sentence for all images, one for those that both networks get right when clean; in Markdown."""
    left, right = comparison.left.label, comparison.right.label
    if comparison.left == comparison.right:
        return [f"Left and right are the same: {left}. Choose another model or mode under “Settings”."]
    everything, fair = comparison.everything, comparison.fair
    shown = [f"**{comparison.condition}, {images(everything.n)}.** {_difference(everything, left, right)}"]
    if fair:
        shown.append(f"**Only {images(fair.n)} that both get right when clean.** {_difference(fair, left, right)}")
    return shown


def over_seeds(over: OverSeeds, left: str, right: str) -> str:
    """The difference over trainings, and whether it may be chance; in Markdown. left, right: names without a seed."""
    ahead, behind = (left, right) if over.difference >= 0 else (right, left)
    low, high = sorted((over.low, over.high) if over.difference >= 0 else (-over.low, -over.high))
    means = [percent(fmean(values)) for values in (over.left, over.right)]
    points = f"{abs(100 * over.difference):.1f} points (95 %: {_signed(100 * low)} to {_signed(100 * high)}, Welch's t)"
    text = f"**Over {over.trainings}.** {left} keeps {means[0]} on average, {right} {means[1]}. "
    if low > 0:
        return f"{text}{ahead} is ahead of {behind} by {points}, more than the choice of seeds explains."
    return f"{text}A difference of {points} may be chance: other trainings may differ the other way."


def _difference(p: Paired, left: str, right: str) -> str:
    """Both scores, which network is ahead, and whether that may be chance."""
    shares = [percent(p.left), percent(p.right)]
    alone = f"{p.left_only:,} only {left} gets right, {p.right_only:,} only {right}"
    scores = f"{left} keeps {shares[0]}, {right} {shares[1]}; {alone}"
    if p.left_only == p.right_only:
        return f"{scores}. No difference."
    ahead, behind = (left, right) if p.difference >= 0 else (right, left)
    low, high = sorted((p.low, p.high)) if p.difference >= 0 else sorted((-p.low, -p.high))
    points = f"{abs(100 * p.difference):.1f} points (95 %: {_signed(100 * low)} to {_signed(100 * high)})"
    if p.p_value >= CHANCE:
        return f"{scores}. A difference of {points} may well be chance ({_p_value(p.p_value)})."
    more = f"more than the choice of images explains ({_p_value(p.p_value)})"
    return f"{scores}. {ahead} is ahead of {behind} by {points}, {more}."


def _signed(points: float) -> str:
    return f"{points:.1f}".replace("-0.0", "0.0").replace("-", "\N{MINUS SIGN}")


def _p_value(p: float) -> str:
    return "exact McNemar p < 0.001" if p < 0.001 else f"exact McNemar p = {p:.3f}"
