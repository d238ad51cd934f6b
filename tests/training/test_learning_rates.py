"""The study of learning rates: one line for each training, diverged ones included; stopped and gone on with."""

import json
import sys

import pytest
import torch

from rnorm_core.evaluation import wilson
from rnorm_core.training import learning_rates
from rnorm_core.training.precision import fitting
from rnorm_core.training.recipe import recipe


@pytest.fixture
def words(cifar, tmp_path, monkeypatch):
    """words(*more): trainings of one epoch of a small network."""
    monkeypatch.delenv("CIFAR_ROOT", raising=False)
    small = ["--width", "0.25", "--epochs", "1", "--holdout", "60", "--device", "cpu"]
    folders = ["--data", str(cifar), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "study.jsonl")]
    return lambda *more: [*small, *folders, *more]


def run(words: list[str]) -> tuple[learning_rates.Trial, ...]:
    return learning_rates.run(learning_rates.arguments(words))


def test_each_norm_and_rate_is_trained_once(words, tmp_path, monkeypatch):
    first = run(words("--norms", "bn", "--rates", "0.1"))
    trials = run(words("--norms", "bn", "none", "--rates", "0.1", "0.4"))
    assert trials[0] == first[0]
    assert [(t.norm, t.peak_lr) for t in trials] == [("bn", 0.1), ("none", 0.1), ("bn", 0.4), ("none", 0.4)]
    assert learning_rates.read(tmp_path / "study.jsonl") == trials
    for trial in trials:
        plan = fitting(recipe("short", trial.norm, epochs=1, peak_lr=trial.peak_lr), torch.device("cpu"))
        assert trial.recipe == json.loads(json.dumps(vars(plan)))
        assert trial.correct == round(60 * trial.curve[-1]["held_out_accuracy"])
        assert (trial.low, trial.high) == pytest.approx(wilson(trial.correct, 60), abs=1e-6)
        assert trial.diverged_in is None
    monkeypatch.setattr(learning_rates.training, "run", None)
    assert run(words("--norms", "bn", "none", "--rates", "0.1", "0.4")) == trials


def test_the_precision_that_is_asked_for_is_trained_in(words):
    for precision in ("bf16", "fp32"):
        trials = run(words("--norms", "bn", "--rates", "0.1", "--precision", precision))
        assert trials[-1].recipe["precision"] == precision
    assert len(trials) == 2


def test_a_trial_leaves_no_checkpoint(words, tmp_path):
    run(words("--norms", "none", "--rates", "0.1", "1e12", "--epochs", "2"))
    assert list((tmp_path / "work").glob("*.log.jsonl"))
    assert not list((tmp_path / "work").glob("*.checkpoint.safetensors"))


def test_the_recipe_is_the_same_for_every_norm():
    assert len({recipe("short", norm) for norm in learning_rates.NORMS}) == 1
    assert recipe("short", "none").clip == 0


def test_a_training_that_diverges_is_a_result(words):
    (trial,) = run(words("--norms", "none", "--rates", "1e12", "--epochs", "4"))
    assert trial.diverged_in in (2, 3, 4)
    assert (trial.correct, trial.low, trial.high, trial.curve) == (None, None, None, ())


def test_a_stopped_study_goes_on(words, tmp_path, monkeypatch, capsys):
    train = learning_rates.training.run

    def stopped(options):
        if options.norm == "rn":
            raise KeyboardInterrupt
        return train(options)

    with monkeypatch.context() as patch:
        patch.setattr(learning_rates.training, "run", stopped)
        with pytest.raises(SystemExit, match="again to go on"):
            learning_rates.main(words("--rates", "0.1"))
    assert [t.norm for t in learning_rates.read(tmp_path / "study.jsonl")] == ["bn"]
    capsys.readouterr()
    learning_rates.main(words("--rates", "0.1"))
    lines = [line for line in capsys.readouterr().out.splitlines() if "peak learning rate" in line]
    assert [line.split()[0] for line in lines] == ["bn", "rn", "none"]


def test_a_last_line_that_a_kill_cut_short_is_trained_anew(words, tmp_path):
    path = tmp_path / "study.jsonl"
    (trial,) = run(words("--norms", "bn", "--rates", "0.1"))
    path.write_text(trial.line[:-30])
    (again,) = run(words("--norms", "bn", "--rates", "0.1"))
    assert (again.identity, again.correct) == (trial.identity, trial.correct)
    assert path.read_text() == again.line


def test_no_file_is_no_trials(tmp_path):
    assert learning_rates.read(tmp_path / "nothing.jsonl") == ()
    assert learning_rates.shipped("cifar10").name == "cifar10-learning-rates.jsonl"


def test_a_full_disk_keeps_the_file(words, tmp_path, monkeypatch, capsys):
    run(words("--norms", "bn", "--rates", "0.1"))
    before = (tmp_path / "study.jsonl").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    monkeypatch.setattr(learning_rates.training, "run", lambda _: [{"held_out_accuracy": 0.5}])
    monkeypatch.setattr(sys, "argv", ["learning_rates", *words("--norms", "none", "--rates", "0.1")])
    with pytest.raises(SystemExit, match="No space left on device"):
        learning_rates.main()
    assert (tmp_path / "study.jsonl").read_bytes() == before
    assert list(tmp_path.glob("*.partial")) == []


def test_the_shipped_study_compares_like_with_like():
    trials = learning_rates.read(learning_rates.shipped("cifar10"))
    if not trials:
        pytest.skip("the study is not shipped")
    assert len({trial.identity for trial in trials}) == len(trials)
    tried = {norm: {(t.peak_lr, t.seed) for t in trials if t.norm == norm} for norm in learning_rates.NORMS}
    assert tried["bn"] == tried["rn"] == tried["none"]
    for trial in trials:
        plan = recipe("short", trial.norm, peak_lr=trial.peak_lr, precision=trial.recipe["precision"])
        assert trial.recipe == json.loads(json.dumps(vars(plan)))
        assert trial.n == learning_rates.HELD
        assert not trial.code_version.endswith("+changes")
        if trial.correct is None:
            assert trial.diverged_in in range(1, trial.recipe["epochs"] + 1)
        else:
            assert len(trial.curve) == trial.recipe["epochs"]
            assert trial.correct == round(trial.n * trial.curve[-1]["held_out_accuracy"])
            assert (trial.low, trial.high) == pytest.approx(wilson(trial.correct, trial.n), abs=1e-6)
