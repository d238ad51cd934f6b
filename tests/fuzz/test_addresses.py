"""Addresses that nobody would write: every page runs without an exception."""

import random

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import ROOT, tickets

PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
# Keys that pages share; others are those of a page's own controls.
SHARED = ["dataset", "left", "right", "left_mode", "right_mode", "source", "seed", "n", "eps", "steps", "images"]
VALUES = [
    "", " ", "0", "-1", "1", "2", "8", "1e309", "inf", "-inf", "nan", "1e-320", "0x10", "9" * 400, "true", "None",
    "cifar10", "cifar100", "cifar10-resnet20-bn", "cifar10-resnet20-rn", "yours-a-00000000", "tracked", "batch", "pgd",
    "`](x)<b>", "é\u202e\u0000", "../../etc/passwd", "[]", "1,2", "x" * 3_000, "mean", "linf",
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("count", [2, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_no_address_is_an_exception(page, count):
    path, keys = str(ROOT / "pages" / f"{page}.py"), set(SHARED)
    for seed in range(count):
        rng = random.Random(f"{page} {seed}")
        run = AppTest.from_file(path, default_timeout=60)
        for key in rng.sample(sorted(keys), rng.randint(1, 6)):
            run.query_params[key] = rng.choices(VALUES, k=rng.choice((1, 1, 1, 2, 30)))
        run.run()
        for ticket in tickets(run):
            ticket.leave()
        assert not run.exception, (dict(run.query_params), run.exception)
        keys |= {
            element.key for element in run if getattr(element, "key", None) and element.key.replace("_", "").isalnum()
        }
