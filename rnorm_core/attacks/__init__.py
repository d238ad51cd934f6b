"""Attacks: find a small change of an image that changes what a model says.

`CATALOGUE` lists what there is, `make` makes one ready to run, `attack.stream` shows it step by step and
`attack.run` gives the Trace. Minimum-norm attacks need foolbox, which is imported when the first of them runs.
"""

from rnorm_core.attacks.attack import Attack, statistics_of
from rnorm_core.attacks.catalogue import CATALOGUE, Entry, make
from rnorm_core.attacks.trace import Step, Trace
from rnorm_core.attacks.watched import watched

__all__ = ["CATALOGUE", "Attack", "Entry", "Step", "Trace", "make", "statistics_of", "watched"]
