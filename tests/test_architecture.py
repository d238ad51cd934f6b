"""The rooms of the house and the one direction between them.

Every check is a function over a folder that returns complaints. So each has two tests: it finds nothing here, and it
finds what was planted in a small tree of its own.
"""

import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A module imports only from the stages to its left. Modules of one stage do not import each other.
STAGES: tuple[tuple[str, ...], ...] = (
    ("errors", "progress"),
    ("norms", "data", "pixels", "home", "replace", "rounding", "versions", "glossary"),
    ("models", "citation"),
    ("weights",),
    ("cards",),
    ("model_names",),
    ("engine",),
    ("zoo", "probes", "attacks"),
    ("shift", "evaluation"),
    ("sanity", "training"),
    ("experiments",),
    ("figures", "report", "jobs"),
    ("classroom",),
    ("ui",),
    ("pages",),
    ("app",),
)
STAGE = {room: number for number, rooms in enumerate(STAGES) for room in rooms}

# Rooms whose commands run on machines that train and measure, with these packages and no others.
LEAN = {"training", "evaluation", "experiments"}
LEAN_NEEDS = {"torch", "numpy", "pyarrow", "PIL", "safetensors"}
PAGE_LINES = 170
FILES = 15  # Python files in a package
# The interface asks for results; it loads no network, runs no attack and measures nothing itself.
COMPUTES = {
    "rnorm_core.zoo": {"load"},
    "rnorm_core.attacks": {"make", "Attack"},
    "rnorm_core.evaluation": {"accuracy", "attack_batch", "predict"},
    "rnorm_core.probes": {"record", "record_each", "statistics", "listening", "patched", "switched"},
    "rnorm_core.sanity": {"examine", "surface", "plant"},
}
PARAMETERS = 7
FILE_BYTES = 10_000_000

# Spelled so that this file does not contain what it looks for.
FORBIDDEN = {
    "a path of one machine": re.compile(r"/wor[k]/|/roo[t]/|/tmp/tea[m]"),
    "a folder outside the checkout": re.compile(r"\.\./share[d]"),
    "a package registry's host": re.compile(r"pyp[i]\.org|pythonhoste[d]\.org|registry\.npm[j]s"),
    "a document that is not in the repository": re.compile(r"\b(?:DESIG[N]|SCIENC[E]|BRIE[F])\.md"),
    "a numbered issue": re.compile(r"\bissu[e]s? *#?\d", re.IGNORECASE),
    "how the code was written": re.compile(
        r"\b(?:AI|coding|language[- ]model) (?:agen[t]|assistan[t])s?\b|\bClaud[e]\b"
    ),
}
# This one file may look for a data set beside the checkout.
MAY_LOOK_OUTSIDE = {".ci/run"}
TEXT = {".py", ".md", ".toml", ".txt", ".json", ".yml", ".yaml", ".cff", ".cfg", ".sh", ""}


# --- reading a source tree -------------------------------------------------------------------------------------------


def sources(root: Path) -> Iterator[Path]:
    """Every Python file of the app: rnorm_core, pages, app.py."""
    for place in ("rnorm_core", "pages"):
        yield from sorted((root / place).rglob("*.py"))
    if (root / "app.py").exists():
        yield root / "app.py"


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """`rnorm_core.data.files` -> `data`, `pages.start` -> `pages`, `rnorm_core` -> ''."""
    first, *rest = module.split(".")
    return (rest[0] if rest else "") if first == "rnorm_core" else first


def imports(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of every import, also inside functions, under TYPE_CHECKING and by import_module.

    `from a import b` yields `a.b`, since b may be a module; the caller looks at the beginning of the name.
    """
    package = module_name(path, root).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def tracked(root: Path) -> list[Path]:
    """The files git would commit: tracked, or new and not ignored. Skips the test outside a git checkout."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git checkout: {error}")
    return sorted({root / name for name in listing.split("\0") if name and (root / name).is_file()})


# --- the checks ------------------------------------------------------------------------------------------------------


def direction(root: Path) -> list[str]:
    """Imports that go right or sideways, and rooms that no stage names."""
    found = []
    for path in sources(root):
        here = room(module_name(path, root))
        where = path.relative_to(root)
        if here and here not in STAGE:
            found.append(f"{where}: no stage names the room {here!r}")
            continue
        for line, name in imports(path, root):
            if name.split(".")[0] not in {"rnorm_core", "pages", "app"}:
                continue
            there = room(name)
            if there == here and here != "pages":
                continue
            # `from rnorm_core import __version__` would name the package itself; nothing needs to.
            if there not in STAGE or STAGE[there] >= STAGE.get(here, -1):
                found.append(f"{where}:{line}: {here or 'rnorm_core'} imports {name}")
    return found


def forbidden_imports(root: Path, places: Iterable[str], names: set[str]) -> list[str]:
    """Imports of `names` (top-level packages) by files whose path starts with one of `places`."""
    return [
        f"{path.relative_to(root)}:{line}: imports {name}"
        for path in sources(root)
        if path.relative_to(root).as_posix().startswith(tuple(places))
        for line, name in imports(path, root)
        if name.split(".")[0] in names
    ]


def streamlit_outside_its_rooms(root: Path) -> list[str]:
    everywhere = forbidden_imports(root, [""], {"streamlit"})
    return [
        found
        for found in everywhere
        if not found.startswith(("pages/", "rnorm_core/ui/", "rnorm_core/ui.py", "app.py"))
    ]


def lean_rooms_need_more(root: Path) -> list[str]:
    """Third-party imports in the lean rooms, also inside functions, beyond the five packages they may use."""
    return [
        f"{path.relative_to(root)}:{line}: imports {name}"
        for path in sources(root)
        if room(module_name(path, root)) in LEAN
        for line, name in imports(path, root)
        if name.split(".")[0] not in LEAN_NEEDS | {"rnorm_core"} | sys.stdlib_module_names
    ]


def interface_computes(root: Path) -> list[str]:
    """Functions of `COMPUTES` that ui or pages import or reach through their module, and networks of a Variant."""
    found = []
    for path in sources(root):
        where = path.relative_to(root)
        if room(module_name(path, root)) not in {"ui", "pages"}:
            continue
        for line, name in imports(path, root):
            module, _, what = name.rpartition(".")
            if what in {
                one for known, names in COMPUTES.items() if f"{module}.".startswith(f"{known}.") for one in names
            }:
                found.append(f"{where}:{line}: imports {name}")
        short = {known.rpartition(".")[2]: names for known, names in COMPUTES.items()}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            base = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            # Images are loaded without a device; a network wants one.
            network = node.func.attr == "load" and bool(node.args) and base not in {"data", "json"}
            if node.func.attr in short.get(base, set()) or network:
                found.append(f"{where}:{node.lineno}: calls {ast.unparse(node.func)}")
    return found


def full_packages(root: Path) -> list[str]:
    folders: dict[Path, int] = {}
    for path in sources(root):
        folders[path.parent] = folders.get(path.parent, 0) + 1
    return [f"{folder.relative_to(root)}: {n} Python files" for folder, n in folders.items() if n > FILES]


def cycles(root: Path) -> list[str]:
    """Modules that import each other, directly or through others; what a package's `__init__` gathers is no cycle."""
    known = {module_name(path, root): path for path in sources(root) if path.name != "__init__.py"}
    edges = {
        name: {other for _, full in imports(path, root) for other in (full, full.rpartition(".")[0]) if other in known}
        for name, path in known.items()
    }
    reach: dict[str, set[str]] = {}
    for name in edges:
        seen, queue = set[str](), list(edges[name])
        while queue:
            if (other := queue.pop()) not in seen:
                seen.add(other)
                queue += edges[other]
        reach[name] = seen
    return sorted(name for name, others in reach.items() if name in others)


def crossed_rooms(root: Path) -> list[str]:
    """Imports between rooms of the interface that go up or sideways: a page's room uses only those that all share."""
    floors = {"keep": -1, "shared": 0, "chart": 1, "settings": 1, "attack_pair": 2, "attack_player": 2}
    found = []
    for path in sources(root):
        parts = module_name(path, root).split(".")
        if parts[:2] != ["rnorm_core", "ui"] or len(parts) < 4:
            continue
        for line, name in imports(path, root):
            other = name.split(".")
            elsewhere = other[:2] == ["rnorm_core", "ui"] and len(other) > 2 and other[2] != parts[2]
            if elsewhere and floors.get(other[2], 3) >= floors.get(parts[2], 3):
                found.append(f"{path.relative_to(root)}:{line}: {parts[2]} imports {name}")
    return found


def long_tuples(root: Path) -> list[str]:
    """Annotations of tuples with more than three values, which have no names: a class says what they are."""
    return [
        f"{path.relative_to(root)}:{node.lineno}: {ast.unparse(node)}"
        for path in sources(root)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Subscript)
        and ast.unparse(node.value) == "tuple"
        and isinstance(node.slice, ast.Tuple)
        and len(node.slice.elts) > 3
    ]


def long_pages(root: Path) -> list[str]:
    counts = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in sorted((root / "pages").glob("*.py"))
    }
    return [f"{path.relative_to(root)}: {n} lines" for path, n in counts.items() if n > PAGE_LINES]


def many_parameters(root: Path) -> list[str]:
    """Functions that a caller may pass more than PARAMETERS values by position, without self and cls."""
    found = []
    for path in sources(root):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
                count = len(names) - (names[:1] in (["self"], ["cls"]))
                if count > PARAMETERS:
                    name = getattr(node, "name", "lambda")
                    found.append(f"{path.relative_to(root)}:{node.lineno}: {name} takes {count} values by position")
    return found


def big_files(files: Iterable[Path]) -> list[str]:
    return [f"{path}: {path.stat().st_size:,} bytes" for path in files if path.stat().st_size >= FILE_BYTES]


def forbidden_words(root: Path, files: Iterable[Path]) -> list[str]:
    found = []
    for path in files:
        where = path.relative_to(root).as_posix()
        if path.suffix not in TEXT:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            for what, pattern in FORBIDDEN.items():
                if pattern.search(line) and not (where in MAY_LOOK_OUTSIDE and what == "a folder outside the checkout"):
                    found.append(f"{where}:{number}: {what}: {line.strip()[:120]}")
    return found


# Runs in a process of its own: the packages named on the command line cannot be imported, then every module of `room`
# (or of all rooms but ui) is imported.
IMPORT_ALL = """
import importlib, importlib.abc, pkgutil, sys
root, wanted, *blocked = sys.argv[1:]
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r} (blocked)", name=name)
sys.meta_path.insert(0, Block())
sys.path.insert(0, root)
def everything(name):
    if name.endswith("__main__") or name == "rnorm_core.ui":
        return
    module = importlib.import_module(name)
    for inner in pkgutil.iter_modules(getattr(module, "__path__", []), name + "."):
        everything(inner.name)
everything(wanted)
"""


def import_without(root: Path, wanted: str, blocked: Iterable[str]) -> str:
    """'' or the last line of the traceback from importing `wanted` and all inside it with `blocked` out of reach."""
    command = [sys.executable, "-c", IMPORT_ALL, str(root), wanted, *sorted(blocked)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    return result.stderr.strip().splitlines()[-1] if result.returncode else ""


def packages_beyond(distributions: Iterable[str]) -> set[str]:
    """Top-level packages installed here that belong to no distribution among `distributions` and their requirements."""

    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    allowed: set[str] = set()
    queue = [plain(name) for name in distributions]
    while queue:
        name = queue.pop()
        if name in allowed:
            continue
        allowed.add(name)
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # required for another platform
            continue
        queue += [plain(re.match(r"[\w.-]+", line)[0]) for line in requires if "extra ==" not in line]
    owners = importlib.metadata.packages_distributions()
    outside = {package for package, by in owners.items() if not {plain(name) for name in by} & allowed}
    return outside - sys.stdlib_module_names - {"rnorm_core"}


# --- this repository -------------------------------------------------------------------------------------------------


def test_imports_go_one_way():
    assert direction(ROOT) == []


def test_pages_use_neither_torch_nor_foolbox():
    assert forbidden_imports(ROOT, ["pages/"], {"torch", "torchvision", "foolbox"}) == []


def test_streamlit_stays_in_its_rooms():
    assert streamlit_outside_its_rooms(ROOT) == []


def test_training_and_evaluation_import_only_what_they_may():
    assert lean_rooms_need_more(ROOT) == []


def test_the_interface_computes_nothing():
    assert interface_computes(ROOT) == []


def test_no_package_is_a_warehouse():
    assert full_packages(ROOT) == []


def test_no_module_imports_itself_through_others():
    assert cycles(ROOT) == []


def test_rooms_of_the_interface_do_not_know_each_other():
    assert crossed_rooms(ROOT) == []


def test_tuples_are_short():
    assert long_tuples(ROOT) == []


def test_pages_are_short():
    assert long_pages(ROOT) == []


def test_functions_take_few_values_by_position():
    assert many_parameters(ROOT) == []


def test_no_big_file():
    assert big_files(tracked(ROOT)) == []


def test_texts_speak_of_the_project_alone():
    assert forbidden_words(ROOT, tracked(ROOT)) == []


def test_the_core_needs_no_streamlit():
    assert import_without(ROOT, "rnorm_core", {"streamlit"}) == ""


@pytest.mark.parametrize("lean", sorted(LEAN))
def test_training_and_evaluation_need_five_packages(lean):
    blocked = packages_beyond(["torch", "numpy", "pyarrow", "pillow", "safetensors"])
    assert {"streamlit", "foolbox", "plotly", "scipy", "torchvision", "huggingface_hub"} <= blocked
    assert import_without(ROOT, f"rnorm_core.{lean}", blocked) == ""


# --- each check can fail ---------------------------------------------------------------------------------------------


def plant(root: Path, files: dict[str, str]) -> Path:
    """Writes the files, and an empty `__init__.py` wherever a package lacks one."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    for folder in {path.parent for path in (root / "rnorm_core").rglob("*.py")} | {root / "rnorm_core"}:
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
    return root


def test_a_tree_in_order_is_accepted(tmp_path):
    plant(
        tmp_path,
        {
            "rnorm_core/errors.py": "import math",
            "rnorm_core/models.py": "from rnorm_core import norms\nfrom rnorm_core.norms import make_norm",
            "rnorm_core/data/files.py": "from rnorm_core.data.batch import Batch\nfrom ..errors import UserError",
            "rnorm_core/ui/sidebar.py": "from . import doors\nimport rnorm_core.jobs",
            "pages/start.py": "from rnorm_core import ui, figures",
            "app.py": "from rnorm_core import ui",
        },
    )
    assert direction(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rnorm_core/norms.py", "import rnorm_core.models"),  # to the right
        ("rnorm_core/norms.py", "from rnorm_core.data import Batch"),  # sideways
        ("rnorm_core/attacks/fgsm.py", "from rnorm_core import zoo"),  # sideways, as a name in the package
        ("rnorm_core/attacks/fgsm.py", "from ..evaluation import wilson"),  # relative
        ("rnorm_core/data/files.py", "from .. import zoo"),  # relative, as a name
        ("rnorm_core/zoo.py", "def load():\n    from rnorm_core.training import recipe"),  # inside a function
        (
            "rnorm_core/zoo.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from rnorm_core.attacks import Trace",
        ),
        ("rnorm_core/zoo.py", "import importlib\nimportlib.import_module('rnorm_core.training')"),
        ("rnorm_core/jobs.py", "from rnorm_core.ui import run"),
        ("rnorm_core/ui/doors.py", "import pages.start"),
        ("pages/start.py", "from pages.craft import show"),  # pages do not know each other
        ("pages/start.py", "import app"),
        ("rnorm_core/__init__.py", "from rnorm_core.models import build"),  # the package loads no room by itself
        ("rnorm_core/utils.py", ""),  # a room without a stage
        ("rnorm_core/models.py", "from rnorm_core.utils import helper"),
    ],
)
def test_direction_can_fail(tmp_path, name, text):
    found = direction(plant(tmp_path, {name: text}))
    assert len(found) == 1, found


def test_forbidden_imports_can_fail(tmp_path):
    plant(
        tmp_path,
        {
            "pages/a.py": "import torch.nn",
            "pages/b.py": "def f():\n    from foolbox import attacks",
            "rnorm_core/c.py": "import torch",
        },
    )
    found = forbidden_imports(tmp_path, ["pages/"], {"torch", "foolbox"})
    assert found == ["pages/a.py:1: imports torch.nn", "pages/b.py:2: imports foolbox.attacks"]


def test_streamlit_in_the_wrong_room_is_found(tmp_path):
    places = ["pages/a.py", "app.py", "rnorm_core/ui/run.py", "rnorm_core/figures.py", "rnorm_core/uinot.py"]
    plant(tmp_path, dict.fromkeys(places, "import streamlit as st"))
    assert [found.split(":")[0] for found in streamlit_outside_its_rooms(tmp_path)] == [
        "rnorm_core/figures.py",
        "rnorm_core/uinot.py",
    ]


def test_a_lean_room_needing_more_is_found(tmp_path):
    plant(
        tmp_path,
        {
            "rnorm_core/training/loop.py": "import torch, json\nfrom PIL import Image\ndef f():\n    import tqdm",
            "rnorm_core/evaluation/paired.py": "import scipy.stats",
            "rnorm_core/zoo.py": "import tqdm",
        },
    )
    assert lean_rooms_need_more(tmp_path) == [
        "rnorm_core/evaluation/paired.py:1: imports scipy.stats",
        "rnorm_core/training/loop.py:4: imports tqdm",
    ]


def test_an_interface_that_computes_is_found(tmp_path):
    plant(
        tmp_path,
        {
            "pages/a.py": "from rnorm_core import data, zoo\nzoo.load('x')\ndata.load('cifar10')\nzoo.card('x')",
            "rnorm_core/ui/craft/view.py": "from rnorm_core.attacks import make\nimport math",
            "rnorm_core/ui/shift/view.py": "def f(side, choice):\n    choice.load()\n    return side.load('cpu')",
            "rnorm_core/experiments/shift_sweep.py": "from rnorm_core import zoo\nzoo.load('x')",
        },
    )
    assert interface_computes(tmp_path) == [
        "rnorm_core/ui/craft/view.py:1: imports rnorm_core.attacks.make",
        "rnorm_core/ui/shift/view.py:3: calls side.load",
        "pages/a.py:2: calls zoo.load",
    ]


def test_a_warehouse_is_found(tmp_path):
    names = [f"rnorm_core/{package}/m{i}.py" for package, n in (("full", FILES), ("fine", FILES - 1)) for i in range(n)]
    plant(tmp_path, dict.fromkeys(names, ""))  # and an `__init__` in each
    assert full_packages(tmp_path) == [f"rnorm_core/full: {FILES + 1} Python files"]


def test_a_cycle_is_found(tmp_path):
    plant(
        tmp_path,
        {
            "rnorm_core/attacks/attack.py": "from rnorm_core.attacks.best import beats",
            "rnorm_core/attacks/best.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from rnorm_core.attacks.attack import View",
            "rnorm_core/attacks/noise.py": "from rnorm_core.attacks.attack import Attack",
        },
    )
    assert cycles(tmp_path) == ["rnorm_core.attacks.attack", "rnorm_core.attacks.best"]


def test_a_room_that_looks_into_another_is_found(tmp_path):
    plant(
        tmp_path,
        {
            "rnorm_core/ui/shift/view.py": "from rnorm_core.ui.craft import words\nimport rnorm_core.ui.settings",
            "rnorm_core/ui/settings/pair.py": "from rnorm_core.ui.shared import guard",
            "rnorm_core/ui/shared/guard.py": "from rnorm_core.ui.settings import pair",
            "rnorm_core/ui/router.py": "from rnorm_core.ui.shared import guard",
        },
    )
    assert crossed_rooms(tmp_path) == [
        "rnorm_core/ui/shared/guard.py:1: shared imports rnorm_core.ui.settings.pair",
        "rnorm_core/ui/shift/view.py:1: shift imports rnorm_core.ui.craft.words",
    ]


def test_a_long_tuple_is_found(tmp_path):
    text = "def f() -> tuple[int, int, int]: ...\ndef g(x: dict[str, tuple[int, str, int, ...]]): ..."
    plant(tmp_path, {"rnorm_core/zoo.py": text})
    assert long_tuples(tmp_path) == ["rnorm_core/zoo.py:2: tuple[int, str, int, ...]"]


def test_a_long_page_is_found(tmp_path):
    plant(tmp_path, {"pages/a.py": "x = 1\n" * PAGE_LINES, "pages/b.py": "x = 1\n" * (PAGE_LINES - 1)})
    assert long_pages(tmp_path) == [f"pages/a.py: {PAGE_LINES + 1} lines"]


def test_many_parameters_are_found(tmp_path):
    text = """
def enough(a, b, c, d, e, f, g, *more, h, i, **others): pass
def many(a, b, c, d, /, e, f, g, h): pass
class A:
    def enough(self, a, b, c, d, e, f, g): pass
    async def many(cls, a, b, c, d, e, f, g, h=1): pass
"""
    plant(tmp_path, {"rnorm_core/zoo.py": text})
    assert [found.rpartition(": ")[2] for found in many_parameters(tmp_path)] == ["many takes 8 values by position"] * 2


def test_a_big_file_is_found(tmp_path):
    small, big = tmp_path / "small", tmp_path / "big"
    small.write_bytes(bytes(FILE_BYTES - 1))
    big.write_bytes(bytes(FILE_BYTES))
    assert [found.split(":")[0] for found in big_files([small, big])] == [str(big)]


def test_untracked_and_ignored_files(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("ignored\n")
    (tmp_path / "new").touch()
    (tmp_path / "ignored").touch()
    assert [path.name for path in tracked(tmp_path)] == [".gitignore", "new"]


@pytest.mark.parametrize(
    "line",
    [
        "data lies in /wor" + "k/main",
        "cd ../share" + "d/x",
        "pip install -i https://pyp" + "i.org/simple",
        "see DESIG" + "N.md",
        "closes issu" + "e 2",
        "written by an AI agen" + "t",
    ],
)
def test_forbidden_words_are_found(tmp_path, line):
    (tmp_path / "notes.md").write_text(f"fine\n{line}\n")
    assert [found.split(":")[:2] for found in forbidden_words(tmp_path, [tmp_path / "notes.md"])] == [["notes.md", "2"]]


def test_only_the_ci_script_may_look_outside(tmp_path):
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/run").write_text("ls ../share" + "d/x\n")
    assert forbidden_words(tmp_path, [tmp_path / ".ci/run"]) == []
    (tmp_path / ".ci/run").write_text("ls /wor" + "k/x\n")
    assert len(forbidden_words(tmp_path, [tmp_path / ".ci/run"])) == 1


def test_a_blocked_import_is_found(tmp_path):
    plant(
        tmp_path,
        {
            "rnorm_core/figures.py": "import plotly.graph_objects",
            "rnorm_core/ui/run.py": "import streamlit",
            "rnorm_core/training/loop.py": "import numpy",
        },
    )
    assert import_without(tmp_path, "rnorm_core", {"streamlit"}) == ""
    assert "'plotly'" in import_without(tmp_path, "rnorm_core", {"plotly"})
    assert "'numpy'" in import_without(tmp_path, "rnorm_core.training", {"numpy"})


def test_requirements_of_the_allowed_are_allowed():
    beyond = packages_beyond(["torch"])
    assert "pytest" in beyond
    assert not {"torch", "sympy", "jinja2", "mpmath"} & beyond


def test_no_page_hides_a_module_of_the_standard_library():
    # Where a page runs alone its folder comes first among the places that Python imports from.
    assert {path.stem for path in (ROOT / "pages").glob("*.py")}.isdisjoint(sys.stdlib_module_names)
