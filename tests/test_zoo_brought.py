"""Weights that somebody brings: what is sound becomes a model, everything else is refused in words."""

import gc
import io
import json
import pickle
import re
import struct
import weakref
from hashlib import sha256

import pytest
import torch
from safetensors.torch import save

from rnorm_core import engine, models, norms, probes, weights, zoo
from rnorm_core.errors import UserError
from rnorm_core.model_names import title

WIDTH = 1 / 16


def network(architecture="resnet20", norm="bn", width=WIDTH, classes=10) -> torch.nn.Module:
    torch.manual_seed(0)
    model = models.build(architecture, norm, classes, power=0.5, width=width).train()
    model(torch.rand(4, 3, 32, 32))
    torch.nn.init.normal_(model.classifier.weight)
    return model.eval()


def file_of(model: torch.nn.Module, **about: str) -> bytes:
    return save({key: value.contiguous() for key, value in model.state_dict().items()}, about or None)


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch):
    monkeypatch.setattr(zoo.brought, "_brought", type(zoo.brought._brought)())


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return network()


# --- what is not finite, or cannot be


def test_a_spread_is_not_negative(model):
    key = next(key for key in model.state_dict() if key.endswith("running_var"))
    tensors = model.state_dict() | {key: -torch.ones_like(model.state_dict()[key])}
    with pytest.raises(UserError, match=f"net.safetensors, {re.escape(key)} holds negative numbers"):
        zoo.bring(save({k: v.contiguous() for k, v in tensors.items()}), "net.safetensors")


def test_a_network_answers_with_finite_numbers(model):
    tensors = {key: value * (1e30 if key.endswith("weight") else 1) for key, value in model.state_dict().items()}
    with pytest.raises(UserError, match=r"net\.safetensors has outputs that are not finite"):
        zoo.bring(save({k: v.contiguous() for k, v in tensors.items()}), "net.safetensors")


# --- what is sound


@pytest.mark.parametrize("norm", norms.NORMS)
@pytest.mark.parametrize("architecture", ["resnet20", "resnet38", "vgg11"])
def test_architecture_norm_and_width_are_told_from_keys_and_shapes(architecture, norm):
    brought = network(architecture, norm, 0.25)
    name = zoo.bring(file_of(brought), "net.safetensors", power=0.5)
    card = zoo.card(name)
    assert (card.architecture, card.norm, card.width) == (architecture, norm, 0.25)
    assert card.power == (0.5 if norm == "rn" else None)
    assert card.parameters == sum(p.numel() for p in brought.parameters())
    images = torch.rand(3, 3, 32, 32)
    loaded = zoo.load(name, device="cpu")
    assert torch.allclose(loaded(images), brought(images), atol=1e-4)
    assert torch.allclose(zoo.load(name, device="cpu", fold=True)(images), brought(images), atol=1e-3)


def test_a_brought_model_says_what_it_is(model):
    raw = file_of(model)
    name = zoo.bring(raw, "my net.safetensors")
    loaded = zoo.load(name, "batch", "cpu")
    assert name == f"yours-my_net-{sha256(raw).hexdigest()[:8]}"
    assert zoo.is_brought(name)
    assert (loaded.name, loaded.statistics, loaded.weight_hash) == (name, "batch", sha256(raw).hexdigest())
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert not zoo.has_population(name)
    with pytest.raises(UserError, match=r"no statistics mode 'clean-branch'"):
        zoo.load(name, "clean-branch")


def test_metadata_are_believed_and_answers_more():
    raw = file_of(
        network(norm="rn"), architecture="resnet20", norm="rn", power="0.35", width=str(WIDTH), dataset="cifar10"
    )
    assert zoo.card(zoo.bring(raw, "a.safetensors")).power == 0.35
    assert zoo.card(zoo.bring(raw, "a.safetensors", power=0.5)).power == 0.5


def test_a_network_of_torchvision_is_brought_by_what_its_file_says(tmp_path):
    pytest.importorskip("torchvision")
    torch.manual_seed(0)
    of = "torchvision:shufflenet_v2_x0_5"
    model = models.build(of, "rn", power=0.5).train()
    model(torch.rand(8, 3, 32, 32))
    path = zoo.save(model.eval(), tmp_path / "shuffle.safetensors", architecture=of, norm="rn")
    name, images = zoo.bring(path.read_bytes(), path.name), torch.rand(2, 3, 32, 32)
    assert (zoo.card(name).architecture, zoo.card(name).power) == (of, 0.5)
    assert torch.allclose(zoo.load(name, device="cpu", fold=True)(images), model(images), atol=1e-4)
    refused(file_of(network(), architecture="torchvision:no_such"), "a.safetensors is unknown", "no_such")


def test_one_file_with_two_p_is_two_models():
    raw, images = file_of(network(norm="rn")), torch.rand(2, 3, 32, 32)
    one, other = (zoo.bring(raw, "a.safetensors", power=p) for p in (0.2, 0.5))
    assert one != other
    assert not torch.equal(zoo.load(one, device="cpu")(images), zoo.load(other, device="cpu")(images))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_converted(model, dtype):
    tensors = {key: v.to(dtype) if v.is_floating_point() else v.int() for key, v in model.state_dict().items()}
    loaded = zoo.load(zoo.bring(save(tensors), "a.safetensors"), device="cpu")
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert torch.equal(loaded.stem.conv.weight, model.stem.conv.weight.to(dtype).float())


def test_nobody_else_sees_it_and_only_the_last_are_kept(model, monkeypatch):
    shipped = zoo.names()
    monkeypatch.setattr(zoo.brought, "MAX_BROUGHT", 2)
    raw = file_of(model)
    names = [zoo.bring(raw, f"{letter}.safetensors") for letter in "abca"]
    assert zoo.names() == shipped
    assert names[0] == names[3]
    assert set(zoo.brought._brought) == {names[0], names[2]}
    with pytest.raises(UserError, match="There is no model"):
        zoo.card(names[1])
    assert zoo.card(zoo.bring(raw, "b.safetensors")).name == names[1]  # again, as if it had never been forgotten


def test_a_model_stays_as_long_as_one_owner_keeps_it(model):
    raw = file_of(model)
    name = zoo.bring(raw, "a.safetensors", owner="me")
    assert zoo.bring(raw, "a.safetensors", owner="you") == name
    engine.folding._kept.clear()
    for fold in (False, True):
        engine.passes(zoo.load(name, device="cpu", fold=fold))
    assert engine.folding._kept
    tensors = weakref.ref(zoo.brought._brought[name])
    assert zoo.forget("stranger") == zoo.forget("me", name) == []
    assert zoo.card(name)
    assert zoo.forget("you") == [name]
    gc.collect()
    assert tensors() is None
    assert not engine.folding._kept
    with pytest.raises(UserError, match="There is no model"):
        zoo.card(name)


@pytest.mark.parametrize("limit", ["MAX_BROUGHT", "MAX_BYTES"])
def test_nobody_takes_the_room_of_a_model_with_an_owner(model, monkeypatch, limit):
    raw = file_of(model)
    mine = zoo.bring(raw, "mine.safetensors", owner="me")
    room = {"MAX_BROUGHT": 3, "MAX_BYTES": 3 * zoo.brought._brought[mine].nbytes}
    monkeypatch.setattr(zoo.brought, limit, room[limit])
    spare = zoo.bring(raw, "spare.safetensors")
    yours = [zoo.bring(raw, f"{k}.safetensors", owner="you") for k in range(2)]
    assert set(zoo.brought._brought) == {mine, *yours}
    assert spare not in zoo.brought._brought
    with pytest.raises(UserError, match="as many uploaded networks as it can"):
        zoo.bring(raw, "more.safetensors", owner="you")
    assert set(zoo.brought._brought) == {mine, *yours}
    zoo.forget("you")
    assert zoo.bring(raw, "next.safetensors", owner="third")


def test_models_share_nothing_that_can_be_changed(model):
    name = zoo.bring(file_of(model), "a.safetensors")
    first, images = zoo.load(name, device="cpu"), torch.rand(2, 3, 32, 32)
    before = first(images)
    with torch.no_grad():
        first.classifier.weight.zero_()
    assert torch.equal(zoo.load(name, device="cpu")(images), before)


# --- what is refused


def refused(raw: bytes, *words: str, filename: str = "a.safetensors", **said) -> None:
    before = dict(zoo.brought._brought)
    with pytest.raises(UserError) as caught:
        zoo.bring(raw, filename, **said)
    for word in words:
        assert word in str(caught.value)
    assert len(str(caught.value)) < 700
    assert dict(zoo.brought._brought) == before


def header(content, length: int | None = None) -> bytes:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text


@pytest.mark.parametrize("keep", [0, 4, 9, 100, 4000, -1])
def test_a_file_that_is_cut_off(model, keep):
    word = "cut off" if keep > 8 or keep < 0 else "not a safetensors file"
    refused(file_of(model)[:keep], "a.safetensors", word)


def test_a_pickle_under_another_name_is_not_opened(model):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("it was opened",))

    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    for raw in (buffer.getvalue(), pickle.dumps(Bomb())):
        refused(raw, "not a safetensors file", "a pickle", "was not opened")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"not weights at all", ["not a safetensors file"]),
        (b"version https://git-lfs.github.com/spec/v1\n", ["Git LFS pointer"]),
        (b"x" * (weights.MAX_BYTES + 1), ["10.0 MB"]),
        (header({}, 2**62), ["header of 4,611,686,018,427,387,904 bytes"]),
        (header({}, 10_000), ["cut off", "inside its header"]),
        (header(b"{nonsense}"), ["not JSON"]),
        (header(b'{"a":' * 5000 + b"1" + b"}" * 5000), ["not JSON"]),
        (header(b"{\xff}"), ["not JSON"]),
        (header({}), ["no weights"]),
        (header({"__metadata__": {}}), ["no weights"]),
        (header({"__metadata__": [1], "a": {}}), ["metadata"]),
        (header({"a": 1}), ["'a' has no shape"]),
        (header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}), ["impossible shape"]),
        (header({"a": {"dtype": "F32", "shape": [10**15], "data_offsets": [0, 4]}}), ["impossible shape"]),
        (header({"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}), ["impossible shape"]),
        (header({"a": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}), ["'F8_E4M3'", "float32"]),
        (header({"a": {"dtype": "BOOL", "shape": [1], "data_offsets": [0, 1]}}), ["'BOOL'"]),
        (header({"classifier.weight": {"dtype": "F32", "shape": [10, 4], "data_offsets": [0, 160]}}), ["architecture"]),
    ],
)  # fmt: skip
def test_what_is_no_sound_file(raw, words):
    refused(raw, *words)


def test_offsets_that_lie(model):
    entry = {"dtype": "F32", "shape": [10, 4], "data_offsets": [0, 10**12]}
    for offsets in ([0, 10**12], [8, 4], [-1, 159], "text", None):
        content = header({"blocks.8.a": entry | {"data_offsets": offsets}}) + b"\0" * 160
        refused(content, "damaged")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.update(renamed=t.pop("stem.conv.weight")), ["lack stem.conv.weight"]),
        (lambda t: t.update(another=torch.zeros(3)), ["hold another", "does not have"]),
        (lambda t: t.update({"stem.conv.weight": torch.zeros(1, 3, 5, 5)}), ["stem.conv.weight has shape (1, 3, 5, 5)",
                                                                           "expected (1, 3, 3, 3)"]),
        (lambda t: t["stem.conv.weight"].view(-1)[0].fill_(float("nan")), ["stem.conv.weight holds numbers", "finite"]),
        (lambda t: t.update({"stem.conv.weight": torch.zeros(1, 3, 3, 3).double() + 1e300}), ["as float32"]),
        (lambda t: t.update({"stem.conv.weight": torch.zeros(1, 3, 3, 3, dtype=torch.int32)}), ["int64, expected"]),
        (lambda t: t.update({"classifier.weight": torch.zeros(7, 4)}), ["7 classes", "cifar10", "10 classes"]),
        (lambda t: t.update({"classifier.weight": torch.zeros(100, 4)}), ["classifier.bias", "expected (100,)"]),
        (lambda t: t.update({"classifier.weight": torch.zeros(10, 10_000)}), ["shape"]),
        (lambda t: t.update({"classifier.weight": torch.zeros(10, 16)}), ["shape", "choose its architecture"]),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_are_named(model, change, words):
    tensors = {key: value.clone() for key, value in model.state_dict().items()}
    change(tensors)
    refused(save(tensors), *words)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"architecture": "resnet18"}, ["architecture = 'resnet18'", "resnet20"]),
        ({"architecture": "vgg11"}, ["lack", "features"]),
        ({"architecture": "resnet38"}, ["lack", "blocks"]),
        ({"norm": "ln"}, ["norm = 'ln'", "bn, rn"]),
        ({"norm": "gn"}, ["running_mean"]),
        ({"width": "much"}, ["width = 'much'"]),
        ({"width": "nan"}, ["width = 'nan'"]),
        ({"width": "1e9"}, ["width"]),
        ({"width": "0.5"}, ["shape"]),
        ({"dataset": "cifar100"}, ["cifar100", "cifar10"]),
        ({"dataset": "mnist"}, ["mnist"]),
    ],
)
def test_metadata_that_are_wrong(model, about, words):
    refused(file_of(model, **about), *words)


def test_the_number_of_classes_tells_the_data_set():
    raw = file_of(network(classes=100))
    assert zoo.card(zoo.bring(raw, "a.safetensors")).dataset == "cifar100"
    refused(raw, "100 classes", "bring a network for cifar10", dataset="cifar10")
    refused(file_of(network(classes=100), dataset="cifar10"), "100 classes", "cifar10")


def test_a_name_that_is_no_name(model):
    name = zoo.bring(file_of(model), "../../" + "é <b>*x*</b>" * 40 + ".safetensors")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzé0123456789_-ABCDEF")
    assert len(name) < 50
    assert zoo.bring(file_of(model), "???").startswith("yours-model-")


def test_without_a_p_there_is_no_robustnorm():
    raw = file_of(network(norm="rn"))
    refused(raw, "does not say the p", "give the p")
    refused(file_of(network(norm="rn"), power="-1"), "p = -1")
    with pytest.raises(UserError, match="power = '1000"):
        weights._about({"power": 10**400}, "a.safetensors")
    refused(raw, "p = 1e+09", power=1e9)


def test_an_answer_that_does_not_fit(model):
    refused(file_of(model), "lack", "features", architecture="vgg16")
    refused(file_of(model), "lack", "blocks.0.gain", norm="none")
    refused(file_of(model), "shape", width=1.0)


# --- numbers that overflow only later


def changed(model, **changes) -> bytes:
    tensors = {key: value.clone() for key, value in model.state_dict().items()}
    for key, value in changes.items():
        tensors[key.replace("__", ".")].fill_(value)
    return save(tensors)


@pytest.mark.parametrize(
    "changes",
    [{"blocks__0__first__norm__weight": 1e30}, {"pixels__std": 1e-30}, {"blocks__8__first__norm__weight": 1e30}],
)
def test_inputs_of_layers_whose_deviation_is_not_finite(model, changes):
    """A later norm makes the outputs finite again, but pages measure the inputs of every layer."""
    refused(changed(model, **changes), "a.safetensors has inputs of layers that are not finite for random images")


def test_what_overflows_in_another_mode_is_an_error_of_the_recording(model):
    """A large running variance hides in tracked mode what the batch's own does not."""
    name = zoo.bring(changed(model, stem__norm__running_var=1e38, stem__norm__weight=1e25), "a.safetensors")
    with pytest.raises(UserError, match=r"the inputs of layer blocks\.0\.first\.norm are not finite"):
        probes.record(zoo.load(name, "batch", "cpu"), torch.rand(4, 3, 32, 32))


def test_gradients_are_checked():
    class Root(torch.nn.Module):
        def forward(self, x):
            return (0 * x.flatten(1)[:, :10]).sqrt()  # 0, with the slope 0 * infinity

    assert zoo.brought._not_finite(Root()) == "gradients"


def test_a_network_of_torchvision_that_asks_for_a_version_works():
    pytest.importorskip("torchvision")
    torch.manual_seed(0)
    of = "torchvision:mnasnet0_5"
    raw = file_of(models.build(of, "bn").half(), architecture=of, norm="bn")
    assert zoo.load(zoo.bring(raw, "mnas.safetensors"), device="cpu")(torch.rand(1, 3, 32, 32)).shape == (1, 10)


# --- a file's own words are shortened


@pytest.mark.parametrize("name", ["no_such_network" * 40_000, "torchvision:" + "a" * 500_000])
def test_a_long_architecture(model, name):
    refused(file_of(model, architecture=name), "architecture = ", "...")


def test_long_keys_and_types(model):
    refused(save(dict(model.state_dict()) | {"k" * 100_000: torch.zeros(1)}), "hold kkk", "...")
    refused(save(dict(model.state_dict()) | {"k" * 100_000: torch.tensor(float("nan"))}), "kkk", "...")
    refused(header({"a": {"dtype": "F" * 100_000, "shape": [1], "data_offsets": [0, 4]}}), "'FFF", "...")


def test_two_nearly_equal_p_are_two_models():
    raw = file_of(network(norm="rn"))
    names = [zoo.bring(raw, "a.safetensors", power=p) for p in (0.2, 0.2000001, 0.1 + 0.2, 0.3)]
    assert len(set(names)) == 4
    assert len({title(zoo.card(name)) for name in names}) == 4
    assert names[0].endswith("-p0.2")
