"""Where numbers come from: an experiment that can be run again, or the tables that come with the library.

A page makes a Source in every run, so a Source computes nothing before somebody asks for its files.
"""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from rnorm_core.report.files import Rows, Tables
from rnorm_core.report.script import Lines, as_json, variants_of, written
from rnorm_core.zoo import Variant

if TYPE_CHECKING:
    from rnorm_core.data import Batch

Images = Mapping[str, Tensor]  # (3, H, W) in [0, 1], by name


@dataclass(frozen=True, eq=False)
class Source:
    """Numbers, and how to get them again.

    name:     of its files; sources of one name are the same.
    tables:   the numbers. images: pictures that belong to them.
    lines:    of a script that gets the numbers and compares them. settings: what was chosen, as JSON.
    variants: the networks.
    """

    name: str
    tables: Callable[[], Tables]
    lines: Callable[[], Lines]
    settings: Any
    variants: Sequence[Variant] = ()
    images: Callable[[], Images] = dict


def experiment(
    name: str, result: Any, *, batch: "Batch | None" = None, images: Callable[[], Images] = dict, **options: Any
) -> Source:
    """The result of an experiment, whole or in part. batch: its images, where `run` takes them. options: see `tables`.

    images: pictures to keep. If `batch` is somebody's own picture, "clean" has to be among them.
    """

    def tables() -> Tables:
        from rnorm_core.report import numbers  # all experiments, which a page that nobody keeps does not need

        return numbers.tables(result, **options)

    def lines() -> Lines:
        from rnorm_core.report import numbers

        imports = {"from rnorm_core import report", "from rnorm_core.report import numbers"}
        run = numbers.EXPERIMENTS[type(result)].run
        code = f"request = {written(result.request, imports)}\n"
        code += "" if batch is None else f"batch = {_batch(batch, imports)}\n"
        code += f"result = {run}\n{_compared(name, f'numbers.tables(result{_options(options, imports)})')}"
        return Lines(code, frozenset(imports))

    settings = {**as_json(result.request), **as_json_options(options)}
    return Source(name, tables, lines, settings, variants_of(result.request), images)


def shipped(name: str, of: str, *, command: str = "", **arguments: Any) -> Source:
    """Numbers of `numbers.shipped.<of>(**arguments)`. command: measures them again."""

    def tables() -> Tables:
        from rnorm_core.report.numbers import shipped

        return getattr(shipped, of)(**arguments)

    def lines() -> Lines:
        imports = {"from rnorm_core import report", "from rnorm_core.report.numbers import shipped"}
        call = f"shipped.{of}({_options(arguments, imports).removeprefix(', ')})"
        return Lines(_measured_by(command) + _compared(name, call), frozenset(imports))

    return Source(name, tables, lines, as_json_options(arguments), variants_of(tuple(arguments.values())))


def shares(name: str, rows: Callable[[], Rows], variants: Sequence[Variant], command: str = "") -> Source:
    """Measured shares, as `numbers.shares.row` gives them; a script finds them by their conditions."""
    imports = frozenset({"from rnorm_core import report", "from rnorm_core.report.numbers import shares"})
    code = _measured_by(command) + _compared(name, f'shares.again(__file__, "{name}")')
    return Source(name, lambda: {"shares": rows()}, lambda: Lines(code, imports), {}, variants)


def named(name: str, part: Any) -> Source:
    """The values of a part of a lesson, `part.values()`."""

    def tables() -> Tables:
        from rnorm_core.report.numbers.parts import named

        return named(part.values())

    def lines() -> Lines:
        imports = {"from rnorm_core import report", "from rnorm_core.report.numbers.parts import named"}
        code = f"part = {written(part, imports)}\n{_compared(name, 'named(part.values())')}"
        return Lines(code, frozenset(imports))

    return Source(name, tables, lines, as_json(part), variants_of(part))


def as_json_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: as_json(value) for key, value in options.items()}


def _compared(name: str, tables: str) -> str:
    line = f'report.compare(__file__, "{name}", {tables})'
    return line if len(line) <= 118 else f'tables = {tables}\nreport.compare(__file__, "{name}", tables)'


def _options(options: Mapping[str, Any], imports: set[str]) -> str:
    return "".join(f", {key}={written(value, imports)}" for key, value in options.items())


def _measured_by(command: str) -> str:
    if not command:
        return ""
    lines = "\n".join(command.splitlines())
    return f"# The tables were measured, and are measured again, by\n{textwrap.indent(lines, '#   ')}\n"


def _batch(batch: "Batch", imports: set[str]) -> str:
    imports.add("from rnorm_core import data")
    if not batch.source.startswith("upload"):
        return f'data.of_ids("{batch.dataset}", request.ids)'
    imports.add("from pathlib import Path")
    label = int(batch.labels[0])
    picture = 'Path(__file__).with_name("images") / "clean.png"'
    name = written(batch.source.removeprefix("upload: "), imports)
    return f'data.upload(({picture}).read_bytes(), {name}, {None if label < 0 else label}, "{batch.dataset}")'
