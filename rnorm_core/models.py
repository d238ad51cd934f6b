"""CIFAR networks. A network makes each of its norms by calling a function with the number of channels.

Input: images (N, 3, 32, 32) in [0, 1]; the normalization of pixels is the network's first layer.
"""

import copy
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnorm_core.errors import UserError
from rnorm_core.norms import (
    DEFAULT_POWER,
    BatchNorm2d,
    DualBatchNorm2d,
    NoNorm,
    RobustNorm2d,
    convert_norm,
    looks_at_batch,
    make_norm,
)

# Mean and standard deviation per channel over each training set, in [0, 1].
PIXEL_STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}
VGG_LAYERS = {  # channels of each convolution at full width, "M" where the image is halved (Simonyan & Zisserman 2015)
    "vgg11": (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "vgg16": (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"),
}
RESNET_BLOCKS = {"resnet20": 3, "resnet38": 6, "resnet50": 8}  # blocks per stage: depth = 6 * blocks + 2
ARCHITECTURES = (*RESNET_BLOCKS, *VGG_LAYERS)
TORCHVISION = "torchvision:"  # followed by the name of a torchvision network

MakeNorm = Callable[[int], nn.Module]


class PixelNormalize(nn.Module):
    """(x - mean) / std per colour channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, float, float], std: tuple[float, float, float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class ConvNorm(nn.Module):
    """A 3x3 convolution and its norm. The convolution has a bias only without a norm: a norm has its own bias."""

    def __init__(self, inputs: int, outputs: int, norm: MakeNorm, stride: int = 1) -> None:
        super().__init__()
        self.norm = norm(outputs)
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=isinstance(self.norm, NoNorm))
        if not self.conv.weight.is_meta:  # there is nothing to fill on meta, and the call takes a second
            nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Block(nn.Module):
    """He et al. 2016's basic block. If the shape changes, the shortcut subsamples and pads with zero channels."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: MakeNorm) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, norm, stride)
        self.second = ConvNorm(outputs, outputs, norm)
        # Fixup's multiplier: without norms a branch needs a learned scale to grow.
        self.gain = nn.Parameter(torch.ones(())) if isinstance(self.second.norm, NoNorm) else None
        self.stride = stride
        self.extra_channels = outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(F.relu(self.first(x)))
        if self.gain is not None:
            y = y * self.gain
        if self.extra_channels:
            before = self.extra_channels // 2
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.extra_channels - before))
        return F.relu(x + y)


class ResNet(nn.Module):
    """He et al. 2016's CIFAR ResNet: three stages of 16, 32, 64 channels (times `width`). Logits (N, classes)."""

    def __init__(self, pixels: PixelNormalize, blocks: int, norm: MakeNorm, classes: int, width: float) -> None:
        super().__init__()
        stages = [round(channels * width) for channels in (16, 32, 64)]
        self.pixels = pixels
        self.stem = ConvNorm(3, stages[0], norm)
        inputs, layers = stages[0], list[Block]()
        for outputs in stages:
            for i in range(blocks):
                layers.append(Block(inputs, outputs, 2 if i == 0 and outputs != stages[0] else 1, norm))
                inputs = outputs
        self.blocks = nn.Sequential(*layers)
        self.classifier = nn.Linear(inputs, classes)
        if isinstance(self.stem.norm, NoNorm):
            self._fixup(layers)

    def _fixup(self, blocks: list[Block]) -> None:
        """Starts residual branches at zero: without norms they would add up (Fixup, Zhang et al. 2019)."""
        for block in blocks:
            block.first.conv.weight.data.mul_(len(blocks) ** -0.5)
            nn.init.zeros_(block.second.conv.weight)
            if block.extra_channels and block.second.conv.bias is not None:
                # The padding of the shortcut is 0, too, and a ReLU passes no gradient at 0. Without this, channels that
                # start at 0 would stay there.
                nn.init.constant_(block.second.conv.bias, 0.01)
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(self.pixels(x)))
        return self.classifier(self.blocks(x).mean((2, 3)))


class VGG(nn.Module):
    """Simonyan & Zisserman 2015's convolutions for 32x32 images and one linear layer. Logits (N, classes)."""

    def __init__(self, pixels: PixelNormalize, layers: tuple, norm: MakeNorm, classes: int, width: float) -> None:
        super().__init__()
        self.pixels = pixels
        self.features = nn.Sequential()
        inputs = 3
        for layer in layers:
            if layer == "M":
                # ceil_mode: otherwise small crops would shrink to nothing
                self.features.append(nn.MaxPool2d(2, ceil_mode=True))
            else:
                self.features.extend([ConvNorm(inputs, round(layer * width), norm), nn.ReLU()])
                inputs = round(layer * width)
        self.classifier = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(self.pixels(x)).mean((2, 3)))


def build(
    architecture: str,
    norm: str,
    classes: int = 10,
    *,
    power: float = DEFAULT_POWER,
    statistics: str | None = None,
    width: float = 1.0,
    dataset: str = "cifar10",
) -> nn.Module:
    """A freshly initialised network: (N, 3, 32, 32) in [0, 1] -> logits (N, classes).

    `architecture` is one of `ARCHITECTURES`, or "torchvision:" and the name of a classification network of torchvision
    with BatchNorm2d layers, for example "torchvision:shufflenet_v2_x0_5"; its BatchNorm2d layers become the norm.
    `norm` is one of `norms.NORMS`, `statistics` one of its modes (the first by default); `width` multiplies every
    channel count; `dataset` chooses the pixel statistics. Weights come from torch's global generator: seed it for a
    repeatable start. Raises ValueError for an unknown name, UserError if torchvision is needed and not installed.
    """
    pixels = PixelNormalize(*PIXEL_STATISTICS[dataset])
    norm_of = partial(make_norm, norm, power=power, statistics=statistics)
    if architecture in RESNET_BLOCKS:
        return ResNet(pixels, RESNET_BLOCKS[architecture], norm_of, classes, width)
    if architecture in VGG_LAYERS:
        return VGG(pixels, VGG_LAYERS[architecture], norm_of, classes, width)
    if architecture.startswith(TORCHVISION):
        if width != 1:
            raise ValueError(f"{architecture} has no other width than 1.")
        network = _from_torchvision(architecture.removeprefix(TORCHVISION), classes)
        network = convert_norm(network, norm, power=power, statistics=statistics)
        return nn.Sequential(OrderedDict(pixels=pixels, network=network))
    raise ValueError(f"Unknown architecture {architecture!r}; choose one of {', '.join(ARCHITECTURES)}.")


def _from_torchvision(name: str, classes: int) -> nn.Module:
    try:
        from torchvision import models as theirs  # training does not need torchvision
    except ImportError as error:
        raise UserError(f"The architecture torchvision:{name} needs torchvision.", "install torchvision.") from error
    if name not in theirs.list_models(module=theirs):
        raise ValueError(f"torchvision has no classification network {name!r}; resnet18 is one, for example.")
    try:
        network = theirs.get_model(name, weights=None, num_classes=classes)
    except NotImplementedError as error:  # some cannot be initialised on the meta device
        raise ValueError(f"torchvision's {name} cannot be used here: {error}") from error
    norms = {type(layer) for layer in network.modules() if isinstance(layer, nn.BatchNorm2d | nn.LayerNorm)}
    if norms != {nn.BatchNorm2d}:
        raise ValueError(f"torchvision's {name} does not normalise with BatchNorm2d alone.")
    return network


def fastest_layout(model: nn.Module) -> torch.memory_format:
    """The fastest memory format of a network: channels-last, unless GroupNorm layers would undo it each time."""
    grouped = any(isinstance(layer, nn.GroupNorm) for layer in model.modules())
    return torch.contiguous_format if grouped else torch.channels_last


@torch.no_grad()
def fold(model: nn.Module) -> nn.Module:
    """An equal network with its tracked norms merged into their convolutions. `model` is not changed.

    The two are equal in exact arithmetic; in float32 the logits differ in the last digits. Of a dual norm the branch in
    use is folded. Raises ValueError if a norm takes statistics from its batch, because those are not constant.
    """
    folded = copy.deepcopy(model).eval()
    for pair in [m for m in folded.modules() if isinstance(m, ConvNorm)]:
        norm, conv = pair.norm, pair.conv
        if isinstance(norm, DualBatchNorm2d):
            norm = norm.branch
        if not isinstance(norm, BatchNorm2d | RobustNorm2d):
            continue
        if looks_at_batch(norm.mode) or not norm.track_running_stats:
            raise ValueError(f"Only tracked statistics can be folded, and a norm is in mode {norm.mode!r}.")
        centre, scale = (t.double() for t in norm.statistics(conv.weight.new_empty(0, conv.out_channels, 1, 1)))
        weight = torch.ones_like(scale) if norm.weight is None else norm.weight.double()
        bias = torch.zeros_like(scale) if norm.bias is None else norm.bias.double()
        gain = weight / scale
        shift = (bias - centre * gain).to(conv.weight.dtype)
        conv.bias = nn.Parameter(shift, requires_grad=conv.weight.requires_grad)  # a frozen network stays frozen
        conv.weight.copy_(conv.weight.double() * gain[:, None, None, None])
        pair.norm = NoNorm(conv.out_channels).eval()
    return folded
