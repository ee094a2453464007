"""A lesion of a scan in standard space: carried over by a registration whose true map is known."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.registration.lesion_check import lesion_check
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.registration.to_template import (
    StandardLesion,
    lesion_in_standard_space,
    union_on,
)
from fusion3d_gui.imaging.template import template_values, template_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.standard_space import standard_space_faults

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


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (-1, 1, -1)])
def test_the_pictures_to_check_show_the_lesion_on_its_side_however_the_scan_lies(signs):
    shape, edges = (30, 44, 40), np.array([4.0, 4.0, 5.0])
    affine = np.diag([*(edges * signs), 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2) + (0, 17, 5)
    scan = Volume(voxels=np.zeros(shape, np.int16), affine=affine)
    k, j, i = np.indices(shape)
    place = scan.to_lps(np.stack([i, j, k], axis=-1))
    lesion = np.linalg.norm(place - (32.0, -20.0, 30.0), axis=-1) < 12
    scan = replace(scan, voxels=np.where(place[..., 2] < 60, 100, 0).astype(np.int16))
    # Where scan and template are in the same place.
    grid = template_volume()
    k, j, i = np.indices(grid.shape)
    there = np.linalg.norm(grid.to_lps(np.stack([i, j, k], axis=-1)) - (32.0, -20.0, 30.0), axis=-1)
    found = replace(grid, voxels=(there < 12).astype(np.uint8))
    standard = StandardLesion(found, grid, Registration(np.eye(4), "affine"), 1.0)
    rows = lesion_check(scan, lesion, standard)
    assert [row.title for row in rows] == ["The scan", "The scan, registered", "The template"]
    for row in rows:
        assert [each.letters for each in row.pictures] == [
            ("R", "L", "A", "P"),
            ("R", "L", "S", "I"),
            ("A", "P", "S", "I"),
        ]
        for picture, (to_right, down) in zip(
            row.pictures, ((32, -37), (32, -25), (-37, -25)), strict=True
        ):
            red = (picture.rgb == (240, 60, 60)).all(axis=2)
            middle = np.argwhere(red).mean(axis=0) / red.shape - 0.5
            # From the middle of the picture, in mm; the template's lies a few mm from the scan's.
            assert middle[1] * picture.width_mm == pytest.approx(to_right, abs=7)
            assert middle[0] * picture.height_mm == pytest.approx(down, abs=22)
            assert red.sum() > 50
    blue = [(p.rgb == (86, 182, 216)).all(axis=2).sum() for row in rows for p in row.pictures]
    assert blue[:3] == [0, 0, 0]
    assert min(blue[3:]) > 500
