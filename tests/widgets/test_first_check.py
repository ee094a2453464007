"""Before the first Predict the window checks its engine on the shipped cases; one that computes otherwise is not used."""

from __future__ import annotations

import json

import openvino.opset13
import pytest
import torch

from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.window.main_window import MainWindow


@pytest.fixture
def make_window(qapp, make_bundle, tmp_path, monkeypatch):
    """Windows of a program that has just been installed, on OpenVINO, as the program opens them."""
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    folder, opened = make_bundle(), []

    def make() -> MainWindow:
        info = BundleInfo.read(folder)
        session = Session([info], device="cpu", engine="openvino", checks_engines=True)
        opened.append(MainWindow(session))
        opened[-1].show()
        return opened[-1]

    yield make
    for window in opened:
        window.close()
        assert window.session.close()
        window.deleteLater()


@pytest.fixture
def predicted(make_case, settled):
    """Open a case in a window, press Predict, and return what was said on the way to its number."""

    def predict(window: MainWindow) -> set[str]:
        session, said = window.session, set()
        session.store.inference.changed.connect(lambda: said.add(session.store.inference.message))
        session.opener.open(make_case())
        settled(window)
        session.form.set_value("age", 71)
        window.side.prediction.button.click()
        settled(window)
        return said

    return predict


CHECKING = "Checking the engine on the shipped cases"


def spoil_openvino(monkeypatch) -> None:
    """A fault of the library, as an update of a driver may bring one: every ReLU is 2 % too large."""
    relu, multiply = openvino.opset13.relu, openvino.opset13.multiply
    constant = openvino.opset13.constant
    monkeypatch.setattr(
        openvino.opset13, "relu", lambda x: multiply(relu(x), constant(1.02, dtype="float32"))
    )


def test_an_engine_that_passes_is_checked_once(make_window, predicted, tmp_path):
    first, second = make_window(), None
    assert CHECKING in predicted(first)
    assert first.session.predictions.current.device.endswith("OpenVINO")
    assert list(json.loads((tmp_path / "cache/fusion3d/checks.json").read_text()).values()) == [[]]
    second = make_window()
    assert CHECKING not in predicted(second)
    logits = [each.session.predictions.current.logit for each in (first, second)]
    assert logits[0] == logits[1]


def test_an_engine_that_computes_otherwise_is_replaced_by_the_next_and_the_window_says_so(
    make_window, predicted, monkeypatch
):
    spoil_openvino(monkeypatch)
    window = make_window()
    assert CHECKING in predicted(window)
    current = window.session.predictions.current
    assert current.device.endswith("PyTorch")
    right = load_predictor(window.session.store.bundle.folder, "cpu", engine="torch")
    volume = window.session.store.case.volume
    assert current.logit == right.predict(volume, current.metadata).logit
    (sentence,) = [each for each in current.notices if "OpenVINO is not used" in each]
    assert "demo-add, positive: logit " in sentence
    assert "instead of -1.04907" in sentence
    assert sentence in window.side.prediction.readout.warnings.text()


def test_where_no_engine_passes_there_is_no_number(make_window, predicted, monkeypatch):
    spoil_openvino(monkeypatch)
    convolve = torch.nn.Conv3d.forward
    monkeypatch.setattr(torch.nn.Conv3d, "forward", lambda self, x: convolve(self, x) * 1.02)
    window = make_window()
    failures: list[Exception] = []
    window.session.store.failed.connect(failures.append)
    predicted(window)
    assert window.session.predictions.current is None
    assert "no engine of this machine computes what it should" in str(failures[-1])
    assert "OpenVINO is not used" in str(failures[-1])
    assert "PyTorch is not used" in str(failures[-1])
