"""``guard_wheel``: the wheel changes no control in passing."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QScrollBar,
    QTabBar,
    QWidget,
)

#: Kinds of controls whose value the wheel would change.
GUARDED = (QAbstractSlider, QAbstractSpinBox, QComboBox, QTabBar)

_NAME = "wheel guard"


class WheelGuard(QObject):
    """Event filter that leaves the wheel to what scrolls around a control without keyboard focus.

    One filter serves the whole application. It is installed on the controls and not on the
    application itself, which would call Python for every event of every object.
    """

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ignore the wheel, which Qt then offers to the control's parent."""
        if (
            event.type() == QEvent.Type.Wheel
            and isinstance(watched, QWidget)
            and not watched.hasFocus()
        ):
            event.ignore()
            return True
        return False


def guard_wheel(root: QWidget) -> None:
    """Guard every control in a window or dialog."""
    app = QApplication.instance()
    assert app is not None
    guard = app.findChild(WheelGuard, _NAME)
    if guard is None:
        guard = WheelGuard(app)
        guard.setObjectName(_NAME)
    for kind in GUARDED:
        for control in root.findChildren(kind):
            if isinstance(control, QScrollBar):
                continue
            # Else the wheel would give the control the focus first.
            if control.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            control.installEventFilter(guard)
