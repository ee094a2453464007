"""``Restyling``: change palette or text size of the window without blocking the event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QRegion
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from fusion3d_gui.widgets.look import theme


class Restyling(QObject):
    """Changes the theme in steps, one per event-loop iteration, then paints part after part.

    Until all widgets have the new style nothing is painted, so that no mixture is seen. ``parts`` returns
    the widgets that take long enough to paint to get an event-loop iteration of their own.
    """

    #: All widgets have their new colours, fonts and fixed sizes, but are not yet laid out or painted.
    styled = Signal()

    def __init__(self, window: QWidget, parts: Callable[[], Sequence[QWidget]]) -> None:
        super().__init__(window)
        self._window, self._parts = window, parts
        self._steps: Iterator[None] | None = None
        self._held: list[QWidget] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._go_on)

    @property
    def is_busy(self) -> bool:
        """Whether steps are left."""
        return self._steps is not None

    def change(self, name: str, text_scale: float) -> None:
        """Start a change to this palette and text scale; a change in progress is superseded."""
        if (name, text_scale) == (theme.name(), theme.scale()):
            return
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        if not self._window.isVisible():
            theme.change(app, name, text_scale)
            self.styled.emit()
            return
        for window in app.topLevelWidgets():
            if window.isVisible() and window not in self._held:
                window.setUpdatesEnabled(False)
                self._held.append(window)
        self._steps = self._all_steps(theme.changing(app, name, text_scale))
        self._go_on()

    def _go_on(self) -> None:
        if self._steps is not None and next(self._steps, self) is self:
            self._steps = None
        if self._steps is not None:
            self._timer.start()

    def _all_steps(self, changing: Iterator[None]) -> Iterator[None]:
        layout_request = QEvent.Type.LayoutRequest
        for _ in changing:
            # Half-styled widgets would be laid out in each iteration.
            for widget in self._widgets():
                QCoreApplication.removePostedEvents(widget, layout_request.value)
            yield
        self.styled.emit()
        for widget in self._widgets():
            QCoreApplication.postEvent(widget, QEvent(layout_request))
        yield
        held, self._held = self._held, []
        for window in filter(isValid, held):
            _let_paint(window)
            if window is not self._window:
                window.update()
        yield
        yield from self._painting()

    def _widgets(self) -> Iterator[QWidget]:
        """All widgets whose painting is suspended."""
        for window in self._held:
            if isValid(window):
                yield from (window, *window.findChildren(QWidget))

    def _painting(self) -> Iterator[None]:
        window, rest, done = self._window, QRegion(self._window.rect()), set[QWidget]()
        for part in self._parts():
            inside = {part, *part.findChildren(QWidget)}
            for widget in inside:
                widget.update()
            done |= inside
            rest -= QRegion(QRect(part.mapTo(window, QPoint()), part.size()))
            behind = part.parentWidget()
            while behind is not None:
                done.add(behind)
                behind = behind.parentWidget()
            yield
        window.update(rest)
        for widget in window.findChildren(QWidget):
            if widget not in done:  # an update of what lies behind them does not reach opaque ones
                widget.update()


def _let_paint(window: QWidget) -> None:
    """Allow painting again. ``setUpdatesEnabled`` would paint all of the window at once."""
    attribute = Qt.WidgetAttribute
    window.setAttribute(attribute.WA_ForceUpdatesDisabled, False)
    for widget in (window, *window.findChildren(QWidget)):
        if not widget.testAttribute(attribute.WA_ForceUpdatesDisabled):
            widget.setAttribute(attribute.WA_UpdatesDisabled, False)
    # Was the window itself given another size meanwhile, Qt dropped the request that goes with that, and
    # would wait for it, deaf to all other updates.
    QCoreApplication.postEvent(window, QEvent(QEvent.Type.UpdateRequest))
