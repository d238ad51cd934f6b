"""Robust accuracies that others have published: the only numbers of this project that it did not measure.

They are from the cards of RobustBench (Croce et al. 2021, arXiv 2010.09670): CIFAR-10's 10,000 test images under
AutoAttack at 8/255 (L-inf). Drawn beside networks that were trained on attacked images, they say what such training
reaches. `RESNET18` holds ResNet-18 that were trained on attacked images. Left out are those of another kind: trained
with a penalty on curvature (38.5 %), attacked at 0.031 (40.2 %), compressed afterwards (40.4 %).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rnorm_core import zoo
from rnorm_core.norms import BRANCHES
from rnorm_core.zoo import Variant

LIST = "https://robustbench.github.io"
EPS_255 = 8


@dataclass(frozen=True)
class Published:
    """accuracy: under AutoAttack, as a fraction. generated: images beyond CIFAR-10's, made by a generative model."""

    authors: str
    year: int
    accuracy: float
    source: str
    generated: int = 0

    @property
    def short(self) -> str:
        return f"{self.authors} {self.year}"


RESNET18 = (
    Published("Wong et al.", 2020, 0.4321, "https://arxiv.org/abs/2001.03994"),
    Published("Andriushchenko and Flammarion", 2020, 0.4393, "https://arxiv.org/abs/2007.02617"),
    Published("Addepalli et al.", 2022, 0.5106, "https://arxiv.org/abs/2210.09852"),
    Published("Addepalli et al.", 2022, 0.5248, "https://arxiv.org/abs/2210.15318"),
    Published("Sehwag et al.", 2021, 0.5443, "https://arxiv.org/abs/2104.09425", generated=6_000_000),
    Published("Rebuffi et al.", 2021, 0.5666, "https://arxiv.org/abs/2103.01946", generated=1_000_000),
)
# The list's only ResNet-20.
RESNET20 = Published(
    "Jang et al.", 2019, 0.3495,
    "https://openaccess.thecvf.com/content_ICCV_2019/html/"
    "Jang_Adversarial_Defense_via_Learning_to_Generate_Diverse_Attacks_ICCV_2019_paper.html",
)  # fmt: skip


def comparable(variants: Iterable[Variant]) -> tuple[Variant, ...]:
    """Those that were trained on attacked images of CIFAR-10. A dual norm's branch for clean images was not."""
    cards = ((variant, zoo.card(variant.model)) for variant in variants if variant.statistics != BRANCHES[0])
    return tuple(variant for variant, card in cards if card.dataset == "cifar10" and card.adversarial)
