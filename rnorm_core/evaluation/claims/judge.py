"""The paper's claims, each judged from measurements. Pure functions of tables and cards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from rnorm_core.evaluation.claims import gather
from rnorm_core.evaluation.claims.evidence import Contest, Evidence
from rnorm_core.evaluation.claims.gather import NormMode, Sources
from rnorm_core.evaluation.claims.verdict import HOLDS, PER_IMAGE, Finding, reach
from rnorm_core.evaluation.tables.layer_shifts import Moved
from rnorm_core.evaluation.tables.row import Row
from rnorm_core.norms import NORM_NAMES
from rnorm_core.rounding import percent
from rnorm_core.zoo import Card

PAPER = "Awais et al. 2020, arXiv 2006.11007"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper. text: in our words. source: the publication. experiment: ours, which judges the claim."""

    id: str
    text: str
    source: str
    experiment: str


_OWN = (
    "each under attacks that were made for it: an image counts as right if it withstands all attacks that both were "
    "measured under (PGD in 20 steps where there is no other)"
)
WORST = "under the worst of PGD of 10 steps for each mode"
_WORST = (
    "Gradients through a batch's own statistics can make a weak attack. So a second look gives each network, in every "
    "mode of its statistics, an attack by PGD in 10 steps of its own, and counts an image only if none of these fools "
    "it in the mode that is judged."
)
CLAIMS = {
    claim.id: claim
    for claim in (
        Claim(
            "C0", "Networks without BatchNorm are more robust than networks with it.",
            f"from earlier work (Galloway et al. 2019), taken up by {PAPER}",
            f"Two ResNet-20, one without norm and one with BatchNorm, {_OWN}. Only images that both recognise "
            "without an attack count, for the two start at different accuracies. The one without norm also has another "
            "initialisation (Fixup), less weight decay and tighter gradient clipping, without which it does not train.",
        ),
        Claim(
            "C1", "Adversarial images shift the distribution of what BatchNorm layers receive.", PAPER,
            "Test images in batches of 128, attacked by PGD in 10 steps. At each layer: the Wasserstein-1 distance to "
            "what arrived there from all training images, against that of clean training batches, and of noise.",
        ),
        Claim(
            "C2", "That shift makes the statistics estimated in training inaccurate.", PAPER,
            "The same batches: has a layer's mean or standard deviation left the range of clean batches? And is "
            "that the harm, as the paper supposes? The same attacked images, scored again with their own batch's "
            "statistics.",
        ),
        Claim(
            "C3", "With the statistics of the batch at hand, BatchNorm's vulnerability disappears.", PAPER,
            "The same weights, with the statistics of each batch of 128 in place of those of training, "
            f"{_OWN}. With batch statistics an attack is on the whole batch. {_WORST}",
        ),
        Claim(
            "C4", "This is no remedy: without large batches, batch statistics cannot be used.", PAPER,
            "Test images in batches of 1 to 256 that are looked at together, without an attack and under PGD.",
        ),
        Claim(
            "C5", "RobustNorm, which divides by a power of the range, is more robust than BatchNorm.", PAPER,
            f"Two ResNet-20, trained alike but for the norm, {_OWN}. The authors' code calls RobustNorm “RN” with "
            f"the statistics of the batch and “RNT” with those of training. {_WORST}",
        ),
        Claim(
            "C6", "RobustNorm keeps BatchNorm's benefits: accuracy, and fast training.", PAPER,
            "The same networks without an attack, and their training as the cards have it, beside that of a network "
            "without a norm: what such a one learns as soon is no benefit to keep. Stability at higher learning rates "
            "is not judged here: what was tried is on the page of models.",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Judgement:
    """One interpretation (`reading`) of a claim, judged by the rule of its evidence. sources: the measured networks."""

    claim: str
    reading: str
    evidence: Evidence
    sources: Sources
    findings: tuple[Finding, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "findings", tuple(self.evidence.findings()))

    @property
    def verdict(self) -> str:
        """The sizes at which the claim holds: "holds up to 1/255; does not at 2, 4 and 8/255"."""
        return reach(self.findings, self.evidence.axis)

    @property
    def edge(self) -> Finding | None:
        """The finding at which the verdict changes.

        Usually this is the last finding that holds. If the claim does not hold at the smallest size but holds at the
        largest one, it is the first finding that holds. If no finding holds, those that hold per image take its place;
        else it is the first finding.
        """
        states = [finding.state for finding in self.findings]
        sought = HOLDS if HOLDS in states else PER_IMAGE
        held = [i for i, state in enumerate(states) if state == sought]
        if not held:
            return self.findings[0] if self.findings else None
        begins = held[0] > 0 and held[-1] == len(self.findings) - 1
        return self.findings[held[0] if begins else held[-1]]

    @property
    def sentence(self) -> str:
        """The verdict in Markdown, with the numbers at its edge."""
        edge, axis = self.edge, self.evidence.axis
        at = f"{_capital(axis.word)} {axis(edge.size)}: " if edge and edge.size is not None else ""
        return f"{_capital(self.reading)}: **{self.verdict}**." + (f" {at}{edge.text}." if edge else "")

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the trainings of all sources, in ascending order."""
        return tuple(sorted({source.seed for source in self.sources}))


def weights(judgements: Iterable[Judgement]) -> str:
    """Names and hashes of the networks behind the judgements: "cifar10-resnet20-bn d66d98175d82"."""
    hashes = {source.model: source.weight_hash[:12] for judgement in judgements for source in judgement.sources}
    return "; ".join(f"{model} {digits}" for model, digits in hashes.items())


def _matched(rows: Sequence[Row], alike: gather.Alike) -> tuple[str, Contest | None, Sources]:
    """RobustNorm against a BatchNorm that was stopped early: is the first more robust, or only less trained?

    alike: of `gather.stopped_early`. The reading has both clean accuracies, for they match on held-out training images
    and need not on test images.
    """
    rn, bn = NormMode("rn"), NormMode("bn")
    contest, sources = gather.contest(partial(gather.under_own_attacks, rows), alike, rn, bn)
    kept, _ = gather.kept_accuracy(rows, alike)
    if contest is None or kept is None:
        return "", None, ()
    clean = [f"{percent(p.left)} and {percent(p.right)}" for p in kept.by_seed.values()]
    reading = f"RobustNorm ahead of BatchNorm stopped early, at clean accuracies of {', '.join(clean)}"
    return reading, replace(contest, right=f"{bn.label} stopped early"), sources


def judge(
    rows: Sequence[Row],
    moved: Sequence[Moved],
    sizes: Sequence[Row],
    cards: Iterable[Card],
    laboratories: Sequence[Row] = (),
) -> dict[str, list[Judgement]]:
    """Claim id -> its judged readings; an empty list if nothing was measured.

    rows:         of the table of accuracies.
    moved:        of `tables.layer_shifts`.
    sizes:        of `tables.batch_sizes`.
    laboratories: of `tables.laboratories`.
    All rows must belong to the weights that the cards name.
    """
    cards = list(cards)
    alike = gather.trained_alike(cards)

    def versus(left: NormMode, right: NormMode) -> tuple[Contest | None, Sources]:
        return gather.contest(partial(gather.under_own_attacks, rows), alike, left, right)

    def worst(left: NormMode, right: NormMode) -> tuple[Contest | None, Sources]:
        return gather.contest(partial(gather.under_all_attacks, laboratories), alike, left, right, WORST)

    bn, bn_batch, none = NormMode("bn"), NormMode("bn", "batch"), NormMode("none")
    rn, rn_batch = NormMode("rn"), NormMode("rn", "batch")
    by_claim: dict[str, list[tuple[str, Evidence | None, Sources]]] = {
        "C0": [("no norm ahead of BatchNorm", *versus(none, bn))],
        "C1": [
            ("BatchNorm's layers move", *gather.displacement(moved, alike, "bn", ("wasserstein",))),
            ("further than under noise", *gather.excess(moved, alike, "bn")),
            ("RobustNorm's layers move, too", *gather.displacement(moved, alike, "rn", ("wasserstein",))),
        ],
        "C2": [
            (
                "BatchNorm's mean or standard deviation moves",
                *gather.displacement(moved, alike, "bn", ("mean", "log_std")),
            ),
            ("and that is what costs the accuracy", *gather.recovery(moved, alike, "bn")),
        ],
        "C3": [
            ("with batch statistics the vulnerability disappears", *gather.retention(rows, alike, bn_batch)),
            ("with batch statistics it is smaller", *versus(bn_batch, bn)),
            (f"the same, {WORST}", *worst(bn_batch, bn)),
        ],
        "C4": [
            (f"batch statistics unusable: {NORM_NAMES[norm]}", *gather.batch_sizes(sizes, alike, norm))
            for norm in ("bn", "rn")
        ],
        "C5": [
            ("RobustNorm ahead of BatchNorm", *versus(rn, bn)),
            _matched(rows, gather.stopped_early(cards, alike)),
            ("RobustNorm with batch statistics ahead of BatchNorm", *versus(rn_batch, bn)),
            (f"the same, {WORST}", *worst(rn_batch, bn)),
            ("RobustNorm ahead, both with batch statistics", *versus(rn_batch, bn_batch)),
            (f"the same, {WORST}", *worst(rn_batch, bn_batch)),
        ],
        "C6": [
            ("accuracy is kept", *gather.kept_accuracy(rows, alike)),
            ("fast training is kept", *gather.speed(alike)),
        ],
    }
    return {
        claim: [Judgement(claim, reading, evidence, sources) for reading, evidence, sources in readings if evidence]
        for claim, readings in by_claim.items()
    }


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
