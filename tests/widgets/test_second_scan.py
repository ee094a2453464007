"""A second scan beside the first, in the real window: linked where it may be, marked where it must be."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.state.beside.comparison import Way
from fusion3d_gui.state.beside.prior_prediction import PriorResult

FRAME = "1.2.826.0.1.3680043.8.498.77"


def blobs(move: np.ndarray | None = None) -> Volume:
    """Soft blobs, after a rigid move (4x4, LPS mm); without any symmetry."""
    rng = np.random.default_rng(4)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in (34, 38, 36)], indexing="ij")[::-1], -1)
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = [-70, -74, -66]
    places = index * 4.0 + affine[:3, 3]
    if move is not None:
        places = (places - move[:3, 3]) @ move[:3, :3]
    values = sum(
        high * np.exp(-((places - at) ** 2).sum(axis=-1) / 2 / wide**2)
        for at, wide, high in (
            (rng.uniform(-40, 40, 3), rng.uniform(8, 15), rng.uniform(60, 200)) for _ in range(22)
        )
    )
    return Volume(np.rint(values).astype(np.int16), affine, modality="MR")


@pytest.fixture
def scan(tmp_path: Path):
    """Write a DICOM series of blobs; returns its folder."""

    def make(name: str, move: np.ndarray | None = None, **attributes: str) -> Path:
        known = {"PatientName": "Roe^Jane", "PatientID": "R1", "PatientAge": "071Y"}
        folder = tmp_path / name
        write_dicom_series(blobs(move), folder, attributes={**known, **attributes}, uid_seed=name)
        return folder

    return make


@pytest.fixture
def beside(window, settled, qtbot):
    """Open two paths beside each other in the window; returns it."""

    def open_two(first: Path, second: Path):
        window.session.open(first)
        settled(window)
        window.session.second.open(second)
        qtbot.waitUntil(lambda: not window.session.second.lane.running, timeout=60_000)
        QApplication.processEvents()
        return window

    return open_two


MOVE = np.array([[1, 0, 0, 5], [0, 0.9950, -0.0998, -4], [0, 0.0998, 0.9950, 3], [0, 0, 0, 1.0]])


def warnings_of(view) -> tuple[str, ...]:
    """The amber words that a view has on its image."""
    view.grab()
    return view._caption_texts(view.slicer).warnings


def test_scans_of_one_frame_of_reference_move_together(beside, scan):
    window = beside(
        scan("now", FrameOfReferenceUID=FRAME), scan("flair", FrameOfReferenceUID=FRAME)
    )
    session, views = window.session, window.second_views
    assert session.second.link == "frame"
    assert [view.isVisible() for view in views.views] == [True, True, True]
    first, second = session.display, session.second.display
    first.crosshair.move_to(np.array([11.0, -7.0, 5.0]))
    assert np.allclose(second.crosshair.position_lps, [11, -7, 5])
    second.crosshair.move_to(np.array([-9.0, 3.0, 8.0]))
    assert np.allclose(first.crosshair.position_lps, [-9, 3, 8])
    first.slab.set_thickness(20)
    first.planes.turn(["Axial"], np.array([1.0, 0, 0]), 0.2, np.zeros(3))
    assert second.slab.slab.thickness_mm == 20
    assert np.allclose(second.planes.matrix("Axial"), first.planes.matrix("Axial"))
    window.views.axial.zoom_about(50, 50, 2.0)
    assert views.views[0].camera.scale == pytest.approx(window.views.axial.camera.scale)
    assert "Roe" in views.bar.who.text()
    assert warnings_of(views.views[0]) == ()


def test_another_second_scan_leaves_planes_and_crosshair_of_the_first_as_they_are(
    beside, scan, qtbot
):
    window = beside(scan("now", FrameOfReferenceUID=FRAME), scan("t2", FrameOfReferenceUID=FRAME))
    session = window.session
    session.display.crosshair.move_to(np.array([11.0, -7.0, 5.0]))
    session.display.planes.turn(["Axial"], np.array([1.0, 0, 0]), 0.2, np.zeros(3))
    before = session.display.planes.matrix("Axial").copy()
    tilted = scan("prior", MOVE)
    session.second.open(tilted)
    qtbot.waitUntil(lambda: session.second.case.paths == (tilted,), timeout=60_000)
    assert np.allclose(session.display.crosshair.position_lps, [11, -7, 5])
    assert np.array_equal(session.display.planes.matrix("Axial"), before)


def test_scans_without_a_common_frame_are_not_linked_and_say_so(beside, scan):
    window = beside(scan("now"), scan("prior", FrameOfReferenceUID=FRAME))
    session, views = window.session, window.second_views
    assert session.second.link == ""
    before = session.second.display.crosshair.position_lps
    session.display.crosshair.move_to(np.array([11.0, -7.0, 5.0]))
    assert np.array_equal(session.second.display.crosshair.position_lps, before)
    assert all("not linked" in warnings_of(view) for view in views.views)
    assert not views.bar.buttons[Way.BLEND].isEnabled()
    assert "Not linked" in views.bar.link.text()


def test_another_patient_needs_a_yes_and_is_marked_on_every_view(beside, scan, qtbot):
    other = scan("other", PatientName="Doe^John", PatientID="D2", FrameOfReferenceUID=FRAME)
    window = beside(scan("now", FrameOfReferenceUID=FRAME), other)
    session = window.session
    box = window.findChild(QMessageBox)
    assert session.second.case is None
    assert "another patient" in box.text()
    assert "Roe" in box.text() and "Doe" in box.text()
    QTest.keyClick(box, Qt.Key.Key_Return)  # the default is not to
    qtbot.waitUntil(lambda: session.second.waiting is None)
    assert session.second.case is None
    session.second.open(other)
    qtbot.waitUntil(lambda: session.second.waiting is not None, timeout=60_000)
    box = next(each for each in window.findChildren(QMessageBox) if each.isVisible())
    show = next(each for each in box.buttons() if "all the same" in each.text())
    QTest.mouseClick(show, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.second.case is not None)
    assert all("OTHER PATIENT" in warnings_of(view) for view in window.second_views.views)
    assert "OTHER PATIENT" in window.second_views.bar.who.text()
    session.comparison.choose(Way.BLEND)
    assert all("OTHER PATIENT" in warnings_of(view) for view in window.views.shown)
    session.comparison.choose(Way.NONE)
    assert all("OTHER PATIENT" not in warnings_of(view) for view in window.views.shown)


def test_a_scan_that_names_nobody_is_said_not_to_be_checked(beside, scan, tmp_path):
    volume = blobs()
    path = tmp_path / "nameless.nii.gz"
    nib.save(nib.Nifti1Image(volume.voxels.T, np.diag([-1.0, -1, 1, 1]) @ volume.affine), path)
    window = beside(scan("now"), path)
    assert all("patient not checked" in warnings_of(v) for v in window.second_views.views)


def test_registering_links_the_scans_and_can_be_undone(beside, scan, qtbot):
    window = beside(scan("now"), scan("prior", MOVE, FrameOfReferenceUID=FRAME))
    session = window.session
    second, alignment = session.second, session.alignment
    QTest.mouseClick(window.second_views.bar.register, Qt.MouseButton.LeftButton)
    assert alignment.is_registering
    qtbot.waitUntil(lambda: not alignment.is_registering, timeout=60_000)
    found = second.registration
    corners = np.array([[-30, -30, -30], [30, 20, 25], [0, -30, 30.0]])
    assert np.abs(found.to_moving(corners) - (corners @ MOVE[:3, :3].T + MOVE[:3, 3])).max() < 0.5
    assert second.link == "registered"
    assert "registered" in window.second_views.bar.link.text()
    session.display.crosshair.move_to(corners[1])
    # The voxel under both crosshairs is the same place of the same blobs.
    now = session.store.case.volume.value_at(corners[1])
    assert second.volume.value_at(second.display.crosshair.position_lps) == pytest.approx(
        now, abs=20
    )
    session.comparison.choose(Way.DIFFERENCE)
    view = window.views.axial
    view.grab()
    _, _, image = view.picture.over(view.camera, 1.0)
    difference = np.array(image.pixels)  # the drawn array
    session.alignment.shift(np.array([12.0, 0, 0]))
    view.grab()
    _, _, image = view.picture.over(view.camera, 1.0)
    brightness = [
        ((each & 0xFF) + (each >> 16 & 0xFF)).mean() for each in (difference, image.pixels)
    ]
    assert brightness[0] < 0.5 * brightness[1]
    alignment.undo()
    assert second.registration is found
    alignment.undo()
    assert second.registration is None
    assert second.link == ""
    assert session.comparison.way is Way.NONE


def test_dragging_in_the_second_views_moves_the_scan_in_one_step(beside, scan):
    window = beside(scan("now", FrameOfReferenceUID=FRAME), scan("t2", FrameOfReferenceUID=FRAME))
    session, view = window.session, window.second_views.views[0]
    window.menus.actions["drag_alignment"].trigger()
    center = view.rect().center()

    def mouse(kind, at, buttons):
        event = QMouseEvent(
            kind,
            QPointF(at),
            view.mapToGlobal(QPointF(at)),
            Qt.MouseButton.LeftButton,
            buttons,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(view, event)

    mouse(QEvent.Type.MouseButtonPress, center, Qt.MouseButton.LeftButton)
    for n in range(1, 5):
        mouse(QEvent.Type.MouseMove, center + QPoint(5 * n, 0), Qt.MouseButton.LeftButton)
    mouse(QEvent.Type.MouseButtonRelease, center + QPoint(20, 0), Qt.MouseButton.NoButton)
    moved = session.second.registration
    assert moved.kind == "manual"
    # 20 px to the right of the screen are to the patient's left: there the fixed place was.
    assert moved.matrix[0, 3] == pytest.approx(-20 / view.camera.scale, rel=1e-6)
    session.alignment.undo()
    assert session.second.registration is None


def test_three_pairs_of_crosshairs_align_the_scans(beside, scan):
    window = beside(scan("now"), scan("prior", MOVE, FrameOfReferenceUID=FRAME))
    session = window.session
    for place in ([-30.0, -20, -10], [30.0, 10, 0], [0.0, 25, 30]):
        session.display.crosshair.move_to(np.array(place))
        there = MOVE[:3, :3] @ np.array(place) + MOVE[:3, 3]
        session.second.display.crosshair.move_to(there)
        window.menus.actions["mark_pair"].trigger()
    assert np.allclose(session.second.registration.matrix, MOVE, atol=1e-3)
    assert session.second.link == "registered"


def test_escape_gives_up_opening_another_second_scan(beside, scan):
    window = beside(scan("now"), scan("prior"))
    second, cancel = window.session.second, window.menus.actions["cancel"]
    shown = second.case
    second.open(scan("third"))
    assert second.lane.running
    assert cancel.isEnabled()
    cancel.trigger()
    assert not second.lane.running
    assert second.case is shown


def test_another_first_scan_closes_the_second(beside, scan, settled):
    window = beside(scan("now"), scan("prior"))
    window.session.open(scan("third"))
    settled(window)
    assert window.session.second.case is None
    assert not window.second_views.isVisible()


def test_one_of_the_second_scans_views_names_its_patient_whichever_are_shown(beside, scan):
    window = beside(scan("now"), scan("prior"))
    corners = [view._caption_texts(view.slicer).corner for view in window.second_views.views]
    assert [any("Roe" in line for line in corner) for corner in corners] == [True, False, False]
    for one, other in window.second_views.pairs:
        window.views.toggle_maximised(one)
        assert other.isVisible()
        assert any("Roe" in line for line in other._caption_texts(other.slicer).corner)
        window.views.toggle_maximised(one)
    assert [each.names_patient for each in window.second_views.views] == [True, False, False]


def test_hiding_the_identity_takes_it_off_the_second_scan_too(beside, scan):
    window = beside(scan("now"), scan("prior"))
    assert "Roe" in window.second_views.bar.who.text()
    window.session.store.identity.set_hidden(True)
    assert "Roe" not in window.second_views.bar.who.text()
    texts = [view._caption_texts(view.slicer).corner for view in window.second_views.views]
    assert not any("Roe" in line for corner in texts for line in corner)
    window.session.store.identity.set_hidden(False)
    assert "Roe" in window.second_views.bar.who.text()


def test_both_predictions_and_what_changed_them(beside, scan, settled):
    window = beside(scan("now"), scan("prior", MOVE, PatientAge="060Y"))
    session = window.session
    session.predictions.predict()
    settled(window)
    QTest.mouseClick(window.second_views.bar.predict, Qt.MouseButton.LeftButton)
    settled(window)
    result = session.prior.result
    assert isinstance(result, PriorResult)
    predictor = load_predictor(session.store.bundle.folder, "cpu")
    now = session.form.values
    before = {**now, "age": 60.0}
    chance = {
        (image, values): predictor.predict(volume, metadata).probability
        for image, volume in enumerate((session.second.case.volume, session.store.case.volume))
        for values, metadata in enumerate((before, now))
    }
    change = result.change
    assert change.before == pytest.approx(chance[0, 0], abs=1e-6)
    assert change.now == pytest.approx(chance[1, 1], abs=1e-6)
    image = (chance[1, 0] - chance[0, 0] + chance[1, 1] - chance[0, 1]) / 2
    assert change.image == pytest.approx(image, abs=1e-6)
    assert change.image + change.metadata == pytest.approx(change.now - change.before)
    assert result.prediction.volume_sha256 == session.second.case.volume.sha256
    assert all(v.heatmap is result.prediction.heatmap for v in window.second_views.views)
    # The colours of the two maps have values of their own: each row of views says them once.
    for row in (window.views.shown, window.second_views.views):
        said = [view._caption_texts(view.slicer).heat is not None for view in row]
        assert said == [False, True, False]
    # Hidden or shown, also while it is being predicted, it is the same scan.
    for hidden in (True, False):
        session.store.identity.set_hidden(hidden)
        assert session.prior.result is result
        assert all(v.heatmap is result.prediction.heatmap for v in window.second_views.views)
    session.prior.predict()
    session.store.identity.set_hidden(True)
    settled(window)
    assert session.prior.result is not result
    assert session.prior.result.change == change
    session.store.identity.set_hidden(False)
    session.form.set_value("age", 50.0)
    assert session.prior.result is None
    assert all(view.heatmap is None for view in window.second_views.views)


@pytest.mark.parametrize(("way", "slab_mm"), [(Way.NONE, 0), (Way.BLEND, 0), (Way.NONE, 20)])
def test_what_stays_on_screen_while_the_crosshair_moves_is_what_would_be_painted_anew(
    beside, scan, qtbot, way, slab_mm
):
    window = beside(scan("now"), scan("prior", MOVE))
    session = window.session
    session.alignment.turn(np.array([0.6, 0.0, 0.8]), 6.0, np.zeros(3))
    session.comparison.choose(way)
    session.display.slab.set_thickness(slab_mm)
    views = (*window.views.views, *window.second_views.views)
    qtbot.waitUntil(lambda: all(view.is_settled for view in views))

    def on_screen() -> np.ndarray:
        QApplication.processEvents()
        image = window.screen().grabWindow(window.winId()).toImage()
        image = image.convertToFormat(QImage.Format.Format_RGB32)
        return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1).copy()

    start = on_screen()
    for place in ((3.0, 0, 0), (3.0, 9, 0), (3.0, 9, -12), (-20.0, 9, -8)):
        session.display.crosshair.move_to(np.array(place))
        QApplication.processEvents()
    qtbot.waitUntil(lambda: all(view.is_settled for view in views))
    moved = on_screen()
    for view in views:
        view.update()
    assert (moved != start).any()
    np.testing.assert_array_equal(on_screen(), moved)


def test_both_scans_have_views_of_one_size_one_above_the_other_and_side_by_side(beside, scan):
    window = beside(
        scan("now", FrameOfReferenceUID=FRAME), scan("flair", FrameOfReferenceUID=FRAME)
    )
    window.resize(1280, 800)
    bar = window.second_views.bar

    def places() -> list[tuple[int, ...]]:
        for _ in range(5):
            QApplication.processEvents()
        views = (window.views.axial, window.second_views.views[0])
        at = [view.mapTo(window, QPoint()) for view in views]
        return [(p.x(), p.y(), v.width(), v.height()) for p, v in zip(at, views, strict=True)]

    (x, y, *size), (other_x, other_y, *other_size) = places()
    assert other_y > y + size[1] and abs(other_x - x) < 3
    assert np.abs(np.subtract(size, other_size)).max() <= 3
    handle = window.second_views.parentWidget().handle(1)
    QTest.mousePress(handle, Qt.MouseButton.LeftButton, pos=handle.rect().center())
    QTest.mouseMove(handle, handle.rect().center() - QPoint(0, 60))
    QTest.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=handle.rect().center())
    dragged = places()
    assert dragged[0][3] < size[1] - 40
    window.session.alignment.shift(np.array([5.0, 0, 0]))
    assert places() == dragged  # a border stays where it was dragged
    window.session.comparison.choose(Way.BLEND)
    window.views.toggle_maximised(window.views.axial)
    (x, y, *size), (other_x, other_y, *other_size) = places()
    assert other_x >= x + size[0] and other_y == y
    assert np.abs(np.subtract(size, other_size)).max() <= 3
    assert bar.link.isVisible() and bar.link.width() > 100
    assert "on the right" in bar.who.text()
    window.session.second.close()
    QApplication.processEvents()
    assert not bar.isVisible()
    window.views.toggle_maximised(window.views.axial)
    assert not bar.isVisible()
