"""Results that are shipped: those of the requests with which pages begin, so that a page shows them at once.

`pretrained/defaults/<name>.zip` holds one result in three members: `about.json` (the request with the hashes of its
weights, the images' ids, versions, a checksum), `result.json` and `tensors.safetensors`. A file for other weights or
other images is ignored; a damaged one is a UserError. No file holds an image: a result's batch is loaded again, and of
an attacked image only the perturbation is stored.

`python -m rnorm_core.experiments.precompute.defaults` writes the files. To ship the result of another experiment, add
its classes to `packing.CLASSES` and its request to `defaults.DEFAULTS`.
"""

from typing import Any

from rnorm_core.experiments.shipped.defaults import DEFAULTS
from rnorm_core.experiments.shipped.files import Default, find, path_of, to_bytes

__all__ = ["DEFAULTS", "Default", "find", "path_of", "result", "to_bytes"]


def result(request: Any) -> Any:
    """The shipped result of this request; None if there is none. UserError if its file is damaged."""
    found = (find(default, request) for default in DEFAULTS.get(type(request), ()))
    return next((one for one in found if one is not None), None)
