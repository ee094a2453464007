"""``import fusion3d_gui as f3d``: what a notebook calls, and how objects show themselves there."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import imagecodecs
import nibabel
import numpy as np
import pytest

import fusion3d_gui as f3d
from fusion3d_gui.imaging.notebook import orthogonal_slices
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.pipeline import predict_and_explain
from fusion3d_gui.inference.predictor import load_predictor

README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.fixture
def volume() -> f3d.Volume:
    """An oblique, asymmetric volume with one bright corner."""
    voxels = np.random.default_rng(1).normal(100, 20, (40, 36, 44)).astype(np.float32)
    voxels[30:, 4:10, 35:] += 300
    affine = np.diag([3.0, -3.2, 4.0, 1.0])
    affine[:3, 3] = (-60, 55, -80)
    return f3d.Volume(
        voxels,
        affine,
        modality="MR",
        description="<b>Smith</b>",
        attributes={"PatientName": "Smith"},
    )


def images_of(html: str) -> list[np.ndarray]:
    found = re.findall(r"data:image/png;base64,([^\"]+)\"", html)
    return [imagecodecs.png_decode(base64.b64decode(each)) for each in found]


def test_importing_the_package_costs_nothing():
    code = (
        "import sys, fusion3d_gui as f3d; dir(f3d);"
        "heavy = {'numpy', 'torch', 'PySide6', 'monai', 'pydicom', 'scipy'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_every_public_name_is_there_and_no_other():
    assert set(f3d.__all__) <= set(dir(f3d))
    for name in f3d.__all__:
        assert getattr(f3d, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'open_volumes'"):
        f3d.open_volumes  # noqa: B018 (asking for it is the test)


def test_the_readme_example_runs_and_gives_what_the_program_gives(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    given: dict = {}
    exec(example, given)
    case, prediction, layercam = given["case"], given["prediction"], given["layercam"]
    assert f"{prediction.probability} {prediction.class_name}" in capsys.readouterr().out
    predictor = load_predictor(case.bundle)
    expected = predict_and_explain(
        predictor,
        f3d.open_volume(case.path),
        case.metadata,
        Explanation.for_model(predictor.info),
    ).prediction
    assert prediction.to_json()["logit"] == pytest.approx(expected.logit, abs=1e-5)
    np.testing.assert_allclose(prediction.heatmap.peak_lps, expected.heatmap.peak_lps)
    assert (prediction.heatmap.method, prediction.heatmap.layer) == (
        expected.heatmap.method,
        expected.heatmap.layer,
    )
    assert prediction.heatmap.method == predictor.info.default_map[0]
    assert (layercam.method, layercam.layer) == ("layercam", "layer3")


def test_the_shipped_models_are_the_folders_beside_each_other():
    found = f3d.shipped_models()
    assert set(found) == {
        *("demo-add", "demo-concat", "demo-image-only", "demo-multiply"),
        *("stroke-outcome", "stroke-outcome-image-only"),
    }
    assert all((folder / "configs" / "metadata.json").is_file() for folder in found.values())


def test_what_the_scan_says_stands_in_for_what_is_not_given(make_bundle, volume):
    said = replace(volume, attributes={"PatientAge": "054Y", "PatientSex": "F"})
    model = f3d.load_model(make_bundle(), "cpu", "torch")
    found = model.predict(said, {"age": 71}).metadata
    assert found == {"age": 71.0, "sex": "F", "diabetes": None}


def test_a_side_and_stages_are_explained_as_asked(make_bundle, volume):
    model = f3d.load_model(str(make_bundle()), "cpu", "torch")
    assert "test-concat 1.2.3" in repr(model)
    prediction = model.predict(volume, {"age": 71}, method="hirescam", stage=(3, 4), side="lowered")
    heatmap = prediction.heatmap
    assert (heatmap.method, heatmap.layer, heatmap.side) == ("hirescam", "layer3+layer4", "lowered")
    raised = f3d.explain(prediction, method="hirescam", stage=(3, 4))
    assert raised.heatmap.side == "raised" and raised.logit == prediction.logit
    assert not np.array_equal(raised.heatmap.values, heatmap.values)
    with pytest.raises(f3d.UserError, match="there is no method occlude"):
        f3d.explain(prediction, method="occlude")
    with pytest.raises(f3d.UserError, match="age=200"):
        model.predict(volume, {"age": 200})


def test_a_series_is_chosen_by_its_uid(tmp_path):
    for name in ("one", "two"):
        image = nibabel.Nifti1Image(np.full((4, 5, 6), len(name), np.int16), np.eye(4))
        nibabel.save(image, tmp_path / f"{name}.nii")
    found = f3d.find_series(str(tmp_path))
    assert [each.uid for each in found] == sorted(each.uid for each in found)
    chosen = f3d.open_volume(str(tmp_path), found[1].uid)
    assert chosen.series_uid == found[1].uid


def test_slices_are_turned_the_way_round_that_radiologists_look(volume):
    """Against the position of each pixel, read back through the affine."""
    for each in orthogonal_slices(volume.voxels, volume.affine, np.array([40.0, 45.0, 51.0])):
        positions = each.positions_lps
        index = np.rint(volume.to_index(positions)).astype(int)
        np.testing.assert_allclose(volume.to_lps(index), positions, atol=1e-9)
        np.testing.assert_array_equal(
            volume.voxels[index[..., 2], index[..., 1], index[..., 0]], each.values
        )
        right, down = positions[0, -1] - positions[0, 0], positions[-1, 0] - positions[0, 0]
        expected = {
            "Axial": ((1, 0, 0), (0, 1, 0)),
            "Coronal": ((1, 0, 0), (0, 0, -1)),
            "Sagittal": ((0, 1, 0), (0, 0, -1)),
        }[each.name]
        np.testing.assert_allclose(right / np.linalg.norm(right), expected[0], atol=1e-9)
        np.testing.assert_allclose(down / np.linalg.norm(down), expected[1], atol=1e-9)
        assert np.abs(positions - (40, 45, 51)).min(axis=(0, 1)) == pytest.approx(0, abs=2.1)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (0, 2, 1)])
def test_slices_are_the_same_however_the_array_is_stored(volume, axes):
    stored = np.ascontiguousarray(np.transpose(volume.voxels, axes)[::-1])
    to_old = np.zeros((4, 4))
    for new, old in enumerate(axes):
        to_old[2 - old, 2 - new] = 1
    to_old[3, 3] = 1
    to_old[2 - axes[0], 2] = -1
    to_old[2 - axes[0], 3] = stored.shape[0] - 1
    here = np.array([40.0, 45.0, 51.0])
    plain = orthogonal_slices(volume.voxels, volume.affine, here)
    for one, other in zip(
        plain, orthogonal_slices(stored, volume.affine @ to_old, here), strict=True
    ):
        assert one.name == other.name and one.letters == other.letters
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_allclose(one.positions_lps, other.positions_lps, atol=1e-9)


def test_a_volume_shows_its_three_middle_slices_and_nothing_of_the_patient(volume):
    html = volume._repr_html_()
    axial, coronal, sagittal = images_of(html)
    assert (axial.shape, coronal.shape, sagittal.shape) == (
        (36, 44, 3),
        (40, 44, 3),
        (40, 36, 3),
    )
    assert re.findall(r">([A-Z]+)</span>", html) == [*"RLAP", *"RLSI", *"APSI"]
    assert "44 × 36 × 40 (i, j, k)" in html and "spacing 3 × 3.2 × 4 mm" in html
    assert "Research use only" in html
    assert "Smith" not in html
    # The bright corner: to the patient's left, anterior (j runs to anterior here), superior.
    middle = replace(volume, affine=volume.affine)
    (shown, *_) = images_of(middle._repr_html_())
    assert shown[..., 0].mean() < 200


def test_a_file_that_means_low_values_white_is_shown_so(volume):
    meant = replace(volume, attributes={"PhotometricInterpretation": "MONOCHROME1"})
    plain, white = (images_of(each._repr_html_())[0].astype(int) for each in (volume, meant))
    assert np.abs(plain + white - 255).max() <= 1


def test_a_prediction_shows_the_heat_over_the_anatomy_at_its_peak(make_bundle, volume):
    prediction = f3d.load_model(make_bundle(), "cpu", "torch").predict(volume, {"age": 71})
    html = prediction._repr_html_()
    peak = prediction.heatmap.peak_lps
    slices = orthogonal_slices(volume.voxels, volume.affine, peak)
    for image, each in zip(images_of(html), slices, strict=True):
        colored = np.ptp(image.astype(int), axis=2) > 20
        assert colored.any() and not colored.all()
        distance = np.linalg.norm(each.positions_lps - peak, axis=-1)
        strongest = np.unravel_index(distance.argmin(), distance.shape)
        assert colored[strongest]
    assert f"threshold {100 * prediction.threshold:.4g} %" in html
    assert "Smith" not in html and "Smith" not in repr(prediction)
    assert len(images_of(prediction.heatmap._repr_html_())) == 3


@pytest.mark.parametrize(
    ("method", "layer", "name"),
    [
        ("gradcam", "layer4", "Grad-CAM of layer4"),
        ("input-gradient", "input", "Gradient × input"),
    ],
)
def test_a_heatmap_is_called_by_its_methods_name(method, layer, name):
    heatmap = f3d.Heatmap(np.ones((2, 2, 2), np.float32), np.eye(4), method, layer)
    assert f"Heatmap: {name}, what raised the logit" in heatmap._repr_html_()


def test_text_of_a_bundle_is_shown_as_plain_text(make_bundle, volume):
    prediction = f3d.load_model(make_bundle(), "cpu", "torch").predict(volume, {"age": 71})
    hostile = replace(prediction, bundle_name="<script>alert(1)</script>", notices=("<img src=x>",))
    html = hostile._repr_html_()
    assert "<script>" not in html and "<img src=x>" not in html
    assert "&lt;script&gt;" in html and "&lt;img src=x&gt;" in html


def test_an_empty_heatmap_is_shown_black(volume):
    empty = f3d.Heatmap(
        np.zeros((3, 4, 5), np.float32), np.diag([9.0, 9, 9, 1]), "gradcam", "layer4"
    )
    assert all(not image.any() for image in images_of(empty._repr_html_()))


def test_type_checkers_see_the_same_names():
    stub = (Path(f3d.__file__).with_suffix(".pyi")).read_text(encoding="utf-8")
    assert {*re.findall(r" as (\w+)$", stub, re.MULTILINE), "RESEARCH_USE_ONLY"} == set(f3d.__all__)
