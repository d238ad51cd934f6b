"""What models are called: every name of the zoo, and names nobody thought of."""

import pytest

from rnorm_core.ui import naming

BASE = "cifar10-resnet20"
ZOO = {f"{BASE}-{norm}{seed}": norm for norm in ("bn", "rn", "none") for seed in ("", "-seed1", "-seed2", "-adv")}
ZOO |= {f"{BASE}-gn": "gn", f"{BASE}-dualbn-adv": "dualbn"}
ZOO |= {f"{BASE}-rn-p{p}": "rn" for p in ("100", "050", "035", "010")}
ZOO |= {f"cifar10-{shape}-{norm}": norm for shape in ("resnet38", "vgg11") for norm in ("bn", "rn")}
YOURS = {"yours-net-1a2b3c4d-p0.5": "rn", "yours-net-1a2b3c4d-p0.2": "rn", "yours-a-b-99999999": "bn"}
STRANGE = {"m-bn": "bn", f"{BASE}-rn-p020": "rn", f"{BASE}-bn-seed0": "bn", f"{BASE}-bn-lr04": "bn", "": "none",
           "cifar100-resnet20-bn": "bn", "cifar10-resnet20-bn-p050": "bn"}  # fmt: skip


def called(name: str, norm: str | None = None) -> str:
    return naming.title(name, norm or ZOO[name])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"{BASE}-bn", "BatchNorm"),
        (f"{BASE}-rn", "RobustNorm"),
        (f"{BASE}-none", "no norm"),
        (f"{BASE}-bn-seed1", "BatchNorm, seed 1"),
        (f"{BASE}-rn-p050", "RobustNorm p=0.5"),
        (f"{BASE}-rn-p100", "RobustNorm p=1"),
        (f"{BASE}-bn-adv", "BatchNorm adv. trained"),
        ("cifar10-vgg11-bn", "VGG-11 BatchNorm"),
    ],
)
def test_names_for_people(name, expected):
    assert called(name) == expected


def test_what_else_there_may_be():
    assert called("cifar100-resnet50-rn-p035-adv-seed12", "rn") == (
        "CIFAR-100 ResNet-50 RobustNorm p=0.35 adv. trained, seed 12"
    )
    assert called("yours-my_net-1a2b3c4d-p0.5", "rn") == "RobustNorm p=0.5, yours: my_net 1a2b"
    assert called(f"{BASE}-bn-lr04", "bn") == "BatchNorm, lr04"
    assert called("m-bn", "bn") == "BatchNorm, m-bn"


def test_no_two_models_are_called_the_same():
    everything = ZOO | YOURS | STRANGE
    for call in (naming.title, naming.listed):
        assert len({call(*model) for model in everything.items()}) == len(everything)


def test_lists_begin_with_the_group_and_go_by_architecture_training_seed_norm_and_p():
    listed = [naming.listed(name, (ZOO | YOURS)[name]) for name in naming.ordered(YOURS | dict(reversed(ZOO.items())))]
    assert listed[:6] == [
        "BatchNorm", "RobustNorm", "RobustNorm p=1", "RobustNorm p=0.5", "RobustNorm p=0.35", "RobustNorm p=0.1",
    ]  # fmt: skip
    groups = [text.rpartition(" · ")[0] for text in listed]
    assert list(dict.fromkeys(groups)) == ["", "Adv. trained", "ResNet-38", "VGG-11", "Yours"]
    assert groups == sorted(groups, key=list(dict.fromkeys(groups)).index)
    assert listed[-1] == "Yours · net 1a2b, RobustNorm p=0.5"


def test_siblings_differ_in_their_seed_alone():
    assert naming.siblings(f"{BASE}-bn", ZOO) == [f"{BASE}-bn-seed1", f"{BASE}-bn-seed2"]
    assert naming.siblings(f"{BASE}-rn-seed2", ZOO) == [f"{BASE}-rn", f"{BASE}-rn-seed1"]
    assert naming.siblings(f"{BASE}-rn-p050", ZOO) == []
    assert naming.siblings("yours-net-1a2b3c4d-p0.5", YOURS) == []


def test_powers_are_those_of_models_that_differ_in_nothing_else():
    more = ZOO | {f"{BASE}-rn-p070-adv": "rn", "cifar10-vgg11-rn-p060": "rn"} | YOURS
    assert naming.powers(more) == {
        0.1: f"{BASE}-rn-p010", 0.2: f"{BASE}-rn", 0.35: f"{BASE}-rn-p035", 0.5: f"{BASE}-rn-p050",
        1.0: f"{BASE}-rn-p100",
    }  # fmt: skip
    assert naming.powers({}) == {}


def test_pairs_are_of_models_that_exist():
    pairs = naming.pairs(ZOO)
    assert all({pair.left, pair.right} <= ZOO.keys() for pair in pairs)
    assert len({str(pair) for pair in pairs}) == len(pairs)
    found = {(pair.left.removeprefix(BASE), pair.right.removeprefix(BASE)): pair.why for pair in pairs}
    assert found["-bn", "-rn"] == found["-bn-seed2", "-rn-seed2"] == "Same seed, another norm"
    assert found["-rn-p010", "-rn-p100"] == "p from 0.1 to 1"
    assert found["-bn-adv", "-rn-adv"] == found["-bn-adv", "-dualbn-adv"] == "Adversarially trained"
    assert found["-rn", "-rn-adv"] == "What adversarial training changes"
    assert found["-bn", "-bn-seed1"] == "Only the seed differs"
    assert str(pairs[0]) == "Same seed, another norm: BatchNorm | RobustNorm"


def test_few_models_few_pairs():
    two = {f"{BASE}-bn": "bn", f"{BASE}-rn": "rn"}
    assert [(pair.left, pair.right) for pair in naming.pairs(two)] == [(f"{BASE}-bn", f"{BASE}-rn")]
    assert naming.pairs({f"{BASE}-rn": "rn"} | YOURS | {"m-bn": "bn", "m-rn": "rn"}) == []
    assert naming.pairs({}) == []


def test_today_labels_are_as_short_as_ever():
    from rnorm_core.ui.crafting import Side

    assert Side(f"{BASE}-bn", "tracked", "bn", "").label == "BatchNorm, tracked"
    assert Side(f"{BASE}-rn-p050", "batch", "rn", "").label == "RobustNorm p=0.5, batch"
