"""``SeriesPicture``: the picture of the chosen series, where the PACS renders one."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QLabel, QWidget

from fusion3d_gui.state.pacs.finder import Finder
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme

_EDGE = 128


class SeriesPicture(QLabel):
    """Takes no room where there is no picture; none is shown while identity is hidden: text may be burnt in."""

    def __init__(self, finder: Finder, store: Store, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._finder, self._store = finder, store
        self.setObjectName("series-picture")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.setAccessibleName("Picture of the chosen series")
        self.setToolTip("The middle image of the chosen series, as the PACS renders it")
        finder.picture_changed.connect(self._show)
        store.identity.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        picture = None if self._store.identity.hidden else self._finder.picture
        self.setVisible(picture is not None)
        if picture is None:
            self.clear()
            return
        pixels = np.ascontiguousarray(picture)
        rows, columns, _ = pixels.shape
        image = QImage(pixels.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888)
        edge = theme.px(_EDGE)
        self.setPixmap(
            QPixmap.fromImage(image).scaled(
                edge,
                edge,
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
