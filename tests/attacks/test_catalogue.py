"""The catalogue, and everything that `make` and `run` refuse."""

import json
import subprocess
import sys

import pytest
import torch

from rnorm_core import attacks
from rnorm_core.attacks import CATALOGUE
from rnorm_core.errors import UserError

# name, options, spec beyond name and targets: one row per entry, so that a new entry wants a row
ROWS = [
    ("fgsm", {"eps": 0.1}, {"steps": 1, "eps": 0.1, "precision": "fp32"}),
    ("bim", {"steps": 10}, {"steps": 10, "eps": 8 / 255, "step_size": 2 / 255, "precision": "fp32"}),
    (
        "pgd",
        {"step_size": 0.01, "restarts": 3},
        {"steps": 20, "eps": 8 / 255, "step_size": 0.01, "restarts": 3, "random_start": True, "precision": "fp32"},
    ),
    (
        "pgd-l2",
        {"eps": 2, "precision": "bf16"},
        {"steps": 20, "eps": 2.0, "step_size": 0.25, "restarts": 1, "random_start": True, "precision": "bf16"},
    ),
    (
        "mi-fgsm",
        {"steps": 4},
        {
            "steps": 4,
            "eps": 8 / 255,
            "step_size": 2 / 255,
            "momentum": 1.0,
            "accumulate": "l1",
            "precision": "fp32",
        },
    ),
    (
        "apgd",
        {"steps": 10, "loss": "dlr", "restarts": 2},
        {"steps": 10, "eps": 8 / 255, "loss": "dlr", "restarts": 2, "random_start": True},
    ),
    ("square", {"steps": 30, "p_init": 0.05}, {"steps": 30, "eps": 8 / 255, "p_init": 0.05, "restarts": 1}),
    ("noise", {"restarts": 2}, {"steps": 1, "eps": 8 / 255, "restarts": 2}),
    ("noise-l2", {}, {"steps": 1, "eps": 128 / 255, "restarts": 1}),
    ("deepfool", {"steps": 3}, {"steps": 3, "overshoot": 0.02}),
    (
        "cw",
        {"steps": 3, "confidence": 0.5, "binary_search_steps": 2},
        {"steps": 3, "step_size": 0.02, "binary_search_steps": 2, "initial_const": 0.1, "confidence": 0.5},
    ),
    ("ddn", {"steps": 3}, {"steps": 3, "first_eps": 1.0, "gamma": 0.05}),
    ("fmn", {"steps": 3}, {"steps": 3, "step_size": 1.0, "gamma": 0.05}),
    ("fmn-l2", {"steps": 3, "gamma": 0.1}, {"steps": 3, "step_size": 1.0, "gamma": 0.1}),
]


def test_every_entry_has_a_row():
    assert [row[0] for row in ROWS] == list(CATALOGUE)


@pytest.mark.parametrize(("name", "options", "spec"), ROWS, ids=[row[0] for row in ROWS])
def test_runs_and_says_what_it_was(net, batch, generator, name, options, spec):
    entry = CATALOGUE[name]
    assert (entry.name, entry.norm in ("linf", "l2")) == (name, True)
    assert entry.family in ("fixed-eps", "minimum-norm", "noise")
    assert entry.takes_eps == (entry.family != "minimum-norm")
    trace = attacks.make(name, **options).run(net(), batch, generator())
    assert trace.spec == pytest.approx({"name": name, "targets": None, **spec})
    assert trace.adversarial.shape == batch.images.shape
    # through JSON and back it is the same attack
    again = attacks.make(**json.loads(json.dumps(trace.spec))).run(net(), batch, generator())
    assert again.spec == trace.spec
    assert torch.equal(again.adversarial, trace.adversarial)


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.targeted])
def test_targets_are_part_of_the_spec(net, batch, generator, name):
    options = {} if CATALOGUE[name].one_step else {"steps": 2}
    trace = attacks.make(name, targets=torch.arange(12) % 10, **options).run(net(), batch, generator())
    assert trace.spec["targets"] == [i % 10 for i in range(12)]
    assert json.loads(json.dumps(trace.spec)) == trace.spec


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: attacks.make("autoattack"), r"no attack 'autoattack'.*fgsm, bim, pgd, pgd-l2"),
        (lambda: attacks.make("pgd", -0.1), r"eps is -0\.1.*8/255"),
        (lambda: attacks.make("pgd", 1.5), r"eps is 1\.5"),
        (lambda: attacks.make("pgd", 8), r"eps is 8.*8/255"),
        (lambda: attacks.make("pgd", float("nan")), "eps is nan"),
        (lambda: attacks.make("pgd", "8/255"), "eps is '8/255'"),
        (lambda: attacks.make("pgd-l2", 56.0), "eps is 56"),
        (lambda: attacks.make("cw", 0.1), "takes no eps"),
        (lambda: attacks.make("pgd", steps=0), "steps is 0"),
        (lambda: attacks.make("pgd", steps=-3), "steps is -3"),
        (lambda: attacks.make("pgd", steps=2.5), r"steps is 2\.5"),
        (lambda: attacks.make("pgd", steps=True), "steps is True"),
        (lambda: attacks.make("fgsm", steps=20), "one step, not 20"),
        (lambda: attacks.make("pgd", stepsize=0.1), "no option stepsize.*step_size, restarts"),
        (lambda: attacks.make("fgsm", random_start=True), "no option random_start"),
        (lambda: attacks.make("pgd", step_size=-1.0), r"step_size is -1\.0"),
        (lambda: attacks.make("pgd", step_size=float("inf")), "step_size is inf"),
        (lambda: attacks.make("pgd", restarts=0), "restarts is 0"),
        (lambda: attacks.make("pgd", random_start=1), "random_start is 1"),
        (lambda: attacks.make("pgd", precision="fp8"), "precision is 'fp8'.*fp32, bf16"),
        (lambda: attacks.make("mi-fgsm", accumulate="l2"), "accumulate is 'l2'.*l1, sign"),
        (lambda: attacks.make("apgd", loss="cw"), "loss is 'cw'.*ce, dlr, margin"),
        (lambda: attacks.make("apgd", step_size=0.1), "no option step_size.*loss, restarts, random_start"),
        (lambda: attacks.make("apgd", restarts=2, random_start=False), "all be the same"),
        (lambda: attacks.make("square", p_init=0), "p_init is 0.*above 0"),
        (lambda: attacks.make("square", p_init=1.1), r"p_init is 1\.1"),
        (lambda: attacks.make("square", restarts=0), "restarts is 0"),
        (lambda: attacks.make("cw", initial_const=None), "initial_const is None"),
        (lambda: attacks.make("pgd", restarts=2, random_start=False), "all be the same"),
        (lambda: attacks.make("deepfool", targets=[1]), "cannot aim at a class"),
        (lambda: attacks.make("pgd", targets=torch.zeros(3)), r"torch\.float32 of shape \(3,\)"),
        (lambda: attacks.make("pgd", targets=torch.zeros((3, 1), dtype=torch.int64)), r"shape \(3, 1\)"),
        (lambda: attacks.make("pgd", targets=[-1, 2]), "class numbers"),
        (lambda: attacks.make("pgd", targets=3), "one per image"),
    ],
)
def test_bad_options_are_refused(call, says):
    with pytest.raises(UserError, match=says):
        call()


def test_the_papers_defaults():
    apgd, square = CATALOGUE["apgd"], CATALOGUE["square"]
    assert apgd.default_steps == 100
    assert apgd.options == {"loss": "ce", "restarts": 1, "random_start": True, "early_stop": False}
    assert (square.default_steps, square.options) == (5000, {"p_init": 0.8, "restarts": 1})
    assert [entry.name for entry in CATALOGUE.values() if entry.black_box] == ["square"]


@pytest.mark.parametrize("name", ["pgd", "apgd", "square", "noise", "ddn"])
def test_what_does_not_fit_together_is_refused(net, batch, generator, make_batch, name):
    def run(model=None, images=batch.images, labels=batch.labels, targets=None):
        attacks.make(name, targets=targets).run(model or net(), make_batch(images, labels), generator())

    with pytest.raises(UserError, match="11 targets for 12 images"):
        run(targets=[0] * 11)
    with pytest.raises(UserError, match=r"class 10, .*0 to 9"):
        run(targets=[10] * 12)
    with pytest.raises(UserError, match="class 99, "):
        run(labels=torch.full((12,), 99))
    with pytest.raises(UserError, match="training mode"):
        run(model=net().train())
    with pytest.raises(UserError, match=r"\[0, 1\]"):
        run(images=batch.images * 255)
    with pytest.raises(UserError, match=r"\[0, 1\]"):
        run(images=torch.full_like(batch.images, float("nan")))
    with pytest.raises(UserError, match="no image"):
        run(images=batch.images[:0], labels=batch.labels[:0])


def test_the_catalogue_needs_no_foolbox():
    """foolbox and all it imports come in with the first minimum-norm attack that runs, not with the catalogue."""
    code = (
        "import sys; sys.modules['foolbox'] = None\n"
        "from rnorm_core import attacks\n"
        "assert attacks.make('pgd') and attacks.make('cw')\n"
        "from rnorm_core.errors import UserError\n"
        "try:\n    import rnorm_core.attacks.peer\n"
        "except UserError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=True)
    assert "not installed" in done.stdout
