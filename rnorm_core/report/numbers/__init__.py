"""The numbers of a result as tables: rows of conditions, then of what was measured under them.

Sizes of attacks are in grey levels: 8 means 8/255. Shares are fractions, `low` to `high` their 95 % interval.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rnorm_core.experiments import (
    accuracy_sweep,
    attack_pair,
    batch_composition,
    channel,
    claim_check,
    corruption_sweep,
    landscape,
    layer_patching,
    poisoning,
    precise_bn,
    recalibration,
    robustness,
    shift_sweep,
    transfer_matrix,
)
from rnorm_core.experiments.landscape import photos
from rnorm_core.report.files import Tables
from rnorm_core.report.numbers import attacks, batches, checks, shifts


@dataclass(frozen=True)
class Experiment:
    """run: what makes the result, as a script writes it. tables: its numbers, from the result and options."""

    run: str
    tables: Callable[..., Tables]


EXPERIMENTS: dict[type, Experiment] = {
    accuracy_sweep.Result: Experiment("accuracy_sweep.run(request)", attacks.accuracy),
    attack_pair.Result: Experiment("attack_pair.run(request, batch=batch)", attacks.pair),
    landscape.Result: Experiment("landscape.run(request, batch=batch)", attacks.landscapes),
    photos.Result: Experiment("photos.run(request)", attacks.photos),
    transfer_matrix.Result: Experiment("transfer_matrix.run(request)", attacks.transfer),
    shift_sweep.Result: Experiment("shift_sweep.run(request)", shifts.shift),
    channel.Result: Experiment("channel.run(request)", shifts.channel),
    corruption_sweep.Result: Experiment("corruption_sweep.run(request)", shifts.corruptions),
    recalibration.Result: Experiment("recalibration.run(request)", shifts.recalibration),
    batch_composition.SizesResult: Experiment("batch_composition.run_sizes(request)", batches.sizes),
    batch_composition.NeighboursResult: Experiment("batch_composition.run_neighbours(request)", batches.neighbours),
    batch_composition.CompositionResult: Experiment("batch_composition.run_composition(request)", batches.composition),
    poisoning.Result: Experiment("poisoning.run(request)", batches.poisoning),
    layer_patching.Result: Experiment("layer_patching.run(request)", batches.patching),
    precise_bn.Result: Experiment("precise_bn.run(request)", batches.estimates),
    robustness.ExaminationResult: Experiment("robustness.run_examination(request)", checks.examination),
    robustness.SurfacesResult: Experiment("robustness.run_surfaces(request)", checks.surfaces),
    claim_check.Result: Experiment("claim_check.run(request)", checks.claim),
}


def tables(result: Any, **options: Any) -> Tables:
    """The tables of an experiment's result by name. Options choose a part of a large result, as the page shows it."""
    return EXPERIMENTS[type(result)].tables(result, **options)
