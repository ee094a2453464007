"""Images that are no slices of a volume are refused, or shown and not predicted on, by their class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume

Edit = Callable[[Dataset, int], None]


def _of_class(sop_class: str, placed: bool) -> Edit:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
        if not placed:
            del dataset.ImagePositionPatient, dataset.ImageOrientationPatient

    return edit


@pytest.mark.parametrize(
    ("sop_class", "name"),
    [
        (pydicom.uid.VLWholeSlideMicroscopyImageStorage, "VL Whole Slide Microscopy Image"),
        (pydicom.uid.VLEndoscopicImageStorage, "VL Endoscopic Image"),
        (pydicom.uid.VideoPhotographicImageStorage, "Video Photographic Image"),
        (pydicom.uid.OphthalmicPhotography8BitImageStorage, "Ophthalmic Photography 8 Bit Image"),
    ],
)
def test_photographs_and_tiles_are_refused_by_name(
    sop_class: str, name: str, written: Callable[[Edit], Path]
) -> None:
    folder = written(_of_class(sop_class, True))
    for path in (folder, sorted(folder.iterdir())[0]):
        with pytest.raises(UserError, match=f"is no volume: it holds {name}"):
            open_volume(path)


def test_tiles_of_any_class_are_refused(written: Callable[[Edit], Path]) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.SOPClassUID = pydicom.uid.SegmentationStorage
        dataset.DimensionOrganizationType = "TILED_SPARSE"

    with pytest.raises(UserError, match="tiles of one large image"):
        open_volume(written(edit))


@pytest.mark.parametrize("placed", [True, False])
@pytest.mark.parametrize(
    "sop_class",
    [
        pydicom.uid.UltrasoundMultiFrameImageStorage,
        pydicom.uid.XRayAngiographicImageStorage,
        pydicom.uid.ComputedRadiographyImageStorage,
        pydicom.uid.SecondaryCaptureImageStorage,
        pydicom.uid.CTImageStorage,
    ],
)
def test_projections_films_and_captures_are_slices_only_where_they_say_where_they_lie(
    sop_class: str, placed: bool, written: Callable[[Edit], Path]
) -> None:
    volume = open_volume(written(_of_class(sop_class, placed)))
    assert volume.shape[0] == 7
    is_slice = placed or sop_class == pydicom.uid.CTImageStorage
    assert ("are no slices of a volume" in " ".join(volume.faults)) != is_slice
    assert set(volume.faults) <= set(volume.notices)
    # The label on the images says that, and not that the header is invalid.
    labels = {each.sentence: each.short for each in volume.warnings}
    assert [labels[each] for each in volume.faults] == ([] if is_slice else ["not a volume"])
