"""Writes the results with which pages begin: `python -m rnorm_core.experiments.precompute.defaults`.

About half a minute of one CPU core. Run it again when weights or experiments have changed. `pretrained/defaults/` holds
one file per result; see `rnorm_core.experiments.shipped`.
"""

import argparse
from collections.abc import Sequence

import torch

from rnorm_core.errors import one_line_errors
from rnorm_core.experiments.shipped import DEFAULTS, path_of, to_bytes


def write(names: Sequence[str] = ()) -> None:
    """Computes these default results, by default all, and writes their files."""
    for default in (default for defaults in DEFAULTS.values() for default in defaults):
        if names and default.name not in names:
            continue
        path = path_of(default)
        path.parent.mkdir(exist_ok=True)
        content = to_bytes(default, default.run(default.request()))
        path.write_bytes(content)
        print(f"{path}: {len(content):,} bytes")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.experiments.precompute.defaults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="files to write, without .zip; default: all")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads, default 1, as in the app")
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    with one_line_errors():
        write(options.names)


if __name__ == "__main__":
    main()
