"""``CaseSwitcher``: puts a case on screen with its form values and its prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QObject

from fusion3d_gui.inference.fit.scan_values import ScanValues
from fusion3d_gui.model.schema import Field, Value
from fusion3d_gui.state.case.entry import Entry
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.data.case import STATED_CT, Case, CaseKey
from fusion3d_gui.state.data.shown_prediction import ShownPrediction
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store

_UNLIKELY = "They do not look so: in CT air is about -1000 HU and soft tissue 0 to 100 HU. Check where the file comes from."


class CaseSwitcher(QObject):
    """Keeps what the user typed for each case, and shows or hides the identity of the one on screen."""

    def __init__(self, store: Store, form: Form) -> None:
        super().__init__(store)
        self._store = store
        self._form = form
        self._typed: dict[CaseKey, Mapping[Field, Entry]] = {}
        store.identity.changed.connect(self._on_identity_changed)

    def show(
        self,
        case: Case,
        metadata: Mapping[str, Value],
        shown_prediction: ShownPrediction | None = None,
    ) -> None:
        """Put a case on screen, with a prediction of it where there is one already.

        Raises
        ------
        UserError
            When ``metadata`` does not fit the form; the case on screen then stays.
        """
        store = self._store
        store.cancel_prediction()
        if store.case is not None:
            self._typed[store.case.key] = self._form.typed
        self._form.start_case(case.volume.attributes, metadata, self._typed.get(case.key))
        shown = self._apply_identity(case)
        # Another model may have been chosen since, or the identity hidden.
        if shown_prediction is not None and shown_prediction.request.bundle is not store.bundle:
            shown_prediction = None
        if shown_prediction is not None:
            shown_prediction = shown_prediction.for_case(case, shown)
        store.open_case(shown, shown_prediction)

    def complete(self, case: Case, noticed: Sequence[str]) -> None:
        """All slices of the case on screen have been read; ``noticed`` are notices shown before."""
        self._store.complete_case(self._apply_identity(case), noticed)

    def toggle_ct(self) -> None:
        """Take the case on screen for CT in Hounsfield units, where its file names no modality; or no longer."""
        case = self._store.case
        if case is None or not case.is_complete or not case.may_be_ct:
            return
        if case.unstated is not None:
            self._store.restate_case(case.unstated)
        else:
            self.state_ct()

    def state_ct(self) -> None:
        """Take the case on screen for CT in Hounsfield units, where its file names no modality."""
        case = self._store.case
        if case is None or not case.is_complete or not case.may_be_ct or case.is_stated_ct:
            return
        self._store.restate_case(case.stated_ct())
        if ScanValues.of(case.volume).are_hounsfield:
            self._store.noticed.emit(Notice(STATED_CT))
        else:
            self._store.noticed.emit(Notice(f"{STATED_CT} {_UNLIKELY}", "warning"))

    def show_none(self) -> None:
        """Show no case, and an empty form."""
        self._form.start_case({}, {})
        self._store.close_case()

    def _on_identity_changed(self) -> None:
        before = self._store.case
        if before is None:
            return
        case = self._apply_identity(before)
        if case is not before:
            self._store.replace_case(case)

    def _apply_identity(self, case: Case) -> Case:
        """The case with its identity hidden or shown, as :class:`Identity` says now."""
        return case.hide_identity() if self._store.identity.hidden else case.revealed or case
