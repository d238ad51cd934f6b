"""What to type to measure shipped numbers again, whether or not a file holds them already. Pure functions."""

from collections.abc import Iterable

from rnorm_core.evaluation import file, laboratories, moved

SWEEP = f"{file.COMMAND} --models {{names}} --count {{n}} --out again.jsonl"
LABORATORIES = f"{laboratories.COMMAND} {{names}} --out again.jsonl"
EVIDENCE = f"{moved.COMMAND} {{names}} --out again"
CARD = "python -m rnorm_core.training.measure {names}"


def command(form: str, names: Iterable[str], n: int = 0) -> str:
    """One of the forms above, for these networks and, where it is asked for, n images."""
    return form.format(names=" ".join(dict.fromkeys(names)), n=n)
