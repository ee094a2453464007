"""``ToolStrip``: the tools of the left button, beside the images."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QAction, QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QVBoxLayout, QWidget

from fusion3d_gui.state.marks.tool import TOOLS
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.icons import SIDE, icon_path
from fusion3d_gui.widgets.window.commands.command import title_of

#: Id of the command and name of its icon, in groups.
_GROUPS = (
    tuple((f"tool_{name}", name) for name in TOOLS),
    (("undo", "undo"), ("redo", "redo")),
    (("marks", "table"), ("series", "series")),
)
_WIDTH = 44
_BUTTON = 32


class ToolStrip(QFrame):
    """Buttons for actions, in groups: the same title, state and shortcut as in the menus."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        """``actions`` by the id of their command."""
        super().__init__(parent)
        self.setObjectName("strip")
        self.buttons: dict[str, ActionButton] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 8, 6, 8)
        layout.setSpacing(4)
        for number, group in enumerate(_GROUPS):
            if number:
                layout.addSpacing(12)
            for action_id, picture in group:
                button = ActionButton(actions[action_id], picture)
                self.buttons[action_id] = button
                layout.addWidget(button)
        layout.addStretch(1)
        self.setFixedWidth(_WIDTH)


class ActionButton(QAbstractButton):
    """An icon button for an action, down while the action is checked."""

    def __init__(self, action: QAction, picture: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = action
        self._path = icon_path(picture)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedSize(_BUTTON, _BUTTON)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.clicked.connect(action.trigger)
        action.changed.connect(self._on_action_changed)
        self._on_action_changed()

    def sizeHint(self) -> QSize:
        """The square size of every button."""
        return QSize(_BUTTON, _BUTTON)

    def _on_action_changed(self) -> None:
        action = self._action
        self.setEnabled(action.isEnabled())
        self.setToolTip(action.toolTip())
        self.setAccessibleName(title_of(action))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the icon on a background that shows whether it is down or hovered."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        checked = self._action.isCheckable() and self._action.isChecked()
        plate = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(theme.ACCENT), 1) if self.hasFocus() else Qt.PenStyle.NoPen)
        if checked:
            painter.setBrush(QColor(theme.ACCENT))
        elif self.underMouse() and self.isEnabled():
            painter.setBrush(QColor(theme.HOVER))
        painter.drawRoundedRect(plate, 5, 5)
        color = theme.ON_ACCENT if checked else theme.TEXT if self.isEnabled() else theme.DISABLED
        painter.setBrush(Qt.BrushStyle.NoBrush)
        pen = QPen(QColor(color), 1.5)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.translate((self.width() - SIDE) / 2, (self.height() - SIDE) / 2)
        painter.drawPath(self._path)
