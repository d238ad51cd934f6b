"""Results of the experiments about batch statistics -> sentences, in Markdown. Pure functions."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from rnorm_core import evaluation
from rnorm_core.attacks import Trace
from rnorm_core.data import Batch, ImageChoice, class_title
from rnorm_core.evaluation import Paired
from rnorm_core.evaluation.claims.evidence import difference_texts
from rnorm_core.evaluation.claims.verdict import listed
from rnorm_core.evaluation.measure.patching import Patching
from rnorm_core.experiments import poisoning, transfer_matrix
from rnorm_core.experiments.batch_composition import CompositionRequest, NeighboursResult
from rnorm_core.experiments.precise_bn import Estimates
from rnorm_core.ui.attack_pair.words import best_guess
from rnorm_core.ui.batch_statistics.by_size import BySize
from rnorm_core.zoo import Variant

MODES = {  # for people
    "tracked": "as trained", "batch": "batch statistics", "tracked-mean": "mean as trained",
    "batch-median": "median statistics",
}  # fmt: skip
PERCENT_95 = "95\N{NO-BREAK SPACE}%"


class Request(Protocol):
    """The fields that every request of this page has."""

    @property
    def left(self) -> Variant: ...

    @property
    def right(self) -> Variant: ...

    @property
    def images(self) -> ImageChoice: ...


# --- for all parts


def measured_here(request: Request) -> str:
    """The images behind the numbers of a part, and the precision of these numbers."""
    images = request.images
    low, high = evaluation.wilson(images.count // 2, images.count)
    return (
        f"Measured here: {images.count} images ({images.source}); with so many images a share near one half is known "
        f"to within about {50 * (high - low):.0f} points either way."
    )


def left_out(networks: Sequence[Variant], variants: Sequence[Variant]) -> str:
    """The networks that are not among `variants`, with the reason; empty if there are none."""
    known = {variant.model for variant in variants}
    others = [network.title for network in networks if network.model not in known]
    if not others:
        return ""
    return (
        f"**{' and '.join(others)}** has no mode with statistics of a batch: its images do not know of each other, and "
        "there is nothing to see."
    )


def points(pair: Paired) -> str:
    """ "+15.0 points (95 %: −3.1 to +31.2; n = 20)"."""
    low, value, high = difference_texts(pair)
    return f"{value} points ({PERCENT_95}: {low} to {high}; n = {pair.n:,})"


def transfer(result: transfer_matrix.Result, scorer: Variant, crafter: Variant) -> str:
    """Does an attack made for `crafter` harm `scorer` less than one made for `scorer`? Empty while unknown."""
    pair = result.matrix.transfer(crafter, scorer)
    if pair is None:
        return ""
    verdict = "no clear difference"
    if pair.low > 0:
        verdict = "**it fools fewer than an attack made for the scorer itself**"
    elif pair.high < 0:
        verdict = "**it fools more than an attack made for the scorer itself**"
    return f"Made for {crafter.label}, scored with {scorer.label}: {verdict}; {points(pair)}."


# --- batch size


def cost_of_size(sizes: BySize) -> str:
    """The batch sizes with less clean accuracy than the usual mode; empty while unknown."""
    usual = sizes.usual[0]
    if usual is None or not sizes.clean:
        return ""
    pairs = {accuracy.batch_size: evaluation.paired(accuracy.hits, usual.hits) for accuracy in sizes.clean}
    worse = [str(size) for size, pair in pairs.items() if pair.high < 0]
    first, last, title = min(pairs), max(pairs), sizes.variant.title
    if not worse:
        return f"**{title}**: at no size is the accuracy clearly lower; at {last}: {points(pairs[last])}."
    below = f"lower than as trained with batches of **{listed(worse)}**"
    ends = f"at {first}: {points(pairs[first])}" + (f", at {last}: {points(pairs[last])}" if last > first else "")
    return f"**{title}**, clean images: {below}; {ends}."


def attacked_by_size(sizes: BySize) -> str:
    """The batch sizes with more or less attacked accuracy than the usual mode; empty while unknown."""
    usual = sizes.usual[1]
    measured = [accuracy for accuracy in sizes.attacked if usual is not None and accuracy.n == usual.n]
    if usual is None or not measured:
        return ""
    pairs = {accuracy.batch_size: evaluation.paired(accuracy.hits, usual.hits) for accuracy in measured}
    more = [str(size) for size, pair in pairs.items() if pair.low > 0]
    fewer = [str(size) for size, pair in pairs.items() if pair.high < 0]
    parts = [f"{word} with **{listed(some)}**" for word, some in (("more", more), ("fewer", fewer)) if some]
    difference = " and ".join(parts) if parts else "no clear difference at any size"
    last = max(pairs)
    return f"Attacked ({sizes.attack}), right compared with as trained: {difference}; at {last}: {points(pairs[last])}."


# --- neighbours


def effect_of_neighbours(result: NeighboursResult, variant: Variant) -> str:
    """The variation of the prediction for one image over the draws of neighbours."""
    draws = result.batch[variant]
    classes, answers = list(map(class_title, draws.classes)), draws.predictions.tolist()
    won = [f"{classes[k]} in {answers.count(k)}" for k in sorted(set(answers), key=answers.count, reverse=True)]
    spread, k = _widest(draws.probabilities)
    text = f"**{variant.label}**: of {len(answers)} draws {', '.join(won)}"
    text += f"; the probability of {classes[k]} goes over {100 * spread:.1f} points."
    if usual := result.usual.get(variant):
        spread, _ = _widest(usual.probabilities)
        how = "changes at all" if spread == 0 else f"changes by more than {100 * spread:.2g} points"
        answered = classes[int(usual.predictions[0])]
        text += (
            f" **{MODES[variant.usual.statistics]}**: {answered}, and among the same neighbours no probability {how}."
        )
    return text


def _widest(probabilities: Tensor) -> tuple[float, int]:
    """(range over the draws, class) of the class with the largest variation of its probability (D, K)."""
    ranges = probabilities.amax(0) - probabilities.amin(0)
    return float(ranges.max()), int(ranges.argmax())


def one_draw(result: NeighboursResult, images: Batch, draw: int) -> str:
    """The prediction of each network for the image in this draw, and the classes of its neighbours."""
    answers = [f"{v.title} sees {best_guess(d.probabilities[draw], d.classes)}" for v, d in result.batch.items()]
    some = next(iter(result.batch.values()))
    names = [class_title(images.classes[int(images.labels[images.ids.index(one)])]) for one in some.neighbours[draw]]
    return f"First the image: {'; '.join(answers)}. Beside it: {', '.join(names)}."


ATTACKED_TOGETHER = (
    "The image above while all images of its batch are attacked at once, each for its own sake: row "
    "“attacked, same batches” below counts all of them."
)
PLAYER = {  # the attack player's words, as in `attack_player.words.labels`
    "size_name": "Attack size (eps)",
    "map_name": "steps ↑",
    "clean_name": "clean image",
    "attacked_name": "attacked",
    "truth_name": "true",
    "saved_fools": "Saved as PNG files, with its batch, it still fools.",
    "saved_fails": "Saved as PNG files, with its batch, it no longer fools.",
    "key_text": "In the map, coloured with a line means wrong; ▲ marks the step at which a network first changes its "
    "mind. The true class is underlined; the thin line in a bar is the answer in the clean batch.",
    "numbers_text": "Pixels are values from 0 to 1: 1/255 is one grey level.",
}


def composed_labels(request: CompositionRequest) -> dict[str, str]:
    """The attack player's words for one image of a batch that is attacked as one."""
    size = min(request.size, request.images.count)
    key = f"Answers depend on the other pictures of the batch, up to {size} that come together in the order of the set."
    return PLAYER | {"key_text": f"{key} {PLAYER['key_text']}"}


# --- poisoned neighbours


def poisoned_labels(request: poisoning.Request) -> dict[str, str]:
    """The attack player's words for a victim among its poisoned neighbours; as in `attack_player.words.labels`."""
    k, shown, n = request.poisoned, request.shown, request.images.count
    some = f"the first {shown} of its {k} poisoned neighbours" if shown < k else f"its {k} poisoned neighbours"
    some = "its poisoned neighbour" if k == 1 else some
    return PLAYER | {
        "clean_name": "clean; the victim first",
        "attacked_name": "victim first, then poisoned",
        "saved_fools": "Saved as PNG files the neighbours still fool it.",
        "saved_fails": "Saved as PNG files the neighbours no longer fool it.",
        "key_text": f"Top left is the victim, of which no pixel changes at any step; after it {some}, in a batch of "
        f"{n}. Answers and bars are the victim's. {PLAYER['key_text']}",
        "numbers_text": "Lengths are of the change of all pictures shown, together. Pixels are values from 0 to 1: "
        "1/255 is one grey level.",
    }


def victim(result: poisoning.Result, variant: Variant, usual: bool = True) -> str:
    """The victim's prediction before and after, in this mode and, if `usual`, in the usual one."""
    return "\n\n".join(
        f"**{mode.label}**: {_before_and_after(result.traces[mode], result.batch.classes)} "
        f"{_slope(result.slopes[mode])}"
        for mode in (variant, variant.usual)[: 1 + usual]
        if mode in result.traces
    )


def aimed(result: poisoning.Result, network: Variant) -> str:
    """How many answers the attacker turns who aims at one photo at a time, in each mode; empty while unknown."""
    crowds = [(mode, crowd) for mode in poisoning.MODES if (crowd := result.aimed.get(network.in_mode(mode)))]
    if not crowds:
        return ""
    parts = [f"{_flipped(crowd)} with {MODES[mode]}" for mode, crowd in crowds]
    k, count = result.request.poisoned, result.request.images.count
    return (
        f"**{network.title}**: the attacker has {k} of {count} photos, knows the statistics and aims at one other "
        f"photo at a time. Right answers that become wrong: {', '.join(parts)}; seed {result.request.images.seed}."
    )


def _flipped(crowd: poisoning.Crowd) -> str:
    """ "**9 of 14** (95 %: 39 to 84 %)"."""
    right, flipped = crowd.before.correct, int((crowd.before.hits & ~crowd.after.hits).sum())
    if not right:
        return "none was right before"
    low, high = evaluation.wilson(flipped, right)
    return f"**{flipped} of {right}** ({PERCENT_95}: {_percent(low)} to {_percent(high)}\N{NO-BREAK SPACE}%)"


def _before_and_after(trace: Trace, classes: tuple[str, ...]) -> str:
    before, after = trace.clean_probabilities[0], trace.adversarial_probabilities[0]
    was, now = best_guess(before, classes), best_guess(after, classes)
    if torch.equal(before, after):
        return f"{was} before and after, to the last bit."
    if not trace.right_before[0]:
        return f"wrong before already: {was}; now {now}."
    if not trace.right[0]:
        same = torch.equal(trace.adversarial[0], trace.clean[0])
        return f"{was} **became {now}**{', and not one of its own pixels was changed' if same else ''}."
    return f"held: {was}, now {now}."


def _slope(slope: float) -> str:
    how = "exactly 0" if slope == 0 else f"up to {slope:.2g} a pixel"
    return f"The slope of its loss over its neighbours' pixels: {how}."


def many_victims(result: poisoning.Result, variant: Variant) -> str:
    """Accuracy of all untouched images before and after the largest number of poisoned ones; empty while unknown."""
    crowd = max(result.crowds[variant], key=lambda crowd: crowd.k, default=None)
    if crowd is None:
        return ""
    pair = evaluation.paired(crowd.after.hits, crowd.before.hits)
    return (
        f"**{variant.label}**: with {crowd.k} of {result.request.images.count} poisoned, of the {pair.n} untouched "
        f"images {crowd.before.correct} are right before and {crowd.after.correct} after: {points(pair)}."
    )


# --- patched layers


def share_of_damage(patching: Patching, variant: Variant) -> str:
    """The share of the attack's damage that the statistics cause or repair."""
    part, last = patching.part, patching.up_to[-1]
    counts = (
        f"clean {patching.clean.correct}, attacked {patching.attacked.correct}, all {len(patching.layers)} layers "
        f"patched {last.correct} of {last.n} right"
    )
    if part.value != part.value:
        return f"**{variant.label}**: {counts}. The attack did no damage, so there is no share of it."
    interval = "too little damage for an interval"
    if part.low == part.low:
        interval = f"{PERCENT_95}: {_percent(part.low)} to {_percent(part.high)}"
    does = "done by" if patching.experiment == "spoil" else "undone by"
    share = f"**{_percent(part.value)} % of the damage** ({interval})"
    return f"**{variant.label}**: {counts}. {share} is {does} the statistics."


def strongest_layer(patching: Patching, names: Sequence[str]) -> str:
    """The layer that changes most if it alone is patched. names: of the layers, for people."""
    changes = [accuracy.correct - patching.plain.correct for accuracy in patching.alone]
    k = max(range(len(changes)), key=lambda i: abs(changes[i]))
    if changes[k] == 0:
        return "No layer alone changes how many are right."
    pair = evaluation.paired(patching.alone[k].hits, patching.plain.hits)
    return f"Alone, layer {k + 1} ({names[k]}) matters most: {points(pair)}."


def _percent(value: float) -> str:
    return f"{100 * value:.0f}".replace("-", "\N{MINUS SIGN}")


# --- PreciseBN


def gain_of_estimates(estimates: Estimates, variant: Variant) -> str:
    """The statistics of the most batches, compared with the moving average."""
    moving, last = estimates.moving, estimates.by_count[-1]
    parts = [f"clean {points(evaluation.paired(last.clean.hits, moving.clean.hits))}"]
    if last.attacked and moving.attacked:
        parts.append(f"attacked {points(evaluation.paired(last.attacked.hits, moving.attacked.hits))}")
    batches = f"{last.k} batch{'es' * (last.k > 1)} of {estimates.batch_size}"
    return f"**{variant.title}**, statistics of {batches} against the moving average: {'; '.join(parts)}."
