"""The attacks that `benchmarks.peers` compares: ours, and those of torchattacks and ART, with equal settings.

The libraries are imported when the first of their attacks runs, because they need an environment of their own.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from rnorm_core import attacks
from rnorm_core.data import Batch

# Steps; of Square Attack queries. One random start each.
STEPS = {"pgd": 20, "apgd-ce": 50, "apgd-dlr": 50, "square": 1000}
TITLES = {
    "pgd": "PGD, 20 steps", "apgd-ce": "APGD (ce), 50 steps", "apgd-dlr": "APGD (dlr), 50 steps",
    "square": "Square Attack, 1,000 queries",
}  # fmt: skip
# Network, images, one of `STEPS`, eps in pixel units, seed -> attacked images (N, 3, 32, 32).
Attacked = Callable[[nn.Module, Batch, str, float, int], Tensor]


def ours(network: nn.Module, batch: Batch, kind: str, eps: float, seed: int) -> Tensor:
    name, _, loss = kind.partition("-")
    attack = attacks.make(name, eps, STEPS[kind], **({"loss": loss} if loss else {}))
    return attack.run(network, batch, torch.Generator().manual_seed(seed)).adversarial


def of_torchattacks(network: nn.Module, batch: Batch, kind: str, eps: float, seed: int) -> Tensor:
    import torchattacks

    name, _, loss = kind.partition("-")
    steps = STEPS[kind]
    match name:
        case "pgd":
            attack = torchattacks.PGD(network, eps=eps, alpha=_step_size(eps, steps), steps=steps)
        case "apgd":
            attack = torchattacks.APGD(network, eps=eps, steps=steps, loss=loss, seed=seed)
        case _:
            attack = torchattacks.Square(network, eps=eps, n_queries=steps, seed=seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return attack(batch.images, batch.labels).detach()


def of_art(network: nn.Module, batch: Batch, kind: str, eps: float, seed: int) -> Tensor:
    from art.attacks.evasion import AutoProjectedGradientDescent, ProjectedGradientDescent, SquareAttack
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(
        network, nn.CrossEntropyLoss(), input_shape=(3, 32, 32), nb_classes=len(batch.classes), clip_values=(0, 1),
        device_type="cpu",
    )  # fmt: skip
    name, _, loss = kind.partition("-")
    common = {"eps": eps, "max_iter": STEPS[kind], "batch_size": len(batch), "verbose": False}
    match name:
        case "pgd":
            step = _step_size(eps, STEPS[kind])
            attack = ProjectedGradientDescent(classifier, eps_step=step, num_random_init=1, **common)
        case "apgd":
            loss_type = {"ce": "cross_entropy", "dlr": "difference_logits_ratio"}[loss]
            attack = AutoProjectedGradientDescent(
                classifier, eps_step=2 * eps, nb_random_init=1, loss_type=loss_type, **common
            )
        case _:
            attack = SquareAttack(classifier, p_init=0.8, **common)
    before = np.random.get_state()
    np.random.seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        attacked = attack.generate(batch.images.numpy(), batch.labels.numpy())
    np.random.set_state(before)
    return torch.from_numpy(attacked)


LIBRARIES: dict[str, Attacked] = {"torchattacks": of_torchattacks, "adversarial-robustness-toolbox": of_art}


def _step_size(eps: float, steps: int) -> float:
    """Ours by default."""
    step_size = attacks.CATALOGUE["pgd"].step_size
    assert step_size is not None
    return step_size(eps, steps)
