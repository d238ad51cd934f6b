"""Sanity checks: is robustness real, or did the attack fail?

`examine` runs the checks of `CHECKS` on a model. `from_table` runs those that need only shipped accuracies. `plant`
wraps a model in a fake defence of `PLANTED`; the checks have to detect it. `surface` computes the loss around an image.
"""

from rnorm_core.sanity.budget import FULL, LIVE, Budget
from rnorm_core.sanity.examine import examine
from rnorm_core.sanity.finding import Finding, Number, Report, overall
from rnorm_core.sanity.planted import PLANTED, Plant, plant
from rnorm_core.sanity.rules import CHECKS, FAIL, NOT_MEASURED, PASS, VERDICTS, WARN, Rule
from rnorm_core.sanity.shipped import from_table
from rnorm_core.sanity.surface import Surface, even, surface

__all__ = [
    "CHECKS",
    "FAIL",
    "FULL",
    "LIVE",
    "NOT_MEASURED",
    "PASS",
    "PLANTED",
    "VERDICTS",
    "WARN",
    "Budget",
    "Finding",
    "Number",
    "Plant",
    "Report",
    "Rule",
    "Surface",
    "even",
    "examine",
    "from_table",
    "overall",
    "plant",
    "surface",
]
