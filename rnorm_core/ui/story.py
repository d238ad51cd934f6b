"""Results -> plain sentences. Pure functions of what was measured."""

from rnorm_core.attacks.trace import fooled
from rnorm_core.figures.style import percent
from rnorm_core.ui.crafting import Crafted, Outcome


def what_happened(crafted: Crafted) -> list[str]:
    """One sentence per model, in Markdown."""
    classes = crafted.batch.classes
    if len(crafted.batch) > 1:
        return [_many(outcome, classes) for outcome in crafted.outcomes]
    known = int(crafted.batch.labels[0]) >= 0
    return [_one(outcome, classes, known) for outcome in crafted.outcomes]


def after_png(outcome: Outcome, classes: tuple[str, ...]) -> str:
    """What is left of the attack after rounding to 8 bits: only images that were right before are counted."""
    trace = outcome.trace
    before = _newly(outcome)
    after = before & fooled(outcome.saved, trace.labels, trace.targets)
    n, left = int(before.sum()), int(after.sum())
    if n == 0:
        return "There is nothing to lose by saving: the attack fooled nothing here."
    if len(trace.labels) == 1:
        winner = int(outcome.saved[0].argmax())
        said = f"{classes[winner]} ({percent(float(outcome.saved[0, winner]))})"
        return f"Saved as an 8-bit PNG it {'still fools' if left else 'fools no more'}: {said}."
    of = f"Of the {n} fooled images" if n > 1 else "Of the 1 fooled image"
    return f"{of}, {left} still {'fools' if left == 1 else 'fool'} the model after saving as an 8-bit PNG."


def joint_note(outcome: Outcome) -> str:
    """A word on modes in which images depend on each other; empty in the others."""
    trace = outcome.trace
    if not trace.joint:
        return ""
    n = len(trace.labels)
    whole = f"the {n} images were attacked jointly, as one batch" if n > 1 else "the batch is this one image"
    if not outcome.crafted_here:
        whole = f"the {n} images were shown as one batch" if n > 1 else "the batch is this one image"
    return f"In the mode “{trace.statistics}” predictions depend on the batch: {whole}."


def counts(outcome: Outcome) -> tuple[int, int, int]:
    """(n images, wrong before the attack, fooled by it). In a targeted attack "wrong before" is: there already."""
    return len(outcome.trace.labels), int(_before(outcome).sum()), int(_newly(outcome).sum())


def verdict(outcome: Outcome, index: int) -> str:
    """ "fooled", "held" or "wrong before", of one image."""
    if bool(_before(outcome)[index]):
        return "wrong before" if outcome.trace.targets is None else "target before"
    return "fooled" if bool(_newly(outcome)[index]) else "held"


def _before(outcome: Outcome):
    trace = outcome.trace
    predicted = trace.clean_probabilities.argmax(1)
    return predicted != trace.labels if trace.targets is None else predicted == trace.targets


def _newly(outcome: Outcome):
    return outcome.trace.fooled & ~_before(outcome)


def _one(outcome: Outcome, classes: tuple[str, ...], known: bool) -> str:
    trace, name = outcome.trace, f"**{outcome.side.label}**"
    was, now = int(trace.clean_probabilities[0].argmax()), int(trace.adversarial_probabilities[0].argmax())
    label = int(trace.labels[0])
    before, after = float(trace.clean_probabilities[0, was]), float(trace.adversarial_probabilities[0, now])
    saw = f"{classes[was]} ({percent(before)})"
    sees = f"{classes[now]} ({percent(after)})"
    kept = float(trace.adversarial_probabilities[0, was])
    change = f"its confidence went from {percent(before)} to {percent(kept)}"
    if trace.targets is not None:
        target = int(trace.targets[0])
        aim = classes[target]
        if target == label:
            return f"{name}: the target {aim} is what the image shows, so there is nothing to reach."
        if was == target:
            return f"{name} saw the target {saw} before the attack already."
        if now == target:
            return f"{name} was led to the target: {saw} became {sees}."
        chance = f"it gives {aim} {percent(float(trace.adversarial_probabilities[0, target]))}"
        if now == was:
            return f"{name} held: still {classes[was]}, and {chance}."
        return f"{name} left {classes[was]} for {sees}, which is not the target; {chance}."
    if was != label and not known:
        return f"{name} saw {saw} and not {classes[label]}, which was attacked, before it; now {sees}."
    if was != label:
        return f"{name} was wrong before the attack already: it saw {saw} and not {classes[label]}; now {sees}."
    if now != label:
        return f"{name} was fooled: {saw} became {sees}."
    return f"{name} held: still {classes[was]}; {change}."


def _many(outcome: Outcome, classes: tuple[str, ...]) -> str:
    n, before, new = counts(outcome)
    name, trace = f"**{outcome.side.label}**", outcome.trace
    if trace.targets is not None:
        target = classes[int(trace.targets[0])]
        own = int((trace.targets == trace.labels).sum())
        known = f"{own} of them {'is' if own == 1 else 'are'} of that class and cannot count; " if own else ""
        there = before - int(((trace.targets == trace.labels) & _before(outcome)).sum())
        already = f"{there} {'was' if there == 1 else 'were'} seen as it before; " if there else ""
        return f"{name}: {n} images were aimed at {target}; {known}{already}{new} reached it through the attack."
    ok = n - before
    already = f", {before} {'was' if before == 1 else 'were'} wrong before the attack already" if before else ""
    return f"{name}: {new} of {n} images {'was' if new == 1 else 'were'} fooled{already}, {ok - new} held."


def best_guess(probabilities, classes: tuple[str, ...]) -> str:
    winner = int(probabilities.argmax())
    return f"{classes[winner]} ({percent(float(probabilities[winner]))})"
