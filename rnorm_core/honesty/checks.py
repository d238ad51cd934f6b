"""The named checks: pure functions of what was measured -> Finding. Their rules and thresholds are in `rules`."""

from collections.abc import Sequence
from itertools import pairwise

import torch

from rnorm_core.attacks import CATALOGUE
from rnorm_core.evaluation import Accuracy, paired, wilson
from rnorm_core.honesty import rules
from rnorm_core.honesty.finding import Finding, Number, difference, right, share
from rnorm_core.honesty.looks import Gradients, Neighbours
from rnorm_core.honesty.rules import FAIL, PASS, WARN


def named(score: Accuracy) -> str:
    """ "PGD (L-inf), 20 steps, 8/255"; "no attack"."""
    spec = score.spec
    if "name" not in spec:
        return "no attack"
    if spec["name"] not in CATALOGUE:
        return spec["name"]
    entry = CATALOGUE[spec["name"]]
    losses = {"ce": "CE", "dlr": "DLR"}
    said = [entry.title + (f" ({losses.get(spec['loss'], spec['loss'])})" if "loss" in spec else "")]
    if spec.get("targets") is not None or spec.get("aimed"):
        said[0] += ", aimed"
    if not entry.one_step:
        said.append(f"{spec['steps']} {'queries' if entry.black_box else 'steps'}")
    if spec.get("restarts", 1) > 1:
        said.append(f"{spec['restarts']} restarts")
    if "crafted_on" in spec:
        said.append(f"crafted on {spec['crafted_on']}")
    return ", ".join([*said, _eps(spec["eps"])])


def size(score: Accuracy) -> float:
    """eps in pixel units, 0 without an attack."""
    return score.spec.get("eps", 0.0)


def steps(one: Accuracy, many: Accuracy) -> Finding:
    """one: the one-step attack, many: the iterative one of the same size."""
    pair = paired(one.hits, many.hits)
    if pair.high < 0:
        verdict = FAIL
        said = "The one-step attack does more harm than the one that may correct itself: the gradient misleads."
    elif pair.low > 0:
        verdict, said = PASS, "Following the loss step by step finds what one leap misses, as it should."
    elif many.value <= rules.FLOOR:
        verdict, said = PASS, "The iterative attack leaves about nothing, so there is nothing left to beat."
    else:
        verdict = WARN
        said = "Many steps are not shown to find more than one step. More images may tell, or the gradient is no guide."
    return Finding(
        "steps", verdict, (right(named(one), one), right(named(many), many), difference("one step minus many", pair)),
        f"{_left(one)}, {_left(many)}. {said}",
    )  # fmt: skip


def eps(curve: Sequence[Accuracy]) -> Finding:
    """curve: the same images without attack and under attacks of growing size. ValueError if they do not grow."""
    sizes = [size(score) for score in curve]
    if len(curve) < 2 or sizes != sorted(set(sizes)):
        raise ValueError(f"a curve needs two or more growing sizes, got {sizes}")
    rises = [paired(after.hits, before.hits) for before, after in pairwise(curve)]
    fall = paired(curve[0].hits, curve[-1].hits)
    worst = max(range(len(rises)), key=lambda k: rises[k].difference)
    between = f"from {_eps(sizes[worst])} to {_eps(sizes[worst + 1])}"
    if any(rise.low > 0 for rise in rises):
        verdict, said = FAIL, f"Accuracy rises {between}: the larger search fails where the smaller one succeeds."
    elif fall.difference <= 0:
        verdict, said = FAIL, "The largest attack takes no image away: the attack finds nothing at any size."
    elif rises[worst].difference > 0:
        verdict, said = WARN, f"Accuracy rises a little {between}, by no more than these images leave to chance."
    elif fall.low <= 0:
        verdict, said = WARN, "It falls, by no more than these images leave to chance."
    else:
        verdict, said = PASS, "Each larger attack leaves as many images right or fewer, as it should."
    points = ", ".join(f"{score.correct} {_at(score)}" for score in curve)
    numbers = (*(right(named(score), score) for score in curve), difference("the whole fall", fall))
    return Finding("eps", verdict, numbers, f"Right of {curve[0].n:,}: {points}. {said}")


def zero(largest: Accuracy) -> Finding | None:
    """None where an attack smaller than `rules.LARGE_EPS` leaves too much: a larger one would have to tell."""
    if largest.value <= rules.FLOOR:
        verdict, said = PASS, "That is about nothing, as it should be in a ball of this size."
    elif size(largest) < rules.LARGE_EPS:
        return None
    elif largest.low > rules.FLOOR:
        verdict = FAIL
        said = "No network sees the right class in every image of so large a ball: this attack does not find its way."
    else:
        verdict, said = WARN, "That is more than nothing, and too few images to be sure that it is not chance."
    return Finding("zero", verdict, (right(named(largest), largest),), f"{_left(largest)}. {said}")


def effort(few: Accuracy, many: Accuracy) -> Finding:
    """many: the attack with more steps and restarts."""
    pair = paired(few.hits, many.hits)
    if pair.low > rules.LITTLE:
        verdict, said = FAIL, "The smaller effort was far from the end: its accuracy says nothing about the network."
    elif pair.high < 0:
        verdict, said = WARN, "More effort does less harm: the search is not settled."
    elif pair.difference > rules.LITTLE:
        verdict, said = WARN, "More effort still finds some. Trust the lower number, and try a larger effort yet."
    elif few.value <= rules.FLOOR:
        verdict, said = PASS, "There was nothing left for more work to find."
    else:
        verdict, said = PASS, "More work changes next to nothing: the attack has arrived, or cannot move at all."
    numbers = (right(named(few), few), right(named(many), many), difference("what more effort takes away", pair))
    return Finding("effort", verdict, numbers, f"{_left(few)}, {_left(many)}. {said}")


def black_box(white: Accuracy, blind: Sequence[Accuracy]) -> Finding:
    """white: the strongest attack by gradient; blind: those that do not see this network's gradient."""
    if not blind:
        raise ValueError("there is nothing to compare with")
    pairs = [paired(white.hits, score.hits) for score in blind]
    best = max(range(len(pairs)), key=lambda k: (pairs[k].low > 0, pairs[k].difference))
    ahead = named(blind[best])
    if pairs[best].low > 0:
        verdict = FAIL
        said = f"{ahead} fools images that the attack with the gradient cannot: the gradient is masked."
    elif pairs[best].difference > 0:
        verdict, said = WARN, f"{ahead} is ahead, by no more than these images leave to chance."
    else:
        verdict, said = PASS, "Seeing the gradient helps, as it should."
    numbers = [right(named(white), white)]
    for score, pair in zip(blind, pairs, strict=True):
        numbers += [right(named(score), score), difference(f"with the gradient minus {named(score)}", pair)]
    return Finding("black-box", verdict, tuple(numbers), f"{'; '.join(map(_left, (white, *blind)))}. {said}")


def noise(random: Accuracy, white: Accuracy) -> Finding:
    """random: noise of the attack's size."""
    pair = paired(random.hits, white.hits)
    if random.value <= rules.FLOOR:
        verdict, said = PASS, "Noise alone leaves about nothing here, so that nothing is left to compare."
    elif pair.low > 0:
        verdict, said = PASS, "The direction does the harm, not the size, as it should be."
    elif pair.high < rules.NO_BETTER and size(white) >= rules.NOTICEABLE_EPS:
        verdict = FAIL
        said = "The attack is no better than noise: it has found no direction, and its accuracy is no robustness."
    else:
        verdict, said = WARN, "The attack is not shown to be stronger than noise on these images."
    numbers = (right(named(random), random), right(named(white), white), difference("noise minus attack", pair))
    return Finding("noise", verdict, numbers, f"{_left(random)}, {_left(white)}. {said}")


def gradients(found: Gradients) -> Finding:
    n = len(found.lengths)
    zero, tiny = int((found.zeros == 1).sum()), int((found.lengths < rules.TINY).sum())
    entries = float(found.zeros.mean())
    low, middle, high = torch.quantile(found.lengths, torch.tensor([0.05, 0.5, 0.95]).double()).tolist()
    if wilson(zero, n)[0] > rules.ZERO_IMAGES or entries > rules.MANY_ZERO_ENTRIES:
        verdict = FAIL
        said = "Attacks by gradient have nothing to follow here. What they leave right is not shown to be robust."
    elif zero or entries > rules.ZERO_ENTRIES:
        verdict, said = WARN, "Some of the gradient is missing; attacks by gradient may stand still there."
    elif tiny > rules.TINY_IMAGES * n:
        verdict = WARN
        said = "Many gradients are so short that they may be rounding errors; attack the margin instead of the loss."
    else:
        verdict, said = PASS, "There is a gradient to follow."
    numbers = (
        share("images with a gradient of zero", zero, n), Number("entries that are zero", entries, n),
        share(f"images with a gradient shorter than {rules.TINY:g}", tiny, n),
        Number("length, median (and 5 % to 95 % of the images)", middle, n, low, high, percent=False),
    )  # fmt: skip
    return Finding(
        "gradients", verdict, numbers,
        f"Of {n:,} images {zero} have a gradient of exactly zero; over all images {entries:.1%} of its entries are "
        f"zero, and the median length is {middle:.2g}. {said}",
    )  # fmt: skip


def neighbours(found: Neighbours) -> Finding:
    n = len(found.apart)
    again, apart = float(found.again.max()), float(found.apart.max())
    flipped_again, flipped = int(found.flipped_again.sum()), int(found.flipped_apart.sum())
    if again > rules.SAME:
        cause = "Asked twice the same, the model answers differently: it draws lots. Average many answers to judge it."
    else:
        cause = (
            "An image's answer depends on the images beside it. Accuracies hold for one partition into batches; "
            "attack and score in the same one, drop no image, and attack the batch as a whole."
        )
    if flipped_again or flipped or max(again, apart) > rules.MOVED:
        verdict, said = FAIL, cause
    elif max(again, apart) > rules.SAME:
        verdict, said = WARN, cause
    else:
        verdict, said = PASS, "That is rounding: each image is judged for itself."
    numbers = (
        share("another class when asked again", flipped_again, n), share("another class among others", flipped, n),
        Number("largest change of a probability when asked again", again, n, percent=False),
        Number("largest change of a probability among others", apart, n, percent=False),
    )  # fmt: skip
    return Finding(
        "neighbours", verdict, numbers,
        f"Asked again in the same batch, {flipped_again} of {n:,} images get another class; in shuffled pairs "
        f"{flipped} do, and no probability changes by more than {max(again, apart):.2g}. {said}",
    )  # fmt: skip


def company(always: Accuracy, ever: Accuracy, draws: int) -> Finding:
    """The same images in `draws` draws of neighbours: those right in all of them, and those right in at least one."""
    changed = ever.correct - always.correct
    if changed:
        verdict = FAIL
        said = (
            "These answers depend on the images beside them. Accuracies hold for one partition into batches; attack "
            "and score in the same one, drop no image, and attack the batch as a whole."
        )
    else:
        verdict, said = PASS, "No answer turned from right to wrong; how far probabilities moved was not recorded."
    return Finding(
        "neighbours", verdict, (share("right beside some and wrong beside others", changed, always.n),),
        f"In batches of {always.batch_size}, {draws} draws of neighbours: {always.correct:,} of {always.n:,} images "
        f"are right in all of them, {ever.correct:,} in at least one. {said}",
    )  # fmt: skip


def worst_case(usual: Accuracy, worst: Accuracy, parts: Sequence[Number] = ()) -> Finding:
    """usual: PGD; worst: the images that no attack fools; parts: how it came about, for people."""
    pair = paired(usual.hits, worst.hits)
    if pair.low > rules.LITTLE:
        verdict = FAIL
        said = f"The usual attack overstated robustness: {worst.value:.1%} is the number to quote."
    elif pair.difference > rules.LITTLE:
        verdict, said = WARN, f"Other attacks find some more: {worst.value:.1%} is the number to quote."
    else:
        verdict, said = (
            PASS,
            f"They take no more than {rules.LITTLE:.0%} more: {worst.value:.1%} is the number to quote.",
        )
    numbers = (
        right(named(usual), usual), *parts, right("the worst case", worst),
        difference("what the other attacks take away", pair),
    )  # fmt: skip
    return Finding(
        "worst-case", verdict, numbers,
        f"{_left(usual)}; {worst.correct} of {worst.n:,} withstand all attacks together. {said}",
    )  # fmt: skip


def _left(score: Accuracy) -> str:
    return f"{named(score)} leaves {score.correct} of {score.n:,} right"


def _at(score: Accuracy) -> str:
    return f"at {_eps(size(score))}" if size(score) else "without attack"


def _eps(value: float) -> str:
    return f"{255 * value:g}/255"
