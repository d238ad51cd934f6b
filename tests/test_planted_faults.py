"""The list of planted faults is about this code: each can be planted, at one place, and what is near it exists."""

import pytest

from tests.planted_faults import FAULTS, ROOT


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_the_fault_can_be_planted(fault):
    text = (ROOT / fault.file).read_text(encoding="utf-8")
    assert text.count(fault.right) == 1
    compile(text.replace(fault.right, fault.wrong), fault.file, "exec")
    assert all((ROOT / place).exists() for place in fault.near.split())


def test_there_are_at_least_twenty_and_each_is_another():
    assert len({(fault.file, fault.right) for fault in FAULTS}) == len(FAULTS) >= 20
