"""A heatmap is moved by what was measured, says so, and keeps the raw map beside it."""

from __future__ import annotations

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.methods import make_heatmap
from fusion3d_gui.inference.pipeline import predict_and_explain
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.attribution.displacement import (
    Displacement,
    Displacements,
    write_displacements,
)
from fusion3d_gui.model.attribution.localisation_record import Estimate
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.report.heatmap_file import write_heatmap

VALUES = {"age": 71, "sex": "F", "diabetes": True}
VECTOR = (2.0, -3.0, 1.0)


@pytest.fixture
def measured(make_bundle):
    """Write a bundle whose maps were measured; returns its folder."""

    def make(**change):
        folder = make_bundle()
        loaded = ModelBundle.load(folder)
        one = Displacement(
            "gradcam", 4, 16, 3.0, 40, VECTOR, VECTOR, VECTOR, (1, 1, 1), 0.9, 0.0, Estimate(0.9)
        )
        maps = (replace(one, **change), replace(one, method="layercam", stage=2, stride=4))
        write_displacements(folder, Displacements(maps, loaded.weights_sha256, 0.0, "cases.csv"))
        return folder

    return make


def shift(heatmap, plain):
    return heatmap.affine[:3, 3] - plain.affine[:3, 3]


@pytest.mark.parametrize(("method", "stage"), [("gradcam", 4), ("layercam", 2)])
def test_a_map_is_moved_back_by_its_displacement_in_mm_of_the_cases_grid(
    make_bundle, measured, volume, method, stage
):
    how = Explanation(method, (stage,))
    plain = predict_and_explain(load_predictor(make_bundle(), "cpu"), volume, VALUES, how)
    predictor = load_predictor(measured(), "cpu")
    found = predict_and_explain(predictor, volume, VALUES, how).prediction
    grid = found.heatmap
    spacing = predictor.info.preprocessing.grid(volume)[0][0, 0]
    np.testing.assert_allclose(shift(grid, plain.prediction.heatmap), -spacing * np.array(VECTOR))
    np.testing.assert_array_equal(grid.values, plain.prediction.heatmap.values)
    length = spacing * np.linalg.norm(VECTOR)
    assert grid.correction.text == f"corrected by {length:.0f} mm"
    np.testing.assert_allclose(grid.raw.affine, plain.prediction.heatmap.affine)
    assert grid.raw.correction.text == f"raw: displaced by {length:.0f} mm"
    raw = grid.raw
    assert raw.raw is raw
    said = json.loads(json.dumps(found.to_json()))["heatmap"]
    np.testing.assert_allclose(said["raw_affine_lps"], plain.prediction.heatmap.affine)
    np.testing.assert_allclose(said["affine_lps"], grid.affine)
    assert said["displacement"]["applied"]
    np.testing.assert_allclose(
        said["displacement"]["vector_lps_mm"], spacing * np.array(VECTOR), atol=1e-3
    )


def test_the_raw_map_can_be_asked_for(measured, volume):
    predictor = load_predictor(measured(), "cpu")
    made = predict_and_explain(predictor, volume, VALUES)
    raw = make_heatmap(predictor, made.case, made.prediction.metadata, Explanation(raw=True))
    np.testing.assert_allclose(raw.affine, made.prediction.heatmap.raw.affine)
    assert not raw.correction.applied
    asked = predict_and_explain(predictor, volume, VALUES, Explanation(raw=True)).prediction
    np.testing.assert_allclose(asked.heatmap.affine, raw.affine)


def test_a_map_that_means_nothing_is_not_moved_and_says_so(make_bundle, measured, volume):
    plain = load_predictor(make_bundle(), "cpu").predict(volume, VALUES).heatmap
    found = load_predictor(measured(deletion=Estimate(0.1)), "cpu").predict(volume, VALUES)
    np.testing.assert_allclose(found.heatmap.affine, plain.affine)
    assert found.heatmap.correction.text == "does not point for this model"
    assert "10 %" in found.heatmap.correction.sentence
    assert not found.to_json()["heatmap"]["displacement"]["applied"]


@pytest.mark.parametrize(
    "how",
    [
        Explanation(side="lowered"),
        Explanation("layercam", (2, 4)),
        Explanation("hirescam", (4,)),
        Explanation("input-gradient", ()),
    ],
)
def test_a_map_that_was_not_measured_is_not_moved(make_bundle, measured, volume, how):
    plain = predict_and_explain(load_predictor(make_bundle(), "cpu"), volume, VALUES, how)
    found = predict_and_explain(load_predictor(measured(), "cpu"), volume, VALUES, how).prediction
    np.testing.assert_allclose(found.heatmap.affine, plain.prediction.heatmap.affine)
    assert found.heatmap.correction is None
    assert found.to_json()["heatmap"]["displacement"] is None


def test_what_was_measured_on_other_weights_does_not_count(make_bundle, volume):
    folder = make_bundle()
    one = Displacement(
        "gradcam", 4, 16, 3.0, 40, VECTOR, VECTOR, VECTOR, (1, 1, 1), 0.9, 0.0, Estimate(0.9)
    )
    write_displacements(folder, Displacements((one,), "0" * 64, 0.0, "cases.csv"))
    assert ModelBundle.load(folder).info.displacements is None
    assert load_predictor(folder, "cpu").predict(volume, VALUES).heatmap.correction is None


def test_the_raw_map_is_written_beside_a_corrected_one(measured, volume, tmp_path):
    heatmap = load_predictor(measured(), "cpu").predict(volume, VALUES).heatmap
    write_heatmap(heatmap, tmp_path / "map.nii.gz")
    corrected, raw = (nib.load(tmp_path / f"map{end}.nii.gz") for end in ("", "-raw"))
    np.testing.assert_array_equal(corrected.get_fdata(), raw.get_fdata())
    # NIfTI is RAS: left and posterior are negative.
    moved = np.diag([-1, -1, 1]) @ (raw.affine - corrected.affine)[:3, 3]
    np.testing.assert_allclose(moved, heatmap.correction.vector_lps, atol=1e-4)
    write_heatmap(heatmap.raw, tmp_path / "alone.nii.gz")
    assert not (tmp_path / "alone-raw.nii.gz").exists()


def test_where_the_field_is_uncovered_there_is_no_data(measured, volume):
    heatmap = load_predictor(measured(), "cpu").predict(volume, VALUES).heatmap
    # The far corner of the raw map's field, from which the corrected one was moved away.
    corner = heatmap.raw.as_volume.to_lps(np.array(heatmap.values.shape[::-1]) - 0.51)
    beyond = corner + np.sign(heatmap.correction.vector_lps) * 0.01
    assert heatmap.raw.as_volume.value_at(corner) is not None
    assert heatmap.as_volume.value_at(beyond) is None


@pytest.mark.parametrize(
    ("method", "layer", "has_unit"),
    [
        ("gradcam", "layer4", True),
        ("input-gradient", "input", True),
        ("gradcam++", "layer1", False),
        ("layercam", "layer3+layer4", False),
    ],
)
def test_only_maps_whose_values_are_shares_of_the_logit_have_its_unit(method, layer, has_unit):
    found = Heatmap(np.ones((2, 2, 2), np.float32), np.eye(4), method, layer)
    assert found.has_unit is has_unit
    assert ("logit" in found.peak_text) is has_unit
