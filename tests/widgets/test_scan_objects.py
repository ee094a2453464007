"""DICOM objects opened on the scan on screen: outlines, heat, marks, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from PySide6.QtGui import QColor

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.labels.scan_object import MASK_COLORS
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.window.main_window import MainWindow

hd = pytest.importorskip("highdicom")


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    voxels = np.random.default_rng(0).integers(100, 300, (12, 40, 44)).astype(np.int16)
    volume = Volume(voxels, np.diag([2.0, 2.0, 4.0, 1.0]), modality="MR", description="T1")
    write_dicom_series(volume, tmp_path / "scan", attributes={}, uid_seed="objects")
    return tmp_path / "scan"


@pytest.fixture
def segmentation(scan: Path, tmp_path: Path) -> Path:
    """A box of 20 x 24 mm in slices 4 to 7."""
    sources = [pydicom.dcmread(path) for path in sorted(scan.iterdir())]
    mask = np.zeros((12, 40, 44), np.uint8)
    mask[4:8, 10:20, 16:28] = 1
    code = pydicom.sr.codedict.codes.SCT
    made = hd.seg.Segmentation(
        sources,
        mask,
        "BINARY",
        [hd.seg.SegmentDescription(1, "Lesion", code.Tissue, code.Brain, "MANUAL")],
        *(hd.UID(), 7, hd.UID(), 1, "M", "N", "1", "2"),
    )
    made.save_as(tmp_path / "seg.dcm")
    return tmp_path / "seg.dcm"


@pytest.fixture
def window(qtbot):
    session = Session(device="cpu")
    made = MainWindow(session)
    qtbot.addWidget(made)
    made.resize(1200, 800)
    made.show()
    yield made
    assert session.close()


def opened(window: MainWindow, scan: Path, qtbot) -> Session:
    session = window.session
    session.open(scan)
    qtbot.waitUntil(lambda: session.store.case is not None and session.store.case.is_complete)
    return session


def pixels_of(window: MainWindow, color: str) -> np.ndarray:
    """Positions (x, y) of pixels of a colour in the axial view."""
    view = window.views.views[0]
    image = view.grab().toImage()
    wanted = QColor(color).rgb()
    found = [
        (x, y)
        for y in range(image.height())
        for x in range(image.width())
        if image.pixel(x, y) == wanted
    ]
    return np.array(found)


def test_a_segmentation_is_outlined_where_it_lies(window, scan, segmentation, qtbot):
    session = opened(window, scan, qtbot)
    told: list[str] = []
    session.store.noticed.connect(lambda notice: told.append(notice.text))
    session.open([segmentation])
    qtbot.waitUntil(lambda: bool(session.masks.items))
    assert told[-1] == "From a segmentation of “Segmentation”: 1 mask."
    view = window.views.views[0]
    session.display.crosshair.move_to(np.array([44.0, 30.0, 20.0]))
    qtbot.wait(50)
    found = pixels_of(window, MASK_COLORS[0])
    found = found[found[:, 1] < view.height() - 120]  # not the legend
    corners = [view.px_at(np.array(each)) for each in ((31.0, 19.0, 20.0), (55.0, 39.0, 20.0))]
    (left, top), (right, bottom) = sorted((each.x(), each.y()) for each in corners)
    assert found[:, 0].min() == pytest.approx(min(left, right), abs=2.5)
    assert found[:, 0].max() == pytest.approx(max(left, right), abs=2.5)
    assert found[:, 1].min() == pytest.approx(min(top, bottom), abs=2.5)
    assert found[:, 1].max() == pytest.approx(max(top, bottom), abs=2.5)
    # In a slice that it does not reach there is nothing, nor after it was removed.
    session.display.crosshair.move_to(np.array([44.0, 30.0, 40.0]))
    qtbot.wait(50)
    assert not pixels_of(window, MASK_COLORS[0]).size
    session.display.crosshair.move_to(np.array([44.0, 30.0, 20.0]))
    session.scan_objects.clear()
    qtbot.wait(50)
    assert not pixels_of(window, MASK_COLORS[0]).size


def test_its_name_is_hidden_with_the_identity(window, scan, segmentation, qtbot):
    session = opened(window, scan, qtbot)
    session.store.identity.toggle()
    told: list[str] = []
    session.store.noticed.connect(lambda notice: told.append(notice.text))
    session.open([segmentation])
    qtbot.waitUntil(lambda: bool(session.masks.items))
    assert told[-1] == "From a segmentation: 1 mask."
    (mask,) = session.masks.items
    model = window.side.masks.model
    assert window.mask_layer.caption(mask) == ""
    assert model.data(model.index(0, 0)) == "Mask 1"
    session.store.identity.toggle()
    assert window.mask_layer.caption(mask) == "Lesion"
    assert model.data(model.index(0, 0)) == "Lesion"


def test_an_object_of_another_scan_is_refused_with_a_sentence(
    window, scan, segmentation, qtbot, tmp_path
):
    other = tmp_path / "other"
    voxels = np.random.default_rng(1).integers(0, 9, (12, 40, 44)).astype(np.int16)
    write_dicom_series(
        Volume(voxels, np.diag([2.0, 2.0, 4.0, 1.0]), modality="MR"),
        other,
        attributes={},
        uid_seed="other",
    )
    session = opened(window, other, qtbot)
    told: list[str] = []
    session.store.noticed.connect(lambda notice: told.append(notice.text))
    session.open([segmentation])
    qtbot.waitUntil(lambda: bool(told))
    assert "belongs to another study than the scan on screen" in told[0]
    assert not session.scan_objects.any_shown
    assert session.store.case.paths == (other,)


def test_another_case_starts_without_masks(window, scan, segmentation, qtbot, tmp_path):
    session = opened(window, scan, qtbot)
    session.open([segmentation])
    qtbot.waitUntil(lambda: bool(session.masks.items))
    other = tmp_path / "again"
    other.mkdir()
    for path in scan.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    session.open(other)
    qtbot.waitUntil(lambda: session.store.case.paths == (other,))
    assert session.masks.items == ()


def test_marks_of_a_report_are_one_step(window, scan, qtbot, tmp_path):
    sources = [pydicom.dcmread(path) for path in sorted(scan.iterdir())]
    sr = hd.sr
    code = pydicom.sr.codedict.codes
    image = sr.SourceImageForRegion.from_source_image(sources[3])
    groups = [
        sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            sr.TrackingIdentifier(hd.UID(), f"Node {number}"),
            sr.ImageRegion("POINT", np.array([[4.5 + number, 6.5]]), image),
            finding_type=code.SCT.Nodule,
        )
        for number in range(2)
    ]
    person = sr.ObserverContext(
        code.DCM.Person, sr.PersonObserverIdentifyingAttributes(name="Reader^A")
    )
    report = sr.MeasurementReport(
        sr.ObservationContext(observer_person_context=person), code.SCT.ImagingProcedure, groups
    )
    sr.ComprehensiveSR(sources, report, hd.UID(), 8, hd.UID(), 1, "Other").save_as(
        tmp_path / "sr.dcm"
    )
    session = opened(window, scan, qtbot)
    session.annotations.add_point(np.array([1.0, 2.0, 4.0]))
    session.open([tmp_path / "sr.dcm"])
    qtbot.waitUntil(lambda: len(session.annotations.items) == 3)
    added = session.annotations.items[1:]
    assert [(each.number, each.text) for each in added] == [(2, "Node 0"), (3, "Node 1")]
    np.testing.assert_allclose(added[0].points, [(8.0, 12.0, 12.0)], atol=1e-4)
    session.annotations.undo()
    assert len(session.annotations.items) == 1
