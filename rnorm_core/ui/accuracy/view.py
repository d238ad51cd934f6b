"""The Accuracy page's charts, sentences and tables."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st
import torch

from rnorm_core import evaluation, model_names, zoo
from rnorm_core.attacks import CATALOGUE
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure.comparison import Comparison
from rnorm_core.evaluation.measure.sweep import BATCH
from rnorm_core.evaluation.published import EPS_255, RESNET18, Published, comparable
from rnorm_core.evaluation.tables import headline
from rnorm_core.evaluation.tables.alike import rows_of
from rnorm_core.evaluation.tables.curves import WORST, Line, at, lines, of_variant, titles
from rnorm_core.evaluation.tables.trainings import over_trainings
from rnorm_core.experiments.accuracy_sweep import Result
from rnorm_core.figures import published as of_others
from rnorm_core.figures.accuracy import Agreement, Curve, accuracy_curve, agreement
from rnorm_core.norms import looks_at_batch
from rnorm_core.pixels import OWN_STD, PAPER_STD
from rnorm_core.report import Source, as_csv, reproduce, sources
from rnorm_core.report.points import records
from rnorm_core.ui.accuracy import words
from rnorm_core.ui.accuracy.question import MEASURE, Choice, Powers
from rnorm_core.ui.chart.component import chart
from rnorm_core.ui.shared.guard import show as show_error
from rnorm_core.ui.shared.provenance import how_measured
from rnorm_core.zoo import Variant

# --- results -> curves


def curve(line: Line) -> Curve:
    return _curve(line.variant, [(row.eps_255, *line.counts(row)) for row in line.rows])


def live_curves(result: Result, fair: bool = False) -> list[Curve]:
    """One curve for each network, from the sizes measured so far.

    fair: count only images that both get right when clean; no curve while they are unknown, or if there are none.
    """
    variants, among = result.request.variants, None
    in_order = sorted(result.hits.items(), key=lambda item: item[0][1])  # by eps
    if fair:
        clean = [result.hits[variant, 0] for variant in variants if (variant, 0) in result.hits]
        if len(clean) < len(variants):
            return []
        among = torch.stack(clean).all(0)
        if not among.any():
            return []
    curves = []
    for variant in variants:
        hits = {eps: mask if among is None else mask[among] for (of, eps), mask in in_order if of == variant}
        if hits:
            points = [(eps, int(mask.sum()), len(mask)) for eps, mask in hits.items()]
            curves.append(_curve(variant, points, here=True))
    return curves


def _curve(variant: Variant, points: Sequence[tuple[float, int, int]], here: bool = False) -> Curve:
    """points: (eps_255, correct, n) by eps."""
    eps, correct, n = zip(*points, strict=True)
    low, high = zip(*(evaluation.wilson(k, m) for _, k, m in points), strict=True)
    label = f"{variant.label}, measured here" if here else variant.label
    return Curve(
        label, variant.norm, variant.statistics, eps, correct, n, low, high, weight_hash=variant.weight_hash, here=here
    )


def agreement_rows(comparison: Comparison) -> list[Agreement]:
    kinds = [("all images", comparison.everything), ("right when clean", comparison.fair)]
    return [Agreement(name, p.both, p.left_only, p.right_only, p.neither) for name, p in kinds if p]


# --- what is drawn


def measured_lines(table: evaluation.Table, choice: Choice) -> list[Line]:
    """Of every attack the curves of the chosen networks and of their other seeds."""
    variants = (*choice.variants, *choice.seeds)
    return [line for attack in choice.attacks for line in _lines(table, choice, variants, attack)]


def _lines(table: evaluation.Table, choice: Choice, variants: Sequence[Variant], attack: str) -> list[Line]:
    return lines(table, variants, attack, choice.pixels, fair=choice.fair, rows=headline.rows)


def _beside(drawn: Sequence[Line], choice: Choice) -> list[tuple[zoo.Card, float]]:
    """The networks beside which the accuracies of others are drawn, and theirs at the same size.

    Others' accuracies are a worst case over attacks, on all images, of floating-point pixels.
    """
    if choice.fair or choice.pixels != evaluation.PIXELS[0]:
        return []
    worst = [(line.variant, row) for line in drawn if line.attack == WORST and (row := at(line.rows, EPS_255))]
    known = comparable(variant for variant, _ in worst)
    return [(zoo.card(variant.model), row.value) for variant, row in worst if variant in known]


def show_curves(drawn: Sequence[Line], choice: Choice) -> None:
    """A chart for each attack."""
    if not choice.attacks:
        show_error(UserError("There is nothing to draw.", "choose an attack."))
        return
    known = {(line.attack, line.variant) for line in drawn}
    beside = _beside(drawn, choice)
    with st.container(key="curves"):
        for i, attack in enumerate(choice.attacks):
            if i % 2 == 0:
                places = st.columns(2 if len(choice.attacks) > 1 else 1, gap="large")
            if some := [line for line in drawn if line.attack == attack]:
                case = "in the worst case" if attack == WORST else f"under {words.attack_title(attack)}"
                with places[i % 2]:
                    _draw(
                        some,
                        choice,
                        f"How much is left {case}?",
                        f"curves {attack}",
                        choice.seeds,
                        "other seeds",
                        source=_source(choice, (*choice.variants, *choice.seeds), attack, some),
                        published=RESNET18 if beside and attack == WORST else (),
                    )
    missing = [
        f"{variant.label} under {words.attack_title(attack)}"
        for attack in choice.attacks for variant in choice.variants if (attack, variant) not in known
    ]  # fmt: skip
    if missing:
        st.caption(f"Not measured yet: {'; '.join(missing)}. “{MEASURE}” below measures left and right.")
    if beside:
        st.caption(of_others.caption(RESNET18, beside))
    if drawn and choice.pixels == "8-bit":
        st.caption(
            "Rounding to the nearest grey level loses a change of less than half a level, and makes a whole level of a "
            "larger one: a file attacked at 0.5/255 may hold changes twice as large as the attack was allowed."
        )
    if drawn:
        _show_how(drawn, [of_others.sources(RESNET18)] if beside else [])


def show_powers(table: evaluation.Table, choice: Choice, powers: Powers, attack: str) -> None:
    """The chosen p of RobustNorm beside BatchNorm, the others as thin lines."""
    variants = (powers.chosen, *powers.batch_norm, *powers.others)
    if some := _lines(table, choice, variants, attack):
        _draw(
            some,
            choice,
            "Does the power of the range matter?",
            "powers",
            powers.others,
            "other p",
            source=_source(choice, variants, attack, some),
        )


def _draw(
    drawn: Sequence[Line],
    choice: Choice,
    title: str,
    key: str,
    thin: Sequence[Variant],
    what_is_thin: str,
    *,
    source: Source,
    published: Sequence[Published] = (),
) -> None:
    curves = [replace(curve(line), thin=line.variant in thin) for line in drawn]
    conditions = words.conditions(drawn, dict.fromkeys(thin, f"the {what_is_thin}"))
    figure = accuracy_curve(
        curves, conditions, choice.evenly, title=title, marks=True, thin=what_is_thin, published=published
    )
    chart(figure, key, source)


def _source(choice: Choice, variants: Sequence[Variant], attack: str, drawn: Sequence[Line]) -> Source:
    return sources.shipped(
        f"accuracy under {words.attack_title(attack)}", "accuracy", command=_command(drawn), variants=tuple(variants),
        attacks=(attack,), pixels=choice.pixels, fair=choice.fair,
    )  # fmt: skip


def _command(drawn: Sequence[Line]) -> str:
    return reproduce.rows_script([row for line in drawn for row in line.rows])


def _show_how(drawn: Sequence[Line], more: Sequence[str]) -> None:
    counts = sorted({line.counts(row)[1] for line in drawn for row in line.rows})
    how_measured(
        "curves", "accuracy by attack size; bars: 95 % intervals",
        weights={line.variant.title: line.variant.weight_hash for line in drawn},
        n=f"n = {' to '.join(f'{n:,}' for n in dict.fromkeys((counts[0], counts[-1])))} test images",
        command=_command(drawn),
        more=[
            f"Sizes are in pixel units. The upper axis has them in the paper's, whose authors divide pixels by about "
            f"{PAPER_STD}; CIFAR-10's own standard deviation is about {OWN_STD}, CIFAR-100's 0.27. "
            "Touch a point for both. Left of the dotted line a change is smaller than one grey level, the least "
            "that a file holds.",
            *more,
        ],
    )  # fmt: skip


def show_numbers(drawn: Sequence[Line]) -> None:
    """The points of the curves, each with the command that measures it again, in a file."""
    points = records(drawn)
    st.dataframe(points, hide_index=True, height=300)
    st.download_button(
        "CSV", partial(as_csv, points), "accuracy.csv", "text/csv", on_click="ignore", icon=":material/download:"
    )


def show_comparison(
    table: evaluation.Table, comparison: Comparison | None, variants: tuple[Variant, Variant], pixels: str
) -> None:
    """Left against right under one attack: image by image, and over trainings where both have several."""
    if comparison is None:
        brought = dict.fromkeys(variant.title for variant in variants if zoo.is_brought(variant.model))
        why = f"No accuracies come with {' and '.join(brought)}" if brought else (
            "The table does not hold left and right under this attack at this size"
        )  # fmt: skip
        st.caption(f"{why}: “{MEASURE}” does it.")
        return
    picture, text = st.columns([3, 2], gap="large")
    with text:
        trainings = _over_trainings(table, comparison, pixels)
        st.markdown("\n\n".join([*words.sentences(comparison), *trainings]))
        st.caption(
            "The intervals and p (McNemar's test: of the images on which the two differ, could as many be on one side "
            "by chance?) say what other images might do. Another training might do otherwise, too: "
            + ("the last interval says how far." if trainings else "one seed is an example.")
        )
    if comparison.left != comparison.right:
        left, right = ((variant.label, variant.norm) for variant in (comparison.left, comparison.right))
        figure = agreement(agreement_rows(comparison), left, right, comparison.condition)
        command = reproduce.rows_script(rows_of(table, comparison, pixels))
        with picture:
            chart(figure, "agreement", sources.shipped(
                "left against right", "compared", command=command, left=comparison.left, right=comparison.right,
                attack=comparison.attack, eps_255=comparison.eps_255, pixels=pixels,
            ))  # fmt: skip


def _over_trainings(table: evaluation.Table, comparison: Comparison, pixels: str) -> list[str]:
    """A sentence about the trainings of left and right with other seeds; [] where one of them has no other."""

    def row(rows: evaluation.Table, variant: Variant) -> evaluation.Row | None:
        return at(of_variant(rows, variant, comparison.attack, pixels), comparison.eps_255)

    over = over_trainings(table, comparison.left, comparison.right, row, pixels)
    if over is None:
        return []
    text = words.over_seeds(over, *map(_without_seed, (comparison.left, comparison.right)))
    mine = next(titles(one) for one in rows_of(table, comparison, pixels) if one.eps_255)
    fewer = f" Compared under what all of them met: {', '.join(over.attacks)}." if over.attacks != mine else ""
    return [text + fewer]


def _without_seed(variant: Variant) -> str:
    return replace(variant, title=model_names.title(zoo.card(variant.model), with_seed=False)).label


def show_precision(count: int) -> None:
    """The precision of a measurement on `count` images."""
    low, high = evaluation.wilson(count // 2, count)
    st.caption(
        f"{count} images tell an accuracy near a half to within about {50 * (high - low):.0f} points either way."
    )


def show_measured(result: Result, table: evaluation.Table, choice: Choice, eps_255: float) -> None:
    """Live measurements drawn over the curves of the table; the result may be partial."""
    request = result.request
    variants = request.left, request.right
    shipped = lines(table, variants, request.attack, choice.pixels, fair=choice.fair)
    if curves := [*map(curve, shipped), *live_curves(result, choice.fair)]:
        title = "Does it come out the same here?"
        conditions = words.beside_live(shipped, request.attack, request.pixels)
        figure = accuracy_curve(curves, conditions, choice.evenly, title=title, marks=True)
        chart(figure, "measured", sources.experiment("measured here", result))
    if not result.hits:
        return
    if comparison := result.comparison(eps_255):
        st.markdown("\n\n".join(words.sentences(comparison)))
    images = request.images
    st.caption(f"Measured here: {images.count} images ({images.source}).")
    how_measured(
        "here", f"{CATALOGUE[request.attack].title}, {request.pixels} pixels, on this computer ({request.device})",
        weights={variant.title: variant.weight_hash for variant in request.variants},
        n=f"n = {images.count}, {images.source}", seed=images.seed,
    )  # fmt: skip
    if images.count < BATCH and any(looks_at_batch(variant.statistics) for variant in request.variants):
        st.caption(
            f"With the statistics of a batch of {images.count} it is another network than with {BATCH}, as above."
        )
