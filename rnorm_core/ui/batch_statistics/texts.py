"""The fixed texts of each part of the page about batch statistics."""

from dataclasses import dataclass
from typing import Any

from rnorm_core.ui.batch_statistics.question import (
    CORRUPTIONS,
    DEFENCE,
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
    """A link: to a page, with a label, and with settings (left and right by norm). to: the key of what it changes."""

    page: str
    label: str
    settings: dict[str, Any]
    to: str = ""


@dataclass(frozen=True)
class Texts:
    """see, why, ways: below a part, under "What you see", "Why" and "Try this"."""

    see: str
    why: str
    ways: tuple[Way, ...]


def _here(label: str, part: str, to: str = "", **settings: Any) -> Way:
    return Way("batch", label, dict(part=part, **settings), to)


TEXTS = {
    SIZE: Texts(
        "The bars: clean photos, normalised with the statistics of one photo, of a few, of many, and of the training "
        "set. In the charts, filled marks are attacked images, each batch attacked as one; open ones are clean. The "
        "thin lines are the network as trained: it does not care how many images come.",
        "A batch of one normalises every channel of an image by itself. Its own mean and scale are taken away, and "
        "with them information about the image. With more images a mean or a standard deviation settles: its error "
        "shrinks with the square root of their number; RobustNorm's range goes on growing. The sentences list the "
        "sizes with clearly lower accuracy. The paper's claim C4 is judged by another rule, nine tenths of the usual "
        "accuracy, and so ends at smaller batches.",
        (
            _here("The same here and now", SIZE, "live", here=True),
            _here("Which neighbours, not only how many", NEIGHBOURS),
            _here("Neighbours that mean harm", POISONING),
            Way("paper", "What the paper claims of this", dict(claim="C4")),
        ),
    ),
    NEIGHBOURS: Texts(
        "The bars: the share of photos that are right beside some neighbours and wrong beside others. Below, one "
        "photo, always the same, in many batches. Each mark is one draw of neighbours; nothing else differs. Where "
        "marks of a class lie apart, the neighbours alone moved its probability.",
        "With the statistics of the batch, every neighbour has a vote in the mean and the scale that all are "
        "normalised with. A batch of one class votes alike: what these images have in common is subtracted. An attack "
        "on a batch is a joint one: images that are shuffled afterwards lose the neighbours it counted on. As trained, "
        "a network answers for each image alone, and the neighbours have no effect.",
        (
            _here("Only two images", NEIGHBOURS, "size", size=2),
            _here("Batches of other composition", NEIGHBOURS, "live", here=True),
            _here("Neighbours that mean harm", POISONING), _here("How many neighbours?", SIZE),
            Way("honesty", "What the neighbours' check says", dict(left="bn", left_mode="batch")),
        ),
    ),
    POISONING: Texts(
        "The first picture is the victim's, bit by bit what it was. The others belong to the attacker and change by no "
        "more than eps. Move the step: the victim's answer turns, while its own picture stays. “Mean and median” shows "
        "one network with both. Below, all images that are not the attacker's are victims.",
        "The victim's loss depends on its neighbours' pixels through the mean and the scale of every layer, so it has "
        "a slope there that an attack can climb (Wu et al. 2023). As trained that slope is exactly zero: no image "
        "enters another's answer, and whatever is done to the neighbours, the answer is the same to the last bit. "
        "A few far-off photos cannot take a median along (MedBN, Park et al. 2024). But a small change of many pixels "
        "moves it, and the scale has no such protection. The attack is made anew against the median, and climbs the "
        "mean's gradient in its place: by its exact gradient a median only looks robust (gradient masking).",
        (
            _here("One photo is the attacker's", POISONING, "k", k=1),
            _here("Eight are the attacker's", POISONING, "k", k=8),
            _here("Is the median a defence?", POISONING, "side", side=DEFENCE),
            _here("A batch of eight", POISONING, "k", n=8),
            _here("Small changes", POISONING, "request_work", eps=2), _here("Neighbours without intent", NEIGHBOURS),
        ),
    ),
    TRANSFER: Texts(
        "In the charts each row is one set of images: clean ones, noise of the attack's size, then images attacked for "
        "one kind of statistics. Each column is what the network normalises with. The framed cells are attacks on "
        "oneself, which usual accuracies report; the others were made for somebody else.",
        "An attack climbs the loss it is shown. Where the scorer uses other statistics, that was another function of "
        "the same pixels, and part of the way may lead nowhere: such a network looks robust, and is only being "
        "attacked with the wrong map. An attack of few steps may also be weak on the very statistics it was made for, "
        "and others the better guide. Compare with the framed cell of the column, and take the lower one.",
        (
            _here("A larger attack", TRANSFER, eps=8), _here("A tiny one", TRANSFER, eps=0.25),
            _here("Now give single layers other statistics", PATCHING),
            Way("accuracy", "The framed cells at all sizes", dict(modes=["tracked", "batch", "tracked-mean"]),
                "curves"),
            Way("paper", "What the paper claims of this", dict(claim="C3")),
        ),
    ),
    PATCHING: Texts(
        "The bars at the top: attacked images as trained, and with the statistics of their own batch. In the charts, "
        "bars give one layer alone other statistics, the line all layers up to that one. The two levels are the clean "
        "and the attacked accuracy with nothing patched.",
        "To give a cause back and look whether the effect goes away is an experiment, not a correlation. If the shift "
        "of the statistics were the reason of the vulnerability, clean statistics would undo most of it. An interval "
        "that holds 0 as well as 100 % says: use more images.",
        (
            _here("The reverse", PATCHING, "experiment", experiment=EXPERIMENT_TITLES["spoil"]),
            _here("A larger attack", PATCHING, eps=8),
            _here(
                "Own statistics instead of trained ones", PATCHING, "experiment", mode="tracked",
                experiment=EXPERIMENT_TITLES["repair"],
            ),
            Way("shift", "How far the layers move", dict(left="bn", eps=1)),
            Way("paper", "What the paper claims of this", dict(claim="C2")),
        ),
    ),
    PRECISE_BN: Texts(
        "The bars: a network as trained, and with statistics that are estimated again from whole batches. In the "
        "charts, to the right go more batches; the thin lines are the network as trained. Below, how far the new "
        "statistics lie from the moving average, and from those of the most batches.",
        "The statistics of training are a moving average over its last batches, while the weights still moved. They "
        "can be estimated again with the finished weights (PreciseBN). One batch is a rough estimate, many are a good "
        "one. Images matter: training cuts them, black margins and all, so statistics of whole images are not those "
        "that the weights were fitted to. RobustNorm's range is larger in a larger batch.",
        (
            _here("Batches of other size", PRECISE_BN, "size", size=2),
            _here("How many images does one batch need?", SIZE),
            Way("batch", "New statistics against fog and noise", dict(part=CORRUPTIONS, m="all", mend=True), "repair"),
        ),
    ),
}  # fmt: skip
