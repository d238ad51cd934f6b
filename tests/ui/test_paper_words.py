"""Sentences and commands beside a judged claim."""

from dataclasses import dataclass

from rnorm_core.evaluation import __main__ as sweeping
from rnorm_core.evaluation.claims.shipped import shipped
from rnorm_core.evaluation.tables import accuracies
from rnorm_core.ui.paper import words


@dataclass
class Reading:
    reading: str
    seeds: tuple[int, ...]


def test_seeds_are_listed_by_reading_where_they_differ():
    one, two = Reading("accuracy is kept", (0,)), Reading("fast training is kept", (0, 1))
    assert words.seeds([one, one]).startswith("One seed (0): an example")
    assert words.seeds([two]) == "2 seeds (0, 1)."
    both = words.seeds([one, two, one])
    assert both.startswith("One seed (0): “accuracy is kept”. 2 seeds (0, 1): “fast training is kept”.")
    assert both.endswith("an example, not a law.")


def test_a_downloaded_number_names_its_networks_and_its_command():
    found = shipped()
    numbers = words.downloaded(found)
    assert {record["claim"] for record in numbers} == {claim for claim, some in found.by_claim.items() if some}
    for record in numbers:
        assert "cifar10-resnet20-" in record["weights"]
        measured = record["rule"] != "speed kept"  # the cards of the trainings are the evidence
        assert record["command"].startswith("python -m rnorm_core." if measured else "")
        assert record["weights"].split()[0] in record["command"] or not measured


def test_the_command_beside_a_claim_measures_its_evidence():
    found = shipped()
    kept = words.commands(found.by_claim["C6"], found.table)
    assert kept
    assert all("--statistics tracked --attacks clean --count" in command for command in kept)
    sweeps = [one for one in words.commands(found.by_claim["C3"][:1], found.table) if accuracies.COMMAND in one]
    options = [sweeping.arguments(command.split()[3:]) for command in sweeps]
    counted = {(eps, some[0][0].n) for eps, some in found.by_claim["C3"][0].evidence.by_eps.items()}
    assert {(eps, one.count) for one in options for eps in one.eps} == counted
    assert all(set(one.attacks) >= {"clean", "fgsm", "noise", "pgd"} for one in options)
    assert all(one.statistics == ["batch"] for one in options)
