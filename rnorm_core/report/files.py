"""Results as the content of files."""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from rnorm_core.pixels import eight_bit

Rows = Sequence[Mapping[str, Any]]  # of a table; every row has the keys of the first
Tables = Mapping[str, Rows]


def png(image: Tensor) -> bytes:
    """One image (3, H, W) in [0, 1] as an 8-bit RGB PNG file: every value is rounded to the nearest level k/255.

    So a perturbation of less than half a level is lost, and a larger one changes a little: see `pixels.after_png`.
    ValueError for another shape or values outside [0, 1].
    """
    if image.ndim != 3:
        raise ValueError(f"a PNG is made of one image (3, H, W), not of {tuple(image.shape)}")
    buffer = io.BytesIO()
    Image.fromarray(eight_bit(image).numpy()).save(buffer, format="PNG")
    return buffer.getvalue()


def as_csv(rows: Rows) -> bytes:
    """With a header line. A float is written with six significant digits; None is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows({key: cell(value) for key, value in row.items()} for row in rows)
    return text.getvalue().encode()


def cell(value: Any) -> Any:
    """What the table's file has for a value."""
    return f"{value:.6g}" if isinstance(value, float) else value


def npy(array: Tensor) -> bytes:
    values = array.detach().cpu()
    buffer = io.BytesIO()
    np.save(buffer, (values.float() if values.is_floating_point() else values).numpy(), allow_pickle=False)
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A ZIP file. Equal contents give equal bytes: all entries have one fixed date."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix on every system, for equal bytes
            entry.external_attr = 0o644 << 16
            out.writestr(entry, content)
    return buffer.getvalue()
