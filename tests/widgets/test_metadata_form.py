"""The form: one input a field, 'not given' said openly, and hints where they help."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from fusion3d_gui.model.schema import Field
from fusion3d_gui.widgets.controls.fields import NumberInput


@pytest.fixture
def form(window):
    return window.side.form


def test_it_has_a_row_for_every_field_of_the_schema(window, form):
    assert list(form.rows) == [field.name for field in window.session.store.bundle.schema.fields]


def test_everything_starts_as_not_given(form):
    assert form.rows["age"].input.box.given is None
    assert form.rows["age"].input.box.text() == ""
    assert form.rows["sex"].input.box.currentText() == "Not given"
    assert form.rows["diabetes"].input.buttons[None].isChecked()


def test_typing_choosing_and_clicking_reach_the_state(window, form, qtbot):
    qtbot.keyClicks(form.rows["age"].input.box, "67")
    form.rows["sex"].input.box.setCurrentIndex(2)
    qtbot.mouseClick(form.rows["diabetes"].input.buttons[False], Qt.MouseButton.LeftButton)
    assert window.session.form.values == {"age": 67.0, "sex": "M", "diabetes": False}


def test_emptying_an_input_is_not_given_again(window, form, qtbot):
    box = form.rows["age"].input.box
    qtbot.keyClicks(box, "67")
    box.lineEdit().selectAll()
    qtbot.keyClick(box, Qt.Key.Key_Backspace)
    assert window.session.form.values["age"] is None
    form.rows["sex"].input.box.setCurrentIndex(1)
    form.rows["sex"].input.box.setCurrentIndex(0)
    assert window.session.form.values["sex"] is None


def test_a_value_out_of_the_allowed_range_cannot_be_typed(window, form, qtbot):
    qtbot.keyClicks(form.rows["age"].input.box, "999")
    assert window.session.form.values["age"] == 99


def test_a_value_that_training_never_saw_gets_a_hint(form, qtbot):
    row = form.rows["age"]
    qtbot.keyClicks(row.input.box, "20")
    assert row.hint.isVisible()
    assert "outside the 40 to 90 seen in training" in row.hint.text()
    row.input.box.lineEdit().selectAll()
    qtbot.keyClicks(row.input.box, "50")
    assert not row.hint.isVisible()


def test_values_from_the_file_are_marked_until_the_user_changes_them(window, form, qtbot):
    window.session.form.start_case({"PatientAge": "054Y", "PatientSex": "F"}, {})
    row = form.rows["age"]
    assert row.input.box.value() == 54
    assert row.origin.isVisible()
    assert form.rows["sex"].input.box.currentText() == "Female"
    assert not form.rows["diabetes"].origin.isVisible()
    qtbot.keyClick(row.input.box, Qt.Key.Key_Up)
    assert window.session.form.values["age"] == 55
    assert not row.origin.isVisible()


def test_the_first_step_from_not_given_goes_to_a_typical_value(form, qtbot):
    box = form.rows["age"].input.box
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert box.given == 65
    box.setValue(0)
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert box.given == 0  # never down into 'not given' by accident


def test_the_wheel_never_changes_a_value(window, form, turn_wheel):
    for name, widget in (("age", form.rows["age"].input.box), ("sex", form.rows["sex"].input.box)):
        widget.setFocus()
        turn_wheel(widget, 120)
        turn_wheel(widget, -240)
        assert window.session.form.values[name] is None


def test_decimals_and_units_are_the_schemas(qapp, qtbot):
    made = NumberInput(
        Field("w", "Weight", "number", unit="kg", minimum=2, maximum=300, decimals=1)
    )
    qtbot.addWidget(made)
    made.set_value(70.46)
    assert made.box.text() == "70.5"
    assert made.box.given == pytest.approx(70.5)


def test_a_model_without_metadata_says_so(window, make_bundle, settled):
    window.session.models.add(make_bundle("image_only"))
    settled(window)
    assert not window.side.form.rows
    assert window.session.form.values == {}
    shown = [label.text() for label in window.side.form.findChildren(QLabel) if label.isVisible()]
    assert shown == ["This model uses the image alone."]
