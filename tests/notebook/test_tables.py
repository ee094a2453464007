"""Tables of cases from pandas, and results as pandas, beside single predictions and the command line."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import fusion3d_gui as f3d
from fusion3d_gui.cli.parser import run


@pytest.fixture
def cases(tmp_path) -> pd.DataFrame:
    """Two scans and a file that is none; a missing age, names like numbers, an index of its own."""
    rng = np.random.default_rng(0)
    for name in ("one", "three"):
        values = rng.integers(0, 900, (20, 22, 18)).astype(np.int16)
        nib.save(nib.Nifti1Image(values, np.diag([5.0, 5, 5, 1])), tmp_path / f"{name}.nii.gz")
    (tmp_path / "two.nii.gz").write_bytes(b"no scan")
    return pd.DataFrame(
        {
            "case": ["007", "008", "009"],
            "path": [str(tmp_path / f"{name}.nii.gz") for name in ("one", "two", "three")],
            "age": [71.0, 60.0, None],
            "sex": ["F", "M", "M"],
            "diabetes": [True, False, None],
        },
        index=["x", "y", "z"],
    )


@pytest.fixture
def model(make_bundle) -> f3d.Model:
    return f3d.load_model(make_bundle(), "cpu", "torch")


def test_each_row_is_the_single_prediction_and_a_bad_one_has_its_reason(cases, model, tmp_path):
    found = model.predict_table(cases, tmp_path / "out")
    assert found.index.tolist() == ["x", "y", "z"]
    assert found.columns.name == "Research use only"
    assert found["case"].tolist() == ["007", "008", "009"]
    assert found["error"].str.contains("NIfTI").tolist() == [False, True, False]
    for row, values in (("x", {"age": 71, "sex": "F", "diabetes": True}), ("z", {"sex": "M"})):
        alone = model.predict(f3d.open_volume(cases["path"][row]), values)
        assert found["logit"][row] == pytest.approx(alone.logit, abs=1e-6)
        assert found["positive"][row] in (alone.positive, pd.NA)
        heatmap = f3d.open_volume(found["heatmap"][row])
        np.testing.assert_allclose(heatmap.affine, alone.heatmap.affine, atol=1e-3)
    assert np.isnan(found["probability"]["y"]) and found["heatmap"]["y"] == ""


def test_a_pandas_table_gives_what_its_csv_file_gives_on_the_command_line(cases, model, tmp_path):
    cases.to_csv(tmp_path / "cases.csv", index=False)
    call = ["predict", str(tmp_path / "cases.csv"), "--model", str(model.info.folder)]
    assert run([*call, "--engine", "torch", "--out", str(tmp_path / "by command")]) == 0
    tables = (
        f3d.read_results(tmp_path / "by command"),
        f3d.read_results(tmp_path / "by command" / "results.csv"),
        model.predict_table(tmp_path / "cases.csv", tmp_path / "by path"),
        model.predict_table(cases, tmp_path / "by frame").reset_index(drop=True),
    )
    own = ["seconds", "created", "heatmap"]
    for each in tables[1:]:
        pd.testing.assert_frame_equal(each.drop(columns=own), tables[0].drop(columns=own))


def test_columns_have_the_types_of_what_they_hold(cases, model, tmp_path):
    found = model.predict_table(cases, tmp_path / "out")
    for name in ("probability", "logit", "threshold", "seconds", "age"):
        assert found[name].dtype == np.float64, name
    assert found["row"].tolist() == [2, 3, 4]
    assert str(found["positive"].dtype) == str(found["despite_misfit"].dtype) == "boolean"
    assert str(found["created"].dtype).startswith("datetime64[")
    assert found["created"].isna().tolist() == [False, True, False]
    assert found["version"].tolist() == ["1.2.3", "", "1.2.3"]
    assert found["weights_sha256"].str.len().tolist() == [64, 64, 64]


def test_the_same_call_again_computes_only_what_is_missing(cases, model, tmp_path):
    first = model.predict_table(cases, tmp_path / "out")
    again = model.predict_table(cases, tmp_path / "out")
    assert first["created"].equals(again["created"]) and first["seconds"].equals(again["seconds"])


def test_what_is_no_table_of_cases_or_results_is_refused_in_one_sentence(cases, model, tmp_path):
    with pytest.raises(f3d.UserError, match="has no column path"):
        model.predict_table(cases.drop(columns="path"), tmp_path / "out")
    with pytest.raises(f3d.UserError, match="holds no cases"):
        model.predict_table(cases[:0], tmp_path / "out")
    cases.to_csv(tmp_path / "cases.csv", index=False)
    with pytest.raises(f3d.UserError, match="is no table of results: it has no column row"):
        f3d.read_results(tmp_path / "cases.csv")
    with pytest.raises(f3d.UserError, match="no such file"):
        f3d.read_results(tmp_path)
