"""The form: values, where they come from, and what survives another case or model."""

from __future__ import annotations

import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.state.case.form import Form


@pytest.fixture
def form(schema):
    made = Form()
    made.start_schema(schema)
    return made


def test_dicom_attributes_prefill_and_are_told_apart_from_what_is_typed(form):
    form.start_case({"PatientAge": "054Y", "PatientSex": "M"}, {})
    assert form.values == {"age": 54, "sex": "M", "diabetes": None}
    assert form.source("age") == "dicom"
    form.set_value("age", 55)
    assert form.values["age"] == 55
    assert [form.source(name) for name in ("age", "sex", "diabetes")] == ["typed", "dicom", ""]


def test_what_the_file_gives_too_counts_as_from_the_file_whoever_gave_it(form):
    form.start_case({"PatientAge": "054Y", "PatientSex": "M"}, {"age": 54, "sex": "F"})
    assert [form.source(name) for name in ("age", "sex")] == ["dicom", "typed"]
    form.set_value("age", 60)
    assert form.source("age") == "typed"
    form.set_value("age", 54)
    form.put_back({"age": 54, "sex": "M"})
    assert [form.source(name) for name in ("age", "sex")] == ["dicom", "dicom"]


def test_a_prefilled_value_can_be_taken_away(form):
    form.start_case({"PatientAge": "054Y"}, {})
    form.set_value("age", None)
    assert form.values["age"] is None
    assert form.source("age") == "typed"


def test_an_attribute_that_does_not_fit_is_left_out(form):
    form.start_case({"PatientAge": "old", "PatientSex": "X"}, {})
    assert form.values == {"age": None, "sex": None, "diabetes": None}


def test_another_case_forgets_what_was_typed(form):
    form.set_value("diabetes", True)
    form.start_case({}, {})
    assert form.values["diabetes"] is None


def test_another_model_keeps_typed_values_of_fields_that_it_shares(form, schema):
    form.set_value("age", 60)
    form.set_value("diabetes", True)
    form.start_schema(MetadataSchema(schema.fields[:2]))
    assert form.values == {"age": 60, "sex": None}


def test_another_model_is_prefilled_from_the_same_header(form, schema):
    form.start_schema(MetadataSchema())
    form.start_case({"PatientAge": "054Y"}, {})
    form.start_schema(schema)
    assert form.values["age"] == 54


def test_a_value_out_of_range_is_refused_and_changes_nothing(form):
    form.set_value("age", 60)
    with pytest.raises(UserError):
        form.set_value("age", 500)
    assert form.values["age"] == 60


def test_typing_the_same_value_again_tells_nobody(form):
    told = []
    form.edited.connect(told.append)
    form.set_value("age", 60)
    form.set_value("age", 60.0)
    assert told == ["age"]


def test_a_models_values_come_back_with_it(form, schema):
    form.set_value("diabetes", True)
    form.start_schema(MetadataSchema(schema.fields[:1]))
    form.start_schema(schema)
    assert form.values["diabetes"] is True


def test_what_was_typed_for_a_case_before_goes_above_the_file_and_what_is_given(form, schema):
    form.start_case({"PatientSex": "M"}, {})
    form.set_value("age", 61)
    form.set_value("sex", "F")
    typed = form.typed
    form.start_case({}, {})
    assert form.values["age"] is None
    form.start_case({"PatientSex": "M"}, {"age": 50, "diabetes": False}, typed)
    assert form.values == {"age": 61, "sex": "F", "diabetes": False}
