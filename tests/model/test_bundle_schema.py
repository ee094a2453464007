"""Configurations of bundles that lie about their types are refused in one sentence; no file is waited for."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo, Decision
from fusion3d_gui.model.bundle.bundle_schema import (
    DecisionFile,
    FieldFile,
    NetworkFile,
    PreprocessingFile,
    ScopeFile,
    parsed,
)
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import Field
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.shipped import models_dir


@pytest.fixture
def bundle(tmp_path) -> Path:
    return shutil.copytree(models_dir() / "demo-concat", tmp_path / "bundle")


def change(bundle: Path, name: str, keys: list[Any], value: Any) -> None:
    path = bundle / "configs" / name
    plain = target = json.loads(path.read_text(encoding="utf-8"))
    for key in keys[:-1]:
        target = target[key]
    target[keys[-1]] = value
    path.write_text(json.dumps(plain), encoding="utf-8")


def test_the_shipped_bundles_are_valid():
    for folder in sorted(models_dir().iterdir()):
        assert BundleInfo.read(folder).name


# In demo-concat: 0 age (number), 1 sex (category), 3 hypertension (boolean).
@pytest.mark.parametrize(
    ("number", "key", "value"),
    [
        (0, "decimals", -3),
        (0, "decimals", True),
        (0, "decimals", 2.5),
        (0, "decimals", 10**9),
        (0, "minimum", 200),
        (0, "minimum", float("nan")),
        (0, "seen_minimum", 900),
        (0, "mean", "67"),
        (0, "mean", float("inf")),
        (0, "std", 0),
        (0, "label", "\ud800"),
        (0, "help", ["x"]),
        (0, "dicom", 7),
        (0, "default", 500),
        (0, "default", True),
        (0, "unknown", 1),
        (1, "choices", [["F", "Female"]]),
        (1, "choices", [["F", "Female"], ["f", "Male"]]),
        (1, "choices", [["F", "Female"], ["M", "female"]]),
        (1, "default", "X"),
        (3, "default", "false"),
        (3, "default", 0),
        (3, "required", "no"),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused(bundle, number, key, value):
    change(bundle, "schema.json", [number, key], value)
    with pytest.raises(UserError, match=r"configs/schema\.json"):
        BundleInfo.read(bundle)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("decision.json", "class_names", ["a", "A "]),
        ("decision.json", "class_names", "ab"),
        ("decision.json", "class_names", ["a", 5]),
        ("decision.json", "threshold", "0.5"),
        ("decision.json", "threshold", True),
        ("decision.json", "threshold", float("nan")),
        ("decision.json", "temperature", 0),
        ("preprocessing.json", "shape_kji", [512, 512, 512]),
        ("preprocessing.json", "shape_kji", [65.5, 81, 65]),
        ("preprocessing.json", "spacing_mm", True),
        ("network.json", "width", True),
        ("network.json", "stem_pool", 1),
        ("network.json", "embedding", 10**12),
        ("network.json", "dropout", -1),
        ("scope.json", "modality", 3),
        ("scope.json", "voxel_mm", [1, "2"]),
    ],
)
def test_a_setting_of_the_wrong_kind_is_refused(bundle, name, key, value):
    change(bundle, name, [key], value)
    with pytest.raises(UserError, match=f"configs/{name}"):
        BundleInfo.read(bundle)


@pytest.mark.parametrize(
    "text", ["1e4000", "1" * 5000, "-Infinity", '"\\ud800"', "[" * 100_000, "nul"]
)
def test_numbers_and_texts_that_json_can_not_hold_are_refused(bundle, text):
    path = bundle / "configs/decision.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(path.read_text().replace(str(plain["temperature"]), text), encoding="utf-8")
    with pytest.raises(UserError, match=r"configs/decision\.json"):
        BundleInfo.read(bundle)


@pytest.mark.parametrize(
    "name", ["metadata", "network", "preprocessing", "schema", "decision", "scope", "displacement"]
)
def test_a_pipe_or_a_device_is_not_read(bundle, name):
    path = bundle / "configs" / f"{name}.json"
    for replace in (os.mkfifo, lambda where: Path(where).symlink_to("/dev/zero")):
        path.unlink(missing_ok=True)
        replace(path)
        with pytest.raises(UserError, match=f"{name}.json is missing or can't be read"):
            BundleInfo.read(bundle)


@pytest.mark.parametrize("kind", [np.int8, np.int64])
def test_weights_stored_as_whole_numbers_are_refused(bundle, kind):
    path = bundle / "models/model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if name.endswith("conv1.weight"))
    save_file({**weights, name: weights[name].astype(kind)}, path)
    with pytest.raises(UserError, match="is stored as I"):
        ModelBundle.load(bundle)


@pytest.mark.parametrize(
    ("declared", "used"),
    [
        (FieldFile, Field),
        (NetworkFile, NetworkConfig),
        (PreprocessingFile, Preprocessing),
        (DecisionFile, Decision),
        (ScopeFile, Scope),
    ],
)
def test_what_a_file_leaves_out_is_declared_as_it_is_used(declared, used):
    defaults = {
        each.name: each.default
        if each.default_factory is dataclasses.MISSING
        else each.default_factory()
        for each in dataclasses.fields(used)
    }
    for each in msgspec.structs.fields(declared):
        if each.name == "version":  # of the file; the code knows this one only
            assert each.default == 1
        elif each.default_factory is not msgspec.NODEFAULT:
            made = each.default_factory()
            assert made == type(made)(defaults[each.name])
        elif each.default is msgspec.NODEFAULT:
            assert defaults[each.name] is dataclasses.MISSING
        else:
            assert each.default == defaults[each.name]


_NUMBER = {"name": "age", "label": "Age", "kind": "number"}
_CHOICES = [[f"c{number}", f"C {number}"] for number in range(201)]


@pytest.mark.parametrize(
    ("name", "largest", "too_large"),
    [
        ("schema.json", [_NUMBER] * 500, [_NUMBER] * 501),
        ("schema.json", [{**_NUMBER, "decimals": 9}], [{**_NUMBER, "decimals": 10}]),
        ("schema.json", [{**_NUMBER, "decimals": 0}], [{**_NUMBER, "decimals": -1}]),
        (
            "schema.json",
            [{**_NUMBER, "choices": _CHOICES[:200]}],
            [{**_NUMBER, "choices": _CHOICES}],
        ),
        ("schema.json", [{**_NUMBER, "std": 1e-9}], [{**_NUMBER, "std": 0.0}]),
        ("schema.json", [{**_NUMBER, "label": "A"}], [{**_NUMBER, "label": ""}]),
        ("network.json", {"stem_stride": 1}, {"stem_stride": 0}),
        ("network.json", {"stem_stride": 4}, {"stem_stride": 5}),
        ("network.json", {"embedding": 65536}, {"embedding": 65537}),
        ("network.json", {"metadata_width": 0}, {"metadata_width": -1}),
        ("scope.json", {"contrasts": ["T1"] * 50}, {"contrasts": ["T1"] * 51}),
    ],
)
def test_sizes_and_lengths_are_bounded(name, largest, too_large):
    assert parsed(name, json.dumps(largest).encode()) == largest
    with pytest.raises(ValueError, match="Expected"):
        parsed(name, json.dumps(too_large).encode())
