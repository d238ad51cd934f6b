"""The inputs of a network's norm layers: mean, standard deviation, extremes and a histogram of each channel.

`record` measures them. `patched` and `switched` run a network in which some layers use other statistics than usual.
In a network without norms the inputs of its `NoNorm` layers are measured, which stand where norms would stand.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from rnorm_core.errors import UserError
from rnorm_core.norms import MEDIAN, BatchNorm2d, DualBatchNorm2d, NoNorm, RobustNorm2d

BINS = 256
REACH = 8.0  # a histogram spans the mean +- 8 standard deviations, so that a bin is 1/16 of one standard deviation
KINDS = {"bn": BatchNorm2d, "rn": RobustNorm2d, "gn": nn.GroupNorm, "none": NoNorm, "dualbn": DualBatchNorm2d}


@dataclass(frozen=True, eq=False)
class Applied:
    """The computation of a layer: y = weight * (x - centre) / scale + bias. Each is float32 (C,)."""

    centre: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, eq=False)
class Layer:
    """The input of one norm layer, per channel, over images, rows and columns. All tensors are on the CPU.

    name        path of the layer in its network ("blocks.0.first.norm"). norm: a key of `KINDS`.
    count       number of values per channel.
    mean, std (biased), minimum, maximum, range: float32 (C,). The range of a recording is maximum - minimum. The range
                of a training set is the mean range of its batches.
    histogram   int16 or int32 (BINS, C): how many values lie between neighbouring `edges`, float32 (BINS + 1, C). The
                first and the last bin also count the values beyond the outer edges.
    applied     for bn, rn and dualbn: the layer's computation from the whole batch in its statistics mode. Else None.
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

    @cached_property
    def resolution(self) -> Tensor:
        """(C,), positive: a millionth of the channel's largest magnitude. Float32 cannot resolve less than this."""
        return resolution(self.minimum, self.maximum)

    @cached_property
    def unit(self) -> Tensor:
        """(C,): the unit of shifts. It is std, or the resolution where a channel is constant."""
        return torch.maximum(self.std, self.resolution)

    @property
    def alive(self) -> Tensor:
        """Bool (C,): which channels are not constant."""
        return self.std > self.resolution


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """One recording: the layers in the order of the network, over `n` images of a batch of `batch_size`.

    `statistics` is the mode of the network. A network that is not from the zoo has the model name "unnamed" and the
    weight hash "".
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
        """The layer with this name; KeyError if there is none."""
        return dict(zip(self.names, self.layers, strict=True))[name]


def record(
    model: nn.Module, images: Tensor, *, only: Sequence[int] | None = None, grid: LayerStatistics | None = None
) -> LayerStatistics:
    """Record the inputs of the norm layers of `model` while the batch `images` (N, 3, 32, 32) runs through it once.

    only: record these images of the batch alone. The whole batch still runs, because it matters in batch modes.
    grid: use the histogram edges of this recording, so that both recordings can be compared. By default each histogram
          spans the mean +- 8 standard deviations of its own values.
    The model must not be shared with other threads. It is in eval mode and not folded: a folded network has no norm
    layers. The hooks are always removed, and no buffer changes.
    ValueError if the model is in training mode, `only` names an image that the batch does not have, or `grid` is a
    recording of another network.
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
    """One recording for each group of images (None: all images), from one pass of the batch. See `record`."""
    probed = norm_layers(model)
    if grid is not None and {layer.name: layer.norm for layer in grid.layers} != probed:
        raise ValueError("`grid` was recorded from a network with other norm layers (or this one is folded).")
    chosen = [_chosen(group, len(images)) for group in groups]
    recorded: list[list[Layer]] = [[] for _ in groups]

    def on_input(name: str, module: nn.Module, x: Tensor) -> None:
        edges = None if grid is None else grid.layer(name).edges
        applied = _applied(module, x)
        for group, layers in zip(chosen, recorded, strict=True):
            values = channel_major(x if group is None else x[group])
            layers.append(describe(name, probed[name], values, edges, applied))

    with listening(model, on_input):
        model(images.to(next(model.parameters()).device))
    name, mode, weight_hash = (getattr(model, key, "") for key in ("name", "statistics", "weight_hash"))
    sizes = [len(images) if group is None else len(group) for group in chosen]
    return [
        LayerStatistics(tuple(layers), name or "unnamed", mode or "tracked", weight_hash, n, len(images))
        for layers, n in zip(recorded, sizes, strict=True)
    ]


def merge(parts: Sequence[LayerStatistics]) -> LayerStatistics:
    """The recording of several groups of one batch as one group. All `parts` were recorded on the same grid."""
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
def listening(model: nn.Module, on_input: Callable[[str, nn.Module, Tensor], None]) -> Iterator[None]:
    """Inside the `with` block `on_input(name, layer, x)` receives the input x (N, C, H, W) of each norm layer before
    the layer runs.

    ValueError if the model has no norm layer, or one in training mode: such a layer would change its running
    statistics.
    """
    names = norm_layers(model)
    if not names:
        raise ValueError("The model has no norm layer to record.")
    if any(model.get_submodule(name).training for name in names):
        raise ValueError("The model is in training mode; call model.eval() before it is recorded.")

    def hook(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        on_input(name, module, inputs[0])

    with ExitStack() as hooks:
        for name in names:
            hooks.enter_context(model.get_submodule(name).register_forward_pre_hook(partial(hook, name)))
        yield


def norm_layers(model: nn.Module) -> dict[str, str]:
    """Name -> norm (a key of `KINDS`) of every norm layer, in the order of the network. A dual norm is one layer."""
    inside = {id(part) for dual in model.modules() if isinstance(dual, DualBatchNorm2d) for part in dual.children()}
    modules = [(name, module) for name, module in model.named_modules() if id(module) not in inside]
    return {name: kind for name, module in modules for kind, cls in KINDS.items() if isinstance(module, cls)}


def channel_major(x: Tensor) -> Tensor:
    """(N, C, H, W) -> float32 (C, N * H * W), contiguous, on the CPU."""
    return x.movedim(1, 0).flatten(1).float().cpu().contiguous()


def describe(name: str, norm: str, values: Tensor, edges: Tensor | None, applied: Applied | None = None) -> Layer:
    """The recording of the values (C, M) of one layer, with a histogram on `edges`, or on `grid_edges` if None."""
    minimum, maximum = values.amin(1), values.amax(1)
    mean, std = moments(values, minimum)
    if not std.isfinite().all():
        raise UserError(
            f"The standard deviations of the inputs of layer {name} are not finite.",
            "choose another network or statistics mode.",
        )
    if edges is None:
        edges = grid_edges(mean, std, minimum, maximum)
    counts = histogram(values, edges)
    spread = maximum - minimum
    return Layer(name, norm, values.shape[1], mean, std, minimum, maximum, spread, counts, edges, applied)


def moments(values: Tensor, minimum: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased standard deviation of each row of (C, M). The minimum is subtracted before the sum, so that both
    are exact where a row is constant.
    """
    above = values - minimum[:, None]
    mean = above.mean(1)
    return minimum + mean, above.sub_(mean[:, None]).square_().mean(1).sqrt()


def resolution(minimum: Tensor, maximum: Tensor) -> Tensor:
    """(C,), positive: a millionth of the largest magnitude between minimum and maximum. See `Layer.resolution`."""
    return (1e-6 * torch.maximum(minimum.abs(), maximum.abs())).clamp_min(1e-12)


def grid_edges(mean: Tensor, std: Tensor, minimum: Tensor, maximum: Tensor) -> Tensor:
    """float32 (BINS + 1, C): even steps from mean - REACH * unit to mean + REACH * unit. See `Layer.unit`."""
    unit = torch.maximum(std, resolution(minimum, maximum))
    return mean + torch.linspace(-REACH, REACH, BINS + 1)[:, None] * unit


def histogram(values: Tensor, edges: Tensor) -> Tensor:
    """int16 (BINS, C), int32 where M is too large for it: counts of the values (C, M) between evenly spaced edges. The
    outer bins also count the values beyond the edges. A page keeps hundreds of histograms.
    """
    kind = torch.int16 if values.shape[1] <= torch.iinfo(torch.int16).max else torch.int32
    start, width = edges[0], (edges[-1] - edges[0]) / BINS
    bins = values.sub(start[:, None]).div_(width[:, None]).clamp_(0, BINS - 1).int()
    bins += BINS * torch.arange(len(values), dtype=torch.int32)[:, None]
    return torch.bincount(bins.flatten(), minlength=BINS * len(values)).view(-1, BINS).T.to(kind)


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
        raise ValueError(f"`only` must name images of the batch, 0 to {n - 1}, not {list(only)}.")
    return torch.tensor([int(i) for i in only])


# --- layers that use other statistics than usual

TAKES = ("mode", "batch")


@dataclass(frozen=True, eq=False)
class Statistics:
    """The statistics of a norm layer, each (C,): the mean, and the spread, which is the biased variance of a BatchNorm
    or the range of a RobustNorm. A layer in "tracked" mode keeps these two numbers in its buffers.
    """

    mean: Tensor
    spread: Tensor


@torch.no_grad()
def statistics(model: nn.Module, images: Tensor, take: str = "mode") -> dict[str, Statistics]:
    """Layer name -> the statistics of the batch `images` (N, 3, 32, 32) at this layer. No layer is patched.

    take:
        mode   the statistics that the layer uses in its mode: those of the batch in "batch", the tracked mean with
               the spread of the batch in "tracked-mean", the median of the batch and the spread around it in
               "batch-median", the tracked ones in "tracked".
        batch  mean and spread of the batch, in every mode.
    The result has BatchNorm and RobustNorm layers only; of a dual norm, the branch in use.
    ValueError if the model has no such layer, or for another `take`.
    """
    if take not in TAKES:
        raise ValueError(f"`take` is {take!r}; it must be one of {', '.join(TAKES)}.")
    collected: dict[str, Statistics] = {}

    def on_input(name: str, module: nn.Module, x: Tensor) -> None:
        layer = _with_statistics(module)
        if layer is not None:
            collected[name] = _of_batch(layer, x) if take == "batch" else _in_mode(layer, x)

    with listening(model, on_input):
        model(images.to(next(model.parameters()).device))
    if not collected:
        raise ValueError("The model has no BatchNorm or RobustNorm layer.")
    return collected


@contextmanager
def patched(
    model: nn.Module, given: Mapping[str, Statistics], layers: Iterable[str] | None = None
) -> Iterator[nn.Module]:
    """Inside the `with` block these layers (None: all layers of `given`) normalise with the `given` statistics.

    The output of a patched layer is that of "tracked" mode with the given numbers in its buffers. Where the
    given numbers equal the layer's own, its output is unchanged to the last bit. Gradients flow through a patched
    layer, but not into the given numbers. The model must not be shared with other threads. No buffer and no mode
    changes; all hooks are removed at the end.
    ValueError for a name that `given` lacks, or that is no BatchNorm or RobustNorm layer of the model.
    """
    chosen = list(given if layers is None else dict.fromkeys(layers))
    known = {name: _with_statistics(model.get_submodule(name)) for name in norm_layers(model)}
    if wrong := [name for name in chosen if name not in given or known.get(name) is None]:
        raise ValueError(f"No statistics can be given to {', '.join(wrong)}.")
    with ExitStack() as hooks:
        for name in chosen:
            layer = known[name]
            assert layer is not None
            if layer.training:
                raise ValueError("The model is in training mode; call model.eval() before it is patched.")
            hooks.enter_context(layer.register_forward_hook(partial(_patch, _stand_in(layer, given[name]))))
        yield model


@contextmanager
def switched(model: nn.Module, layers: Iterable[str]) -> Iterator[nn.Module]:
    """Inside the `with` block these layers normalise with the statistics of their input, as in "batch" mode.

    Unlike in `patched`, the input of a switched layer has passed through the switched layers before it. The model must
    not be shared with other threads; the modes are restored at the end.
    ValueError for a name that is no BatchNorm or RobustNorm layer of the model.
    """
    known = norm_layers(model)
    chosen = {name: _with_statistics(model.get_submodule(name)) if name in known else None for name in layers}
    if wrong := [name for name, layer in chosen.items() if layer is None]:
        raise ValueError(f"There are no statistics to switch at {', '.join(wrong)}.")
    before = [(layer, layer.mode) for layer in chosen.values() if layer is not None]
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
    own, given = _in_mode(layer, x.detach()), _tracked(stand_in)
    same = (own.mean == given.mean) & (own.spread == given.spread)
    return torch.where(same[:, None, None], output, stand_in(x))


def _stand_in(layer: BatchNorm2d | RobustNorm2d, given: Statistics) -> nn.Module:
    """The same layer in "tracked" mode with the given statistics; it shares weight and bias."""
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


def _with_statistics(module: nn.Module) -> BatchNorm2d | RobustNorm2d | None:
    """The layer that has statistics: `module`, or the branch of a dual norm that is in use. None for other layers."""
    module = module.branch if isinstance(module, DualBatchNorm2d) else module
    return module if isinstance(module, BatchNorm2d | RobustNorm2d) else None


def _tracked(layer: nn.Module) -> Statistics:
    assert isinstance(layer, BatchNorm2d | RobustNorm2d)
    return Statistics(layer.running_mean, layer.running_var if isinstance(layer, BatchNorm2d) else layer.running_range)


def _of_batch(layer: BatchNorm2d | RobustNorm2d, x: Tensor) -> Statistics:
    wide = x if x.dtype == torch.float64 else x.float()
    var, mean = torch.var_mean(wide, (0, 2, 3), correction=0)
    if isinstance(layer, BatchNorm2d):
        return Statistics(mean, var)
    return Statistics(mean, wide.amax((0, 2, 3)) - wide.amin((0, 2, 3)))


def _in_mode(layer: BatchNorm2d | RobustNorm2d, x: Tensor) -> Statistics:
    """The statistics that the layer uses for the input x in its mode."""
    if layer.track_running_stats and layer.mode == "tracked":
        return _tracked(layer)
    of_batch = _of_batch(layer, x)
    if layer.mode == MEDIAN:
        median, scale = layer.statistics(x)
        return Statistics(median, scale**2 - layer.eps if isinstance(layer, BatchNorm2d) else of_batch.spread)
    if layer.track_running_stats and layer.mode == "tracked-mean":
        return Statistics(layer.running_mean, of_batch.spread)
    if isinstance(layer, RobustNorm2d):  # an infinite range makes the output of a constant channel its bias
        return Statistics(of_batch.mean, of_batch.spread.where(of_batch.spread > 0, torch.inf))
    return of_batch
