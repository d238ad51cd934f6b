"""Readings on two data sets: on which of them they hold."""

from dataclasses import dataclass

from rnorm_core.evaluation.claims.across_datasets import compare_datasets, main
from rnorm_core.evaluation.claims.judge import Judgement
from rnorm_core.evaluation.claims.verdict import EPS, FAILS, HOLDS, IMAGES, OPEN, OPPOSITE, PER_IMAGE, Axis, Finding
from rnorm_core.ui.paper import words


@dataclass(frozen=True)
class Planted:
    states: dict
    left: str
    axis: Axis = EPS

    def findings(self) -> list[Finding]:
        return [Finding(size, state, "n = 1") for size, state in self.states.items()]


def judged(states: dict, claim: str = "C5", reading: str = "ahead", left: str = "RobustNorm", axis: Axis = EPS):
    return Judgement(claim, reading, Planted(states, left, axis), ())


def on(ten: list, hundred: list) -> list:
    claims = list(dict.fromkeys(one.claim for one in [*ten, *hundred]))
    by_claim = [{claim: [one for one in some if one.claim == claim] for claim in claims} for some in (ten, hundred)]
    return compare_datasets(dict(zip(("cifar10", "cifar100"), by_claim, strict=True)))


def test_each_size_names_the_data_sets_on_which_it_holds():
    ten = judged({0.25: HOLDS, 0.5: HOLDS, 1: HOLDS, 2: FAILS, 8: OPEN, 16: HOLDS})
    hundred = judged({0.25: HOLDS, 0.5: PER_IMAGE, 1: OPPOSITE, 2: HOLDS, 8: FAILS})
    (one,) = on([ten], [hundred])
    assert one.verdict == (
        "holds on both at 0.25/255; only on CIFAR-10 (on CIFAR-100 per image, not over trainings) at 0.5/255; "
        "only on CIFAR-10 at 1/255; only on CIFAR-100 at 2/255; on neither at 8/255"
    )
    assert words.of_both([one]) == " C5, which was judged on both data sets, holds only on CIFAR-10 at 1/255."


def test_what_holds_per_image_on_both_holds_on_neither():
    both = {1: PER_IMAGE}, {1: PER_IMAGE}
    found = on(*([judged(states)] for states in both))
    place = "on neither (on both per image, not over trainings)"
    assert found[0].verdict == f"holds {place} at 1/255"
    ten, hundred = ([judged({1: FAILS}, "C0"), judged(states)] for states in both)
    said = words.of_both(on(ten, hundred))
    assert said == f" Of the 2 that were judged on both data sets, 1 holds on neither and 1 {place} at 1/255."


def test_what_was_measured_on_one_data_set_only_is_said():
    (one,) = on([judged({1: HOLDS})], [])
    assert one.verdict == "not measured on CIFAR-100"
    (other,) = on([], [judged({1: HOLDS})])
    assert other.verdict == "not measured on CIFAR-10"
    (apart,) = on([judged({1: HOLDS})], [judged({2: HOLDS})])
    assert apart.verdict == "not measured at the same sizes"
    assert words.of_both([one, other, apart]) == ""
    assert words.across_datasets([one, other]) == (
        "- one further reading is not measured on CIFAR-100: of C5\n"
        "- one further reading is not measured on CIFAR-10: of C5"
    )


def test_readings_with_the_same_words_are_told_apart_by_their_networks():
    both = [judged({1: HOLDS}, left="RobustNorm with batch statistics"), judged({1: FAILS})]
    first, second = on(both, both[1:])
    assert first.verdict == "not measured on CIFAR-100"
    assert second.verdict == "holds on neither at 1/255"


def test_a_reading_without_sizes_and_one_of_batches():
    (speed,) = on([judged({None: HOLDS}, "C6")], [judged({None: HOLDS}, "C6")])
    assert speed.verdict == "holds on both"
    batches = {1: HOLDS, 8: FAILS}
    (sizes,) = on([judged(batches, "C4", axis=IMAGES)], [judged(batches, "C4", axis=IMAGES)])
    assert sizes.verdict == "holds on both with 1 images; on neither with 8 images"
    assert words.of_both([speed, sizes]) == "", "a batch of one image is no attack size"


def test_the_sentence_counts_the_first_reading_of_each_claim():
    ten = [
        judged({1: HOLDS}, "C0"),
        judged({1: HOLDS}, "C1"),
        judged({1: FAILS}, "C2"),
        judged({1: HOLDS}, "C2", "more"),
    ]
    hundred = [judged({1: HOLDS}, "C0"), judged({1: FAILS}, "C1"), judged({1: FAILS}, "C2")]
    found = on(ten, hundred)
    assert [one.claim for one in main(found)] == ["C0", "C1", "C2"]
    assert words.of_both(found) == (
        " Of the 3 that were judged on both data sets, 1 holds on both, 1 only on CIFAR-10 and 1 on neither at 1/255."
    )
