"""The fixed texts of each part of the page about batch statistics."""

from dataclasses import dataclass
from typing import Any

from rnorm_core.ui.batch_statistics.question import (
    EXPERIMENT_TITLES,
    NEIGHBOURS,
    PATCHING,
    POISONING,
    PRECISE_BN,
    SIZE,
    TRANSFER,
)


@dataclass(frozen=True)
class Way:
    """A link: to a page, with a label, and with settings (left and right by norm)."""

    page: str
    label: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class Texts:
    """lead: above the part. see, why, ways: below it, under "What you see", "Why" and "Try this"."""

    lead: str
    see: str
    why: str
    ways: tuple[Way, ...]


def _here(label: str, part: str, **settings: Any) -> Way:
    return Way("whose", label, dict(part=part, **settings))


TEXTS = {
    TRANSFER: Texts(
        "The **same weights** can normalise with the training set's statistics, with the batch's, or with the mean of "
        "the one and the scale of the other. Does an attack that was made for one of these work on the others?",
        "Each row is one set of images: clean ones, noise of the attack's size, then images attacked for one mode. "
        "Each column is who looks at them. The framed cells are attacks on oneself, what usual accuracies report; "
        "the others were made for somebody else.",
        "An attack climbs the loss it is shown. Where the scorer uses other statistics, that was another function of "
        "the same pixels, and part of the way may lead nowhere: such a network looks robust, and is only being "
        "attacked with the wrong map. The other way round happens, too: an attack of few steps may be weak on the very "
        "mode it was made for, and another mode the better guide. Compare with the framed cell of the column before "
        "believing a number, and take the lower one.",
        (
            _here("A larger attack", TRANSFER, eps=8), _here("A tiny one", TRANSFER, eps=0.25),
            _here("Now give single layers other statistics", PATCHING),
            Way("accuracy", "The framed cells at all sizes", dict(modes=["tracked", "batch", "tracked-mean"])),
            Way("paper", "What the paper claims of this", dict(claim="C3")),
        ),
    ),
    SIZE: Texts(
        "Statistics of a batch are estimates, of few images **poor** ones. How many images does a network need beside "
        "the one you ask about, and does that change when they are attacked?",
        "Filled marks: attacked images, each batch as one. Open ones: the same networks on clean images. The thin "
        "lines are the tracked statistics, which do not care how many images come.",
        "A batch of one normalises every channel of an image by itself: its own mean and scale are taken away, and "
        "with them information about the image. With more images a mean or a deviation settles: its error shrinks "
        "with the square root of their number; RobustNorm's range goes on growing. An attack on a whole batch may move "
        "these estimates, too. The sentences list the sizes with clearly lower accuracy; the paper's claim C4 is "
        "judged by another rule, nine tenths of the usual accuracy, and so ends at smaller batches.",
        (
            _here("The same here and now", SIZE, here=True), _here("Which neighbours, not only how many", NEIGHBOURS),
            Way("craft", "One image with the statistics of its own", dict(left="bn", left_mode="batch", right="bn")),
            Way("paper", "What the paper claims of this", dict(claim="C4")),
        ),
    ),
    NEIGHBOURS: Texts(
        "With statistics of the batch an answer is about **all images together**. Here is one image, always the same, "
        "among other neighbours: does the answer change? The page begins with an image for which it does.",
        "Each mark is one draw of neighbours; nothing else differs. Where marks of a class lie apart, the neighbours "
        "alone moved its probability. Below, on demand: batches of one class, images that meet others after "
        "they were attacked, and attacked ones among clean ones.",
        "Every neighbour has a vote in the mean and the scale that all are normalised with. A batch of one class "
        "votes alike: what these images have in common is subtracted. And an attack on a batch is a joint one: "
        "images that are shuffled afterwards lose the neighbours it counted on. With tracked statistics the "
        "neighbours have no effect.",
        (
            _here("Only two images", NEIGHBOURS, size=2), _here("Compose batches", NEIGHBOURS, here=True),
            _here("Neighbours that mean harm", POISONING), _here("How many neighbours?", SIZE),
            Way("honesty", "What the neighbours' check says", dict(left="bn", left_mode="batch")),
        ),
    ),
    POISONING: Texts(
        "If neighbours have a vote, they can be **bribed**. Some images of the batch are changed so that another, "
        "which nobody touches, is misread.",
        "The first picture is the victim, bit by bit what it was; the others are changed by no more than eps. Move "
        "the step: its answer may turn, while its own picture stays. The curves are the victim's answer as its "
        "neighbours change, with the batch's statistics and with tracked ones. "
        "Below, all images that are not poisoned are victims at once.",
        "The victim's loss depends on its neighbours' pixels through the mean and the scale of every layer, so it has "
        "a slope there that an attack can climb (Wu et al. 2023). With tracked statistics that slope is exactly zero: "
        "no image enters another's answer, and whatever is done to the neighbours, the answer is the same to the last "
        "bit.",
        (
            _here("A single poisoned neighbour", POISONING, k=1), _here("Small changes", POISONING, eps=2),
            _here("A batch of eight", POISONING, n=8), _here("Neighbours without intent", NEIGHBOURS),
        ),
    ),
    PATCHING: Texts(
        "An attack changes the images **and** with them the statistics. What if layers are handed the clean batch's "
        "statistics, while the attacked images run? The accuracy that comes back was lost by the shifted statistics.",
        "Bars: one layer alone is given other statistics. The line: all layers up to that one. The two levels are the "
        "clean and the attacked accuracy, with nothing patched; the share of the way between them that the line has "
        "gone at its end is the number above.",
        "To give a cause back and look whether the effect goes away is an experiment, not a correlation. If the shift "
        "of the statistics were the reason of the vulnerability, clean statistics would undo most of it. An interval "
        "that holds 0 as well as 100 % says: use more images.",
        (
            _here("The reverse", PATCHING, experiment=EXPERIMENT_TITLES["spoil"]),
            _here("A larger attack", PATCHING, eps=8),
            _here(
                "Own statistics instead of tracked ones", PATCHING, mode="tracked",
                experiment=EXPERIMENT_TITLES["repair"],
            ),
            Way("shift", "How far the layers move", dict(left="bn", eps=1)),
            Way("paper", "What the paper claims of this", dict(claim="C2")),
        ),
    ),
    PRECISE_BN: Texts(
        "Tracked statistics are a **moving average** of the last batches of training, while the weights still moved. "
        "They can be estimated again with the finished weights (PreciseBN). Is that better, and is it more robust?",
        "To the right go more batches. The thin lines are the network as it was trained. Below, how far the new "
        "statistics lie from the moving average, and from those of the most batches: the second shrinks to zero by "
        "definition, and by then the first is the moving average's own error, or the batches' size.",
        "One batch is a rough estimate, many are a good one. RobustNorm's range has a trait of its own: that of a "
        "larger batch is larger, so that batches of another size than in training are another network. And images "
        "matter: training cuts them, black margins and all, so that statistics of whole images are not those "
        "that the weights were fitted to. At the top stand both: counted from whole images and from cut ones.",
        (
            _here("Batches of other size", PRECISE_BN, size=2), _here("How many images does one batch need?", SIZE),
            Way("corruptions", "New statistics against fog and noise", dict(m="all")),
        ),
    ),
}  # fmt: skip
