"""Results -> plain sentences. Pure functions of what was measured."""

from rnorm_core.attacks.trace import fooled
from rnorm_core.figures import style
from rnorm_core.ui.crafting import Crafted, Outcome


def what_happened(crafted: Crafted, index: int = 0) -> list[str]:
    """What became of image `index`: one sentence per model, in Markdown."""
    known = int(crafted.batch.labels[index]) >= 0
    return [_one(outcome, index, crafted.batch.classes, known) for outcome in crafted.outcomes]


def after_png(outcome: Outcome, index: int, classes: tuple[str, ...]) -> str:
    """What rounding to 8 bits leaves of the attack on image `index`; empty where it fooled nobody."""
    if not bool(_newly(outcome)[index]):
        return ""
    does = "still fools" if bool(_still(outcome)[index]) else "fools no more"
    return f"Saved as an 8-bit PNG it {does}: {best_guess(outcome.saved[index], classes)}."


def of_all(outcome: Outcome, classes: tuple[str, ...]) -> str:
    """What became of a batch of several, before and after saving, in Markdown."""
    n, left = int(_newly(outcome).sum()), int(_still(outcome).sum())
    story = _many(outcome, classes)
    if n == 0:
        return story
    if n == 1:
        return f"{story} After saving as an 8-bit PNG it {'still fools' if left else 'fools no more'}."
    those = "all the fooled ones" if left == n else f"{left or 'none'} of the {n} fooled ones"
    return f"{story} After saving as 8-bit PNGs {those} still {'fools' if left < 2 else 'fool'}."


def joint_note(outcome: Outcome) -> str:
    """A word on modes in which images depend on each other; empty in the others."""
    trace = outcome.trace
    if not trace.joint:
        return ""
    n, right = len(trace.labels), int((trace.clean_probabilities.argmax(1) == trace.labels).sum())
    if n == 1:
        return (
            f"In the mode “{trace.statistics}” a network takes statistics from the pictures it is shown together, here "
            "from this one alone. It is then often wrong, or right by chance, even without an attack; more pictures at "
            "once help."
        )
    done = "attacked jointly, as one batch" if outcome.crafted_here else "shown as one batch"
    return (
        f"In the mode “{trace.statistics}” answers depend on the other pictures: the {n} images were {done}. "
        f"Before the attack {right} of {n} were right; a small batch costs accuracy by itself."
    )


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


def _still(outcome: Outcome):
    return _newly(outcome) & fooled(outcome.saved, outcome.trace.labels, outcome.trace.targets)


def _one(outcome: Outcome, index: int, classes: tuple[str, ...], known: bool) -> str:
    trace, name = outcome.trace, f"**{outcome.side.label}**"
    clean, after = trace.clean_probabilities[index], trace.adversarial_probabilities[index]
    was, now, label = int(clean.argmax()), int(after.argmax()), int(trace.labels[index])
    saw, sees = best_guess(clean, classes), best_guess(after, classes)
    if trace.targets is not None:
        target = int(trace.targets[index])
        aim = classes[target]
        if target == label:
            return f"{name}: the target {aim} is what the image shows, so there is nothing to reach."
        if was == target:
            return f"{name} saw the target {saw} before the attack already."
        if now == target:
            return f"{name} was led to the target: {saw} became {sees}."
        chance = f"it gives {aim} {_percent(after[target])}"
        if now == was:
            return f"{name} held: still {classes[was]}, and {chance}."
        return f"{name} left {classes[was]} for {sees}, which is not the target; {chance}."
    if was != label and not known:
        return f"{name} saw {saw} and not {classes[label]}, which was attacked, before it; now {sees}."
    if was != label:
        return f"{name} was wrong before the attack already: it saw {saw} and not {classes[label]}; now {sees}."
    if now != label:
        return f"{name} was fooled: {saw} became {sees}."
    return f"{name} held: still {classes[was]}; {_course(float(clean[was]), float(after[was]))}."


def _course(before: float, after: float) -> str:
    if _percent(before) == _percent(after):
        return f"its confidence stayed at {_percent(after)}"
    return f"its confidence went from {_percent(before)} to {_percent(after)}"


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
    everything = "both images" if n == 2 else f"all {n} images"
    if new == n:
        return f"{name}: {everything} were fooled."
    if before == n:
        return f"{name}: {everything} were wrong before the attack already."
    already = f", {before} {'was' if before == 1 else 'were'} wrong before the attack already" if before else ""
    those = f"{new or 'none'} of {n} images {'was' if new < 2 else 'were'}"
    return f"{name}: {those} fooled{already}, {n - before - new} held."


def best_guess(probabilities, classes: tuple[str, ...]) -> str:
    """The class with the highest of probabilities (K,), and how sure that is."""
    winner = int(probabilities.argmax())
    return f"{classes[winner]} ({_percent(probabilities[winner])})"


def _percent(fraction) -> str:
    """As in figures, in one piece at the end of a line."""
    return style.percent(float(fraction)).replace(" ", "\N{NO-BREAK SPACE}")
