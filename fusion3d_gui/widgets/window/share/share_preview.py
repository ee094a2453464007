"""``SharePreview``: the page as it will leave, sheet below sheet."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from fusion3d_gui.widgets.look import theme


class SharePreview(QScrollArea):
    """As wide as it is; scrolls down."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Preview of the page")
        self._body = QWidget()
        self._sheets = QVBoxLayout(self._body)
        self._sheets.setContentsMargins(0, 0, theme.GRID, 0)
        self._sheets.setSpacing(3 * theme.GRID)
        self.waiting = theme.label("Painting the page…", color=theme.MUTED)
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._sheets.addWidget(self.waiting)
        self._sheets.addStretch(1)
        self.setWidget(self._body)
        self.pages: list[QWidget] = []

    def show_pages(self, images: Sequence[QImage]) -> None:
        """Show the sheets in order."""
        for page in self.pages:
            self._sheets.removeWidget(page)
            page.hide()
            page.deleteLater()
        self.waiting.setVisible(not images)
        self.pages = [_Sheet(image) for image in images]
        for number, page in enumerate(self.pages):
            page.setAccessibleName(f"Page {number + 1} of {len(images)}")
            self._sheets.insertWidget(number + 1, page)

    def show_waiting(self) -> None:
        """Say that the page is being painted."""
        self.show_pages(())


class _Sheet(QWidget):
    """One sheet, scaled to the width that there is."""

    def __init__(self, image: QImage) -> None:
        super().__init__()
        self._image = image
        policy = self.sizePolicy()
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def heightForWidth(self, width: int) -> int:
        """As high as the sheet is at that width."""
        return round(width * self._image.height() / self._image.width())

    def sizeHint(self) -> QSize:
        """Half of the picture's size."""
        return self._image.size() / 2

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the sheet."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        width = float(self.width())
        area = QRectF(0, 0, width, self.heightForWidth(self.width()))
        painter.drawImage(area, _shrunk(self._image, area, self.devicePixelRatioF()))
        painter.setPen(QColor(theme.LINE))
        painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()


def _shrunk(image: QImage, area: QRectF, ratio: float) -> QImage:
    """The image in the pixels that it is drawn in: painting would only take every other pixel."""
    size = QSize(max(1, round(area.width() * ratio)), max(1, round(area.height() * ratio)))
    if size.width() >= image.width():
        return image
    return image.scaled(
        size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
