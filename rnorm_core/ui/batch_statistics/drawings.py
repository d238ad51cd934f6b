"""Results of the experiments about batch statistics -> figures and pictures. Pure functions."""

from collections.abc import Sequence
from functools import lru_cache

from torch import Tensor

from rnorm_core.data import Batch, class_title
from rnorm_core.evaluation.tables.laboratories import pgd_name
from rnorm_core.experiments import poisoning, transfer_matrix
from rnorm_core.experiments.batch_composition import (
    CONSECUTIVE,
    ONE_CLASS,
    SAME_BATCHES,
    SAME_SIZES,
    SHUFFLED,
    CompositionResult,
    NeighboursResult,
)
from rnorm_core.experiments.landscape import pack
from rnorm_core.experiments.precise_bn import Estimates, median
from rnorm_core.figures import trace
from rnorm_core.figures.batch_statistics import (
    TRANSFER,
    Dot,
    Line,
    accuracy_by_batches,
    accuracy_by_share,
    accuracy_by_size,
    accuracy_dots,
    distance_by_batches,
    transfer_heatmap,
)
from rnorm_core.figures.style import Figure
from rnorm_core.ui import attack_player
from rnorm_core.ui.batch_statistics import words
from rnorm_core.ui.batch_statistics.by_size import BySize
from rnorm_core.zoo import Variant

Picture = tuple[Tensor, str, str]  # an image, its name, a text below it


# --- transfer matrix


def matrix_of_modes(result: transfer_matrix.Result, variant: Variant) -> Figure:
    """One network: all its modes against each other."""
    variants = [one for one in result.request.variants if one.model == variant.model]
    return _matrix(result, variants, [words.MODES[one.statistics] for one in variants], f"{variant.title}; ", TRANSFER)


def matrix_of_networks(result: transfer_matrix.Result, left: Variant, right: Variant) -> Figure:
    """Left and right against each other, in the modes that are chosen."""
    return _matrix(result, [left, right], [left.label, right.label], "", "Does it work on the other network, too?")


def _matrix(
    result: transfer_matrix.Result, variants: Sequence[Variant], labels: Sequence[str], network: str, title: str
) -> Figure:
    measured = [i for i, variant in enumerate(variants) if variant in result.matrix.crafters]
    part = result.matrix.part([variants[i] for i in measured], variants)
    attack = network + pgd_name(result.request.eps_255)
    return transfer_heatmap(part, [labels[i] for i in measured], labels, attack, title)


# --- batch size


def sizes(by_size: BySize) -> Figure:
    variant = by_size.variant
    lines = [
        Line(
            f"{word}, {words.MODES[variant.statistics]}", variant.norm, variant.statistics,
            [accuracy.batch_size for accuracy in accuracies], accuracies, word == "clean", usual,
            f"{word}, {words.MODES[variant.usual.statistics]}",
        )
        for word, accuracies, usual in zip(
            ("clean", "attacked"), (by_size.clean, by_size.attacked), by_size.usual, strict=True
        )
        if accuracies
    ]  # fmt: skip
    return accuracy_by_size(lines, f"{variant.title}; {by_size.attack}")


# --- neighbours, composition


def image_and_neighbours(result: NeighboursResult, images: Batch, draw: int) -> list[Picture]:
    """The image, then its neighbours in this draw."""
    neighbours = next(iter(result.batch.values())).neighbours[draw]
    places = [images.find(result.request.image), *(images.ids.index(one) for one in neighbours)]
    return [(images.images[i], "", "") for i in places]


def composition(result: CompositionResult) -> Figure:
    """Clean and attacked images in batches of different composition."""
    dots = [Dot(name, v.title, v.norm, accuracy, clean=True) for (v, name), accuracy in result.clean.items()]
    dots += [
        Dot(name, variant.title, variant.norm, accuracy)
        for (variant, name), accuracies in result.attacked.items()
        for accuracy in accuracies
    ]
    order = [CONSECUTIVE, SAME_BATCHES, SHUFFLED, ONE_CLASS, SAME_SIZES]
    dots.sort(key=lambda dot: order.index(dot.condition))
    mode, attack = words.MODES[result.request.mode], pgd_name(result.request.eps_255)
    about = f"{mode}, at most {result.request.size} images a batch; {attack}"
    return accuracy_dots(dots, "Do the other images of the batch matter?", about)


def shares(result: CompositionResult, variant: Variant) -> Figure:
    """Attacked images, and the clean images of the same batches, by the number of attacked images in a batch."""
    mixtures = result.shares[variant]
    clean = [(m.attacked, m.neighbours) for m in mixtures if m.neighbours is not None]
    look = variant.norm, variant.statistics
    lines = [
        Line("the attacked images", *look, [m.attacked for m in mixtures], [m.accuracy for m in mixtures]),
        Line("clean ones beside them", *look, [k for k, _ in clean], [accuracy for _, accuracy in clean], open=True),
    ]
    about = f"{variant.label}; {pgd_name(result.request.eps_255)}"
    return accuracy_by_share([line for line in lines if line.x], about, result.request.size)


@lru_cache(maxsize=32)
def attacked_by_step(result: CompositionResult) -> bytes:
    """The chosen image while its whole batch is attacked, for the attack player."""
    return _by_step(result, tuple(result.landscapes), words.composed_labels(result.request))


# --- poisoned neighbours


def before_poisoning(request: poisoning.Request) -> list[Picture]:
    """The victim, and the neighbours that are going to be perturbed."""
    batch = request.batch()
    names = [class_title(batch.classes[int(label)]) for label in batch.labels]
    neighbours = [(batch.images[i], "attacker's:", names[i]) for i in range(1, 1 + min(request.poisoned, 4))]
    return [(batch.images[0], "victim:", names[0]), *neighbours]


@lru_cache(maxsize=32)
def poisoned_by_step(result: poisoning.Result, variants: tuple[Variant, ...]) -> bytes:
    """The victim among its first poisoned neighbours at every step, for the attack player."""
    return _by_step(result, variants, words.poisoned_labels(result.request))


def _by_step(
    result: poisoning.Result | CompositionResult, variants: tuple[Variant, ...], labels: dict[str, str]
) -> bytes:
    request, landscapes = result.request, tuple(result.landscapes[variant] for variant in variants)
    # A new name where other networks have been attacked.
    about = attack_player.header(landscapes, request.images.dataset, f"{hash((request, variants))}")
    return pack(landscapes, about | labels)


def victim_by_step(result: poisoning.Result, variant: Variant) -> Figure:
    """The victim's probabilities, step by step, with the statistics of the batch and in the usual mode."""
    traced = [
        trace.TracedModel(words.MODES[mode.statistics], mode.norm, result.traces[mode])
        for mode in (variant, variant.usual)
        if mode in result.traces
    ]
    return trace.confidence_by_step(traced, 0, result.batch.classes)


def many_victims(result: poisoning.Result, variants: Sequence[Variant]) -> Figure:
    """Accuracy of all images that are not poisoned, before and after, by the number of poisoned ones."""
    several = len({variant.statistics for variant in variants}) > 1
    dots = [
        Dot(
            f"{crowd.k} of {result.request.images.count} poisoned"
            + (f", {words.MODES[v.statistics]}" if several else ""),
            v.title, v.norm, accuracy, clean, "before",
        )
        for v in variants
        for crowd in result.crowds[v]
        for clean, accuracy in ((True, crowd.before), (False, crowd.after))
    ]  # fmt: skip
    dots.sort(key=lambda dot: int(dot.condition.split()[0]))
    how = "" if several else f"{words.MODES[variants[0].statistics]}, "
    about = f"the untouched images, {how}before (open) and after; {pgd_name(result.request.eps_255)}"
    return accuracy_dots(dots, "How many neighbours does it take?", about)


# --- PreciseBN


def accuracy_of_estimates(estimates: Estimates, variant: Variant, eps_255: float) -> Figure:
    """Accuracy with the statistics of k batches, beside that of the moving average."""
    moving, by_count, look = estimates.moving, estimates.by_count, (variant.norm, variant.statistics)
    ks = [one.k for one in by_count]
    clean = [one.clean for one in by_count]
    lines = [Line("clean", *look, ks, clean, True, moving.clean, "clean, moving average")]
    if attacked := [one.attacked for one in by_count if one.attacked is not None]:
        lines.append(Line("attacked", *look, ks, attacked, False, moving.attacked, "attacked, moving average"))
    about = f"{variant.title}; {pgd_name(eps_255) if attacked else 'clean'}"
    return accuracy_by_batches(lines, about, estimates.batch_size)


def distance_of_estimates(estimates: Estimates, variant: Variant) -> Figure:
    """Distance of the statistics of k batches from the moving average, and from those of the most batches."""
    by_count = estimates.by_count
    ks = [one.k for one in by_count]
    lines = [
        ("means, from the moving average's", [median(one.from_moving.mean) for one in by_count]),
        ("scales, from the moving average's", [median(one.from_moving.spread) for one in by_count]),
        (f"means, from those of {ks[-1]}", [median(one.from_most.mean) for one in by_count]),
        (f"scales, from those of {ks[-1]}", [median(one.from_most.spread) for one in by_count]),
    ]
    return distance_by_batches(ks, lines, variant.title, variant.norm, estimates.batch_size)
