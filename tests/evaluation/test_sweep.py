"""The sweep: every condition once, as `accuracy` measures it; stopped and resumed; other weights; wrong arguments."""

import hashlib
import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from rnorm_core import attacks, data, evaluation, zoo
from rnorm_core.data.files import Source
from rnorm_core.errors import UserError
from rnorm_core.evaluation import __main__ as command
from rnorm_core.evaluation.measure import protocol, sweep
from rnorm_core.evaluation.measure.protocol import KINDS, PASSES, Condition, images, plan
from rnorm_core.evaluation.measure.sweep import Clock
from rnorm_core.evaluation.tables import new_rows
from rnorm_core.evaluation.tables.row import images_hash

BN, RN, NONE = (f"cifar10-small-{norm}" for norm in ("bn", "rn", "none"))


@pytest.fixture
def words(cifar, tmp_path, monkeypatch):
    """words(*more): the arguments of a sweep over two networks, two attacks and one eps: 12 rows from 8 conditions."""

    def words(*more: str) -> list[str]:
        few = ["--models", BN, NONE, "--attacks", "clean", "fgsm", "--eps", "1", "--queries", "5"]
        quick = {"pgd": {"steps": 2}}
        quick |= {f"apgd-{loss}": {"name": "apgd", "loss": loss, "steps": 3} for loss in ("ce", "dlr", "margin")}
        monkeypatch.setattr(protocol, "SETTINGS", quick)
        monkeypatch.setattr(new_rows, "made_with_now", lambda: {"robustnorm-lab": "0", "torch": "2"})
        return [*few, "--count", "24", "--data", str(cifar), "--out", str(tmp_path / "table.jsonl"), *more]

    return words


def run(words: list[str]) -> None:
    command.run(command.arguments(words))


# --- the plan --------------------------------------------------------------------------------------------------------


def test_the_plan_has_every_combination_once(small_zoo):
    everything = plan([BN, NONE, RN])
    assert len(everything) == len(set(everything)) == 7 * (1 + 3 * 7)
    assert {c.statistics for c in everything if c.model == RN} == {"tracked", "batch", "tracked-mean"}
    assert {c.statistics for c in everything if c.model == NONE} == {"tracked"}
    assert {c.eps_255 for c in everything if c.attack == "pgd"} == {0.25, 0.5, 1, 1.5, 2, 4, 8}
    assert {c.eps_255 for c in everything if c.attack == "clean"} == {0}


def test_the_plan_begins_with_what_is_cheap_and_pgd_with_what_tells_most(small_zoo):
    order = list(dict.fromkeys((c.attack, c.eps_255) for c in plan([BN, RN])))
    assert [attack for attack, _ in order] == ["clean"] + ["fgsm"] * 7 + ["noise"] * 7 + ["pgd"] * 7
    assert [eps for attack, eps in order if attack == "pgd"] == [1, 0.5, 2, 0.25, 4, 8, 1.5]


def test_networks_trained_on_attacked_images_are_attacked_harder(small_zoo, monkeypatch):
    monkeypatch.setattr(protocol, "adversarial", lambda name: name == RN)
    more = [c for c in plan([BN, RN]) if c.attack not in ("clean", "fgsm", "noise", "pgd")]
    assert {c.model for c in more} == {RN}
    found = {(c.attack, c.statistics) for c in more}
    strong = ("apgd-ce", "apgd-dlr", "apgd-margin", "square")
    assert found == {(attack, mode) for attack in strong for mode in ("tracked", "batch", "tracked-mean")}
    assert {c.eps_255 for c in more} == {8, 4, 2, 1}
    assert next(c.eps_255 for c in more) == 8
    # asked for by name, any network has them
    asked = plan([BN], ["tracked"], ["square", "apgd-margin"], [1], queries=7)
    assert [(c.attack, c.eps_255, c.queries) for c in asked] == [("apgd-margin", 1, 0), ("square", 1, 7)]
    assert [c.passes for c in asked] == [225, 7]


def test_the_main_networks_meet_apgd_where_they_have_accuracy_to_lose(small_zoo, monkeypatch):
    monkeypatch.setattr(protocol, "is_plain", lambda card: card.name == RN)
    more = [c for c in plan([BN, RN]) if c.attack not in ("clean", "fgsm", "noise", "pgd")]
    assert {(c.model, c.statistics) for c in more} == {(RN, "tracked")}
    sizes = [1, 0.5, 2, 0.25, 1.5, 8]
    assert [(c.attack, c.eps_255) for c in more] == [(f"apgd-{k}", e) for k in ("ce", "dlr", "margin") for e in sizes]
    for condition in more:
        attack = condition.make()
        assert attack
        spec = attack.spec
        assert (spec["steps"], spec["restarts"], spec["early_stop"]) == (50, 2, True)
        assert condition.pixels == ("float",)
    (joint,) = plan([RN], ["batch"], ["apgd-ce"], [1])
    assert "early_stop=True" not in str(joint.make())
    assert joint.pixels == ("float", "8-bit")


def test_the_number_of_images_is_planned_by_model(make_card, monkeypatch):
    everything = [make_card("bn"), make_card("rn"), make_card("none"), make_card("dualbn", "adv")]
    some = [make_card("gn"), make_card("bn", seed=1), make_card("rn", power=1.0)]
    some += [make_card("rn", architecture="resnet38"), make_card("bn", name="mine")]
    monkeypatch.setattr(zoo, "card", {card.name: card for card in [*everything, *some]}.__getitem__)
    assert [images(card.name) for card in everything] == [10_000] * 4
    assert [images(card.name) for card in some] == [2000] * 5


def test_recipes_that_attack_are_adversarial(small_zoo, monkeypatch):
    assert not protocol.adversarial(BN)
    card = zoo.card(BN)
    monkeypatch.setattr(zoo, "card", lambda name: replace(card, recipe=card.recipe | {"attack_eps_255": 8.0}))
    assert protocol.adversarial(BN)


def test_the_attacks_are_those_the_table_promises(monkeypatch):
    assert set(PASSES) == set(KINDS)
    monkeypatch.setattr(protocol, "adversarial", lambda _: True)
    dlr, square = Condition(BN, "batch", "apgd-dlr", 8).make(), Condition(BN, "batch", "square", 8, 7).make()
    assert dlr
    assert square
    assert {"name": "apgd", "steps": 100, "loss": "dlr", "restarts": 2}.items() <= dlr.spec.items()
    small = Condition(BN, "tracked", "apgd-dlr", 2).make()
    assert small
    assert {"steps": 50, "early_stop": True}.items() <= small.spec.items()  # as for other networks
    large = [Condition(BN, "tracked", kind, 8) for kind in ("apgd-dlr", "apgd-margin")]
    assert [condition.pixels for condition in large] == [("float", "8-bit"), ("float",)]
    assert {"name": "square", "steps": 7, "p_init": 0.8, "eps": 8 / 255}.items() <= square.spec.items()
    pgd = Condition(BN, "batch", "pgd", 2).make()
    assert pgd
    assert (pgd.spec["steps"], pgd.spec["eps"], pgd.spec["precision"]) == (20, 2 / 255, "fp32")
    assert Condition(BN, "batch", "clean", 0).make() is None


def test_the_time_left_is_learnt_from_the_conditions_behind():
    clock = Clock()
    clock.note(Condition(BN, "tracked", "clean", 0), 2.0)  # 2 seconds a pass
    todo = [Condition(BN, "tracked", "noise", 1), Condition(RN, "batch", "clean", 0)]
    assert clock.left(todo) == "8 s"  # 3 passes and, as nothing else is known, 1 pass as slow
    clock.note(Condition(RN, "batch", "clean", 0), 60.0)
    assert clock.left(todo) == "1 min"
    assert clock.left(todo * 130) == "2 h 23 min"
    assert clock.left([]) == "0 s"


# --- the sweep -------------------------------------------------------------------------------------------------------


def test_rows_are_what_accuracy_measures(words, batch, tmp_path):
    kinds = "clean", "noise", "pgd", "apgd-dlr", "square"
    run(words("--attacks", *kinds, "--models", RN, "--eps", "0.5", "--statistics", "batch", "tracked"))
    rows = evaluation.read(tmp_path / "table.jsonl")
    assert len(rows) == 2 * (1 + 4 * 2) - 1  # with tracked statistics APGD stops early, for float pixels alone
    assert {(row.kind, row.attack) for row in rows} == {(kind, kind.partition("-")[0]) for kind in kinds}
    missed = 0
    for row in rows:
        attack = attacks.make(**row.settings) if row.settings else None
        model = zoo.load(row.model, row.statistics, fold=True)
        found = evaluation.accuracies(model, batch, attack, row.batch_size, seed=0, pixels=[row.pixels])[row.pixels]
        assert row.mask.equal(found.hits)
        assert (row.correct, row.n, row.weight_hash) == (found.correct, 24, model.weight_hash)
        assert (row.low, row.high) == pytest.approx((found.low, found.high), abs=1e-6)
        assert (row.norm, row.dataset, row.batch_size) == (zoo.card(row.model).norm, "cifar10", 10)
        assert row.eps_255 == (0 if attack is None else 0.5)
        assert row.images == hashlib.sha256("\n".join(batch.ids).encode()).hexdigest()
        missed += row.n - row.correct
    assert missed > 0


def test_the_file_is_sorted_when_the_sweep_ends(words, tmp_path):
    run(words("--eps", "2", "0.5"))
    places = [(r.model, r.statistics, r.attack, r.eps_255, r.pixels) for r in evaluation.read(tmp_path / "table.jsonl")]
    attack = [("clean", 0, "float"), *(("fgsm", eps, pixels) for eps in (0.5, 2) for pixels in ("float", "8-bit"))]
    nets = [(BN, "tracked"), (BN, "batch"), (BN, "tracked-mean"), (NONE, "tracked")]
    assert places == [(*net, *condition) for net in nets for condition in attack]


def test_run_again_it_measures_nothing(words, tmp_path, monkeypatch, capsys):
    run(words())
    before = (tmp_path / "table.jsonl").read_bytes()
    monkeypatch.setattr(sweep, "accuracies", None)
    capsys.readouterr()
    run(words())
    assert (tmp_path / "table.jsonl").read_bytes() == before
    assert "8 of 8 conditions are in" in capsys.readouterr().out


@pytest.mark.parametrize("kept", [0.0, 0.03, 0.4, 0.999])
def test_killed_anywhere_it_goes_on_from_there(words, tmp_path, kept, monkeypatch):
    path = tmp_path / "table.jsonl"
    run(words())
    whole = path.read_bytes()
    cut = whole[: int(kept * len(whole))]
    path.write_bytes(cut)
    measured = []

    def counted(*args, **options):
        measured.append(options["pixels"])
        return evaluation.accuracies(*args, **options)

    monkeypatch.setattr(sweep, "accuracies", counted)
    run(words())
    assert path.read_bytes() == whole
    assert sum(map(len, measured)) == 12 - cut.count(b"\n")


def test_a_stopped_sweep_keeps_what_it_has(words, tmp_path, monkeypatch):
    started = []

    def stopped(*args, **options):
        started.append(args)
        if len(started) == 6:
            raise KeyboardInterrupt
        return evaluation.accuracies(*args, **options)

    monkeypatch.setattr(sweep, "accuracies", stopped)
    with pytest.raises(SystemExit, match="again to go on"):
        command.main(words())
    found = evaluation.read(tmp_path / "table.jsonl")
    assert [row.attack for row in found] == ["clean"] * 4 + ["fgsm"] * 2, "the cheap ones come first"
    run(words())
    assert len(evaluation.read(tmp_path / "table.jsonl")) == 12


def test_other_counts_seeds_and_attack_sizes_are_other_rows(words, tmp_path, monkeypatch):
    seeds = []

    def watched(*args, **options):
        seeds.append(options["seed"])
        return evaluation.accuracies(*args, **options)

    monkeypatch.setattr(sweep, "accuracies", watched)
    one = ("--models", NONE, "--attacks", "fgsm")
    run(words(*one))
    for more in (("--count", "20"), ("--seed", "1"), ("--eps", "2")):
        run(words(*one, *more))
    rows = evaluation.read(tmp_path / "table.jsonl")
    assert seeds == [0, 0, 1, 0]
    assert sorted((r.n, r.seed, r.eps_255) for r in rows[::2]) == [(20, 0, 1), (24, 0, 1), (24, 0, 2), (24, 1, 1)]
    some = {r.n: r for r in rows if (r.seed, r.eps_255, r.pixels) == (0, 1, "float")}
    assert some[20].mask.equal(some[24].mask[:20]), "fewer images are the first of more, in the same batches"


def test_rows_of_other_weights_are_measured_anew(words, tmp_path, new_weights, capsys):
    path = tmp_path / "table.jsonl"
    run(words())
    before = evaluation.read(path)
    new_weights("bn")
    capsys.readouterr()
    run(words())
    out = capsys.readouterr().out
    assert "9 rows are dropped" in out
    assert BN in out
    assert "2 of 8 conditions are in" in out
    after = evaluation.read(path)
    assert {row.weight_hash for row in after} == {zoo.card(BN).sha256, zoo.card(NONE).sha256}
    assert len(after) == len(before) == 12
    assert [row for row in after if row.model == NONE] == [row for row in before if row.model == NONE]
    new_weights("rn")
    run(words())
    assert evaluation.read(path) == after, "models that are not measured keep their rows"


def test_each_model_is_measured_on_the_images_planned_for_it(words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "images", {BN: 24, NONE: 20, RN: 20}.get)
    run([word for word in words("--attacks", "clean", "--models", RN, BN, NONE) if word not in ("--count", "24")])
    found = {(row.model, row.n) for row in evaluation.read(tmp_path / "table.jsonl")}
    assert found == {(BN, 24), (NONE, 20), (RN, 20)}


def test_the_default_is_the_whole_zoo_and_its_table(cifar, capsys):
    run(["--count", "24", "--data", str(cifar), "--attacks", "clean"])
    assert [r.model for r in evaluation.table().rows] == [BN] * 3 + [NONE] + [RN] * 3
    out = capsys.readouterr().out
    assert re.search(rf"\[1/7\] {BN} tracked clean: float 24 of 24, [\d.]+ images a second; ", out)
    assert "cifar10-sweep.jsonl holds 7 rows" in out
    assert zoo.names() == [BN, NONE, RN], "the table beside the models is not taken for one"


def test_the_images_hash_knows_their_order():
    assert images_hash(["a", "b"]) != images_hash(["b", "a"])


def fails(words: list[str], capsys, monkeypatch) -> str:
    """What a person sees of a sweep that ends in an error."""
    monkeypatch.setattr(sys, "argv", ["evaluation", *words])
    with pytest.raises(SystemExit) as caught:
        command.main()
    assert caught.value.code
    return f"{caught.value.code} {capsys.readouterr().err}"


def test_few_samples_are_no_test_set(small_zoo, tmp_path, capsys, monkeypatch):
    samples = Source("samples", "20", tmp_path, complete=False)
    monkeypatch.setattr(data, "available", lambda *_: (samples,))
    monkeypatch.setattr("rnorm_core.data.files.complete_sources", lambda *_: [])
    shown = fails(["--count", "20", "--out", str(tmp_path / "table.jsonl")], capsys, monkeypatch)
    assert shown.startswith("error: cifar10's test images were not found")
    assert not (tmp_path / "table.jsonl").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--models", "resnet"], "There is no model 'resnet'"),
        (["--models", NONE, "--statistics", "batch"], "nothing to measure"),
        (["--dataset", "cifar100"], "use --dataset cifar10"),
        (["--count", "25"], "25 images cannot be chosen"),
        (["--eps", "0"], "grey levels"),
        (["--eps", "nan"], "grey levels"),
        (["--eps", "much"], "much"),
        (["--queries", "0"], "queries"),
        (["--attacks", "cw"], "cw"),
        (["--statistics", "none"], "none"),
    ],
)
def test_wrong_arguments(words, tmp_path, capsys, monkeypatch, wrong, said):
    assert said in fails(words(*wrong), capsys, monkeypatch)
    assert not (tmp_path / "table.jsonl").exists()


def test_a_data_set_without_models(small_zoo, capsys, monkeypatch):
    assert "no model for cifar100" in fails(["--dataset", "cifar100"], capsys, monkeypatch)


def test_every_data_set_has_a_table_of_its_own(monkeypatch, tmp_path):
    """Nothing is measured here: which models, images and files belong together."""
    kinds = {"a": "cifar10", "b": "cifar100", "c": "cifar10"}
    monkeypatch.setattr(zoo, "names", lambda: list(kinds))
    monkeypatch.setattr(zoo, "card", lambda name: SimpleNamespace(dataset=kinds[name], norm="bn"))
    asked = []
    monkeypatch.setattr(command, "locate", lambda *_: None)
    monkeypatch.setattr(data, "load", lambda dataset, *_, **__: dataset)
    monkeypatch.setattr(
        command, "sweep", lambda planned, *rest: asked.append(({c.model for c in planned}, *rest[:2])) or ()
    )
    few = ["--attacks", "clean", "--count", "9"]
    tables = [zoo.DIRECTORY / f"{dataset}-sweep.jsonl" for dataset in ("cifar10", "cifar100")]
    both = [({"a", "c"}, "cifar10", tables[0]), ({"b"}, "cifar100", tables[1])]
    run(few)
    run([*few, "--dataset", "cifar100"])
    run([*few, "--models", "b"])
    assert asked == [*both, both[1], both[1]]
    with pytest.raises(UserError, match="not cifar10 and cifar100"):
        run([*few, "--out", str(tmp_path / "table.jsonl")])


def test_a_damaged_table_is_not_measured_over(words, tmp_path, capsys, monkeypatch):
    path = tmp_path / "table.jsonl"
    path.write_text("something else\n")
    assert "Line 1 of table.jsonl is invalid" in fails(words(), capsys, monkeypatch)
    assert path.read_text() == "something else\n"


def test_threads_are_the_callers_choice(words):
    before = torch.get_num_threads()
    run(words("--attacks", "clean", "--threads", "1"))
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)
