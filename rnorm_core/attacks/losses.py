"""What APGD and Square climb: (N,) numbers from logits z (N, K), the larger the better the attack is doing.

    name     any wrong class will do                      aimed at class t
    ce       cross entropy of the label y                 minus the cross entropy of t
    margin   max_{k != y} z_k - z_y                       z_t - max_{k != t} z_k
    dlr      (max_{k != y} z_k - z_y) / (z_1 - z_3)       (z_t - z_y) / (z_1 - (z_3 + z_4) / 2)

with z_1 >= z_2 >= ... the sorted logits. Cross entropy goes flat where a model is very sure, or where all its logits
are scaled up; the difference of logits ratio is the same at every scale. Margin and untargeted dlr are above 0 exactly
where the model is fooled. Source: Croce & Hein 2020, arXiv 2003.01690, equations 6 and 7.
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from rnorm_core.attacks.attack import Aim
from rnorm_core.errors import UserError

TINY = 1e-12  # keeps the ratio finite where the largest logits are all the same


def ce(logits: Tensor, aim: Aim) -> Tensor:
    return aim.sign * F.cross_entropy(logits, aim.classes, reduction="none")


def margin(logits: Tensor, aim: Aim) -> Tensor:
    return aim.sign * (_largest_other(logits, aim.classes) - _of(logits, aim.classes))


def dlr(logits: Tensor, aim: Aim) -> Tensor:
    """UserError for a model with fewer than three classes, or four if aimed."""
    wanted = 3 if aim.targets is None else 4
    if logits.shape[1] < wanted:
        raise UserError(
            f"The DLR loss compares {wanted} classes, and this model knows {logits.shape[1]}.",
            'Use loss="margin" or loss="ce".',
        )
    top = logits.topk(wanted).values
    own = _of(logits, aim.labels)
    if aim.targets is None:
        return (_largest_other(logits, aim.labels) - own) / (top[:, 0] - top[:, 2] + TINY)
    return (_of(logits, aim.targets) - own) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + TINY)


LOSSES: dict[str, Callable[[Tensor, Aim], Tensor]] = {"ce": ce, "dlr": dlr, "margin": margin}


def _of(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None])[:, 0]


def _largest_other(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.scatter(1, classes[:, None], float("-inf")).amax(1)
