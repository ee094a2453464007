"""``CommandPalette``: find and run a command by a few letters of its name."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.state.fuzzy_match import fuzzy_score
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.window.commands.command import Command, Menus, title_of

_WIDTH, _HEIGHT, _ROW = 560, 400, 34
#: Subtracted from the score of a match that needs the name of the menu.
_MENU_COST = 20.0
_COMMAND = Qt.ItemDataRole.UserRole


class CommandPalette(QDialog):
    """A search line and the matching commands, best first. Return runs one, Escape closes."""

    def __init__(self, menus: Menus, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self._menus, self._window = menus, parent
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        self.setWindowTitle("Commands")
        self.line = QLineEdit()
        self.line.setPlaceholderText("What do you want to do?")
        self.line.setAccessibleName("Search for a command")
        self.line.setFont(theme.font(theme.LARGE))
        self.line.setFixedHeight(theme.px(38))
        self.list = QListWidget()
        self.list.setItemDelegate(_Row(self.list))
        self.list.setAccessibleName("Commands")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.nothing: QLabel = theme.label("Nothing found", color=theme.MUTED)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        theme.style(
            self,
            "CommandPalette { background: $RAISED; border: 1px solid $EDGE; }"
            " QListWidget { background: $RAISED; }",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 10)
        layout.setSpacing(8)
        layout.addWidget(self.line)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.nothing, 1)
        self.resize(theme.px(_WIDTH), theme.px(_HEIGHT))
        self.line.installEventFilter(self)
        self.line.textChanged.connect(self._search)
        self.list.itemClicked.connect(self._run)
        # Not every window manager returns the keyboard focus by itself.
        self.finished.connect(parent.activateWindow)
        self._search("")

    @property
    def titles(self) -> list[str]:
        """Titles of the listed commands, best first."""
        return [self.list.item(row).text() for row in range(self.list.count())]

    def appear(self) -> None:
        """Open in the upper middle of the window."""
        parent = self._window
        corner = parent.mapToGlobal(parent.rect().topLeft())
        self.move(corner.x() + (parent.width() - self.width()) // 2, corner.y() + theme.px(72))
        self.open()
        self.line.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Send arrow keys and Return in the search line to the list."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            keys = Qt.Key
            steps = {keys.Key_Down: 1, keys.Key_Up: -1, keys.Key_PageDown: 8, keys.Key_PageUp: -8}
            key = event.key()
            if key in steps and self.list.count():
                row = self.list.currentRow() + steps[keys(key)]
                self.list.setCurrentRow(min(max(row, 0), self.list.count() - 1))
                return True
            if key in (keys.Key_Return, keys.Key_Enter):
                item = self.list.currentItem()
                if item is not None:
                    self._run(item)
                return True
        return False

    def _search(self, text: str) -> None:
        self._menus.refresh()
        found = []
        for order, command in enumerate(self._menus.commands):
            action = self._menus.actions[command.id]
            if command.id == "palette" or not action.isVisible():
                continue
            name = title_of(action)
            by_name = fuzzy_score(text, name)
            by_menu = fuzzy_score(text, f"{_menu_text(command)} {name}")
            scores = [_synonym_score(text, command)]
            if by_menu is not None:
                scores.append(by_menu - _MENU_COST if by_name is None else by_name)
            score = max((each for each in scores if each is not None), default=None)
            if score is not None:
                found.append((not action.isEnabled(), -score, order, command, name))
        found.sort(key=lambda each: each[:3])
        self.list.clear()
        for disabled, _, _, command, name in found:
            item = QListWidgetItem(name)
            item.setData(_COMMAND, command)
            if disabled:
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEnabled)
            self.list.addItem(item)
        self.list.setVisible(bool(found))
        self.nothing.setVisible(not found)
        if found:
            self.list.setCurrentRow(0)

    def _run(self, item: QListWidgetItem) -> None:
        if not item.flags() & Qt.ItemFlag.ItemIsEnabled:
            return
        command: Command = item.data(_COMMAND)
        self.close()
        # After the palette has closed, so that it does not take the focus back from what the command opens.
        self._menus.actions[command.id].trigger()


def _synonym_score(text: str, command: Command) -> float | None:
    """Score of the best of the command's synonyms that begin with the text; None where none does."""
    wanted = text.strip().lower()
    scores = [
        fuzzy_score(wanted, each) for each in command.synonyms if wanted and each.startswith(wanted)
    ]
    return max((each for each in scores if each is not None), default=None)


def _menu_text(command: Command) -> str:
    return command.menu.replace("&", "").replace("/", " › ")


class _Row(QStyledItemDelegate):
    """Title, then menu and keys at the right."""

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(100, theme.px(_ROW))

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        command: Command = index.data(_COMMAND)
        enabled = bool(index.flags() & Qt.ItemFlag.ItemIsEnabled)
        area = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.HOVER))
            painter.drawRoundedRect(area.adjusted(0, 1, 0, -1), 5, 5)
        inner = area.adjusted(10, 0, -10, 0)
        flags = Qt.AlignmentFlag
        painter.setFont(theme.font())
        painter.setPen(QColor(theme.TEXT if enabled else theme.DISABLED))
        painter.drawText(inner, flags.AlignLeft | flags.AlignVCenter, index.data())
        key = QKeySequence(command.shortcut).toString(QKeySequence.SequenceFormat.NativeText)
        painter.setFont(theme.font(12))
        if key:
            painter.setPen(QColor(theme.ACCENT if enabled else theme.DISABLED))
            painter.drawText(inner, flags.AlignRight | flags.AlignVCenter, key)
        painter.setPen(QColor(theme.FAINT if enabled else theme.DISABLED))
        left_of_keys = inner.adjusted(0, 0, -theme.px(120), 0)
        painter.drawText(left_of_keys, flags.AlignRight | flags.AlignVCenter, _menu_text(command))
        painter.restore()
