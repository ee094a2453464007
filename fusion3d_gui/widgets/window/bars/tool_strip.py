"""``ToolStrip``: the tools of the left button beside the images, and menus for what shows them."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QAction, QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QMenu, QSizePolicy, QWidget

from fusion3d_gui.state.marks.tool import TOOLS
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.icons import SIDE, icon_path
from fusion3d_gui.widgets.look.plain_tip import plain_tip
from fusion3d_gui.widgets.window.commands.command import Menus, title_of

#: Id of the command and name of its icon, in groups.
_GROUPS = (
    # The eraser and the fill are chosen beside the brush, in the panel of masks.
    tuple((f"tool_{name}", name) for name in TOOLS if name not in ("eraser", "fill")),
    (("undo", "undo"), ("redo", "redo")),
    (("marks", "table"), ("series", "series")),
)
#: Path of the menu, its icon, name and tip.
_MENUS = (
    ("&View/Layout", "layout", "Layout", "Layout of the views, or one of them alone (F4 to F10)"),
    ("&View/Slab", "slab", "Slab", "Slab: several slices as one (thicker ], thinner [)"),
)
#: Usual side of a button (px at the usual text size), and its least (px).
_BUTTON, _LEAST_BUTTON = 32, 24
#: Around all buttons, between them and between their groups (px).
_MARGIN, _APART, _GROUPS_APART = 6, 3, 10


class ToolStrip(QFrame):
    """Buttons for actions, in groups: the same title, state and shortcut as in the menus; then buttons for menus.

    They are smaller where the window is too low for all.
    """

    def __init__(self, menus: Menus, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("strip")
        #: By the id of the command, or the name of the icon of a menu.
        self.buttons: dict[str, IconButton] = {}
        self._groups: list[list[IconButton]] = []
        for group in _GROUPS:
            self._add_group(
                {name: ActionButton(menus.actions[name], picture, self) for name, picture in group}
            )
        self._add_group(
            {
                picture: MenuButton(menus, path, picture, name, tip, self)
                for path, picture, name, tip in _MENUS
            }
        )
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)

    def _add_group(self, buttons: dict[str, IconButton]) -> None:
        self.buttons |= buttons
        self._groups.append(list(buttons.values()))

    def sizeHint(self) -> QSize:
        """As wide as a button."""
        return QSize(2 * _MARGIN + self._side, theme.px(_BUTTON))

    def minimumSizeHint(self) -> QSize:
        """The same: it never makes the window taller."""
        return self.sizeHint()

    @property
    def _side(self) -> int:
        """Side (px) of a button: it grows with the text as far as there is room for all."""
        gaps = 2 * _MARGIN + (len(self._groups) - 1) * _GROUPS_APART
        fitting = (self.height() - gaps) // len(self.buttons) - _APART
        return max(min(theme.px(_BUTTON), fitting), _LEAST_BUTTON)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the buttons in the height that there is."""
        side, top = self._side, _MARGIN
        for group in self._groups:
            for button in group:
                button.setGeometry(_MARGIN, top, side, side)
                top += side + _APART
            top += _GROUPS_APART
        if self.width() != self.sizeHint().width():
            self.updateGeometry()


class IconButton(QAbstractButton):
    """A square button with an icon."""

    def __init__(self, picture: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path = icon_path(picture)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    @property
    def is_on(self) -> bool:
        """Whether it is drawn as switched on."""
        return False

    def sizeHint(self) -> QSize:
        """The usual size; the strip says how large it is."""
        return QSize(_BUTTON, _BUTTON)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the icon on a background that shows whether it is on or hovered."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plate = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(theme.ACCENT), 1) if self.hasFocus() else Qt.PenStyle.NoPen)
        if self.is_on:
            painter.setBrush(QColor(theme.ACCENT))
        elif self.underMouse() and self.isEnabled():
            painter.setBrush(QColor(theme.HOVER))
        painter.drawRoundedRect(plate, 5, 5)
        color = (
            theme.ON_ACCENT if self.is_on else theme.TEXT if self.isEnabled() else theme.DISABLED
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        scale = self.width() / _BUTTON
        pen = QPen(QColor(color), 1.5)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.scale(scale, scale)
        painter.translate((_BUTTON - SIDE) / 2, (_BUTTON - SIDE) / 2)
        painter.drawPath(self._path)


class ActionButton(IconButton):
    """A button for an action, on while the action is checked."""

    def __init__(self, action: QAction, picture: str, parent: QWidget | None = None) -> None:
        super().__init__(picture, parent)
        self._action = action
        self.clicked.connect(action.trigger)
        action.changed.connect(self._on_action_changed)
        self._on_action_changed()

    @property
    def is_on(self) -> bool:
        return self._action.isCheckable() and self._action.isChecked()

    def _on_action_changed(self) -> None:
        action = self._action
        self.setEnabled(action.isEnabled())
        self.setToolTip(action.toolTip())
        self.setAccessibleName(title_of(action))
        self.update()


class MenuButton(IconButton):
    """A button that opens a menu of the menu bar beside itself; on while it is open."""

    def __init__(
        self,
        menus: Menus,
        path: str,
        picture: str,
        name: str,
        tip: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(picture, parent)
        self._menus = menus
        self.menu: QMenu = menus.menu(path)
        self.setAccessibleName(name)
        self.setToolTip(plain_tip(tip))
        self.clicked.connect(self._open)
        self.menu.aboutToHide.connect(self.update)

    @property
    def is_on(self) -> bool:
        return self.menu.isVisible()

    def _open(self) -> None:
        self._menus.refresh()
        self.menu.popup(self.mapToGlobal(self.rect().topRight()))
        self.update()
