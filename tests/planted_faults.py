"""Does the suite notice? `python -m tests.planted_faults` plants one fault after the other and runs the tests.

Each fault is planted in a copy of the checkout. First the tests nearest to it run, then, if they pass, all quick ones.
A fault that no test notices is named, and the command fails. `tests/test_planted_faults.py` keeps the list true.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Fault:
    """In `file`, `right` (which stands there once) becomes `wrong`. near: the tests that should notice first."""

    what: str
    file: str
    right: str
    wrong: str
    near: str


FAULTS = (
    Fault(
        "a gradient step's sign is flipped", "rnorm_core/attacks/balls.py",
        "return gradient.clamp(sign, sign)", "return -gradient.clamp(sign, sign)", "tests/attacks",
    ),
    Fault(
        "the projection allows twice eps", "rnorm_core/attacks/balls.py",
        "return delta.clamp(-eps, eps)", "return delta.clamp(-2 * eps, 2 * eps)", "tests/attacks",
    ),
    Fault(
        "APGD never halves its step", "rnorm_core/attacks/apgd.py",
        "torch.where(halved, size / 2, size)", "torch.where(halved, size, size)", "tests/attacks",
    ),
    Fault(
        "RobustNorm forgets its power with tracked statistics", "rnorm_core/norms/layers.py",
        "return mean, spread**self.power + self.eps", "return mean, spread + self.eps", "tests/test_norms.py",
    ),
    Fault(
        "RobustNorm's gradient skips the range", "rnorm_core/norms/autograd.py",
        "        _add_at_extremes(dx, through_range, x, places)\n", "", "tests/test_norms.py",
    ),
    Fault(
        "a job's tasks get no second worker", "rnorm_core/jobs/turns.py",
        "if entry.paused or entry.tasks)", "if entry.paused)", "tests/test_jobs.py",
    ),
    Fault(
        "a long job does not give way to a new one", "rnorm_core/jobs/turns.py",
        "rival.level < entry.level", "False", "tests/test_turns.py",
    ),
    Fault(
        "a network without memory is an error", "rnorm_core/engine/eager.py",
        "if self._splits and at_once > 1", "if at_once > 1", "tests/engine/test_memory.py",
    ),
    Fault(
        "one person computes several jobs at once", "rnorm_core/jobs/turns.py",
        "if set(entry.owners) - busy]", "]", "tests/test_turns.py",
    ),
    Fault(
        "a failed task does not stop the others", "rnorm_core/jobs/pool.py",
        "return self.error is not None or", "return", "tests/test_jobs.py",
    ),
    Fault(
        "a shipped result answers every request", "rnorm_core/experiments/shipped/files.py",
        """_request(path, zoo.stamp(path)) != replace(request, device="cpu")""", "request is None",
        "tests/experiments/test_shipped.py",
    ),
    Fault(
        "the statistics mode is ignored", "rnorm_core/zoo/assemble.py",
        "statistics = statistics or norms.modes(card.norm)[0]", "statistics = norms.modes(card.norm)[0]",
        "tests/test_zoo.py",
    ),
    Fault(
        "weights are not compared with their card", "rnorm_core/zoo/tensor_files.py",
        "if sha != sha256:", "if False:", "tests/test_zoo.py",
    ),
    Fault(
        "an interval of 90 % is called one of 95 %", "rnorm_core/evaluation/measure/accuracy.py",
        "NormalDist().inv_cdf((1 + level) / 2)", "NormalDist().inv_cdf(level)", "tests/evaluation/test_accuracy.py",
    ),
    Fault(
        "every batch draws the same random numbers", "rnorm_core/evaluation/measure/accuracy.py",
        "SeedSequence([seed, index])", "SeedSequence([seed, 0])", "tests/evaluation",
    ),
    Fault(
        "a paired difference has the wrong sign", "rnorm_core/evaluation/measure/paired.py",
        "(left_only - right_only) / n, low, high", "(right_only - left_only) / n, low, high",
        "tests/evaluation/test_paired.py",
    ),
    Fault(
        "the worst case is the best case", "rnorm_core/evaluation/measure/worst.py",
        "torch.stack([row.mask for row in rows]).all(0)", "torch.stack([row.mask for row in rows]).any(0)",
        "tests/evaluation/test_worst.py",
    ),
    Fault(
        "a band's lower edge is taken for its upper one", "rnorm_core/evaluation/tables/layer_shifts.py",
        "np.array(self.bands[m])[:, 1]", "np.array(self.bands[m])[:, 0]", "tests/evaluation",
    ),
    Fault(
        "a claim holds without an interval above 0", "rnorm_core/evaluation/claims/evidence.py",
        "HOLDS if p.low > 0 else OPPOSITE", "HOLDS if p.difference > 0 else OPPOSITE",
        "tests/evaluation/test_evidence.py",
    ),
    Fault(
        "what every image shows is said of every training", "rnorm_core/evaluation/claims/evidence.py",
        "if state == HOLDS and over.low <= least:", "if False:", "tests/evaluation/test_claims.py",
    ),
    Fault(
        "an interval over trainings is one of many trainings", "rnorm_core/evaluation/measure/over_seeds.py",
        "t_quantile(0.975, freedom)", "1.96", "tests/evaluation/test_over_seeds.py",
    ),
    Fault(
        "a line that a kill cut short stays in a table", "rnorm_core/evaluation/tables/jsonl.py",
        "        os.truncate(path, whole)\n", "", "tests/evaluation",
    ),
    Fault(
        "a layer's movement is counted from the attacked images", "rnorm_core/experiments/shift_sweep.py",
        "self.clean = self.clean or now", "self.clean = now", "tests/experiments/test_shift_sweep.py",
    ),
    Fault(
        "the networks of a result are swapped", "rnorm_core/experiments/shift_sweep.py",
        "return Result(request, batch, (left, right))", "return Result(request, batch, (right, left))",
        "tests/experiments/test_shift_sweep.py",
    ),
    Fault(
        "a figure swaps left and right", "rnorm_core/figures/accuracy.py",
        '(f"only {left[0]}", "left_only",', '(f"only {left[0]}", "right_only",', "tests/figures",
    ),
    Fault(
        "a value in the address is not checked", "rnorm_core/ui/shared/query_params.py",
        "if not any(_same(text, other) for other in used)", "if False", "tests/ui/test_query_params.py",
    ),
    Fault(
        "a heartbeat is lost", "rnorm_core/jobs/pool.py",
        '            self.touch()\n            return State("left"', '            return State("left"',
        "tests/test_jobs.py",
    ),
    Fault(
        "a cancelled job's result is kept", "rnorm_core/jobs/pool.py",
        "            if job._cancelled:\n                # The result",
        "            if False:\n                # The result",
        "tests/test_jobs.py",
    ),
    Fault(
        "the seed picks no images", "rnorm_core/data/sources.py",
        "manual_seed(seed))[:count].numpy()", "manual_seed(0))[:count].numpy()", "tests/data",
    ),
    Fault(
        "a checkpoint loses its momentum", "rnorm_core/training/checkpoint.py",
        'optimizer.state[parameter]["momentum_buffer"] = torch.empty_like(parameter).copy_(momentum)', "pass",
        "tests/training/test_loop.py",
    ),
    Fault(
        "a sanity check passes what it should fail", "rnorm_core/sanity/checks.py",
        "if largest.value <= rules.FLOOR:", "if largest.value >= rules.FLOOR:", "tests/sanity",
    ),
    Fault(
        "a link to another page does not set what it promises", "rnorm_core/ui/shared/navigation.py",
        "        st.session_state[key] = value\n", "        pass\n", "tests/pages/test_start.py tests/browser",
    ),
    Fault(
        "a closed vote takes an answer", "rnorm_core/classroom/vote/store.py",
        "        if found.closed:\n", "        if False:\n", "tests/classroom/vote/test_store.py",
    ),
    Fault(
        "the result is told before the reveal", "rnorm_core/classroom/vote/store.py",
        "            if not row.revealed:\n", "            if False:\n", "tests/classroom/vote/test_store.py",
    ),
    Fault(
        "any key opens a room", "rnorm_core/classroom/vote/store.py",
        "if not hmac.compare_digest(row.owner, codes.hashed(key.secret)):", "if not key.secret:",
        "tests/classroom/vote/test_store.py",
    ),
    Fault(
        "a phone knows the right choice before the reveal", "rnorm_core/classroom/vote/queries.py",
        "    if not row.revealed:\n", "    if False:\n", "tests/classroom/vote/test_store.py",
    ),
)  # fmt: skip


def noticed(fault: Fault, copy: Path) -> str:
    """The first test that fails with the fault, '' if none does."""
    path = copy / fault.file
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")
    try:
        for tests in (fault.near.split(), ["--numprocesses", "2", "tests"]):
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
            result = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
            failed = [line for line in result.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
            if result.returncode == 1 and failed:
                return failed[0].split(" - ")[0]
            if result.returncode not in (0, 1):
                raise RuntimeError(f"{fault.what}: pytest ended with {result.returncode}:\n{result.stdout[-2000:]}")
    finally:
        path.write_text(text, encoding="utf-8")
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.planted_faults", description=__doc__)
    parser.add_argument("words", nargs="*", help="only faults whose description holds one of these words")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if not options.words or any(word in fault.what for word in options.words)]
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        skipped = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, copy, ignore=skipped)
        for fault in chosen:
            began = time.perf_counter()
            test = noticed(fault, copy)
            print(
                f"{'noticed' if test else 'MISSED '} {time.perf_counter() - began:4.0f} s  {fault.what}: {test}",
                flush=True,
            )
            missed += [] if test else [fault.what]
    if missed:
        sys.exit(f"{len(missed)} of {len(chosen)} faults were not noticed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
