"""Results as a BIDS derivative, read back by nibabel, pandas and json; by the BIDS validator and pybids where they are installed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.imaging.files.bids_name import BidsName
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.report.bids.derivative import map_name

SCANS = ("01/ses-a", "01/ses-b", "02/ses-a")


@pytest.fixture
def study(tmp_path):
    """A data set of three scans and one that is none, and its table of cases."""
    root = tmp_path / "study"
    rng = np.random.default_rng(0)
    for place in (*SCANS, "03/ses-a"):
        folder = root / f"sub-{place}" / "anat"
        folder.mkdir(parents=True)
        stem = f"sub-{place.replace('/', '_')}_run-1_T1w"
        values = rng.integers(0, 900, (20, 22, 18)).astype(np.int16)
        affine = np.array([[-5.0, 0, 0, 40], [0, 5, 0, -60], [0, 0, 5, 10], [0, 0, 0, 1]])
        image = nib.Nifti1Image(values, affine)
        image.header.set_xyzt_units("mm")
        nib.save(image, folder / f"{stem}.nii.gz")
        (folder / f"{stem}.json").write_text(json.dumps({"SkullStripped": place.endswith("b")}))
    (root / "sub-03/ses-a/anat/sub-03_ses-a_run-1_T1w.nii.gz").write_bytes(b"no scan")
    (root / "dataset_description.json").write_text(
        json.dumps({"Name": "s", "BIDSVersion": "1.10.0", "DatasetDOI": "doi:10.1234/abc"})
    )
    (root / "participants.tsv").write_text(
        "participant_id\tage\tsex\nsub-01\t71\tF\nsub-02\t89+\tM\nsub-03\tn/a\tM\n"
    )
    assert run(["table", "bids", str(root), "--out", str(root / "cases.csv")]) == 0
    return root


@pytest.fixture
def predict(study, make_bundle, tmp_path):
    """The command on the study's table, with more words; the derivative's folder."""
    bundle, derivative = str(make_bundle()), study / "derivatives" / "fusion3d"

    def call(*more: str, path: Path = study / "cases.csv", out: bool = True) -> Path:
        words = ["predict", str(path), "--model", bundle, "--engine", "torch", *more]
        words += ["--bids-out", str(derivative)]
        assert run([*words, *(["--out", str(tmp_path / "out")] if out else [])]) == 0
        return derivative

    return call


def contents(folder: Path) -> dict[str, bytes]:
    """Each file's content by path; times and durations are not compared."""
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = path.relative_to(folder).as_posix()
        found[name] = path.read_bytes()
        if name.endswith("_predictions.tsv"):
            table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
            found[name] = table.drop(columns=["seconds", "created", "device"]).to_csv().encode()
        elif name.endswith("_T1w.json"):
            plain = json.loads(path.read_text())
            for key in ("seconds", "created", "device"):
                del plain["Provenance"][key]
            found[name] = json.dumps(plain).encode()
    return found


def test_every_scan_has_its_map_sidecar_and_row(study, predict, tmp_path):
    derivative = predict()
    results = pd.read_csv(tmp_path / "out/results.csv", keep_default_na=False)
    for place, row in zip(SCANS, results.itertuples(), strict=False):
        name = f"sub-{place}/anat/sub-{place.replace('/', '_')}_run-1_res-map_desc-gradcam_T1w"
        copied, own = (
            nib.load(each)
            for each in (derivative / f"{name}.nii.gz", tmp_path / "out" / row.heatmap)
        )
        np.testing.assert_array_equal(copied.get_fdata(), own.get_fdata())
        np.testing.assert_array_equal(copied.affine, own.affine)
        sidecar = json.loads((derivative / f"{name}.json").read_text(encoding="utf-8"))
        scan = f"sub-{place}/anat/sub-{place.replace('/', '_')}_run-1_T1w.nii.gz"
        assert sidecar["Sources"] == [f"bids:raw:{scan}"] and (study / scan).is_file()
        assert sidecar["Prediction"]["probability"] == float(row.probability)
        assert sidecar["SkullStripped"] is place.endswith("b")
        assert sidecar["Model"]["WeightsSHA256"] == row.weights_sha256
        assert " × ".join(map(str, copied.shape)) in sidecar["Resolution"]["map"]
        assert "Research use only" in sidecar["Description"]
        table = pd.read_csv(
            derivative / f"sub-{place[:2]}/sub-{place[:2]}_predictions.tsv",
            sep="\t",
            na_values="n/a",
        ).set_index("scan")
        assert table.loc[scan, "probability"] == float(row.probability)
        assert table.loc[scan, "session_id"] == place[3:]
        assert (derivative / table.loc[scan, "map"]) == derivative / f"{name}.nii.gz"
    lost = pd.read_csv(derivative / "sub-03/sub-03_predictions.tsv", sep="\t", na_values="n/a")
    assert lost["probability"].isna().all() and lost["map"].isna().all()
    assert "sub-03_ses-a_run-1_T1w.nii.gz" in lost["error"][0]
    described = json.loads((derivative / "predictions.json").read_text(encoding="utf-8"))
    assert set(described) == set(table.reset_index().columns)
    assert described["sex"]["Levels"] == {"F": "Female", "M": "Male"}
    plain = json.loads((derivative / "dataset_description.json").read_text())
    assert (derivative / plain["DatasetLinks"]["raw"]).resolve() == study.resolve()
    assert plain["SourceDatasets"] == [{"URL": "../..", "DOI": "doi:10.1234/abc"}]
    assert plain["DatasetType"] == "derivative" and plain["GeneratedBy"][0]["Name"] == "Fusion3D"


def test_shards_that_are_joined_and_a_second_call_give_the_same_files(predict, tmp_path):
    whole = contents(predict())
    (tmp_path / "out").rename(tmp_path / "first")
    folder = predict("--shard", "2/2")
    folder.rename(tmp_path / "derivative")
    predict("--shard", "1/2")
    assert not list(folder.rglob("*.tsv"))
    assert contents(predict()) == whole
    assert contents(predict("--jobs", "2")) == whole


def test_one_scan_joins_the_table_of_its_participant(study, predict):
    for place in ("01_ses-b", "01_ses-a"):
        path = study / f"sub-{place.replace('_', '/')}/anat/sub-{place}_run-1_T1w.nii.gz"
        folder = predict("--set", "age=71", "--side", "lowered", path=path, out=False)
    table = pd.read_csv(folder / "sub-01/sub-01_predictions.tsv", sep="\t", na_values="n/a")
    assert list(table["session_id"]) == ["ses-a", "ses-b"]
    assert list(table["age"]) == [71, 71]
    assert all("desc-gradcamlowered_" in each for each in table["map"])
    assert all((folder / each).is_file() for each in table["map"])


@pytest.mark.parametrize(
    ("name", "method", "raw", "expected"),
    [
        ("sub-1_T1w", Explanation(), False, "sub-1_res-map_desc-gradcam_T1w"),
        (
            "sub-1_acq-x_desc-brain_T1w",
            Explanation("gradcam++", (3,), "lowered"),
            True,
            "sub-1_acq-x_res-map_desc-braingradcampluspluslowered" + "raw_T1w",
        ),
        (
            "sub-1_res-2_label-GM_T1w",
            Explanation("input-gradient", ()),
            False,
            "sub-1_res-map_label-GM_desc-inputgradient_T1w",
        ),
    ],
)
def test_a_map_is_named_after_its_scan(name, method, raw, expected):
    parsed = BidsName.of(Path(f"{name}.nii.gz"))
    assert parsed is not None and parsed.text == name
    assert map_name(parsed, method, raw=raw).text == expected


@pytest.mark.parametrize(
    "name", ["T1w.nii", "sub-1_x_T1w.nii", "ses-1_sub-1_T1w.nii", "sub-1_T1w.nrrd"]
)
def test_names_that_bids_does_not_have_are_none(name):
    assert BidsName.of(Path(name)) is None


def test_what_can_not_be_a_derivative_is_refused_before_anything_is_computed(
    study, predict, make_bundle, tmp_path, capsys
):
    scan = study / "sub-02/ses-a/anat/sub-02_ses-a_run-1_T1w.nii.gz"
    words = ["predict", str(scan), "--model", str(make_bundle()), "--bids-out"]
    assert run([*words, str(study)]) == 2
    assert "is a BIDS data set of something else" in capsys.readouterr().err
    assert run([*words, str(tmp_path)]) == 2
    assert "holds other files" in capsys.readouterr().err
    other = tmp_path / "scan.nii.gz"
    other.write_bytes(scan.read_bytes())
    assert run(["predict", str(other), *words[2:], str(tmp_path / "new")]) == 2
    assert "is not named as in BIDS" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    derivative = predict(path=scan, out=False)
    words[3] = str(make_bundle("add"))
    assert run([*words, str(derivative)]) == 2
    assert "other weights" in capsys.readouterr().err


@pytest.mark.skipif(
    importlib.util.find_spec("bids_validator_deno") is None,
    reason="bids-validator-deno is not installed",
)
def test_the_bids_validator_finds_no_error(predict):
    validator = Path(sys.executable).with_name("bids-validator-deno")
    words = [validator, predict(), "--format", "json"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    issues = json.loads(found.stdout)["issues"]["issues"]
    assert [each for each in issues if each["severity"] == "error"] == []


def test_pybids_finds_maps_with_their_metadata(study, predict):
    bids = pytest.importorskip("bids")
    derivative = predict()
    layout = bids.BIDSLayout(study, derivatives=str(derivative))
    found = layout.get(desc="gradcam", res="map", suffix="T1w", extension=".nii.gz")
    assert [(each.entities["subject"], each.entities["session"]) for each in found] == [
        ("01", "a"),
        ("01", "b"),
        ("02", "a"),
    ]
    for each in found:
        assert each.get_metadata()["Prediction"]["probability"] > 0
    tables = layout.get(suffix="predictions", extension=".tsv", scope="derivatives")
    assert {each.entities["subject"] for each in tables} == {"01", "02", "03"}
