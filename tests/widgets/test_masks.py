"""Masks in the window: opened, listed, drawn with the mouse, undone, exported, compared with the heatmap."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor

from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.labels.brush import part_of_mask
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.export.mask_export import export_mask
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.window.main_window import MainWindow

AFFINE = np.array([[1.5, 0, 0, -30], [0, 1.5, 0, -27], [0, 0, 2.0, -20], [0, 0, 0, 1]])
SHAPE = 22, 36, 40


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Noise around 100, with a ball of 300 at the left."""
    k, j, i = np.indices(SHAPE)
    places = np.stack([i, j, k], axis=-1) @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    voxels = np.random.default_rng(0).integers(80, 120, SHAPE).astype(np.int16)
    voxels[np.linalg.norm(places - (12, 0, 0), axis=-1) < 9] = 300
    write_nifti(Volume(voxels, AFFINE), tmp_path / "scan.nii")
    return tmp_path / "scan.nii"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Two boxes."""
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[5:10, 8:20, 4:12] = 1
    voxels[12:18, 10:16, 26:36] = 2
    write_nifti(Volume(voxels, AFFINE), tmp_path / "scan_dseg.nii.gz")
    (tmp_path / "scan_dseg.tsv").write_text(
        "index\tname\tcolor\n1\tRight box\t#00FF00\n2\tLeft box\t#FF0000\n"
    )
    return tmp_path / "scan_dseg.nii.gz"


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


def with_labels(window: MainWindow, scan: Path, labels: Path, qtbot) -> Session:
    session = opened(window, scan, qtbot)
    session.open(labels)  # by its name a mask: it lies on the scan
    qtbot.waitUntil(lambda: bool(session.masks.items))
    return session


def full(session: Session, number: int = 0) -> np.ndarray:
    """A mask as bool on the scan's grid."""
    volume = session.store.case.volume
    part = part_of_mask(session.masks.items[number].mask, volume)
    out = np.zeros(volume.shape, bool)
    out[tuple(slice(a, b) for a, b in zip(part.start, part.stop, strict=True))] = part.inside
    return out


def drag(window: MainWindow, qtbot, *places: tuple[float, float, float]) -> None:
    """Draw in the axial view from place to place (mm LPS)."""
    view = window.views.views[0]
    points = [view.px_at(np.array(place)).toPoint() for place in places]
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=points[0])
    for point in points[1:]:
        qtbot.mouseMove(view, pos=point)
    release = points[-1] if len(points) > 1 else points[0] + QPoint(0, 0)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=release)


def places() -> np.ndarray:
    k, j, i = np.indices(SHAPE)
    return np.stack([i, j, k], axis=-1) @ AFFINE[:3, :3].T + AFFINE[:3, 3]


def test_a_label_map_is_listed_with_names_colours_and_simpleitks_volumes(
    window, scan, labels, qtbot
):
    session = with_labels(window, scan, labels, qtbot)
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.Execute(sitk.ReadImage(str(labels)))
    model = window.side.masks.model
    rows = [[model.data(model.index(row, column)) for column in (0, 1)] for row in (0, 1)]
    assert rows == [
        ["Right box", f"{shapes.GetPhysicalSize(1) / 1000:.3g} ml"],
        ["Left box", f"{shapes.GetPhysicalSize(2) / 1000:.3g} ml"],
    ]
    assert [each.color for each in session.masks.items] == ["#00FF00", "#FF0000"]
    assert window.side.masks.isVisibleTo(window)


def pixels_of(window: MainWindow, color: str, number: int = 0) -> np.ndarray:
    image = (
        window.views.views[number]
        .grab()
        .toImage()
        .convertToFormat(window.grab().toImage().format())
    )
    bits = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), -1)
    rows, columns = np.nonzero((bits & 0xFFFFFF) == (QColor(color).rgb() & 0xFFFFFF))
    return np.stack([columns, rows], axis=1)[:, : image.width()]


def test_the_left_box_is_drawn_at_the_patients_left_and_can_be_switched_off(
    window, scan, labels, qtbot
):
    """By convention the patient's left is at the right of an axial image."""
    session = with_labels(window, scan, labels, qtbot)
    volume = session.store.case.volume
    session.display.crosshair.move_to(volume.to_lps(np.array([31.0, 13.0, 15.0])))
    assert session.display.crosshair.position_lps[0] > 0  # left
    qtbot.wait(30)
    view = window.views.views[0]
    red = pixels_of(window, "#FF0000")
    red = red[red[:, 1] < view.height() - 130]  # not the legend
    assert len(red) > 40
    assert red[:, 0].min() > view.px_at(np.array([0.0, 0.0, 10.0])).x()
    model = window.side.masks.model
    model.setData(model.index(1, 0), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    qtbot.wait(30)
    assert not len(pixels_of(window, "#FF0000"))
    session.masks.select(session.masks.items[0].number)
    window.side.masks.go.click()
    at = volume.to_index(session.display.crosshair.position_lps)
    assert full(session)[tuple(np.rint(at[::-1]).astype(int))]


def test_masks_are_seen_in_3d_from_the_front_with_the_left_at_the_right(
    window, scan, labels, qtbot
):
    session = with_labels(window, scan, labels, qtbot)
    window.menus.actions["alone_3d"].trigger()
    view = window.views.volume
    qtbot.waitUntil(lambda: view.is_settled)

    def columns(color: str) -> np.ndarray:
        image = view.grab().toImage()
        wanted = QColor(color).rgb()
        found = [
            x
            for y in range(image.height())
            for x in range(image.width())
            if image.pixel(x, y) == wanted
        ]
        return np.array(found)

    left, right = columns("#FF0000"), columns("#00FF00")
    assert len(left) > 20 and len(right) > 20
    assert right.max() < view.width() / 2 < left.min()
    session.masks.toggle_all()
    assert not len(columns("#FF0000"))


def test_a_flat_stroke_draws_a_round_line_on_one_slice_which_undo_takes_back(window, scan, qtbot):
    session = opened(window, scan, qtbot)
    window.menus.actions["tool_brush"].trigger()
    session.mask_drawing.set_radius(5.0)
    session.display.crosshair.move_to(np.array([0.0, 0.0, 2.0]))
    drag(window, qtbot, (-10.0, -6.0, 2.0), (6.0, -6.0, 2.0))
    (mask,) = session.masks.items
    assert (mask.mask.name, mask.is_drawn) == ("lesion", True)
    drawn = full(session)
    assert np.flatnonzero(drawn.any(axis=(1, 2))).tolist() == [11]  # z = 2
    at = places()[11]
    view = window.views.views[0]
    one_px = 1 / view.camera.scale
    across = np.hypot(np.maximum(np.abs(at[..., 0] + 2) - 8, 0), at[..., 1] + 6)
    clear = np.abs(across - 5.0) > 1.5 * one_px
    np.testing.assert_array_equal(drawn[11][clear], (across < 5.0)[clear])
    # The eraser takes from it; each stroke is one step.
    window.menus.actions["tool_eraser"].trigger()
    drag(window, qtbot, (-10.0, -6.0, 2.0))
    assert full(session).sum() < drawn.sum()
    window.menus.actions["undo"].trigger()
    np.testing.assert_array_equal(full(session), drawn)
    window.menus.actions["undo"].trigger()
    assert session.masks.items == ()
    window.menus.actions["redo"].trigger()
    np.testing.assert_array_equal(full(session), drawn)


def test_a_ball_is_drawn_in_3d_and_only_of_the_values_that_were_asked_for(window, scan, qtbot):
    session = opened(window, scan, qtbot)
    window.menus.actions["tool_brush"].trigger()
    window.menus.actions["mask_3d"].trigger()
    session.mask_drawing.set_radius(12.0)
    session.mask_drawing.set_range(250, 350)
    session.mask_drawing.toggle_values()
    session.display.crosshair.move_to(np.array([12.0, 0.0, 0.0]))
    drag(window, qtbot, (12.0, 0.0, 0.0))
    bright = nib.load(scan).get_fdata().T == 300
    np.testing.assert_array_equal(full(session), bright)
    assert session.masks.items[0].mask.volume_ml == pytest.approx(bright.sum() * 4.5 / 1000)


def test_a_fill_takes_what_simpleitk_finds_connected(window, scan, qtbot):
    session = opened(window, scan, qtbot)
    window.menus.actions["tool_fill"].trigger()
    session.mask_drawing.set_range(250, 350)
    session.mask_drawing.set_reach(40)
    session.display.crosshair.move_to(np.array([12.0, 0.0, 0.0]))
    drag(window, qtbot, (12.0, 0.0, 0.0))
    qtbot.waitUntil(lambda: bool(session.masks.items))
    image = sitk.ReadImage(str(scan))
    seed = image.TransformPhysicalPointToIndex((12.0, 0.0, 0.0))
    expected = sitk.GetArrayFromImage(sitk.ConnectedThreshold(image, [seed], 250, 350))
    np.testing.assert_array_equal(full(session), expected > 0)


def test_holes_are_filled_and_one_part_is_kept(window, scan, qtbot):
    session = opened(window, scan, qtbot)
    draw = session.mask_drawing
    draw.set_3d(True)
    normal = np.array([0.0, 0.0, 1.0])
    for place, radius, erase in (
        ((12, 0, 0), 9, False),
        ((12, 0, 0), 4, True),
        ((-15, 0, 0), 5, False),
    ):
        draw.set_radius(radius)
        draw.begin(np.array(place, float), normal, erase=erase)
        draw.end()
    before = full(session)
    window.menus.actions["mask_fill_holes"].trigger()
    filled = sitk.GetArrayFromImage(
        sitk.BinaryFillhole(sitk.GetImageFromArray(before.astype(np.uint8)))
    )
    assert filled.sum() > before.sum()
    np.testing.assert_array_equal(full(session), filled > 0)
    session.display.crosshair.move_to(np.array([-15.0, 0.0, 0.0]))
    window.menus.actions["mask_keep_part"].trigger()
    np.testing.assert_array_equal(
        full(session), np.linalg.norm(places() - (-15, 0, 0), axis=-1) <= 5
    )


def test_a_mask_of_a_file_is_never_changed_by_the_brush(window, scan, labels, qtbot):
    session = with_labels(window, scan, labels, qtbot)
    before = [full(session, number) for number in (0, 1)]
    window.menus.actions["tool_eraser"].trigger()
    session.display.crosshair.move_to(np.array([-20.0, -8.0, -6.0]))
    drag(window, qtbot, (-20.0, -8.0, -6.0), (-16.0, -8.0, -6.0))
    window.menus.actions["tool_brush"].trigger()
    drag(window, qtbot, (-20.0, -8.0, -6.0), (-16.0, -8.0, -6.0))
    for number in (0, 1):
        np.testing.assert_array_equal(full(session, number), before[number])
    assert [each.mask.name for each in session.masks.items] == ["Right box", "Left box", "lesion"]
    session.masks.select(session.masks.items[0].number)
    window.menus.actions["mask_copy"].trigger()
    assert session.masks.selected.is_drawn
    assert session.masks.selected.mask.name == "Right box"


def test_an_exported_mask_is_read_back_voxel_by_voxel(window, scan, labels, qtbot, tmp_path):
    session = with_labels(window, scan, labels, qtbot)
    told: list[str] = []
    session.store.noticed.connect(lambda notice: told.append(notice.text))
    export_mask(session.store, session.masks.items[1], tmp_path / "out.nii.gz")
    qtbot.waitUntil(lambda: bool(told))
    image, truth = sitk.ReadImage(str(tmp_path / "out.nii.gz")), sitk.ReadImage(str(labels))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(truth) == 2)
    np.testing.assert_allclose(image.GetOrigin(), truth.GetOrigin(), atol=1e-5)
    np.testing.assert_allclose(image.GetDirection(), truth.GetDirection(), atol=1e-6)
    export_mask(session.store, session.masks.items[1], tmp_path / "out.dcm")
    qtbot.waitUntil(lambda: len(told) > 1)
    assert "as the scan is no DICOM" in told[1]
