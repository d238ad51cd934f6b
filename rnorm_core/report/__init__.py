"""Results as files. Nothing is measured here: every number comes from a result, or from a shipped table.

`png`, `as_csv`, `npy` and `zipped` make contents of files, `archive` a ZIP file that repeats an attack. `bundle` is
what somebody takes home from a page: its figures, its numbers, its images, and a script that gets the same numbers.
"""

from rnorm_core.report.attack_files import ARRAYS, FORMAT, archive
from rnorm_core.report.bundle import bundle
from rnorm_core.report.compare import compare
from rnorm_core.report.files import Rows, Tables, as_csv, npy, png, zipped
from rnorm_core.report.sources import Source

__all__ = [
    "ARRAYS", "FORMAT", "Rows", "Source", "Tables", "archive", "as_csv", "bundle", "compare", "npy", "png", "zipped",
]  # fmt: skip
