"""A folded ResNet as one OpenVINO graph: the forward pass, the cross entropy, and the way back to the images.

With constant weights the backward pass needs nothing that a forward pass does not have. Every layer here returns its
output and a function `back`, which turns the gradient of the output into that of the input:

    layer          y                         gradient of x
    convolution    w * x, stride 1           convolution with w turned by 180 degrees, inputs and outputs swapped
                   w * x, stride 2           transposed convolution with w
    ReLU           max(x, 0)                 g where y > 0, else 0
    shortcut       every second pixel,       g of the real channels, spread to every second pixel
                   more channels of zeros
    mean, linear   W mean(x) + b             W^T g / (H * W) at every pixel
    cross entropy  of softmax(z)             softmax(z) - one-hot labels

OpenVINO fuses these layers and runs them in one call. The batch size and the weights are part of the graph.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import openvino
from openvino import opset13 as ops
from torch import Tensor, nn

from rnorm_core.models import Block, ResNet

Back = Callable[[Any], Any]


class Layer(NamedTuple):
    """A node of the graph, (N, C, H, W), and the way back through the layer."""

    output: Any
    back: Back


def build(network: ResNet, count: int) -> openvino.Model:
    """(images (count, 3, 32, 32), one-hot labels (count, K)) -> (logits (count, K), gradient (count, 3, 32, 32)).

    `network` is folded, or without norms, and in float32 on the CPU. The gradient is that of the summed cross entropy.
    """
    classes = network.classifier.out_features
    images = ops.parameter([count, 3, 32, 32], np.float32)
    labels = ops.parameter([count, classes], np.float32)
    mean, std = _constant(network.pixels.mean[None]), _constant(network.pixels.std[None])
    stem = _convolution(ops.divide(ops.subtract(images, mean), std), network.stem.conv)
    layers = [stem, _relu(stem.output)]
    for block in network.blocks:
        assert isinstance(block, Block)
        layers.append(_block(layers[-1].output, block, count))
    logits, back = _classifier(layers[-1].output, network.classifier, count)
    gradient = back(ops.subtract(ops.softmax(logits, 1), labels))
    for layer in reversed(layers):
        gradient = layer.back(gradient)
    return openvino.Model([logits, ops.divide(gradient, std)], [images, labels])  # pyright: ignore[reportGeneralTypeIssues]


def _convolution(x: Any, layer: nn.Conv2d) -> Layer:
    weight = _numpy(layer.weight)  # (outputs, inputs, k, k)
    stride, padding = list(layer.stride), [int(p) for p in layer.padding]
    y = ops.convolution(x, _constant(weight), stride, padding, padding, [1, 1])
    if layer.bias is not None:
        y = ops.add(y, _constant(_numpy(layer.bias)[None, :, None, None]))
    if stride == [1, 1]:
        turned = _constant(weight[:, :, ::-1, ::-1].swapaxes(0, 1))
        rest = [k - 1 - p for k, p in zip(layer.kernel_size, padding, strict=True)]
        return Layer(y, lambda g: ops.convolution(g, turned, [1, 1], rest, rest, [1, 1]))
    # The transposed convolution of a smaller image has several sizes; the gradient has that of x.
    height, width = list(x.get_output_shape(0))[2:]
    small = list(y.get_output_shape(0))[2:]
    added = [
        size - ((less - 1) * s - 2 * p + k)
        for size, less, s, p, k in zip((height, width), small, stride, padding, layer.kernel_size, strict=True)
    ]
    return Layer(
        y,
        lambda g: ops.convolution_backprop_data(
            g, _constant(weight), stride, pads_begin=padding, pads_end=padding, output_padding=added
        ),
    )


def _relu(x: Any) -> Layer:
    y, zero = ops.relu(x), _constant(0)
    return Layer(y, lambda g: ops.select(ops.greater(y, zero), g, zero))


def _block(x: Any, block: Block, count: int) -> Layer:
    first = _convolution(x, block.first.conv)
    middle = _relu(first.output)
    second = _convolution(middle.output, block.second.conv)
    gain = None if block.gain is None else _constant(block.gain)
    branch = second.output if gain is None else ops.multiply(second.output, gain)
    shortcut = _shortcut(x, block, count)
    out = _relu(ops.add(shortcut.output, branch))

    def back(g: Any) -> Any:
        g = out.back(g)
        through = g if gain is None else ops.multiply(g, gain)
        return ops.add(first.back(middle.back(second.back(through))), shortcut.back(g))

    return Layer(out.output, back)


def _shortcut(x: Any, block: Block, count: int) -> Layer:
    if not block.extra_channels:
        return Layer(x, lambda g: g)
    _, channels, height, width = list(x.get_output_shape(0))
    step, before = block.stride, block.extra_channels // 2
    after = block.extra_channels - before
    end, steps = _integers(count, channels, height, width), _integers(1, 1, step, step)
    y = ops.strided_slice(x, _integers(0, 0, 0, 0), end, steps, [0] * 4, [0] * 4)
    y = ops.pad(y, _integers(0, before, 0, 0), _integers(0, after, 0, 0), "constant", _constant(0))

    def back(g: Any) -> Any:
        real = ops.slice(g, _integers(before), _integers(before + channels), _integers(1), _integers(1))
        # A transposed convolution of each channel with the number 1: much faster than to write into zeros.
        ones = _constant(np.ones((channels, 1, 1, 1, 1)))
        return ops.group_convolution_backprop_data(
            real, ones, [step, step], pads_begin=[0, 0], pads_end=[0, 0], output_padding=[step - 1, step - 1]
        )

    return Layer(y, back)


def _classifier(x: Any, layer: nn.Linear, count: int) -> Layer:
    height, width = list(x.get_output_shape(0))[2:]
    weight, bias = _numpy(layer.weight), _numpy(layer.bias)
    pooled = ops.reduce_mean(x, _integers(2, 3), False)
    logits = ops.add(ops.matmul(pooled, _constant(weight), False, True), _constant(bias[None]))

    def back(g: Any) -> Any:
        each = ops.matmul(g, _constant(weight / (height * width)), False, False)
        return ops.reshape(each, _integers(count, -1, 1, 1), False)  # one value per channel, for all its pixels

    return Layer(logits, back)


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


def _constant(values: Tensor | np.ndarray | float) -> Any:
    values = _numpy(values) if isinstance(values, Tensor) else values
    return ops.constant(np.array(values, dtype=np.float32, order="C"))


def _integers(*values: int) -> Any:
    return ops.constant(np.array(values, dtype=np.int64))
