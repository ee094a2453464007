"""``SliceSlider``: a slider beside a view for its slice position."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.slice.crosshair_arms import COLORS
from fusion3d_gui.widgets.slice.slice_view import SliceView

_WIDTH = 12
_THUMB = 18.0
_GROOVE = "#1c1c1c"


class SliceSlider(QWidget):
    """Shows and sets the slice by click or drag; up is the direction of the wheel turned forward."""

    def __init__(self, view: SliceView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self.setFixedWidth(_WIDTH)
        self.setCursor(Qt.CursorShape.SizeVerCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Slice slider")
        self.setToolTip("Drag to change the slice")
        self._painted: float | None = None
        view.display.crosshair.moved.connect(self._on_moved)
        view.display.planes.changed.connect(self._on_moved)
        view.orientation_changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """Narrow, and as tall as the view."""
        return QSize(_WIDTH, 120)

    @property
    def _share(self) -> float | None:
        """The slice position, 0 at the top to 1 at the bottom; None without a volume or with a single slice."""
        view, slicer = self._view, self._view.slicer
        if slicer is None or slicer.count(view.orientation) < 2:
            return None
        last = slicer.count(view.orientation) - 1
        share = slicer.index_at(view.orientation, view.picture.depth_mm) / last
        return 1.0 - share if view.orientation.forward_sign > 0 else share

    def _on_moved(self) -> None:
        if self.isVisible() and self._share != self._painted:
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A groove and a thumb in the colour of the view's plane."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.IMAGE))
        share = self._painted = self._share
        if share is None:
            return
        painter.fillRect(QRectF(_WIDTH / 2 - 2, 6, 3, self.height() - 12), QColor(_GROOVE))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        top = 6 + share * max(0.0, self.height() - 12 - _THUMB)
        color = QColor(COLORS[self._view.orientation.name])
        color.setAlpha(255 if self.underMouse() else 190)
        painter.setBrush(color)
        painter.drawRoundedRect(QRectF(_WIDTH / 2 - 3, top, 5, _THUMB), 2.5, 2.5)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the slice at the pointer."""
        self._go_to(event.position().y())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go to the slice at the pointer while dragging."""
        self._go_to(event.position().y())

    def _go_to(self, y: float) -> None:
        view, slicer = self._view, self._view.slicer
        if slicer is None or self._share is None:
            return
        last = slicer.count(view.orientation) - 1
        room = max(1.0, self.height() - 12 - _THUMB)
        share = min(max((y - 6 - _THUMB / 2) / room, 0.0), 1.0)
        wanted = round((1.0 - share if view.orientation.forward_sign > 0 else share) * last)
        now = slicer.index_at(view.orientation, view.picture.depth_mm)
        view.step((wanted - now) * view.orientation.forward_sign)


class ViewCell(QWidget):
    """A slice view with its slider."""

    def __init__(self, view: SliceView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(view, 1)
        layout.addWidget(SliceSlider(view))
