"""``KeysOverlay``: the list of mouse actions and keys, over the whole window."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, combinations, pairwise

from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.widgets.look import theme

_MOUSE = (
    ("Wheel, ↑ ↓", "Next slice"),
    ("Page Up, Page Down", "Ten slices on"),
    ("Left drag", "Move the crosshair; with a tool, draw"),
    ("Right drag", "Window: right is wider, down is brighter"),
    ("Ctrl + wheel, + −", "Zoom, about the pointer"),
    ("Shift + wheel", "Wider or narrower window"),
    ("1 to 9, then 0", "Window presets, in the order of their list"),
    ("Middle or Shift + drag", "Pan"),
    ("Double click", "One view alone, or all again"),
    ("Drag a mark", "Move it, or one of its handles"),
    ("Double click on a mark", "Write on it"),
)
_COLUMNS = 3
#: Line spacing, in heights of the text.
_PITCH = 1.2


class KeysOverlay(QScrollArea):
    """Mouse actions in a view and keys of the menus; any key or click closes it."""

    def __init__(self, keys: Mapping[str, Sequence[tuple[str, str]]], parent: QWidget) -> None:
        super().__init__(parent)
        self._under = parent
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Mouse and keys")
        body = _Page()
        outer = QVBoxLayout(body)
        outer.setContentsMargins(36, 20, 36, 16)
        outer.setSpacing(14)
        title = theme.label("Mouse and keys", size=theme.LARGE, medium=True)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(theme.label("Any key or click closes this", color=theme.MUTED))
        outer.addLayout(head)
        columns = QHBoxLayout()
        columns.setSpacing(44)
        groups = [("In a view", _MOUSE), *keys.items()]
        for column in _spread(groups, _COLUMNS):
            place = QVBoxLayout()
            place.setSpacing(13)
            for name, rows in column:
                place.addWidget(_group(name, rows))
            place.addStretch(1)
            columns.addLayout(place, 1)
        outer.addLayout(columns, 1)
        self.setWidget(body)
        self.setGeometry(parent.rect())
        parent.installEventFilter(self)
        self.show()
        self.raise_()
        self.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Cover the window when it is resized."""
        if event.type() == QEvent.Type.Resize and watched is self._under:
            self.setGeometry(self._under.rect())
        return super().eventFilter(watched, event)

    def event(self, event: QEvent) -> bool:
        """Accept every shortcut, so that none reaches the window underneath."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close, unless the key scrolls or is a modifier."""
        keys = Qt.Key
        scrolls = (keys.Key_Up, keys.Key_Down, keys.Key_PageUp, keys.Key_PageDown)
        modifiers = (keys.Key_Shift, keys.Key_Control, keys.Key_Alt, keys.Key_Meta, keys.Key_AltGr)
        if event.key() in scrolls:
            super().keyPressEvent(event)
        elif event.key() not in modifiers:
            self.close()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Close on any click."""
        self.close()


_Group = tuple[str, Sequence[tuple[str, str]]]


def _spread(groups: Sequence[_Group], count: int) -> list[Sequence[_Group]]:
    """Distribute groups in their order over columns, so that the longest column is as short as possible."""

    def columns(cuts: Sequence[int]) -> list[Sequence[_Group]]:
        return [groups[a:b] for a, b in pairwise((0, *cuts, len(groups)))]

    ends = list(accumulate((len(rows) + 2 for _, rows in groups), initial=0))

    def longest(cuts: Sequence[int]) -> int:
        return max(ends[b] - ends[a] for a, b in pairwise((0, *cuts, len(groups))))

    return columns(min(combinations(range(1, len(groups)), count - 1), key=longest))


def _group(title: str, rows: Sequence[tuple[str, str]]) -> QFrame:
    frame = QFrame()
    grid = QGridLayout(frame)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(18)
    grid.setVerticalSpacing(3)
    grid.setColumnStretch(1, 1)
    grid.addWidget(theme.section_title(title), 0, 0, 1, 2)
    keys, meanings = zip(*rows, strict=True)
    grid.addWidget(_Lines(keys, "ACCENT"), 1, 0)
    grid.addWidget(_Lines(meanings, "TEXT"), 1, 1, Qt.AlignmentFlag.AlignLeft)
    return frame


class _Page(QWidget):
    """An opaque background, declared to Qt so that what lies underneath is not painted."""

    def __init__(self) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Fill the background."""
        QPainter(self).fillRect(event.rect(), QColor(theme.WINDOW))


class _Lines(QWidget):
    """Lines of text in one of the theme's colours, given by its name.

    Labels, or one label of several lines, take many times longer.
    """

    def __init__(self, texts: Sequence[str], ink: str) -> None:
        super().__init__()
        self._texts, self._ink = texts, ink
        self.setFont(theme.font(12))
        self.setAccessibleName("\n".join(texts))
        metrics = QFontMetricsF(self.font())
        self._pitch = round(_PITCH * metrics.height())
        self._ascent = metrics.ascent()
        width = max(metrics.horizontalAdvance(text) for text in texts)
        self.setFixedSize(math.ceil(width) + 1, self._pitch * len(texts))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw one text per line."""
        painter = QPainter(self)
        painter.setPen(QColor(getattr(theme, self._ink)))
        for number, text in enumerate(self._texts):
            painter.drawText(QPointF(0, number * self._pitch + self._ascent), text)
