"""Results of the page about natural shifts -> sentences and tables in Markdown. Pure functions."""

from torch import Tensor

from rnorm_core import evaluation
from rnorm_core.evaluation import Paired
from rnorm_core.evaluation.claims.evidence import difference_texts
from rnorm_core.experiments.corruption_sweep import ATTACK, CLEAN, NATURAL
from rnorm_core.experiments.recalibration import CONDITIONS, NEW_ATTACK, Recalibrated, Result, keeps_statistics
from rnorm_core.norms import MEDIAN, looks_at_batch
from rnorm_core.rounding import percent
from rnorm_core.ui.corruptions.figure_data import Selected, full_title, title
from rnorm_core.zoo import Variant

UNCLEAR = "no clear difference"


def accuracies(selected: Selected, i: int) -> str:
    """For network i: the images that are right in each condition, and the layers outside their natural bands."""
    readings, layers = selected.readings(i), selected.layers(i)
    parts = [f"clean, images right: {rate(readings.by_condition[CLEAN, 0].right)}"]
    for condition in (selected.natural, selected.adversarial):
        if reading := readings.by_condition.get(condition):
            part = f"{selected.result.request.title(condition)}: **{rate(reading.right)}**"
            if layers is not None and reading.shifts is not None:
                part += f", {layers.outside(reading.shifts[selected.measure])} of {len(layers.names)} layers outside"
            parts.append(part)
    return f"**{readings.variant.label}**: {'; '.join(parts)}."


def rate(right: Tensor) -> str:
    """ "12 of 20 (39 to 78 %)", with the 95 % interval."""
    correct, n = int(right.sum()), len(right)
    low, high = evaluation.wilson(correct, n)
    return f"{correct} of {n} ({100 * low:.0f} to {percent(high)})".replace(" %", "\N{NO-BREAK SPACE}%")


def no_shift(variant: Variant) -> str:
    """Why a network whose accuracies are known has no shift here."""
    text = f"How far the layers of {variant.label} move is not shown: "
    if variant.statistics == MEDIAN:
        return (
            f"{text}the range of clean batches was not measured with medians. The page “Statistic shift” shows an "
            "attack without this range."
        )
    return (
        f"{text}what it was trained on is not known here. The page “Statistic shift” counts from clean images instead."
    )


# --- new statistics


def nothing_to_re_estimate(variant: Variant) -> str:
    """The reason why a network has no statistics to re-estimate; empty if it has some."""
    if keeps_statistics(variant):
        return ""
    if looks_at_batch(variant.statistics):
        return (
            "takes its statistics from each batch anew and remembers none. There is nothing to re-estimate: "
            "what it shows above is with the statistics of those very images."
        )
    if variant.norm == "gn":
        return "normalises each image by itself and remembers no statistics. There is nothing to re-estimate."
    return "has no norm and so no statistics. There is nothing to re-estimate."


def difference(network: Recalibrated, kind: str, m: int) -> Paired | None:
    """New statistics (left) against trained ones (right), image by image; None until both are measured.

    For the new attack: each network under the attack that was made for it.
    """
    before, after = _before(network, kind), network.after.get((kind, m))
    return None if before is None or after is None else evaluation.paired(after, before)


def _before(network: Recalibrated, kind: str) -> Tensor | None:
    return network.before.get(ATTACK if kind == NEW_ATTACK else kind)


def verdict(pair: Paired) -> str:
    """By the 95 % interval of the paired difference."""
    return "mended" if pair.low > 0 else "made worse" if pair.high < 0 else UNCLEAR


def table(result: Result, variant: Variant, m: int) -> str:
    """Images right with trained and with new statistics, and the difference; empty until there is one."""
    network, lines = result.networks[variant], []
    for kind in CONDITIONS:
        if pair := difference(network, kind, m):
            low, value, high = difference_texts(pair)
            points = f"{value} ({low} to {high})"
            points = points if verdict(pair) == UNCLEAR else f"**{points}**"
            head = "made anew for these" if kind == NEW_ATTACK else title(result, kind)
            before, after = pair.both + pair.right_only, pair.both + pair.left_only
            lines.append(f"| {head} | {before} | {after} | {points} |")
    if not lines:
        return ""
    count = result.request.sweep.images.count
    head = f"| right of {count} | trained | of {m} | difference in points (95 %) |"
    return "\n".join([head, "| --- | --- | --- | --- |", *lines])


def answer(result: Result, variant: Variant, m: int) -> str:
    """For one network: does the corruption or the attack do less harm with new statistics? Empty until it is known."""
    network = result.networks[variant]
    natural, attack, new_attack = (difference(network, kind, m) for kind in CONDITIONS[1:])
    if natural is None or attack is None:
        return ""
    clean = int(network.before[CLEAN].sum())
    parts = [
        f"{full_title(result, NATURAL)}: {_verdict_and_share(natural, clean)}",
        f"the attack: {_verdict_and_share(attack, clean)}",
    ]
    if new_attack is not None:
        parts.append(f"the attack made anew: {_verdict_and_share(new_attack, clean)}")
    return f"**{variant.label}**, statistics of {m} image{'s' * (m > 1)}. {'; '.join(parts)}."


def _verdict_and_share(pair: Paired, clean: int) -> str:
    """The verdict and, where there is a gain, its share of the loss. clean: the number of right clean images."""
    before, after = pair.both + pair.right_only, pair.both + pair.left_only
    share = f" ({percent((after - before) / (clean - before))} of the lost accuracy)" if clean > before else ""
    word = verdict(pair)
    return f"**{word}**{share if word == 'mended' else ''}"
