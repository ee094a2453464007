"""``LoadingCard``: progress of opening or saving, over the images, with a Cancel button."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane
from fusion3d_gui.widgets.controls.progress_bar import ProgressBar
from fusion3d_gui.widgets.look import theme

_WIDTH = 360
#: Shorter work shows no card: flashing up would only distract.
_DELAY_MS = 150


class LoadingCard(QFrame):
    """Shown at the bottom of its parent while something is being opened or saved."""

    def __init__(self, store: Store, opening_beside: TaskLane, parent: QWidget) -> None:
        super().__init__(parent)
        self._place_in = parent
        self._store = store
        self._opening = (store.loading, opening_beside)
        self._lanes = (*self._opening, store.saving)
        self._title = theme.label(medium=True)
        self._message = theme.label(size=12, color=theme.MUTED)
        self._bar = ProgressBar()
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Give up opening; what was on screen returns (Esc)")
        self.setObjectName("card")
        left = QVBoxLayout()
        left.setSpacing(6)
        for widget in (self._title, self._message, self._bar):
            left.addWidget(widget)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 12, 12, 14)
        layout.setSpacing(16)
        layout.addLayout(left, 1)
        layout.addWidget(self.cancel)
        self.setFixedWidth(_WIDTH)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_DELAY_MS)
        self._delay.timeout.connect(self._on_delay_over)
        self.hide()
        self.cancel.clicked.connect(self._on_cancel)
        for lane in self._lanes:
            lane.changed.connect(self._on_lane_changed)
        store.identity.changed.connect(self._on_lane_changed)
        parent.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay at the bottom of the parent."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

    @property
    def _running(self) -> TaskLane | None:
        """The lane whose progress is shown: opening before saving."""
        return next((lane for lane in self._lanes if lane.running), None)

    def _on_cancel(self) -> None:
        lane = self._running
        if lane is not None:
            lane.cancel()

    def _on_lane_changed(self) -> None:
        lane = self._running
        if lane is None:
            self._delay.stop()
            self.hide()
            return
        metrics = self._title.fontMetrics()
        available = _WIDTH - 130
        elide = Qt.TextElideMode.ElideMiddle
        self._title.setText(metrics.elidedText(self._label(lane), elide, available))
        message = lane.message if lane.message != lane.label else ""
        self._message.setText(self._message.fontMetrics().elidedText(message, elide, available))
        self._bar.show_fraction(lane.fraction)
        if not self.isHidden():
            self.raise_()  # a case that appears while it is read covers the card
        elif not self._delay.isActive():
            self._delay.start()

    def _label(self, lane: TaskLane) -> str:
        """What a lane does; without the name of a scan once the identity is hidden."""
        is_named = self._store.identity.hidden and lane in self._opening
        return "Opening a scan" if is_named else lane.label

    def _on_delay_over(self) -> None:
        if self._running is not None:
            self._place()
            self.show()
            self.raise_()

    def _place(self) -> None:
        self.adjustSize()
        self.move(
            (self._place_in.width() - self.width()) // 2,
            self._place_in.height() - self.height() - 24,
        )
