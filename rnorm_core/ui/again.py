"""What to type to measure shipped numbers again, whether or not a file holds them already. Pure functions."""

from collections.abc import Iterable, Sequence

from rnorm_core.evaluation import file, laboratories, moved
from rnorm_core.training import learning_rates, measure

SWEEP = f"{file.COMMAND} --models {{names}} --count {{n}} --out again.jsonl"
LABORATORIES = f"{laboratories.COMMAND} {{names}} --out again.jsonl"
EVIDENCE = f"{moved.COMMAND} {{names}} --out again"
CARD = f"{measure.COMMAND} {{names}}"


def command(form: str, names: Iterable[str], n: int = 0) -> str:
    """One of the forms above, for these networks and, where it is asked for, n images."""
    return form.format(names=" ".join(dict.fromkeys(names)), n=n)


def study(trials: Sequence[learning_rates.Trial]) -> str:
    """What trains these again: of every norm at every rate, from every seed."""
    of = {key: " ".join(dict.fromkeys(f"{getattr(t, key):g}" for t in trials)) for key in ("peak_lr", "seed", "n")}
    norms, plan = " ".join(dict.fromkeys(t.norm for t in trials)), trials[0].recipe
    return (
        f"{learning_rates.COMMAND} --norms {norms} --rates {of['peak_lr']} --seeds {of['seed']} "
        f"--epochs {plan['epochs']} --precision {plan['precision']} --holdout {of['n']} --out again.jsonl"
    )
