"""Graphs of networks: equal to torch, checked, kept in a bounded pool, and absent without OpenVINO."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from rnorm_core import attacks, engine
from rnorm_core.data import Batch
from rnorm_core.engine import compiled, runtime
from rnorm_core.errors import UserError

pytest.importorskip("openvino", reason="OpenVINO is not installed")
if runtime.runtime() is None:
    pytest.skip("graphs are used on x86 only", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def pool(monkeypatch) -> compiled.Pool:
    """An empty pool; other tests forbid graphs, so that equal attacks are equal to the last bit."""
    monkeypatch.delenv("ROBUSTNORM_ENGINE", raising=False)
    monkeypatch.setattr(engine, "POOL", compiled.Pool())
    return engine.POOL


@pytest.fixture
def batch(images) -> Batch:
    return Batch(images, torch.arange(6), tuple("abcdefghij"), tuple("abcdef"), "made for a test", "cifar10")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def names_of(pool: compiled.Pool) -> list[int]:
    with pool._lock:
        return pool._counts()


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("depth", ["resnet20", "resnet38"])
@pytest.mark.parametrize("norm", ["bn", "rn", "none", "dualbn"])
def test_a_graph_equals_torch(network, norm, depth, count):
    model = network(norm, None, depth)
    engine.prepare(model, count)
    passes, eager = engine.passes(model, count), engine.Eager(model)
    assert (passes.name, eager.name) == ("compiled", "eager")
    images, classes = torch.rand((count, 3, 32, 32), generator=seeded(3)), torch.arange(count) + 2
    for sign in (1.0, -1.0):
        score = engine.CrossEntropy(classes, 9, sign)
        found, expected = passes.ascend(images, score), eager.ascend(images, score)
        torch.testing.assert_close(found.logits, expected.logits, rtol=1e-5, atol=1e-4)
        torch.testing.assert_close(found.score, expected.score, rtol=1e-5, atol=1e-4)
        near = (found.gradient - expected.gradient).abs().amax((1, 2, 3)) < 1e-5 * expected.gradient.abs().max()
        assert near.float().mean() >= 0.75, "a rounded value may be on the other side of a ReLU's kink, but rarely"


def test_a_network_that_is_to_be_gone_leaves_no_graph(network, pool):
    gone, other = network("rn"), network("bn")
    engine.prepare(gone, 1)
    engine.prepare(gone, 2)
    engine.prepare(other, 3)
    engine.forget(gone)
    assert names_of(pool) == [3]


def test_the_first_attack_is_eager_and_a_later_one_uses_the_graph(network, batch, pool):
    model, attack = network("rn"), attacks.make("pgd", 1 / 255, 5)
    first = attack.run(model, batch, seeded())
    pool.wait()
    steps = []
    second = attack.run(model, batch, seeded(), steps.append)
    assert (first.engine, second.engine) == ("eager", "compiled")
    assert {step.engine for step in steps} == {"compiled"}
    torch.testing.assert_close(second.losses, first.losses, rtol=0.02, atol=0.02)
    assert (first.adversarial != second.adversarial).float().mean() < 0.3
    assert attack.run(model, batch.select([0, 1]), seeded()).engine == "eager", "two images need another graph"


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("name", ["bim", "pgd", "apgd", "mi-fgsm"])
def test_every_gradient_attack_is_the_same_with_a_graph(network, batch, name, targeted, monkeypatch):
    model = network("bn")
    attack = attacks.make(name, 1 / 255, 6, targets=[5] * 6 if targeted else None)
    engine.prepare(model, 6)
    found = attack.run(model, batch, seeded())
    monkeypatch.setenv("ROBUSTNORM_ENGINE", "eager")
    expected = attack.run(model, batch, seeded())
    assert (found.engine, expected.engine) == ("compiled", "eager")
    torch.testing.assert_close(found.losses, expected.losses, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    ("name", "options"),
    [("square", {"steps": 3}), ("noise", {}), ("apgd", {"steps": 2, "loss": "dlr"}), ("pgd", {"precision": "bf16"})],
)
def test_attacks_without_gradients_of_the_cross_entropy_want_no_graph(network, batch, pool, name, options):
    model, attack = network(), attacks.make(name, 1 / 255, **options)
    engine.prepare(model, 6)
    assert attack.run(model, batch, seeded()).engine == "eager"
    assert attack.run(model, batch.select([0, 1]), seeded()).engine == "eager"
    assert pool._worker is None
    assert names_of(pool) == [6]


def test_other_scores_and_rough_gradients_are_torchs(network, images):
    model = network("bn")
    engine.prepare(model, 6)
    passes, eager = engine.passes(model, 6), engine.Eager(engine.passes(model, 6).network)
    score = engine.CrossEntropy(torch.arange(6), 9)
    assert torch.equal(passes.logits(images), eager.logits(images))
    for arguments in [(images, lambda z: z[:, 0]), (images, score, "bf16")]:
        assert torch.equal(passes.ascend(*arguments).gradient, eager.ascend(*arguments).gradient)
    few = engine.CrossEntropy(torch.arange(2), 9)
    assert torch.equal(passes.ascend(images[:2], few).gradient, eager.ascend(images[:2], few).gradient)


@pytest.mark.parametrize(
    ("norm", "mode", "architecture"),
    [("bn", "batch", "resnet20"), ("rn", "tracked-mean", "resnet20"), ("gn", None, "resnet20"), ("bn", None, "vgg11")],
)
def test_what_has_no_graph_stays_eager(network, pool, norm, mode, architecture):
    model = network(norm, mode, architecture)
    for _ in range(2):
        engine.prepare(model, 6)
        assert engine.passes(model, 6).name == "eager"
    assert pool._worker is None
    assert names_of(pool) == []


def test_doubles_and_large_batches_stay_eager(network, pool):
    engine.prepare(network().double(), 2)
    engine.prepare(network(), compiled.LARGEST + 1)
    assert names_of(pool) == []


def test_a_wrong_graph_is_not_used(network, monkeypatch):
    from rnorm_core.engine import graph

    right = graph._relu

    def steeper(x):
        y, back = right(x)
        return graph.Layer(y, lambda g: graph.ops.multiply(back(g), graph._constant(1.001)))

    model = network()
    with monkeypatch.context() as broken:
        broken.setattr(graph, "_relu", steeper)
        engine.prepare(model, 6)
    assert engine.passes(model, 6).name == "eager"
    engine.prepare(model, 6)
    assert engine.passes(model, 6).name == "eager", "it is not tried again"


def test_a_network_that_gives_no_numbers_gets_no_graph(network, pool):
    model = network("none")
    model.classifier.weight.fill_(torch.nan)
    engine.prepare(model, 2)
    assert engine.passes(model, 2).name == "eager"


def test_a_failure_of_the_compiler_is_logged_and_harmless(network, batch, pool, monkeypatch, caplog):
    monkeypatch.setattr(compiled, "Graph", lambda *_: 1 / 0)
    model, attack = network(), attacks.make("pgd", 1 / 255, 2)
    for _ in range(3):
        assert attack.run(model, batch, seeded()).engine == "eager"
        pool.wait()
    assert caplog.text.count("No graph of this network can be compiled") == 1


def test_without_openvino_everything_is_eager(network, batch, pool, monkeypatch):
    monkeypatch.setattr(compiled, "runtime", lambda: None)
    model, attack = network(), attacks.make("pgd", 1 / 255, 2)
    engine.prepare(model, 6)
    assert [attack.run(model, batch, seeded()).engine for _ in range(2)] == ["eager"] * 2
    assert pool._worker is None


def test_graphs_can_be_forbidden(network, batch, pool, monkeypatch):
    monkeypatch.setenv("ROBUSTNORM_ENGINE", "eager")
    model, attack = network(), attacks.make("pgd", 1 / 255, 2)
    engine.prepare(model, 6)
    traces = [attack.run(model, batch, seeded()) for _ in range(2)]
    assert torch.equal(*(trace.adversarial for trace in traces))
    assert pool._worker is None


def test_attacks_share_graphs_and_a_second_one_is_made_where_two_threads_compute(network, pool, monkeypatch):
    model, classes = network(), torch.arange(3)
    engine.prepare(model, 3)
    attacks_of_a_class = [engine.passes(model, 3) for _ in range(30)]
    assert {passes.name for passes in attacks_of_a_class} == {"compiled"}
    assert names_of(pool) == [3]
    together, run = threading.Barrier(2), runtime.Graph.__call__

    def slow(graph, *inputs):
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(1)
        return run(graph, *inputs)

    def ascend(passes):
        return passes.ascend(torch.full((3, 3, 32, 32), 0.5), engine.CrossEntropy(classes, 9)).gradient

    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as threads:
        patch.setattr(runtime.Graph, "__call__", slow)
        first, second = threads.map(ascend, attacks_of_a_class[:2])
    assert first.equal(second)
    assert names_of(pool) == [3], "nothing is made in the middle of an attack"
    for _ in range(3):
        engine.passes(model, 3)
        pool.wait()
    assert names_of(pool) == [3] * compiled.COPIES


def test_an_attack_that_is_stopped_or_fails_leaves_the_graph_to_others(network, batch, pool):
    model, attack = network(), attacks.make("pgd", 1 / 255, 20)
    engine.prepare(model, 6)

    def stop(step):
        if step.index == 3:
            raise KeyError

    with pytest.raises(KeyError):
        attack.run(model, batch, seeded(), stop)
    passes = engine.passes(model, 6)
    assert isinstance(passes, compiled.Compiled)
    with pytest.raises(RuntimeError):
        passes._graphs(torch.zeros((6, 3, 31, 32)), torch.arange(6))
    assert attack.run(model, batch, seeded()).engine == "compiled"
    assert names_of(pool) == [6]


def test_threads_share_the_pool(network, batch, pool):
    model, attack = network(), attacks.make("pgd", 1 / 255, 5)
    engine.prepare(model, 6)

    def attacked(_):
        torch.set_num_threads(1)
        return attack.run(model, batch, seeded())

    with ThreadPoolExecutor(4) as threads:
        traces = list(threads.map(attacked, range(24)))
    pool.wait()
    for trace in traces:
        torch.testing.assert_close(trace.losses, traces[0].losses, rtol=0.02, atol=0.02)
    assert len(names_of(pool)) <= compiled.COPIES


def test_the_pool_is_bounded(network, pool):
    model = network()
    for count in range(1, compiled.GRAPHS + 3):
        engine.prepare(model, count)
    assert names_of(pool) == list(range(3, compiled.GRAPHS + 3))
    for count in (100, 100, 101, 102):
        engine.prepare(model, count)
    assert sum(names_of(pool)) <= compiled.IMAGES
    assert names_of(pool)[-1] == 102


def test_a_changed_network_gets_another_graph(network, pool):
    model = network()
    engine.prepare(model, 2)
    model.stem.conv.weight.data.mul_(1.5)
    assert engine.passes(model, 2).name == "eager"


def test_a_label_that_is_no_class_is_an_error(network, batch):
    model = network()
    engine.prepare(model, 6)
    with pytest.raises(UserError, match="class 12"):
        attacks.make("bim", 1 / 255, 2, targets=[12] * 6).run(model, batch, seeded())


ONE_ATTACK = """
import sys
import torch
from rnorm_core import attacks, data, zoo
attack = attacks.make("pgd", 1 / 255, 1)
attack.run(zoo.load("cifar10-resnet20-bn", device="cpu"), data.samples("cifar10"), torch.Generator().manual_seed(0))
print("openvino_telemetry" in sys.modules)
"""


def test_an_interpreter_that_ends_during_the_compilation_ends_well_and_nothing_is_reported(tmp_path):
    """OpenVINO's own package for reports writes a number of the machine into the home folder at the first import."""
    environment = {key: value for key, value in os.environ.items() if key != "ROBUSTNORM_ENGINE"}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", ONE_ATTACK], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "False", "")
    assert time.monotonic() - began < 100
    assert list(tmp_path.rglob("*openvino*")) == []
