"""What "re-measure a small version" of a claim computes: few images, few sizes, the same rules. No Streamlit here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from rnorm_core import attacks, data, evaluation, probes, shift, zoo
from rnorm_core.attacks import Step
from rnorm_core.errors import UserError
from rnorm_core.evaluation.batches import sizes
from rnorm_core.evaluation.claims import Judgement
from rnorm_core.evaluation.evidence import Contest, Count, Displacement, Evidence, Need, Recovery, Retention, Upkeep
from rnorm_core.evaluation.gather import NAMES, Source, count
from rnorm_core.evaluation.paired import paired
from rnorm_core.jobs import Job
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.measuring import Measured, Measurement, measure

EPS_255 = (0.25, 1, 4)
MOVED_255 = (1, 8)  # where layers have hardly moved, and where all have
MOST = 128  # images: one batch
SIDES = {
    "C0": (("none", "tracked"), ("bn", "tracked")),
    "C1": (("bn", "tracked"), ("bn", "batch")),
    "C2": (("bn", "tracked"), ("bn", "batch")),
    "C3": (("bn", "batch"), ("bn", "tracked")),
    "C4": (("bn", "batch"), ("bn", "tracked")),
    "C5": (("rn", "tracked"), ("bn", "tracked")),
    "C6": (("rn", "tracked"), ("bn", "tracked")),
}


@dataclass(frozen=True)
class Asked:
    """A claim, and what its small version is measured on; equal ones are one computation."""

    claim: str
    measurement: Measurement


def ask(claim: str, dataset: str, complete: bool, source: str, count: int, seed: int, device: str) -> Asked:
    """UserError where the networks of the claim are not there."""
    left, right = (_side(zoo.plain(dataset, norm), statistics) for norm, statistics in SIDES[claim])
    eps = {"C1": MOVED_255, "C2": MOVED_255, "C4": (), "C6": ()}.get(claim, EPS_255)
    return Asked(claim, Measurement(left, right, "pgd", eps, "float", dataset, complete, source, count, seed, device))


def _side(name: str, statistics: str) -> Side:
    if name not in zoo.names():
        raise UserError(f"The network {name} is not here.", "restore the folder pretrained/ from the repository.")
    return Side.of(name, statistics)


def work(asked: Asked) -> Callable[[Job], Any]:
    """Work for a job; `judgements` makes sense of its result and of its partial results."""
    if asked.claim in ("C1", "C2"):
        return lambda job: _move(asked.measurement, job)
    if asked.claim == "C4":
        return lambda job: _resize(asked.measurement, job)
    return measure(asked.measurement)


def judgements(asked: Asked, result: Any) -> list[Judgement]:
    """The claim's readings, judged by the same rules on what is measured so far."""
    sources = tuple(
        Source(side.name, side.statistics, side.weight_hash, zoo.card(side.name).seed)
        for side in asked.measurement.sides
    )
    return [Judgement(asked.claim, reading, found, sources) for reading, found in _readings(asked, result)]


def _readings(asked: Asked, result: Any) -> list[tuple[str, Evidence]]:
    if isinstance(result, _Moved):
        measures = ("wasserstein",) if asked.claim == "C1" else ("mean", "log_std")
        found: list[tuple[str, Evidence]] = [("layers move", result.displacement(*measures))]
        return found if asked.claim == "C1" else [*found, ("and that is the harm", result.recovery())]
    if isinstance(result, Need):
        return [("unusable", result)] if result.by_size else []
    if asked.claim == "C6":
        return _upkeep(result)
    return _contest(asked, result)


def _contest(asked: Asked, measured: Measured) -> list[tuple[str, Evidence]]:
    left, right = asked.measurement.left, asked.measurement.right
    seed, hits = zoo.card(left.name).seed, measured.hits
    clean = [hits.get((side, 0.0)) for side in (left, right)]
    if clean[0] is None or clean[1] is None:
        return []
    both, found = clean[0] & clean[1], []
    if asked.claim == "C3":
        kept = {
            eps: {seed: (count(clean[0]), count(hits[left, eps]))}
            for eps in asked.measurement.eps_255
            if (left, eps) in hits
        }
        if kept:
            found.append(("the vulnerability disappears", Retention(_label(left), kept)))
    pairs = {
        eps: {seed: paired(hits[left, eps][both], hits[right, eps][both])}
        for eps in asked.measurement.eps_255
        if (left, eps) in hits and (right, eps) in hits and both.any()
    }
    if pairs:
        found.append((f"{_label(left)} against {_label(right)}", Contest(_label(left), _label(right), pairs)))
    return found


def _upkeep(measured: Measured) -> list[tuple[str, Evidence]]:
    left, right = measured.asked.left, measured.asked.right
    if (left, 0) not in measured.hits or (right, 0) not in measured.hits:
        return []
    pairs = {zoo.card(left.name).seed: paired(measured.hits[left, 0], measured.hits[right, 0])}
    return [("accuracy is kept", Upkeep(_label(left), _label(right), pairs))]


def _label(side: Side) -> str:
    return NAMES[side.norm] + ("" if side.norm == "none" else f", {side.statistics}")


# --- C1, C2


@dataclass(frozen=True, eq=False)
class _Moved:
    """By (attack, eps): each measure's (layers,) over its band or not; the images right with either statistics."""

    label: str
    n: int
    beyond: dict[tuple[str, float], dict[str, torch.Tensor]]
    hits: dict[tuple[str, float], torch.Tensor]
    own: dict[tuple[str, float], torch.Tensor]

    def displacement(self, *measures: str) -> Displacement:
        def of(*kinds: str) -> dict:
            return {
                eps: {self.label: torch.stack([found[m] for m in measures]).any(0)[None].numpy()}
                for (attack, eps), found in self.beyond.items()
                if attack in kinds
            }

        return Displacement(self.label, of("pgd"), of("noise", "clean"), self.n, len(measures))

    def recovery(self) -> Recovery:
        clean = self.hits["clean", 0.0]
        lost = {key: clean & ~hits for key, hits in self.hits.items() if key[0] == "pgd"}
        return Recovery(
            "BatchNorm", {key[1]: (int((gone & self.own[key]).sum()), int(gone.sum())) for key, gone in lost.items()}
        )


def _move(asked: Measurement, job: Job) -> _Moved:
    job.progress(0, "Reading images and models")
    tracked, batchwise = asked.sides
    batch, population = asked.images().to(asked.device), shift.population(tracked.name)
    attacked, probed = tracked.load(asked.device), zoo.load(tracked.name, device=asked.device)
    own = batchwise.load(asked.device)
    turns = [("clean", 0.0), *(("pgd", eps) for eps in asked.eps_255), *(("noise", eps) for eps in asked.eps_255)]
    found = _Moved(_label(tracked), len(batch), {}, {}, {})
    for done, (attack, eps) in enumerate(turns):

        def tell(step: Step, done: int = done, attack: str = attack, eps: float = eps) -> None:
            text = f"{attacks.CATALOGUE[attack].title} at {eps:g}/255: step {step.index} of {step.total}"
            job.progress((done + step.index / step.total) / len(turns), text)

        images = batch.images
        if attack != "clean":
            made = attacks.make(attack, eps / 255)
            images = made.run(attacked, batch, evaluation.batch_generator(asked.seed, 0), tell).adversarial
        moved = shift.compare(probes.record(probed, images, grid=population.statistics), population.statistics)
        beyond = {
            measure: torch.tensor([
                layer.summary(measure) > population.band("tracked", len(batch), layer.name, measure).summary_high
                for layer in moved.layers
            ])
            for measure in shift.MEASURES
        }  # fmt: skip
        hits = [evaluation.predict(model, images).cpu() == batch.labels.cpu() for model in (attacked, own)]
        key = attack, eps
        found = _Moved(found.label, found.n, {**found.beyond, key: beyond}, {**found.hits, key: hits[0]},
                       {**found.own, key: hits[1]})  # fmt: skip
        job.progress((done + 1) / len(turns), f"{attack} is done", found if len(found.beyond) > 1 else None)
    return found


# --- C4


def _resize(asked: Measurement, job: Job) -> Need:
    batch = asked.images()
    job.progress(0, "Reading the images")
    batchwise, tracked = (side.load(asked.device) for side in asked.sides)
    need = Need(_label(asked.left), _counted(tracked, batch, len(batch)), {}, {})
    chosen = sizes(len(batch))
    for done, size in enumerate(chosen, start=1):
        counts = {**need.by_size, size: _counted(batchwise, batch, size)}
        need = Need(need.label, need.tracked, counts, {})
        job.progress(done / len(chosen), f"batches of {size}", need)
    return need


def _counted(model: torch.nn.Module, batch: data.Batch, size: int) -> Count:
    found = evaluation.accuracy(model, batch, batch_size=size)
    return Count(found.correct, found.n)
