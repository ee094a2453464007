"""``Form``: the metadata values of the case on screen, under the schema of the chosen model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.model.schema import MetadataSchema, Value

Source = Literal["", "dicom", "typed"]


class Form(QObject):
    """Values by field name, None where not given, and where each of them comes from.

    ``schema_changed`` says that every field is new; ``edited`` that one value changed by the user.
    """

    schema_changed = Signal()
    edited = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._schema = MetadataSchema()
        self._attributes: Mapping[str, str] = {}
        self._typed: dict[str, Value] = {}
        self._prefilled: dict[str, Value] = {}

    @property
    def schema(self) -> MetadataSchema:
        """The fields, in order."""
        return self._schema

    @property
    def values(self) -> dict[str, Value]:
        """Every field's value: typed by the user, else from the file, else None."""
        merged = {**self._prefilled, **self._typed}
        return {field.name: merged.get(field.name) for field in self._schema.fields}

    def source(self, name: str) -> Source:
        """Where a field's value comes from; empty while it has none."""
        if name in self._typed:
            return "typed"
        return "dicom" if name in self._prefilled else ""

    def start_case(self, attributes: Mapping[str, str], given: Mapping[str, Value]) -> None:
        """Another patient: forget what was typed, take what the file and the caller give.

        Raises UserError when a given value does not fit the schema; the form is then as before.
        """
        typed = {name: self._schema[name].parse(value) for name, value in given.items()}
        self._attributes = attributes
        self._typed = typed
        self._prefilled = self._schema.prefill(attributes)
        self.schema_changed.emit()

    def start_schema(self, schema: MetadataSchema) -> None:
        """Another model: keep what was typed where the new schema has the same field."""
        kept = {
            field.name: self._typed[field.name]
            for field in schema.fields
            if field.name in self._typed and field in self._schema.fields
        }
        self._schema, self._typed = schema, kept
        self._prefilled = schema.prefill(self._attributes)
        self.schema_changed.emit()

    def set_value(self, name: str, value: Value) -> None:
        """The user typed or chose a value (None: not given). Raises UserError if it is not allowed."""
        parsed = self._schema[name].parse(value)
        if self.source(name) == "typed" and self._typed[name] == parsed:
            return
        self._typed[name] = parsed
        self.edited.emit(name)
