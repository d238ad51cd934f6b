"""Robust accuracy as the worst case over attacks: an image counts as right if no attack fools it."""

from collections.abc import Sequence

import torch

from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure.accuracy import Accuracy, wilson
from rnorm_core.evaluation.tables.row import Row

_EQUAL = ("model", "weight_hash", "statistics", "images", "batch_size")


def worst_case(rows: Sequence[Row]) -> Accuracy:
    """Accuracy in the worst case over attacks on one model, in one mode, of one size.

    An image is right if it is right under all attacks. The clean row may be one of `rows`, because no perturbation is
    inside every ball. In the modes where predictions depend on the batch each attack is on the whole batch, and an
    image counts as fooled if any attack fools it. UserError if the rows are of different images, models, modes, sizes
    or kinds of pixels, or if there are none.
    """
    attacked = [row for row in rows if row.attack != "clean"]
    different = [name for name in _EQUAL if len({getattr(row, name) for row in rows}) > 1]
    different += [name for name in ("eps_255", "pixels") if len({getattr(row, name) for row in attacked}) > 1]
    if different or not rows:
        raise UserError(
            f"These measurements have no common worst case, because they differ in {', '.join(different)}."
            if rows
            else "There are no measurements, so there is no worst case.",
            "choose rows of one model, mode, attack size and kind of pixels, measured on the same images.",
        )
    hits = torch.stack([row.mask for row in rows]).all(0)
    correct, n, row = int(hits.sum()), len(hits), rows[0]
    spec = {"name": "worst case", "attacks": [row.settings for row in attacked]}
    return Accuracy(
        correct, n, *wilson(correct, n), hits, row.model, row.statistics, row.weight_hash, spec, row.batch_size
    )
