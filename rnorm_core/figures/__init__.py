"""Results -> plotly figures with alternative text. Pure functions of numbers that were measured elsewhere.

Every figure asks one question in its title, says units, n and interval, has a transparent background and leaves font
colours to the theme around it. Colour never stands alone: markers, dashes, hatches or words say the same.
"""

from rnorm_core.figures.accuracy import (
    OWN_STD,
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
from rnorm_core.figures.inside import channel_values, outlier_effect, range_by_size, scale_by_power
from rnorm_core.figures.models import (
    Depth,
    Dots,
    Rates,
    Training,
    by_depth,
    by_seed,
    learning_rates,
    training_accuracy,
    training_loss,
)
from rnorm_core.figures.shift import (
    Growth,
    Places,
    distribution,
    mark_eps,
    shift_by_channel,
    shift_by_eps,
    shift_by_layer,
    span,
)
from rnorm_core.figures.statistics import (
    Dot,
    Line,
    accuracy_by_batches,
    accuracy_by_share,
    accuracy_by_size,
    company,
    compositions,
    crafting_matrix,
    distance_by_batches,
    patched_layers,
)
from rnorm_core.figures.style import LOOKS, Figure, Look
from rnorm_core.figures.trace import Side, confidence_by_step, probabilities, size_by_step

__all__ = [
    "LOOKS",
    "OWN_STD",
    "PAPER_EPS",
    "PAPER_STD",
    "Agreement",
    "Curve",
    "Depth",
    "Dot",
    "Dots",
    "Figure",
    "Growth",
    "Line",
    "Look",
    "Places",
    "Rates",
    "Side",
    "Training",
    "accuracy_by_batches",
    "accuracy_by_share",
    "accuracy_by_size",
    "accuracy_curve",
    "agreement",
    "by_depth",
    "by_seed",
    "channel_values",
    "company",
    "compositions",
    "confidence_by_step",
    "crafting_matrix",
    "distance_by_batches",
    "distribution",
    "grey_levels",
    "learning_rates",
    "magnified",
    "mark_eps",
    "outlier_effect",
    "paper_units",
    "patched_layers",
    "probabilities",
    "range_by_size",
    "scale_by_power",
    "shift_by_channel",
    "shift_by_eps",
    "shift_by_layer",
    "size_by_step",
    "span",
    "to_display",
    "training_accuracy",
    "training_loss",
]
