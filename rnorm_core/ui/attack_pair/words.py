"""Results of an attack -> sentences, in Markdown. Pure functions."""

from torch import Tensor

from rnorm_core.attacks import CATALOGUE
from rnorm_core.attacks.trace import fooled
from rnorm_core.data import class_title
from rnorm_core.experiments.attack_pair import Outcome
from rnorm_core.rounding import percent


def crafted_for(outcome: Outcome) -> str:
    """Which network the attack was crafted for."""
    if CATALOGUE[outcome.trace.spec["name"]].family == "noise":
        return "Random noise: nothing in it was crafted for a model."
    return "The attack was crafted for this model." if outcome.crafted_here else "Crafted for the other model."


def of_all(outcome: Outcome, classes: tuple[str, ...]) -> str:
    """The effect of the attack on a batch of several images, before and after they are saved."""
    n, still = int(_newly(outcome).sum()), int(_still(outcome).sum())
    before_saving = _of_batch(outcome, classes)
    if n == 0:
        return before_saving
    if n == 1:
        return f"{before_saving} After saving as an 8-bit PNG it {'still fools' if still else 'fools no more'}."
    those = "all the fooled ones" if still == n else f"{still or 'none'} of the {n} fooled ones"
    return f"{before_saving} After saving as 8-bit PNGs {those} still {'fools' if still < 2 else 'fool'}."


def joint_note(outcome: Outcome) -> str:
    """A note where predictions depend on the other images of the batch; empty in the other statistics modes."""
    trace = outcome.trace
    if not trace.joint:
        return ""
    n, right = len(trace.labels), int(trace.right_before.sum())
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
    """The numbers of images: all, wrong before the attack, and fooled by the attack.

    In a targeted attack "wrong before" means that the network predicted the target before the attack.
    """
    return len(outcome.trace.labels), int(_before(outcome).sum()), int(_newly(outcome).sum())


def verdict(outcome: Outcome, index: int) -> str:
    """The attack's effect on one image: "fooled", "held", "wrong before" or, in a targeted attack, "target before"."""
    if bool(_before(outcome)[index]):
        return "wrong before" if outcome.trace.targets is None else "target before"
    return "fooled" if bool(_newly(outcome)[index]) else "held"


def _before(outcome: Outcome) -> Tensor:
    """Bool (N,): before the attack the prediction is wrong or, in a targeted attack, the target."""
    trace = outcome.trace
    return ~trace.right_before if trace.targets is None else trace.clean_probabilities.argmax(1) == trace.targets


def _newly(outcome: Outcome) -> Tensor:
    """Bool (N,): fooled by the attack."""
    return outcome.trace.fooled & ~_before(outcome)


def _still(outcome: Outcome) -> Tensor:
    """Bool (N,): fooled by the attack, and by the saved file too."""
    return _newly(outcome) & fooled(outcome.saved, outcome.trace.labels, outcome.trace.targets)


def _of_batch(outcome: Outcome, classes: tuple[str, ...]) -> str:
    n, before, new = counts(outcome)
    name, trace = f"**{outcome.variant.label}**", outcome.trace
    if trace.targets is not None:
        target = class_title(classes[int(trace.targets[0])])
        of_target = trace.targets == trace.labels
        own, seen = int(of_target.sum()), int((_before(outcome) & ~of_target).sum())
        known = f"{own} of them {'is' if own == 1 else 'are'} of that class and cannot count; " if own else ""
        already = f"{seen} {'was' if seen == 1 else 'were'} seen as it before; " if seen else ""
        return f"{name}: {n} images were aimed at {target}; {known}{already}{new} reached it through the attack."
    everything = "both images" if n == 2 else f"all {n} images"
    if new == n:
        return f"{name}: {everything} were fooled."
    if before == n:
        return f"{name}: {everything} were wrong before the attack already."
    already = f", {before} {'was' if before == 1 else 'were'} wrong before the attack already" if before else ""
    those = f"{new or 'none'} of {n} images {'was' if new < 2 else 'were'}"
    return f"{name}: {those} fooled{already}, {n - before - new} held."


def best_guess(probabilities: Tensor, classes: tuple[str, ...]) -> str:
    """The most probable class, and its probability, from probabilities (K,): "cat (80 %)"."""
    winner = int(probabilities.argmax())
    return f"{class_title(classes[winner])} ({_percent(probabilities[winner])})"


def _percent(fraction: float | Tensor) -> str:
    """As in figures; the line does not break before "%"."""
    return percent(float(fraction)).replace(" ", "\N{NO-BREAK SPACE}")
