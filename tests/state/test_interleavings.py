"""A short seeded walk with two scans; ``tests/benchmarks/stress_beside.py`` walks far."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

_BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def stress_beside(monkeypatch):
    monkeypatch.syspath_prepend(_BENCHMARKS)
    return importlib.import_module("stress_beside")


def test_nothing_is_ever_shown_for_the_wrong_one_of_two_scans(session, stress_beside, tmp_path):
    stress = stress_beside.Stress(session, stress_beside.write_scans(tmp_path), seed=3)
    for _ in range(18):
        stress.step()
    assert sum(stress.done.values()) == 18
    assert stress.seen["second scan"] > 0
    assert stress.seen["prediction"] > 0
