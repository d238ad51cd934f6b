"""Tables of what comes with the library: curves, comparisons, claims, checks, trainings."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnorm_core import evaluation, sanity, zoo
from rnorm_core.data import works as listed_works
from rnorm_core.evaluation.claims.benefits import LEVELS, benefits
from rnorm_core.evaluation.claims.records import records
from rnorm_core.evaluation.claims.shipped import shipped
from rnorm_core.evaluation.measure.learned_layers import learned
from rnorm_core.evaluation.tables import alike, batch_sizes, curves, headline, laboratories
from rnorm_core.experiments import transfer_matrix
from rnorm_core.report import points
from rnorm_core.report.files import Tables
from rnorm_core.report.numbers import attacks, checks
from rnorm_core.report.numbers.parts import EPS, network, share
from rnorm_core.training import learning_rates
from rnorm_core.zoo import Variant


def accuracy(variants: Sequence[Variant], attacks: Sequence[str], pixels: str = "float", fair: bool = False) -> Tables:
    """The points of curves. fair: of the images that all these networks get right when clean."""
    table = evaluation.table(_dataset(variants[0]))
    drawn = [
        line
        for attack in attacks
        for line in curves.lines(table, variants, attack, pixels, fair=fair, rows=headline.rows)
    ]
    return {"points": points.records(drawn)}


def compared(left: Variant, right: Variant, attack: str, eps_255: float, pixels: str) -> Tables:
    found = alike.compare(evaluation.table(_dataset(left)), (left, right), attack, eps_255, pixels)
    return attacks.comparison(found) if found else {}


def transfer(request: transfer_matrix.Request) -> Tables:
    found = transfer_matrix.shipped(request)
    return attacks.transfer(found) if found else {}


def by_batch_size(models: Sequence[str]) -> Tables:
    """Accuracy by batch size, and in batches of `batch size` of the networks in their usual mode."""
    rows = [row for row in batch_sizes.by_size(zoo.card(models[0]).dataset)[0] if row.model in models]
    return {
        "accuracy": [
            {**network(Variant.of(row.model, row.statistics)), "attack": row.attack, EPS: row.eps_255,
             "batch size": row.batch_size, **share(row)}
            for row in rows
        ]
    }  # fmt: skip


def claims(dataset: str, only: Sequence[str] = ()) -> Tables:
    """The numbers behind the verdicts on the paper's claims; only: their ids."""
    judged = shipped(dataset).by_claim
    return {"claims": records(one for claim, some in judged.items() if claim in (only or judged) for one in some)}


def findings(variants: Sequence[Variant]) -> Tables:
    """The sanity checks that need only the shipped tables."""
    dataset = _dataset(variants[0])
    table, others = evaluation.table(dataset), laboratories.rows(dataset)
    return {
        "checks": [
            row
            for one in variants
            for row in checks.findings(one.label, sanity.from_table(table, one.model, one.statistics, others))
        ]
    }


def training(models: Sequence[str]) -> Tables:
    """Loss and accuracy on the training images, by epoch."""
    keys = ("epoch", "train_loss", "train_accuracy")
    return {"epochs": [{"model": m, **{key: row[key] for key in keys}} for m in models for row in zoo.card(m).curve]}


def norm_layers(models: Sequence[str]) -> Tables:
    """Every channel of every norm layer; empty where its norm has no such number."""
    rows: list[dict[str, Any]] = []
    for model in models:
        for i, layer in enumerate(learned(model)):
            for c in range(layer.channels):
                numbers = {key: _at(getattr(layer, key), c) for key in ("gamma", "mean", "spread", "scale", "gain")}
                rows.append({"model": model, "layer": i + 1, "name": layer.name, "channel": c, **numbers})
    return {"channels": rows}


def seeds(models: Sequence[str]) -> Tables:
    """Trainings that differ in norm and seed alone: accuracy, and the first epoch with a training accuracy."""
    groups = benefits([zoo.card(model) for model in models])
    return {
        "trainings": [
            {"group": g, "model": one.model, "seed": one.seed, "correct": one.correct, "n": one.n, "low": one.low,
             "high": one.high, **{f"epoch of {level:g}": e for level, e in zip(LEVELS, one.epochs, strict=True)}}
            for g, group in enumerate(groups)
            for one in group
        ]
    }  # fmt: skip


def rates(dataset: str) -> Tables:
    """Accuracy on held-out training images by learning rate; `correct` is empty where a training diverged."""
    return {
        "rates": [
            {"norm": t.norm, "p": t.power, "seed": t.seed, "learning rate": t.peak_lr, "epochs": t.recipe.get("epochs"),
             "precision": t.recipe.get("precision"), "recipe": t.recipe.get("name"), "correct": t.correct, "n": t.n,
             "low": t.low, "high": t.high}
            for t in learning_rates.read(learning_rates.shipped(dataset))
        ]
    }  # fmt: skip


def works() -> Tables:
    """The works that are listed with the paper."""
    keys = ("key", "title", "year", "theme", "about", "source")
    return {"works": [{key: getattr(one, key) for key in keys} for one in listed_works.works()]}


def _dataset(variant: Variant) -> str:
    return zoo.card(variant.model).dataset


def _at(values: np.ndarray | None, channel: int) -> float | None:
    return None if values is None else float(values[channel])
