"""The work behind the pages, on small random models: what is crafted where, and what is said about it."""

from dataclasses import replace

import pytest
import torch

from rnorm_core import data, jobs, models, report
from rnorm_core.ui import crafting, story
from rnorm_core.ui.crafting import Outcome, Plan, Side


@pytest.fixture
def sides(monkeypatch):
    """Two small networks with random weights; Side.load gives a fresh one each time."""

    def load(side: Side, device: str):
        torch.manual_seed(len(side.name))
        model = models.build("resnet20", side.norm, width=0.25, statistics=side.statistics).eval().requires_grad_(False)
        model.name, model.statistics, model.weight_hash = side.name, side.statistics, side.weight_hash
        return model

    monkeypatch.setattr(Side, "load", load)
    return Side("left-bn", "tracked", "bn", "a" * 64), Side("right-rn", "batch", "rn", "b" * 64)


def plan_of(sides, batch, **changes) -> Plan:
    labels = tuple(int(label) for label in batch.labels)
    plan = Plan(*sides, batch.ids, labels, "pgd", 8 / 255, 3, None, "each", 5, "cpu")
    return replace(plan, **changes)


def carry_out(plan, batch):
    return jobs.Jobs().start(plan, crafting.craft(plan, batch)).result(100)


def test_each_side_is_the_attack_anybody_can_run(sides):
    batch = data.samples("cifar10").select([0, 1])
    plan = plan_of(sides, batch)
    for outcome in carry_out(plan, batch).outcomes:
        alone = plan.make().run(outcome.side.load("cpu"), batch, torch.Generator().manual_seed(5))
        assert torch.equal(outcome.trace.adversarial, alone.adversarial)
        assert outcome.crafted_here
        expected = outcome.side.load("cpu")(report.after_png(alone.adversarial)).softmax(1)
        torch.testing.assert_close(outcome.saved, expected)
    assert [o.trace.joint for o in carry_out(plan, batch).outcomes] == [False, True]


@pytest.mark.parametrize("here", ["left", "right"])
def test_a_transfer_shows_the_others_images_at_every_step(sides, here):
    batch = data.samples("cifar10").select([0, 1])
    outcomes = carry_out(plan_of(sides, batch, craft=here), batch).outcomes
    maker, shown = outcomes if here == "left" else outcomes[::-1]
    assert maker.crafted_here
    assert not shown.crafted_here
    assert torch.equal(maker.trace.adversarial, shown.trace.adversarial)
    assert shown.trace.model == shown.side.name
    assert shown.trace.probabilities.shape == maker.trace.probabilities.shape
    model = shown.side.load("cpu")
    torch.testing.assert_close(shown.trace.clean_probabilities, model(batch.images).softmax(1))
    torch.testing.assert_close(shown.trace.adversarial_probabilities, model(maker.trace.adversarial).softmax(1))


def test_partial_results_grow_step_by_step(sides):
    batch = data.samples("cifar10").select([0])
    seen = []

    class Listener:
        def progress(self, fraction, text, partial=None):
            seen.append((fraction, partial))

    crafting.carry_out(plan_of(sides, batch), batch, Listener())
    assert [len(sides) for _, sides in seen] == [1] * 4 + [2] * 4
    assert [len(sides[-1].trace.sizes) for _, sides in seen] == [1, 2, 3, 4] * 2
    assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen)
    assert seen[-1][0] == 1


def test_hundreds_of_queries_are_not_hundreds_of_drawings(sides):
    """Of the drawings there are about a hundred; progress, where work can be stopped, is told at every query."""
    batch, seen = data.samples("cifar10").select([0]), []

    class Listener:
        def progress(self, fraction, text, partial=None):
            seen.append(partial)

    plan = plan_of(sides, batch, attack="square", eps=2 / 255, steps=350, craft="left")
    crafted = crafting.carry_out(plan, batch, Listener())
    assert len(seen) == 351
    drawn = list({id(partial): partial for partial in seen}.values())
    assert 80 < len(drawn) < 130
    assert len(drawn[-1][0].trace.sizes) == 351
    maker, shown = crafted.outcomes
    alone = plan.make().run(maker.side.load("cpu"), batch, torch.Generator().manual_seed(5))
    assert torch.equal(maker.trace.adversarial, alone.adversarial)
    assert len(shown.trace.probabilities) == 351
    expected = shown.side.load("cpu")(alone.adversarial).softmax(1)
    torch.testing.assert_close(shown.trace.probabilities[-1], expected)


def test_equal_sides_can_be_attacked_and_transferred(sides):
    batch = data.samples("cifar10").select([0])
    left, right = carry_out(plan_of((sides[0], sides[0]), batch, craft="right"), batch).outcomes
    torch.testing.assert_close(left.trace.probabilities, right.trace.probabilities)


def test_sizes_in_both_units():
    """A change of one grey level in the red channel of one pixel alone."""
    clean = torch.zeros(1, 3, 32, 32)
    adversarial = clean.clone()
    adversarial[0, 0, 0, 0] = 1 / 255
    trace = _trace(clean=clean, adversarial=adversarial)
    sizes = crafting.sizes(trace, 0, "cifar10")
    assert sizes.linf == pytest.approx(1 / 255)
    assert sizes.l2 == pytest.approx(1 / 255)
    assert sizes.linf_normalised == pytest.approx(1 / 255 / 0.2470)
    assert sizes.l2_normalised == pytest.approx(1 / 255 / 0.2470)


# --- sentences, from probabilities written by hand

CLASSES = ("cat", "dog", "frog")
CAT, DOG, FROG = [0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def _trace(**fields):
    from rnorm_core.attacks import Trace

    empty = torch.zeros(1)
    known = dict.fromkeys(Trace.__dataclass_fields__, empty) | {
        "joint": False,
        "statistics": "tracked",
        "targets": None,
    }
    return Trace(**(known | fields))  # pyright: ignore[reportArgumentType]


def outcome_of(clean, after, labels, saved=None, targets=None, **fields) -> Outcome:
    trace = _trace(
        clean_probabilities=torch.tensor(clean),
        adversarial_probabilities=torch.tensor(after),
        labels=torch.tensor(labels),
        targets=None if targets is None else torch.tensor(targets),
        **fields,
    )
    side = Side("m", trace.statistics, "bn", "")
    return Outcome(side, trace, torch.tensor(saved or after), crafted_here=True)


@pytest.mark.parametrize(
    ("clean", "after", "label", "target", "said"),
    [
        (CAT, DOG, 0, None, "was fooled: cat (80 %) became dog (70 %)."),
        (CAT, [0.6, 0.3, 0.1], 0, None, "held: still cat; its confidence went from 80 % to 60 %."),
        (CAT, CAT, 0, None, "held: still cat; its confidence stayed at 80 %."),
        ([0.998, 0.001, 0.001], [0.997, 0.002, 0.001], 0, None, "held: still cat; its confidence stayed at >99 %."),
        (DOG, FROG, 0, None, "was wrong before the attack already: it saw dog (70 %) and not cat; now frog (80 %)."),
        (CAT, FROG, 0, 2, "was led to the target: cat (80 %) became frog (80 %)."),
        (CAT, DOG, 0, 2, "left cat for dog (70 %), which is not the target; it gives frog 10 %."),
        (CAT, CAT, 0, 2, "held: still cat, and it gives frog 10 %."),
        (FROG, FROG, 0, 2, "saw the target frog (80 %) before the attack already."),
        (CAT, DOG, 0, 0, "the target cat is what the image shows, so there is nothing to reach."),
    ],
)
def test_what_happened_to_one_image(clean, after, label, target, said):
    """Of two images; the other is a frog that stays one."""
    targets = None if target is None else [1, target]
    outcome = outcome_of([FROG, clean], [FROG, after], [2, label], targets=targets)
    assert plain(story._one(outcome, 1, CLASSES, True)).endswith(said)


def test_what_happened_to_many_images_counts_each_once():
    outcome = outcome_of([CAT, CAT, DOG, CAT], [DOG, CAT, DOG, FROG], [0, 0, 0, 0], saved=[CAT, CAT, DOG, FROG])
    assert story.counts(outcome) == (4, 1, 2)
    assert story.of_all(outcome, CLASSES).endswith(
        "2 of 4 images were fooled, 1 was wrong before the attack already, 1 held. "
        "After saving as 8-bit PNGs 1 of the 2 fooled ones still fools."
    )
    assert [story.verdict(outcome, i) for i in range(4)] == ["fooled", "held", "wrong before", "fooled"]


def test_many_images_with_one_target():
    """One is of the target class, one is seen as it already, one reaches it, one does not."""
    outcome = outcome_of([FROG, FROG, CAT, CAT], [FROG, FROG, FROG, DOG], [2, 0, 0, 0], targets=[2, 2, 2, 2])
    assert story.of_all(outcome, CLASSES).endswith(
        "4 images were aimed at frog; 1 of them is of that class and cannot count; 1 was seen as it before; "
        "1 reached it through the attack. After saving as an 8-bit PNG it still fools."
    )


@pytest.mark.parametrize(
    ("after", "saved", "said"),
    [
        (
            [DOG, DOG, DOG],
            [DOG, DOG, DOG],
            "all 3 images were fooled. After saving as 8-bit PNGs all the fooled ones still fool.",
        ),
        (
            [DOG, DOG, CAT],
            [CAT, CAT, CAT],
            "2 of 3 images were fooled, 1 held. After saving as 8-bit PNGs none of the 2 fooled ones still fools.",
        ),
        (
            [DOG, CAT, CAT],
            [CAT, CAT, CAT],
            "1 of 3 images was fooled, 2 held. After saving as an 8-bit PNG it fools no more.",
        ),
        (
            [DOG, DOG],
            [DOG, CAT],
            "both images were fooled. After saving as 8-bit PNGs 1 of the 2 fooled ones still fools.",
        ),
        ([CAT, CAT, CAT], [CAT, CAT, CAT], "none of 3 images was fooled, 3 held."),
    ],
)
def test_all_and_none_are_called_so(after, saved, said):
    assert story.of_all(outcome_of([CAT] * len(after), after, [0] * len(after), saved=saved), CLASSES).endswith(
        f": {said}"
    )


def test_what_a_file_leaves_is_said_of_the_image_that_was_fooled():
    outcome = outcome_of([CAT, CAT, CAT, DOG], [DOG, DOG, CAT, DOG], [0] * 4, saved=[CAT, DOG, CAT, DOG])
    assert [plain(story.after_png(outcome, i, CLASSES)) for i in range(4)] == [
        "Saved as an 8-bit PNG it fools no more: cat (80 %).",
        "Saved as an 8-bit PNG it still fools: dog (70 %).",
        "",
        "",
    ]


def test_a_joint_attack_says_so_and_what_was_right_before_it():
    outcome = outcome_of([CAT, DOG], [DOG, CAT], [0, 0], joint=True, statistics="batch")
    assert "the 2 images were attacked jointly" in story.joint_note(outcome)
    assert "Before the attack 1 of 2 were right" in story.joint_note(outcome)
    assert "even without an attack" in story.joint_note(outcome_of([CAT], [DOG], [0], joint=True, statistics="batch"))
    assert story.joint_note(outcome_of([CAT], [DOG], [0])) == ""


def test_the_showcase_keeps_its_photo_when_models_change(sides):
    """Random networks get nearly everything wrong: that is no reason for another photo."""

    def photo(left, right, seed):
        return jobs.Jobs().start("s", crafting.showcase("cifar10", left, right, 0.0, seed, "cpu")).result(100).batch.ids

    left, right = sides
    assert photo(left, right, 3) == photo(right, right, 3) == photo(left, left, 23)
    assert len({photo(left, right, seed) for seed in range(3)}) == 3
