"""``MismatchSigns``: that the form no longer matches what left, and which kept predictions are of another scan."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from fusion3d_gui.state.export.left import LeftResults
from fusion3d_gui.state.kept.work_keeper import WorkKeeper
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme


class MismatchSigns(QWidget):
    """Below the result; hidden while there is nothing to say."""

    def __init__(
        self,
        store: Store,
        left: LeftResults,
        keeper: WorkKeeper,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._left = left
        self._keeper = keeper
        #: That the form is no longer as it was when a result left.
        self.mismatch = theme.label(size=12, color=theme.WARNING, medium=True)
        #: Predictions that came with the case, of other voxels.
        self.other_scan = theme.label(size=12, color=theme.WARNING)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        for sign in (self.mismatch, self.other_scan):
            sign.setWordWrap(True)
            layout.addWidget(sign)
        for signal in (
            left.changed,
            store.prediction_changed,
            store.case_changed,
            keeper.restored,
        ):
            signal.connect(self._show_signs)
        self._show_signs()

    def _show_signs(self) -> None:
        mismatch = self._left.mismatch if self._store.case is not None else ""
        others = [each.text for each in self._keeper.predictions_of_other_scans]
        self.mismatch.setText(mismatch)
        self.mismatch.setVisible(bool(mismatch))
        self.other_scan.setText(f"Of another scan, whose voxels differ: {'; '.join(others)}.")
        self.other_scan.setVisible(bool(others))
        self.setVisible(bool(mismatch or others))
