"""Sentences about attacked images, from probabilities written by hand."""

import re

import pytest
import torch

from rnorm_core.attacks import Trace
from rnorm_core.experiments.attack_pair import Outcome
from rnorm_core.ui.attack_pair import words
from rnorm_core.zoo import Variant

CLASSES = ("cat", "dog", "frog")
CAT, DOG, FROG = [0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def outcome_of(clean, after, labels, saved=None, targets=None, here=True, **fields) -> Outcome:
    empty = torch.zeros(1)
    known = dict.fromkeys(Trace.__dataclass_fields__, empty) | {
        "joint": False,
        "statistics": "tracked",
        "spec": {"name": "pgd"},
        "clean_probabilities": torch.tensor(clean),
        "adversarial_probabilities": torch.tensor(after),
        "labels": torch.tensor(labels),
        "targets": None if targets is None else torch.tensor(targets),
    }
    trace = Trace(**(known | fields))  # pyright: ignore[reportArgumentType]
    variant = Variant("m", trace.statistics, "", "bn", "BatchNorm, m")
    return Outcome(variant, trace, torch.tensor(saved or after), crafted_here=here)


def matches(text: str, pattern: str) -> bool:
    """Whether the text holds the parts of the pattern, "fooled … cat (80 %)", in this order."""
    return bool(re.search(".*".join(map(re.escape, pattern.split(" … "))), plain(text)))


def test_what_happened_to_many_images_counts_each_once():
    outcome = outcome_of([CAT, CAT, DOG, CAT], [DOG, CAT, DOG, FROG], [0, 0, 0, 0], saved=[CAT, CAT, DOG, FROG])
    assert words.counts(outcome) == (4, 1, 2)
    text = words.of_all(outcome, CLASSES)
    assert matches(text, "2 of 4 images … fooled, 1 was wrong before … 1 held. … PNGs 1 of the 2 … still fools."), text
    assert [words.verdict(outcome, i) for i in range(4)] == ["fooled", "held", "wrong before", "fooled"]


def test_many_images_with_one_target():
    """One is of the target class, one is seen as it already, one reaches it, one does not."""
    outcome = outcome_of([FROG, FROG, CAT, CAT], [FROG, FROG, FROG, DOG], [2, 0, 0, 0], targets=[2, 2, 2, 2])
    text = words.of_all(outcome, CLASSES)
    pattern = "4 images … frog; 1 of them is of that class … 1 was seen as it before; 1 reached it … it still fools."
    assert matches(text, pattern), text
    verdicts = ["target before", "target before", "fooled", "held"]
    assert [words.verdict(outcome, i) for i in range(4)] == verdicts


@pytest.mark.parametrize(
    ("after", "saved", "pattern"),
    [
        ([DOG, DOG, DOG], [DOG, DOG, DOG], "all 3 images were fooled. … all the fooled ones still fool."),
        ([DOG, DOG, CAT], [CAT, CAT, CAT], "2 of 3 images were fooled, 1 held. … none of the 2 … still fools."),
        ([DOG, CAT, CAT], [CAT, CAT, CAT], "1 of 3 images was fooled, 2 held. … PNG it fools no more."),
        ([DOG, DOG], [DOG, CAT], "both images were fooled. … 1 of the 2 … still fools."),
        ([CAT, CAT, CAT], [CAT, CAT, CAT], "none of 3 images was fooled, 3 held."),
    ],
)
def test_all_and_none_are_called_so(after, saved, pattern):
    text = words.of_all(outcome_of([CAT] * len(after), after, [0] * len(after), saved=saved), CLASSES)
    assert matches(text, f": {pattern}"), text
    assert ("PNG" in text) == (after[0] != CAT)


@pytest.mark.parametrize(
    ("name", "here", "word"), [("noise", True, "noise"), ("pgd", True, "this"), ("pgd", False, "other")]
)
def test_for_whom_it_was_crafted(name, here, word):
    assert word in words.crafted_for(outcome_of([CAT], [DOG], [0], here=here, spec={"name": name}))


def test_a_joint_attack_says_so_and_what_was_right_before_it():
    outcome = outcome_of([CAT, DOG], [DOG, CAT], [0, 0], joint=True, statistics="batch")
    assert "the 2 images were attacked jointly" in words.joint_note(outcome)
    assert "1 of 2 were right" in words.joint_note(outcome)
    assert "even without an attack" in words.joint_note(outcome_of([CAT], [DOG], [0], joint=True, statistics="batch"))
    assert words.joint_note(outcome_of([CAT], [DOG], [0])) == ""
