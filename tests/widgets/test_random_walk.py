"""A short seeded walk by mouse and keys; ``tests/benchmarks/random_walk.py`` walks far."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

_BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def random_walk(monkeypatch):
    monkeypatch.syspath_prepend(_BENCHMARKS)
    return importlib.import_module("random_walk")


@pytest.mark.parametrize("seed", [1, 2])
def test_no_order_of_mouse_and_keys_breaks_the_window(window, random_walk, tmp_path, seed):
    walk = random_walk.Walk(window, tmp_path, seed, predict=0.3, check=0.0)
    window.session.opener.open(walk.scene.paths[0])
    walk.scene.settle()
    for _ in range(120):
        walk.step()
    walk.scene.settle()
    assert window.session.store.case is not None
    assert len(walk.done) > 20
