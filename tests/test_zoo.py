"""The zoo: what matches its card is loaded, fresh and frozen; everything else is refused in words."""

import copy
import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save

from rnorm_core import models, norms, zoo
from rnorm_core.errors import UserError
from rnorm_core.norms import STATISTICS
from rnorm_core.training.publish import publish
from rnorm_core.training.recipe import RECIPES

ROOT = Path(__file__).resolve().parent.parent
CURVE = [{"epoch": 1, "train_loss": 1.5, "train_accuracy": 0.4, "lr": 0.1, "seconds": 2.0}]
ROW = {
    "split": "test", "attack": None, "settings": {}, "eps_255": None, "statistics": "tracked",
    "n": 10, "correct": 5, "low": 0.2, "high": 0.8,
}  # fmt: skip


def published(folder: Path, norm: str, name: str | None = None) -> str:
    """A small network with statistics of its own."""
    torch.manual_seed(3)
    shape = dict(architecture="resnet20", norm=norm, width=0.25, dataset="cifar10")
    model = models.build(**shape, power=0.3).train()
    for _ in range(3):
        model(torch.rand(8, 3, 32, 32))
    torch.nn.init.normal_(model.classifier.weight)
    name = name or f"tiny-{norm}"
    publish(
        folder,
        name,
        model,
        shape=shape | {"power": 0.3},
        recipe=RECIPES["fast"],
        seed=0,
        data_hash="0" * 64,
        curve=CURVE,
    )
    return name


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> str:
    """The only model of a zoo of its own, with RobustNorm."""
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    return published(tmp_path, "rn")


def change_card(name: str, change) -> None:
    path = zoo.DIRECTORY / f"{name}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def change_weights(name: str, change) -> None:
    """Other weights, and a card that vouches for them."""
    path = zoo.DIRECTORY / f"{name}.safetensors"
    tensors = load_file(path)
    change(tensors)
    raw = save(tensors)
    path.write_bytes(raw)
    change_card(name, lambda card: card.update(sha256=sha256(raw).hexdigest()))


# --- what is shipped -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not zoo.names(), reason="no trained network is in pretrained/")
def test_every_shipped_model_loads_and_is_what_its_card_says():
    for name in zoo.names():
        card, model = zoo.card(name), zoo.load(name, device="cpu")
        assert name.startswith(f"{card.dataset}-{card.architecture}-{card.norm}")
        assert sha256((zoo.DIRECTORY / f"{name}.safetensors").read_bytes()).hexdigest() == card.sha256
        assert model.weight_hash == card.sha256
        assert sum(p.numel() for p in model.parameters()) == card.parameters
        early = card.recipe.get("stop_at_accuracy")
        assert [row["epoch"] for row in card.curve] == list(range(1, len(card.curve) + 1))
        assert len(card.curve) == card.recipe["epochs"] or (early and card.curve[-1]["held_out_accuracy"] >= early)
        assert not early or all(row["held_out_accuracy"] < early for row in card.curve[:-1])
        assert card.data_hash.strip("0"), "a placeholder"
        assert model(torch.rand(2, 3, 32, 32)).shape == (2, len(card.classes))


# --- a sound model ---------------------------------------------------------------------------------------------------


def test_a_published_model_comes_back(tiny):
    card = zoo.card(tiny)
    assert zoo.names() == [tiny]
    assert (card.architecture, card.norm, card.power, card.width) == ("resnet20", "rn", 0.3, 0.25)
    assert card.curve == tuple(CURVE)
    assert card.recipe["peak_lr"] == RECIPES["fast"].peak_lr
    model = zoo.load(tiny, device="cpu")
    stored = load_file(zoo.DIRECTORY / f"{tiny}.safetensors")
    assert model.state_dict().keys() == stored.keys()
    assert all(torch.equal(value, stored[key]) for key, value in model.state_dict().items())


def test_a_model_is_frozen_and_says_what_it_is(tiny):
    for statistics in STATISTICS:
        for fold in [False, True]:
            model = zoo.load(tiny, statistics, "cpu", fold=fold)
            assert (model.name, model.statistics, model.weight_hash) == (tiny, statistics, zoo.card(tiny).sha256)
            assert not any(module.training for module in model.modules())
            assert not any(p.requires_grad for p in model.parameters())


def test_folding_changes_no_logit(tmp_path, monkeypatch):
    for norm in ["bn", "rn", "gn", "none"]:
        monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
        name = published(tmp_path, norm)
        x = torch.rand(6, 3, 32, 32)
        plain, folded = zoo.load(name, device="cpu"), zoo.load(name, device="cpu", fold=True)
        torch.testing.assert_close(folded(x), plain(x), rtol=1e-4, atol=1e-4)
        assert plain(x).std() > 0.1


def test_folding_leaves_batch_statistics_alone(tiny):
    x = torch.rand(6, 3, 32, 32)
    for statistics in ("batch", "tracked-mean"):
        plain, folded = (zoo.load(tiny, statistics, "cpu", fold=fold) for fold in (False, True))
        assert torch.equal(plain(x), folded(x))
        assert not torch.allclose(plain(x), zoo.load(tiny, device="cpu")(x), atol=1e-3)


def test_models_share_nothing_that_can_be_changed(tiny):
    for fold in [False, True]:
        x = torch.rand(4, 3, 32, 32)
        first, second = (zoo.load(tiny, device="cpu", fold=fold) for _ in range(2))
        expected = second(x)
        first.train().requires_grad_(True)
        first.register_forward_hook(lambda *_: torch.zeros(4, 10))
        with torch.no_grad():
            for tensor in first.state_dict().values():
                tensor.add_(1)
        assert torch.equal(second(x), expected)
        assert not second.training
        third = zoo.load(tiny, device="cpu", fold=fold)
        assert torch.equal(third(x), expected)
        assert not any(p.requires_grad for p in third.parameters())


def test_threads_get_models_of_their_own(tiny):
    x = torch.rand(2, 3, 32, 32)
    expected = zoo.load(tiny, device="cpu")(x)
    zoo._prototype.cache_clear()

    def use(_):
        model = zoo.load(tiny, device="cpu")
        logits = model(x)
        with torch.no_grad():
            for p in model.parameters():
                p.zero_()
        return logits

    with ThreadPoolExecutor(8) as pool:
        assert all(torch.equal(logits, expected) for logits in pool.map(use, range(32)))


def test_a_replaced_model_is_read_again(tiny):
    before = zoo.load(tiny, device="cpu")
    change_weights(tiny, lambda tensors: tensors["classifier.weight"].add_(1))
    after = zoo.load(tiny, device="cpu")
    assert torch.equal(after.classifier.weight, before.classifier.weight + 1)
    assert after.weight_hash != before.weight_hash


def test_measured_rows_are_found_by_their_conditions(tiny):
    attacked = ROW | {"attack": "pgd", "eps_255": 0.5, "correct": 3}
    change_card(tiny, lambda card: card.update(accuracies=[ROW, ROW | {"statistics": "batch"}, attacked]))
    card = zoo.card(tiny)
    assert card.accuracy() == ROW
    assert card.accuracy("pgd", 0.5) == attacked
    assert card.accuracy(statistics="batch")["statistics"] == "batch"
    assert card.accuracy("pgd", 1) is None


def test_a_model_has_the_modes_of_its_norm(tmp_path, monkeypatch):
    for norm in norms.NORMS:
        monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
        name, x = published(tmp_path, norm), torch.rand(6, 3, 32, 32)
        assert zoo.load(name, device="cpu").statistics == norms.modes(norm)[0]
        for mode in norms.MODES:
            if mode in norms.modes(norm):
                plain, folded = (zoo.load(name, mode, "cpu", fold=fold) for fold in (False, True))
                torch.testing.assert_close(folded(x), plain(x), rtol=1e-4, atol=1e-4)
            else:
                with pytest.raises(UserError, match=f"{name} has no statistics mode '{mode}'"):
                    zoo.load(name, mode)


def test_unknown_names_list_the_valid_ones(tiny):
    for ask in (zoo.card, zoo.load):
        with pytest.raises(UserError, match=r"no model 'nobody'.*choose one of tiny-rn"):
            ask("nobody")
    with pytest.raises(UserError, match="no model"):
        zoo.load(f"../{zoo.DIRECTORY.name}/{tiny}")
    with pytest.raises(UserError, match=r"'running'.*choose one of tracked, batch, tracked-mean"):
        zoo.load(tiny, "running")


# --- what is refused -------------------------------------------------------------------------------------------------


def refused(name: str, *words: str) -> None:
    with pytest.raises(UserError) as caught:
        zoo.load(name, device="cpu")
    for word in words:
        assert word in str(caught.value)


def test_weights_that_do_not_match_their_card(tiny):
    path = zoo.DIRECTORY / f"{tiny}.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    refused(tiny, path.name, "does not match its card", zoo.card(tiny).sha256[:12])


def test_a_truncated_file(tiny):
    path = zoo.DIRECTORY / f"{tiny}.safetensors"
    whole, sound = path.read_bytes(), zoo.card(tiny).sha256
    for keep in (0, 4, 100, 20_000, -1):
        raw = whole[:keep]
        path.write_bytes(raw)
        change_card(tiny, lambda card: card.update(sha256=sound))
        refused(tiny, path.name, "does not match its card")
        change_card(tiny, lambda card, raw=raw: card.update(sha256=sha256(raw).hexdigest()))
        refused(tiny, path.name, "not a safetensors file")


def test_a_pickle_is_no_weights_file(tiny):
    path = zoo.DIRECTORY / f"{tiny}.safetensors"
    torch.save(load_file(path), path)
    change_card(tiny, lambda card: card.update(sha256=sha256(path.read_bytes()).hexdigest()))
    refused(tiny, "not a safetensors file")


KEY = "stem.conv.weight"


UNFIT = {
    "missing": (lambda t: t.pop(KEY), ["lack", KEY]),
    "many missing": (lambda t: [t.pop(key) for key in list(t)[:10]], ["lack", "and 7 more"]),
    "extra": (lambda t: t.update(other=torch.ones(1)), ["other", "does not have"]),
    "shape": (lambda t: t.update({KEY: t[KEY][:-1].clone()}), [KEY, "shape (3, 3, 3, 3), expected (4, 3, 3, 3)"]),
    "nan": (lambda t: t[KEY].view(-1)[5].fill_(float("nan")), [KEY, "not finite"]),
    "inf": (lambda t: t[KEY].view(-1)[5].fill_(float("inf")), [KEY, "not finite"]),
    "type": (lambda t: t.update({KEY: t[KEY].half()}), [KEY, "float16, expected torch.float32"]),
    "spread": (lambda t: t["stem.norm.running_range"].neg_(), ["stem.norm.running_range", "negative"]),
}


@pytest.mark.parametrize(("change", "words"), UNFIT.values(), ids=UNFIT)
def test_weights_that_do_not_fit_the_network(tiny, change, words):
    change_weights(tiny, change)
    refused(tiny, tiny, *words)


@pytest.fixture
def with_field(tiny):
    """with_field(name=value, ...): the card with these values; `...` removes a field."""
    path = zoo.DIRECTORY / f"{tiny}.json"
    sound = json.loads(path.read_text())

    def write(**change) -> None:
        zoo._card.cache_clear()  # two writes may fall into one tick of the clock
        zoo._prototype.cache_clear()
        path.write_text(json.dumps({key: value for key, value in (sound | change).items() if value is not ...}))

    return write


def test_a_card_without_one_of_its_fields(tiny, with_field):
    for field in fields(zoo.Card):
        with_field(**{field.name: ...})
        refused(tiny, f"{tiny}.json", repr(field.name), "missing")


def test_a_card_with_a_field_of_another_type(tiny, with_field):
    """Whatever is put in the place of a field's value: refused, unless it is of the right type and nothing to check."""
    free = {"seed": int, "initialisation": str, "code_version": str, "made_with": dict, "power": (int, float)}
    accepted = []
    for field in fields(zoo.Card):
        for value in (True, [1], {"a": 1}, "text", 7, None, 0.5):
            with_field(**{field.name: value})
            if isinstance(value, free.get(field.name, ())) and not isinstance(value, bool):
                assert zoo.load(tiny, device="cpu")
                accepted.append(field.name)
            else:
                refused(tiny)
    assert sorted(accepted) == sorted([*free, "power"])


def with_row(**change):
    return {"accuracies": [ROW | change]}


def without(row: dict, key: str) -> dict:
    return {k: v for k, v in row.items() if k != key}


def test_a_card_with_a_wrong_value(tiny, with_field):
    wrong = [
        ({"name": "other"}, ["'other'"]),
        ({"architecture": "resnet18"}, ["'resnet18' is unknown"]),
        ({"architecture": "resnet38"}, ["lack"]),
        ({"dataset": "mnist"}, ["'mnist' is unknown"]),
        ({"dataset": "cifar100"}, ["'classes'"]),
        ({"norm": "ln"}, ["'ln' is unknown"]),
        ({"norm": "bn"}, ["'power' goes with norm 'rn'"]),
        ({"norm": "bn", "power": None}, ["running_"]),
        ({"power": None}, ["'power' goes with norm 'rn'"]),
        ({"power": -0.1}, ["'power' is -0.1"]),
        ({"power": float("nan")}, ["'power' is nan"]),
        ({"width": 0}, ["'width' is 0"]),
        ({"width": float("inf")}, ["'width' is inf"]),
        ({"width": 0.5}, ["shape"]),
        ({"classes": ["cat", "dog"]}, ["'classes'"]),
        ({"classes": [["cat"]]}, ["'classes'"]),
        ({"recipe": {}}, ["'recipe' has no name"]),
        ({"data_hash": "f" * 63}, ["'data_hash' is not 64"]),
        ({"sha256": "G" * 64}, ["'sha256' is not 64"]),
        ({"sha256": "a" * 64}, ["does not match its card"]),
        ({"parameters": 12}, ["12 parameters", "the network has"]),
        ({"date": "yesterday"}, ["'date'"]),
        ({"curve": [{"epoch": 1}]}, ["'curve'", "train_loss"]),
        ({"curve": ["text"]}, ["'curve'"]),
        ({"comment": "x"}, ["no field comment"]),
        ({"accuracies": ["text"]}, ["'accuracies'"]),
        *(({"accuracies": [without(ROW, key)]}, ["'accuracies'", key]) for key in ROW),
        (with_row(n="10"), ["'n'", "str"]),
        (with_row(correct=True), ["'correct'", "bool"]),
        (with_row(n=0, correct=0, low=0.0), ["contradicts itself"]),
        (with_row(correct=11), ["11 of 10"]),
        (with_row(low=0.6), ["interval 0.6 to 0.8"]),
        (with_row(high=float("nan")), ["contradicts itself"]),
        (with_row(statistics="running"), ["'running'"]),
    ]
    for change, words in wrong:
        with_field(**change)
        refused(tiny, *words)


def test_a_card_that_is_no_card(tiny):
    for text in ["", "{", "[]", "null", '"text"', '{"name": 1e999}', "\xff"]:
        (zoo.DIRECTORY / f"{tiny}.json").write_text(text, encoding="latin-1")
        refused(tiny, f"{tiny}.json")


def test_half_a_model_is_named(tiny):
    assert zoo.halves() == []
    (zoo.DIRECTORY / f"{tiny}.population.safetensors").touch()
    assert zoo.halves() == []
    (zoo.DIRECTORY / "one.json").touch()
    (zoo.DIRECTORY / "two.safetensors").touch()
    assert [re.search("the file (.*) is", half.what)[1] for half in zoo.halves()] == ["one.safetensors", "two.json"]


def test_a_card_alone_is_no_model(tiny):
    (zoo.DIRECTORY / f"{tiny}.safetensors").unlink()
    assert zoo.names() == []
    refused(tiny, "no model", "restore the folder")


# --- no pickle -------------------------------------------------------------------------------------------------------

UNPICKLES = re.compile(r"\b(?:torch\.load|pickle\.loads?|Unpickler|read_pickle|joblib|dill|allow_pickle=True|shelve)\b")


def unpicklers(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path in sorted(root.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if UNPICKLES.search(line)
    ]


def test_no_pickle_is_loaded_but_by_the_reader_that_calls_nothing(tmp_path):
    found = unpicklers(ROOT / "rnorm_core")
    assert [line.partition(": ")[2] for line in found] == ["class _ArraysOnly(pickle.Unpickler):"]
    assert found[0].startswith("data/files.py:")
    (tmp_path / "bad.py").write_text("x = torch.load(path)\ny = pickle.load(file)\nz = torch.loader\n")
    assert len(unpicklers(tmp_path)) == 2, "the search can fail"


def test_cards_are_values(tiny):
    card = zoo.card(tiny)
    assert card == zoo.card(tiny) == copy.deepcopy(card)
    with pytest.raises(AttributeError):
        card.name = "other"  # type: ignore[misc]


def test_a_network_with_medians_shows_attacks_a_useful_gradient(small_zoo):
    for name, statistics in itertools.product(zoo.names(), ("batch", norms.MEDIAN)):
        model = zoo.load(name, statistics)
        layers = [layer for layer in model.modules() if isinstance(layer, norms.BatchNorm2d | norms.RobustNorm2d)]
        assert len(layers) == 19
        assert {(layer.mode, layer.straight_through) for layer in layers} == {(statistics, statistics == norms.MEDIAN)}
