"""The only file that imports foolbox: its minimum-norm attacks, behind one function. Import it when it is needed."""
# foolbox and eagerpy re-export their names without saying so:
# pyright: reportPrivateImportUsage=false

import os
from collections.abc import Callable
from typing import Any

from torch import Tensor

from rnorm_core.errors import UserError

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # foolbox imports GitPython, which refuses to without a git binary
try:
    import eagerpy
    import foolbox
except ImportError as missing:
    raise UserError(
        f"This attack is foolbox's, which is not installed ({missing}).", "pip install 'foolbox>=3.3.4,<4' 'scipy<2'"
    ) from missing

CANDIDATES = 10  # the classes DeepFool looks at, most likely first


class L2FMN(foolbox.attacks.L2FMNAttack):
    """foolbox 3.3.4's L2-FMN never projects (it divides a norm by itself), so that its eps does nothing."""

    def project(self, x: Any, x0: Any, epsilon: Any) -> Any:
        delta = x - x0
        length = eagerpy.maximum(delta.flatten(1).norms.l2(axis=-1), 1e-12)
        return x0 + delta * eagerpy.minimum(1, epsilon / length).reshape((-1, 1, 1, 1))


def calls(algorithm: str, steps: int, options: dict[str, Any]) -> int:
    """The most calls of the model that the search can make."""
    if algorithm == "deepfool":
        return 1 + steps * (CANDIDATES - 1)
    return steps * options.get("binary_search_steps", 1)


def search(
    algorithm: str,
    steps: int,
    options: dict[str, Any],
    model: Callable[[Tensor], Tensor],
    images: Tensor,
    labels: Tensor,
    targets: Tensor | None,
) -> Tensor:
    """foolbox's result, (N, 3, 32, 32), of images in [0, 1] and int64 labels or targets (N,)."""
    watched = foolbox.models.base.ModelWithPreprocessing(model, bounds=(0, 1), dummy=eagerpy.astensor(images))
    aim = foolbox.criteria.Misclassification(labels)
    if targets is not None:
        aim = foolbox.criteria.TargetedMisclassification(targets)
    return _build(algorithm, steps, options).run(watched, images, aim)


def _build(algorithm: str, steps: int, options: dict[str, Any]) -> Any:
    o = dict(options)
    if algorithm == "deepfool":
        return foolbox.attacks.L2DeepFoolAttack(steps=steps, candidates=CANDIDATES, **o)
    if algorithm == "cw":
        # Stopping early looks at the loss of the whole batch: an image's result would depend on its neighbours.
        return foolbox.attacks.L2CarliniWagnerAttack(steps=steps, stepsize=o.pop("step_size"), abort_early=False, **o)
    if algorithm == "ddn":
        return foolbox.attacks.DDNAttack(steps=steps, init_epsilon=o.pop("first_eps"), **o)
    fmn = L2FMN if algorithm == "fmn-l2" else foolbox.attacks.LInfFMNAttack
    return fmn(steps=steps, max_stepsize=o.pop("step_size"), **o)
