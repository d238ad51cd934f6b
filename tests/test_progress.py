"""Independent tasks of one experiment: their results, and their common progress."""

import pytest

from rnorm_core.progress import run_parallel, silent


def test_tasks_give_their_results_in_order_and_one_common_fraction():
    heard = []

    def task(progress, name):
        progress(0.5, f"{name} half", name)
        return name

    tasks = [lambda progress, name=name: task(progress, name) for name in ("left", "right")]
    assert run_parallel(lambda *news: heard.append(news), tasks) == ["left", "right"]
    assert heard == [(0.25, "left half", "left"), (0.75, "right half", "right")]


def test_an_exception_of_a_task_or_of_the_progress_reaches_the_caller():
    def task(progress):
        raise LookupError("no such image")

    with pytest.raises(LookupError, match="no such image"):
        run_parallel(silent, [task])

    def stop(fraction, text, partial=None):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        run_parallel(stop, [lambda progress: progress(0.5, "half")])
