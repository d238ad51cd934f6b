"""foolbox's minimum-norm attacks behind one function. Only this file imports foolbox; import it only when needed."""
# foolbox and eagerpy do not declare the names that they re-export:
# pyright: reportPrivateImportUsage=false

import os
from collections.abc import Callable
from typing import Any

from torch import Tensor

from rnorm_core.errors import UserError

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # foolbox imports GitPython, which fails without git
try:
    import eagerpy
    import foolbox
except ImportError as missing:
    raise UserError(
        f"This attack needs foolbox, which is not installed ({missing}).",
        "run `pip install 'foolbox>=3.3.4,<4' 'scipy<2'`.",
    ) from missing

CANDIDATES = 10  # the number of classes that DeepFool considers, most likely first


class L2FMN(foolbox.attacks.L2FMNAttack):
    """L2-FMN with a correct projection. foolbox 3.3.4 divides a norm by itself there, so its eps has no effect."""

    def project(self, x: Any, x0: Any, epsilon: Any) -> Any:
        delta = x - x0
        length = eagerpy.maximum(delta.flatten(1).norms.l2(axis=-1), 1e-12)
        return x0 + delta * eagerpy.minimum(1, epsilon / length).reshape((-1, 1, 1, 1))


def calls(algorithm: str, steps: int, options: dict[str, Any]) -> int:
    """The largest possible number of calls of the model in a search."""
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
    """Runs foolbox's search on images (N, 3, 32, 32) in [0, 1] and returns its result, of the same shape.

    labels, targets: int64 (N,).
    """
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
        # Early stopping depends on the loss of the whole batch: an image's result would depend on the other images.
        return foolbox.attacks.L2CarliniWagnerAttack(steps=steps, stepsize=o.pop("step_size"), abort_early=False, **o)
    if algorithm == "ddn":
        return foolbox.attacks.DDNAttack(steps=steps, init_epsilon=o.pop("first_eps"), **o)
    fmn = L2FMN if algorithm == "fmn-l2" else foolbox.attacks.LInfFMNAttack
    return fmn(steps=steps, max_stepsize=o.pop("step_size"), **o)
