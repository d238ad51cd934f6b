"""Norm layers beside torch's own, a NumPy version in float64, and autograd of the formula as it is written."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnorm_core.norms import (
    MEDIAN,
    MODES,
    NORMS,
    STATISTICS,
    BatchNorm2d,
    DualBatchNorm2d,
    GroupNorm,
    NoNorm,
    RobustNorm2d,
    all_modes,
    convert_norm,
    looks_at_batch,
    make_norm,
    modes,
    straight_through,
)

CHANNELS = 5
LAYERS = (BatchNorm2d, RobustNorm2d)
CONDITIONS = ["train", *STATISTICS, MEDIAN]
AXES = (0, 2, 3)
EPS, POWER = 1e-5, 0.2


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def inputs(dtype: torch.dtype = torch.float64) -> Tensor:
    """(6, C, 7, 4): channels with means and spreads of their own."""
    shift, stretch = numbers(CHANNELS, seed=1), numbers(CHANNELS, seed=2).exp()
    return (numbers(6, CHANNELS, 7, 4) * stretch[:, None, None] + shift[:, None, None]).to(dtype)


def prepared(kind: type, condition: str = "train", dtype: torch.dtype = torch.float64, **options) -> nn.Module:
    """A layer whose every number differs from its initial value, in training or in eval mode with these statistics."""
    mode = "tracked" if condition == "train" else condition
    layer = kind(CHANNELS, statistics=mode, **options).to(dtype)
    for i, (key, value) in enumerate(layer.state_dict().items()):
        if value.is_floating_point():
            positive = key in ("running_var", "running_range", "weight")
            value.copy_(numbers(CHANNELS, seed=10 + i).exp() if positive else numbers(CHANNELS, seed=10 + i))
    return layer.train(condition == "train")


def naive(layer: nn.Module, x: Tensor, condition: str) -> Tensor:
    """The definition, for autograd to differentiate: weight * (x - centre) / scale + bias."""
    from_batch = {
        "train": (True, True),
        "batch": (True, True),
        "tracked": (False, False),
        "tracked-mean": (False, True),
        MEDIAN: (True, True),
    }
    batch_centre, batch_scale = from_batch[condition]
    centre = x.mean(AXES) if batch_centre else layer.running_mean
    if condition == MEDIAN:
        centre = x.transpose(0, 1).flatten(1).median(1).values
    if isinstance(layer, RobustNorm2d):
        flat = x.transpose(0, 1).flatten(1)
        scale = (flat.max(1)[0] - flat.min(1)[0] if batch_scale else layer.running_range) ** layer.power + layer.eps
    else:
        var = (x - centre[:, None, None]).square().mean(AXES) if condition == MEDIAN else x.var(AXES, correction=0)
        scale = ((var if batch_scale else layer.running_var) + layer.eps).sqrt()
    y = (x - centre[:, None, None]) / scale[:, None, None]
    return y if layer.weight is None else layer.weight[:, None, None] * y + layer.bias[:, None, None]


def gradients(y: Tensor, x: Tensor, layer: nn.Module) -> list[Tensor]:
    """Of a scalar that weighs every output differently, by x and the layer's parameters."""
    upstream = numbers(*y.shape, seed=7).to(y.dtype)
    return list(torch.autograd.grad((y * upstream).sum(), [x, *layer.parameters()]))


def close(one: Tensor, other: Tensor, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance, check_dtype=False)


# --- values and gradients --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5), (torch.bfloat16, 0)])
def test_batchnorm_is_torchs(train, affine, dtype, tolerance):
    ours = prepared(BatchNorm2d, "train" if train else "tracked", dtype, affine=affine)
    theirs = nn.BatchNorm2d(CHANNELS, affine=affine).to(dtype)
    theirs.load_state_dict(ours.state_dict())
    theirs.train(train)
    for batch in range(3):  # the running statistics move and count
        x = (inputs(dtype) + batch).requires_grad_()
        y, expected = ours(x), theirs(x)
        close(y, expected, tolerance)
        for mine, other in zip(gradients(y, x, ours), gradients(expected, x, theirs), strict=True):
            close(mine, other, tolerance)
    assert ours.num_batches_tracked == (3 if train else 0)


@pytest.mark.parametrize("momentum", [0.1, 0.5, None])
def test_batchnorm_tracks_as_torch_does(momentum):
    ours, theirs = (kind(CHANNELS, momentum=momentum).double() for kind in (BatchNorm2d, nn.BatchNorm2d))
    for batch in range(4):
        ours(inputs() * (batch + 1))
        theirs(inputs() * (batch + 1))
    for key, value in theirs.state_dict().items():
        close(ours.state_dict()[key], value)


def numpy_median(x: np.ndarray) -> np.ndarray:
    """Of each channel of (N, C, H, W): the middle number, of two middle ones the lower."""
    ordered = np.sort(np.moveaxis(x, 1, 0).reshape(x.shape[1], -1), 1)
    return ordered[:, (ordered.shape[1] - 1) // 2]


def numpy_robustnorm(x, weight, bias, running_mean, running_range, condition, power):
    """RobustNorm in NumPy, float64: (y, the batch's mean, the batch's range)."""
    mean, spread = x.mean(AXES), x.max(AXES) - x.min(AXES)
    centre = running_mean if condition in ("tracked", "tracked-mean") else mean
    centre = numpy_median(x) if condition == MEDIAN else centre
    scale = (running_range if condition == "tracked" else spread) ** power + EPS
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        y[:, c] = weight[c] * (x[:, c] - centre[c]) / scale[c] + bias[c]
    return y, mean, spread


@pytest.mark.parametrize("power", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 3e-2)]
)
def test_robustnorm_is_what_numpy_computes(condition, power, dtype, tolerance):
    layer = prepared(RobustNorm2d, condition, dtype, power=power)
    x = inputs(dtype)
    state = {key: value.double().numpy().copy() for key, value in layer.state_dict().items()}
    y, mean, spread = numpy_robustnorm(
        x.double().numpy(),
        state["weight"],
        state["bias"],
        state["running_mean"],
        state["running_range"],
        condition,
        power,
    )
    out = layer(x)
    assert out.dtype == dtype
    close(out.double(), torch.from_numpy(y), tolerance)
    if condition == "train":
        close(layer.running_mean, torch.from_numpy(0.9 * state["running_mean"] + 0.1 * mean), tolerance)
        close(layer.running_range, torch.from_numpy(0.9 * state["running_range"] + 0.1 * spread), tolerance)
        assert layer.num_batches_tracked == 1


@pytest.mark.parametrize("momentum", [0.1, 0.4, None])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_robustnorm_tracks_by_momentum_or_as_a_plain_average(momentum, dtype):
    layer = RobustNorm2d(CHANNELS, momentum=momentum).to(dtype)
    assert layer.running_mean.tolist() == [0] * CHANNELS
    assert layer.running_range.tolist() == [1] * CHANNELS
    batches = [inputs(dtype).numpy() * (i + 1) for i in range(4)]
    mean, spread = np.zeros(CHANNELS), np.ones(CHANNELS)
    for count, x in enumerate(batches, start=1):
        factor = 1 / count if momentum is None else momentum
        mean = (1 - factor) * mean + factor * x.mean(AXES)
        spread = (1 - factor) * spread + factor * (x.max(AXES) - x.min(AXES))
        layer(torch.from_numpy(x))
    close(layer.running_mean, torch.from_numpy(mean), 1e-5)
    close(layer.running_range, torch.from_numpy(spread), 1e-5)
    if momentum is None:
        close(layer.running_range, torch.from_numpy(np.mean([x.max(AXES) - x.min(AXES) for x in batches], 0)), 1e-5)
    assert layer.num_batches_tracked == 4


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("kind", LAYERS)
def test_value_and_gradient_are_autograds_of_the_definition(kind, condition, affine, layout):
    layer = prepared(kind, condition, affine=affine)
    x = inputs().contiguous(memory_format=layout).requires_grad_()
    expected = naive(layer, x, condition)
    expected_gradients = gradients(expected, x, layer)
    y = layer(x)
    assert y.is_contiguous(memory_format=layout)
    close(y, expected)
    for mine, other in zip(gradients(y, x, layer), expected_gradients, strict=True):
        close(mine, other)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("kind", LAYERS)
def test_gradcheck(kind, condition):
    layer = prepared(kind, condition)
    x = inputs()[:2, :, :3, :2].clone().requires_grad_()

    def run(x, weight, bias):
        return torch.func.functional_call(copy.deepcopy(layer), {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(run, (x, layer.weight, layer.bias))


@pytest.mark.parametrize(
    "shape",
    [
        (1, CHANNELS, 1, 1),
        (1, CHANNELS, 3, 3),
        (2, CHANNELS, 1, 1),
        (3, CHANNELS, 5, 1),
        (4, CHANNELS, 9, 8),
        (64, CHANNELS, 8, 8),
    ],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels_last"])
def test_robustnorm_of_many_shapes(shape, layout):
    layer = prepared(RobustNorm2d, power=0.7)
    x = numbers(*shape).contiguous(memory_format=layout).requires_grad_()
    close(layer(x), naive(layer, x, "train"))
    if shape != (1, CHANNELS, 1, 1):
        for mine, other in zip(
            gradients(layer(x), x, layer), gradients(naive(layer, x, "train"), x, layer), strict=True
        ):
            close(mine, other)


def test_robustnorm_of_a_view_that_is_in_no_memory_format():
    layer = prepared(RobustNorm2d)
    x = inputs().transpose(2, 3)[:, :, 1:, ::2].detach().requires_grad_()
    assert not x.is_contiguous()
    assert not x.is_contiguous(memory_format=torch.channels_last)
    expected = naive(layer, x, "train")
    close(layer(x), expected)
    for mine, other in zip(gradients(layer(x), x, layer), gradients(expected, x, layer), strict=True):
        close(mine, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_of_low_precision_inputs_are_near_float64s(kind, layout, dtype):
    """As under autocast: the input is low precision, the layer's parameters are float32."""
    layer = prepared(kind, dtype=torch.float32)
    x = inputs(dtype).contiguous(memory_format=layout).requires_grad_()
    y = layer(x)
    assert y.dtype == dtype
    exact, wide = copy.deepcopy(layer).double(), x.detach().double().requires_grad_()
    expected = gradients(naive(exact, wide, "train"), wide, exact)
    found = gradients(y, x, layer)
    assert [g.dtype for g in found] == [dtype, torch.float32, torch.float32]
    for mine, other in zip(found, expected, strict=True):
        error = (mine.double() - other).norm() / other.norm()
        assert error < (1e-5 if dtype == torch.float32 else 2e-2)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("kind", LAYERS)
def test_statistics_are_those_forward_uses(kind, condition):
    layer = prepared(kind, condition)
    x = inputs()
    centre, scale = layer.statistics(x)
    assert centre.shape == scale.shape == (CHANNELS,)
    by_hand = (x - centre[:, None, None]) / scale[:, None, None] * layer.weight[:, None, None]
    close(layer(x), by_hand + layer.bias[:, None, None])


@pytest.mark.parametrize("images", [5, 6])  # an odd and an even number of numbers in a channel
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 3e-2)]
)
def test_batchnorm_around_the_median_is_what_numpy_computes(images, dtype, tolerance):
    layer = prepared(BatchNorm2d, MEDIAN, dtype)
    x = inputs(dtype)[:images, :, :, :3]
    values = x.double().numpy()
    centre = numpy_median(values)[:, None, None]
    var = ((values - centre) ** 2).mean(AXES)[:, None, None]
    weight, bias = (layer.state_dict()[key].double().numpy()[:, None, None] for key in ("weight", "bias"))
    y = layer(x)
    assert y.dtype == dtype
    close(y.double(), torch.from_numpy(weight * (values - centre) / np.sqrt(var + EPS) + bias), tolerance)


@pytest.mark.parametrize("kind", LAYERS)
def test_one_image_however_far_off_does_not_take_the_median_along(kind):
    """It moves the median at most to a neighbouring number of the other images; the mean goes with it."""
    x = inputs()
    others = x[1:].transpose(0, 1).flatten(1).sort(1).values
    moved = {}
    for far in (1e3, 1e6):
        x[0] = far
        moved[far] = [prepared(kind, mode).statistics(x)[0] for mode in (MEDIAN, "batch")]
    assert torch.equal(moved[1e3][0], moved[1e6][0])
    middle, most = others.shape[1] // 2, x[0, 0].numel()
    assert (others[:, middle - most] <= moved[1e6][0]).all()
    assert (moved[1e6][0] <= others[:, middle + most]).all()
    assert (moved[1e6][1] > 1e5).all()


@pytest.mark.parametrize("kind", LAYERS)
def test_straight_through_the_value_is_the_medians_and_the_gradient_the_means(kind):
    layer, x = prepared(kind, MEDIAN), inputs().requires_grad_()
    exact = layer(x)
    (sparse,) = torch.autograd.grad(layer.statistics(x)[0].sum(), x)
    assert (sparse != 0).sum() == CHANNELS  # one number is a channel's median
    assert straight_through(layer) is layer
    assert torch.equal(layer(x), exact)
    (dense,) = torch.autograd.grad(layer.statistics(x)[0].sum(), x)
    close(dense, torch.full_like(x, 1 / (x.numel() / CHANNELS)))


def test_the_median_is_no_mode_of_the_tables():
    assert MEDIAN not in MODES
    assert {name: all_modes(name)[len(modes(name)) :] for name in NORMS} == {
        "bn": (MEDIAN,), "rn": (MEDIAN,), "gn": (), "none": (), "dualbn": (),
    }  # fmt: skip


def test_modes_take_centre_and_scale_from_where_they_say():
    x = inputs()
    for kind in LAYERS:
        found = {mode: prepared(kind, mode).statistics(x) for mode in STATISTICS}
        for i, same_as in enumerate(["tracked", "batch"]):  # tracked-mean: the population's centre, the batch's scale
            close(found["tracked-mean"][i], found[same_as][i])
            assert not torch.allclose(found["tracked"][i], found["batch"][i])
        close(found["batch"][0], x.mean(AXES))


# --- edges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("kind", LAYERS)
def test_a_constant_channel_gives_finite_output_and_gradient(kind, condition):
    for dtype, value in itertools.product((torch.float64, torch.float32, torch.bfloat16), (0.0, 0.1, 1000.3, -7e4)):
        layer = prepared(kind, condition, dtype)
        x = inputs(dtype)
        x[:, 2] = value
        x.requires_grad_()
        y = layer(x)
        assert torch.isfinite(y).all(), (dtype, value)
        assert all(torch.isfinite(g).all() for g in gradients(y, x, layer)), (dtype, value)


@pytest.mark.parametrize("value", [0.0, 0.1, 1000.3, -7e4])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_constant_channel_comes_out_as_its_bias(dtype, layout, value):
    layer = prepared(RobustNorm2d, "train", dtype)
    x = numbers(16, CHANNELS, 9, 9, dtype=dtype)
    x[:, 2] = value
    y = layer(x.contiguous(memory_format=layout))
    close(y[:, 2], layer.bias[2].expand_as(y[:, 2]), 1e-6)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("kind", LAYERS)
def test_a_batch_of_one(kind, condition):
    layer, x = prepared(kind, condition), inputs()[:1]
    close(layer(x), naive(layer, x, condition))


def test_one_value_a_channel_is_its_own_mean():
    """As one small image leaves a network that ends at one pixel: torch itself refuses."""
    layer = BatchNorm2d(5, statistics="batch").eval()
    layer.bias.data.normal_()
    x = torch.randn(1, 5, 1, 1, requires_grad=True)
    y = layer(x)
    assert torch.equal(y[0, :, 0, 0], layer.bias)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert not gradient.any()


@pytest.mark.parametrize("condition", [*STATISTICS, MEDIAN])
@pytest.mark.parametrize("kind", LAYERS)
def test_inference_writes_no_buffer(kind, condition):
    layer = prepared(kind, condition)
    before = copy.deepcopy(layer.state_dict())
    versions = {key: value._version for key, value in layer.named_buffers()}
    for grad in (True, False):
        x = inputs().requires_grad_(grad)
        y = layer(x)
        if grad:
            y.sum().backward()
        layer.statistics(x)
    assert all(torch.equal(value, before[key]) for key, value in layer.state_dict().items())
    assert versions == {key: value._version for key, value in layer.named_buffers()}


@pytest.mark.parametrize("kind", LAYERS)
def test_frozen_layers_still_give_the_inputs_gradient(kind):
    layer = prepared(kind, "batch").requires_grad_(False)
    x = inputs().requires_grad_()
    expected = torch.autograd.grad((naive(layer, x, "batch") ** 3).sum(), x)[0]
    close(torch.autograd.grad((layer(x) ** 3).sum(), x)[0], expected)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("kind", LAYERS)
def test_without_running_statistics_the_batchs_are_used(kind, train):
    layer = kind(CHANNELS, track_running_stats=False, affine=False).double().train(train)
    assert layer.state_dict() == {}
    close(layer(inputs()), naive(layer, inputs(), "batch"))


@pytest.mark.parametrize("kind", [*LAYERS, GroupNorm])
def test_state_dict_round_trip(kind):
    layer = kind(8)
    for _ in range(2):
        layer(numbers(3, 8, 4, 4, dtype=torch.float32))
    fresh = kind(8)
    fresh.load_state_dict(layer.state_dict())
    x = numbers(2, 8, 3, 3, seed=3, dtype=torch.float32)
    assert torch.equal(fresh.eval()(x), layer.eval()(x))


@pytest.mark.parametrize("kind", LAYERS)
def test_deepcopy_is_independent(kind):
    layer = prepared(kind, "train")
    twin = copy.deepcopy(layer)
    before = copy.deepcopy(twin.state_dict())
    layer(inputs())
    with torch.no_grad():
        layer.weight.add_(1)
    assert all(torch.equal(value, before[key]) for key, value in twin.state_dict().items())
    assert not torch.equal(layer.running_mean, twin.running_mean)
    assert twin.mode == layer.mode


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("kind", LAYERS)
def test_compiled_layers_are_equal(kind, condition, backend):
    """aot_eager traces forward and backward as inductor does, and generates no code."""
    torch.compiler.reset()
    plain, compiled = (prepared(kind, condition, torch.float32) for _ in range(2))
    run = torch.compile(compiled, backend=backend)
    x, other = (inputs(torch.float32).requires_grad_() for _ in range(2))
    y, z = plain(x), run(other)
    close(z, y, 1e-4)
    for mine, theirs in zip(gradients(z, other, compiled), gradients(y, x, plain), strict=True):
        close(mine, theirs, 1e-4)
    for key, value in plain.state_dict().items():
        close(compiled.state_dict()[key], value, 1e-5)


# --- other norms, names and shapes -----------------------------------------------------------------------------------


def test_nonorm_is_the_identity():
    x = inputs()
    assert NoNorm(CHANNELS)(x) is x
    assert NoNorm(CHANNELS).state_dict() == {}


@pytest.mark.parametrize(("channels", "groups"), [(16, 8), (12, 6), (7, 7), (13, 1), (3, 3)])
def test_groupnorm_has_the_most_groups_that_fit(channels, groups):
    layer = GroupNorm(channels)
    assert layer.num_groups == groups
    x = numbers(2, channels, 4, 4, dtype=torch.float32)
    close(layer(x), F.group_norm(x, groups), 1e-6)


def test_names_make_their_layers():
    made = {name: make_norm(name, 16, power=0.3) for name in NORMS}
    kinds = {"bn": BatchNorm2d, "rn": RobustNorm2d, "gn": GroupNorm, "none": NoNorm, "dualbn": DualBatchNorm2d}
    assert {name: type(layer) for name, layer in made.items()} == kinds
    assert made["rn"].power == 0.3
    assert (made["bn"].mode, made["rn"].mode, made["dualbn"].mode) == ("tracked", "tracked", "clean-branch")
    for name in NORMS:
        for mode in all_modes(name):
            assert getattr(make_norm(name, 16, statistics=mode), "mode", "tracked") == mode


@pytest.mark.parametrize(("name", "wrong"), [("bn", "clean-branch"), ("rn", "clean-branch"), ("dualbn", "tracked")])
def test_a_mode_of_another_norm_is_refused(name, wrong):
    with pytest.raises(ValueError, match=f"'{wrong}'; choose one of {', '.join(modes(name))}"):
        make_norm(name, 4, statistics=wrong)


def test_modes_that_look_at_the_batch_are_those_in_which_neighbours_matter():
    torch.manual_seed(0)
    for name in NORMS:
        for mode in all_modes(name):
            layer = make_norm(name, CHANNELS, statistics=mode).double().eval()
            x = inputs()
            changed = torch.cat([x[:1], 2 * x[1:] + 1])
            same = torch.allclose(layer(x)[0], layer(changed)[0])
            assert same is not looks_at_batch(mode), (name, mode)


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ValueError, match="'layer'; choose one of bn, rn, gn, none, dualbn"):
        make_norm("layer", 4)
    with pytest.raises(ValueError, match="'layer'; choose one of bn, rn, gn, none, dualbn"):
        convert_norm(nn.Sequential(nn.BatchNorm2d(3)), "layer")
    for kind in LAYERS:
        with pytest.raises(ValueError, match="'running'; choose one of tracked, batch, tracked-mean"):
            kind(4, statistics="running")


@pytest.mark.parametrize("power", [-0.1, float("nan")])
def test_robustnorm_wants_a_power_from_zero(power):
    with pytest.raises(ValueError, match="at least 0"):
        RobustNorm2d(4, power=power)


@pytest.mark.parametrize("shape", [(2, 4, 3, 3), (5, 3, 3), (2, 5), (2, 5, 3, 3, 3)])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("kind", LAYERS)
def test_a_wrong_shape_is_named_beside_the_expected_one(kind, condition, shape):
    with pytest.raises(ValueError, match=rf"{kind.__name__} expected .*\(N, 5, H, W\), got \({shape[0]}, "):
        prepared(kind, condition)(torch.rand(shape, dtype=torch.float64))


# --- converting other people's networks ------------------------------------------------------------------------------


def count(model: nn.Module, kind: type) -> int:
    return sum(type(layer) is kind for layer in model.modules())


def test_a_torchvision_resnet_converted_to_robustnorm_trains_and_evaluates():
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    model = torchvision.models.resnet18(weights=None, num_classes=4)
    model.maxpool = nn.Identity()
    assert convert_norm(model, "rn", power=0.3) is model
    assert count(model, RobustNorm2d) == 20
    assert count(model, nn.BatchNorm2d) == 0
    assert {layer.power for layer in model.modules() if isinstance(layer, RobustNorm2d)} == {0.3}
    optimizer = torch.optim.SGD(model.parameters(), 0.02, momentum=0.9)
    x, labels = numbers(16, 3, 32, 32, dtype=torch.float32), torch.arange(16) % 4
    losses = []
    for _ in range(12):
        loss = F.cross_entropy(model.train()(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0], losses
    before = copy.deepcopy(model.state_dict())
    with torch.inference_mode():
        logits = model.eval()(x)
    assert logits.shape == (16, 4)
    assert torch.isfinite(logits).all()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    convert_norm(model, "bn")
    assert (count(model, BatchNorm2d), count(model, RobustNorm2d)) == (20, 0)
    assert torch.isfinite(model(x)).all()


@pytest.mark.parametrize("name", ["bn", "rn"])
def test_conversion_carries_over_what_has_a_counterpart(name):
    old = prepared(nn_batchnorm, eps=1e-3, momentum=0.3)
    old(inputs())
    state = copy.deepcopy(old.state_dict())
    new = convert_norm(old, name, power=0.4, statistics="batch")
    assert type(new) is {"bn": BatchNorm2d, "rn": RobustNorm2d}[name]
    assert (new.eps, new.momentum, new.mode, new.training) == (1e-3, 0.3, "batch", True)
    for key in ("weight", "bias", "running_mean"):
        assert torch.equal(new.state_dict()[key], state[key])
        assert new.state_dict()[key].dtype == torch.float64
    if name == "bn":
        assert torch.equal(new.running_var, state["running_var"])
        assert new.num_batches_tracked == 1
    else:
        assert new.running_range.tolist() == [1] * CHANNELS
        assert new.num_batches_tracked == 0
    back = convert_norm(new.eval(), "bn")
    assert torch.equal(back.running_mean, state["running_mean"])
    assert not back.training


def nn_batchnorm(channels: int, statistics: str, **options) -> nn.Module:
    """torch's own layer for `prepared`."""
    return nn.BatchNorm2d(channels, **options)


def test_converted_bn_computes_the_same():
    old = prepared(nn_batchnorm, "tracked")
    expected = old(inputs())
    close(convert_norm(old, "bn")(inputs()), expected)


@pytest.mark.parametrize("options", [{"affine": False}, {"track_running_stats": False}])
@pytest.mark.parametrize("name", ["bn", "rn"])
def test_conversion_keeps_options(name, options):
    layer = convert_norm(nn.BatchNorm2d(CHANNELS, **options), name)
    assert (layer.weight is None) is ("affine" in options)
    assert (layer.running_mean is None) is ("track_running_stats" in options)
    assert torch.isfinite(layer(inputs(torch.float32))).all()


def test_conversion_to_groupnorm_and_to_none():
    def network():
        return nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.Sequential(RobustNorm2d(16), nn.ReLU()))

    grouped = convert_norm(network(), "gn")
    assert count(grouped, GroupNorm) == 2
    bare = convert_norm(network(), "none")
    assert count(bare, NoNorm) == 2
    assert bare(torch.rand(2, 3, 8, 8)).shape == (2, 16, 6, 6)


# --- two norms in one ------------------------------------------------------------------------------------------------


def dual() -> DualBatchNorm2d:
    """Both branches with numbers of their own."""
    layer = DualBatchNorm2d(CHANNELS).double()
    layer.clean, layer.adversarial = prepared(BatchNorm2d), prepared(BatchNorm2d)
    layer.adversarial.load_state_dict({key: 2 * value for key, value in layer.clean.state_dict().items()})
    return layer


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("mode", modes("dualbn"))
def test_a_dual_norm_is_the_batchnorm_of_its_branch(mode, train):
    layer = dual().train(train)
    layer.mode = mode
    used, other = (layer.clean, layer.adversarial) if mode == "clean-branch" else (layer.adversarial, layer.clean)
    expected, untouched = copy.deepcopy(used), copy.deepcopy(other.state_dict())
    x = inputs().requires_grad_()
    close(layer(x), expected(x))
    layer(x).sum().backward()
    expected(x)
    for key, value in expected.state_dict().items():
        close(used.state_dict()[key], value)
    for key, value in other.state_dict().items():
        assert torch.equal(value, untouched[key])
    assert other.weight.grad is None
    assert used.weight.grad is not None
    for mine, theirs in zip(layer.statistics(x), used.statistics(x), strict=True):
        assert torch.equal(mine, theirs)


def test_conversion_to_a_dual_norm_and_back():
    old = prepared(BatchNorm2d)
    state = copy.deepcopy(old.state_dict())
    new = convert_norm(nn.Sequential(old), "dualbn", statistics="adversarial-branch")
    assert new[0].mode == "adversarial-branch"
    for branch in (new[0].clean, new[0].adversarial):
        assert all(torch.equal(value, state[key]) for key, value in branch.state_dict().items())
    assert new[0].clean.weight is not new[0].adversarial.weight
    with torch.no_grad():
        new[0].adversarial.weight.add_(1)
    assert convert_norm(new, "dualbn")[0] is new[0]
    back = convert_norm(new, "rn", power=0.4)
    assert type(back[0]) is RobustNorm2d
    assert torch.equal(back[0].weight, state["weight"] + 1)
