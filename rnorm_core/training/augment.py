"""Random crops and flips of a whole training set that is kept in memory. The device computes the crops."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnorm_core.training.recipe import Recipe


class TrainingImages:
    """uint8 (N, 32, 32, 3) images, stored with their padding, and int64 (N,) labels on the device."""

    def __init__(self, images: Tensor, labels: Tensor, padding: int, device: torch.device) -> None:
        n, height, width, channels = images.shape
        shape = (n, height + 2 * padding, width + 2 * padding, channels)
        self.padded = torch.zeros(shape, dtype=torch.uint8, device=device)
        self.padded[:, padding : padding + height, padding : padding + width] = images.to(device)
        self.labels = labels.to(device)
        self.padding = padding

    def __len__(self) -> int:
        return len(self.labels)

    def epoch(self, recipe: Recipe, epoch: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled batches: images float32 (B, 3, crop, crop) in [0, 1], channels-last, and labels (B,).

        An epoch depends only on (seed, epoch), so a resumed training gets the same batches. Images at the end that
        do not fill a batch are left out of this epoch.
        """
        device = self.labels.device
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        n, crop = len(self), recipe.crop_in(epoch)
        order = torch.randperm(n, generator=generator).to(device)
        middle = (self.padded.shape[1] - 2 * self.padding - crop) // 2
        corners = (middle + torch.randint(2 * self.padding + 1, (2, n), generator=generator)).to(device)
        flips = torch.rand(n, generator=generator).to(device) < (0.5 if recipe.flip else -1)
        steps = torch.arange(crop, device=device)
        for start in range(0, n - recipe.batch_size + 1, recipe.batch_size):
            chosen = order[start : start + recipe.batch_size]
            (top, left), flip = corners[:, chosen], flips[chosen]
            rows = top[:, None] + steps
            columns = left[:, None] + torch.where(flip[:, None], steps.flip(0), steps)
            cut = self.padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]  # (B, crop, crop, 3)
            yield cut.permute(0, 3, 1, 2).float().div_(255), self.labels[chosen]
