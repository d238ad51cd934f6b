"""One result of the shift sweep on small networks, for the tests that only read it."""

import pytest

from rnorm_core import zoo
from rnorm_core.experiments import shift_sweep
from tests.experiments.test_shift_sweep import request_of


@pytest.fixture(autouse=True)
def _in_the_small_zoo(small_zoo):
    pass


@pytest.fixture(scope="session")
def done(_small_zoo) -> shift_sweep.Result:
    before, zoo.DIRECTORY = zoo.DIRECTORY, _small_zoo
    try:
        return shift_sweep.run(request_of())
    finally:
        zoo.DIRECTORY = before
