"""``StandardLesionDialog``: the reader checks side and registration before a lesion map is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.dialog_position import center_over

if TYPE_CHECKING:
    from fusion3d_gui.state.export.standard_lesion import CheckPicture, LesionCheck

_HOW = (
    "Red: the lesion. Blue: the edge of the template's brain. The scan's brain should fill the blue line, and the lesion "
    "should lie on the same structures in all rows."
)
_CONFIRM = "The side is right by the scan's letters, and the lesion lies where it should"
_SIDE_PX = 190


class StandardLesionDialog(QDialog):
    """Shows the lesion in the scan, in the registered scan and on the template; saving needs the reader's confirmation."""

    def __init__(self, check: LesionCheck, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Lesion in standard space")
        self.side = theme.label(check.side_text, size=theme.LARGE, medium=True)
        how = theme.label(_HOW, color=theme.MUTED)
        self.registration = theme.label(
            check.summary, color=theme.WARNING if check.is_doubtful else theme.MUTED
        )
        for label in (self.side, how, self.registration):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        pictures = QGridLayout()
        pictures.setSpacing(theme.GRID)
        for row, each in enumerate(check.rows):
            title = theme.label(each.title, color=theme.MUTED)
            title.setWordWrap(True)
            title.setFixedWidth(theme.px(84))
            pictures.addWidget(title, row, 0)
            for column, picture in enumerate(each.pictures, start=1):
                pictures.addWidget(_Picture(f"{each.title}, {picture.name}", picture), row, column)
        self.confirmed = QCheckBox(_CONFIRM)
        self.save = QPushButton("Save the lesion map…")
        self.save.setAutoDefault(False)
        self.save.setEnabled(False)
        self.save.setToolTip("Save it and open it on the template")
        self.cancel = QPushButton("Cancel")
        self.cancel.setDefault(True)
        buttons = QHBoxLayout()
        buttons.addWidget(self.confirmed, 1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*(4 * theme.GRID,) * 4)
        layout.setSpacing(2 * theme.GRID)
        layout.addWidget(self.side)
        layout.addWidget(how)
        layout.addLayout(pictures, 1)
        layout.addWidget(self.registration)
        layout.addLayout(buttons)
        self.confirmed.toggled.connect(self.save.setEnabled)
        self.cancel.clicked.connect(self.reject)
        self.save.clicked.connect(self.accept)
        self.resize(self.sizeHint())
        center_over(self, parent)


class _Picture(QWidget):
    """One slice at its proportions, with its letters."""

    def __init__(self, name: str, picture: CheckPicture) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._picture = picture
        self._pixels = np.ascontiguousarray(picture.rgb)
        rows, columns = self._pixels.shape[:2]
        self._image = QImage(
            self._pixels.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888
        )
        self.setMinimumSize(theme.px(120), theme.px(120))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """A square, whatever the proportions of the slice."""
        return QSize(theme.px(_SIDE_PX), theme.px(_SIDE_PX))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the slice as large as it fits, and a letter at each edge."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.IMAGE))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        area = QRectF(self.rect())
        width, height = self._picture.width_mm, self._picture.height_mm
        scale = min(area.width() / width, area.height() / height)
        shown = QRectF(0, 0, scale * width, scale * height)
        shown.moveCenter(area.center())
        painter.drawImage(shown, self._image)
        painter.setFont(theme.font(theme.SMALL))
        painter.setPen(QColor(theme.IMAGE_TEXT))
        inner = area.adjusted(4, 2, -4, -2)
        sides = (
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
            Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter,
            Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignHCenter,
        )
        for letter, side in zip(self._picture.letters, sides, strict=True):
            painter.drawText(inner, side, letter)
