"""The GUI thread never reads, hashes, resamples or computes; it only shows."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer

import fusion3d_gui
from fusion3d_gui.imaging.display.window import percentile_window, presets
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.analysis.augmentation import augmented_features
from fusion3d_gui.inference.analysis.uncertainty import dropout_interval
from fusion3d_gui.inference.engines.protocol import TorchEngine
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.inference.tissue_outline import TissueOutline
from fusion3d_gui.model.attribution.cam import trace
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D

PACKAGE = Path(fusion3d_gui.__file__).parent

#: What may run on the GUI thread of our own package below the window.
SHOWING = {
    "imaging/plane.py",
    "imaging/reslice/slicer.py",
    "imaging/reslice/sampling.py",
    "imaging/reslice/slab.py",
    "imaging/reslice/volume_projection.py",
    "imaging/reslice/surface_shading.py",
    "imaging/reslice/row_blocks.py",
    # Geometry of the acquired slices, from the affine; a cache of planes that slabs have read.
    "imaging/reslice/acquisition.py",
    "imaging/reslice/columns.py",
    # Whether the header says that the identity was removed; the names of a case.
    "imaging/privacy/deidentify.py",
    "imaging/series.py",
    "imaging/display/window.py",
    # Tables of colours and opacities; presets of 3D by modality.
    "imaging/display/heat_colors.py",
    "imaging/display/volume_presets.py",
    "imaging/display/transfer_function.py",
    "imaging/reslice/voxel_shading.py",
    "imaging/volume.py",
    "inference/prediction.py",
    "imaging/loaded_slices.py",
    "inference/explain/hot_spots.py",
    "model/schema.py",
    "model/bundle/bundle_info.py",
    # The head answers what-if in less than 2 ms; the convolutions are in SLOW.
    "inference/analysis/result_types.py",
    "inference/analysis/what_if.py",
    "inference/analysis/workbench.py",
    "inference/case_model.py",
    "inference/explain/explanation.py",
    # Whether a case is outside of what the model has seen: some 64 products of 512 numbers.
    "inference/analysis/uncertainty.py",
    "inference/out_of_distribution.py",
    # Whether a model is meant for a case: the first look at a volume reads 400,000 voxels (15 to 37 ms on a
    # loaded machine), every later one takes 0.07 to 0.3 ms.
    "inference/fit/fit_report.py",
    "inference/fit/judge.py",
    "inference/fit/scan_values.py",
    "inference/fit/sequence_words.py",
    "inference/tissue_outline.py",
    "model/network/fusion.py",
    "model/network/network_config.py",
    "torch",
}


def called_as(function: Callable[..., object]) -> tuple[str, str]:
    """The entry that a call of ``function`` makes in ``called_here``."""
    code = function.__code__
    return Path(code.co_filename).relative_to(PACKAGE).as_posix(), code.co_name


#: Functions of those that are too slow for it. Named as objects, so that a renamed one is not lost.
SLOW = {
    *map(called_as, (presets, percentile_window, Volume.sha256.func)),
    *map(called_as, (dropout_interval, augmented_features)),
    *map(called_as, (Predictor.features, Predictor.pooled, TorchEngine.features, trace)),
    called_as(LearnedFeatureFusion3D.forward_features),
    called_as(TissueOutline.distances_mm.func),
    ("torch", "_conv_forward"),
}


@pytest.fixture
def called_here():
    """Names of all our functions, and of all builtins, that this thread calls meanwhile."""
    calls: set[tuple[str, str]] = set()

    def watch(frame, event, argument) -> None:
        if event == "call":
            code = frame.f_code
            if code.co_filename.startswith(str(PACKAGE)):
                calls.add((Path(code.co_filename).relative_to(PACKAGE).as_posix(), code.co_name))
            elif "torch" + os.sep in code.co_filename:
                calls.add(("torch", code.co_name))
        elif event == "c_call" and getattr(argument, "__module__", "") in ("_hashlib", "zlib"):
            calls.add(("builtin", argument.__name__))

    yield calls, watch
    sys.setprofile(None)


def test_nothing_slow_is_called_on_the_gui_thread_while_opening_and_predicting(
    window, make_case, settled, qtbot, called_here
):
    calls, watch = called_here
    first, second = make_case("a"), make_case("b")
    window.session.models.load()
    settled(window)
    lane, fractions = window.session.store.inference, []
    lane.changed.connect(lambda: fractions.append(lane.fraction))
    sys.setprofile(watch)
    for age in (60, 61, 62):
        window.session.opener.open(first)
        settled(window)
        window.session.predictions.predict()
        settled(window)
        window.session.hot_spots.go_to_peak()
        window.session.form.set_value("age", age)
        window.session.predictions.predict()
        window.session.opener.open(second)
        settled(window)
    sys.setprofile(None)
    assert window.session.store.case.volume.description == "b"
    below = {
        (path, name)
        for path, name in calls
        if path.split("/")[0] in ("imaging", "model", "inference", "report", "torch", "builtin")
    }
    assert {path for path, _ in below} <= SHOWING
    assert not below & SLOW
    assert ("imaging/plane.py", "covering") in below  # the watch does see what happens here
    assert any(0 < fraction < 1 for fraction in fractions)


def test_the_event_loop_goes_on_turning_while_a_lane_works(opened, settled):
    lane, turned = opened.session.store.inference, threading.Event()
    turns = []

    def turn() -> None:
        turns.append(lane.running)
        if len(turns) == 20:
            turned.set()

    timer = QTimer()
    timer.timeout.connect(turn)
    seen = []
    # It ends only once the window's thread has come round so often; counted, since no clock is fair.
    lane.submit("Waiting", lambda progress: turned.wait(60)).succeeded.connect(seen.append)
    timer.start(1)
    settled(opened)
    assert seen == [True]
    assert all(turns[:20])
