"""The shipped demo cases: made again voxel by voxel, and the rule by which they were chosen."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.model.bundle import ModelBundle
from fusion3d_gui.shipped import models_dir, resources_dir
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
    make_demo_cases(out, models_dir() / "demo-concat")
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


@pytest.fixture
def bundle():
    return SimpleNamespace(
        info=SimpleNamespace(decision=SimpleNamespace(threshold=0.5), folder=Path("model"))
    )


@pytest.fixture
def case():
    return make_case(0, 3, OutcomeModel().with_prevalence(0.1), (8.0, 8.0, 8.0))


#: A grid of 1 mm with one warm cell; the affine puts that cell where a test wants it.
HEATMAP = np.zeros((3, 4, 5))
HEATMAP[2, 1, 3] = 1.0


@pytest.mark.parametrize(
    ("beyond_edge_mm", "probability", "heatmap", "expected"),
    [
        (9.9, 0.5, HEATMAP, True),
        (10.1, 0.5, HEATMAP, False),
        (-5.0, 0.49, HEATMAP, False),
        (-5.0, 0.9, 0 * HEATMAP, False),
    ],
)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_positive_is_explained_by_a_peak_within_10_mm_of_the_edge_of_its_lesion(
    monkeypatch, bundle, case, axis, beyond_edge_mm, probability, heatmap, expected
):
    peak = case.lesion.center_lps_mm.copy()
    peak[axis] += case.lesion.radius_mm + beyond_edge_mm
    affine = np.eye(4)
    affine[:3, 3] = peak - [3, 1, 2]
    monkeypatch.setattr(demo_cases, "_judge", lambda *_: (probability, heatmap, affine))
    assert demo_cases._explains(bundle, case) is expected


def test_the_first_good_case_of_each_kind_is_taken(monkeypatch, bundle):
    model = OutcomeModel().with_prevalence(0.1)
    shown: list[int] = []

    def remember(number, *arguments):
        shown.append(number)
        return draw_record(number, *arguments[:2])

    monkeypatch.setattr(demo_cases, "make_case", remember)
    monkeypatch.setattr(demo_cases, "_explains", lambda _, case: case.person.age == 63)
    monkeypatch.setattr(demo_cases, "_calls_negative", lambda _, case: len(shown) > 2)
    found = find_demo_cases(bundle, 3, model)
    for number in shown:
        record = draw_record(number, 3, model)
        assert None not in record.values.values()
        assert bool(record.label) == record.person.lesion
    assert shown[-1] == max(found)
    assert draw_record(found[0], 3, model).person.age == 63
    assert shown.index(found[1]) == 2
    monkeypatch.setattr(demo_cases, "_explains", lambda *_: False)
    with pytest.raises(UserError, match="no good example"):
        find_demo_cases(bundle, 3, model)


def test_the_probability_and_the_map_are_those_of_the_model(case):
    loaded = ModelBundle.load(models_dir() / "demo-image-only")
    probability, heatmap, affine = demo_cases._judge(loaded, case)
    given = loaded.info.preprocessing.apply(case.volume)
    assert 0 < probability < 1 and heatmap.ndim == 3
    # The map covers the network's grid: its middle is that of the grid.
    middles = [
        matrix[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2) + matrix[:3, 3]
        for matrix, shape in ((affine, heatmap.shape), (given.affine, given.voxels.shape))
    ]
    np.testing.assert_allclose(*middles, atol=1e-6)
