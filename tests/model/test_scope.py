"""What a bundle declares about the scans that it is meant for."""

from __future__ import annotations

import json

import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.scope import Scope

FULL = Scope(
    modality="MR",
    body_part="brain",
    contrasts=("T1", "+Gd"),
    coverage="skull_stripped",
    voxel_mm=(0.9, 3.0),
    field_mm=(150, 260),
    fewest_slices=30,
    age_years=(18, 95),
    population="simulated",
)


def test_a_scope_is_read_as_it_was_written():
    assert Scope.from_json(json.loads(json.dumps(FULL.to_json()))) == FULL
    assert Scope.from_json({}) == Scope()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"coverage": "half"}, "coverage is 'half', not skull_stripped or whole_head"),
        ({"population": "mice"}, "population"),
        ({"kind": 3}, "kind"),
        ({"voxel_mm": [3, 1]}, "voxel_mm is 3 to 1"),
        ({"field_mm": [1]}, "field_mm is not a pair"),
        ({"age_years": ["a", "b"]}, "age_years is not a pair"),
        ({"age_years": [0, float("inf")]}, "age_years"),
        ({"fewest_slices": 0}, "fewest_slices"),
        ({"fewest_slices": 1.5}, "fewest_slices"),
        ({"contrasts": "T1"}, "contrasts is not a list"),
        ({"modality": "M\nR"}, "modality is not a short text"),
        ({"organ": "brain"}, "unknown keys organ"),
    ],
)
def test_what_is_wrong_in_a_scope_is_named(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        Scope.from_json({**FULL.to_json(), **change})
    with pytest.raises(ValueError, match="not a JSON object"):
        Scope.from_json([1])


def test_a_bundle_without_a_scope_declares_none_and_a_broken_one_is_named(make_bundle):
    folder = make_bundle()
    path = folder / "configs" / "scope.json"
    assert BundleInfo.read(folder).scope == Scope()
    path.write_text(json.dumps(FULL.to_json()))
    assert BundleInfo.read(folder).scope == FULL
    path.write_text(json.dumps({"space": "outer"}))
    with pytest.raises(UserError, match=r"scope\.json does not describe a model: space"):
        BundleInfo.read(folder)
    path.unlink()
    assert BundleInfo.read(folder).scope is None


def test_every_property_is_said_in_words_also_what_is_not_declared():
    said = dict(FULL.lines())
    assert said["Sequence and contrast"] == "T1, +Gd"
    assert said["Voxel size"] == "0.9 to 3 mm"
    assert said["Population"] == "simulated cases"
    assert dict(Scope().lines())["Age"] == "not declared"
