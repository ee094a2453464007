"""DICOM Parametric Maps by highdicom, read as real values at their place."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging import limits
from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.labels.heat_map import read_heat_map
from fusion3d_gui.imaging.labels.read_object import read_scan_object
from fusion3d_gui.imaging.volume import Volume

AFFINE = np.array([[1.5, 0, 0, -5], [0, 2.0, 0, 6], [0, 0, 3.0, 7], [0, 0, 0, 1.0]])
SCAN = Volume(np.zeros((3, 4, 5), np.int16), AFFINE, modality="MR")
MAP = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)


@pytest.fixture
def images(tmp_path) -> list[pydicom.Dataset]:
    paths = write_dicom_series(SCAN, tmp_path / "scan", attributes={"PatientID": "P"}, uid_seed="h")
    return [pydicom.dcmread(path) for path in paths]


def source(images) -> SourceSeries:
    return SourceSeries(tuple(images), ())


def parametric_map(images, path: Path, values=MAP, slope=2.5, intercept=-1.0, **changes) -> Path:
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="L",
        lut_explanation="E",
        unit=codes.UCUM.NoUnits,
        value_range=(-100.0, 100.0),
        slope=slope,
        intercept=intercept,
    )
    made = hd.pm.ParametricMap(
        images,
        values,
        hd.UID(),
        7,
        hd.UID(),
        1,
        "M",
        "N",
        "1",
        "2",
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        window_center=0.0,
        window_width=1.0,
        **changes,
    )
    made.save_as(path)
    return path


def test_a_map_has_the_real_values_at_its_voxels(images, tmp_path):
    values = MAP.copy()
    values[0, 0, 0], values[1, 2, 3], values[2, 3, 4] = np.nan, np.inf, -np.inf
    found = read_heat_map(parametric_map(images, tmp_path / "m.dcm", values), source(images))
    expected = values * np.float32(2.5) - 1
    expected[~np.isfinite(expected)] = 0
    assert (found.kind, found.title, found.notices) == ("map", "Map", ())
    np.testing.assert_allclose(found.heat.voxels, expected, rtol=1e-6)
    np.testing.assert_allclose(found.heat.affine, AFFINE, atol=1e-6)
    assert (found.heat.slope, found.heat.intercept) == (1.0, 0.0)


@pytest.mark.parametrize("keyword", ["RealWorldValueSlope", "RealWorldValueIntercept"])
def test_of_half_a_mapping_values_stay_as_stored(images, tmp_path, keyword):
    path = parametric_map(images, tmp_path / "m.dcm")
    dataset = pydicom.dcmread(path)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    delattr(shared.RealWorldValueMappingSequence[0], keyword)
    dataset.save_as(path)
    heat = read_heat_map(path, source(images)).heat
    np.testing.assert_array_equal(heat.voxels, MAP)


def test_a_map_of_two_stacks_shows_the_first_and_tells_it(images, tmp_path):
    path = parametric_map(images, tmp_path / "m.dcm")
    dataset = pydicom.dcmread(path)
    for number, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        if number == 2:
            groups.PlaneOrientationSequence = [pydicom.Dataset()]
            groups.PlaneOrientationSequence[0].ImageOrientationPatient = [0, 1, 0, 0, 0, 1]
    dataset.save_as(path)
    found = read_heat_map(path, source(images))
    assert found.heat.shape == (2, 4, 5)
    assert found.notices[-1] == "It holds 2 maps; the first is shown."


def test_a_map_without_places_is_refused(images, tmp_path):
    path = parametric_map(images, tmp_path / "m.dcm")
    dataset = pydicom.dcmread(path)
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        del groups.PlanePositionSequence
    dataset.save_as(path)
    with pytest.raises(UserError, match="does not say where its frames lie"):
        read_heat_map(path, source(images))


def test_four_bytes_for_each_voxel_must_fit_into_memory(images, tmp_path, monkeypatch):
    path = parametric_map(images, tmp_path / "m.dcm")
    needed = 4 * 3 * 4 * 5 + 200 * 2**20
    monkeypatch.setattr(limits, "available_memory", lambda: needed - 1)
    with pytest.raises(UserError, match=r"needs 0\.2 GB of memory"):
        read_heat_map(path, source(images))


def test_what_is_no_object_is_refused(images, tmp_path):
    (tmp_path / "a.txt").write_text("no DICOM" * 50)
    with pytest.raises(UserError, match="is no DICOM file"):
        read_heat_map(tmp_path / "a.txt", source(images))
    told = []
    with pytest.raises(UserError) as raised:
        read_scan_object(tmp_path / "a.txt", SCAN, source(images), lambda *each: told.append(each))
    assert raised.value.problem == (
        "is no DICOM segmentation, structure set, report, parametric map or presentation state"
    )
    assert told == [(0.0, "Reading the DICOM object")]
    path = parametric_map(images, tmp_path / "m.dcm")
    assert read_scan_object(path, SCAN, source(images)).kind == "map"
