"""A table of cases: the numbers of single predictions, resumable, robust to a bad case."""

from __future__ import annotations

import csv
import subprocess
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.inference.batch.predict_cases import predict_table, read_table
from fusion3d_gui.inference.case_list.case_map import read_embeddings
from fusion3d_gui.inference.case_list.read_case_list import read_case_list
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.methods import make_heatmap
from fusion3d_gui.inference.predictor import load_predictor


@pytest.fixture
def table(tmp_path):
    """Five rows: three scans, one file that is none, and a value that is not allowed."""
    rng = np.random.default_rng(0)
    for number in range(4):
        values = rng.integers(0, 900, (20, 22, 18)).astype(np.int16)
        nib.save(nib.Nifti1Image(values, np.diag([5.0, 5, 5, 1])), tmp_path / f"{number}.nii.gz")
    (tmp_path / "broken.nii.gz").write_bytes(b"no scan")
    path = tmp_path / "cases.csv"
    path.write_text(
        "case,path,age,sex,label,remark\n"
        "one,0.nii.gz,71,Female,1,x\n"
        "two,broken.nii.gz,60,M,0,\n"
        "../three,1.nii.gz,,M,0,\n"
        "four,2.nii.gz,500,M,0,\n"
        "five,3.nii.gz,55,,1,\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def predictor(make_bundle):
    return load_predictor(make_bundle(), "cpu", engine="torch")


def test_every_case_gets_its_own_single_prediction_and_bad_ones_their_reason(
    table, predictor, tmp_path
):
    out = tmp_path / "out"
    summary = predict_table(predictor, read_table(table, predictor.info.schema), out)
    assert (summary.predicted, summary.known, summary.failed) == (3, 0, 2)
    found = pd.read_csv(summary.results, keep_default_na=False)
    assert list(found["case"]) == ["one", "two", "../three", "four", "five"]
    assert list(found["error"] != "") == [False, True, False, True, False]
    assert "age=500" in found["error"][3]
    for row, file, values in (
        (0, "0.nii.gz", {"age": 71, "sex": "F"}),
        (2, "1.nii.gz", {"sex": "M"}),
        (4, "3.nii.gz", {"age": 55}),
    ):
        alone = predictor.predict(open_volume(tmp_path / file), values)
        assert float(found["logit"][row]) == pytest.approx(alone.logit, abs=1e-6)
        assert float(found["probability"][row]) == pytest.approx(alone.probability, abs=1e-6)
        heatmap = nib.load(out / found["heatmap"][row])
        assert heatmap.shape == alone.heatmap.values.shape[::-1]
    assert all(path.parent == out / "heatmaps" for path in out.rglob("*.nii.gz"))


def test_what_was_done_is_not_done_again_and_the_end_is_as_without_the_break(
    table, predictor, tmp_path
):
    rows = read_table(table, predictor.info.schema)
    whole = predict_table(predictor, rows, tmp_path / "whole").results.read_text()
    out = tmp_path / "out"

    def stop(fraction: float, message: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        predict_table(predictor, rows, out, progress=stop)
    text = (out / "results.csv").read_text()
    done = [line for line in csv.DictReader(text.splitlines()) if not line["error"]]
    assert len(done) == 1
    # Cut off in the middle of a line, as a power failure would.
    (out / "results.csv").write_text(text + "5,../three,1.nii")
    summary = predict_table(predictor, rows, out)
    assert (summary.predicted, summary.known, summary.failed) == (2, 1, 2)
    again = predict_table(predictor, rows, out)
    assert (again.predicted, again.known, again.failed) == (0, 3, 2)

    def essence(text: str):
        lines = csv.DictReader(text.splitlines())
        return sorted((line["row"], line["logit"], bool(line["error"])) for line in lines)

    assert essence(again.results.read_text()) == essence(whole)


def test_a_changed_value_is_computed_again(table, predictor, tmp_path):
    rows = read_table(table, predictor.info.schema)
    predict_table(predictor, rows, tmp_path / "out")
    table.write_text(table.read_text().replace("71,Female", "72,female"))
    rows = read_table(table, predictor.info.schema)
    assert predict_table(predictor, rows, tmp_path / "out").predicted == 1


def test_results_of_another_model_are_not_mixed_in(table, predictor, make_bundle, tmp_path):
    rows = read_table(table, predictor.info.schema)
    predict_table(predictor, rows, tmp_path / "out")
    other = load_predictor(make_bundle("add"), "cpu", engine="torch")
    with pytest.raises(UserError, match="other weights"):
        predict_table(other, rows, tmp_path / "out")


def test_maps_are_as_asked_and_asked_otherwise_are_made_again(table, predictor, tmp_path):
    rows, out = read_table(table, predictor.info.schema), tmp_path / "out"
    lowered = Explanation("hirescam", (2,), "lowered")
    found = pd.read_csv(predict_table(predictor, rows, out, lowered).results, keep_default_na=False)
    assert found["explanation"][0] == "HiResCAM, stage 2, regions that lowered the probability"
    predicted = predictor.predict_case(open_volume(tmp_path / "0.nii.gz"), {"age": 71, "sex": "F"})
    alone = make_heatmap(predictor, predicted.case, predicted.prediction.metadata, lowered)
    saved = np.asarray(nib.load(out / found["heatmap"][0]).dataobj)
    np.testing.assert_allclose(saved, alone.values.T, rtol=1e-5)
    assert predict_table(predictor, rows, out, lowered).known == 3
    # Nothing was measured for this model, so that Grad-CAM of the last stage is its default.
    assert predict_table(predictor, rows, out).predicted == 3
    found = pd.read_csv(out / "results.csv", keep_default_na=False)
    assert found["explanation"][0] == "Grad-CAM, stage 4, regions that raised the probability"


@pytest.mark.parametrize(
    ("text", "words"),
    [("a,b\n1,2\n", "no column path"), ("path\n", "no case"), ("path,age\n,3\n", "row 2")],
)
def test_a_table_that_can_not_be_used_says_why(predictor, tmp_path, text, words):
    path = tmp_path / "cases.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        read_table(path, predictor.info.schema)


def test_the_command_predicts_a_table(table, make_bundle, tmp_path, capsys):
    out = tmp_path / "results"
    model = str(make_bundle())
    assert run(["predict", str(table), "--model", model, "--out", str(out)]) == 0
    assert "predicted    3" in capsys.readouterr().out
    assert (out / "results.csv").is_file()
    assert run(["predict", str(table), "--model", model]) == 2
    assert "--out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--method", "layercam", "--stage", "3+4", "--side", "lowered"],
        ["--method", "occlusion"],
        ["--method", "hirescam", "--stage", "2"],
    ],
)
def test_the_command_explains_by_any_method(table, make_bundle, tmp_path, capsys, options):
    scan = str(table.parent / "0.nii.gz")
    heatmap = tmp_path / "map.nii.gz"
    asked = ["predict", scan, "--model", str(make_bundle()), "--heatmap", str(heatmap), *options]
    assert run(asked) == 0
    assert options[1] in capsys.readouterr().out
    assert nib.load(heatmap).get_fdata().min() >= 0


def test_the_command_starts_from_the_map_that_was_measured_best(
    table, make_bundle, measure_map, capsys
):
    asked = ["predict", str(table.parent / "0.nii.gz"), "--model", str(make_bundle())]
    for options, expected in (
        ([], "layercam of layer2"),
        (["--stage", "3"], "layercam of layer3"),
        (["--method", "hirescam"], "hirescam of layer4"),
    ):
        measure_map(make_bundle(), "layercam", 2)
        assert run([*asked, *options]) == 0
        assert expected in capsys.readouterr().out


def test_a_stage_that_is_not_there_is_refused(table, make_bundle, capsys):
    asked = ["predict", str(table.parent / "0.nii.gz"), "--model", str(make_bundle())]
    assert run([*asked, "--stage", "5"]) == 2
    assert "stage" in capsys.readouterr().err


def test_no_cell_of_the_results_is_a_formula_and_a_rerun_knows_the_case(table, predictor, tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text("case;path;age\n=1+1;0.nii.gz;71,5\n", encoding="utf-8")
    rows = read_table(path, predictor.info.schema)
    out = tmp_path / "out"
    assert predict_table(predictor, rows, out).predicted == 1
    found = pd.read_csv(out / "results.csv", keep_default_na=False)
    assert list(found["case"]) == ["'=1+1"]
    assert list(found["age"]) == [71.5]
    assert predict_table(predictor, rows, out).known == 1


def test_a_field_named_like_a_result_has_its_own_column(predictor, make_bundle, table, tmp_path):
    folder = make_bundle()
    path = folder / "configs/schema.json"
    renamed = path.read_text().replace('"name": "age"', '"name": "error"')
    renamed = renamed.replace('"name": "sex"', '"name": "path"')
    path.write_text(renamed)
    predictor = load_predictor(folder, "cpu", engine="torch")
    cases = tmp_path / "cases.csv"
    cases.write_text("path,error,metadata.path\n0.nii.gz,71,F\n", encoding="utf-8")
    rows = read_table(cases, predictor.info.schema)
    out = tmp_path / "out"
    assert predict_table(predictor, rows, out).predicted == 1
    found = pd.read_csv(out / "results.csv", keep_default_na=False)
    assert (found["error"][0], found["metadata.error"][0]) == ("", 71)
    assert (found["path"][0], found["metadata.path"][0]) == ("0.nii.gz", "F")
    assert predict_table(predictor, rows, out).known == 1


def test_columns_that_are_not_used_are_named(table, predictor):
    said: list[str] = []
    read_table(table, predictor.info.schema, said.append)
    assert said == ["Columns of the table that are not used: label, remark."]


#: Ends the process as a fault in a codec would, when this file is opened.
_ENDS_AT = """
import os, sys
from fusion3d_gui.cli.parser import run
def end(event, given):
    if event == "open" and str(given[0]).endswith("1.nii.gz"):
        os.kill(os.getpid(), 11)
sys.addaudithook(end)
sys.exit(run(sys.argv[1:]))
"""


def test_a_row_that_ends_the_process_is_tried_last_and_then_counts_as_failed(
    table, make_bundle, tmp_path
):
    bundle, out = make_bundle(), tmp_path / "out"
    words = ["predict", table, "--model", bundle, "--out", out, "--engine", "torch"]
    command = [sys.executable, "-c", _ENDS_AT, *map(str, words)]
    seen = []
    for status in (-11, -11, 0):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        found = pd.read_csv(out / "results.csv", keep_default_na=False)
        seen.append(list(found[found["error"] == ""]["case"]))
    assert seen == [["one"], ["one", "five"], ["one", "five"]]
    ended = found[found["case"] == "../three"]["error"].item()
    assert "ended the program 2 times while it was read" in ended
    # Once the record is gone, the row is tried again.
    (out / ".reading.part").unlink()
    assert run([str(word) for word in words]) == 0
    assert sum(pd.read_csv(out / "results.csv")["error"].isna()) == 3
    assert not (out / ".reading.part").exists()


def test_results_hold_the_embedding_of_each_prediction(table, predictor, tmp_path):
    out = tmp_path / "out"
    predict_table(predictor, read_table(table, predictor.info.schema), out)
    cases = read_case_list([out])
    assert cases.weights_sha256 == predictor.weights_sha256
    rows, found = read_embeddings(cases.embeddings)
    assert rows.tolist() == [0, 2, 4]
    alone = predictor.predict_case(open_volume(tmp_path / "1.nii.gz"), {"sex": "M"}).case
    np.testing.assert_allclose(found[1], alone.image_embedding, atol=1e-6)
