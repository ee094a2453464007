"""``Form``: the metadata values of the case on screen, under the schema of the chosen model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.model.schema import Field, MetadataSchema, Value
from fusion3d_gui.state.case.entry import Entry, header_note

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
        self._typed: dict[Field, Entry] = {}
        self._prefilled: dict[str, Value] = {}

    @property
    def schema(self) -> MetadataSchema:
        """The fields, in order."""
        return self._schema

    @property
    def values(self) -> dict[str, Value]:
        """Every field's value: entered by the user, else from the file, else None.

        An entry that its field does not allow has no value: see :attr:`problems`.
        """
        return {field.name: self._entry(field).value for field in self._schema.fields}

    @property
    def typed(self) -> dict[Field, Entry]:
        """All that the user entered for this case, under the schemas of this model and of others."""
        return dict(self._typed)

    @property
    def problems(self) -> dict[str, str]:
        """By field name, in order, why nothing can be predicted from the form: a refused or missing value."""
        found = {}
        for field in self._schema.fields:
            entry = self._entry(field)
            if entry.refusal:
                found[field.name] = entry.refusal
            elif field.required and entry.value is None:
                found[field.name] = "Required for a prediction."
        return found

    @property
    def problem(self) -> str:
        """All :attr:`problems` in one line, each with its field's label; empty where there are none."""
        return " ".join(f"{self._schema[name].label}: {why}" for name, why in self.problems.items())

    @property
    def is_refused(self) -> bool:
        """Whether any entry is one that its field does not allow."""
        return any(self._entry(field).refusal for field in self._schema.fields)

    def entry(self, name: str) -> Entry:
        """What a field's input shows."""
        return self._entry(self._schema[name])

    def header_note(self, name: str) -> str:
        """A sentence where a field's entry is not what the DICOM header says; otherwise empty."""
        field = self._schema[name]
        return header_note(
            field,
            self._entry(field),
            self._prefilled.get(name),
            self._attributes.get(field.dicom, "") if field.dicom else "",
        )

    def source(self, name: str) -> Source:
        """Source of a field's value; empty while it has none.

        A value that equals the one in the file counts as from the file.
        """
        entry = self.entry(name)
        if name in self._prefilled and self._prefilled[name] == entry.value:
            return "dicom"
        return "typed" if self._schema[name] in self._typed else ""

    def start_case(
        self,
        attributes: Mapping[str, str],
        given: Mapping[str, Value],
        typed: Mapping[Field, Entry] | None = None,
    ) -> None:
        """Fill the form for another case.

        Parameters
        ----------
        attributes
            DICOM attributes of the scan, which prefill fields.
        given
            Values by field name, which replace prefilled ones.
        typed
            What the user had entered for this case before; it replaces all others.

        Raises
        ------
        UserError
            When a given value does not fit the schema; the form is then unchanged.
        """
        fields = {self._schema[name]: value for name, value in given.items()}
        parsed = {field: Entry(field.parse(value)) for field, value in fields.items()}
        self._attributes = attributes
        self._typed = {**parsed, **(typed or {})}
        self._prefilled = self._schema.prefill(attributes)
        self.schema_changed.emit()

    def start_schema(self, schema: MetadataSchema) -> None:
        """Take the schema of another model.

        What was entered is kept for the fields that both schemas share, and returns with the old schema.
        """
        self._schema = schema
        self._prefilled = schema.prefill(self._attributes)
        self.schema_changed.emit()

    def restore(self, entries: Mapping[Field, Entry]) -> dict[Field, Entry]:
        """Take entries of an earlier time for fields that nobody has entered since; returns those taken."""
        taken = {each: entry for each, entry in entries.items() if each not in self._typed}
        self._typed.update(taken)
        if taken:
            self.schema_changed.emit()
        return taken

    def replace_typed(self, entries: Mapping[Field, Entry]) -> None:
        """Have these entries instead of all that were entered; the file's values stay."""
        self._typed = dict(entries)
        self.schema_changed.emit()

    def put_back(self, values: Mapping[str, Value]) -> None:
        """Set all fields to these values."""
        for field in self._schema.fields:
            entry = self._entry(field)
            if entry.refusal or entry.value != values.get(field.name):
                self.set_value(field.name, values.get(field.name))

    def set_value(self, name: str, value: Value) -> None:
        """Set a value that was chosen or computed (None: not given).

        Raises
        ------
        UserError
            When the field does not allow it.
        """
        field = self._schema[name]
        self._enter(field, Entry(field.parse(value)))

    def type_text(self, name: str, text: str) -> None:
        """Keep what the user typed for a number, also where the field does not allow it."""
        field = self._schema[name]
        self._enter(field, Entry.typed(field, text))

    def _enter(self, field: Field, entry: Entry) -> None:
        before = self._typed.get(field)
        self._typed[field] = entry
        if before is None or not before.means_the_same(entry):
            self.edited.emit(field.name)

    def _entry(self, field: Field) -> Entry:
        return self._typed.get(field) or Entry(self._prefilled.get(field.name))
