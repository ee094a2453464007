"""``LeftResults``: with which values the last result of each case left, and whether the form still has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.schema import Field, Value
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.data.case import CaseKey
from fusion3d_gui.state.data.departure import Departure, LeftItem
from fusion3d_gui.state.store import Store


@dataclass(frozen=True)
class LeftResult:
    """The last result of a case that left: when (local time), what, by which model, and the form's values then."""

    when: datetime
    kinds: tuple[str, ...]
    model: str
    values: Mapping[str, Value]


def note_copied(
    store: Store, kind: str, content: bytes, values: Mapping[str, Value] | None
) -> None:
    """Tell that something of the case on screen was copied to the clipboard; ``values``: of the result in it."""
    if store.case is not None:
        item = LeftItem.of_bytes(kind, content)
        hidden = store.identity.hidden
        left = Departure(store.case, (item,), values, "clipboard", with_identity=not hidden)
        store.departed.emit(left)


def _said(field: Field, value: Value) -> str:
    """A value in words; it may come from a file."""
    try:
        return field.text(field.parse(value))
    except UserError:
        return visible_text(str(value))


class LeftResults(QObject):
    """Listens to ``Store.departed``; a result that leaves later takes the place of the one before it."""

    changed = Signal()

    def __init__(self, store: Store, form: Form) -> None:
        super().__init__(store)
        self._store = store
        self._form = form
        self._left: dict[CaseKey, LeftResult] = {}
        store.departed.connect(self._on_departed)

    @property
    def of_case(self) -> LeftResult | None:
        """What left last of the case on screen; None: nothing did, as far as is known."""
        case = self._store.case
        return None if case is None else self._left.get(case.key)

    def restore(self, left: LeftResult) -> None:
        """Take what left in an earlier run, unless something of this case has left since."""
        case = self._store.case
        if case is not None and case.key not in self._left:
            self._left[case.key] = left
            self.changed.emit()

    def replace(self, left: LeftResult | None) -> None:
        """Have this for the case on screen, whatever is known of it; None: nothing has left."""
        case = self._store.case
        if case is not None:
            self._left.pop(case.key, None)
            if left is not None:
                self._left[case.key] = left
            self.changed.emit()

    @property
    def mismatch(self) -> str:
        """A sentence where the form is no longer as it was when a result left; else empty.

        It stays until the values are put back or a result with the new ones leaves.
        """
        left, bundle = self.of_case, self._store.bundle
        if left is None or bundle is None or bundle.name != left.model:
            return ""
        changed = [
            f"{field.label} {_said(field, left.values[field.name])} → {self._text(field.name)}"
            for field in self._form.schema.fields
            if field.name in left.values and self._differs(field.name, left.values[field.name])
        ]
        if not changed:
            return ""
        return (
            f"What left on {left.when.day} {left.when:%b %H:%M} ({', '.join(left.kinds)}) no longer matches "
            f"the form: {'; '.join(changed)}."
        )

    def _text(self, name: str) -> str:
        entry = self._form.entry(name)
        return f"“{entry.text}”" if entry.refusal else self._form.schema[name].text(entry.value)

    def _differs(self, name: str, before: Value) -> bool:
        entry = self._form.entry(name)
        return bool(entry.refusal) or entry.value != before

    def _on_departed(self, departure: Departure) -> None:
        bundle = self._store.bundle
        if departure.case is None or departure.values is None or bundle is None:
            return
        kinds = tuple(dict.fromkeys(item.kind for item in departure.items))
        self._left[departure.case.key] = LeftResult(
            datetime.now(), kinds, bundle.name, dict(departure.values)
        )
        self.changed.emit()
