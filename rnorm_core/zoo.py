"""The shipped models: a card, the weights it vouches for, and a frozen network made of both.

`pretrained/<name>.json` is the card, `pretrained/<name>.safetensors` the weights, and
`pretrained/<name>.population.safetensors` what arrives at the norm layers when the training images run through. A
file that does not match its card is refused; no pickle is ever read. Models of one's own are brought as bytes.
"""

import copy
import hashlib
import json
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as write_safetensors
from torch import Tensor, nn

from rnorm_core import models, norms, weights
from rnorm_core.cards import Card, read_card
from rnorm_core.data import CLASSES
from rnorm_core.errors import UserError
from rnorm_core.replace import put

DIRECTORY = Path(__file__).resolve().parent.parent / "pretrained"


def names() -> list[str]:
    """Names of all models that have a card, sorted."""
    return sorted(path.stem for path in DIRECTORY.glob("*.json") if path.with_suffix(".safetensors").exists())


def plain(dataset: str, norm: str) -> str:
    """Name of the network that all others of the data set with this norm are variations of, whether it is there or not.

    Those of two norms differ in the norm alone, and the one without a norm in what it needs to train.
    """
    return f"{dataset}-resnet20-{norm}"


def halves() -> list[UserError]:
    """What is wrong with files that lie among the models and are none: a card alone, or weights alone."""
    cards, tensors = ({path.stem for path in DIRECTORY.glob(f"*.{kind}")} for kind in ("json", "safetensors"))
    fix = "restore it from the repository, or train the model anew."
    missing = [f"{name}.safetensors" for name in cards - tensors]
    missing += [f"{name}.json" for name in tensors - cards if not name.endswith(".population")]
    return [UserError(f"Of the model {Path(file).stem} the file {file} is missing.", fix) for file in sorted(missing)]


def card(name: str) -> Card:
    """The card of a model, shipped or brought; UserError if there is none or if it is not sound."""
    if brought := _brought.get(name):
        return brought.card
    path = _existing(name).with_suffix(".json")
    return _card(path, stamp(path))


@lru_cache(maxsize=256)
def _card(path: Path, stamp: tuple[int, int]) -> Card:
    """Read and checked once per file content: a page asks for all cards, and for some of them many times."""
    return read_card(path)


def stamp(path: Path) -> tuple[int, int]:
    """Of a file: another stamp is another content."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def load(
    name: str, statistics: str | None = None, device: torch.device | str | None = None, *, fold: bool = False
) -> nn.Module:
    """A frozen network of one's own, in eval mode: images (N, 3, 32, 32) in [0, 1] -> logits (N, classes).

    `statistics` is one of the `norms.modes` of its norm, by default the first. Nothing is shared with other callers.
    `fold` moves norms with population statistics into their convolutions (faster, equal up to rounding); other modes
    have nothing to fold. Carries `.name`, `.statistics` and `.weight_hash`.
    UserError for an unknown name or mode, or a file that does not match its card.
    """
    known = norms.modes(card(name).norm)
    statistics = known[0] if statistics is None else statistics
    if statistics not in known:
        raise UserError(f"{name} has no statistics mode {statistics!r}.", f"choose one of {', '.join(known)}.")
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    how = statistics, device, fold and not norms.looks_at_batch(statistics)
    if brought := _brought.get(name):
        return copy.deepcopy(_prototype_of(brought, *how))
    path = _existing(name)
    return copy.deepcopy(_prototype(path, (stamp(path.with_suffix(".json")), stamp(path)), *how))


@lru_cache(maxsize=64)
def _prototype(path: Path, stamp: tuple, statistics: str, device: torch.device, fold: bool) -> nn.Module:
    """Read, verified and folded once per file content; nobody but `load` touches it."""
    read = read_card(path.with_suffix(".json"))
    return _placed(assemble(read, _verified(path, read.sha256), statistics), device, fold)


def _placed(model: nn.Module, device: torch.device, fold: bool) -> nn.Module:
    model = models.fold(model) if fold else model
    return model.to(device, memory_format=models.fastest_layout(model))  # pyright: ignore[reportCallIssue]  (not in torch's stub)


# --- brought models: known by name to whoever brought them, listed to nobody

SPREADS = ("running_var", "running_range")  # ends of keys
MAX_BROUGHT = 128  # of a class of thirty, four each


@dataclass(frozen=True, eq=False)
class Brought:
    """A model that is no file here. said: what `bring` was given, so that the same again is known."""

    card: Card
    tensors: dict[str, Tensor]
    said: tuple


_brought: OrderedDict[str, Brought] = OrderedDict()  # the least recently brought goes first
_bringing = threading.Lock()


def bring(
    raw: bytes,
    filename: str,
    *,
    architecture: str | None = None,
    norm: str | None = None,
    power: float | None = None,
    width: float | None = None,
    dataset: str | None = None,
) -> str:
    """Makes a `.safetensors` file of one's own a model, and returns its name, which `card` and `load` then know.

    What is not given is taken from the file's metadata, or told from its keys and shapes (see `weights.read`). Equal
    bytes and answers give the equal name, so bringing again is cheap and undoes forgetting: of all that were brought
    the last `MAX_BROUGHT` are kept. UserError says what is wrong with the file and changes nothing.
    """
    filename = Path(filename).name[-80:]
    said = (hashlib.sha256(raw).hexdigest(), filename, architecture, norm, power, width, dataset)
    with _bringing:
        for name, known in _brought.items():
            if known.said == said:
                _brought.move_to_end(name)
                return name
    found = weights.read(
        raw, filename, architecture=architecture, norm=norm, power=power, width=width, dataset=dataset
    )  # fmt: skip
    brought = Brought(_fitting(found, filename), found.tensors, said)
    with _bringing:
        _brought[brought.card.name] = brought
        _brought.move_to_end(brought.card.name)
        while len(_brought) > MAX_BROUGHT:
            _brought.popitem(last=False)
    return brought.card.name


def save(
    model: nn.Module,
    path: Path | str,
    *,
    architecture: str,
    norm: str,
    power: float | None = None,
    width: float = 1.0,
    dataset: str = "cifar10",
) -> Path:
    """Writes the weights of a network of `models.build`, and in their metadata what `bring` has to know of it.

    power: RobustNorm's p, by default that of the model's own layers. UserError if the model is not the network that
    these words describe, if `bring` would refuse it for another reason, or if the file cannot be written; one that is
    there stays then.
    """
    path = Path(path)
    powers = {layer.power for layer in model.modules() if isinstance(layer, norms.RobustNorm2d)}
    if power is not None and powers - {power}:
        raise UserError(f"The model's RobustNorm has p = {', '.join(map(str, powers))}, not {power}.", "name its p.")
    power = min(powers, default=None) if power is None else power
    said = {"architecture": architecture, "norm": norm, "power": power, "width": width, "dataset": dataset}
    tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    raw = write_safetensors(tensors, {key: str(value) for key, value in said.items() if value is not None})
    _fitting(weights.read(raw, path.name, dataset=dataset), path.name)
    put({path: raw}, "make room or name another file.")
    return path


def is_brought(name: str) -> bool:
    """Whether a name is one that `bring` gives: nothing was measured on such a model."""
    return name.startswith("yours-")


def _fitting(found: weights.Weights, filename: str) -> Card:
    """The card of weights that are of the network they are said to be of; UserError if they are not."""
    card = _card_of(found, filename)
    try:
        model = assemble(card, found.tensors)
    except UserError as error:
        fix = f"{error.fix} If the network is another one, choose its architecture, norm and width."
        raise UserError(error.what.replace(card.name, filename), fix) from error
    with torch.inference_mode():
        answers = model(torch.full((1, 3, 32, 32), 0.5))
    if not answers.isfinite().all():
        raise UserError(f"To a grey image the network in {filename} answers no finite numbers.", "train it anew.")
    return card


def _card_of(found: weights.Weights, filename: str) -> Card:
    """What is known of a brought model; its recipe names the file."""
    stem = re.sub(r"\W+", "_", Path(filename).stem)[:24].strip("_") or "model"
    # p is not in the weights, so that one file may be two models.
    name = f"yours-{stem}-{found.sha256[:8]}" + (f"-p{found.power:g}" if found.power is not None else "")
    classes = CLASSES[found.dataset]
    try:
        with torch.device("meta"):
            network = models.build(found.architecture, found.norm, len(classes), width=found.width)
    except ValueError as error:
        raise UserError(f"{filename} says it is of a network that is not known here: {error}", "choose it.") from error
    return Card(
        name=name, dataset=found.dataset, architecture=found.architecture, norm=found.norm, power=found.power,
        width=found.width, classes=classes, recipe={"name": "brought", "file": filename}, initialisation="", seed=0,
        data_hash="", sha256=found.sha256, parameters=sum(p.numel() for p in network.parameters()), accuracies=(),
        curve=(), made_with={}, code_version="", date="",
    )  # fmt: skip


@lru_cache(maxsize=16)
def _prototype_of(brought: Brought, statistics: str, device: torch.device, fold: bool) -> nn.Module:
    return _placed(assemble(brought.card, brought.tensors, statistics), device, fold)


def assemble(card: Card, tensors: dict[str, Tensor], statistics: str | None = None) -> nn.Module:
    """The network of `card` around `tensors`, frozen; UserError if keys, types, shapes or numbers are wrong."""
    statistics = statistics or norms.modes(card.norm)[0]
    with torch.device("meta"):
        model = models.build(
            card.architecture, card.norm, len(card.classes), power=card.power if card.power is not None else 0.2,
            statistics=statistics, width=card.width, dataset=card.dataset,
        )  # fmt: skip
    expected = model.state_dict()
    fix = f"use weights of a {card.architecture} with norm {card.norm}."
    if missing := expected.keys() - tensors.keys():
        raise UserError(f"The weights of {card.name} lack {_few(missing)}.", fix)
    if unknown := tensors.keys() - expected.keys():
        raise UserError(f"The weights of {card.name} hold {_few(unknown)}, which the network has no place for.", fix)
    for key, tensor in tensors.items():
        if tensor.shape != expected[key].shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(expected[key].shape)}"
            raise UserError(f"In the weights of {card.name}, {key} has shape {shapes}.", fix)
        if tensor.dtype != expected[key].dtype:
            types = f"{tensor.dtype}, expected {expected[key].dtype}"
            raise UserError(f"In the weights of {card.name}, {key} has type {types}.", fix)
        if not torch.isfinite(tensor).all():
            raise UserError(f"In the weights of {card.name}, {key} holds numbers that are not finite.", fix)
        if key.endswith(SPREADS) and (tensor < 0).any():
            raise UserError(f"In the weights of {card.name}, {key} holds negative numbers; it is a spread.", fix)
    if (count := sum(p.numel() for p in model.parameters())) != card.parameters:
        raise UserError(f"The card of {card.name} says {card.parameters:,} parameters; the network has {count:,}.", fix)
    model.load_state_dict(tensors, strict=True, assign=True)
    model.requires_grad_(False).eval()
    vars(model).update(name=card.name, statistics=statistics, weight_hash=card.sha256)
    return model


@dataclass(frozen=True, eq=False)
class Measured:
    """A verified file of measurements on a model: its tensors, and what it says about them (all text)."""

    tensors: dict[str, Tensor]
    about: dict[str, str]


ABOUT = ("model", "weight_hash", "data_hash", "n", "layers", "made_with", "code_version", "date", "sha256")


def population(name: str) -> Measured:
    """What was measured on the training images at the norm layers of a model; `shift.population` makes sense of it.

    Read once per content of the file, and shared: the tensors are not to be changed. UserError if there is none, or
    if it is damaged, of another model or of other weights than the shipped ones.
    """
    path = population_path(name)
    if not path.exists():
        raise UserError(f"The training images have not been measured with {name}: {path.name} is missing.", _anew(name))
    return _measured(path, stamp(path), name, card(name).sha256)


def has_population(name: str) -> bool:
    """Whether there is a file of what was measured on a model's training images; a brought model has none."""
    return not is_brought(name) and population_path(name).exists()


def population_path(name: str) -> Path:
    """Where a model's measurements lie; UserError for an unknown name."""
    return _existing(name).with_suffix(".population.safetensors")


@lru_cache(maxsize=16)
def _measured(path: Path, stamp: tuple, name: str, weight_hash: str) -> Measured:
    raw = path.read_bytes()
    try:
        tensors = parse_safetensors(raw)
    except SafetensorError as error:
        raise UserError(f"{path.name} is damaged: {error}.", _anew(name)) from error
    # The format: eight bytes that give the length of a JSON header, then the header. It has been checked by now.
    about = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")]).get("__metadata__", {})
    if missing := sorted(set(ABOUT) - about.keys()):
        raise UserError(f"{path.name} does not say its {', '.join(missing)}.", _anew(name))
    if about["model"] != name or about["weight_hash"] != weight_hash:
        whose = f"{about['model']} with weights {about['weight_hash'][:12]}"
        raise UserError(f"{path.name} was measured with {whose}, not with {name}, {weight_hash[:12]}.", _anew(name))
    if digest(tensors) != about["sha256"]:
        raise UserError(f"{path.name} is damaged: its numbers are not those that were written.", _anew(name))
    return Measured(tensors, about)


def digest(tensors: dict[str, Tensor]) -> str:
    """sha256 hex over names, types, shapes and bytes of tensors, in the order of their names."""
    found = hashlib.sha256()
    for key, tensor in sorted(tensors.items()):
        found.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


def _anew(name: str) -> str:
    return f"restore the file from the repository, or run `python -m rnorm_core.training.population {name}`."


def _existing(name: str) -> Path:
    if Path(name).name != name or not all((DIRECTORY / f"{name}.{kind}").exists() for kind in ("json", "safetensors")):
        raise UserError(f"There is no model {name!r}.", f"choose one of {', '.join(names()) or '(none is there)'}.")
    return DIRECTORY / f"{name}.safetensors"


def _verified(path: Path, sha256: str) -> dict[str, Tensor]:
    raw = path.read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != sha256:
        raise UserError(
            f"{path.name} is not what its card describes: its sha256 begins {found[:12]}, the card says {sha256[:12]}.",
            "restore the file from the repository (it may be truncated, or a Git LFS pointer).",
        )
    try:
        return parse_safetensors(raw)
    except SafetensorError as error:
        raise UserError(f"{path.name} is no safetensors file: {error}.", "restore it from the repository.") from error


def _few(keys: set[str]) -> str:
    some = sorted(keys)[:3]
    return ", ".join(some) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
