"""Measures the inputs of a model's norm layers: `python -m rnorm_core.shift.reference cifar10-resnet20-bn`.

All training images run through the network, not augmented, in the default mode of its norm: this is the population.
Then clean batches of several sizes are drawn in every statistics mode. Their shifts from the population give the
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
from rnorm_core.data import data_hash, files, kept_and_held
from rnorm_core.errors import UserError, one_line_errors
from rnorm_core.progress import Parts, Progress, silent
from rnorm_core.replace import put
from rnorm_core.versions import code_version, versions

BATCH = 128
BATCHES = {1: 1000, 8: 500, 20: 500, 128: 200}  # batch size -> clean batches drawn for its band
SINGLES = {8: 2, 20: 2, 128: 5}  # batch size -> images of each batch that are also recorded alone, in batch modes


def measure(
    name: str,
    directory: Path | None = None,
    device: str | torch.device = "cpu",
    batches: dict[int, int] | None = None,
    progress: Progress = silent,
) -> Path:
    """Measure a shipped model on its training set and write the file that `zoo.population` reads; returns its path.

    directory: of the training images (see `data.files.locate`). batches: batch size -> number of batches, by default
    `BATCHES`. UserError if there is no such model, or its training images are missing.
    """
    card = zoo.card(name)
    pixels = files.read(files.locate(card.dataset, "train", directory), card.dataset, "train")
    kept, _ = kept_and_held(len(pixels.ids), card.recipe.get("holdout", 0))
    if data_hash(pixels.ids[i] for i in kept) != card.data_hash:
        raise UserError(
            f"{name} was trained on other images than these {len(pixels.ids):,}.",
            f"name the folder of the whole training set of {card.dataset} with --data.",
        )
    images = torch.tensor(pixels.images)[kept.sort().values]  # in the order of the files
    modes, batches = norms.modes(card.norm), batches or BATCHES
    parts = Parts(progress, [2 * len(images), *[sum(size * times for size, times in batches.items())] * len(modes)])
    parts.begin("training images")
    tensors, sizes = population(zoo.load(name, device=device), images, parts.within)
    parts.end()
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
    for statistics in modes:
        parts.begin(f"bands, {statistics}")
        tensors |= bands(zoo.load(name, statistics, device), images, reference, batches, parts.within)
        parts.end()
    about["sha256"] = zoo.digest(tensors)
    path = zoo.population_path(name)
    put({path: save(tensors, about)}, "free some disk space, or allow writing to this folder.")
    return path


def population(
    model: nn.Module, images: Tensor, progress: Progress = silent
) -> tuple[dict[str, Tensor], dict[str, int]]:
    """The population of `images`, uint8 (N, H, W, 3): tensors for `shift.assemble`, and layer name -> channels.

    The shuffled images run through the network twice, in batches of 128: the first run gives mean and standard
    deviation, which determine the grid of the histograms. Sums over batches are in float64.
    """
    batches = torch.randperm(len(images), generator=torch.Generator().manual_seed(0)).split(BATCH)
    moments: dict[str, list[Tensor]] = {name: [] for name in probes.norm_layers(model)}
    parts = Parts(progress, 2)

    def take_moments(name: str, _: nn.Module, x: Tensor) -> None:
        values = probes.channel_major(x)
        minimum, maximum = values.amin(1), values.amax(1)
        moments[name].append(torch.stack([*probes.moments(values, minimum), minimum, maximum]))

    parts.begin("mean and deviation")
    _run(model, images, batches, take_moments, parts)
    weights = torch.tensor([len(batch) for batch in batches], dtype=torch.float64)[:, None] / len(images)
    full = [len(batch) == len(batches[0]) for batch in batches]
    numbers, edges, counts = {}, {}, {}
    for name, of_batches in moments.items():
        means, deviations, minima, maxima = torch.stack(of_batches).double().unbind(1)  # (batches, C) each
        mean = (weights * means).sum(0)
        std = (weights * (deviations.square() + (means - mean).square())).sum(0).sqrt()
        minimum, maximum = minima.amin(0), maxima.amax(0)
        numbers[name] = {
            "mean": mean.float(), "std": std.float(), "minimum": minimum.float(), "maximum": maximum.float(),
            "range": (maxima - minima)[full].mean(0).float(),
        }  # fmt: skip
        edges[name] = probes.grid_edges(*(numbers[name][key] for key in ("mean", "std", "minimum", "maximum")))
        counts[name] = torch.zeros(probes.BINS, len(mean), dtype=torch.int64)

    def take_histogram(name: str, _: nn.Module, x: Tensor) -> None:
        counts[name] += probes.histogram(probes.channel_major(x), edges[name])

    parts.begin("histogram")
    _run(model, images, batches, take_histogram, parts)
    tensors = {key: torch.cat([layer[key] for layer in numbers.values()]) for key in next(iter(numbers.values()))}
    tensors["histogram"] = torch.cat(list(counts.values()), 1).int()
    return tensors, {name: counts[name].shape[1] for name in counts}


def bands(
    model: nn.Module,
    images: Tensor,
    reference: probes.LayerStatistics,
    batches: dict[int, int],
    progress: Progress = silent,
) -> dict[str, Tensor]:
    """The natural bands in the statistics mode of `model`: the tensors that `shift.assemble` reads.

    images: uint8 (N, H, W, 3). batches: batch size -> number of batches. Each batch is drawn without replacement by a
    generator that is seeded with the batch size.
    """
    tensors, parts = {}, Parts(progress, [size * times for size, times in batches.items()])
    for size, times in batches.items():
        generator = torch.Generator().manual_seed(size)
        # With tracked statistics the other images do not matter: one image of a batch is like a batch of 1.
        alone = [[i] for i in range(SINGLES.get(size, 0) if norms.looks_at_batch(str(model.statistics)) else 0)]
        shifts: dict[int, list[shift.Shift]] = {}
        parts.begin(f"band, {model.statistics}, batches of {size}")
        for done in range(times):
            batch = _floats(images[torch.randperm(len(images), generator=generator)[:size]])
            for recorded in probes.record_each(model, batch, [None, *alone], grid=reference):
                shifts.setdefault(recorded.n, []).append(shift.compare(recorded, reference))
            parts.count(done + 1, times)
        parts.end()
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
    on_input: Callable[[str, nn.Module, Tensor], None],
    parts: Parts,
) -> None:
    device = next(model.parameters()).device
    with torch.no_grad(), probes.listening(model, on_input):
        for done, batch in enumerate(batches):
            model(_floats(images[batch]).to(device))
            parts.count(done + 1, len(batches))
    parts.end()


def _floats(images: Tensor) -> Tensor:
    """uint8 (N, H, W, 3) -> float32 (N, 3, H, W) in [0, 1]."""
    return images.permute(0, 3, 1, 2).float().div(255)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.shift.reference", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="models to measure")
    parser.add_argument("--data", type=Path, help="folder with CIFAR: the hub's parquet files, or torchvision's folder")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(argv)

    def show(fraction: float, text: str, partial: object = None) -> None:
        if sys.stdout.isatty():
            print(f"\r  {100 * fraction:3.0f} % {text:60}", end="\n" if fraction == 1 else "", flush=True)
        elif text.endswith(": done"):
            print(f"  {text}", flush=True)

    with one_line_errors("nothing was written for the network that was being measured"):
        for name in options.names:
            print(name, flush=True)
            print(f"written: {measure(name, options.data, options.device, progress=show)}", flush=True)


if __name__ == "__main__":
    main()
