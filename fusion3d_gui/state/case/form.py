"""``Form``: the metadata values of the case on screen, under the schema of the chosen model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.model.schema import Field, MetadataSchema, Value

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
        # By field, not by name: a field of another model is another question.
        self._typed: dict[Field, Value] = {}
        self._prefilled: dict[str, Value] = {}

    @property
    def schema(self) -> MetadataSchema:
        """The fields, in order."""
        return self._schema

    @property
    def values(self) -> dict[str, Value]:
        """Every field's value: typed by the user, else from the file, else None."""
        return {
            field.name: self._typed.get(field, self._prefilled.get(field.name))
            for field in self._schema.fields
        }

    @property
    def typed(self) -> dict[Field, Value]:
        """All that the user typed for this case, under this model's schema and others."""
        return dict(self._typed)

    def source(self, name: str) -> Source:
        """Where a field's value comes from; empty while it has none.

        A value that the file gives counts as from the file, whoever gave it too.
        """
        value = self.values[name]
        if name in self._prefilled and self._prefilled[name] == value:
            return "dicom"
        return "typed" if self._schema[name] in self._typed else ""

    def start_case(
        self,
        attributes: Mapping[str, str],
        given: Mapping[str, Value],
        typed: Mapping[Field, Value] | None = None,
    ) -> None:
        """Another patient: forget what was typed, take what the file and the caller give.

        ``typed`` is what the user had typed for this case before; it goes above all else. Raises
        UserError when a given value does not fit the schema; the form is then as before.
        """
        fields = {self._schema[name]: value for name, value in given.items()}
        parsed = {field: field.parse(value) for field, value in fields.items()}
        self._attributes = attributes
        self._typed = {**parsed, **(typed or {})}
        self._prefilled = self._schema.prefill(attributes)
        self.schema_changed.emit()

    def start_schema(self, schema: MetadataSchema) -> None:
        """Another model: what was typed stands where the new schema has the same field, and comes
        back with the fields of the old one."""
        self._schema = schema
        self._prefilled = schema.prefill(self._attributes)
        self.schema_changed.emit()

    def put_back(self, values: Mapping[str, Value]) -> None:
        """Give fields these values again."""
        for name in self.values:
            if self.values[name] != values.get(name):
                self.set_value(name, values.get(name))

    def set_value(self, name: str, value: Value) -> None:
        """The user typed or chose a value (None: not given). Raises UserError if it is not allowed."""
        field = self._schema[name]
        parsed = field.parse(value)
        if field in self._typed and self._typed[field] == parsed:
            return
        self._typed[field] = parsed
        self.edited.emit(name)
