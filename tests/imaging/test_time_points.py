"""Time points of one series: each volume holds one of them, or it is said that it may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import read_series
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume

_TIMES, _SLICES = 3, 5
#: Of each image by its time point and its slice.
Edit = Callable[[Dataset, int, int], None]


def _volumes(
    folder: Path, edit: Edit, left_out: set[tuple[int, int]] = frozenset()
) -> list[Volume]:
    """Time points whose values are 1000 * time + slice; file names are in no order."""
    for time in range(_TIMES):
        values = np.arange(_SLICES, dtype=np.int16)[:, None, None] + 1000 * time
        source = Volume(np.tile(values, (1, 4, 6)), np.diag([1.0, 1, 2, 1]), modality="MR")
        paths = write_dicom_series(source, folder / "one", attributes={}, uid_seed="t")
        for number, path in enumerate(paths):
            dataset = pydicom.dcmread(path)
            path.unlink()
            if (time, number) in left_out:
                continue
            dataset.SOPInstanceUID = generate_uid(entropy_srcs=[f"{time} {number}"])
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            edit(dataset, time, number)
            dataset.save_as(folder / f"{hash((number * 7 + time * 11) % 13)}-{time}-{number}")
    (folder / "one").rmdir()
    return [read_series(series) for series in find_series(folder)]


def _assert_right(volumes: list[Volume]) -> None:
    assert len(volumes) == _TIMES
    for time, volume in enumerate(volumes):
        np.testing.assert_array_equal(volume.voxels[:, 0, 0], 1000 * time + np.arange(_SLICES))
        assert volume.doubts == ()


def _restarting(dataset: Dataset, time: int, number: int) -> None:
    dataset.InstanceNumber = number + 1
    dataset.AcquisitionTime = f"120{time}{number:02d}"


def _content_time_only(dataset: Dataset, time: int, number: int) -> None:
    dataset.InstanceNumber = number + 1
    dataset.AcquisitionTime = "120000"
    dataset.ContentTime = f"12:0{time}:{number:02d}.25"


def _no_number(dataset: Dataset, time: int, number: int) -> None:
    dataset.InstanceNumber = None
    dataset.AcquisitionTime = f"120{time}{number:02d}"


def _volume_by_volume(dataset: Dataset, time: int, number: int) -> None:
    dataset.InstanceNumber = time * _SLICES + number + 1


def _slice_by_slice(dataset: Dataset, time: int, number: int) -> None:
    dataset.InstanceNumber = number * _TIMES + time + 1
    dataset.ContentTime = f"1200{number * _TIMES + time:02d}"


def _over_midnight(dataset: Dataset, time: int, number: int) -> None:
    dataset.InstanceNumber = number + 1
    seconds = 86400 - 7 + 5 * time + number
    dataset.AcquisitionTime = (
        f"{seconds % 86400 // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"
    )


def _numbers_right_times_by_export(dataset: Dataset, time: int, number: int) -> None:
    dataset.InstanceNumber = time * _SLICES + number + 1
    dataset.ContentTime = f"1200{(number * 4 + time * 7) % 15:02d}"


def _temporal_position_of_each_image(dataset: Dataset, time: int, number: int) -> None:
    dataset.InstanceNumber = 1
    dataset.TemporalPositionIdentifier = time * _SLICES + number + 1


@pytest.mark.parametrize(
    "edit",
    [
        _restarting,
        _content_time_only,
        _no_number,
        _volume_by_volume,
        _slice_by_slice,
        _over_midnight,
        _numbers_right_times_by_export,
        _temporal_position_of_each_image,
    ],
)
def test_each_volume_holds_one_time_point(edit: Edit, tmp_path: Path) -> None:
    _assert_right(_volumes(tmp_path, edit))


def test_where_nothing_tells_time_points_apart_it_is_said(tmp_path: Path) -> None:
    def edit(dataset: Dataset, time: int, number: int) -> None:
        dataset.InstanceNumber = number + 1

    volumes = _volumes(tmp_path, edit)
    assert len(volumes) == _TIMES
    for volume in volumes:
        assert "nothing in the files tells" in " ".join(volume.doubts)
        assert set(volume.doubts) <= set(volume.notices)


def test_orders_that_contradict_each_other_are_said(tmp_path: Path) -> None:
    def edit(dataset: Dataset, time: int, number: int) -> None:
        dataset.InstanceNumber = time * _SLICES + number + 1
        other = (time + number) % _TIMES
        dataset.AcquisitionTime = f"120{other}{number:02d}"

    for volume in _volumes(tmp_path, edit):
        assert "contradict each other" in " ".join(volume.doubts)


@pytest.mark.parametrize("missing", [(1, 0), (1, 2), (1, 4)])
def test_a_time_point_that_lacks_a_slice_is_said(missing: tuple[int, int], tmp_path: Path) -> None:
    volumes = _volumes(tmp_path, _restarting, {missing})
    assert all("more images than others" in " ".join(volume.doubts) for volume in volumes)
    assert sum("covers 4 of the series' 5" in " ".join(v.notices) for v in volumes) == 1


def test_labels_tell_a_time_point_that_lacks_a_slice(tmp_path: Path) -> None:
    def edit(dataset: Dataset, time: int, number: int) -> None:
        dataset.TemporalPositionIdentifier = time + 1

    volumes = _volumes(tmp_path, edit, {(1, 4)})
    assert {volume.doubts for volume in volumes} == {()}
    (short,) = (volume for volume in volumes if volume.shape[0] == 4)
    assert set(short.voxels.ravel() // 1000) == {1}
    assert "covers 4 of the series' 5 slice positions" in " ".join(short.notices)
