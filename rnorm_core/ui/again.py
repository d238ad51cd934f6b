"""What to type to measure shipped numbers again, whether or not a file holds them already. Pure functions."""

from collections.abc import Iterable, Sequence

from rnorm_core.evaluation import file, laboratories, moved
from rnorm_core.training import learning_rates, measure

LABORATORIES = f"{laboratories.COMMAND} {{names}} --out again.jsonl"
EVIDENCE = f"{moved.COMMAND} {{names}} --out again"
CARD = f"{measure.COMMAND} {{names}}"


def sweep(statistics: Iterable[str], attacks: Iterable[str], eps_255: Iterable[float] = ()) -> str:
    """A form: the table's sweep in these modes, under these attacks, of all planned sizes unless some are given."""
    sizes = " ".join(f"{eps:g}" for eps in dict.fromkeys(eps_255) if eps)
    said = f"--statistics {' '.join(dict.fromkeys(statistics))} --attacks {' '.join(dict.fromkeys(attacks))}"
    return f"{file.COMMAND} --models {{names}} {said}{sizes and f' --eps {sizes}'} --count {{n}} --out again.jsonl"


def command(form: str, names: Iterable[str], n: int = 0) -> str:
    """A form, for these networks and, where it is asked for, n images."""
    return form.format(names=" ".join(dict.fromkeys(names)), n=n)


def study(trials: Sequence[learning_rates.Trial]) -> str:
    """What trains these again: of every norm at every rate, from every seed."""
    of = {key: " ".join(dict.fromkeys(f"{getattr(t, key):g}" for t in trials)) for key in ("peak_lr", "seed", "n")}
    norms, plan = " ".join(dict.fromkeys(t.norm for t in trials)), trials[0].recipe
    return (
        f"{learning_rates.COMMAND} --norms {norms} --rates {of['peak_lr']} --seeds {of['seed']} "
        f"--epochs {plan['epochs']} --precision {plan['precision']} --holdout {of['n']} --out again.jsonl"
    )
