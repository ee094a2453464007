"""The result as JSON: valid by its published schema, complete, and the same bytes each time."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from fusion3d_gui.cli.parser import run
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.sanity_report import SanityReport
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.report.json_file import write_json_text
from fusion3d_gui.report.refusal import refusal_json
from fusion3d_gui.report.result_json import SCHEMA, result_json, result_text, text_sha256
from fusion3d_gui.shipped import models_dir

PUBLISHED = Path(__file__).parents[2] / "docs" / "schema" / "result-1.json"


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return json.loads(PUBLISHED.read_text(encoding="utf-8"))


@pytest.fixture
def checks() -> SanityReport:
    curve = np.linspace(1, 0, 11)
    return SanityReport(
        Explanation(),
        randomised=("classifier", "stem"),
        likeness=(0.7, 0.1),
        stability=(0.9, 0.95),
        agreement={"layercam": 0.8},
        deletion=-curve,
        deletion_random=np.stack([curve, curve]),
        insertion=curve,
        insertion_random=np.stack([-curve, -curve]),
    )


def _undescribed(plain: Any, node: dict[str, Any], root: dict[str, Any], at: str) -> list[str]:
    """Paths of keys in a document that its schema does not describe."""
    if "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]]
    for kind in node.get("oneOf", ()):
        if jsonschema.Draft202012Validator({**kind, "$defs": root["$defs"]}).is_valid(plain):
            return _undescribed(plain, kind, root, at)
    found = []
    if isinstance(plain, dict):
        known, others = node.get("properties", {}), node.get("additionalProperties", {})
        for key, value in plain.items():
            if key not in known and not others:
                found.append(f"{at}.{key}")
            found += _undescribed(value, known.get(key, others), root, f"{at}.{key}")
    elif isinstance(plain, list):
        for value in plain:
            found += _undescribed(value, node.get("items", {}), root, f"{at}[]")
    return found


def test_the_published_schema_is_a_schema_of_draft_2020_12(published):
    Draft202012Validator.check_schema(published)
    assert published["$id"] == SCHEMA


@pytest.mark.parametrize("is_hidden", [False, True])
def test_a_result_is_valid_and_every_key_of_it_is_described(
    make_result, published, checks, is_hidden
):
    result = make_result(checks=checks, augmentation=(0.25, 0.5))
    plain = result_json(result.without_identity() if is_hidden else result)
    jsonschema.validate(plain, published, Draft202012Validator)
    undescribed = _undescribed(plain, published, published, "")
    assert [each for each in undescribed if ".scope." not in each] == []
    assert (plain["patient"] is None) == is_hidden
    assert (plain["scan"]["identity"] is None) == is_hidden
    if not is_hidden:
        said = (result.identity.patient_birth_date, result.volume.attributes["PatientAge"])
        assert (plain["patient"]["birth_date"], plain["patient"]["age"]) == said
        assert all(said)


def test_a_refusal_is_valid_and_a_half_finished_document_is_not(make_bundle, published):
    info = BundleInfo.read(make_bundle())
    volume = Volume(np.zeros((3, 4, 5), np.int16), np.eye(4))
    plain = refusal_json(FitReport("refused", ("It is a photograph.",)), info, volume)
    jsonschema.validate(plain, published, Draft202012Validator)
    for key in ("reasons", "schema", "voxels_sha256"):
        broken = {name: value for name, value in plain.items() if name != key}
        assert not Draft202012Validator(published).is_valid(broken)


def test_hot_spots_are_measured_from_the_first_one_and_from_the_middle_of_the_scan(make_result):
    result = make_result()
    spots = result_json(result)["hot_spots"]["spots"]
    assert len(spots) == len(result.hot_spots) > 1
    first = np.array(spots[0]["position_lps_mm"])
    low, high = result.volume.bounds_lps
    for plain, spot in zip(spots, result.hot_spots, strict=True):
        position = np.array(plain["position_lps_mm"])
        np.testing.assert_allclose(position, spot.position_lps, atol=1e-3)
        assert plain["from_first_mm"] == pytest.approx(np.linalg.norm(position - first), abs=2e-3)
        assert plain["left_of_middle_mm"] == pytest.approx(
            position[0] - (low[0] + high[0]) / 2, abs=2e-3
        )


def test_all_keys_of_a_prediction_are_kept(make_result):
    result = make_result()
    plain, before = result_json(result), result.prediction.to_json()
    for key, value in before.items():
        found = plain[key]
        assert (
            {name: found[name] for name in value} == value
            if isinstance(value, dict)
            else found == value
        )


def test_the_same_result_gives_the_same_bytes_whose_hash_is_the_files(make_result, tmp_path):
    result = make_result()
    text = result_text(result)
    assert text == result_text(result)
    write_json_text(text, tmp_path / "r.json")
    assert hashlib.sha256((tmp_path / "r.json").read_bytes()).hexdigest() == text_sha256(text)


def test_the_hash_of_the_heatmap_is_of_its_values(make_result):
    result = make_result()
    values = result.prediction.heatmap.values
    expected = hashlib.sha256(values.astype("<f4").tobytes(order="C")).hexdigest()
    assert result_json(result)["heatmap"]["values_sha256"] == expected
    changed = dataclasses.replace(
        result.prediction, heatmap=dataclasses.replace(result.prediction.heatmap, values=values + 1)
    )
    other = result_json(dataclasses.replace(result, prediction=changed))
    assert other["heatmap"]["values_sha256"] != expected


def test_a_shipped_models_training_and_evaluation_are_those_of_its_bundle(make_result):
    info = BundleInfo.read(models_dir() / "demo-concat")
    model = result_json(make_result(bundle=info))["model"]
    plain = json.loads((info.folder / "configs" / "metadata.json").read_text())
    held_out = plain["eval_metrics"]["held_out"]
    assert model["evaluation"]["figures"] == held_out["figures"]
    assert model["evaluation"]["cases"] == held_out["n"]
    assert model["training"]["validation_positives"] == plain["training"]["validation_positives"]
    assert model["calibrated_at_prevalence"] == pytest.approx(45 / 400)


def test_the_command_line_leaves_identity_out_unless_it_is_asked_for(
    scan_folder, make_bundle, tmp_path, published
):
    call = ["predict", str(scan_folder), "--model", str(make_bundle()), "--device", "cpu"]
    hidden, named = tmp_path / "hidden.json", tmp_path / "named.json"
    assert run([*call, "--json", str(hidden)]) == 0
    assert run([*call, "--json", str(named), "--identity"]) == 0
    for path in (hidden, named):
        jsonschema.validate(json.loads(path.read_text()), published, Draft202012Validator)
    text = hidden.read_text()
    for planted in ("Plantovsky", "Quirina", "PID-7731", "1948", "ACC-9", "Nowhere", "20260112"):
        assert planted not in text
    plain = json.loads(named.read_text())
    assert plain["patient"]["name"] == "Plantovsky^Quirina"
    assert plain["scan"]["identity"]["opened"] == [str(scan_folder)]
    assert len(plain["scan"]["identity"]["instance_uids"]) == 26
    assert [each["source"] for each in plain["form"]] == ["dicom", "dicom", "default"]
