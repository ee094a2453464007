"""The form: one input a field, 'not given' said openly, and hints where they help."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QLabel

from fusion3d_gui.model.schema import Field
from fusion3d_gui.state.case.entry import Entry
from fusion3d_gui.state.export.result_export import prediction_json, prediction_text
from fusion3d_gui.widgets.controls.fields import NumberInput
from fusion3d_gui.widgets.look import theme


@pytest.fixture
def window(window, make_case, settled):
    """The window with a case: there is no form on the start page."""
    window.session.opener.open(make_case())
    settled(window)
    return window


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
    box.selectAll()
    qtbot.keyClick(box, Qt.Key.Key_Backspace)
    assert window.session.form.values["age"] is None
    form.rows["sex"].input.box.setCurrentIndex(1)
    form.rows["sex"].input.box.setCurrentIndex(0)
    assert window.session.form.values["sex"] is None


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("250", "250 is refused. Allowed: 0 to 120 years."),
        ("-3", "-3 is refused. Allowed: 0 to 120 years."),
        ("1e9", "1e9 is refused. Allowed: 0 to 120 years."),
        ("old", "“old” is not a number."),
        ("7 7", "“7 7” is not a number."),
        ("1,000", "“1,000” is not a number."),
        ("<b>7</b>", "“<b>7</b>” is not a number."),
    ],
)
def test_what_a_field_does_not_allow_stays_as_typed_red_with_the_reason_beside_it(
    window, form, qtbot, typed, why
):
    row = form.rows["age"]
    qtbot.keyClicks(row.input.box, typed)
    qtbot.keyClick(row.input.box, Qt.Key.Key_Tab)
    assert row.input.box.text() == typed
    assert window.session.form.values["age"] is None
    assert row.hint.isVisible()
    assert row.hint.text() == why
    ink = QColor(theme.ERROR)
    for widget in (row.input.box, row.hint):
        found = widget.palette().color(QPalette.ColorRole.Text)
        found = found if widget is row.input.box else widget.palette().windowText().color()
        assert found == ink
    row.input.box.selectAll()
    qtbot.keyClicks(row.input.box, "77")
    assert not row.hint.isVisible()
    assert window.session.form.values["age"] == 77
    assert row.input.box.palette().color(QPalette.ColorRole.Text) != ink


def test_digits_and_a_decimal_comma_are_kept_as_they_were_typed(window, form, make_case, qtbot):
    row = form.rows["age"]
    qtbot.keyClicks(row.input.box, "77,50")
    assert window.session.form.values["age"] == 77.5
    window.session.form.schema_changed.emit()
    assert row.input.box.text() == "77,50"


def test_arrows_stay_in_the_range_and_leave_a_refused_text_alone(window, form, qtbot):
    box = form.rows["age"].input.box
    qtbot.keyClicks(box, "250")
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert box.text() == "250"
    box.selectAll()
    qtbot.keyClicks(box, "120")
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert window.session.form.values["age"] == 120


def test_nothing_is_predicted_from_a_refused_value_and_the_window_says_why(opened, qtbot, settled):
    window, panel = opened, opened.side.prediction
    box = window.side.form.rows["age"].input.box
    qtbot.keyClicks(box, "250")
    assert not panel.button.isEnabled()
    assert panel.problem.isVisible()
    assert panel.problem.text() == "Can't predict: see Age."
    qtbot.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    settled(window)
    assert window.session.store.shown_prediction is None
    assert window.notices.texts == [
        "Nothing can be predicted. Age: 250 is refused. Allowed: 0 to 120 years."
    ]
    box.selectAll()
    qtbot.keyClicks(box, "71")
    assert panel.button.isEnabled()
    assert not panel.problem.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    settled(window)
    assert window.session.predictions.current.metadata["age"] == 71


def test_a_refused_value_outdates_a_prediction_without_that_value(opened, qtbot, settled):
    """Refused counts as not given nowhere: neither the prediction nor a what-if stands for it."""
    window, session = opened, opened.session
    session.predictions.predict()
    settled(window)
    readout, workbench = window.side.prediction.readout, window.side.workbench
    qtbot.mouseClick(workbench.buttons[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(workbench.curves.isVisible)
    qtbot.keyClicks(window.side.form.rows["age"].input.box, "250")
    assert session.predictions.is_outdated
    assert session.predictions.current is None
    assert session.predictions.what_if is None
    assert readout.outdated.text() == "Outdated: the form has changed since."
    qtbot.waitUntil(lambda: not workbench.curves.isVisible())
    said = [label.text() for label in workbench.findChildren(QLabel) if label.isVisible()]
    assert said == ["Not computed. Age: 250 is refused. Allowed: 0 to 120 years."]
    qtbot.mouseClick(readout.reset, Qt.MouseButton.LeftButton)
    assert session.predictions.current is not None
    assert window.side.form.rows["age"].input.box.text() == ""
    qtbot.waitUntil(workbench.curves.isVisible)


def test_a_refused_value_comes_back_with_its_case(window, make_case, qtbot, settled):
    session, box = window.session, window.side.form.rows["age"].input.box
    first, second = make_case("a"), make_case("b")
    session.opener.open(first)
    settled(window)
    qtbot.keyClicks(box, "250")
    session.opener.open(second)
    settled(window)
    assert box.text() == ""
    session.opener.open(first)
    settled(window)
    assert box.text() == "250"
    assert window.side.form.rows["age"].hint.text() == "250 is refused. Allowed: 0 to 120 years."


def test_a_value_that_contradicts_the_dicom_header_is_said_beside_its_field(window, form, qtbot):
    window.session.form.start_case({"PatientAge": "077Y", "PatientSex": "F"}, {})
    age, sex = form.rows["age"], form.rows["sex"]
    assert not age.hint.isVisible()
    age.input.box.selectAll()
    qtbot.keyClicks(age.input.box, "65")
    assert age.hint.text() == "Contradicts the DICOM header, which says 77 years."
    age.input.box.selectAll()
    qtbot.keyClicks(age.input.box, "77.5")
    assert not age.hint.isVisible()  # the header's ages are whole years
    age.input.box.selectAll()
    qtbot.keyClick(age.input.box, Qt.Key.Key_Delete)
    assert age.hint.text() == "Not given, though the DICOM header says 77 years."
    qtbot.keyClicks(age.input.box, "250")
    assert age.hint.text().endswith("Allowed: 0 to 120 years. The DICOM header says 77 years.")
    sex.input.box.setFocus()
    qtbot.keyClick(sex.input.box, Qt.Key.Key_Down)
    assert sex.input.box.currentText() == "Male"
    assert sex.hint.text() == "Contradicts the DICOM header, which says Female."
    qtbot.keyClick(sex.input.box, Qt.Key.Key_Up)
    assert not sex.hint.isVisible()


def test_a_header_that_the_field_does_not_take_is_said_as_plain_text(window, form):
    window.session.form.start_case({"PatientSex": "<b>O</b>"}, {})
    hint = form.rows["sex"].hint
    assert hint.text() == "The DICOM header says “<b>O</b>”, which does not fit here."
    assert hint.textFormat() == Qt.TextFormat.PlainText


def test_a_cleared_value_is_named_as_missing_in_what_if(opened, qtbot, settled):
    window, session = opened, opened.session
    session.form.set_value("age", 71)
    session.form.set_value("sex", "F")
    session.form.set_value("diabetes", False)
    session.predictions.predict()
    settled(window)
    workbench = window.side.workbench
    qtbot.mouseClick(workbench.buttons[0], Qt.MouseButton.LeftButton)
    box = window.side.form.rows["age"].input.box
    box.selectAll()
    qtbot.keyClick(box, Qt.Key.Key_Backspace)
    missing = "Not given, so the training default stands in: Age."
    qtbot.waitUntil(lambda: missing in workbench._curves_text.text())
    assert missing in window.side.prediction.readout.warnings.text()
    assert missing in prediction_text(session.predictions)
    assert missing in prediction_json(session.predictions)["notices_tried"]
    panel = workbench.curves.plot.panels[0]
    assert panel.title.summary.startswith("not given")


def test_a_value_that_training_never_saw_gets_a_hint(form, qtbot):
    row = form.rows["age"]
    qtbot.keyClicks(row.input.box, "20")
    assert row.hint.isVisible()
    assert "outside the 40 to 90 seen in training" in row.hint.text()
    row.input.box.selectAll()
    qtbot.keyClicks(row.input.box, "50")
    assert not row.hint.isVisible()


def test_values_from_the_file_are_marked_until_the_user_changes_them(window, form, qtbot):
    window.session.form.start_case({"PatientAge": "054Y", "PatientSex": "F"}, {})
    row = form.rows["age"]
    assert row.input.box.given == 54
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
    box.selectAll()
    qtbot.keyClicks(box, "0")
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
    made.show_entry(Entry(70.46))
    assert made.box.text() == "70.5"
    assert made.box.given == pytest.approx(70.5)
    (unit,) = made.box.findChildren(QLabel)
    assert unit.text() == "kg"


def test_an_age_that_whole_years_would_misstate_is_shown_with_its_digits(window, form):
    window.session.form.start_case({"PatientAge": "006M"}, {})
    assert form.rows["age"].input.box.text() == "0.5"


def test_a_model_without_metadata_says_so(window, make_bundle, settled):
    window.session.models.add(make_bundle("image_only"))
    settled(window)
    assert not window.side.form.rows
    assert window.session.form.values == {}
    shown = [label.text() for label in window.side.form.findChildren(QLabel) if label.isVisible()]
    assert shown == ["This model uses the image alone."]
