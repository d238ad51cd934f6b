"""The numbers behind the verdicts as records."""

import pytest

from rnorm_core.evaluation.claims.records import records
from rnorm_core.evaluation.claims.shipped import shipped
from rnorm_core.evaluation.claims.verdict import HOLDS


def hashes(judgement) -> set[str]:
    return {f"{source.model} {source.weight_hash[:12]}" for source in judgement.sources}


def test_every_finding_has_numbers_and_they_fit_its_state():
    judgements = [judgement for some in shipped().by_claim.values() for judgement in some]
    if not judgements:
        pytest.skip("nothing that was measured belongs to the shipped weights")
    found = records(judgements)
    assert all(record.keys() == found[0].keys() for record in found)
    for judgement in judgements:
        mine = [r for r in found if (r["claim"], r["reading"], r["rule"]) == (
            judgement.claim, judgement.reading, judgement.evidence.rule)]  # fmt: skip
        assert {f.size for f in judgement.findings} <= {r["size"] for r in mine}
        assert all(isinstance(r["value"], float | int) for r in mine)
        assert all(digest in r["weights"] for r in mine for digest in hashes(judgement))
        if judgement.evidence.rule == "more robust":
            assert all(r["attacks"].startswith(("apgd", "fgsm", "pgd")) for r in mine)
            assert all(r["low"] > 0 for r in mine if r["state"] == HOLDS)
            assert all(r["low"] <= r["value"] <= r["high"] for r in mine)


def test_the_interval_over_trainings_is_a_record_of_its_own():
    judged = shipped().by_claim["C5"][:1]
    if not judged or judged[0].seeds != (0, 1, 2):
        pytest.skip("these trainings are not in the table (yet)")
    (judgement,), found = judged, records(judged)
    over = {record["size"]: record for record in found if record["training"] == "3 trainings of each"}
    assert over.keys() == judgement.evidence.trainings.keys() == {finding.size for finding in judgement.findings}
    for record in over.values():
        assert record["quantity"] == "difference over trainings (Welch's t)"
        assert record["low"] <= record["value"] <= record["high"]
        assert (record["low"] > 0) or record["state"] != HOLDS
        seeds = [r for r in found if (r["size"], r["quantity"]) == (record["size"], "paired difference")]
        assert len(seeds) == 3
        assert record["n"] <= min(r["n"] for r in seeds)  # images that all six get right
