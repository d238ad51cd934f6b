"""The parts of the page about batch statistics on screen: controls, shipped numbers, live results."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from rnorm_core.evaluation.claims.evidence import Recovery
from rnorm_core.evaluation.claims.shipped import shipped
from rnorm_core.evaluation.tables import laboratories, layer_shifts
from rnorm_core.experiments import batch_composition, layer_patching, poisoning, precise_bn, transfer_matrix
from rnorm_core.experiments.batch_composition import in_batch_mode
from rnorm_core.figures import batch_statistics, claims
from rnorm_core.norms import MEDIAN
from rnorm_core.report import Source, sources
from rnorm_core.ui import attack_player
from rnorm_core.ui.batch_statistics import answers, bars, by_size, drawings, question, words
from rnorm_core.ui.chart.component import chart
from rnorm_core.ui.keep.button import keep_this
from rnorm_core.ui.keep.shown import Part
from rnorm_core.ui.settings.bar import Settings
from rnorm_core.ui.shared import layers
from rnorm_core.ui.shared.growing_result import growing, requested
from rnorm_core.ui.shared.panels import answer, opens, pictures, show_summary
from rnorm_core.ui.shared.provenance import how_measured
from rnorm_core.ui.shared.summary_bars import SummaryBars, measured_table
from rnorm_core.zoo import Variant, networks_of

RECOVERED = (
    "An attack takes images from the network as trained. The same attacked batches are shown again, now "
    "normalised with their own statistics in all layers, so that no shift is left: how many of the lost images are "
    "right again?"
)
PICTURES = 8  # in a row: the image and neighbours of a draw


def show(part: str, settings: Settings) -> None:
    """Shows one of `question.PARTS` but the corruptions: its answer and bars, then its controls."""
    SHOWN[part](settings)


def show_answer(sentence: str, shown: SummaryBars, variants: Sequence[Variant], settings: Settings) -> None:
    """The part's sentence and its picture, from shipped measurements; networks without batch statistics are named."""
    if variants:
        answer(sentence or answers.NOTHING)
    name_left_out(settings, variants)
    show_summary(shown)


def show_measured_here(request: words.Request, parts: Sequence[Part] = (), kept: Sequence[Source] = ()) -> None:
    st.caption(words.measured_here(request))
    how_measured(
        "here", "the figures above, on this computer",
        weights={network.title: network.weight_hash for network in networks_of(request.left, request.right)},
        n=f"n = {request.images.count}, {request.images.source}", seed=request.images.seed, parts=parts, sources=kept,
    )  # fmt: skip


def beside(variants: Sequence[Variant], draw: Callable[[Variant], object]) -> None:
    """`draw(variant)` for each, in columns."""
    for variant, column in zip(variants, st.columns(2, gap="large"), strict=False):
        with column:
            draw(variant)


def name_left_out(settings: Settings, variants: Sequence[Variant]) -> None:
    if text := words.left_out(networks_of(settings.left, settings.right), variants):
        st.info(text, icon=":material/info:")


def show_transfer(settings: Settings) -> None:
    """Each network against itself in all its modes, and left against right: shipped, and measured here on demand."""
    top = st.container()
    request, shipped, live = question.transfer(settings)
    networks, rows = networks_of(request.left, request.right), laboratories.rows(settings.dataset)
    with top:
        sentence = answers.transfer(rows, networks, request.eps_255)
        show_answer(sentence, bars.transfer(rows, networks, request.eps_255), networks, settings)
    if shipped:
        show_matrices(settings, shipped, "shipped")
    if live:
        with st.container(key="live"):
            if shipped:
                st.markdown("#### Measured here")
            if (result := growing(request, partial(transfer_matrix.run, request))) is not None:
                show_matrices(settings, result, "live")
                show_measured_here(request)


def show_matrices(settings: Settings, result: transfer_matrix.Result, key: str) -> None:
    """The matrices, with a sentence on each transfer."""
    if key == "live":
        source = sources.experiment("transfer here", result)
    else:
        source = sources.shipped("transfer", "transfer", command=laboratories.COMMAND, request=result.request)

    def show_modes(network: Variant) -> None:
        chart(drawings.matrix_of_modes(result, network), f"modes {key} {network.model}", source)
        tracked, *others = (one for one in result.request.variants if one.model == network.model)
        for other in (*others[:1], *(one for one in others[1:] if one.statistics == MEDIAN)):
            show_list([words.transfer(result, other, tracked), words.transfer(result, tracked, other)])

    beside(networks_of(result.request.left, result.request.right), show_modes)
    left, right = settings.left, settings.right
    if left.model != right.model:
        st.markdown("#### And across networks?")
        picture, text = st.columns(2, gap="large", vertical_alignment="center")
        with picture:
            chart(drawings.matrix_of_networks(result, left, right), f"across {key}", source)
        with text:
            show_list([words.transfer(result, left, right), words.transfer(result, right, left)])


def show_list(sentences: Sequence[str]) -> None:
    st.markdown("\n".join(f"- {sentence}" for sentence in sentences if sentence))


def show_sizes(settings: Settings) -> None:
    """The shipped measurements; the same measured live on demand."""
    variants = in_batch_mode(settings.left, settings.right)
    shipped = {variant: by_size.shipped(settings.dataset, variant) for variant in variants}
    known = [sizes for sizes in shipped.values() if sizes is not None]
    show_answer(answers.sizes(known), bars.sizes(known, measured_table(settings.dataset)), variants, settings)
    request = question.sizes(settings)

    def show_one(sizes: by_size.BySize | None, variant: Variant, key: str, source: Source) -> None:
        if sizes is None or not sizes.clean:
            st.caption(f"Nothing was measured before of {variant.label}." if sizes is None else "")
            return
        chart(drawings.sizes(sizes), f"{key} {variant.model}", source)
        st.markdown(words.cost_of_size(sizes))
        st.markdown(words.attacked_by_size(sizes))

    models = tuple(variant.model for variant in variants)
    source = sources.shipped("by batch size", "by_batch_size", command=layer_shifts.COMMAND, models=models)
    beside(variants, lambda variant: show_one(shipped[variant], variant, "shipped", source))
    if not request or not variants:
        return
    with st.container(key="live"):
        if result := growing(request, partial(batch_composition.run_sizes, request)):
            st.markdown("#### Measured here")
            here = sources.experiment("by batch size here", result)
            beside(
                in_batch_mode(request.left, request.right, request.mode),
                lambda variant: show_one(by_size.live(result, variant), variant, "live", here),
            )
            show_measured_here(request)


def show_neighbours(settings: Settings) -> None:
    """One image among different neighbours; then batches of different composition, on demand."""
    top = st.container()
    request, composition = question.neighbours(settings)
    variants, rows = in_batch_mode(request.left, request.right, request.mode), laboratories.rows(settings.dataset)
    with top:
        show_answer(answers.neighbours(rows, variants), bars.neighbours(rows, variants), variants, settings)
    if not variants:
        return
    result = growing(request, partial(batch_composition.run_neighbours, request))
    if result is not None:

        def show_one(variant: Variant) -> None:
            if (draws := result.batch.get(variant)) is not None:
                figure = batch_statistics.neighbours(draws, variant.label, variant.norm)
                chart(figure, f"neighbours {variant.model}", sources.experiment("neighbours", result))
                st.markdown(words.effect_of_neighbours(result, variant))

        beside(variants, show_one)
        with opens("The neighbours in each draw", "draws", "draw") as draws:
            if draws.open:
                images, draw = request.images.load(), question.draw()
                pictures(drawings.image_and_neighbours(result, images, draw)[:PICTURES])
                st.caption(words.one_draw(result, images, draw))
        show_measured_here(request)
    if composition:
        with st.container(key="live"):
            show_composition(composition)


def show_composition(request: batch_composition.CompositionRequest) -> None:
    st.markdown("#### Batches of other composition")
    result = growing(request, partial(batch_composition.run_composition, request), slot=question.COMPOSITION)
    if result is not None:
        source = sources.experiment("composition", result)
        if result.landscapes:
            st.markdown(words.ATTACKED_TOGETHER)
            player = attack_player.show_packed(drawings.attacked_by_step(result), key="attacked")
            keep_this("attacked together", [player], [source])
        chart(drawings.composition(result), "composed", source)
        measured = [variant for variant, mixtures in result.shares.items() if mixtures]
        beside(measured, lambda variant: chart(drawings.shares(result, variant), f"share {variant.model}", source))


def show_poisoning(settings: Settings) -> None:
    """An unchanged victim, and the effect of its neighbours on its prediction."""
    top = st.container()
    request, side = question.poison(settings)
    networks, rows = in_batch_mode(request.left, request.right), laboratories.rows(settings.dataset)
    with top:
        show_answer(answers.poisoned(rows, networks), bars.poisoned(rows, networks), networks, settings)
    wanted = networks and requested(request, "Poison them")
    result = growing(request, partial(poisoning.run, request)) if wanted else None
    if result is None or not result.traces:
        pictures(drawings.before_poisoning(request))
        return

    source = sources.experiment("poisoning", result)
    shown = networks if side == question.NETWORKS else tuple(networks[0].in_mode(mode) for mode in poisoning.MODES)
    measured = tuple(variant for variant in shown if variant in result.traces)
    player = attack_player.show_packed(drawings.poisoned_by_step(result, measured), key="poisoned")
    beside(measured, lambda variant: st.markdown(words.victim(result, variant, usual=variant.statistics == "batch")))
    for network in networks_of(*measured):
        st.markdown(words.aimed(result, network))
    course, crowds = question.rest_of_poison()
    with course:
        if course.open:
            beside(measured, lambda one: chart(drawings.victim_by_step(result, one), f"course {one.label}", source))
    with crowds:
        if crowds.open and any(result.crowds[variant] for variant in measured):
            chart(drawings.many_victims(result, measured), "many victims", source)
            for variant in measured:
                st.markdown(words.many_victims(result, variant))
    show_measured_here(request, [player], [source])


def show_patching(settings: Settings) -> None:
    """The accuracy that comes back, layer by layer; then a related experiment from the shipped measurements."""
    top = st.container()
    request = question.patch(settings)
    variants, moved = request.variants, layer_shifts.moved(settings.dataset)[0]
    with top:
        shown = bars.repaired(moved, variants, request.eps_255, measured_table(settings.dataset))
        show_answer(answers.repaired(moved, variants, request.eps_255), shown, variants, settings)
    wanted = variants and requested(request, "Patch layer by layer")
    result = growing(request, partial(layer_patching.run, request)) if wanted else None
    if result is not None:

        def show_one(variant: Variant) -> None:
            if (patching := result.patchings.get(variant)) is not None:
                about = variant.label, variant.norm, laboratories.pgd_name(request.eps_255)
                source = sources.experiment("patched layers", result)
                chart(batch_statistics.patched_layers(patching, *about), f"patched {variant.model}", source)
                st.markdown(words.share_of_damage(patching, variant))
                st.caption(words.strongest_layer(patching, [layers.title(layer) for layer in patching.layers]))

        beside(variants, show_one)
        show_measured_here(request)
    show_recovery(settings.dataset)


def show_recovery(dataset: str) -> None:
    """The paper's claim C2: attacked images with the statistics of their own batch in all layers."""
    for judgement in shipped(dataset).by_claim["C2"]:
        if not isinstance(judgement.evidence, Recovery):
            continue
        st.markdown("#### Measured before, on more images: statistics as trained against a batch's own")
        picture, text = st.columns([3, 2], gap="large", vertical_alignment="center")
        with picture:
            source = sources.shipped("claim C2", "claims", dataset=dataset, only=("C2",))
            chart(claims.evidence(judgement.evidence), "recovery", source)
        text.markdown(
            f"{RECOVERED}\n\nThis is another experiment than the one above, and the one to quote, for it saw more "
            "images: made on the network as trained, the attack then meets those of its own batch in all layers.\n\n"
            f"The paper's claim C2. {judgement.sentence}"
        )


def show_precise_bn(settings: Settings) -> None:
    """Statistics of k batches beside the moving average."""
    top = st.container()
    request = question.estimate(settings)
    variants, rows = request.variants, laboratories.rows(settings.dataset)
    with top:
        shown = bars.precise_bn(rows, variants, measured_table(settings.dataset))
        show_answer(answers.precise_bn(rows, variants), shown, variants, settings)
    wanted = variants and requested(request, "Estimate them here")
    result = growing(request, partial(precise_bn.run, request)) if wanted else None
    if result is None:
        return

    def show_one(variant: Variant) -> None:
        if (estimates := result.estimates.get(variant)) is not None:
            figure = drawings.accuracy_of_estimates(estimates, variant, request.eps_255)
            source = sources.experiment("PreciseBN", result)
            chart(figure, f"batches {variant.model}", source)
            st.markdown(words.gain_of_estimates(estimates, variant))
            chart(drawings.distance_of_estimates(estimates, variant), f"distances {variant.model}", source)

    beside(variants, show_one)
    show_measured_here(request)


SHOWN: dict[str, Callable[[Settings], None]] = {
    question.TRANSFER: show_transfer, question.SIZE: show_sizes, question.NEIGHBOURS: show_neighbours,
    question.POISONING: show_poisoning, question.PATCHING: show_patching, question.PRECISE_BN: show_precise_bn,
}  # fmt: skip
