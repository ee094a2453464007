"""A second scan in every position in which a patient can lie: displayed, registered, fused and subtracted as SimpleITK has it.

The series are written by pydicom alone, from a head that is a formula in patient coordinates; where each voxel lies is
SimpleITK's reading of the files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from scipy.ndimage import center_of_mass, label, uniform_filter

from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.state.beside.comparison import Way
from tests.registration.conftest import phantom_values
from tests.registration.conftest import rigid_map as rigid_map
from tests.widgets.test_orientation_letters import POSITIONS

#: Each position once first and once beside, next to one that differs in what points up and what into the bore.
PAIRS = tuple(
    zip(POSITIONS, ("FFP", "FFDL", "HFS", "FFDR", "HFDL", "HFDR", "HFP", "FFS"), strict=True)
)
#: In the head (mm, LPS): in both scans, at the patient's left front top; and in the second alone, right behind.
MARKER, LESION = np.array([34.0, -40.0, 24.0]), np.array([-30.0, 34.0, 6.0])
#: Unit vectors (LPS) of the letters.
WAYS = dict(zip("LRPASI", np.concatenate([[e, -e] for e in np.eye(3)]), strict=True))
LEVEL = Window(500, 1400)


def head(lps_mm: np.ndarray, *, with_lesion: bool) -> np.ndarray:
    """Values of the head at positions ``(..., 3)``."""
    values = phantom_values(lps_mm)
    for place, value in ((MARKER, 900), *([(LESION, 700)] if with_lesion else [])):
        values += value * np.exp(-((lps_mm - place) ** 2).sum(-1) / 2 / 7**2)
    return values


def write_series(
    folder: Path, position: str, moved: np.ndarray, seed: int, *, with_lesion: bool
) -> list[str]:
    """Axial slices of the head after ``moved`` (4x4, LPS mm), as a scanner makes them of a patient who lies so."""
    folder.mkdir()
    row, column = np.array(POSITIONS[position], float)
    normal = np.cross(row, column)
    rows, columns, slices = 50, 46, 30
    down_mm, right_mm, step_mm = 4.2, 4.6, 5.6
    corner = (
        moved[:3, 3]
        - (
            right_mm * (columns - 1) * row
            + down_mm * (rows - 1) * column
            + step_mm * (slices - 1) * normal
        )
        / 2
    )
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    chance = np.random.default_rng(seed)
    for k in range(slices):
        place = corner + k * step_mm * normal
        j, i = np.indices((rows, columns))
        at = place + i[..., None] * right_mm * row + j[..., None] * down_mm * column
        values = head((at - moved[:3, 3]) @ moved[:3, :3], with_lesion=with_lesion)
        slice_ = Dataset()
        slice_.file_meta = FileMetaDataset()
        slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        slice_.SOPClassUID = slice_.file_meta.MediaStorageSOPClassUID = MRImageStorage
        slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        slice_.StudyInstanceUID, slice_.SeriesInstanceUID = study, series
        slice_.FrameOfReferenceUID, slice_.Modality, slice_.PatientID = frame, "MR", "P1"
        slice_.PatientName, slice_.PatientPosition, slice_.InstanceNumber = (
            "Roe^Jane",
            position,
            k + 1,
        )
        slice_.Rows, slice_.Columns = rows, columns
        slice_.PixelSpacing, slice_.SliceThickness = [down_mm, right_mm], step_mm
        slice_.ImageOrientationPatient = [*row, *column]
        slice_.ImagePositionPatient = [f"{each:.6f}" for each in place]
        slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
        slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit = 16, 16, 15
        slice_.PixelRepresentation = 1
        noisy = np.rint(values + chance.normal(0, 3, values.shape))
        slice_.PixelData = noisy.astype("<i2").tobytes()
        slice_.save_as(folder / f"{k:03d}.dcm", enforce_file_format=True)
    return list(sitk.ImageSeriesReader().GetGDCMSeriesFileNames(str(folder)))


def itk_image(files: list[str]) -> sitk.Image:
    return sitk.Cast(sitk.ReadImage(files), sitk.sitkFloat32)


def itk_values(image: sitk.Image, lps_mm: np.ndarray) -> np.ndarray:
    """Interpolated values at positions ``(n, 3)``."""
    return np.array(
        [image.EvaluateAtPhysicalPoint(each, sitk.sitkLinear) for each in lps_mm.tolist()]
    )


def itk_center(image: sitk.Image) -> np.ndarray:
    middle = [(size - 1) / 2 for size in image.GetSize()]
    return np.array(image.TransformContinuousIndexToPhysicalPoint(middle))


def itk_brightest(image: sitk.Image) -> np.ndarray:
    k, j, i = np.unravel_index(sitk.GetArrayViewFromImage(image).argmax(), image.GetSize()[::-1])
    return np.array(image.TransformIndexToPhysicalPoint([int(i), int(j), int(k)]))


def pixels(view) -> np.ndarray:
    """What the view shows: red, green, blue, 0 to 255."""
    view.update()
    QApplication.processEvents()
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    whole = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1, 4)
    return whole[..., 2::-1].astype(float)


def on_screen(view, center: np.ndarray, lps_mm: np.ndarray) -> np.ndarray:
    """Pixels (x, y) at which positions should be by the letters, if the middle of the view shows ``center``."""
    _, right, _, bottom = view._caption_texts(view.slicer).sides
    away = lps_mm - center
    return (
        np.stack([away @ WAYS[right], away @ WAYS[bottom]], axis=-1) * view.camera.scale
        + np.array([view.width(), view.height()]) / 2
    )


def check_marker(view, center: np.ndarray, marker: np.ndarray) -> None:
    """The one large bright spot of a view lies where the letters say that the marker is, to a voxel and a half."""
    bright = uniform_filter((pixels(view).min(axis=-1) > 150).astype(float), 7) > 0.6
    spots, _ = label(bright)
    sizes = np.bincount(spots.ravel())[1:]
    assert (sizes > 50).sum() == 1  # smaller ones are letters
    y, x = center_of_mass(spots == sizes.argmax() + 1)
    assert np.abs(on_screen(view, center, marker) - (x, y)).max() < 7.0 * view.camera.scale


def places_in_head(center: np.ndarray, z: float) -> np.ndarray:
    """Positions on an axial plane, away from the edges and texts of its view."""
    x, y = np.meshgrid(np.arange(-56, 57, 4.0), np.arange(-72, 73, 4.0))
    return np.stack([x.ravel() + center[0], y.ravel() + center[1], np.full(x.size, z)], axis=-1)


@pytest.mark.parametrize(("first", "beside"), PAIRS)
def test_a_second_scan_lies_where_simpleitk_has_it(
    window, settled, qtbot, tmp_path, rigid_map, first, beside
):
    number = list(POSITIONS).index(first)
    at_first = rigid_map((0, 0, 0), (5, -7, 40))
    at_second = rigid_map((5 - number, number - 3, 4), (-9, 6 + number, 25))
    true = at_second @ np.linalg.inv(at_first)
    files = write_series(tmp_path / "now", first, at_first, 1, with_lesion=False)
    fixed = itk_image(files)
    files = write_series(tmp_path / "prior", beside, at_second, 2, with_lesion=True)
    moving = itk_image(files)
    session = window.session
    session.open(tmp_path / "now")
    settled(window)
    session.second.open(tmp_path / "prior")
    qtbot.waitUntil(lambda: session.second.case is not None, timeout=60_000)

    # As its file puts it: the letters, and the marker on their side.
    second, views = session.second, window.second_views.views
    marker = itk_brightest(moving)
    assert np.linalg.norm(marker - at_second[:3, :3] @ MARKER - at_second[:3, 3]) < 5
    second.display.crosshair.move_to(marker)
    second.display.window_level.set_window(Window(1100, 300))
    usual = {"Axial": "RLAP", "Coronal": "RLSI", "Sagittal": "APSI"}
    for view in views:
        letters = "".join(view._caption_texts(view.slicer).sides)
        assert letters == usual[view.orientation.name]
        check_marker(view, itk_center(moving), marker)

    # Registered, it is shown in the first one's space.
    QTest.mouseClick(window.second_views.bar.register, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not session.alignment.is_registering, timeout=60_000)
    found = second.registration
    corners = at_first[:3, 3] + 50 * np.array([[1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1.0]])
    gap = corners @ (found.matrix - true)[:3, :3].T + (found.matrix - true)[:3, 3]
    assert np.linalg.norm(gap, axis=1).max() < 0.5
    assert not found.doubt
    assert not any("irrored" in text for text in window.notices.texts)
    center, marker = itk_center(fixed), itk_brightest(fixed)
    session.display.crosshair.move_to(marker)
    for one, other in window.second_views.pairs:
        check_marker(other, center, marker)
        assert other._caption_texts(other.slicer).sides == one._caption_texts(one.slicer).sides

    # Drawn over the first: opaque, it is SimpleITK's resampling of the moving scan.
    lesion = at_first[:3, :3] @ LESION + at_first[:3, 3]
    session.display.crosshair.move_to(lesion)
    for display in (session.display, second.display):
        display.window_level.set_window(LEVEL)
    view = window.views.axial
    places = places_in_head(center, lesion[2])
    x, y = np.rint(on_screen(view, center, places)).astype(int).T
    lies_at = places @ true[:3, :3].T + true[:3, 3]
    levels = [
        np.clip((each - (LEVEL.center - LEVEL.width / 2)) / LEVEL.width, 0, 1)
        for each in (itk_values(fixed, places), itk_values(moving, lies_at))
    ]
    session.comparison.set_color_map("Gray")
    session.comparison.set_blend(1.0)
    session.comparison.choose(Way.BLEND)
    fused = pixels(view)[y, x].mean(axis=-1) / 255
    assert np.corrcoef(fused, levels[1])[0, 1] > 0.97
    assert np.median(np.abs(fused - levels[1])) < 0.02

    # Subtracted: blue where the second is brighter, which is the lesion, and nearly black elsewhere.
    session.comparison.choose(Way.DIFFERENCE)
    red, _, blue = pixels(view)[y, x].T / 255
    wanted = levels[0] - levels[1]
    assert np.median(np.abs(red - blue - wanted)) < 0.02
    assert np.corrcoef(red - blue, wanted)[0, 1] > 0.9
    is_near = np.linalg.norm(places - lesion, axis=1) < 9
    assert (blue - red)[is_near].mean() > 0.2
    assert np.median(np.maximum(red, blue)[~is_near]) < 0.03
