"""The named checks: pure functions of measurements that return a Finding. Rules and thresholds are in `rules`."""

from collections.abc import Sequence
from itertools import pairwise

import torch

from rnorm_core.attacks import CATALOGUE
from rnorm_core.evaluation import Accuracy, paired, wilson
from rnorm_core.rounding import percent
from rnorm_core.sanity import rules
from rnorm_core.sanity.finding import Finding, Number, difference, right, share
from rnorm_core.sanity.measurements import Gradients, Neighbours
from rnorm_core.sanity.rules import FAIL, PASS, WARN


def attack_title(score: Accuracy) -> str:
    """Title of the attack of an accuracy: "PGD (L-inf), 20 steps, 8/255", or "no attack"."""
    spec = score.spec
    if "name" not in spec:
        return "no attack"
    if spec["name"] not in CATALOGUE:
        return spec["name"]
    entry = CATALOGUE[spec["name"]]
    losses = {"ce": "CE", "dlr": "DLR"}
    parts = [entry.title + (f" ({losses.get(spec['loss'], spec['loss'])})" if "loss" in spec else "")]
    if spec.get("targets") is not None or spec.get("aimed"):
        parts[0] += ", aimed"
    if not entry.one_step:
        parts.append(f"{spec['steps']:,} {'queries' if entry.black_box else 'steps'}")
    if spec.get("restarts", 1) > 1:
        parts.append(f"{spec['restarts']} restarts")
    if "crafted_on" in spec:
        parts.append(f"crafted on {spec['crafted_on']}")
    return ", ".join([*parts, _eps(spec["eps"])])


def size(score: Accuracy) -> float:
    """eps in pixel units, 0 without an attack."""
    return score.spec.get("eps", 0.0)


def steps(one: Accuracy, many: Accuracy) -> Finding:
    """The check "steps". one: accuracy under a one-step attack. many: under an iterative attack of the same size."""
    pair = paired(one.hits, many.hits)
    if pair.high < 0:
        verdict = FAIL
        text = "The one-step attack does more harm than the one that may correct itself: the gradient misleads."
    elif pair.low > 0:
        verdict, text = PASS, "Following the loss step by step finds what one leap misses, as it should."
    elif many.value <= rules.FLOOR:
        verdict, text = PASS, "The iterative attack leaves about nothing, so there is nothing left to beat."
    else:
        verdict = WARN
        text = "Many steps are not shown to find more than one step. More images may tell, or the gradient is no guide."
    return Finding(
        "steps", verdict, (_right(one), _right(many), difference("one step minus many", pair)),
        f"{_left(one)}, {_left(many)}. {text}",
    )  # fmt: skip


def eps(curve: Sequence[Accuracy]) -> Finding:
    """The check "eps". curve: accuracies of the same images without an attack, then under attacks of growing size.
    ValueError for another order.
    """
    sizes = [size(score) for score in curve]
    if len(curve) < 2 or sizes != sorted(set(sizes)):
        raise ValueError(f"a curve needs two or more growing sizes, got {sizes}")
    rises = [paired(after.hits, before.hits) for before, after in pairwise(curve)]
    fall = paired(curve[0].hits, curve[-1].hits)
    worst = max(range(len(rises)), key=lambda k: rises[k].difference)
    between = f"from {_eps(sizes[worst])} to {_eps(sizes[worst + 1])}"
    if any(rise.low > 0 for rise in rises):
        verdict, text = FAIL, f"Accuracy rises {between}: the larger search fails where the smaller one succeeds."
    elif fall.difference <= 0:
        verdict, text = FAIL, "The largest attack takes no image away: the attack finds nothing at any size."
    elif rises[worst].difference > 0:
        verdict, text = WARN, f"Accuracy rises a little {between}, by no more than these images leave to chance."
    elif fall.low <= 0:
        verdict, text = WARN, "It falls, by no more than these images leave to chance."
    else:
        verdict, text = PASS, "Each larger attack leaves as many images right or fewer, as it should."
    points = ", ".join(f"{score.correct} {_at(score)}" for score in curve)
    numbers = (*(_right(score) for score in curve), difference("the whole fall", fall))
    return Finding("eps", verdict, numbers, f"Right of {curve[0].n:,}: {points}. {text}")


def zero(largest: Accuracy) -> Finding | None:
    """The check "zero". largest: accuracy under the largest attack. None if this attack is smaller than
    `rules.LARGE_EPS` and leaves many images right: then only a larger attack can decide.
    """
    if largest.value <= rules.FLOOR:
        verdict, text = PASS, "That is about nothing, as it should be in a ball of this size."
    elif size(largest) < rules.LARGE_EPS:
        return None
    elif largest.low > rules.FLOOR:
        verdict = FAIL
        text = "No network sees the right class in every image of so large a ball: this attack does not find its way."
    else:
        verdict, text = WARN, "That is more than nothing, and too few images to be sure that it is not chance."
    return Finding("zero", verdict, (_right(largest),), f"{_left(largest)}. {text}")


def effort(few: Accuracy, many: Accuracy) -> Finding:
    """The check "effort". few: accuracy under the usual attack. many: the same with more steps and restarts."""
    pair = paired(few.hits, many.hits)
    if pair.low > rules.LITTLE:
        verdict, text = FAIL, "The smaller effort was far from the end: its accuracy says nothing about the network."
    elif pair.high < 0:
        verdict, text = WARN, "More effort does less harm: the search is not settled."
    elif pair.difference > rules.LITTLE:
        verdict, text = WARN, "More effort still finds some. Trust the lower number, and try a larger effort yet."
    elif few.value <= rules.FLOOR:
        verdict, text = PASS, "There was nothing left for more work to find."
    else:
        verdict, text = PASS, "More work changes next to nothing: the attack has arrived, or cannot move at all."
    numbers = (_right(few), _right(many), difference("what more effort takes away", pair))
    return Finding("effort", verdict, numbers, f"{_left(few)}, {_left(many)}. {text}")


def black_box(white: Accuracy, blind: Sequence[Accuracy]) -> Finding:
    """The check "black-box". white: accuracy under the strongest attack that uses the gradient. blind: accuracies under
    attacks that do not use the gradient of this network. ValueError if `blind` is empty.
    """
    if not blind:
        raise ValueError("black_box needs at least one attack without the gradient to compare with")
    pairs = [paired(white.hits, score.hits) for score in blind]
    best = max(range(len(pairs)), key=lambda k: (pairs[k].low > 0, pairs[k].difference))
    ahead = attack_title(blind[best])
    if pairs[best].low > 0:
        verdict = FAIL
        text = f"{ahead} fools images that the attack with the gradient cannot: the gradient is masked."
    elif pairs[best].difference > 0:
        verdict, text = WARN, f"{ahead} is ahead, by no more than these images leave to chance."
    else:
        verdict, text = PASS, "Seeing the gradient helps, as it should."
    numbers = [_right(white)]
    for score, pair in zip(blind, pairs, strict=True):
        numbers += [_right(score), difference(f"with the gradient minus {attack_title(score)}", pair)]
    return Finding("black-box", verdict, tuple(numbers), f"{'; '.join(map(_left, (white, *blind)))}. {text}")


def noise(random: Accuracy, white: Accuracy) -> Finding:
    """The check "noise". random: accuracy under noise of the attack's size. white: under the attack."""
    pair = paired(random.hits, white.hits)
    if random.value <= rules.FLOOR:
        verdict, text = PASS, "Noise alone leaves about nothing here, so that nothing is left to compare."
    elif pair.low > 0:
        verdict, text = PASS, "The direction does the harm, not the size, as it should be."
    elif pair.high < rules.NO_BETTER and size(white) >= rules.NOTICEABLE_EPS:
        verdict = FAIL
        text = "The attack is no better than noise: it has found no direction, and its accuracy is no robustness."
    else:
        verdict, text = WARN, "The attack is not shown to be stronger than noise on these images."
    numbers = (_right(random), _right(white), difference("noise minus attack", pair))
    return Finding("noise", verdict, numbers, f"{_left(random)}, {_left(white)}. {text}")


def gradients(measured: Gradients) -> Finding:
    """The check "gradients". measured: the length and the share of zeros of the loss gradient, for each image."""
    n = len(measured.lengths)
    zero, tiny = int((measured.zeros == 1).sum()), int((measured.lengths < rules.TINY).sum())
    entries = float(measured.zeros.mean())
    low, middle, high = torch.quantile(measured.lengths, torch.tensor([0.05, 0.5, 0.95]).double()).tolist()
    if wilson(zero, n)[0] > rules.ZERO_IMAGES or entries > rules.MANY_ZERO_ENTRIES:
        verdict = FAIL
        text = "Attacks by gradient have nothing to follow here. What they leave right is not shown to be robust."
    elif zero or entries > rules.ZERO_ENTRIES:
        verdict, text = WARN, "Some of the gradient is missing; attacks by gradient may stand still there."
    elif tiny > rules.TINY_IMAGES * n:
        verdict = WARN
        text = "Many gradients are so short that they may be rounding errors; attack the margin instead of the loss."
    else:
        verdict, text = PASS, "There is a gradient to follow."
    numbers = (
        share("images with a gradient of zero", zero, n), Number("entries that are zero", entries, n),
        share(f"images with a gradient shorter than {rules.TINY:g}", tiny, n),
        Number("length, median (and 5 % to 95 % of the images)", middle, n, low, high, percent=False),
    )  # fmt: skip
    return Finding(
        "gradients", verdict, numbers,
        f"Of {n:,} images {zero} have a gradient of exactly zero; over all images {percent(entries)} of its entries "
        f"are zero, and the median length is {middle:.2g}. {text}",
    )  # fmt: skip


def neighbours(measured: Neighbours) -> Finding:
    """The check "neighbours". measured: changes of the predictions in a second run, and in other batches."""
    n = len(measured.shuffled)
    repeated, shuffled = float(measured.repeated.max()), float(measured.shuffled.max())
    flipped_repeated, flipped = int(measured.flipped_repeated.sum()), int(measured.flipped_shuffled.sum())
    if repeated > rules.SAME:
        cause = "Asked twice the same, the model answers differently: it draws lots. Average many answers to judge it."
    else:
        cause = (
            "An image's answer depends on the images beside it. Accuracies hold for one partition into batches; "
            "attack and score in the same one, drop no image, and attack the batch as a whole."
        )
    if flipped_repeated or flipped or max(repeated, shuffled) > rules.MOVED:
        verdict, text = FAIL, cause
    elif max(repeated, shuffled) > rules.SAME:
        verdict, text = WARN, cause
    else:
        verdict, text = PASS, "That is rounding: each image is judged for itself."
    numbers = (
        share("another class when asked again", flipped_repeated, n), share("another class among others", flipped, n),
        Number("largest change of a probability when asked again", repeated, n, percent=False),
        Number("largest change of a probability among others", shuffled, n, percent=False),
    )  # fmt: skip
    return Finding(
        "neighbours", verdict, numbers,
        f"Asked again in the same batch, {flipped_repeated} of {n:,} images get another class; in shuffled pairs "
        f"{flipped} do, and no probability changes by more than {max(repeated, shuffled):.2g}. {text}",
    )  # fmt: skip


def neighbours_by_draws(always: Accuracy, ever: Accuracy, draws: int) -> Finding:
    """The check "neighbours" from accuracies of the same images in `draws` random batches each.

    always: images that are right in all of these batches. ever: images that are right in at least one of them.
    """
    changed = ever.correct - always.correct
    if changed:
        verdict = FAIL
        text = (
            "These answers depend on the images beside them. Accuracies hold for one partition into batches; attack "
            "and score in the same one, drop no image, and attack the batch as a whole."
        )
    else:
        verdict, text = PASS, "No answer turned from right to wrong; how far probabilities moved was not recorded."
    return Finding(
        "neighbours", verdict, (share("right beside some and wrong beside others", changed, always.n),),
        f"In batches of {always.batch_size}, {draws} draws of neighbours: {always.correct:,} of {always.n:,} images "
        f"are right in all of them, {ever.correct:,} in at least one. {text}",
    )  # fmt: skip


def worst_case(usual: Accuracy, worst: Accuracy, parts: Sequence[Number] = ()) -> Finding:
    """The check "worst-case". usual: accuracy under PGD. worst: the images that no attack fools.

    parts: intermediate results for display.
    """
    pair = paired(usual.hits, worst.hits)
    if pair.low > rules.LITTLE:
        verdict = FAIL
        text = f"The usual attack overstated robustness: {percent(worst.value)} is the number to quote."
    elif pair.difference > rules.LITTLE:
        verdict, text = WARN, f"Other attacks find some more: {percent(worst.value)} is the number to quote."
    else:
        verdict, text = (
            PASS,
            f"They take no more than {rules.LITTLE:.0%} more: {percent(worst.value)} is the number to quote.",
        )
    numbers = (
        _right(usual), *parts, right("the worst case", worst),
        difference("what the other attacks take away", pair),
    )  # fmt: skip
    return Finding(
        "worst-case", verdict, numbers,
        f"{_left(usual)}; {worst.correct} of {worst.n:,} withstand all attacks together. {text}",
    )  # fmt: skip


def _right(score: Accuracy) -> Number:
    return right(attack_title(score), score)


def _left(score: Accuracy) -> str:
    return f"{attack_title(score)} leaves {score.correct} of {score.n:,} right"


def _at(score: Accuracy) -> str:
    return f"at {_eps(size(score))}" if size(score) else "without attack"


def _eps(value: float) -> str:
    return f"{255 * value:g}/255"
