"""Tests that wait are not hurried by a machine that is busy with something else."""

from __future__ import annotations

import time

import pytest


def test_a_process_that_was_held_up_has_lost_no_time_to_wait(qtbot):
    asked = []

    def has_come() -> bool:
        asked.append(True)
        if len(asked) == 1:
            time.sleep(0.2)
        return len(asked) == 3

    qtbot.waitUntil(has_come, timeout=100)
    assert len(asked) == 3


def test_what_never_comes_is_not_waited_for(qtbot):
    with pytest.raises(AssertionError, match="did not come"):
        qtbot.waitUntil(lambda: False, timeout=50)
