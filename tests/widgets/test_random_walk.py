"""A short seeded walk by mouse and keys; ``tests/benchmarks/random_walk.py`` walks far."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QtMsgType

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.inference.predictor import load_predictor

_BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def random_walk(monkeypatch):
    monkeypatch.syspath_prepend(_BENCHMARKS)
    return importlib.import_module("random_walk")


@pytest.mark.parametrize("seed", [1, 2])
def test_no_order_of_mouse_and_keys_breaks_the_window(
    window, random_walk, tmp_path, seed, caplog, qtlog
):
    session = window.session
    failures: list[Exception] = []
    session.store.failed.connect(failures.append)
    walk = random_walk.Walk(window, tmp_path, seed, predict=0.3, check=0.0)
    session.opener.open(walk.scene.paths[0])
    walk.scene.settle()
    for _ in range(120):
        walk.step()  # and what must hold at every step: ``Walk.check``
    walk.scene.settle()
    assert sum(walk.done.values()) == 120
    assert len(walk.done) > 20
    for effect in ("case shown", "crosshair moved", "window changed", "planes turned"):
        assert walk.happened[effect] > 0, effect
    assert all(isinstance(each, UserError) for each in failures), failures
    assert not [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    warnings = [each.message for each in qtlog.records if each.type != QtMsgType.QtDebugMsg]
    assert not [each for each in warnings if not each.startswith("This plugin does not support")]

    # Whatever was done before, the window predicts what a predictor of its own does.
    walk.rest()
    walk.check()
    shown, request = session.predictions.current, session.store.shown_prediction.request
    alone = load_predictor(request.bundle.folder, "cpu").predict(
        open_volume(walk.scene.paths[0]), dict(request.metadata)
    )
    assert shown.logit == pytest.approx(alone.logit, abs=1e-4)
    assert np.allclose(shown.heatmap.values, alone.heatmap.values, atol=1e-5)
