"""Tables of judgements: sanity checks, the plane of the loss, the paper's claims."""

from collections.abc import Iterable
from typing import Any

from rnorm_core.evaluation.claims.records import records
from rnorm_core.experiments import claim_check
from rnorm_core.experiments.robustness import ExaminationResult, SurfacesResult
from rnorm_core.report.files import Rows, Tables
from rnorm_core.report.numbers.parts import EPS
from rnorm_core.sanity import Finding


def findings(label: str, found: Iterable[Finding]) -> Rows:
    """A row for each number behind a verdict; one without numbers for a check that was not made."""
    rows: list[dict[str, Any]] = []
    for finding in found:
        about = {"network": label, "check": finding.check, "verdict": finding.verdict}
        for one in finding.numbers:
            measured = {"value": one.value, "n": one.n, "low": one.low, "high": one.high}
            rows.append({**about, "number": one.title, **measured})
        if not finding.numbers:
            rows.append({**about, "number": "", "value": None, "n": None, "low": None, "high": None})
    return rows


def examination(result: ExaminationResult) -> Tables:
    return {"checks": findings(result.request.subject.label, result.findings)}


def surfaces(result: SurfacesResult) -> Tables:
    """Loss and answer at the image + a eps g + b eps r; g: signs of the loss's gradient, r: random signs."""
    eps = result.request.eps_255
    return {
        "plane": [
            {"network": subject.short_label, EPS: eps, "a": float(a), "b": float(b), "loss": float(surface.loss[i, j]),
             "margin": float(surface.margin[i, j]), "predicted": int(surface.predicted[i, j])}
            for subject, surface in zip(result.request.subjects, result.surfaces, strict=True)
            for i, a in enumerate(surface.grid)
            for j, b in enumerate(surface.grid)
        ]
    }  # fmt: skip


def claim(result: claim_check.Result) -> Tables:
    return {"claim": records(result.judgements)}
