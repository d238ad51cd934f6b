"""Batches of images and their sources."""

from rnorm_core.data.batch import Batch, data_hash, image_id, kept_and_held
from rnorm_core.data.choice import ImageChoice
from rnorm_core.data.classes import CLASSES, SUPERCLASSES, class_title
from rnorm_core.data.corruptions import CATALOGUE as CORRUPTIONS
from rnorm_core.data.corruptions import SEVERITIES, Corruption, corrupt
from rnorm_core.data.files import Source
from rnorm_core.data.hub import fetch
from rnorm_core.data.sources import available, load, of_ids, pick, samples
from rnorm_core.data.uploads import upload

__all__ = [
    "CLASSES",
    "CORRUPTIONS",
    "SEVERITIES",
    "SUPERCLASSES",
    "Batch",
    "Corruption",
    "ImageChoice",
    "Source",
    "available",
    "class_title",
    "corrupt",
    "data_hash",
    "fetch",
    "image_id",
    "kept_and_held",
    "load",
    "of_ids",
    "pick",
    "samples",
    "upload",
]
