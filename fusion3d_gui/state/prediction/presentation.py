"""``Presentation``: the images alone, for a conference: patient hidden, a tour of the hot spots."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from fusion3d_gui.state.session import Session

#: The tour stays so long at each spot.
_STAY_MS = 4000


class Presentation(QObject):
    """On or off. While it is on, who the patient is stays hidden; afterwards all is as before."""

    changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._on = False
        self._was_hidden = False
        self._timer = QTimer(self)
        self._timer.setInterval(_STAY_MS)
        self._timer.timeout.connect(session.hot_spots.next)
        session.result_changed.connect(self._on_result_changed)

    @property
    def on(self) -> bool:
        """Whether the window presents."""
        return self._on

    @property
    def touring(self) -> bool:
        """Whether it goes from hot spot to hot spot by itself."""
        return self._timer.isActive()

    @property
    def can_tour(self) -> bool:
        """Whether there are hot spots to go to."""
        return self._on and bool(self._session.hot_spots.spots)

    def toggle(self) -> None:
        """Begin, with a tour where there are hot spots; or end."""
        self._on = not self._on
        identity = self._session.identity
        if self._on:
            self._was_hidden = identity.hidden
            identity.set_hidden(True)
            self._begin_tour()
        else:
            self._timer.stop()
            identity.set_hidden(self._was_hidden)
        self.changed.emit()

    def toggle_tour(self) -> None:
        """Go round by itself, or stay here."""
        if self._timer.isActive():
            self._timer.stop()
        else:
            self._begin_tour()
        self.changed.emit()

    def _begin_tour(self) -> None:
        if self.can_tour:
            self._session.hot_spots.next()
            self._timer.start()

    def _on_result_changed(self) -> None:
        if self._timer.isActive() and not self.can_tour:
            self._timer.stop()
            self.changed.emit()
