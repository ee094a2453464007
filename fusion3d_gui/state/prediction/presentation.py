"""``Presentation``: for a conference, the images alone, identity hidden, with a tour of the hot spots."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from fusion3d_gui.state.prediction.hot_spot_list import HotSpotList
from fusion3d_gui.state.store import Store

#: How long the tour stays at each spot (ms).
_STAY_MS = 4000


class Presentation(QObject):
    """On or off. While it is on the patient's identity is hidden; afterwards it is as before."""

    changed = Signal()

    def __init__(self, store: Store, hot_spots: HotSpotList, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._hot_spots = hot_spots
        self._on = False
        self._was_hidden = False
        self._timer = QTimer(self)
        self._timer.setInterval(_STAY_MS)
        self._timer.timeout.connect(hot_spots.next)
        store.prediction_changed.connect(self._on_prediction_changed)

    @property
    def on(self) -> bool:
        """Whether the window presents."""
        return self._on

    @property
    def touring(self) -> bool:
        """Whether the crosshair is going from hot spot to hot spot."""
        return self._timer.isActive()

    @property
    def can_tour(self) -> bool:
        """Whether presenting, with hot spots to go to."""
        return self._on and bool(self._hot_spots.spots)

    def toggle(self) -> None:
        """Begin to present, with a tour where there are hot spots; or end."""
        self._on = not self._on
        identity = self._store.identity
        if self._on:
            self._was_hidden = identity.hidden
            identity.set_hidden(True)
            self._begin_tour()
        else:
            self._timer.stop()
            identity.set_hidden(self._was_hidden)
        self.changed.emit()

    def toggle_tour(self) -> None:
        """Begin or end the tour."""
        if self._timer.isActive():
            self._timer.stop()
        else:
            self._begin_tour()
        self.changed.emit()

    def _begin_tour(self) -> None:
        if self.can_tour:
            self._hot_spots.next()
            self._timer.start()

    def _on_prediction_changed(self) -> None:
        if self._timer.isActive() and not self.can_tour:
            self._timer.stop()
            self.changed.emit()
