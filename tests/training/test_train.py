"""Training end to end, on a tiny cohort: what is written, taken up again, refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.split import cross_validation_folds, split_cases
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.evaluate import evaluate
from fusion3d_gui.training.fit.recipe import Recipe
from fusion3d_gui.training.train import train

SMALL = {
    "width": 1 / 16,
    "preprocessing": Preprocessing((17, 25, 17), 11.0),
    "recipe": Recipe(coarse_epochs=0, epochs=1, batch=8),
}


@pytest.fixture(scope="module")
def bundle(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "tiny"
    train(cohort, out, "concat", seed=3, **SMALL)
    return out


def test_a_trained_bundle_loads_and_knows_what_it_was_trained_on(bundle, cohort):
    loaded = ModelBundle.load(bundle)
    assert loaded.info.network.fusion == "concat"
    assert [field.name for field in loaded.info.schema.fields] == [
        "age",
        "sex",
        "mmse",
        "hypertension",
    ]
    age = loaded.info.schema["age"]
    assert 40 <= age.seen_minimum < age.seen_maximum <= 92
    assert loaded.info.metadata["training"]["cases"] == 19
    card = (bundle / "docs" / "README.md").read_text()
    assert "Research use only" in card
    assert "--seed 5" in card
    assert str(cohort.parent) not in card


def test_the_same_seed_gives_the_same_weights(cohort, bundle, tmp_path):
    again = tmp_path / "again"
    train(cohort, again, "concat", seed=3, **SMALL)
    one, other = (ModelBundle.load(folder).weights_sha256 for folder in (bundle, again))
    assert one == other


def test_the_reference_of_a_finished_bundle_comes_out_the_same_again(cohort, bundle, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(bundle, again)
    path = again / "models" / "reference.safetensors"
    path.unlink()
    assert run(["reference", str(again), str(cohort)]) == 0
    own, renewed = (
        load_file(each / "models" / "reference.safetensors") for each in (bundle, again)
    )
    assert own.keys() == renewed.keys()
    for name, array in own.items():
        np.testing.assert_allclose(renewed[name], array, rtol=1e-3, atol=1e-5, err_msg=name)


def test_image_only_is_trained_without_metadata(cohort, tmp_path):
    info = train(cohort, tmp_path / "i", "image_only", seed=3, **SMALL)
    assert info.schema.fields == ()
    assert info.network.metadata_width == 0


def test_a_folder_that_holds_something_is_not_overwritten(cohort, bundle):
    with pytest.raises(UserError, match="not an empty folder"):
        train(cohort, bundle, "concat", **SMALL)


def test_training_can_be_cancelled_and_leaves_no_bundle(cohort, tmp_path):
    def progress(fraction: float, message: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(cohort, tmp_path / "b", "concat", progress=progress, **SMALL)
    assert not (tmp_path / "b" / "configs").exists()


def test_a_table_of_one_class_cannot_be_trained_on_or_judged_by(cohort, bundle, tmp_path):
    lines = cohort.read_text().splitlines()
    positives = [line for line in lines[1:] if line.endswith(",1")]
    table = cohort.parent / "one-class.csv"
    table.write_text("\n".join([lines[0], *positives]) + "\n")
    with pytest.raises(UserError, match=r"label|class"):
        evaluate(bundle, table)
    with pytest.raises(UserError, match=r"label|class|positive"):
        train(table, tmp_path / "x", "concat", **SMALL)


def test_an_unfinished_training_goes_on_and_refuses_other_settings(cohort, bundle, tmp_path):
    def give_up(fraction: float, message: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    out = tmp_path / "tiny"
    with pytest.raises(Cancelled):
        train(cohort, out, "concat", seed=3, progress=give_up, **SMALL)
    with pytest.raises(UserError, match="other settings"):
        train(cohort, out, "add", seed=3, **SMALL)
    train(cohort, out, "concat", seed=3, **SMALL)
    one, other = (ModelBundle.load(folder).weights_sha256 for folder in (bundle, out))
    assert one == other
    assert not (out / "training").exists()


def test_another_bundles_image_branch_is_where_a_training_can_start(cohort, bundle, tmp_path):
    info = train(cohort, tmp_path / "m", "multiply", seed=3, init=bundle, **SMALL)
    assert "--init tiny" in (info.folder / "docs" / "README.md").read_text()


def test_with_symmetric_kernels_a_model_cannot_tell_left_from_right_and_the_card_says_so(
    cohort, bundle, tmp_path
):
    recipe = replace(SMALL["recipe"], kernel_symmetry=1.0)
    info = train(cohort, tmp_path / "s", "concat", seed=3, **{**SMALL, "recipe": recipe})
    card = (info.folder / "docs" / "README.md").read_text()
    assert "can't tell left from right" in card
    assert "--kernel-symmetry 1.0" in card
    assert info.metadata["eval_metrics"]["mirrored_change"] < 0.01
    plain = BundleInfo.read(bundle)
    assert plain.metadata["eval_metrics"]["mirrored_change"] > 0.01
    network = ModelBundle.load(info.folder).network
    image = torch.randn(1, 1, *info.preprocessing.shape_kji)
    code = torch.zeros(1, info.schema.width)
    with torch.inference_mode():
        own, mirrored = network(image, code), network(image.flip(4), code)
    assert float(own) == pytest.approx(float(mirrored), abs=1e-4)


def test_folds_validate_every_case_once_and_a_finished_one_is_not_trained_again(
    cohort, tmp_path, capsys
):
    table = cohort.with_name("few.csv")
    lines = cohort.read_text().splitlines()
    positive = [line for line in lines[1:] if line.endswith(",1")][:4]
    negative = [line for line in lines[1:] if line.endswith(",0")][:6]
    table.write_text("\n".join([lines[0], *positive, *negative]) + "\n")
    out = tmp_path / "cv"
    call = ["train", str(table), "--fusion", "image_only", "--out", str(out), "--folds", "2"]
    call += ["--epochs", "1", "--coarse-epochs", "0", "--batch", "4", "--width", "0.0625"]
    call += ["--loss", "bce", "--sampling", "weighted", "--threshold-rule", "sensitivity=0.9"]
    call += ["--cache", str(tmp_path / "cache")]
    assert run(call) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["folds"] == 2 and len(found["validation_auc"]) == 2
    stamps = [p.stat().st_mtime_ns for p in sorted(out.glob("fold-*/models/*"))]
    assert run(call) == 0
    assert stamps == [p.stat().st_mtime_ns for p in sorted(out.glob("fold-*/models/*"))]


def test_a_patient_is_never_on_both_sides(cohort, tmp_path):
    lines = cohort.read_text().splitlines()
    names = lines[0].split(",")
    rows = [line.split(",") for line in lines[1:]]
    for number, row in enumerate(rows):
        for column in ("path", "mask"):
            if row[names.index(column)]:
                row[names.index(column)] = str(cohort.parent / row[names.index(column)])
        row.append(f"P{number // 2}")
    table = tmp_path / "pairs.csv"
    table.write_text("\n".join(",".join(row) for row in [[*names, "patient"], *rows]) + "\n")
    known = read_table(table)
    assert "patient" not in [field.name for field in known.schema.fields]
    seen = []
    for training, validation in cross_validation_folds(known, 0, 3):
        sides = [{known.cases[n].patient for n in part} for part in (training, validation)]
        assert not sides[0] & sides[1]
        seen += validation.tolist()
    assert sorted(seen) == list(range(24))
    marked = [
        [*names, "patient", "split"],
        *([*row, s] for row, s in zip(rows, ["train", "validation"] * 12, strict=True)),
    ]
    table.write_text("\n".join(",".join(row) for row in marked) + "\n")
    with pytest.raises(UserError, match=r"row 3, column 'split': this patient is in train and in"):
        split_cases(read_table(table), 0, 0.2)


def test_the_inferred_schema_is_written_edited_and_obeyed(cohort, tmp_path, capsys):
    scan = cohort.parent / "volumes" / "case-00000.nii.gz"
    table = tmp_path / "own.csv"
    table.write_text(
        f"path,weight,group,label\n{scan},71.5,A,0\n{scan},,B,1\n".replace(
            f"{scan},,B", f"{cohort.parent / 'volumes' / 'case-00001.nii.gz'},,B"
        )
    )
    assert run(["schema", str(table)]) == 0
    assert "weight: number" in capsys.readouterr().out
    written = tmp_path / "own.json"
    plain = json.loads(written.read_text())
    plain["schema"][0].update(unit="kg", maximum=60.0)
    written.write_text(json.dumps(plain))
    with pytest.raises(UserError, match=r"row 2, column 'weight': '71.5' is not valid"):
        read_table(table)
    plain["schema"][0].update(maximum=200.0, required=True)
    written.write_text(json.dumps(plain))
    with pytest.raises(UserError, match=r"row 3"):
        known = read_table(table)
        known.encode_metadata(known.schema)


def test_preprocessed_volumes_are_taken_from_the_cache_until_the_file_changes(cohort, tmp_path):
    cases = read_table(cohort).cases[:3]
    grid = Preprocessing((17, 25, 17), 11.0)
    plain, affines = load_inputs(cases, grid)
    cached, _ = load_inputs(cases, grid, cache=tmp_path / "cache")
    stamps = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cache").iterdir()}
    again, cached_affines = load_inputs(cases, grid, cache=tmp_path / "cache")
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cache").iterdir()} == stamps
    np.testing.assert_array_equal(plain, cached)
    np.testing.assert_array_equal(plain, again)
    np.testing.assert_array_equal(affines, cached_affines)
    load_inputs(cases, Preprocessing((17, 25, 17), 10.0), cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2 * len(stamps)


def test_masks_teach_the_last_stage_where_the_finding_lies_and_are_gone_from_the_bundle(
    cohort, bundle, tmp_path
):
    recipe = replace(SMALL["recipe"], mask_weight=1.0, coarse_epochs=1)
    info = train(cohort, tmp_path / "m", "concat", seed=3, **{**SMALL, "recipe": recipe})
    assert "--mask-weight 1.0" in (info.folder / "docs" / "README.md").read_text()
    plain, taught = (load_file(f / "models" / "model.safetensors") for f in (bundle, info.folder))
    assert plain.keys() == taught.keys()
    without = tmp_path / "cases.csv"
    rows = [line.split(",") for line in cohort.read_text().splitlines()]
    mask, path = rows[0].index("mask"), rows[0].index("path")
    for row in rows[1:]:
        row[mask], row[path] = "", str(cohort.parent / row[path])
    without.write_text("\n".join(map(",".join, rows)) + "\n")
    with pytest.raises(UserError, match="no row of the table has a mask"):
        train(without, tmp_path / "n", "concat", seed=3, **{**SMALL, "recipe": recipe})
