"""What the streaming loop promises: bounds, cost, determinism, restarts, joint attacks, cancelling."""

import copy
import threading

import pytest
import torch
from torch import nn

from rnorm_core import attacks
from rnorm_core.attacks import CATALOGUE
from rnorm_core.attacks.balls import BALLS
from rnorm_core.attacks.look import NotANumber
from rnorm_core.errors import UserError
from rnorm_core.norms import RobustNorm2d

FEWER = {"square": {"steps": 40}, "apgd": {"steps": 30}}  # their 5,000 queries and 100 steps would take a while
WITH_EPS = [name for name, entry in CATALOGUE.items() if entry.takes_eps]
ROUNDING = {"linf": 6e-8, "l2": 3e-6}  # of float32 pixels in [0, 1]


class Counted(nn.Module):
    """Counts forward passes, and backward passes that reach the images."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.forwards, self.backwards = model, 0, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.forwards += 1
        if x.requires_grad:
            x.register_hook(self.seen)
        return self.model(x)

    def seen(self, gradient: torch.Tensor) -> None:
        self.backwards += 1


@pytest.mark.parametrize("name", WITH_EPS)
def test_stays_in_the_ball_and_in_the_image(net, batch, generator, name):
    for eps in [0.3 / 255, 8 / 255, 0.6]:
        for precision in ["fp32", "bf16"]:
            if precision == "bf16" and "precision" not in CATALOGUE[name].options:
                continue
            options = FEWER.get(name, {}) | ({"precision": precision} if "precision" in CATALOGUE[name].options else {})
            if "restarts" in CATALOGUE[name].options:
                options["restarts"] = 2
            seen = []
            trace = attacks.make(name, eps, **options).run(net(), batch, generator(), seen.append)
            ball = BALLS[CATALOGUE[name].norm]
            for images in [trace.adversarial, *(step.adversarial for step in seen)]:
                assert images.min() >= 0
                assert images.max() <= 1
                # measured in float64, so that the rounding is the attack's and not this test's
                size = ball.size(images.double() - batch.images.double())
                assert size.max() <= eps + ROUNDING[ball.name]
            assert ball.size(trace.adversarial - batch.images).min() > 0.5 * min(eps, 0.3), "it uses its ball"


def test_eps_zero_changes_nothing(net, batch, generator):
    for name in WITH_EPS:
        trace = attacks.make(name, 0.0, **FEWER.get(name, {})).run(net(), batch, generator())
        assert torch.equal(trace.adversarial, batch.images)
        assert trace.sizes.max() == 0
        torch.testing.assert_close(trace.adversarial_probabilities, trace.clean_probabilities)


@pytest.mark.parametrize("name", WITH_EPS)
def test_the_trace_is_what_the_model_says(net, batch, generator, name):
    """Losses, probabilities and sizes are recomputed from the images alone."""
    model, steps = net(), []
    trace = attacks.make(name, **FEWER.get(name, {})).run(model, batch, generator(), steps.append)
    assert torch.equal(trace.clean, batch.images)
    assert [step.index for step in steps] == list(range(steps[-1].total + 1))
    assert len(trace.losses) == len(trace.sizes) == len(trace.probabilities) == len(steps)
    for t, step in enumerate(steps):
        logits = model(step.adversarial)
        torch.testing.assert_close(trace.probabilities[t], logits.softmax(1))
        torch.testing.assert_close(trace.losses[t], -logits.log_softmax(1)[range(12), batch.labels])
        torch.testing.assert_close(trace.sizes[t], BALLS[CATALOGUE[name].norm].size(step.adversarial - batch.images))
    assert torch.equal(trace.adversarial, steps[-1].adversarial)
    assert torch.equal(trace.adversarial_probabilities, trace.probabilities[-1])
    assert torch.equal(trace.clean_probabilities, trace.probabilities[0])
    assert torch.equal(trace.fooled, model(trace.adversarial).argmax(1) != batch.labels)
    assert (trace.model, trace.weight_hash, trace.statistics, trace.joint) == ("unnamed", "", "tracked", False)
    assert trace.ids == batch.ids


def test_names_of_the_model_reach_the_trace(net, batch, generator):
    model = net()
    model.name, model.statistics, model.weight_hash = "cifar10-resnet20-bn", "tracked", "abc"
    trace = attacks.make("fgsm").run(model, batch, generator())
    assert (trace.model, trace.statistics, trace.weight_hash) == ("cifar10-resnet20-bn", "tracked", "abc")


def test_costs_its_passes_and_no_more(net, batch, generator):
    for name, options, forwards, backwards in [
        ("fgsm", {}, 2, 1),
        ("bim", {"steps": 5}, 6, 5),
        ("mi-fgsm", {"steps": 5}, 6, 5),
        ("pgd", {"steps": 5}, 7, 5),  # the clean image wants a look of its own
        ("pgd", {"steps": 5, "random_start": False}, 6, 5),
        ("pgd", {"steps": 5, "restarts": 3}, 1 + 3 * 6, 15),
        ("bim", {"steps": 5, "precision": "bf16"}, 7, 5),
        ("apgd", {"steps": 5}, 7, 5),
        ("apgd", {"steps": 5, "random_start": False}, 6, 5),
        ("apgd", {"steps": 5, "restarts": 3}, 1 + 3 * 6, 15),
        ("square", {"steps": 5, "eps": 0.5 / 255}, 6, 0),  # so small that some image is not fooled to the end
        ("square", {"steps": 5, "eps": 0.5 / 255, "restarts": 3}, 1 + 3 * 5, 0),
        ("noise", {"restarts": 4}, 5, 0),
    ]:
        model = Counted(net()).eval()
        attacks.make(name, **options).run(model, batch, generator())
        assert (model.forwards, model.backwards) == (forwards, backwards)


def test_leaves_the_model_alone(net, batch, generator):
    """Even weights that are not frozen get no gradient, and no buffer is written."""
    for name in WITH_EPS:
        model = net().requires_grad_(True)
        before = copy.deepcopy(model.state_dict())
        attacks.make(name, **FEWER.get(name, {})).run(model, batch, generator())
        assert all(weight.grad is None for weight in model.parameters())
        assert not model.training
        for key, value in model.state_dict().items():
            assert torch.equal(value, before[key]), key


def test_same_generator_same_result_whatever_the_global_seed(net, batch, generator):
    for name in list(CATALOGUE):
        options = {"steps": 5} if not CATALOGUE[name].one_step else {}
        model, results = net(), []
        for global_seed in (1, 2):
            torch.manual_seed(global_seed)
            state = torch.get_rng_state()
            results.append(attacks.make(name, **options).run(model, batch, generator(7)).adversarial)
            if name != "ddn":  # DDN draws from the global generator and `_revive` sees to it that the numbers go unused
                assert torch.equal(torch.get_rng_state(), state), "the global generator was used"
        assert torch.equal(*results)


def test_another_generator_another_result(net, batch, generator):
    for name in ["pgd", "pgd-l2", "apgd", "square", "noise", "noise-l2"]:
        attack = attacks.make(name, **FEWER.get(name, {}))
        a, b = (attack.run(net(), batch, generator(seed)).adversarial for seed in (0, 1))
        assert not torch.equal(a, b)
        with pytest.raises(UserError, match="generator"):
            attacks.make(name).run(net(), batch, None)


def test_neighbours_do_not_matter_to_a_tracked_model(net, batch, generator):
    for name in [name for name in CATALOGUE if not name.startswith(("pgd", "noise", "square"))]:
        model = net().double()
        options = {"steps": 8} if not CATALOGUE[name].one_step else {}
        if name == "apgd":
            options |= {"steps": 30, "random_start": False}
        attack = attacks.make(name, **options)
        together = attack.run(model, batch, generator()).adversarial
        alone = torch.cat([attack.run(model, batch.select([i]), generator()).adversarial for i in range(3)])
        torch.testing.assert_close(together[:3], alone, rtol=0, atol=1e-9)


def test_channels_last_is_the_same_attack(net, batch, generator, make_batch):
    for name in ["bim", "pgd", "pgd-l2", "mi-fgsm", "apgd", "noise-l2"]:
        model = net().double()
        fewer = {"steps": 20} if name == "apgd" else {}
        flat = attacks.make(name, **fewer).run(model, batch, generator())
        images = batch.images.to(memory_format=torch.channels_last)
        last = attacks.make(name, **fewer).run(
            model.to(memory_format=torch.channels_last), make_batch(images, batch.labels), generator()
        )
        assert last.adversarial.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(flat.adversarial, last.adversarial, rtol=0, atol=1e-9)


def test_bf16_gradients_attack_as_well_and_the_verdict_is_in_full_precision(net, make_patterns, generator):
    model, many = net(), make_patterns(300, 5)
    full, rough = (
        attacks.make("pgd", 1.5 / 255, 10, precision=p).run(model, many, generator()) for p in ("fp32", "bf16")
    )
    assert not torch.equal(full.adversarial, rough.adversarial), "the gradients were not rough"
    assert rough.adversarial.dtype == torch.float32
    torch.testing.assert_close(rough.adversarial_probabilities, model(rough.adversarial).softmax(1))
    torch.testing.assert_close(rough.clean_probabilities, model(many.images).softmax(1))
    assert 0.1 < full.fooled.float().mean() < 0.9, "only in between can a difference be seen"
    assert (full.fooled.float().mean() - rough.fooled.float().mean()).abs() < 0.03


def test_attacks_beat_noise_of_the_same_size(net, make_patterns, generator):
    model, many = net(), make_patterns(200, 3)
    wrong = {
        name: attacks.make(name, 4 / 255, **FEWER.get(name, {}))
        .run(model, many, generator())
        .fooled.float()
        .mean()
        .item()
        for name in ("noise", "fgsm", "bim", "pgd", "mi-fgsm", "apgd")
    }
    assert wrong.pop("noise") < 0.1
    assert min(wrong.values()) > 0.5, wrong


def test_noise_has_the_size_it_names(net, batch, generator, make_batch):
    grey = make_batch(torch.full((6, 3, 32, 32), 0.5), torch.zeros(6, dtype=torch.int64))
    corners = attacks.make("noise", 8 / 255).run(net(), grey, generator()).adversarial - 0.5
    torch.testing.assert_close(corners.abs(), torch.full_like(corners, 8 / 255))
    assert abs((corners > 0).float().mean() - 0.5) < 0.02
    round_ = attacks.make("noise-l2", 0.5).run(net(), grey, generator())
    torch.testing.assert_close(round_.sizes[-1], torch.full((6,), 0.5))


# --- targets ---------------------------------------------------------------------------------------------------------


def test_targeted_attacks_reach_their_target_more_often_than_chance(net, make_patterns, generator):
    for name in ["fgsm", "bim", "pgd", "pgd-l2", "mi-fgsm", "apgd"]:
        model, many = net(), make_patterns(100, 4)
        shift = torch.randint(1, 10, (100,), generator=generator(1))
        targets = (many.labels + shift) % 10
        eps = 2.0 if name == "pgd-l2" else 8 / 255
        trace = attacks.make(name, eps, targets=targets, **FEWER.get(name, {})).run(model, many, generator())
        reached = (trace.adversarial_probabilities.argmax(1) == targets).float().mean()
        noise = attacks.make("noise", eps if eps < 1 else 8 / 255, targets=targets).run(model, many, generator())
        assert torch.equal(trace.targets, targets)
        assert reached > 1 / 9 + 0.15, reached  # 1/9 would be chance, and 0.03 its standard error
        assert reached > noise.fooled.float().mean() + 0.15
        assert (trace.losses[-1] < trace.losses[0]).float().mean() > 0.9


def test_a_target_that_is_the_label_is_attacked_and_never_counts(net, batch, generator):
    targets = batch.labels.clone()
    targets[6:] = (targets[6:] + 1) % 10
    trace = attacks.make("pgd", 16 / 255, targets=targets).run(net(), batch, generator())
    assert not trace.fooled[:6].any()
    assert (trace.adversarial_probabilities.argmax(1) == targets)[:6].all()
    assert trace.fooled[6:].any()


def test_an_unknown_label_is_the_models_own_prediction(net, batch, generator, make_batch):
    model = net()
    labels = batch.labels.clone()
    labels[::2] = -1
    predicted = model(batch.images).argmax(1)
    expected = torch.where(labels < 0, predicted, labels)
    trace = attacks.make("bim").run(model, make_batch(batch.images, labels), generator())
    assert torch.equal(trace.labels, expected)
    known = attacks.make("bim").run(model, make_batch(batch.images, expected), generator())
    assert torch.equal(trace.adversarial, known.adversarial)
    targeted = attacks.make("bim", targets=[1] * 12).run(model, make_batch(batch.images, labels), generator())
    assert torch.equal(targeted.labels, expected)


# --- restarts and joint attacks --------------------------------------------------------------------------------------


def endings(attack, model, batch, generator):
    """The trace, and the last step of each restart."""
    steps = []
    trace = attack.run(model, batch, generator, steps.append)
    per = steps[-1].total // attack.restarts
    assert [s.restart for s in steps[1:]] == [r for r in range(attack.restarts) for _ in range(per)]
    return trace, steps[per::per]


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("name", ["pgd", "apgd", "square", "noise"])
def test_restarts_keep_the_best_of_each_image(net, make_patterns, generator, name, targeted):
    many = make_patterns(60, 8)
    targets = (many.labels + 1) % 10 if targeted else None
    eps = {"noise": 0.2, "square": 0.05}.get(name, 1.5 / 255)
    steps = None if name == "noise" else 3
    attack = attacks.make(name, eps, steps, restarts=4, targets=targets)
    trace, ends = endings(attack, net(), many, generator())
    kept = set()
    for i in range(60):

        def rank(step, i=i):
            guess = step.probabilities[i].argmax()
            fools = guess == targets[i] if targeted else guess != many.labels[i]
            return bool(fools), float(-step.loss[i] if targeted else step.loss[i])

        best = max(range(4), key=lambda r: rank(ends[r]))
        kept.add(best)
        assert torch.equal(trace.adversarial[i], ends[best].adversarial[i])
        assert trace.losses[-1, i] == ends[best].loss[i]
        assert torch.equal(trace.adversarial_probabilities[i], ends[best].probabilities[i])
    assert len(kept) > 1, "one restart was best for every image: nothing was chosen"
    assert len(trace.losses) == (2 if name == "noise" else 4)


def test_a_joint_attack_keeps_one_restart_for_the_whole_batch(net, make_patterns, generator):
    for name in ["pgd", "apgd", "square"]:
        for statistics in ["batch", "tracked-mean"]:
            many, model = make_patterns(40, 9), net(statistics)
            trace, ends = endings(attacks.make(name, 1.5 / 255, 3, restarts=5), model, many, generator())
            assert (trace.joint, trace.statistics) == (True, statistics)
            best = max(ends, key=lambda s: (int((s.probabilities.argmax(1) != many.labels).sum()), float(s.loss.sum())))
            assert torch.equal(trace.adversarial, best.adversarial)
            # what was kept is what the model says of this batch; a mixture of restarts would not be
            torch.testing.assert_close(trace.adversarial_probabilities, model(trace.adversarial).softmax(1))


def test_a_joint_attack_moves_images_through_their_neighbours(net, batch, generator):
    model = net("batch").double()
    attack = attacks.make("bim", 4 / 255, 3)
    together = attack.run(model, batch, generator()).adversarial[:6]
    half = attack.run(model, batch.select(range(6)), generator()).adversarial
    assert not torch.allclose(together, half)


def test_statistics_are_found_in_the_layers():
    for layer, statistics in [
        (nn.BatchNorm2d(3), "tracked"),
        (nn.BatchNorm2d(3, track_running_stats=False), "batch"),
        (RobustNorm2d(3, statistics="tracked-mean"), "tracked-mean"),
        (RobustNorm2d(3), "tracked"),
        (nn.InstanceNorm2d(3), "tracked"),
    ]:
        assert attacks.statistics_of(nn.Sequential(layer)) == statistics


# --- one server, many people -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pgd", "apgd", "square", "ddn"])
def test_threads_sharing_weights_get_what_they_get_alone(net, make_patterns, generator, name):
    model, jobs = net(), [(make_patterns(8, 20 + i), i) for i in range(4)]
    attack = attacks.make(name, None if name == "ddn" else 1 / 255, 10)
    alone = [attack.run(model, batch, generator(seed)).adversarial for batch, seed in jobs]
    found: dict[int, torch.Tensor] = {}
    gate = threading.Barrier(len(jobs))

    def work(batch, seed):
        gate.wait()
        found[seed] = attack.run(model, batch, generator(seed)).adversarial

    threads = [threading.Thread(target=work, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(found[seed], alone[seed]) for _, seed in jobs)


def test_cancelled_by_what_on_step_raises(net, batch, generator):
    for name in list(CATALOGUE):

        class Stop(Exception):
            pass

        def stop(step):
            if step.index == 1:
                raise Stop

        model = Counted(net()).requires_grad_(False).eval()
        with pytest.raises(Stop):
            attacks.make(name).run(model, batch, generator(), stop)
        assert model.forwards <= 3


@pytest.mark.parametrize("name", ["fgsm", "pgd", "apgd", "square", "noise", "ddn", "cw"])
def test_watched_it_is_the_same_attack(net, batch, generator, name):
    steps = 3 if CATALOGUE[name].default_steps > 3 else None
    attack, told, seen = attacks.make(name, CATALOGUE[name].default_eps, steps), [], []
    model = net().requires_grad_(False).eval()
    alone = attack.run(model, batch, generator(), lambda step: told.append(step.index))
    found = attacks.watched(attack, lambda step: seen.append(step.index)).run(model, batch, generator())
    assert torch.equal(found.adversarial, alone.adversarial)
    assert found.spec == alone.spec
    assert seen == told != []


def test_a_broken_gradient_is_not_taken_for_robustness(batch, generator):
    class Broken(nn.Module):
        """Finite logits, gradient not a number: zero times the infinite slope of a root at zero."""

        def forward(self, x):
            root = (x - x.detach()).sum((1, 2, 3)).sqrt()
            return torch.arange(10.0) + 0 * root[:, None]

    for name in ("fgsm", "pgd", "pgd-l2", "mi-fgsm", "apgd"):
        with pytest.raises(NotANumber, match="not a number"):
            attacks.make(name).run(Broken().eval(), batch, generator())


@pytest.mark.parametrize("name", ["pgd", "apgd", "square", "noise"])
def test_a_broken_answer_is_not_taken_for_robustness(batch, generator, name):
    class Broken(nn.Module):
        """Says the label of the clean images, and nothing that is a number of any others."""

        def forward(self, x):
            odd = (x - batch.images).abs().sum((1, 2, 3), keepdim=True)[:, :, 0, 0] > 0
            return torch.where(odd, torch.nan, nn.functional.one_hot(batch.labels, 10) + 0 * x.sum((1, 2, 3))[:, None])

    attack = attacks.make(name, **FEWER.get(name, {}))
    with pytest.raises(NotANumber, match="not a number"):
        attack.run(Broken().eval(), batch, generator())
