"""Is robustness real? Named checks that tell it from attacks that fail, fakes to try them on, and the loss in sight.

`examine` runs the checks of `CHECKS` on a model, `from_table` those for which shipped accuracies suffice, `plant` puts
a model behind a fake defence of `PLANTED`, and `surface` shows the loss around an image.
"""

from rnorm_core.honesty.budget import FULL, LIVE, Budget
from rnorm_core.honesty.examine import examine
from rnorm_core.honesty.finding import Finding, Number, Report, overall
from rnorm_core.honesty.planted import PLANTED, Plant, plant
from rnorm_core.honesty.rules import CHECKS, FAIL, NOT_MEASURED, PASS, VERDICTS, WARN, Rule
from rnorm_core.honesty.shipped import from_table
from rnorm_core.honesty.surface import Surface, even, surface

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
