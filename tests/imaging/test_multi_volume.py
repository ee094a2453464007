"""Files of several volumes: one series each, with names that tell them apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import read_series
from fusion3d_gui.imaging.files.multi_volume import ReadVolume, series_of_volumes
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume, Watch, no_watch
from fusion3d_gui.progress import Progress, no_progress


def _not_read(path: Path, number: int, progress: Progress, watch: Watch) -> Volume:
    raise AssertionError("no volume is read to offer it")


def _series(count: int, read: ReadVolume = _not_read) -> list[Series]:
    return series_of_volumes(
        Path("folder/scan.nrrd"),
        read,
        stem="scan",
        format="NRRD",
        shape=(2, 3, 4),
        affine=np.eye(4),
        count=count,
        notices=("Hello.",),
    )


def test_a_file_of_one_volume_offers_it_under_its_own_name() -> None:
    (series,) = _series(1)
    assert (series.uid, series.description) == ("scan.nrrd", "scan")
    assert (series.format, series.shape, series.notices) == ("NRRD", (2, 3, 4), ("Hello.",))
    assert series.paths == (Path("folder/scan.nrrd"),)


def test_each_of_several_volumes_says_which_it_is_and_reads_itself() -> None:
    asked: list[tuple[Path, int]] = []

    def read(path: Path, number: int, progress: Progress, watch: Watch) -> Volume:
        asked.append((path, number))
        return Volume(np.zeros((2, 3, 4)), np.eye(4))

    first, second = _series(2, read)
    assert (first.uid, second.uid) == ("scan.nrrd", "scan.nrrd#2")
    assert first.description == "scan (volume 1 of 2)"
    assert second.description == "scan (volume 2 of 2)"
    for each in (second, first):
        each.reader(no_progress, no_watch)
    assert asked == [(Path("folder/scan.nrrd"), 1), (Path("folder/scan.nrrd"), 0)]


def test_of_more_than_a_thousand_volumes_the_first_thousand_are_offered_and_it_is_said() -> None:
    assert len(_series(1000)) == 1000
    assert _series(1000)[0].notices == ("Hello.",)
    many = _series(1001)
    assert len(many) == 1000
    assert many[0].notices[1] == "It holds 1001 volumes; the first 1000 are offered."


@pytest.mark.parametrize("packed", [False, True])
def test_two_volumes_are_two_series_whether_packed_or_not(packed: bool, tmp_path: Path) -> None:
    values = np.random.default_rng(3).integers(0, 99, (2, 4, 5, 6)).astype(np.int16)
    image = sitk.GetImageFromArray(values, isVector=False)
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"), packed)
    found = find_series(tmp_path / "a.nrrd")
    assert [series.description for series in found] == ["a (volume 1 of 2)", "a (volume 2 of 2)"]
    for series, expected in zip(found, values, strict=True):
        volume = read_series(series)
        np.testing.assert_array_equal(volume.voxels, expected)
        assert volume.description == series.description
        assert volume.loaded_slices is None


def test_an_axis_of_more_than_a_million_voxels_is_no_scan(tmp_path: Path) -> None:
    for size, fits in ((1 << 20, True), ((1 << 20) + 1, False)):
        text = (
            "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
            f"DimSize = {size} 1 1\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
        )
        (tmp_path / "a.mha").write_bytes(text.encode() + bytes(size))
        if fits:
            assert find_series(tmp_path / "a.mha")[0].shape == (1, 1, size)
        else:
            with pytest.raises(UserError, match="not a scan"):
                find_series(tmp_path / "a.mha")
