"""Models that visitors bring as bytes. `zoo.names` does not list them, so loading one requires its name.

A model belongs to its *owners*: any hashable keys, in the app sessions. It stays until the last owner forgets it, and
nobody else's model takes its room. A model without an owner stays until the room is needed.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save as write_safetensors
from torch import Tensor, nn

from rnorm_core import models, norms, weights
from rnorm_core.cards import BROUGHT, Card
from rnorm_core.data import CLASSES
from rnorm_core.errors import UserError
from rnorm_core.model_names import file_stem, written
from rnorm_core.replace import put
from rnorm_core.zoo.assemble import assemble

MAX_BROUGHT = 128  # four for each student in a class of thirty
MAX_BYTES = 512 * 2**20  # of all of them; a ResNet-20 has 1 MB


@dataclass(frozen=True, eq=False)
class Brought:
    """A model without a file. arguments: those of `bring`, to recognise an equal call."""

    card: Card
    tensors: dict[str, Tensor]
    arguments: tuple
    owners: set[Hashable] = field(default_factory=set)

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.tensors.values())


_brought: OrderedDict[str, Brought] = OrderedDict()  # the least recently brought first
_bringing = threading.Lock()


def find(name: str) -> Brought | None:
    """The brought model of this name, or None."""
    return _brought.get(name)


def bring(
    raw: bytes,
    filename: str,
    *,
    architecture: str | None = None,
    norm: str | None = None,
    power: float | None = None,
    width: float | None = None,
    dataset: str | None = None,
    owner: Hashable = None,
) -> str:
    """Makes a model of the bytes of a `.safetensors` file and returns its name, for `zoo.card` and `zoo.load`.

    Arguments that are None are taken from the file's metadata, or follow from its keys and shapes (see `weights.read`).
    Equal calls return equal names and are cheap. owner: keeps the model until `forget`; without one the model may be
    dropped for newer ones, and can be brought again. UserError names the problem of the file, or says that there is no
    room; then nothing changes.
    """
    filename = Path(filename).name[-80:]
    arguments = (hashlib.sha256(raw).hexdigest(), filename, architecture, norm, power, width, dataset)
    with _bringing:
        for name, known in _brought.items():
            if known.arguments == arguments:
                _add(name, known, owner)
                return name
    read = weights.read(
        raw, filename, architecture=architecture, norm=norm, power=power, width=width, dataset=dataset
    )  # fmt: skip
    brought = Brought(_fitting(read, filename), read.tensors, arguments)
    with _bringing:
        _make_room(brought.nbytes)
        _add(brought.card.name, brought, owner)
    return brought.card.name


def forget(owner: Hashable, name: str | None = None) -> list[Brought]:
    """An owner gives up a model, or all of them. Returns those that no other owner keeps: they are gone."""
    gone = []
    with _bringing:
        for known in list(_brought) if name is None else [name]:
            if known in _brought and owner in (owners := _brought[known].owners):
                owners.remove(owner)
                if not owners:
                    gone.append(_brought.pop(known))
    return gone


def _add(name: str, model: Brought, owner: Hashable) -> None:
    if owner is not None:
        model.owners.add(owner)
    _brought[name] = model
    _brought.move_to_end(name)


def _make_room(nbytes: int) -> None:
    """Drops models without an owner, the least recently brought first, until one more fits; UserError if it cannot."""
    spare = [name for name, model in _brought.items() if not model.owners]
    while len(_brought) >= MAX_BROUGHT or sum(model.nbytes for model in _brought.values()) + nbytes > MAX_BYTES:
        if not spare:
            raise UserError("This server holds as many uploaded networks as it can.", "try again later.")
        del _brought[spare.pop(0)]


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
    """Writes the weights of a network of `models.build`, with the metadata that `bring` needs; returns the path.

    power: RobustNorm's p, by default that of the model's layers. UserError if the model is not the network that the
    arguments describe, if `bring` would refuse it for another reason, or if the file cannot be written. Then an old
    file is kept.
    """
    path = Path(path)
    powers = {layer.power for layer in model.modules() if isinstance(layer, norms.RobustNorm2d)}
    if power is not None and powers - {power}:
        raise UserError(
            f"The model's RobustNorm has p = {', '.join(map(str, powers))}, not {power}.",
            "leave power out, or give the p of the model.",
        )
    power = min(powers, default=None) if power is None else power
    about = {"architecture": architecture, "norm": norm, "power": power, "width": width, "dataset": dataset}
    tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    raw = write_safetensors(tensors, {key: str(value) for key, value in about.items() if value is not None})
    _fitting(weights.read(raw, path.name, dataset=dataset), path.name)
    put({path: raw}, "free some disk space, or name another file.")
    return path


def is_brought(name: str) -> bool:
    """Whether a name was given by `bring`; there are no measurements of such a model."""
    return name.startswith("yours-")


def _fitting(read: weights.Weights, filename: str) -> Card:
    """The card of the weights; UserError if they do not fit the network that the card describes."""
    card = _card_of(read, filename)
    try:
        model = assemble(card, read.tensors)
    except UserError as error:
        fix = f"{error.fix} If the file holds another network, choose its architecture, norm and width."
        raise UserError(error.what.replace(card.name, filename), fix) from error
    if problem := _not_finite(model):
        raise UserError(
            f"The network in {filename} has {problem} that are not finite for random images.",
            "train the network again.",
        )
    return card


def _not_finite(model: nn.Module) -> str:
    """Which numbers of a network are not finite, or ""; in three random images, as pages compute them.

    The squares of every layer's inputs are among them: pages measure standard deviations.
    """
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    squares: list[Tensor] = []
    for module in model.modules():
        module.register_forward_pre_hook(lambda _, inputs: squares.append(inputs[0].detach().square().sum()))
    outputs = model(images)
    (gradient,) = torch.autograd.grad(outputs.logsumexp(1).sum(), images)
    for name, numbers in (("outputs", outputs), ("inputs of layers", torch.stack(squares)), ("gradients", gradient)):
        if not numbers.isfinite().all():
            return name
    return ""


def _card_of(read: weights.Weights, filename: str) -> Card:
    """The card of a brought model. Fields that are not known are empty or 0; the recipe names the file."""
    # The weights do not contain p: the same file with two values of p is two models.
    power = "" if read.power is None else f"-p{written(read.power)}"
    name = f"yours-{file_stem(filename)}-{read.sha256[:8]}{power}"
    classes = CLASSES[read.dataset]
    try:
        with torch.device("meta"):
            network = models.build(read.architecture, read.norm, len(classes), width=read.width)
    except ValueError as error:
        raise UserError(
            f"The network of {filename} is unknown: {error}", "choose its architecture, norm and width."
        ) from error
    return Card(
        name=name, dataset=read.dataset, architecture=read.architecture, norm=read.norm, power=read.power,
        width=read.width, classes=classes, recipe={"name": BROUGHT, "file": filename}, initialisation="", seed=0,
        data_hash="", sha256=read.sha256, parameters=sum(p.numel() for p in network.parameters()), accuracies=(),
        curve=(), made_with={}, code_version="", date="",
    )  # fmt: skip
