"""The landscape of an attack on one image: what it does to each network at every size and every step.

`run` computes it; `pack` makes of it the bytes that the attack player in the browser reads.
"""

from rnorm_core.experiments.landscape.measure import frames, measure, run
from rnorm_core.experiments.landscape.pack import pack
from rnorm_core.experiments.landscape.types import LEVELS, SIZES, Landscape, Request, Result

__all__ = ["LEVELS", "SIZES", "Landscape", "Request", "Result", "frames", "measure", "pack", "run"]
