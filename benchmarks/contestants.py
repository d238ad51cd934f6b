"""What takes part in `benchmarks.attacks` and `benchmarks.gpu`: functions that attack a batch, and their arithmetic."""

import copy
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnorm_core import attacks, zoo
from rnorm_core.data import Batch

EPS = 8 / 255
SIDE = 2048  # of the matrices whose product gives the rate of the floor
Attack = Callable[[Batch], Tensor | None]


def contestants(model: str, attack: str, steps: int, eps: float = EPS) -> dict[str, Attack]:
    """Each by its name. All use L-inf, a random start, `steps` steps, and no early stopping. eps: in pixel units."""
    network = zoo.load(model, device="cpu")
    folded = zoo.load(model, device="cpu", fold=True)
    run = ours(network, attack, steps, eps)
    found: dict[str, Attack] = {
        "ours": run,
        "eager": eager(run),
        "bare": bare(folded, steps),
        "matrix": product(),
    }
    return found | foolboxs(model, steps, eps) if attack == "pgd" else found


def ours(network: nn.Module, attack: str, steps: int, eps: float, **options: Any) -> Callable[[Batch], Tensor]:
    """As a user of the library writes it."""
    made = attacks.make(attack, eps, steps, **options)
    generator = torch.Generator().manual_seed(0)
    return lambda batch: made.run(network, batch, generator).adversarial


def eager(run: Callable[[Batch], Tensor]) -> Callable[[Batch], Tensor]:
    """The same without compiled graphs, as on a machine without OpenVINO."""

    def without(batch: Batch) -> Tensor:
        with without_graphs():
            return run(batch)

    return without


@contextmanager
def without_graphs() -> Iterator[None]:
    before = os.environ.get("ROBUSTNORM_ENGINE")
    os.environ["ROBUSTNORM_ENGINE"] = "eager"
    try:
        yield
    finally:
        if before is None:
            del os.environ["ROBUSTNORM_ENGINE"]
        else:
            os.environ["ROBUSTNORM_ENGINE"] = before


def foolboxs(model: str, steps: int, eps: float, device: torch.device | str = "cpu") -> dict[str, Attack]:
    """foolbox's PGD on an ordinary network in torch's usual layout, and the same on one with frozen weights.

    A user who does not freeze the weights lets them accumulate gradients in every step; foolbox does not prevent it.
    """
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # otherwise foolbox's import needs a git binary
    import foolbox  # not above, because `benchmarks.gpu` also runs without it

    attack = foolbox.attacks.LinfPGD(abs_stepsize=2.5 * eps / steps, steps=steps, random_start=True)

    def on(network: nn.Module) -> Attack:
        watched = foolbox.PyTorchModel(network, bounds=(0, 1), device=device)
        return lambda batch: attack.run(watched, batch.images, batch.labels, epsilon=eps)

    frozen = zoo.load(model, device=device).to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    return {"foolbox": on(copy.deepcopy(frozen).requires_grad_(True)), "frozen": on(frozen)}


def bare(network: nn.Module, steps: int) -> Callable[[Batch], None]:
    """The passes that both attacks need, by torch and on the folded network, and nothing else."""

    def passes(batch: Batch) -> None:
        for _ in range(steps):
            images = batch.images.detach().requires_grad_()
            torch.autograd.grad(F.cross_entropy(network(images), batch.labels, reduction="sum"), images)
        with torch.no_grad():
            network(batch.images)
            network(batch.images)

    return passes


def product() -> Callable[[Batch], None]:
    """One large matrix product: 2 SIDE^3 operations at the best rate that torch reaches."""
    a, b = torch.rand((SIDE, SIDE)), torch.rand((SIDE, SIDE))

    def multiply(batch: Batch) -> None:
        a @ b

    return multiply


def operations(model: str) -> int:
    """Multiplications and additions of one forward pass of one image, in the convolutions and the linear layer.

    The way back to the image takes as many. Norms, ReLUs and the steps of the attack are not counted.
    """
    network, found = zoo.load(model, device="cpu", fold=True), []

    def count(layer: nn.Module, inputs: tuple, output: Tensor) -> None:
        assert isinstance(layer.weight, Tensor)
        found.append(2 * output.numel() * layer.weight[0].numel())

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    network(torch.zeros((1, 3, 32, 32)))
    return sum(found)
