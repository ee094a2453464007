"""Real vendor scans, against dcm2niix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.files.nifti import write_nifti


@pytest.mark.parametrize("name", ["mr_t1_sag_hfs", "mr_t1_sag_hfp"])
def test_every_voxel_of_a_series_lies_where_dcm2niix_puts_it(
    name: str, shared_dicom: Path, same_as_nifti, tmp_path: Path
) -> None:
    volume = open_volume(shared_dicom / name)
    same_as_nifti(volume, shared_dicom / name / "reference.nii")
    write_nifti(volume, tmp_path / "converted.nii.gz")
    same_as_nifti(open_volume(tmp_path / "converted.nii.gz"), shared_dicom / name / "reference.nii")


@pytest.mark.parametrize("number", [1, 2, 4, 5, 7, 9])
def test_a_mosaic_in_any_transfer_syntax_is_the_volume_that_dcm2niix_makes(
    number: int, shared_dicom: Path, same_as_nifti
) -> None:
    folder = shared_dicom / "transfer_syntaxes"
    volume = open_volume(folder / f"{number}.dcm")
    assert volume.voxels.dtype == np.uint16
    same_as_nifti(volume, folder / "reference.nii")


def test_headers_alone_tell_what_reading_then_finds(shared_dicom: Path) -> None:
    folder = shared_dicom / "mr_t1_sag_hfp"
    found = find_series(folder)[0]
    volume = open_volume(folder)
    assert found.shape == volume.shape == (35, 256, 256)
    np.testing.assert_array_equal(found.affine, volume.affine)
    assert found.modality == volume.modality == "MR"
    assert len(found.paths) == 35
    assert volume.attributes["PatientPosition"] == "HFP"
