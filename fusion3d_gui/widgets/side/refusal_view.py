"""``RefusalView``: why the model gives no number for this scan, and the way to one that is marked."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.widgets.look import theme

_TITLE = "This model is not meant for this scan"
_WARNING = (
    "A number for such a scan means nothing, whatever it is. It will be marked as such on screen and in "
    "every file, and goes when anything in the form changes."
)


class RefusalView(QWidget):
    """The reasons; a number only after a button and its confirmation."""

    #: The number is wanted despite the misfit.
    confirmed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = theme.label(_TITLE, color=theme.WARNING)
        self.title.setFont(theme.font(theme.TITLE, QFont.Weight.DemiBold))
        self.title.setWordWrap(True)
        self.reasons = theme.label()
        self.reasons.setWordWrap(True)
        self.none = theme.label("No number, no class, no heatmap.", color=theme.MUTED, size=12)
        self.ask = QPushButton("Show the number despite this…")
        self.ask.setProperty("quiet", True)
        self.ask.setToolTip("For research on the model itself; asks once more")
        self.warning = theme.label(_WARNING, color=theme.WARNING, size=12)
        self.warning.setWordWrap(True)
        self.confirm = QPushButton("Show it, marked")
        self.confirm.setToolTip("The number, with a mark over the images and in every file")
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Leave the number out")
        self.cancel.setProperty("quiet", True)
        self.question = QWidget()
        layout = QVBoxLayout(self.question)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        layout.addWidget(self.warning)
        row = QHBoxLayout()
        row.addWidget(self.confirm)
        row.addWidget(self.cancel)
        row.addStretch(1)
        layout.addLayout(row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        for widget in (self.title, self.reasons, self.none, self.question):
            layout.addWidget(widget)
        asking = QHBoxLayout()
        asking.addWidget(self.ask)
        asking.addStretch(1)
        layout.addLayout(asking)
        self.ask.clicked.connect(lambda: self._set_asking(True))
        self.cancel.clicked.connect(lambda: self._set_asking(False))
        self.confirm.clicked.connect(self._on_confirmed)
        self._set_asking(False)

    def show_report(self, report: FitReport) -> None:
        """Show why there is no number; the question must be asked anew for other reasons."""
        text = "\n".join(report.reasons)
        if text != self.reasons.text():
            self._set_asking(False)
        self.reasons.setText(text)

    def _on_confirmed(self) -> None:
        self._set_asking(False)
        self.confirmed.emit()

    def _set_asking(self, asking: bool) -> None:
        self.question.setVisible(asking)
        self.ask.setVisible(not asking)
