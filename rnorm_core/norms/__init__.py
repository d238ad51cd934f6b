"""Normalization layers that differ only in the source of their statistics; see `layers` for their common interface."""

from rnorm_core.norms.convert import batch_statistics, convert_norm, make_norm, straight_through
from rnorm_core.norms.layers import BatchNorm2d, DualBatchNorm2d, GroupNorm, NoNorm, RobustNorm2d
from rnorm_core.norms.names import (
    BRANCHES,
    DEFAULT_POWER,
    EPS,
    MEDIAN,
    MODES,
    NORM_NAMES,
    NORMS,
    STATISTICS,
    all_modes,
    looks_at_batch,
    modes,
)

__all__ = [
    "BRANCHES",
    "DEFAULT_POWER",
    "EPS",
    "MEDIAN",
    "MODES",
    "NORMS",
    "NORM_NAMES",
    "STATISTICS",
    "BatchNorm2d",
    "DualBatchNorm2d",
    "GroupNorm",
    "NoNorm",
    "RobustNorm2d",
    "all_modes",
    "batch_statistics",
    "convert_norm",
    "looks_at_batch",
    "make_norm",
    "modes",
    "straight_through",
]
