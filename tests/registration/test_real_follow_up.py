"""Real multiple sclerosis scans with their authors' masks and maps: masks on scans, maps on masks, priors."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import binary_dilation

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.labels.read_masks import mask_document, read_masks
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.registration.resampled import on_grid_of
from fusion3d_gui.training.data.table import CaseRow
from fusion3d_gui.training.measure.maps.case_maps import GridMap
from fusion3d_gui.training.measure.maps.lesion_target import judge, target_of

_MS = Path(__file__).resolve().parents[2] / "../shared/data/ms"
pytestmark = pytest.mark.skipif(not _MS.is_dir(), reason="the shared scans are not here")


def test_a_real_mask_on_its_scan_has_nibabels_volume_and_place():
    folder = _MS / "patient07_mni"
    scan = open_volume(folder / "FLAIR.nii.gz")
    (found,) = mask_document(read_masks(folder / "lesions.nii.gz", scan, None), scan)["masks"]
    image = nib.load(folder / "lesions.nii.gz")
    voxels = np.argwhere(np.asarray(image.dataobj) > 0)
    assert found["voxels_on_scan"] == len(voxels)
    assert found["volume_ml"] == pytest.approx(len(voxels) / 1000, rel=1e-3)
    places = nib.affines.apply_affine(image.affine, voxels) * [-1, -1, 1]
    low, high = found["box_lps_mm"]
    np.testing.assert_allclose(low, places.min(axis=0), atol=1)
    np.testing.assert_allclose(high, places.max(axis=0), atol=1)


def test_a_map_of_the_real_lesions_points_at_them_and_its_mirror_image_does_not(tmp_path):
    # The middle of the brain, by nibabel: the whole takes long.
    part = nib.load(_MS / "patient07_mni" / "lesions.nii.gz").slicer[50:132, 60:150, 60:130]
    nib.save(part, tmp_path / "lesions.nii.gz")
    mask = open_volume(tmp_path / "lesions.nii.gz")
    row = CaseRow(1, "7", tmp_path, tmp_path / "lesions.nii.gz", {}, 1, None, "")
    aim = target_of(row, np.ones(mask.shape, bool), mask.affine)
    inside = (mask.voxels > 0).astype(np.float32)
    found = [
        judge(GridMap(values, mask.affine, 1), aim) for values in (inside, inside[..., ::-1].copy())
    ]
    assert (found[0].pointing, found[0].energy) == (1.0, pytest.approx(1.0))
    assert found[1].energy < 0.2


def test_a_prior_brought_on_by_the_authors_maps_shows_the_change_where_they_marked_it(tmp_path):
    folder = _MS / "patient12"
    image = nib.load(folder / "gt.nii.gz")
    marked = np.argwhere(np.asarray(image.dataobj) > 0)
    low, high = np.maximum(marked.min(axis=0) - 12, 0), marked.max(axis=0) + 12
    part = image.slicer[tuple(slice(*each) for each in zip(low, high, strict=True))]
    nib.save(part, tmp_path / "gt.nii.gz")
    common = open_volume(tmp_path / "gt.nii.gz")
    changed = common.voxels > 0
    near = binary_dilation(changed, iterations=8)
    shown = []
    for number in (1, 2):
        scan = open_volume(folder / f"study{number}_FLAIR.nii.gz")
        read = sitk.ReadTransform(str(folder / f"study{number}_FLAIR_to_common_space.txt"))
        origin = np.array(read.TransformPoint((0.0, 0.0, 0.0)))
        matrix = np.eye(4)
        steps = [np.array(read.TransformPoint(tuple(each))) - origin for each in np.eye(3)]
        matrix[:3, :3], matrix[:3, 3] = np.transpose(steps), origin
        # Their map leads from the common space to the scan: a registration from the one to the other.
        values = on_grid_of(common, scan, Registration(matrix, "affine")).voxels
        shown.append((values - np.median(values[near])) / values[near].std())
    change = np.abs(shown[1] - shown[0])
    around = near & ~binary_dilation(changed, iterations=3)
    assert change[changed].mean() > 3 * change[around].mean()
    assert change[changed].mean() > 3 * change[changed[..., ::-1]].mean()
