"""The rules of the checks: when a check passes, warns or fails, and why. All thresholds are here.

Accuracies under two attacks on the same images are compared image by image (`evaluation.paired`). So a verdict depends
on the 95 % interval of a difference, not on two single numbers. If there are too few images to decide, the verdict is a
warning.
"""

from dataclasses import dataclass

PASS, WARN, FAIL, NOT_MEASURED = "pass", "warn", "fail", "not measured"
VERDICTS = (PASS, WARN, FAIL, NOT_MEASURED)

FLOOR = 0.05  # below it an accuracy is about zero, and attacks cannot be compared
LITTLE = 0.05  # accuracy that a stronger attack may still take away if the usual attack is strong enough
NO_BETTER = 0.10  # an attack is no better than noise if the interval of its advantage over noise lies below this
NOTICEABLE_EPS = 4 / 255  # a smaller attack may do as little as noise, also on a network without a fake defence
LARGE_EPS = 64 / 255  # a quarter of the way from black to white: no network is robust here
ZERO_IMAGES = 0.05  # share of images with a gradient that is zero everywhere
ZERO_ENTRIES, MANY_ZERO_ENTRIES = 0.2, 0.5  # share of zero entries over all images; a stride may skip the border
TINY, TINY_IMAGES = 1e-7, 0.1  # a length below float32's rounding of a probability; share of such images
SAME, MOVED = 1e-3, 0.1  # change of a probability: up to SAME it is rounding, above MOVED it is another classifier

CARLINI = "Carlini et al. 2019, arXiv 1902.06705"
ATHALYE = "Athalye et al. 2018, arXiv 1802.00420"
CROCE = "Croce and Hein 2020, arXiv 2003.01690"
TRAMER = "Tramer et al. 2020, arXiv 2002.08347"


@dataclass(frozen=True)
class Rule:
    """One check.

    title: a property of real robustness. rule: how the verdict follows from the numbers. why: the reason for the rule.
    source: the publication.
    """

    key: str
    title: str
    rule: str
    why: str
    source: str


CHECKS = {
    rule.key: rule
    for rule in (
        Rule(
            "gradients", "Gradients do not vanish",
            f"Fails if more than {ZERO_IMAGES:.0%} of images have a gradient of exactly zero (the whole interval lies "
            f"above) or if more than {MANY_ZERO_ENTRIES:.0%} of all entries are exactly zero. Warns at any such image, "
            f"above {ZERO_ENTRIES:.0%} of the entries, or if more than {TINY_IMAGES:.0%} of the gradients are shorter "
            f"than {TINY:g}.",
            "An attack by gradient stands still where there is none. Rounding, thresholds and saturated probabilities "
            "take the gradient away and leave the weakness where it was.",
            ATHALYE,
        ),
        Rule(
            "neighbours", "The prediction does not depend on neighbours",
            f"The same images, asked again in the same batch and in shuffled pairs. Fails if a class changes or a "
            f"probability moves by more than {MOVED:g}; warns above {SAME:g}.",
            "A classifier whose answers depend on chance or on the rest of the batch has no accuracy of its own: a "
            "score holds for one partition, and attacks that ask again, or leave images out, attack another network.",
            TRAMER,
        ),
        Rule(
            "steps", "Many steps beat one step",
            f"Passes if the iterative attack leaves fewer images right (the interval of the difference excludes 0), or "
            f"leaves at most {FLOOR:.0%}. Fails if it leaves more (the interval excludes 0). Warns otherwise.",
            "Many small steps can follow a curved loss and contain the one large step as a special case. If they do "
            "worse, the gradient leads them astray.",
            ATHALYE,
        ),
        Rule(
            "eps", "Accuracy falls as the attack grows",
            "Fails if a larger attack leaves more images right (the interval of the difference excludes 0), or if the "
            "largest takes none away. Warns at any rise, or if the interval of the whole fall includes 0.",
            "A larger ball contains the smaller one with all its adversarial images. Only the search can do worse.",
            CARLINI,
        ),
        Rule(
            "zero", "A large attack leaves about nothing",
            f"At {255 * LARGE_EPS:g}/255 or more. Passes if at most {FLOOR:.0%} of the images are still right; "
            "fails if the whole interval lies above; warns in between. A smaller one that gets there passes, too.",
            "Within a large enough ball lie images of other classes. If an attack does not get there, the attack has "
            "failed and the network has shown nothing.",
            CARLINI,
        ),
        Rule(
            "effort", "More steps and restarts change little",
            f"Passes if they take away at most {LITTLE:.0%} of the images. Fails if the whole interval lies above. "
            "Warns otherwise, and if more effort does worse (the interval excludes 0).",
            "An accuracy that keeps falling as the attacker works on is a measure of his patience.",
            CARLINI,
        ),
        Rule(
            "black-box", "Attacks that see the gradient beat those that do not",
            "Against the strongest gradient attack above: fails if Square or a transferred attack leaves fewer images "
            "right (the interval of the difference excludes 0); warns at any difference in their favour.",
            "Who sees the inside can do all that who sees only answers can. If guessing does better, the gradient is "
            "masked.",
            ATHALYE,
        ),
        Rule(
            "noise", "Random noise of the same size is weaker",
            f"Passes if the attack leaves fewer images right than noise (the interval of the difference excludes 0) or "
            f"if at most {FLOOR:.0%} are right under noise. Fails if its advantage lies below {NO_BETTER:.0%} with its "
            f"whole interval, at {255 * NOTICEABLE_EPS:g}/255 or more. Warns otherwise.",
            "The direction makes the attack, not the size. An attack no better than noise has found no direction.",
            CARLINI,
        ),
        Rule(
            "worst-case", "No ensemble of attacks does much more harm",
            f"An image counts as right if nothing fools it: APGD on cross entropy, on the margin of logits and on "
            f"their ratio (DLR), aimed at the likeliest other classes, Square, and all attacks above. Passes if that "
            f"is at most {LITTLE:.0%} below the usual PGD; fails if the whole interval lies above; warns otherwise.",
            "One attack that fails proves little. Different losses and searches fail for different reasons. Where "
            "predictions depend on the batch every attack keeps all images, in one fixed partition, without DLR.",
            CROCE,
        ),
    )
}  # fmt: skip
