"""``fusion3d audit`` and what ``fusion3d predict`` logs."""

from __future__ import annotations

import hashlib
import json

import nibabel as nib
import numpy as np
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.report.audit.log_folder import audit_folder, log_files


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def scan(tmp_path):
    values = np.random.default_rng(0).integers(0, 900, (30, 34, 26)).astype(np.int16)
    path = tmp_path / "querido.nii.gz"
    nib.save(nib.Nifti1Image(values, np.diag([-4.0, -4.0, 5.0, 1.0])), path)
    return path


def events() -> list[dict]:
    lines = [line for path in log_files(audit_folder()) for line in path.read_bytes().splitlines()]
    return [json.loads(line)["event"] for line in lines]


def test_a_prediction_on_the_command_line_is_logged_with_its_files(
    scan, make_bundle, tmp_path, capsys
) -> None:
    out = tmp_path / "out.json"
    call = ["predict", scan, "--model", make_bundle(), "--set", "age=71", "--json", out]
    assert run([*map(str, call), "--device", "cpu"]) == 0
    predicted, left = events()
    plain = json.loads(out.read_text())
    assert predicted["answered"]["probability"] == plain["probability"]
    assert predicted["scan_sha256"] == plain["voxels_sha256"]
    assert predicted["model"]["weights_sha256"] == plain["model"]["weights_sha256"]
    (item,) = left["left"]
    assert item["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert "querido" not in json.dumps(events())
    capsys.readouterr()
    assert run(["audit", "verify"]) == 0
    said = capsys.readouterr().out
    assert "entries      2" in said and "whole        yes" in said


def test_a_refused_case_is_logged_without_a_number(make_bundle, tmp_path) -> None:
    flat = tmp_path / "flat.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((30, 34, 26), np.int16), np.eye(4)), flat)
    assert run(["predict", str(flat), "--model", str(make_bundle()), "--set", "age=71"]) == 2
    (refused,) = events()
    assert refused["answered"] == {"probability": None, "fit": "refused"}


def test_a_changed_log_is_refused_and_an_export_can_be_checked(
    scan, make_bundle, tmp_path, capsys
) -> None:
    assert run(["audit", "verify"]) == 2
    assert "no audit log" in capsys.readouterr().err
    call = ["predict", scan, "--model", make_bundle(), "--set", "age=71", "--device", "cpu"]
    assert run([*map(str, call)]) == 0
    out = tmp_path / "log.jsonl"
    assert run(["audit", "export", str(out)]) == 0 and out.stat().st_size
    assert run(["audit", "verify", str(out)]) == 0
    assert run(["audit", "export"]) == 2
    assert run([*map(str, call)]) == 0
    (path,) = log_files(audit_folder())
    path.write_bytes(path.read_bytes().replace(b'"threshold":0', b'"threshold":1', 1))
    capsys.readouterr()
    assert run(["audit", "verify"]) == 2
    told = capsys.readouterr().err
    assert "entry 2 does not follow" in told and "The audit log was changed" in told


def test_nothing_is_logged_where_the_log_is_switched_off(scan, make_bundle, tmp_path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.json").write_text('{"audit/on": false}')
    call = ["predict", scan, "--model", make_bundle(), "--set", "age=71", "--device", "cpu"]
    assert run([*map(str, call)]) == 0
    assert not log_files(audit_folder())


def test_settings_that_cant_be_looked_for_end_no_prediction(
    scan, make_bundle, tmp_path, monkeypatch, capsys
) -> None:
    # The system refuses such a long name, as it refuses a folder that the user may not enter.
    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(tmp_path / ("x" * 300)))
    assert run(["predict", str(scan), "--model", str(make_bundle()), "--set", "age=71"]) == 0
    said = capsys.readouterr()
    assert "logit" in said.out
    assert "the audit log can't be written (File name too long)" in said.err
