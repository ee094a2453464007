"""``Form``: the metadata values of the case on screen, under the schema of the chosen model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.model.schema import Field, MetadataSchema, Value

Source = Literal["", "dicom", "typed"]


class Form(QObject):
    """Values by field name, None where not given, and the source of each.

    ``schema_changed`` is emitted when all fields are new; ``edited`` when the user changed one value.
    """

    schema_changed = Signal()
    edited = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._schema = MetadataSchema()
        self._attributes: Mapping[str, str] = {}
        # By field, not by name: a field of that name may mean something else in another model.
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
        """All that the user typed for this case, under the schemas of this model and of others."""
        return dict(self._typed)

    def source(self, name: str) -> Source:
        """Source of a field's value; empty while it has none.

        A value that equals the one in the file counts as from the file.
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
        """Fill the form for another case.

        Parameters
        ----------
        attributes
            DICOM attributes of the scan, which prefill fields.
        given
            Values by field name, which replace prefilled ones.
        typed
            What the user had typed for this case before; it replaces all others.

        Raises
        ------
        UserError
            When a given value does not fit the schema; the form is then unchanged.
        """
        fields = {self._schema[name]: value for name, value in given.items()}
        parsed = {field: field.parse(value) for field, value in fields.items()}
        self._attributes = attributes
        self._typed = {**parsed, **(typed or {})}
        self._prefilled = self._schema.prefill(attributes)
        self.schema_changed.emit()

    def start_schema(self, schema: MetadataSchema) -> None:
        """Take the schema of another model.

        What was typed is kept for the fields that both schemas share, and returns with the old schema.
        """
        self._schema = schema
        self._prefilled = schema.prefill(self._attributes)
        self.schema_changed.emit()

    def put_back(self, values: Mapping[str, Value]) -> None:
        """Set all fields to these values."""
        for name in self.values:
            if self.values[name] != values.get(name):
                self.set_value(name, values.get(name))

    def set_value(self, name: str, value: Value) -> None:
        """Set a value that the user typed or chose (None: not given).

        Raises
        ------
        UserError
            When the field does not allow it.
        """
        field = self._schema[name]
        parsed = field.parse(value)
        if field in self._typed and self._typed[field] == parsed:
            return
        self._typed[field] = parsed
        self.edited.emit(name)
