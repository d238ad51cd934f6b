"""Normalization layers that differ only in the source of their statistics; see `layers` for their common interface."""

from rnorm_core.norms.convert import batch_statistics, convert_norm, make_norm
from rnorm_core.norms.layers import BatchNorm2d, DualBatchNorm2d, GroupNorm, NoNorm, RobustNorm2d
from rnorm_core.norms.names import (
    BRANCHES,
    DEFAULT_POWER,
    EPS,
    MODES,
    NORM_NAMES,
    NORMS,
    STATISTICS,
    looks_at_batch,
    modes,
)

__all__ = [
    "BRANCHES",
    "DEFAULT_POWER",
    "EPS",
    "MODES",
    "NORMS",
    "NORM_NAMES",
    "STATISTICS",
    "BatchNorm2d",
    "DualBatchNorm2d",
    "GroupNorm",
    "NoNorm",
    "RobustNorm2d",
    "batch_statistics",
    "convert_norm",
    "looks_at_batch",
    "make_norm",
    "modes",
]
