"""Python that makes an object of this library again, and scripts of it."""

import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from rnorm_core import zoo
from rnorm_core.zoo import Variant

EXPERIMENTS = "rnorm_core.experiments."


@dataclass(frozen=True)
class Lines:
    """Lines of a script, without its imports; and these, each as a line."""

    code: str
    imports: frozenset[str]


def written(value: Any, imports: set[str]) -> str:
    """An expression whose value equals `value`; adds what it needs to `imports`."""
    if isinstance(value, Variant):
        imports.add("from rnorm_core.zoo import Variant")
        return f"Variant.of({written(value.model, imports)}, {written(value.statistics, imports)})"
    if is_dataclass(value) and not isinstance(value, type):
        given = [
            (f.name, getattr(value, f.name)) for f in fields(value) if f.init and getattr(value, f.name) != f.default
        ]
        return f"{_name(type(value), imports)}({_arguments(given, imports)})"
    if isinstance(value, tuple | list) and any(is_dataclass(one) for one in value):
        parts = "".join(f"\n{written(one, imports)}," for one in value)
        return f"[{_indented(parts)}\n]" if isinstance(value, list) else f"({_indented(parts)}\n)"
    text = repr(value)
    return f'"{text[1:-1]}"' if isinstance(value, str) and '"' not in text else text


def script(parts: Iterable[Lines], about: str) -> str:
    """One script of these parts. about: what it does, as a sentence."""
    parts, names = list(parts), dict[str, list[str]]()
    for line in sorted({line for part in parts for line in part.imports}):
        module, name = line.removeprefix("from ").split(" import ")
        names.setdefault(module, []).append(name)
    ours = [f"from {module} import {', '.join(some)}" for module, some in names.items()]
    code = "\n\n".join(part.code for part in parts)
    return "\n\n".join([f'"""{textwrap.fill(about, 116)}"""', "\n".join(ours), code]) + "\n"


def brought(variants: Iterable[Variant]) -> Lines:
    """Brings uploaded networks, from files beside the script; no lines where there are none."""
    code, cards = [], {v.model: zoo.card(v.model) for v in variants if zoo.is_brought(v.model)}
    for card in cards.values():
        shape = {key: getattr(card, key) for key in ("architecture", "norm", "power", "width", "dataset")}
        arguments = ", ".join(f"{key}={written(value, set())}" for key, value in shape.items())
        file = card.recipe["file"]
        name = written(file, set())
        code.append(f"zoo.bring(Path({name}).read_bytes(), {name}, {arguments})")
    imports = {"from pathlib import Path", "from rnorm_core import zoo"} if code else set()
    code = ["# Weights of your own: put these files beside this script.", *code] if code else []
    return Lines("\n".join(code), frozenset(imports))


def variants_of(value: Any) -> list[Variant]:
    """The networks in a request, each once."""
    if isinstance(value, Variant):
        return [value]
    inside: list[Any] = []
    if is_dataclass(value) and not isinstance(value, type):
        inside = [getattr(value, f.name) for f in fields(value)]
    elif isinstance(value, tuple | list):
        inside = list(value)
    return list(dict.fromkeys(variant for one in inside for variant in variants_of(one)))


def as_json(value: Any) -> Any:
    """A request as JSON: what it is, and its fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in fields(value)}
    return [as_json(one) for one in value] if isinstance(value, tuple | list) else value


def _name(kind: type, imports: set[str]) -> str:
    """The name of a class in the script: of an experiment's with its module, of others alone."""
    module = kind.__module__.removesuffix(".types")
    if module.startswith(EXPERIMENTS):
        package, _, last = module.rpartition(".")
        imports.add(f"from {package} import {last}")
        return f"{last}.{kind.__name__}"
    parts = module.split(".")
    packages = (".".join(parts[:count]) for count in range(2, len(parts) + 1))
    room = next(one for one in packages if getattr(sys.modules.get(one), kind.__name__, None) is kind)
    imports.add(f"from {room} import {kind.__name__}")
    return kind.__name__


def _arguments(given: list[tuple[str, Any]], imports: set[str]) -> str:
    texts = [f"{name}={written(value, imports)}" for name, value in given]
    line = ", ".join(texts)
    if len(line) < 72 and "\n" not in line:
        return line
    return _indented("".join(f"\n{text}," for text in texts)) + "\n"


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")
