"""Movements without each group of images: as merged recordings say."""

import pytest
import torch

from rnorm_core import probes, shift
from rnorm_core.shift import MEASURES
from tests.shift.small import network, pictures

GROUPS = [[0, 3], [1, 4, 6], [2, 5]]


@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_movements_are_those_of_merged_recordings(norm):
    model, images, others = (
        network(norm),
        *(pictures(n, seed).permute(0, 3, 1, 2) / 255 for n, seed in ((7, 0), (20, 1))),
    )
    units = probes.record(model, others)
    now, before = (probes.record_each(model, x, GROUPS, grid=units) for x in ((images + 0.1).clamp(0, 1), images))
    moved = shift.movements(shift.remainders(now), shift.remainders(before), units)
    for g in range(len(GROUPS)):
        one, other = (probes.merge([part for k, part in enumerate(parts) if k != g]) for parts in (now, before))
        layers = shift.compare(one, other, units).layers
        for measure in MEASURES:
            wanted = torch.tensor([layer.summary(measure) for layer in layers])
            assert wanted.abs().max() > 0
            torch.testing.assert_close(moved[measure][g], wanted, rtol=1e-4, atol=1e-6)
