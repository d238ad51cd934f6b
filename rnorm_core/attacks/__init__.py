"""Attacks: they search for a small change of an image that changes the prediction of a model.

`CATALOGUE` lists all attacks, `make` builds one, `attack.stream` runs it step by step, and `attack.run` returns the
Trace. Minimum-norm attacks need foolbox, which is imported when the first of them runs.
"""

from rnorm_core.attacks.attack import Attack, at_sizes, watched
from rnorm_core.attacks.catalogue import CATALOGUE, Entry, make
from rnorm_core.attacks.look import statistics_of
from rnorm_core.attacks.trace import Step, Trace

__all__ = ["CATALOGUE", "Attack", "Entry", "Step", "Trace", "at_sizes", "make", "statistics_of", "watched"]
