"""How far headers may be off before a stack is split, called tilted or contradictory: beside closed forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.frames.file import read_dicom_file
from fusion3d_gui.imaging.dicom.frames.frame import Frame, Rescale
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes
from fusion3d_gui.imaging.dicom.stack.geometry import depths_mm, same_position_mm
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume

Edit = Callable[[Dataset, int], None]


def _decimals(values: np.ndarray) -> list[str]:
    return [f"{value:.7f}" for value in values]


def _normal(dataset: Dataset) -> np.ndarray:
    orientation = np.array(dataset.ImageOrientationPatient, float)
    return np.cross(orientation[:3], orientation[3:])


@pytest.mark.parametrize(("apart_mm", "sizes"), [(0.0045, [5, 2]), (0.0055, [7])])
def test_slices_closer_than_5_micrometres_lie_at_one_position(
    apart_mm: float, sizes: list[int], written: Callable[[Edit], Path]
) -> None:
    first: list[np.ndarray] = []

    def edit(dataset: Dataset, number: int) -> None:
        if number < 2:
            first.append(np.array(dataset.ImagePositionPatient, float))
        if number >= 5:  # the last two lie beside the first two, of another echo
            position = first[number - 5] + apart_mm * _normal(dataset)
            dataset.ImagePositionPatient = _decimals(position)
            dataset.EchoNumbers = 2
        else:
            dataset.EchoNumbers = 1

    found = find_series(written(edit))
    assert [len(series.paths) for series in found] == sizes


def test_the_largest_volume_of_a_series_comes_first_and_keeps_its_uid(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        if number < 3:  # read first, but fewer
            turned = np.array(dataset.ImageOrientationPatient, float)
            dataset.ImageOrientationPatient = _decimals(np.concatenate([turned[3:], -turned[:3]]))

    larger, smaller = find_series(written(edit))
    assert (larger.shape[0], smaller.shape[0]) == (4, 3)
    assert smaller.uid == f"{larger.uid}#2"
    assert "#" not in larger.uid
    assert "part 1 of 2" in larger.description and "part 2 of 2" in smaller.description


@pytest.mark.parametrize(("degrees", "said"), [(0.04, False), (0.06, True)])
def test_a_tilt_of_more_than_a_twentieth_of_a_degree_is_named(
    degrees: float, said: bool, written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        down = np.array(dataset.ImageOrientationPatient[3:], float)
        shift = number * 2.5 * np.tan(np.deg2rad(degrees)) * down
        dataset.ImagePositionPatient = _decimals(
            np.array(dataset.ImagePositionPatient, float) + shift
        )

    notices = open_volume(written(edit)).notices
    assert any("gantry tilt" in notice for notice in notices) == said


@pytest.mark.parametrize(
    ("voxel_mm", "spacing_mm", "header_mm", "said"),
    [
        # At least 0.05 mm, or 1 % of the spacing.
        (1.0, 2.0, 2.04, False),
        (1.0, 2.0, 2.07, True),
        (1.0, 20.0, 20.19, False),
        (1.0, 20.0, 20.23, True),
        # A hundredth of the size: a hundredth of the tolerance as well, 1 voxel of 0.1 mm being ordinary.
        (0.01, 0.02, 0.024, False),
        (0.01, 0.02, 0.03, True),
    ],
)
def test_a_headers_spacing_is_compared_with_that_of_the_positions(
    voxel_mm: float, spacing_mm: float, header_mm: float, said: bool, tmp_path: Path
) -> None:
    affine = np.diag([voxel_mm, voxel_mm, spacing_mm, 1.0])
    volume = Volume(np.zeros((5, 6, 7), np.int16), affine, modality="MR")
    for path in write_dicom_series(volume, tmp_path / "s", attributes={}, uid_seed="t"):
        dataset = pydicom.dcmread(path)
        dataset.SpacingBetweenSlices = header_mm
        dataset.save_as(path)
    notices = open_volume(tmp_path / "s").notices
    assert any("The header says that slices are" in notice for notice in notices) == said


def test_images_that_say_nothing_of_space_are_stacked_by_number_in_voxels_of_1_mm(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            delattr(dataset, keyword)
        for keyword in ("SliceThickness", "SpacingBetweenSlices", "SliceLocation"):
            if keyword in dataset:
                delattr(dataset, keyword)
        dataset.InstanceNumber = 100 - number

    folder = written(edit)
    stored = [pydicom.dcmread(path).pixel_array for path in sorted(folder.iterdir())]
    volume = open_volume(folder)
    np.testing.assert_array_equal(volume.affine, np.eye(4))
    np.testing.assert_array_equal(volume.voxels, stored[::-1])
    single = open_volume(sorted(folder.iterdir())[2])
    np.testing.assert_array_equal(single.affine, np.eye(4))
    np.testing.assert_array_equal(single.voxels[0], stored[2])


def test_frames_without_an_orientation_have_no_depth_and_tolerances_shrink_with_the_voxels(
    written: Callable[[Edit], Path],
) -> None:
    path = sorted(written(lambda dataset, number: None).iterdir())[0]
    file = read_dicom_file(FileBytes.from_path(path))
    frame = Frame(file, 0, (1.0, 2.0, 3.0), None, None, None, Rescale(), (), "", {})
    with pytest.raises(ValueError, match="no orientation"):
        depths_mm([frame])
    ordinary = same_position_mm(replace(frame, spacing=(0.5, 0.5), slice_spacing_mm=1.0))
    assert same_position_mm(frame) == ordinary
    for edge, factor in ((0.05, 0.5), (0.1, 1.0), (10.0, 1.0), (40.0, 4.0)):
        small = replace(frame, spacing=(edge, edge), slice_spacing_mm=edge)
        assert same_position_mm(small) == pytest.approx(factor * ordinary)
    # The shortest edge counts.
    flat = replace(frame, spacing=(0.5, 0.05), slice_spacing_mm=4.0)
    assert same_position_mm(flat) == pytest.approx(0.5 * ordinary)


@pytest.mark.parametrize(
    ("spacings", "sizes"),
    [
        # Four decimals: 0.1 micrometres.
        ((0.70312, 0.703125), [7]),
        ((0.7031, 0.7033), [4, 3]),
        ((12.3461, 12.3463), [4, 3]),
        # Below a tenth of a millimetre four digits: microscopes and micro-CT.
        ((0.01231, 0.01234), [4, 3]),
        ((0.0123412, 0.0123414), [7]),
    ],
)
def test_slices_of_one_volume_have_the_same_pixel_spacing_but_for_its_rounding(
    spacings: tuple[float, float], sizes: list[int], written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.PixelSpacing = [spacings[number % 2]] * 2

    assert [series.shape[0] for series in find_series(written(edit))] == sizes


@pytest.mark.parametrize("size", [1.0, 0.01, 100.0])
@pytest.mark.parametrize(("share", "said"), [(0.9, False), (1.1, True)])
@pytest.mark.parametrize("direction", ["sideways", "along"])
def test_what_counts_as_even_grows_and_shrinks_with_the_voxels(
    size: float, share: float, said: bool, direction: str, tmp_path: Path
) -> None:
    """0.02 mm for voxels of 0.1 to 10 mm; a tenth and ten times of that for those of 0.01 and 100 mm."""
    tolerance = 0.02 * {1.0: 1.0, 0.01: 0.1, 100.0: 10.0}[size]
    volume = Volume(np.zeros((7, 6, 5), np.int16), np.diag([size, size, size, 1.0]), modality="MR")
    for number, path in enumerate(
        write_dicom_series(volume, tmp_path / "s", attributes={}, uid_seed="t")
    ):
        dataset = pydicom.dcmread(path)
        position = np.array(dataset.ImagePositionPatient, float)
        if number == 3:
            position[0 if direction == "sideways" else 2] += share * tolerance
        dataset.ImagePositionPatient = [f"{value:.9f}" for value in position]
        dataset.save_as(path)
    notices = " ".join(open_volume(tmp_path / "s").notices)
    words = {"sideways": "shifted sideways", "along": "spaced unevenly"}[direction]
    assert (words in notices) == said
