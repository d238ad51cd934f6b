"""Runs all checks on a model, the cheap ones first. Each finding is reported as soon as it is made."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rnorm_core import attacks
from rnorm_core.attacks import Step, statistics_of
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Accuracy, attack_batch, batch_generator, predict, wilson
from rnorm_core.norms import looks_at_batch
from rnorm_core.progress import Progress, silent
from rnorm_core.sanity import checks
from rnorm_core.sanity.budget import LIVE, Budget
from rnorm_core.sanity.finding import Finding, Number, Report, not_measured, right
from rnorm_core.sanity.measurements import gradients, neighbours
from rnorm_core.sanity.rules import PASS


def examine(
    model: nn.Module,
    batch: Batch,
    budget: Budget = LIVE,
    *,
    surrogate: nn.Module | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Report:
    """All checks on one model, which is in eval mode with frozen weights and stays in its statistics mode.

    surrogate: another network of the same classes, for attacks that are transferred to the model. None: no such attack.
    seed:      of all random numbers. They are used as in `evaluation.accuracy`, so the accuracies are the same as
               there.
    progress:  called at every step of an attack, and with a Report of the findings so far after each finding.
    UserError if there are fewer than two images or a label is unknown.
    """
    batch = batch.select(range(min(budget.count, len(batch))))
    if len(batch) < 2 or bool((batch.labels < 0).any()):
        raise UserError("The checks need at least two images, all with labels.", "Choose labelled images.")
    return _Examination(model, batch, budget, surrogate, seed, progress).run()


class _Examination:
    """One run of `examine`, with its findings, accuracies and progress."""

    def __init__(
        self,
        model: nn.Module,
        batch: Batch,
        budget: Budget,
        surrogate: nn.Module | None,
        seed: int,
        progress: Progress,
    ) -> None:
        self.model, self.batch, self.budget, self.surrogate, self.seed = model, batch, budget, surrogate, seed
        self.progress = progress
        self.findings: list[Finding] = []
        self.scores: list[Accuracy] = []
        self.done, self.text = 0.0, ""

    def run(self) -> Report:
        budget, eps = self.budget, self.budget.eps
        self._add(self._gradients())
        independent = self._neighbours()

        clean = self._clean()
        one = self._attack("fgsm", eps)
        curve = {size: self._attack("pgd", size, budget.steps) for size in sorted({*budget.sizes, eps})}
        usual = curve[eps]
        self._add(checks.steps(one, usual))
        self._add(checks.eps([clean, *curve.values()]))
        largest = curve[max(curve)]
        self._add(checks.zero(largest) or not_measured("zero", "No attack was large enough to tell."))

        random = self._attack("noise", eps)
        self._add(checks.noise(random, usual))
        more = self._attack("pgd", eps, budget.more_steps, restarts=budget.restarts)
        self._add(checks.effort(usual, more))

        strongest = min(usual, more, key=lambda score: score.correct)
        blind = [self._attack("square", eps, budget.queries)]
        if self.surrogate is not None:
            blind.append(self._attack("pgd", eps, budget.steps, crafter=self.surrogate))
        self._add(checks.black_box(strongest, blind))

        worst, parts = self._worst([clean, one, random, usual, more, *blind], independent)
        self._add(checks.worst_case(usual, worst, parts))
        self.progress(1.0, self.text)
        return self._report()

    def _report(self) -> Report:
        return Report(
            getattr(self.model, "name", "unnamed"), statistics_of(self.model), getattr(self.model, "weight_hash", ""),
            tuple(self.batch.ids), self.budget, self.seed, self.batch.source, tuple(self.findings),
            tuple(self.scores),
        )  # fmt: skip

    def _gradients(self) -> Finding:
        self.text = "gradients"
        self._advance(0)
        return checks.gradients(gradients(self.model, self.batch, self.budget.batch_size))

    def _neighbours(self) -> bool:
        """Whether an image's prediction is independent of the other images, both by the mode and by the check."""
        self.text = "neighbours"
        self._advance(0)
        generator = batch_generator(self.seed, len(self.batch))
        finding = checks.neighbours(neighbours(self.model, self.batch, self.budget.batch_size, generator))
        self._add(finding)
        return finding.verdict == PASS and not looks_at_batch(statistics_of(self.model))

    def _worst(self, before: Sequence[Accuracy], independent: bool) -> tuple[Accuracy, list[Number]]:
        """The images that no attack fools.

        Where predictions are independent, images that are fooled already are left out of further attacks. Otherwise all
        images stay, because another batch would be another classifier.
        """
        hits = torch.stack([score.hits for score in before]).all(0)
        parts = [right("after all attacks so far", self._sum(hits, before[-1].spec))]
        ranks = _likely_others(self.model, self.batch, self.budget)
        classes = ranks.shape[1] + 1
        losses = ["ce", *["dlr"] * (classes >= 3 and independent), "margin"]
        plans = [(loss, None) for loss in losses]
        aimed = "dlr" if classes >= 4 and independent else "margin"
        plans += [(aimed, k) for k in range(min(self.budget.aims, classes - 1))]
        for loss, rank in plans:
            left = hits.nonzero()[:, 0] if independent else torch.arange(len(self.batch))
            if len(left):
                aim = None if rank is None else ranks[left, rank]
                score = self._attack("apgd", self.budget.eps, self.budget.apgd, which=left, aims=aim, loss=loss)
                hits[left] &= score.hits
                title = f"after {checks.attack_title(score)}" + ("" if rank is None else f", other class {rank + 1}")
                parts.append(right(title, self._sum(hits, score.spec)))
            else:
                self._advance(self.budget.apgd)
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
        """Accuracy under an attack on the images `which` (all if None). aims: (N,) their target classes.

        crafter: the network that the attack is made for, by default the examined one.
        """
        batch = self.batch if which is None else self.batch.select(which.tolist())
        self.text = attacks.CATALOGUE[name].title + f" at {255 * eps:g}/255"
        hits, spec = [], {}
        for index, part in enumerate(torch.arange(len(batch)).split(self.budget.batch_size)):
            targets = None if aims is None else aims[part[0] : part[-1] + 1]
            attack = attacks.make(name, eps, steps, targets=targets, **options)
            images = batch.select(part.tolist())
            step = self._stepper(len(part) / len(batch))
            trace = attack_batch(crafter or self.model, images, attack, seed=self.seed, index=index, on_step=step)
            spec = {**attack.spec, "targets": None, "aimed": attack.targets is not None}
            if crafter is None:
                hits.append(trace.right)
            else:
                spec["crafted_on"] = getattr(crafter, "name", "unnamed")
                hits.append(predict(self.model, trace.adversarial).cpu() == images.labels.cpu())
        score = self._sum(torch.cat(hits), spec)
        if len(batch) == len(self.batch):
            self.scores.append(score)
        return score

    def _clean(self) -> Accuracy:
        parts = torch.arange(len(self.batch)).split(self.budget.batch_size)
        predicted = torch.cat([predict(self.model, self.batch.images[part]).cpu() for part in parts])
        score = self._sum(predicted == self.batch.labels.cpu(), {})
        self.scores.append(score)
        return score

    def _sum(self, hits: Tensor, spec: dict) -> Accuracy:
        correct, n = int(hits.sum()), len(hits)
        return Accuracy(
            correct, n, *wilson(correct, n), hits.clone(), getattr(self.model, "name", "unnamed"),
            statistics_of(self.model), getattr(self.model, "weight_hash", ""), spec, self.budget.batch_size,
        )  # fmt: skip

    def _add(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.progress(self._fraction, finding.title, self._report())

    def _stepper(self, cost: float) -> Callable[[Step], None]:
        """A callback for each step of an attack. Its first call, for the clean images, does not count as work."""

        def on_step(step: Step) -> None:
            self._advance(cost if step.index else 0)

        return on_step

    def _advance(self, cost: float) -> None:
        self.done += cost
        self.progress(self._fraction, self.text)

    @property
    def _fraction(self) -> float:
        return min(1.0, self.done / self.budget.work)


@torch.inference_mode()
def _likely_others(model: nn.Module, batch: Batch, budget: Budget) -> Tensor:
    """(N, K - 1): for each image the classes other than its label, the most likely first."""
    device = next(model.parameters(), batch.images).device
    logits = torch.cat([model(images.to(device)).cpu() for images in batch.images.split(budget.batch_size)])
    order = logits.argsort(1, descending=True)
    return order[order != batch.labels.cpu()[:, None]].view(len(batch), -1)
