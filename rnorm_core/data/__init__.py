"""Batches and where they come from."""

from rnorm_core.data.batch import Batch, data_hash, image_id

__all__ = ["Batch", "data_hash", "image_id"]
