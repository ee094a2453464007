"""Whether a lesion map lies in standard space: made maps, and real ones where they are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.template import template_values, template_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.standard_space import standard_space_faults

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def lesion_map(middle=(-35.0, 10.0, 15.0), edge=2.0):
    """A ball of 15 mm in the template's field."""
    template = template_volume()
    k, j, i = np.indices(template.shape)
    place = template.to_lps(np.stack([i, j, k], axis=-1))
    inside = np.linalg.norm(place - np.array(middle), axis=-1) < 15
    return Volume(voxels=inside.astype(np.uint8), affine=template.affine)


def moved(volume, turn=None, shift=(0, 0, 0), stretch=(1, 1, 1)):
    affine = volume.affine.copy()
    affine[:3, :3] = (np.eye(3) if turn is None else turn) @ affine[:3, :3] @ np.diag(stretch)
    affine[:3, 3] += shift
    return replace(volume, affine=affine)


def tilted(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def test_a_lesion_in_the_templates_brain_has_no_fault():
    assert list(standard_space_faults(lesion_map())) == []


def test_turning_the_arrays_axes_changes_nothing():
    volume = lesion_map()
    turn = np.diag([-1.0, 1.0, 1.0, 1.0])
    turn[0, 3] = volume.shape[2] - 1
    other = replace(volume, voxels=volume.voxels[..., ::-1], affine=volume.affine @ turn)
    assert list(standard_space_faults(other)) == []


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        (moved(lesion_map(), turn=tilted(5)), "tilted by 5°"),
        (moved(lesion_map(), shift=(0, 80, 0)), "does not cover"),
        (moved(lesion_map(), stretch=(1, 1, 2)), "2 × 2 mm"),
        (moved(lesion_map(), stretch=(1.6, 1.6, 1.6)), "long; no template is"),
        (lesion_map(middle=(-85, 100, -60)), "Only 0 % of the lesion"),
        (replace(lesion_map(), modality="SEG"), "DICOM"),
    ],
)
def test_what_speaks_against_standard_space_is_said(volume, words):
    (found,) = standard_space_faults(volume)
    assert words in found


def test_the_template_is_mni152(tmp_path):
    nilearn = pytest.importorskip("nilearn.datasets")
    other = nilearn.load_mni152_template(resolution=1)
    rng = np.random.default_rng(0)
    ras = rng.uniform((-60, -90, -40), (60, 60, 70), (3000, 3))
    ijk = nibabel.affines.apply_affine(np.linalg.inv(other.affine), ras).round().astype(int)
    expected = np.asarray(other.dataobj)[tuple(ijk.T)]
    found = template_values(ras * (-1, -1, 1))
    assert np.corrcoef(expected, found)[0, 1] > 0.95


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real scans beside the project")
def test_real_maps_in_standard_space_pass_and_a_scanners_masks_do_not():
    for path in sorted((SHARED / "soop" / "lesions").glob("*.nii.gz"))[::200]:
        assert list(standard_space_faults(open_volume(path))) == []
    standard = SHARED / "ms" / "patient07_mni" / "lesions.nii.gz"
    assert list(standard_space_faults(open_volume(standard))) == []
    for patient in ("patient03", "patient12"):
        assert list(standard_space_faults(open_volume(SHARED / "ms" / patient / "gt.nii.gz")))
