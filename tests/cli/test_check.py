"""``fusion3d check``: an engine that computes the pinned numbers passes; one that does not is not used."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.inference import self_check
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.inference.self_check import Pin, PinnedPeak, differences, kept_check, read_pins
from fusion3d_gui.shipped import models_dir


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    return tmp_path


def test_an_engine_that_differs_from_the_pins_is_not_used_until_it_passes(
    own_folder, capsys, monkeypatch
):
    call = ["check", "--engine", "openvino", "--device", "cpu"]
    assert run(call) == 0
    assert "all shipped cases are as pinned" in capsys.readouterr().out
    folder = models_dir() / "demo-concat"
    assert load_predictor(folder, "cpu", engine="openvino").engine.name == "openvino"
    # Other pins stand for an engine that computes wrongly.
    plain = json.loads(self_check.pins_path().read_text(encoding="utf-8"))
    plain["predictions"][0]["logit"] += 0.01
    wrong = own_folder / "pins.json"
    wrong.write_text(json.dumps(plain), encoding="utf-8")
    monkeypatch.setattr(self_check, "pins_path", lambda: wrong)
    assert run(call) == 2
    said = capsys.readouterr()
    assert f"{read_pins()[0].model}, {read_pins()[0].case}: logit" in said.out
    assert said.err.count("\n") == 1
    replaced = load_predictor(folder, "cpu", engine="openvino")
    assert replaced.engine.name == "torch"
    # Another version of what computes is another key.
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_folder))
    assert load_predictor(folder, "cpu", engine="openvino").engine.name == "openvino"
    assert kept_check(replaced.engine) is None


def _map(place, value):
    values = np.zeros((5, 5, 5), np.float32)
    values[place] = value
    return Heatmap(values, np.diag([4.0, 4.0, 4.0, 1.0]), "gradcam", "layer4")


@pytest.mark.parametrize(
    ("logit", "place", "value", "count"),
    [
        (1.0005, (2, 2, 2), 1.01, 0),
        (1.002, (2, 2, 2), 1.0, 1),
        (float("nan"), (2, 2, 2), 1.0, 1),
        (1.0, (2, 2, 3), 1.0, 0),
        (1.0, (2, 2, 4), 1.0, 1),
        (1.0, (2, 2, 2), 1.1, 1),
        (1.0, (2, 2, 2), 0.0, 1),
        (1.01, (0, 0, 0), 1.5, 3),
    ],
)
def test_logit_peak_and_its_place_are_compared(logit, place, value, count):
    pin = Pin("model", "case", 1.0, (PinnedPeak("gradcam layer4", 1.0, (8.0, 8.0, 8.0)),))
    assert len(differences(pin, logit, [_map(place, value)], half=False)) == count
    if count == 1 and logit == 1.002:
        assert differences(replace(pin), logit, [_map(place, value)], half=True) == []
