"""The files around the code agree with each other: README, Dockerfile, Makefile, requirements, .ci/run, the theme."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
import yaml
from packaging.specifiers import SpecifierSet
from PIL import Image

from rnorm_core import models, weights
from rnorm_core.data import CLASSES

ROOT = Path(__file__).resolve().parent.parent
SPACE_COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """(instruction, arguments) in order, comments dropped, continued lines joined."""
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())
    ]


def only(docker: list[tuple[str, str]], instruction: str) -> str:
    arguments = [rest for word, rest in docker if word == instruction]
    assert len(arguments) == 1, f"{instruction}: {arguments}"
    return arguments[0]


def copies(docker: list[tuple[str, str]]) -> list[str]:
    """Every source of every COPY."""
    words = (rest.split() for instruction, rest in docker if instruction == "COPY")
    return [word for line in words for word in line[:-1] if not word.startswith("--")]


def readme_front_matter(readme: str) -> dict:
    _, block, _ = readme.split("---\n", 2)
    return yaml.safe_load(block)


def requirements(text: str) -> dict[str, str]:
    """Name -> bounds, comments and `-r` lines dropped."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    matches = (
        re.fullmatch(r"([\w-]+)(?:\[[\w,]+\])?(.*)", line) for line in lines if line and not line.startswith("-")
    )
    return {match[1].lower(): match[2] for match in matches if match}


def make_targets(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


DOCKER = instructions(read("Dockerfile"))
README = read("README.md")
DOCS = "\n".join([README, *(path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md")))])
FRONT = readme_front_matter(README)


# --- the container ---------------------------------------------------------------------------------------------------


def test_one_port():
    shell, _, line = json.loads(only(DOCKER, "CMD"))
    assert shell == "sh"
    command = line.split()
    assert command[:2] == ["exec", "python"]  # not a child of the shell, which would not pass a stop on
    port = next(word.split("=")[1] for word in command if word.startswith("--server.port="))
    assert {int(port), int(only(DOCKER, "EXPOSE")), FRONT["app_port"]} == {7860}
    assert f":{port}/_stcore/health" in only(DOCKER, "HEALTHCHECK")


def test_the_container_runs_as_user_1000():
    assert only(DOCKER, "USER") == "1000"
    assert any(word == "RUN" and "useradd" in rest and "--uid 1000" in rest for word, rest in DOCKER)
    order = [word for word, _ in DOCKER]
    assert order.index("USER") < order.index("CMD")


def test_everything_copied_exists_and_is_not_ignored():
    kept = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
    sources = copies(DOCKER)
    assert {"app.py", "pages", "rnorm_core", "pretrained", "requirements.lock", "torch.lock", ".streamlit"} <= set(
        sources
    )
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert set(sources) == kept


def test_the_image_is_exact():
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", only(DOCKER, "FROM"))


def test_torch_and_torchvision_come_from_one_index():
    assert only(DOCKER, "ARG") == "TORCH_INDEX=https://download.pytorch.org/whl/cpu"
    [install] = [rest for word, rest in DOCKER if word == "RUN" and "torch.lock" in rest]
    assert install == 'pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} -r torch.lock'
    assert set(requirements(read("torch.lock"))) == {"torch", "torchvision"}


def test_every_other_package_is_installed_by_its_hash():
    assert ("RUN", "pip install --require-hashes --no-deps -r requirements.lock") in DOCKER
    lines = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", read("requirements.lock"), flags=re.MULTILINE)).splitlines()
    assert len(lines) > 40
    assert [line for line in lines if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []


def test_the_locks_hold_every_requirement_within_its_bounds():
    locked = requirements(re.sub(r"\\|--hash\S+", "", read("requirements.lock")) + read("torch.lock"))
    outside = {
        name: locked.get(name.replace("_", "-"))
        for name, bounds in requirements(read("requirements.txt")).items()
        if not SpecifierSet(bounds).contains(locked.get(name.replace("_", "-"), "==0").removeprefix("=="))
    }
    assert outside == {}


def test_layers_go_from_what_changes_least_and_belong_to_root():
    order = copies(DOCKER)
    assert order[:2] == ["requirements.lock", "torch.lock"]
    assert order[-2:] == ["pages", "rnorm_core"]
    assert "chown" not in read("Dockerfile")


def test_uploads_are_protected_everywhere_and_only_a_space_needs_a_cookie_for_frames():
    assert only(DOCKER, "CMD").endswith(' ${SPACE_ID:+--server.xsrfCookieSameSite=none}"]')
    assert "Xsrf" not in read(".streamlit/config.toml") + read("Makefile") + read("Dockerfile")


def test_the_space():
    assert (FRONT["sdk"], FRONT["license"]) == ("docker", "mit")
    assert {FRONT["colorFrom"], FRONT["colorTo"]} <= SPACE_COLOURS
    assert FRONT["title"]
    assert FRONT["emoji"]
    assert len(FRONT["short_description"]) <= 60
    assert "hf upload" in README


def test_the_readers_can_fail():
    docker = instructions("# EXPOSE 1\nFROM a\nRUN one \\\n    two\nCOPY --chown=x a b ./\n")
    assert docker == [("FROM", "a"), ("RUN", "one      two"), ("COPY", "--chown=x a b ./")]
    assert copies(docker) == ["a", "b"]
    with pytest.raises(AssertionError, match="EXPOSE"):
        only(docker, "EXPOSE")
    assert requirements("-r other.txt\n# no\nPyYAML>=6,<7  # why\npyright[nodejs]==1\n") == {
        "pyyaml": ">=6,<7",
        "pyright": "==1",
    }
    assert make_targets("app: x\n\ty: no\n$(VENV)/.app: z\n") == {"app"}


# --- make, README, .ci/run -------------------------------------------------------------------------------------------


def test_readme_names_only_targets_that_exist():
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", DOCS, re.MULTILINE))
    assert {"app", "test"} <= named <= make_targets(read("Makefile"))


def test_ci_calls_the_readmes_test_command():
    called = re.search(r"^make (.*)", read(".ci/run"), re.MULTILINE)
    assert called
    assert {"lint", "types", "test"} <= set(called[1].split())
    assert (ROOT / ".ci/run").stat().st_mode & 0o100, "not executable"
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True)


def test_make_knows_what_to_do_without_doing_it(tmp_path):
    for target in ("app", "dev", "test", "lint", "types", "slow"):
        command = ["make", "--no-print-directory", "--dry-run", target, f"VENV={tmp_path}/venv"]
        # This may itself run under make, whose flags are not meant for it.
        surroundings = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        result = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=True)
        plan = result.stdout
        last = plan.strip().splitlines()[-1]
        assert plan.index("-m venv") < plan.index("pip install -r requirements.txt") < plan.index(last)
        assert f"{tmp_path}/venv/bin/python -m" in last
    assert not (tmp_path / "venv").exists()


def test_files_the_readme_names_exist():
    named = re.findall(r"`([\w./-]+\.(?:py|txt|cff|toml))`|`(\.ci/run|Dockerfile|LICENSE)`", DOCS)
    missing = [a or b for a, b in named if not (ROOT / (a or b)).exists()]
    assert named
    assert missing == []


@pytest.mark.skipif(not (ROOT / "docs").exists(), reason="the screenshots have not been made")
def test_pictures_of_the_readme_exist():
    assert [name for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README) if not (ROOT / name).exists()] == []


@pytest.fixture
def pictures(tmp_path) -> Path:
    """The folder that the README's examples run in: `pictures` holds four images of each class of CIFAR-10."""
    for number, kind in enumerate(CLASSES["cifar10"]):
        (tmp_path / "pictures" / kind).mkdir(parents=True)
        for shade in range(4):
            image = Image.new("RGB", (40, 36), (25 * number, 60 * shade, 128))
            image.save(tmp_path / "pictures" / kind / f"{shade}.png")
    return tmp_path


@pytest.mark.parametrize("name", re.findall(r"`([a-z0-9_]+)`", DOCS.split("fits the app's 10 MB")[1].split(")")[0]))
def test_networks_of_the_readme_fit_the_limit(name):
    with torch.device("meta"):
        model = models.build(f"torchvision:{name}", "rn")
    header = 0.02 * weights.MAX_BYTES  # more than enough
    assert sum(tensor.nbytes for tensor in model.state_dict().values()) + header < weights.MAX_BYTES


@pytest.mark.skipif(not list((ROOT / "pretrained").glob("*rn.json")), reason="no trained network is in pretrained/")
@pytest.mark.parametrize(
    "code", re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL), ids=lambda code: code.split("\n")[0]
)
def test_examples_of_the_readme_run(code, pictures):
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=pictures, env=surroundings, capture_output=True, text=True, timeout=200,
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout


# --- requirements ----------------------------------------------------------------------------------------------------


def test_every_requirement_is_bounded():
    files = ("requirements.txt", "requirements-dev.txt", "requirements-peers.txt")
    for name, bounds in [pair for file in files for pair in requirements(read(file)).items()]:
        assert "==" in bounds or (">=" in bounds and "<" in bounds), f"{name}{bounds}"


def test_the_library_and_the_app_agree_on_versions():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    library = {
        name: bounds for line in lines for name, bounds in requirements(line).items() if name != "robustnorm-lab"
    }
    assert library == requirements(read("requirements.txt"))


def test_the_environment_of_the_peers_has_the_same_versions_and_no_streamlit():
    peers, here = (requirements(read(f"requirements{which}.txt")) for which in ("-peers", ""))
    here |= requirements(read("requirements-dev.txt"))
    assert set(peers) - set(here) == {"torchattacks", "adversarial-robustness-toolbox"}
    assert {name: here[name] for name in set(peers) & set(here)}.items() <= peers.items()
    assert "streamlit" not in peers


def test_the_library_needs_no_streamlit():
    dependencies = tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]
    assert set(requirements("\n".join(dependencies))) == {"torch", "numpy", "pyarrow", "pillow", "safetensors"}


# --- the look --------------------------------------------------------------------------------------------------------


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two #RRGGBB colours, 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_defined():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_the_theme():
    config = tomllib.loads(read(".streamlit/config.toml"))
    assert config["browser"]["gatherUsageStats"] is False
    assert config["server"]["maxUploadSize"] == 10
    assert config["server"]["fileWatcherType"] == "none"
    assert "--server.fileWatcherType auto" in read("Makefile")
    assert "http" not in read(".streamlit/config.toml"), "a theme may not fetch anything"
    assert config["theme"]["chartCategoricalColors"][:4] == ["#0072B2", "#D55E00", "#009E73", "#CC79A7"]
    assert len(config["theme"]["chartDivergingColors"]) == 10
    for theme in (config["theme"]["light"], config["theme"]["dark"]):
        assert len(theme["chartSequentialColors"]) == 10
        background = theme["backgroundColor"]
        assert contrast(theme["textColor"], background) >= 7
        assert contrast(theme["linkColor"], background) >= 4.5
        assert contrast(theme["primaryColor"], background) >= 4.5
        for colour in config["theme"]["chartCategoricalColors"][:4]:
            assert contrast(colour, background) >= 3


def test_streamlit_knows_every_option(tmp_path):
    # An unknown or misplaced option is only logged by Streamlit.
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit/config.toml").write_text(read(".streamlit/config.toml"), encoding="utf-8")
    command = [sys.executable, "-m", "streamlit", "config", "show"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert "not a valid config option" not in shown.stdout + shown.stderr


def test_the_favicon_is_small_and_local():
    path = ROOT / "rnorm_core/ui/shared/favicon.png"
    assert path.stat().st_size < 10_000
    with Image.open(path) as icon:
        assert icon.size == (64, 64)
