"""``PairedViews``: the views of two scans, one above the other or side by side, with the bar of the second."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.views.second_views import SecondViews
from fusion3d_gui.widgets.views.views_panel import ViewsPanel


class PairedViews(QWidget):
    """Both scans have views of one size: the second below the bar, or beside the first where one view is alone.

    A border that was dragged stays until that changes.

    The bar is never given another parent: Qt's style sheets would put back the fonts and colours that it began with.
    """

    def __init__(self, first: ViewsPanel, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.second = second = SecondViews(first, session)
        self._bar, self._room = second.bar, second.bar_room
        self._has_second = self._is_beside = self._is_dragged = False
        self._both = QSplitter(Qt.Orientation.Vertical)
        self._both.setChildrenCollapsible(False)
        self._both.addWidget(first)
        self._both.addWidget(second)
        self._column = QVBoxLayout(self)
        self._column.setSpacing(0)
        self._column.addWidget(self._both)
        self._bar.setParent(self)
        self._bar.hide()
        second.arranged.connect(self._on_arranged)
        self._both.splitterMoved.connect(self._on_dragged)
        for each in (second, self._room, self._bar):
            each.installEventFilter(self)
        self._place_bar()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the bar in its place."""
        kinds = QEvent.Type
        if watched is self._bar:
            if event.type() == kinds.LayoutRequest:
                self._place_bar()
        elif event.type() in (kinds.Move, kinds.Resize):
            self._place_bar()
        return False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the bar in its place, and the views at one size."""
        self._place_bar()
        self._share_room()

    def _on_dragged(self) -> None:
        self._is_dragged = True

    def _on_arranged(self, is_alone: bool) -> None:
        has_second = self.second.isVisibleTo(self)
        is_beside = is_alone and has_second
        if (has_second, is_beside) == (self._has_second, self._is_beside):
            return
        self._has_second, self._is_beside, self._is_dragged = has_second, is_beside, False
        self._bar.setVisible(has_second)
        self._bar.set_over_both(self._is_beside)
        self._room.setVisible(not self._is_beside)
        direction = Qt.Orientation.Horizontal if self._is_beside else Qt.Orientation.Vertical
        if self._both.orientation() != direction:
            self._both.setOrientation(direction)
        self._place_bar()
        self._share_room()
        # Once more after Qt has laid out what is in the splitter.
        QTimer.singleShot(0, self, self._share_room)

    def _share_room(self) -> None:
        if self._is_dragged:
            return
        bar = 0 if self._is_beside else self._bar.sizeHint().height()
        views = max(self.width() if self._is_beside else self.height() - bar, 2)
        self._both.setSizes([views // 2, views // 2 + bar])

    def _place_bar(self) -> None:
        high = self._bar.sizeHint().height()
        self._column.setContentsMargins(0, high if self._is_beside else 0, 0, 0)
        self._room.setFixedHeight(high)
        room = QRect(0, 0, self.width(), high)
        if not self._is_beside:
            room = QRect(self._room.mapTo(self, QPoint()), self._room.size())
        self._bar.setGeometry(room)
        self._bar.raise_()
