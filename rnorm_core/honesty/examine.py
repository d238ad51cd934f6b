"""Puts a model through all checks, the cheap ones first; each finding is told as it comes."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rnorm_core import attacks
from rnorm_core.attacks import Attack, Step, statistics_of
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Accuracy, batch_generator, predict, wilson
from rnorm_core.honesty import checks
from rnorm_core.honesty.budget import LIVE, Budget
from rnorm_core.honesty.finding import Finding, Number, Report, not_measured, right
from rnorm_core.honesty.looks import gradients, neighbours
from rnorm_core.honesty.rules import PASS
from rnorm_core.norms import looks_at_batch


def examine(
    model: nn.Module,
    batch: Batch,
    budget: Budget = LIVE,
    *,
    surrogate: nn.Module | None = None,
    seed: int = 0,
    on_finding: Callable[[Finding], object] | None = None,
    on_progress: Callable[[float, str], object] | None = None,
) -> Report:
    """All checks on one model in its mode, in eval mode, with frozen weights.

    surrogate: another network of the same classes to craft transferred attacks on; without one nothing is transferred.
    seed: of all random numbers, as in `evaluation.accuracy`, whose accuracies these are.
    on_finding, on_progress(fraction, what is done): called as the work goes on, the latter at every step of an attack;
    what they raise ends the examination and reaches the caller.
    UserError if there are fewer than two images or a label is unknown.
    """
    batch = batch.select(range(min(budget.count, len(batch))))
    if len(batch) < 2 or bool((batch.labels < 0).any()):
        raise UserError("The checks need two images or more, all of them labelled.", "Choose labelled images.")
    return _Examination(model, batch, budget, surrogate, seed, on_finding, on_progress).run()


class _Examination:
    """One run of `examine`: what has been found and how far it is."""

    def __init__(
        self,
        model: nn.Module,
        batch: Batch,
        budget: Budget,
        surrogate: nn.Module | None,
        seed: int,
        on_finding: Callable[[Finding], object] | None,
        on_progress: Callable[[float, str], object] | None,
    ) -> None:
        self.model, self.batch, self.budget, self.surrogate, self.seed = model, batch, budget, surrogate, seed
        self.on_finding, self.on_progress = on_finding, on_progress
        self.findings: list[Finding] = []
        self.scores: list[Accuracy] = []
        self.planned, self.done, self.doing = budget.work, 0.0, ""

    def run(self) -> Report:
        budget, eps = self.budget, self.budget.eps
        self._find(self._gradients())
        alone = self._neighbours()

        clean = self._score(None)
        one = self._attack("fgsm", eps)
        curve = {size: self._attack("pgd", size, budget.steps) for size in sorted({*budget.sizes, eps})}
        usual = curve[eps]
        self._find(checks.steps(one, usual))
        self._find(checks.eps([clean, *curve.values()]))
        largest = curve[max(curve)]
        self._find(checks.zero(largest) or not_measured("zero", "No attack was large enough to tell."))

        random = self._attack("noise", eps)
        self._find(checks.noise(random, usual))
        more = self._attack("pgd", eps, budget.more_steps, restarts=budget.restarts)
        self._find(checks.effort(usual, more))

        strongest = min(usual, more, key=lambda score: score.correct)
        blind = [self._attack("square", eps, budget.queries)]
        if self.surrogate is not None:
            blind.append(self._attack("pgd", eps, budget.steps, crafter=self.surrogate))
        self._find(checks.black_box(strongest, blind))

        worst, parts = self._worst([clean, one, random, usual, more, *blind], alone)
        self._find(checks.worst_case(usual, worst, parts))
        self._tell(1.0)
        return Report(
            getattr(self.model, "name", "unnamed"), statistics_of(self.model), getattr(self.model, "weight_hash", ""),
            tuple(self.batch.ids), budget, self.seed, self.batch.source, tuple(self.findings),
            tuple(self.scores),
        )  # fmt: skip

    def _gradients(self) -> Finding:
        self.doing = "gradients"
        self._tell()
        return checks.gradients(gradients(self.model, self.batch, self.budget.batch_size))

    def _neighbours(self) -> bool:
        """Whether each image is judged for itself, by its mode and as far as was seen."""
        self.doing = "neighbours"
        self._tell()
        generator = batch_generator(self.seed, len(self.batch))
        found = checks.neighbours(neighbours(self.model, self.batch, self.budget.batch_size, generator))
        self._find(found)
        return found.verdict == PASS and not looks_at_batch(statistics_of(self.model))

    def _worst(self, before: Sequence[Accuracy], alone: bool) -> tuple[Accuracy, list[Number]]:
        """The images that nothing fools. Where each is judged for itself, those that are fooled are left out of further
        attacks; everywhere else that would change what is attacked.
        """
        hits = torch.stack([score.hits for score in before]).all(0)
        parts = [right("after all attacks so far", self._sum(hits, before[-1].spec))]
        ranks = _likely_others(self.model, self.batch, self.budget)
        classes = ranks.shape[1] + 1
        losses = ["ce", "dlr" if classes >= 3 and alone else "margin"]
        plans = [(loss, None) for loss in losses]
        plans += [("dlr" if classes >= 4 and alone else "margin", k) for k in range(min(self.budget.aims, classes - 1))]
        for loss, rank in plans:
            left = hits.nonzero()[:, 0] if alone else torch.arange(len(self.batch))
            if len(left):
                aim = None if rank is None else ranks[left, rank]
                score = self._attack("apgd", self.budget.eps, self.budget.apgd, which=left, aims=aim, loss=loss)
                hits[left] &= score.hits
                what = f"after {checks.named(score)}" + ("" if rank is None else f", other class {rank + 1}")
                parts.append(right(what, self._sum(hits, score.spec)))
            self._skip(0 if len(left) else self.budget.apgd)
        return self._sum(hits, {"name": "the worst case", "eps": self.budget.eps}), parts

    def _attack(
        self,
        name: str,
        eps: float,
        steps: int | None = None,
        *,
        crafter: nn.Module | None = None,
        which: Tensor | None = None,
        aims: Tensor | None = None,
        **options: object,
    ) -> Accuracy:
        """aims: (N,) classes to aim at, of the images `which` (all if None)."""

        def make(part: range) -> Attack:
            targets = None if aims is None else aims[part.start : part.stop]
            return attacks.make(name, eps, steps, targets=targets, **options)

        batch = self.batch if which is None else self.batch.select(which.tolist())
        self.doing = attacks.CATALOGUE[name].title + f" at {255 * eps:g}/255"
        score = self._score(make, crafter, batch)
        if which is None or len(which) == len(self.batch):
            self.scores.append(score)
        return score

    def _score(
        self, make: Callable[[range], Attack] | None, crafter: nn.Module | None = None, batch: Batch | None = None
    ) -> Accuracy:
        batch, hits, spec = batch or self.batch, [], {}
        size = self.budget.batch_size
        for index, start in enumerate(range(0, len(batch), size)):
            places = range(start, min(start + size, len(batch)))
            part = batch.select(places)
            if make is None:
                predicted = predict(self.model, part.images)
            else:
                attack, generator = make(places), batch_generator(self.seed, index)
                step = self._stepper(len(part) / len(batch))
                trace = attack.run(crafter or self.model, part, generator, step)
                spec = {**attack.spec, "targets": None, "aimed": attack.targets is not None}
                predicted = trace.adversarial_probabilities.argmax(1)
                if crafter is not None:
                    spec["crafted_on"] = getattr(crafter, "name", "unnamed")
                    predicted = predict(self.model, trace.adversarial)
            hits.append(predicted.cpu() == part.labels.cpu())
        score = self._sum(torch.cat(hits), spec)
        if make is None:
            self.scores.append(score)
        return score

    def _sum(self, hits: Tensor, spec: dict) -> Accuracy:
        correct, n = int(hits.sum()), len(hits)
        return Accuracy(
            correct, n, *wilson(correct, n), hits.clone(), getattr(self.model, "name", "unnamed"),
            statistics_of(self.model), getattr(self.model, "weight_hash", ""), spec, self.budget.batch_size,
        )  # fmt: skip

    def _find(self, finding: Finding) -> None:
        self.findings.append(finding)
        if self.on_finding:
            self.on_finding(finding)

    def _stepper(self, weight: float) -> Callable[[Step], None]:
        def step(now: Step) -> None:
            self._skip(weight if now.index else 0)

        return step

    def _skip(self, work: float) -> None:
        self.done += work
        self._tell()

    def _tell(self, fraction: float | None = None) -> None:
        if self.on_progress:
            self.on_progress(min(1.0, self.done / self.planned) if fraction is None else fraction, self.doing)


@torch.inference_mode()
def _likely_others(model: nn.Module, batch: Batch, budget: Budget) -> Tensor:
    """(N, K - 1) every image's other classes, those that the model finds likeliest first."""
    device = next(model.parameters(), batch.images).device
    logits = torch.cat([model(images.to(device)).cpu() for images in batch.images.split(budget.batch_size)])
    order = logits.argsort(1, descending=True)
    return order[order != batch.labels.cpu()[:, None]].view(len(batch), -1)
