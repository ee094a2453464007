"""The command line as a user meets it: results, files written, mistakes in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files.nifti import read_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.predictor import load_predictor


@pytest.fixture
def volume() -> Volume:
    rng = np.random.default_rng(0)
    affine = np.array([[-1.2, 0, 0, 30], [0, 1.2, 0, -30], [0, 0, 2.5, 10], [0, 0, 0, 1.0]])
    return Volume(rng.integers(-200, 1200, (24, 40, 44)).astype(np.int16), affine, modality="MR")


@pytest.fixture
def dicom_folder(volume, tmp_path) -> Path:
    folder = tmp_path / "a series"
    attributes = {"PatientAge": "071Y", "PatientSex": "F", "PatientName": "Secret^Name"}
    write_dicom_series(volume, folder, attributes=attributes, uid_seed="cli")
    (folder / "readme.txt").write_text("not an image")
    return folder


@pytest.fixture
def nifti_file(volume, tmp_path) -> Path:
    path = tmp_path / "scan.nii.gz"
    image = nib.Nifti1Image(
        volume.voxels.transpose(2, 1, 0), np.diag([-1.0, -1, 1, 1]) @ volume.affine
    )
    nib.save(image, path)
    return path


def fails(capsys, *arguments: object) -> str:
    """Run a call that must fail as a user's mistake; returns its one line."""
    status = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert status == 2
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert "Traceback" not in lines[0]
    return lines[0]


def test_predict_writes_result_and_heatmap_and_equals_the_function_the_window_calls(
    make_bundle, dicom_folder, tmp_path, capsys
):
    bundle = make_bundle()
    result, heatmap = tmp_path / "r.json", tmp_path / "h.nii.gz"
    status = run(
        ["predict", str(dicom_folder), "--model", str(bundle), "--set", "diabetes=yes"]
        + ["--json", str(result), "--heatmap", str(heatmap), "--device", "cpu"]
    )
    output = capsys.readouterr().out
    assert status == 0
    assert "Research use only" in output
    assert "Secret" not in output
    plain = json.loads(result.read_text())
    assert plain["metadata"] == {"age": 71.0, "sex": "F", "diabetes": True}
    direct = load_predictor(bundle, "cpu").predict(
        open_volume(dicom_folder), {"age": 71, "sex": "F", "diabetes": True}
    )
    assert plain["logit"] == direct.logit
    assert plain["probability"] == direct.probability
    written = nib.load(heatmap)
    np.testing.assert_allclose(
        np.asarray(written.dataobj).transpose(2, 1, 0), direct.heatmap.values, rtol=1e-6
    )
    np.testing.assert_allclose(
        np.diag([-1, -1, 1, 1]) @ written.affine, direct.heatmap.affine, atol=1e-4
    )


def test_predict_gives_one_number_for_a_case_as_dicom_and_as_nifti(
    make_bundle, dicom_folder, nifti_file, tmp_path
):
    bundle = make_bundle()
    logits = []
    for path in (dicom_folder, nifti_file):
        out = tmp_path / "out.json"
        call = ["predict", str(path), "--model", str(bundle), "--json", str(out)]
        assert run([*call, "--set", "age=71", "--set", "sex=F"]) == 0
        logits.append(json.loads(out.read_text())["logit"])
    assert logits[0] == pytest.approx(logits[1], abs=1e-5)


def test_what_the_user_says_overrides_the_file_and_set_overrides_the_metadata_file(
    make_bundle, dicom_folder, tmp_path
):
    given, out = tmp_path / "m.json", tmp_path / "r.json"
    given.write_text('{"age": 50, "sex": "M"}')
    call = ["predict", str(dicom_folder), "--model", str(make_bundle()), "--json", str(out)]
    assert run([*call, "--metadata", str(given), "--set", "age=60"]) == 0
    assert json.loads(out.read_text())["metadata"] == {"age": 60.0, "sex": "M", "diabetes": None}


def test_info_lists_series_with_geometry_and_no_identity(dicom_folder, capsys):
    assert run(["info", str(dicom_folder)]) == 0
    text = capsys.readouterr().out
    (series,) = json.loads(text)["series"]
    assert series["shape_kji"] == [24, 40, 44]
    assert series["spacing_kji_mm"] == pytest.approx([2.5, 1.2, 1.2])
    assert series["modality"] == "MR"
    assert "Secret" not in text


def test_convert_keeps_values_type_and_place(dicom_folder, volume, tmp_path):
    out = tmp_path / "converted.nii.gz"
    assert run(["convert", str(dicom_folder), str(out)]) == 0
    back = read_nifti(out)
    assert back.voxels.dtype == np.int16
    ours = back.to_lps(np.array([3, 4, 5]))
    k, j, i = 5, 4, 3
    i, j, k = np.rint(volume.to_index(ours)).astype(int)
    assert volume.to_lps(np.array([i, j, k])) == pytest.approx(ours, abs=0.01)
    assert back.real()[5, 4, 3] == volume.real()[k, j, i]


def test_a_path_that_is_not_there(capsys, make_bundle, tmp_path):
    bundle = make_bundle()
    assert "nothing.nii" in fails(capsys, "predict", tmp_path / "nothing.nii", "--model", bundle)
    assert "nothing.nii" in fails(capsys, "info", tmp_path / "nothing.nii")
    assert "nothing.nii" in fails(capsys, "convert", tmp_path / "nothing.nii", tmp_path / "o.nii")


def test_a_text_file_named_dcm(capsys, tmp_path):
    path = tmp_path / "letter.dcm"
    path.write_text("Dear colleague, " * 50)
    assert "letter.dcm" in fails(capsys, "info", path)


@pytest.mark.parametrize("keep", [0, 100, 400, 3000])
def test_truncated_files(capsys, nifti_file, dicom_folder, tmp_path, keep):
    short = tmp_path / "short.nii.gz"
    short.write_bytes(nifti_file.read_bytes()[:keep])
    assert "short.nii.gz" in fails(capsys, "convert", short, tmp_path / "o.nii.gz")
    short = tmp_path / "short.dcm"
    short.write_bytes(sorted(dicom_folder.glob("*.dcm"))[0].read_bytes()[:keep])
    assert "short.dcm" in fails(capsys, "convert", short, tmp_path / "o.nii.gz")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "age=old"], "age=old"),
        (["--set", "age=400"], "0 to 120 years"),
        (["--set", "height=180"], "height is not a field"),
        (["--set", "age"], "NAME=VALUE"),
        (["--metadata", "missing.json"], "missing.json"),
        (["--device", "tpu"], "--device"),
        (["--method", "guess"], "--method"),
        (["--json", "no/such/folder/r.json"], "does not exist"),
    ],
)
def test_a_wrong_call_is_one_line(capsys, make_bundle, nifti_file, arguments, says):
    line = fails(capsys, "predict", nifti_file, "--model", make_bundle(), *arguments)
    assert says in line


@pytest.mark.parametrize("text", ["{", "[1]", "null"])
def test_a_broken_metadata_file(capsys, make_bundle, nifti_file, tmp_path, text):
    path = tmp_path / "meta.json"
    path.write_text(text)
    line = fails(capsys, "predict", nifti_file, "--model", make_bundle(), "--metadata", path)
    assert "meta.json" in line


def test_a_series_that_is_not_there(capsys, dicom_folder, tmp_path):
    line = fails(capsys, "convert", dicom_folder, tmp_path / "o.nii", "--series", "1.2.3")
    assert "1.2.3" in line


def test_a_bundle_with_wrong_keys(capsys, make_bundle, nifti_file):
    bundle = make_bundle()
    network = bundle / "configs" / "network.json"
    network.write_text(network.read_text().replace('"concat"', '"multiply"'))
    line = fails(capsys, "predict", nifti_file, "--model", bundle, "--set", "age=70")
    assert "do not fit" in line
    assert "no such model" in fails(capsys, "predict", nifti_file, "--model", bundle / "x")


def test_no_arguments_for_a_command(capsys):
    for command in ("predict", "info", "convert", "cohort", "train", "evaluate"):
        assert "required" in fails(capsys, command)


def test_the_installed_command_answers_help_version_and_exit_status():
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fusion3d_gui", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    helped = call("--help")
    assert helped.returncode == 0
    assert "predict" in helped.stdout
    assert "Research use only" in helped.stdout
    assert call("--version").stdout.startswith("fusion3d ")
    wrong = call("info", "nowhere.dcm")
    assert wrong.returncode == 2
    assert len(wrong.stderr.strip().splitlines()) == 1
