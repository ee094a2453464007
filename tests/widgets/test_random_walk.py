"""A short seeded walk by mouse and keys; ``tests/benchmarks/random_walk.py`` walks far."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "random_walk.py"


@pytest.fixture(scope="module")
def random_walk():
    spec = importlib.util.spec_from_file_location("random_walk", _SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", [1, 2])
def test_no_order_of_mouse_and_keys_breaks_the_window(window, random_walk, tmp_path, seed):
    paths = random_walk.make_cases(tmp_path)
    walk = random_walk.Walk(window, paths, tmp_path, seed, predict=0.3)
    window.session.open(paths[0])
    walk.settle()
    for _ in range(200):
        walk.step()
    walk.settle()
    assert window.session.case is not None
    assert len(walk.done) > 10
