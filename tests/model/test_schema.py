"""The metadata schema: checking, encoding, missing values, prefill."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.schema import Field, MetadataSchema


def test_encodes_numbers_standardised_categories_one_hot_and_marks_the_missing(schema):
    assert schema.width == 7
    code = schema.encode({"age": 75, "sex": "M", "diabetes": True})
    np.testing.assert_array_equal(code, [1, 0, 0, 1, 0, 1, 0])
    assert code.dtype == np.float32
    np.testing.assert_array_equal(schema.encode({}), [0, 1, 0, 0, 1, 0.5, 1])


def test_a_default_stands_in_for_a_missing_value_and_the_indicator_stays_set():
    schema = MetadataSchema((Field("score", "Score", "number", mean=20, std=5, default=25.0),))
    np.testing.assert_array_equal(schema.encode({}), [1, 1])


@pytest.mark.parametrize("text", ["yes", "True", "1", True, 1, 1.0])
def test_booleans_are_read_as_people_and_tables_write_them(schema, text):
    assert schema["diabetes"].parse(text) is True


@pytest.mark.parametrize("text", ["", "unknown", "NA", None, float("nan"), np.float64("nan")])
@pytest.mark.parametrize("name", ["age", "sex", "diabetes"])
def test_unknown_is_missing_for_every_kind(schema, name, text):
    assert schema[name].parse(text) is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("age", 121, "0 to 120 years"),
        ("age", "old", "0 to 120 years"),
        ("age", float("inf"), "0 to 120 years"),
        ("age", True, "0 to 120 years"),
        ("age", [71], "0 to 120 years"),
        ("sex", "X", "one of F, M"),
        ("diabetes", "maybe", "true or false"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(schema, name, value, expected):
    with pytest.raises(UserError, match=expected) as caught:
        schema.parse({name: value})
    assert name in str(caught.value)


def test_an_unknown_name_is_refused_with_the_names_there_are(schema):
    with pytest.raises(UserError, match="age, sex, diabetes"):
        schema.parse({"Age": 3})


def test_a_required_value_that_is_missing_is_refused():
    schema = MetadataSchema((Field("age", "Age", "number", required=True),))
    with pytest.raises(UserError, match="age is missing"):
        schema.encode({})


def test_warns_outside_the_range_seen_in_training_and_of_missing_values(schema):
    warnings = schema.warnings(schema.parse({"age": 20, "sex": "F"}))
    assert any("20 years is outside the 40 to 90" in text for text in warnings)
    assert any("Diabetes" in text for text in warnings)
    assert schema.warnings(schema.parse({"age": 60, "sex": "F", "diabetes": False})) == ()


@pytest.mark.parametrize(
    ("age", "years"),
    [("054Y", 54), ("018M", 1.5), ("026W", 0.5), ("54", 54), ("ABC", None), ("999Y", None)],
)
def test_prefills_from_dicom_where_the_value_fits(schema, age, years):
    found = schema.prefill({"PatientAge": age, "PatientSex": "F", "Modality": "MR"})
    assert found["sex"] == "F"
    assert found.get("age") == pytest.approx(years, abs=0.02) if years else "age" not in found


def test_survives_json(schema):
    assert MetadataSchema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


@given(st.floats(0, 120))
def test_the_encoding_of_a_number_can_be_undone(age):
    field = Field("age", "Age", "number", minimum=0, maximum=120, mean=65, std=10)
    standardised, missing = field.encode(field.parse(age))
    assert missing == 0
    assert standardised * 10 + 65 == pytest.approx(age, abs=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a b", "label": "x", "kind": "number"},
        {"name": "a", "label": "x", "kind": "date"},
        {"name": "a", "label": "x", "kind": "category"},
        {"name": "a", "label": "x", "kind": "number", "std": 0},
        {"name": "a", "label": "x", "kind": "number", "colour": 1},
        {"label": "x", "kind": "number"},
    ],
)
def test_a_field_without_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"\w"):
        Field.from_json(wrong)
