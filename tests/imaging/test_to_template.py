"""A lesion of a scan in standard space: carried over by a registration whose true map is known."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.registration.to_template import lesion_in_standard_space, union_on
from fusion3d_gui.imaging.template import template_values
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.standard_space import standard_space_faults

#: Middle of the lesion in standard space, LPS mm.
PLACE, RADIUS_MM = np.array([32.0, 20.0, 20.0]), 14.0
EDGE_MM = 4.0


@pytest.fixture(scope="module")
def patient() -> tuple[Volume, np.ndarray]:
    """The template turned, shifted and shrunk, darker and noisy, with a bright lesion; and the lesion's mask."""
    turn = Rotation.from_euler("xyz", (8, -5, 6), degrees=True).as_matrix()
    to_scan = 0.94 * turn
    shape = (44, 54, 46)
    affine = np.diag([EDGE_MM, EDGE_MM, EDGE_MM, 1.0])
    affine[:3, 3] = (-80.0, -82.0, -70.0)
    k, j, i = np.indices(shape)
    there = np.stack([i, j, k], axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    standard = (there - np.array([6.0, -9.0, 4.0])) @ np.linalg.inv(to_scan).T
    values = template_values(standard.reshape(-1, 3)).reshape(shape).astype(float)
    lesion = np.linalg.norm(standard - PLACE, axis=-1) < RADIUS_MM
    noise = np.random.default_rng(0).normal(0, 4, shape)
    values = np.where(lesion, 400, 1.5 * values) + noise
    return Volume(voxels=values.astype(np.float32), affine=affine), lesion


@pytest.fixture(scope="module")
def found(patient, tmp_path_factory) -> tuple[Volume, Volume, str]:
    """What the command writes and prints: the lesion map, the scan in standard space, the text."""
    folder, (scan, lesion) = tmp_path_factory.mktemp("standard"), patient
    write_nifti(scan, folder / "scan.nii.gz")
    write_nifti(Volume(lesion.astype(np.uint8), scan.affine), folder / "mask.nii.gz")
    words = ["lesion-map", *(str(folder / f"{name}.nii.gz") for name in ("scan", "mask"))]
    words += ["--out", str(folder / "map.nii.gz"), "--scan-out", str(folder / "there.nii.gz")]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert run(words) == 0
    return (
        open_volume(folder / "map.nii.gz"),
        open_volume(folder / "there.nii.gz"),
        printed.getvalue(),
    )


def test_the_lesion_lies_where_it_was_put(found):
    lesion_map, _, printed = found
    kji = np.argwhere(lesion_map.voxels)
    assert np.linalg.norm(lesion_map.to_lps(kji.mean(axis=0)[::-1]) - PLACE) < 3
    assert len(kji) == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3, rel=0.2)
    assert "Nothing odd was noticed" in printed
    assert "100 % of the lesion lies on the patient's left. Check it against the scan." in printed
    assert list(standard_space_faults(lesion_map)) == []


def test_the_scan_is_brought_along_to_be_checked(found):
    lesion_map, scan, _ = found
    assert scan.shape == lesion_map.shape
    places = np.random.default_rng(1).uniform((-50, -50, -20), (50, 80, 60), (2000, 3))
    away = np.linalg.norm(places - PLACE, axis=1) > RADIUS_MM + 6
    values = np.array([scan.value_at(place) for place in places[away]])
    assert np.corrcoef(values, template_values(places[away]))[0, 1] > 0.8


def test_an_empty_mask_is_refused(patient):
    scan, lesion = patient
    with pytest.raises(UserError, match="no lesion"):
        lesion_in_standard_space(scan, np.zeros_like(lesion))


def test_masks_of_parts_are_united(patient):
    scan, _ = patient
    affine = scan.affine.copy()
    affine[:3, 3] = scan.to_lps(np.array([3.0, 2.0, 1.0]))
    part = Volume(np.ones((2, 2, 2), np.uint8), affine)
    united = union_on([part], scan)
    assert united.sum() == 8
    assert united[1:3, 2:4, 3:5].all()
