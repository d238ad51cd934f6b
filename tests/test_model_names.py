"""What networks are called: every network of the zoo, brought ones, and names nobody thought of."""

import pytest

from rnorm_core import model_names
from rnorm_core.training.shipped import ZOO
from rnorm_core.zoo import Variant

BASE = "cifar10-resnet20"


@pytest.fixture
def shipped(make_card) -> dict:
    """Cards of every network of the zoo, by name."""
    cards = [make_card(norm, seed=seed) for seed in (0, 1, 2) for norm in ("bn", "rn", "none")]
    cards += [make_card("gn"), make_card("bn", name=f"{BASE}-bn-early")]
    cards += [make_card(norm, "adv") for norm in ("bn", "rn", "none", "dualbn")]
    cards += [make_card("rn", power=power) for power in (1.0, 0.5, 0.35, 0.1)]
    cards += [make_card(norm, architecture=shape) for shape in ("resnet38", "vgg11") for norm in ("bn", "rn")]
    cards += [make_card(norm, dataset="cifar100", seed=seed) for seed in (0, 1, 2) for norm in ("bn", "rn", "none")]
    cards += [make_card(norm, "adv", dataset="cifar100") for norm in ("bn", "rn")]
    return {card.name: card for card in cards}


@pytest.fixture
def bring(make_card):
    """bring("net.safetensors", "1a2b3c4d", "rn", power=0.5): the card of a brought network."""

    def bring(file: str, sha256: str, norm: str = "bn", **changes):
        name = f"yours-{model_names.file_stem(file)}-{sha256[:8]}"
        name += f"-p{changes['power']:g}" if "power" in changes else ""
        return make_card(norm, name=name, recipe={"name": "brought", "file": file}, sha256=sha256 * 8, **changes)

    return bring


@pytest.fixture
def brought(bring) -> list:
    cards = [bring("net.safetensors", "1a2b3c4d", "rn", power=power) for power in (0.5, 0.2)]
    return [*cards, bring("a b.safetensors", "99999999")]


@pytest.fixture
def strange(make_card) -> list:
    """Networks that somebody trained under a name of their own, or with another recipe."""
    names = {"m-bn": "bn", f"{BASE}-rn-p020": "rn", f"{BASE}-bn-seed0": "bn", f"{BASE}-bn-lr04": "bn", "x": "none",
             f"{BASE}-bn-p050": "bn"}  # fmt: skip
    cards = [make_card(norm, name=name) for name, norm in names.items()]
    cards += [make_card("bn", dataset="cifar100", seed=7), make_card("bn", "paper"), make_card("bn", "adv-pgd")]
    # Named as training does, but trained otherwise than the recipe of that name.
    cards.append(make_card("gn", "adv", recipe={"attack_eps_255": 0}))
    return [*cards, make_card("gn", recipe={"attack_eps_255": 8.0}, name="mine")]


def of_one_dataset(shipped) -> list:
    return [card for card in shipped.values() if card.dataset == "cifar10"]


def test_the_fixture_is_the_zoo(shipped):
    assert shipped.keys() == ZOO.keys()


def test_titles(shipped, make_card, bring):
    expected = {
        f"{BASE}-bn": "BatchNorm", f"{BASE}-rn": "RobustNorm", f"{BASE}-none": "no norm",
        f"{BASE}-bn-seed1": "BatchNorm, seed 1", f"{BASE}-rn-p050": "RobustNorm p=0.5",
        f"{BASE}-rn-p100": "RobustNorm p=1", f"{BASE}-bn-adv": "BatchNorm adv. trained",
        f"{BASE}-bn-early": "BatchNorm, stopped early",
        "cifar10-vgg11-bn": "VGG-11 BatchNorm", "cifar100-resnet20-bn": "CIFAR-100 BatchNorm",
    }  # fmt: skip
    assert {name: model_names.title(shipped[name]) for name in expected} == expected
    everything = make_card("rn", "adv", dataset="cifar100", architecture="resnet50", power=0.35, seed=12)
    assert model_names.title(everything) == "CIFAR-100 ResNet-50 RobustNorm p=0.35 adv. trained, seed 12"
    assert model_names.title(everything, with_seed=False) == "CIFAR-100 ResNet-50 RobustNorm p=0.35 adv. trained"
    mine = bring("my net.safetensors", "1a2b3c4d", "rn", power=0.5)
    assert model_names.title(mine) == "RobustNorm p=0.5, yours: my_net 1a2b"
    assert model_names.title(make_card("bn", name=f"{BASE}-bn-lr04")) == "BatchNorm, lr04"
    assert model_names.title(make_card("bn", name="m-bn")) == "BatchNorm, m-bn"
    assert model_names.title(make_card("bn", "adv-pgd")) == "BatchNorm adv. trained, pgd"


def test_a_title_is_of_the_card_and_not_of_the_name(make_card):
    """A network may have the name of another kind; what the card holds is what it is."""
    card = make_card("gn", name=f"{BASE}-rn-p050-adv-seed1")
    assert model_names.title(card) == f"GroupNorm, {card.name}"
    assert not model_names.is_plain(card)
    assert model_names.powers([card]) == {}


def test_no_two_networks_are_called_the_same(shipped, brought, strange):
    everything = [*shipped.values(), *brought, *strange]
    for called in (model_names.title, model_names.listed):
        assert len({called(card) for card in everything}) == len(everything)


def test_lists_begin_with_the_group_and_go_by_architecture_training_seed_norm_and_p(shipped, brought):
    ordered = model_names.ordered([*brought, *reversed(shipped.values())])
    listed = list(map(model_names.listed, ordered))
    assert listed[:6] == [
        "BatchNorm", "RobustNorm", "RobustNorm p=1", "RobustNorm p=0.5", "RobustNorm p=0.35", "RobustNorm p=0.1",
    ]  # fmt: skip
    groups = [text.rpartition(" · ")[0] for text in listed]
    assert list(dict.fromkeys(groups)) == [
        "", "Adv. trained", "ResNet-38", "VGG-11", "CIFAR-100", "CIFAR-100 adv. trained", "Yours",
    ]  # fmt: skip
    assert groups == sorted(groups, key=list(dict.fromkeys(groups)).index)
    assert listed[-1] == "Yours · net 1a2b, RobustNorm p=0.5"


def test_data_sets_are_listed_one_after_another_and_brought_networks_last(shipped, brought, strange):
    ordered = model_names.ordered([*brought, *strange, *shipped.values()])
    own = [card for card in ordered if not card.brought]
    assert ordered[len(own) :] == [card for card in ordered if card.brought]
    assert {card.dataset for card in own} == {"cifar10", "cifar100"}
    assert [card.dataset for card in own] == sorted((card.dataset for card in own), key=len)


def test_siblings_differ_in_their_seed_alone(shipped, brought):
    def siblings(card, cards) -> list[str]:
        return [other.name for other in model_names.siblings(card, cards)]

    everything = shipped.values()
    assert siblings(shipped[f"{BASE}-bn"], everything) == [f"{BASE}-bn-seed1", f"{BASE}-bn-seed2"]
    assert siblings(shipped[f"{BASE}-rn-seed2"], everything) == [f"{BASE}-rn", f"{BASE}-rn-seed1"]
    assert siblings(shipped[f"{BASE}-rn-p050"], everything) == []
    assert siblings(brought[0], brought) == []


def test_powers_are_those_of_networks_that_differ_in_nothing_else(shipped, brought, make_card):
    more = [make_card("rn", "adv", power=0.7), make_card("rn", architecture="vgg11", power=0.6), *brought]
    found = model_names.powers([*of_one_dataset(shipped), *more])
    assert [(power, card.name) for power, card in found.items()] == [
        (0.1, f"{BASE}-rn-p010"), (0.2, f"{BASE}-rn"), (0.35, f"{BASE}-rn-p035"), (0.5, f"{BASE}-rn-p050"),
        (1.0, f"{BASE}-rn-p100"),
    ]  # fmt: skip
    assert model_names.powers([]) == {}


def test_pairs_are_of_networks_that_exist(shipped):
    pairs = model_names.pairs(of_one_dataset(shipped))
    assert all({pair.left, pair.right} <= shipped.keys() for pair in pairs)
    assert len({str(pair) for pair in pairs}) == len(pairs)
    found = {(pair.left.removeprefix(BASE), pair.right.removeprefix(BASE)): pair.why for pair in pairs}
    assert found["-bn", "-rn"] == found["-bn-seed2", "-rn-seed2"] == "Same seed, another norm"
    assert found["-rn-p010", "-rn-p100"] == "p from 0.1 to 1"
    assert found["-bn-adv", "-rn-adv"] == found["-bn-adv", "-dualbn-adv"] == "Adversarially trained"
    assert found["-rn", "-rn-adv"] == "What adversarial training changes"
    assert found["-bn", "-bn-seed1"] == "Only the seed differs"
    assert str(pairs[0]) == "Same seed, another norm: BatchNorm | RobustNorm"


def test_a_network_that_was_stopped_early_is_paired_with_the_one_it_matches(make_card):
    cards = [make_card("bn"), make_card("rn"), make_card("bn", name=f"{BASE}-bn-early")]
    pairs = {(pair.left, pair.right): pair.why for pair in model_names.pairs(cards)}
    assert pairs[f"{BASE}-bn-early", f"{BASE}-rn"] == "As accurate, by an early stop"


def test_few_networks_few_pairs(shipped, brought, make_card):
    bn, rn = shipped[f"{BASE}-bn"], shipped[f"{BASE}-rn"]
    assert [(pair.left, pair.right) for pair in model_names.pairs([bn, rn])] == [(bn.name, rn.name)]
    own = [make_card("bn", name="m-bn"), make_card("rn", name="m-rn")]
    assert model_names.pairs([rn, *brought, *own]) == []
    assert model_names.pairs([]) == []


def test_a_text_names_a_data_set_once(make_card):
    hundred = {"dataset": "cifar100"}
    cards = [make_card("bn", **hundred), make_card("none", **hundred), make_card("rn", architecture="vgg11", **hundred)]
    one, two, three = map(model_names.title, cards)
    said = f"{one} keeps 5.6 % of 2,000 images of CIFAR-100, {two} 4.1 %; **{three}** was not measured on CIFAR-10."
    assert model_names.in_a_text(said) == (
        "CIFAR-100 BatchNorm keeps 5.6 % of 2,000 images of CIFAR-100, no norm 4.1 %; **VGG-11 RobustNorm** was not "
        "measured on CIFAR-10."
    )
    assert model_names.in_a_text("BatchNorm and RobustNorm") == "BatchNorm and RobustNorm"


@pytest.mark.parametrize(
    ("name", "title"),
    [("resnet20", "ResNet-20"), ("vgg11", "VGG-11"), ("torchvision:mnasnet0_5", "mnasnet0_5"), ("wide", "wide")],
)
def test_architectures(name, title):
    assert model_names.architecture(name) == title


def test_labels_name_the_network_and_its_mode(small_zoo):
    assert Variant.of(f"{BASE}-bn").label == "BatchNorm"
    assert Variant.of(f"{BASE}-rn", "batch").label == "RobustNorm with batch statistics"


def test_nearly_equal_p_have_different_names():
    powers = (0.2, 0.2000001, 0.35, 0.351, 1.234, 12.34)
    names = [model_names.default_name("cifar10", "resnet20", "rn", power=power) for power in powers]
    assert len(set(names)) == 6
    assert names[2] == f"{BASE}-rn-p035"
    assert not any("." in name for name in names)  # a name is a file's name without its ending
