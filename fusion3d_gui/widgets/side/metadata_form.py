"""``MetadataForm``: the clinical values that the chosen model takes, built from its schema."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from fusion3d_gui.model.schema import Field, Value
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.fields import FieldInput, field_input
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_caption, plain_tip

#: Longer labels of fields are wrapped (characters), so that they don't widen the panel.
_LONGEST_ON_ONE_LINE = 24


class MetadataForm(QWidget):
    """One row a field; marks values taken from the file, warns of values outside the training range."""

    def __init__(self, store: Store, form: Form, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._form = form
        self.rows: dict[str, _Row] = {}
        self._typing = ""
        self._body = QWidget()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self._body)
        self._form.schema_changed.connect(self._on_schema_changed)
        self._form.edited.connect(self._on_edited)
        self._store.prediction_changed.connect(self._mark_all)
        self._on_schema_changed()

    def _on_schema_changed(self) -> None:
        fields = self._form.schema.fields
        if [row.field for row in self.rows.values()] != list(fields) or not fields:
            self._build(fields)
        for name in self.rows:
            self._show(name)

    def _build(self, fields: tuple[Field, ...]) -> None:
        self._layout.removeWidget(self._body)
        # Hidden at once: deletion waits for the event loop, and must not flash on screen.
        self._body.hide()
        self._body.deleteLater()
        self._body = QWidget()
        grid = QGridLayout(self._body)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self.rows = {}
        for number, field in enumerate(fields):
            row = _Row(field)
            row.input.chosen.connect(lambda value, name=field.name: self._on_chosen(name, value))
            row.input.typed.connect(lambda text, name=field.name: self._on_typed(name, text))
            grid.addLayout(row.names, 2 * number, 0)
            grid.addWidget(row.input, 2 * number, 1)
            grid.addWidget(row.hint, 2 * number + 1, 0, 1, 2)
            self.rows[field.name] = row
        if not fields:
            chosen = self._store.bundle is not None
            text = "This model uses the image alone." if chosen else "No model is chosen."
            grid.addWidget(theme.label(text, color=theme.MUTED), 0, 0)
        self._layout.addWidget(self._body)
        self._body.show()

    def _on_chosen(self, name: str, value: Value) -> None:
        self._form.set_value(name, value)

    def _on_typed(self, name: str, text: str) -> None:
        self._typing = name
        try:
            self._form.type_text(name, text)
        finally:
            self._typing = ""

    def _on_edited(self, name: str) -> None:
        if name == self._typing:
            self._mark(name)  # the input already shows the text as it was typed
        else:
            self._show(name)

    def _mark_all(self) -> None:
        for name in self.rows:
            self._mark(name)

    def _show(self, name: str) -> None:
        self.rows[name].input.show_entry(self._form.entry(name))
        self._mark(name)

    def _mark(self, name: str) -> None:
        row, entry = self.rows[name], self._form.entry(name)
        value = entry.value
        shown = self._store.shown_prediction
        predicted = None if shown is None else shown.request.metadata
        row.input.set_refused(bool(entry.refusal))
        if predicted is not None and name in predicted and predicted[name] != value:
            row.show_origin(
                f"was {row.field.text(predicted[name], with_unit=False)}", theme.WARNING
            )
        else:
            from_file = self._form.source(name) == "dicom"
            row.show_origin("from DICOM" if from_file else "", theme.ACCENT)
        said = (
            self._form.problems.get(name, ""),
            row.field.warning(value),
            self._form.header_note(name),
        )
        color = theme.ERROR if entry.refusal else theme.WARNING
        row.show_hint(" ".join(each for each in said if each), color)


class _Row:
    """A field's label with the origin of its value, its input, and a line of hint below."""

    def __init__(self, field: Field) -> None:
        self.field = field
        caption = plain_caption(field.label)
        self.label = theme.label(caption, color=theme.MUTED)
        self.label.setWordWrap(len(caption) > _LONGEST_ON_ONE_LINE)
        self.origin = theme.label(size=theme.SMALL, color=theme.ACCENT)
        self.names = QVBoxLayout()
        self.names.setSpacing(0)
        self.names.addWidget(self.label)
        self.names.addWidget(self.origin)
        self.input: FieldInput = field_input(field)
        self.hint: QLabel = theme.label(size=theme.SMALL)
        self.hint.setWordWrap(True)
        self.hint.hide()
        tip = f"{field.help or field.label}\nAllowed: {field.range_text}."
        for widget in (self.label, self.input):
            widget.setToolTip(plain_tip(tip))
        self.label.setBuddy(self.input)
        self.input.setAccessibleName(field.label)

    def show_origin(self, text: str, color: str) -> None:
        self.origin.setText(text)
        theme.set_color(self.origin, color)
        self.origin.setVisible(bool(text))

    def show_hint(self, text: str, color: str) -> None:
        self.hint.setText(text)
        theme.set_color(self.hint, color)
        self.hint.setVisible(bool(text))
