"""Square Attack beside its paper: schedule and squares by hand, what it keeps, whom it asks about."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from rnorm_core import attacks
from rnorm_core.attacks.square import share, side

GREY = torch.full((6, 3, 32, 32), 0.5)


@pytest.mark.parametrize(
    ("square", "queries", "halvings"),
    [
        (0, 10_000, 0), (10, 10_000, 0), (11, 10_000, 1), (50, 10_000, 1), (51, 10_000, 2), (200, 10_000, 2),
        (201, 10_000, 3), (500, 10_000, 3), (501, 10_000, 4), (1000, 10_000, 4), (1001, 10_000, 5), (2001, 10_000, 6),
        (4001, 10_000, 7), (6001, 10_000, 8), (8000, 10_000, 8), (8001, 10_000, 9), (9999, 10_000, 9),
        (5, 5000, 0), (6, 5000, 1), (25, 5000, 1), (26, 5000, 2), (4001, 5000, 9),
    ],
)  # fmt: skip
def test_the_share_is_halved_on_the_authors_schedule(square, queries, halvings):
    assert share(0.8, square, queries) == 0.8 / 2**halvings
    assert share(0.05, square, queries) == 0.05 / 2**halvings


@pytest.mark.parametrize(
    ("p", "expected"),
    [(0.8, 29), (0.4, 20), (0.05, 7), (0.8 / 512, 1), (1e-6, 1), (1.0, 32)],  # 28.6, 20.2, 7.2, 1.3, 0.03, 32
)
def test_the_side_is_the_nearest_whole_number(p, expected):
    assert side(p, 32) == expected


def watch(attack, model, batch, generator):
    seen = []
    trace = attack.run(model, batch, generator, seen.append)
    return trace, seen


@pytest.fixture
def stubborn():
    """Linear and sure of class 0, so that nothing at a small eps fools it and every step is searched."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)).requires_grad_(False).eval()
    model[1].bias[0] = 50
    return model


def test_it_starts_from_stripes_one_pixel_wide(stubborn, make_batch, generator):
    batch, eps = make_batch(GREY, torch.zeros(6, dtype=torch.int64)), 8 / 255
    _, seen = watch(attacks.make("square", eps, 1), stubborn, batch, generator())
    delta = seen[1].adversarial - 0.5
    torch.testing.assert_close(delta.abs(), torch.full_like(delta, eps))
    assert (delta == delta[:, :, :1]).all(), "the same in every row"
    up = delta[:, :, 0] > 0  # (image, colour, column), each up or down for itself
    assert abs(up.float().mean() - 0.5) < 0.1
    assert not (up[:, 0] == up[:, 1]).all()
    assert not (up[0] == up[1]).all()


def test_each_step_changes_one_square_and_only_for_the_better(stubborn, make_batch, generator):
    batch, eps, queries = make_batch(GREY, torch.zeros(6, dtype=torch.int64)), 8 / 255, 200
    trace, seen = watch(attacks.make("square", eps, queries), stubborn, batch, generator())
    margins = []
    for step in seen:
        z = stubborn(step.adversarial)
        margins.append(z[:, 1:].amax(1) - z[:, 0])
    places, changes = set(), 0
    for t in range(2, queries + 1):
        length = side(share(0.8, t - 2, queries), 32)
        changed = seen[t].adversarial != seen[t - 1].adversarial
        for i in range(6):
            where = changed[i].any(0).nonzero()
            if not len(where):
                continue
            changes += 1
            assert margins[t][i] > margins[t - 1][i]
            low, high = where.amin(0), where.amax(0)
            assert (high - low < length).all()
            if length < 32:
                places.add((i, *low.tolist()))
            for colour in range(3):  # one value in the whole square
                values = seen[t].adversarial[i, colour, low[0] : high[0] + 1, low[1] : high[1] + 1]
                if changed[i, colour].any():
                    assert len(values.unique()) == 1
                    assert abs(float(values[0, 0]) - 0.5) == pytest.approx(eps)
        same = ~changed.flatten(1).any(1)
        assert torch.equal(margins[t][same], margins[t - 1][same])
    assert changes > 50
    assert len({place[1:] for place in places}) > 20, "squares are everywhere"
    assert not trace.fooled.any()


def test_it_needs_no_gradient(net, make_patterns, generator):
    """A network behind rounding has none: PGD stands where it started, Square goes on."""

    class Rounded(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner((x * 255).round() / 255)

    many, model = make_patterns(60, 3), Rounded(net()).eval()
    count = {
        name: int(attacks.make(name, 6 / 255, steps, **options).run(model, many, generator()).fooled.sum())
        for name, steps, options in (("pgd", 20, {"random_start": False}), ("noise", 1, {}), ("square", 400, {}))
    }
    assert count["pgd"] < 5
    assert count["square"] > count["pgd"] + 30, count
    assert count["square"] > count["noise"] + 30, count


class Asked(nn.Module):
    """Notes what it is asked, and whether a gradient could be taken."""

    def __init__(self, model: nn.Module, statistics: str = "tracked") -> None:
        super().__init__()
        self.model, self.statistics, self.asked, self.graded = model, statistics, [], False

    def forward(self, x):
        self.asked.append(x.clone())
        self.graded |= torch.is_grad_enabled()
        return self.model(x)


def test_fooled_images_are_asked_about_no_more(net, make_patterns, generator):
    many, model = make_patterns(30, 6), Asked(net()).eval()
    trace, seen = watch(attacks.make("square", 4 / 255, 60), model, many, generator())
    fooled = torch.stack([step.probabilities.argmax(1) != many.labels for step in seen])
    open_before = [
        30,
        30,
        *(int((~now).sum()) for now in fooled[1:-1]),
    ]  # clean, stripes, then one square after another
    assert [len(x) for x in model.asked] == [n for n in open_before if n]
    assert not model.graded
    assert (fooled[1:-1] <= fooled[2:]).all(), "who is fooled stays fooled"
    for t in range(2, 61):
        assert torch.equal(seen[t].adversarial[fooled[t - 1]], seen[t - 1].adversarial[fooled[t - 1]])
    assert 5 < trace.fooled.sum() < 30, "at this eps there should be a difference to see"


def test_an_images_squares_do_not_depend_on_who_else_is_fooled(net, make_patterns, generator, make_batch):
    """Random numbers are drawn for every image, also for those that are asked about no more."""
    many = make_patterns(30, 6)
    attack, model = attacks.make("square", 4 / 255, 40), net().double()
    together = attack.run(model, many, generator())
    others = many.images.clone()
    others[::2] = 0.5  # fooled at other times
    apart = attack.run(model, make_batch(others, many.labels), generator())
    torch.testing.assert_close(apart.adversarial[1::2], together.adversarial[1::2], rtol=0, atol=1e-12)


@pytest.mark.parametrize("statistics", ["batch", "tracked-mean"])
def test_a_joint_search_asks_about_all_and_judges_by_the_sum(net, make_patterns, generator, statistics):
    many, model = make_patterns(20, 6), Asked(net(statistics), statistics).eval()
    trace, seen = watch(attacks.make("square", 6 / 255, 120), model, many, generator())
    assert [len(x) for x in model.asked] == [20] * 121
    assert trace.joint

    def judged(images):
        z = model.model(images)
        own = z.gather(1, many.labels[:, None])[:, 0]
        margin = z.scatter(1, many.labels[:, None], -torch.inf).amax(1) - own
        return int((z.argmax(1) != many.labels).sum()), float(margin.sum())

    tried = [judged(x) for x in model.asked[1:]]
    sums = [judged(step.adversarial)[1] for step in seen[1:-1]]
    assert all(b >= a for a, b in pairwise(sums)), "kept only where the sum grows"
    assert sums[-1] > sums[0]
    for t, step in enumerate(seen[1:-1]):
        assert sums[t] == pytest.approx(max(s for _, s in tried[: t + 1]))
        assert any(torch.equal(step.adversarial, x) for x in model.asked), "images of different queries are not mixed"
    assert judged(trace.adversarial) == pytest.approx(max(tried)), "the result fools most, then has the highest sum"


def test_aimed_at_a_class_it_lowers_the_targets_cross_entropy(net, make_patterns, generator):
    many = make_patterns(40, 6)
    targets = (many.labels + 1) % 10
    attack = attacks.make("square", 12 / 255, 300, targets=targets)
    trace, seen = watch(attack, net(), many, generator())
    losses = torch.stack([step.loss for step in seen[1:]])
    reached = torch.stack([step.probabilities.argmax(1) == targets for step in seen[1:]])
    assert ((losses[1:] <= losses[:-1]) | reached[1:]).all()
    assert trace.fooled.float().mean() > 1 / 9 + 0.15
