"""Measures what arrives at a model's norm layers: `python -m rnorm_core.training.population cifar10-resnet20-bn`.

All training images run through the network, not augmented, in its norm's default mode: that is the population. Then
clean batches of several sizes are drawn, in every statistics mode, and their shifts from the population give the
natural bands. Needs torch, numpy, pyarrow, Pillow and safetensors, and about ten minutes of one CPU core for a
ResNet-20.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from rnorm_core import norms, probes, shift, zoo
from rnorm_core.data import data_hash, files
from rnorm_core.errors import UserError, one_line_errors
from rnorm_core.replace import put
from rnorm_core.versions import code_version, versions

BATCH = 128
BATCHES = {1: 1000, 8: 500, 20: 500, 128: 200}  # batch size -> clean batches drawn for its band
SINGLES = {8: 2, 20: 2, 128: 5}  # batch size -> images of each batch that are also looked at alone, in batch modes

Progress = Callable[[str, int, int], None]


def measure(
    name: str,
    directory: Path | None = None,
    device: str | torch.device = "cpu",
    batches: dict[int, int] | None = None,
    on_progress: Progress = lambda what, done, total: None,
) -> Path:
    """Measures a shipped model on its training set, writes the file that `zoo.population` reads and returns its path.

    `batches` is `BATCHES` unless given. `on_progress(what, done, total)` is called after each batch.
    UserError if there is no such model, or its training images are not at hand.
    """
    card = zoo.card(name)
    pixels = files.read(files.locate(card.dataset, "train", directory), card.dataset, "train")
    if data_hash(pixels.ids) != card.data_hash:
        raise UserError(
            f"{name} was trained on other images than these {len(pixels.ids):,}.",
            f"name the folder of {card.dataset}'s whole training set with --data.",
        )
    images = torch.tensor(pixels.images)
    model = zoo.load(name, device=device)
    tensors, sizes = population(model, images, on_progress)
    about = {
        "model": name,
        "weight_hash": card.sha256,
        "data_hash": card.data_hash,
        "n": str(len(images)),
        "layers": json.dumps(sizes),
        "made_with": json.dumps(versions()),
        "code_version": code_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    reference = shift.assemble(tensors, about, card.norm).statistics
    for statistics in norms.modes(card.norm):
        model = zoo.load(name, statistics, device)
        tensors |= bands(model, images, reference, batches or BATCHES, on_progress)
    about["sha256"] = zoo.digest(tensors)
    path = zoo.population_path(name)
    put({path: save(tensors, about)}, "make room or allow writing there.")
    return path


def population(
    model: nn.Module, images: Tensor, on_progress: Progress = lambda what, done, total: None
) -> tuple[dict[str, Tensor], dict[str, int]]:
    """The numbers of all `images`, uint8 (N, H, W, 3), as `shift.assemble` reads them, and each layer's channels.

    Two passes in batches of 128 of shuffled images, since a histogram's grid needs mean and deviation first. Batches
    are added up in float64.
    """
    batches = torch.randperm(len(images), generator=torch.Generator().manual_seed(0)).split(BATCH)
    found: dict[str, list[Tensor]] = {name: [] for name in probes.norm_layers(model)}

    def hear_moments(name: str, _: nn.Module, x: Tensor) -> None:
        values = probes.channel_major(x)
        minimum, maximum = values.amin(1), values.amax(1)
        found[name].append(torch.stack([*probes.moments(values, minimum), minimum, maximum]))

    _run(model, images, batches, hear_moments, "mean and deviation", on_progress)
    weights = torch.tensor([len(batch) for batch in batches], dtype=torch.float64)[:, None] / len(images)
    full = [len(batch) == len(batches[0]) for batch in batches]
    numbers, edges, counts = {}, {}, {}
    for name, parts in found.items():
        means, deviations, minima, maxima = torch.stack(parts).double().unbind(1)  # (batches, C) each
        mean = (weights * means).sum(0)
        std = (weights * (deviations.square() + (means - mean).square())).sum(0).sqrt()
        minimum, maximum = minima.amin(0), maxima.amax(0)
        numbers[name] = {
            "mean": mean.float(), "std": std.float(), "minimum": minimum.float(), "maximum": maximum.float(),
            "range": (maxima - minima)[full].mean(0).float(),
        }  # fmt: skip
        edges[name] = probes.grid_edges(*(numbers[name][key] for key in ("mean", "std", "minimum", "maximum")))
        counts[name] = torch.zeros(probes.BINS, len(mean), dtype=torch.int64)

    def hear_histogram(name: str, _: nn.Module, x: Tensor) -> None:
        counts[name] += probes.histogram(probes.channel_major(x), edges[name])

    _run(model, images, batches, hear_histogram, "histogram", on_progress)
    tensors = {key: torch.cat([part[key] for part in numbers.values()]) for key in next(iter(numbers.values()))}
    tensors["histogram"] = torch.cat(list(counts.values()), 1).int()
    return tensors, {name: counts[name].shape[1] for name in counts}


def bands(
    model: nn.Module,
    images: Tensor,
    reference: probes.LayerStatistics,
    batches: dict[int, int],
    on_progress: Progress = lambda what, done, total: None,
) -> dict[str, Tensor]:
    """The natural bands in the model's statistics mode, as `shift.assemble` reads them.

    For each size in `batches` that many batches are drawn, each without replacement, by a generator seeded with it.
    """
    tensors = {}
    for size, times in batches.items():
        generator = torch.Generator().manual_seed(size)
        # Alone, with the population's statistics, an image is the same as in any batch.
        alone = [[i] for i in range(SINGLES.get(size, 0) if norms.looks_at_batch(str(model.statistics)) else 0)]
        shifts: dict[int, list[shift.Shift]] = {}
        for done in range(times):
            batch = _floats(images[torch.randperm(len(images), generator=generator)[:size]])
            for recorded in probes.record_each(model, batch, [None, *alone], grid=reference):
                shifts.setdefault(recorded.n, []).append(shift.compare(recorded, reference))
            on_progress(f"band, {model.statistics}, batches of {size}", done + 1, times)
        for n, drawn in shifts.items():
            for measure in shift.MEASURES:
                key = f"band/{model.statistics}/{n}/{size}/{measure}"
                channels = torch.stack([torch.cat([layer.values(measure) for layer in s.layers]) for s in drawn])
                summaries = torch.tensor([[layer.summary(measure) for layer in s.layers] for s in drawn])
                for end, values in (("", channels), ("/summary", summaries)):
                    tensors[key + end] = values.quantile(torch.tensor(shift.LEVELS), 0).contiguous()
                low, _, high = tensors[key + "/summary"]
                outside = ((summaries < low) | (summaries > high)).sum(1)
                tensors[key + "/outside"] = outside.bincount(minlength=len(low) + 1).int()
    return tensors


def _run(
    model: nn.Module,
    images: Tensor,
    batches: Sequence[Tensor],
    hear: Callable[[str, nn.Module, Tensor], None],
    what: str,
    on_progress: Progress,
) -> None:
    device = next(model.parameters()).device
    with torch.no_grad(), probes.listening(model, hear):
        for done, batch in enumerate(batches):
            model(_floats(images[batch]).to(device))
            on_progress(what, done + 1, len(batches))


def _floats(images: Tensor) -> Tensor:
    """uint8 (N, H, W, 3) -> float32 (N, 3, H, W) in [0, 1]."""
    return images.permute(0, 3, 1, 2).float().div(255)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.training.population", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--data", type=Path, help="folder with parquet parts or torchvision's CIFAR folder")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(argv)

    def show(what: str, done: int, total: int) -> None:
        end = "\n" if done == total else ""
        if sys.stdout.isatty():
            print(f"\r  {what}: {done}/{total} ", end=end, flush=True)
        elif end:
            print(f"  {what}", flush=True)

    with one_line_errors("of the network that was under way nothing was written"):
        for name in options.names:
            print(name, flush=True)
            print(f"written: {measure(name, options.data, options.device, on_progress=show)}", flush=True)


if __name__ == "__main__":
    main()
