"""What arrives at each norm layer of a network: per channel moments, extremes and a histogram; and what comes of it
when a layer is given other statistics than its own (`patched`).

A network without norms is looked at where they would stand (its `NoNorm` layers).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from rnorm_core.norms import BatchNorm2d, DualBatchNorm2d, NoNorm, RobustNorm2d

BINS = 256
REACH = 8.0  # a grid spans this many deviations to either side of the mean, so that a bin is 1/16 of one
KINDS = {"bn": BatchNorm2d, "rn": RobustNorm2d, "gn": nn.GroupNorm, "none": NoNorm, "dualbn": DualBatchNorm2d}


@dataclass(frozen=True, eq=False)
class Applied:
    """What a layer made of its input, y = weight * (x - centre) / scale + bias, each (C,)."""

    centre: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, eq=False)
class Layer:
    """The input of one norm layer, per channel over images, rows and columns. All tensors are on the CPU.

    name        of the layer in its network ("blocks.0.first.norm"); norm: a key of `KINDS`.
    count       values per channel.
    mean, std (biased), minimum, maximum, range: float32 (C,). A recording's range is maximum - minimum; a training
                set's is the mean range of its batches.
    histogram   int32 (BINS, C), counts between edges, float32 (BINS + 1, C). The first and the last bin are
                open-ended: what lies beyond the outer edges is counted there.
    applied     for bn, rn and dualbn, what the layer computed from its whole batch in its statistics mode; else None.
    """

    name: str
    norm: str
    count: int
    mean: Tensor
    std: Tensor
    minimum: Tensor
    maximum: Tensor
    range: Tensor
    histogram: Tensor
    edges: Tensor
    applied: Applied | None = None

    @property
    def resolution(self) -> Tensor:
        """A millionth of the channel's largest magnitude, (C,), positive: float32 cannot tell less from a constant."""
        return resolution(self.minimum, self.maximum)

    @property
    def unit(self) -> Tensor:
        """The deviation that shifts are measured in, (C,): std, or the resolution where a channel is constant."""
        return torch.maximum(self.std, self.resolution)

    @property
    def alive(self) -> Tensor:
        """Which channels are not constant, bool (C,)."""
        return self.std > self.resolution


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """One recording: its layers in the network's order, over `n` images that ran in a batch of `batch_size`.

    `statistics` is the network's mode. A network that is not from the zoo is called "unnamed", with hash "".
    """

    layers: tuple[Layer, ...]
    model: str
    statistics: str
    weight_hash: str
    n: int
    batch_size: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.layers)

    def layer(self, name: str) -> Layer:
        """The layer of that name; KeyError if there is none."""
        return dict(zip(self.names, self.layers, strict=True))[name]


def record(
    model: nn.Module, images: Tensor, *, only: Sequence[int] | None = None, grid: LayerStatistics | None = None
) -> LayerStatistics:
    """What arrives at the norm layers of `model` when the batch `images` (N, 3, 32, 32) runs through it once.

    only: take statistics over these images of the batch; the others still run, since they matter in batch modes.
    grid: take the histograms' edges from this recording, so that both can be compared; by default each histogram
          spans the recording's own mean +- 8 deviations.
    The model has to be one's own, in eval mode, and unfolded (a folded network has no norm layers left to look at).
    Its hooks are removed and its buffers stay as they are, whatever happens.
    ValueError if the model is in training mode, `only` names no image of the batch or `grid` is of another network.
    """
    return record_each(model, images, [only], grid=grid)[0]


@torch.no_grad()
def record_each(
    model: nn.Module,
    images: Tensor,
    groups: Sequence[Sequence[int] | None],
    *,
    grid: LayerStatistics | None = None,
) -> list[LayerStatistics]:
    """One recording for each group of images (None: all) from a single pass of the batch; see `record`."""
    probed = norm_layers(model)
    if grid is not None and {layer.name: layer.norm for layer in grid.layers} != probed:
        raise ValueError("`grid` was recorded from a network with other norm layers (or this one is folded).")
    chosen = [_chosen(group, len(images)) for group in groups]
    heard: list[list[Layer]] = [[] for _ in groups]

    def hear(name: str, module: nn.Module, x: Tensor) -> None:
        edges = None if grid is None else grid.layer(name).edges
        applied = _applied(module, x)
        for these, layers in zip(chosen, heard, strict=True):
            layers.append(describe(name, probed[name], channel_major(x if these is None else x[these]), edges, applied))

    with listening(model, hear):
        model(images.to(next(model.parameters()).device))
    name, mode, weight_hash = (getattr(model, key, "") for key in ("name", "statistics", "weight_hash"))
    sizes = [len(images) if these is None else len(these) for these in chosen]
    return [
        LayerStatistics(tuple(layers), name or "unnamed", mode or "tracked", weight_hash, n, len(images))
        for layers, n in zip(heard, sizes, strict=True)
    ]


def merge(parts: Sequence[LayerStatistics]) -> LayerStatistics:
    """What one recording of all the images together would be: of groups of one batch, recorded on one grid."""
    layers = tuple(map(_merged, *(part.layers for part in parts)))
    first = parts[0]
    n = sum(part.n for part in parts)
    return LayerStatistics(layers, first.model, first.statistics, first.weight_hash, n, first.batch_size)


def _merged(*parts: Layer) -> Layer:
    first, count = parts[0], sum(part.count for part in parts)
    share = torch.tensor([part.count / count for part in parts], dtype=torch.float64)[:, None]
    means, deviations = (torch.stack(values).double() for values in zip(*((p.mean, p.std) for p in parts), strict=True))
    mean = (share * means).sum(0)
    std = (share * (deviations.square() + (means - mean).square())).sum(0).sqrt()
    minimum = torch.stack([part.minimum for part in parts]).amin(0)
    maximum = torch.stack([part.maximum for part in parts]).amax(0)
    counts = torch.stack([part.histogram for part in parts]).sum(0, dtype=torch.int32)
    return Layer(
        first.name, first.norm, count, mean.float(), std.float(), minimum, maximum, maximum - minimum, counts,
        first.edges, first.applied,
    )  # fmt: skip


@contextmanager
def listening(model: nn.Module, hear: Callable[[str, nn.Module, Tensor], None]) -> Iterator[None]:
    """Inside, `hear(name, layer, x)` is called with the input (N, C, H, W) of each norm layer before it runs.

    ValueError if there is no norm layer, or one in training mode (it would change its population estimates).
    """
    names = norm_layers(model)
    if not names:
        raise ValueError("The model has no norm layer to look at.")
    if any(model.get_submodule(name).training for name in names):
        raise ValueError("The model is in training mode; call model.eval() before it is looked at.")

    def hook(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        hear(name, module, inputs[0])

    with ExitStack() as hooks:
        for name in names:
            hooks.enter_context(model.get_submodule(name).register_forward_pre_hook(partial(hook, name)))
        yield


def norm_layers(model: nn.Module) -> dict[str, str]:
    """Name -> norm (a key of `KINDS`) of every norm layer, in the network's order; a dual norm is one layer."""
    inside = {id(part) for dual in model.modules() if isinstance(dual, DualBatchNorm2d) for part in dual.children()}
    modules = [(name, module) for name, module in model.named_modules() if id(module) not in inside]
    return {name: kind for name, module in modules for kind, cls in KINDS.items() if isinstance(module, cls)}


def channel_major(x: Tensor) -> Tensor:
    """(N, C, H, W) -> float32 (C, N * H * W), contiguous, on the CPU."""
    return x.movedim(1, 0).flatten(1).float().cpu().contiguous()


def describe(name: str, norm: str, values: Tensor, edges: Tensor | None, applied: Applied | None = None) -> Layer:
    """The numbers of values (C, M); the histogram stands on `edges` or on edges of its own."""
    minimum, maximum = values.amin(1), values.amax(1)
    mean, std = moments(values, minimum)
    if edges is None:
        edges = grid_edges(mean, std, minimum, maximum)
    counts = histogram(values, edges)
    spread = maximum - minimum
    return Layer(name, norm, values.shape[1], mean, std, minimum, maximum, spread, counts, edges, applied)


def moments(values: Tensor, minimum: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased deviation of each row of (C, M). Summed from the minimum on: a constant's come out exactly."""
    above = values - minimum[:, None]
    mean = above.mean(1)
    return minimum + mean, above.sub_(mean[:, None]).square_().mean(1).sqrt()


def resolution(minimum: Tensor, maximum: Tensor) -> Tensor:
    """A millionth of the largest magnitude between minimum and maximum (C,), positive."""
    return (1e-6 * torch.maximum(minimum.abs(), maximum.abs())).clamp_min(1e-12)


def grid_edges(mean: Tensor, std: Tensor, minimum: Tensor, maximum: Tensor) -> Tensor:
    """float32 (BINS + 1, C), evenly over `REACH` deviations to either side of the mean; see `Layer.unit`."""
    unit = torch.maximum(std, resolution(minimum, maximum))
    return mean + torch.linspace(-REACH, REACH, BINS + 1)[:, None] * unit


def histogram(values: Tensor, edges: Tensor) -> Tensor:
    """Counts, int32 (BINS, C), of values (C, M) between evenly spaced edges; the outer bins take the rest."""
    start, width = edges[0], (edges[-1] - edges[0]) / BINS
    bins = values.sub(start[:, None]).div_(width[:, None]).clamp_(0, BINS - 1).int()
    bins += BINS * torch.arange(len(values), dtype=torch.int32)[:, None]
    return torch.bincount(bins.flatten(), minlength=BINS * len(values)).view(-1, BINS).T.int()


def _applied(module: nn.Module, x: Tensor) -> Applied | None:
    if isinstance(module, DualBatchNorm2d):
        module = module.branch
    if not isinstance(module, BatchNorm2d | RobustNorm2d):
        return None
    centre, scale = module.statistics(x)
    weight = torch.ones_like(scale) if module.weight is None else module.weight
    bias = torch.zeros_like(scale) if module.bias is None else module.bias
    return Applied(*(t.detach().float().cpu().clone() for t in (centre, scale, weight, bias)))


def _chosen(only: Sequence[int] | None, n: int) -> Tensor | None:
    if only is None:
        return None
    if len(only) == 0 or not all(0 <= i < n for i in only):
        raise ValueError(f"`only` has to name images of the batch, 0 to {n - 1}, not {list(only)}.")
    return torch.tensor([int(i) for i in only])


# --- other statistics than a layer's own

TAKES = ("mode", "batch")


@dataclass(frozen=True, eq=False)
class Statistics:
    """What a norm layer normalises with, each (C,): the mean, and the spread, which is BatchNorm's biased variance or
    RobustNorm's range. They can stand for the population's: a layer in "tracked" mode would keep these two numbers.
    """

    mean: Tensor
    spread: Tensor


@torch.no_grad()
def statistics(model: nn.Module, images: Tensor, take: str = "mode") -> dict[str, Statistics]:
    """Layer name -> the statistics of the batch `images` at that layer, in a pass in which no layer is patched.

    So a layer's *clean statistics* are those of what arrives at it when the clean batch runs through the network as it
    is, every layer before it using its own. take says which:
        mode   what the layer takes in its statistics mode: the batch's in "batch", the batch's spread about the
               population's mean in "tracked-mean", the population's in "tracked".
        batch  the batch's mean and spread in every mode.
    Only BatchNorm and RobustNorm layers are listed; of a dual norm, the branch in use. ValueError if there is none.
    """
    if take not in TAKES:
        raise ValueError(f"`take` is {take!r}, and has to be one of {', '.join(TAKES)}.")
    found: dict[str, Statistics] = {}

    def hear(name: str, module: nn.Module, x: Tensor) -> None:
        layer = _keeper(module)
        if layer is not None:
            found[name] = _of_batch(layer, x) if take == "batch" else _own(layer, x)

    with listening(model, hear):
        model(images.to(next(model.parameters()).device))
    if not found:
        raise ValueError("The model has no layer whose statistics could be another batch's.")
    return found


@contextmanager
def patched(
    model: nn.Module, given: Mapping[str, Statistics], layers: Iterable[str] | None = None
) -> Iterator[nn.Module]:
    """Inside, these layers (None: all that are given) normalise with the statistics `given`, whatever the mode.

    A patched layer does what it would do in "tracked" mode with the given numbers in its buffers. Where they equal
    the layer's own, its own output stands to the last bit. Gradients flow through a patched layer, but not into the
    numbers given. The model has to be one's own; buffers and modes are never touched, and on leaving every hook is
    removed. ValueError for a name that is not given, or of which the model has no such layer.
    """
    chosen = list(given if layers is None else dict.fromkeys(layers))
    keepers = {name: _keeper(model.get_submodule(name)) for name in norm_layers(model)}
    if wrong := [name for name in chosen if name not in given or keepers.get(name) is None]:
        raise ValueError(f"No statistics can be given to {', '.join(wrong)}.")
    with ExitStack() as hooks:
        for name in chosen:
            layer = keepers[name]
            assert layer is not None
            if layer.training:
                raise ValueError("The model is in training mode; call model.eval() before it is patched.")
            hooks.enter_context(layer.register_forward_hook(partial(_patch, _stand_in(layer, given[name]))))
        yield model


@contextmanager
def switched(model: nn.Module, layers: Iterable[str]) -> Iterator[nn.Module]:
    """Inside, these layers normalise with the statistics of whatever arrives, as in "batch" mode.

    Unlike `patched`, where several layers are switched each takes what arrives through the others. The model has to
    be one's own; the modes are put back. ValueError for a name of which the model has no such layer.
    """
    keepers = {name: _keeper(model.get_submodule(name)) if name in norm_layers(model) else None for name in layers}
    if wrong := [name for name, layer in keepers.items() if layer is None]:
        raise ValueError(f"There are no statistics to switch at {', '.join(wrong)}.")
    before = [(layer, layer.mode) for layer in keepers.values() if layer is not None]
    try:
        for layer, _ in before:
            layer.mode = "batch"
        yield model
    finally:
        for layer, mode in before:
            layer.mode = mode


def _patch(stand_in: nn.Module, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    assert isinstance(layer, BatchNorm2d | RobustNorm2d)
    (x,) = inputs
    own, given = _own(layer, x.detach()), _population(stand_in)
    same = (own.mean == given.mean) & (own.spread == given.spread)
    return torch.where(same[:, None, None], output, stand_in(x))


def _stand_in(layer: BatchNorm2d | RobustNorm2d, given: Statistics) -> nn.Module:
    """The layer in "tracked" mode with these population statistics; weight and bias are shared."""
    if isinstance(layer, BatchNorm2d):
        twin = BatchNorm2d(layer.num_features, layer.eps)
        twin.running_var = given.spread
    else:
        twin = RobustNorm2d(layer.num_features, layer.eps, power=layer.power)
        twin.running_range = given.spread
    twin.running_mean = given.mean
    twin.register_parameter("weight", layer.weight)
    twin.register_parameter("bias", layer.bias)
    return twin.eval()


def _keeper(module: nn.Module) -> BatchNorm2d | RobustNorm2d | None:
    """The layer that has statistics, if it is one."""
    module = module.branch if isinstance(module, DualBatchNorm2d) else module
    return module if isinstance(module, BatchNorm2d | RobustNorm2d) else None


def _population(layer: nn.Module) -> Statistics:
    assert isinstance(layer, BatchNorm2d | RobustNorm2d)
    return Statistics(layer.running_mean, layer.running_var if isinstance(layer, BatchNorm2d) else layer.running_range)


def _of_batch(layer: BatchNorm2d | RobustNorm2d, x: Tensor) -> Statistics:
    wide = x if x.dtype == torch.float64 else x.float()
    var, mean = torch.var_mean(wide, (0, 2, 3), correction=0)
    if isinstance(layer, BatchNorm2d):
        return Statistics(mean, var)
    return Statistics(mean, wide.amax((0, 2, 3)) - wide.amin((0, 2, 3)))


def _own(layer: BatchNorm2d | RobustNorm2d, x: Tensor) -> Statistics:
    """What the layer takes for x in its mode."""
    if layer.track_running_stats and layer.mode == "tracked":
        return _population(layer)
    of_batch = _of_batch(layer, x)
    if layer.track_running_stats and layer.mode == "tracked-mean":
        return Statistics(layer.running_mean, of_batch.spread)
    if isinstance(layer, RobustNorm2d):  # the output of a channel that is constant is the bias: an endless scale
        return Statistics(of_batch.mean, of_batch.spread.where(of_batch.spread > 0, torch.inf))
    return of_batch
