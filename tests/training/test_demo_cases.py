"""The shipped demo cases: made again voxel by voxel, and the rule by which they were chosen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.shipped import resources_dir
from fusion3d_gui.training.cohort import make_demo_cases as demo_cases
from fusion3d_gui.training.cohort.generate import draw_record, make_case
from fusion3d_gui.training.cohort.make_demo_cases import find_demo_cases, make_demo_cases
from fusion3d_gui.training.cohort.population import OutcomeModel

SHIPPED = resources_dir() / "demo"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "demo"
    (out / "positive").mkdir(parents=True)
    (out / "positive" / "stale.dcm").write_bytes(b"of an earlier series")
    make_demo_cases(out, "demo-concat")
    return out


def test_the_shipped_cases_are_described_as_they_are_made(made):
    ours, shipped = (json.loads((folder / "cases.json").read_text()) for folder in (made, SHIPPED))
    assert ours == shipped


@pytest.mark.parametrize("name", ["positive", "negative.nii.gz"])
def test_the_shipped_voxels_are_made_again(made, name):
    ours, shipped = open_volume(made / name), open_volume(SHIPPED / name)
    assert ours.voxels.dtype == shipped.voxels.dtype
    np.testing.assert_array_equal(ours.affine, shipped.affine)
    # Another library may round another way where a value lies just between two integers.
    differences = np.abs(ours.voxels.astype(np.int32) - shipped.voxels)
    assert differences.max() <= 1
    assert (differences > 0).mean() < 1e-4


def test_the_shipped_dicom_series_has_the_same_attributes(made):
    names = sorted(path.name for path in (SHIPPED / "positive").iterdir())
    assert sorted(path.name for path in (made / "positive").iterdir()) == names
    for name in (names[0], names[50], names[-1]):
        ours, shipped = (pydicom.dcmread(folder / "positive" / name) for folder in (made, SHIPPED))
        for dataset in (ours, shipped):
            del dataset.PixelData
        assert ours == shipped
    # As axial DICOM usually lies: rows to the patient's left, columns to the back.
    assert ours.ImageOrientationPatient == [1, 0, 0, 0, 1, 0]


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_they_are_the_first_of_the_cohort_with_nothing_missing(seed):
    model = OutcomeModel().with_prevalence(0.1)
    for label, number in zip((1, 0), find_demo_cases(seed, model), strict=True):
        suitable = [
            n
            for n in range(number + 1)
            for record in [draw_record(n, seed, model)]
            if (record.label, record.person.lesion) == (label, bool(label))
            and None not in record.values.values()
        ]
        assert suitable == [number]


def test_the_shipped_positive_has_its_lesion_where_the_cohort_put_it():
    """A voxel in the middle of the solid lesion is brighter than white matter; the negative has none."""
    model = OutcomeModel().with_prevalence(0.1)
    number, _ = find_demo_cases(demo_cases.DEMO_SEED, model)
    case = make_case(number, demo_cases.DEMO_SEED, model, (3.0, 3.0, 3.0))
    shipped = open_volume(SHIPPED / "positive")
    assert case.lesion_mask is not None
    lps = case.volume.to_lps(np.argwhere(case.lesion_mask)[:, ::-1])
    # The DICOM series and the coarse volume share their patient space: the middle of the field of view is 0.
    index = np.rint(shipped.to_index(lps)).astype(int)
    inside = shipped.real()[index[:, 2], index[:, 1], index[:, 0]]
    brain = shipped.real()[shipped.voxels > 0]
    assert np.median(inside) > np.percentile(brain, 95)
