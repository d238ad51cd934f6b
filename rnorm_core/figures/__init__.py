"""Results -> plotly figures with alternative text. Pure functions of numbers that were measured elsewhere.

Every figure asks one question in its title, says units, n and interval, has a transparent background and leaves font
colours to the theme around it. Colour never stands alone: markers, dashes, hatches or words say the same.
"""

from rnorm_core.figures.accuracy import (
    PAPER_EPS,
    PAPER_STD,
    Agreement,
    Curve,
    accuracy_curve,
    agreement,
    grey_levels,
    paper_units,
)
from rnorm_core.figures.images import magnified, to_display
from rnorm_core.figures.style import LOOKS, Figure, Look
from rnorm_core.figures.trace import Side, confidence_by_step, probabilities, size_by_step

__all__ = [
    "LOOKS",
    "PAPER_EPS",
    "PAPER_STD",
    "Agreement",
    "Curve",
    "Figure",
    "Look",
    "Side",
    "accuracy_curve",
    "agreement",
    "confidence_by_step",
    "grey_levels",
    "magnified",
    "paper_units",
    "probabilities",
    "size_by_step",
    "to_display",
]
