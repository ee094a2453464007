"""``SeriesPanel``: thumbnails of the series of the open path; a click opens one."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QFrame, QListView, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from fusion3d_gui.imaging.series import Series
from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.case.thumbnails import DENSITY, SIDE, Thumbnails
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme

_WIDTH = 136
_UID = Qt.ItemDataRole.UserRole


class SeriesPanel(QFrame):
    """A column of thumbnails; the open series is marked."""

    def __init__(self, store: Store, opener: Opener, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("series")
        self._store = store
        self._opener = opener
        self.thumbnails = Thumbnails(store, self)
        self.list = QListWidget()
        self.list.setViewMode(QListView.ViewMode.IconMode)
        self.list.setFlow(QListView.Flow.TopToBottom)
        self.list.setWrapping(False)
        self.list.setMovement(QListView.Movement.Static)
        self.list.setIconSize(QSize(SIDE, SIDE))
        self.list.setWordWrap(True)
        self.list.setSpacing(4)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setFont(theme.font(theme.SMALL))
        self.list.setAccessibleName("Series")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 8, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(theme.section_title("  Series"))
        layout.addWidget(self.list, 1)
        self.setFixedWidth(_WIDTH)
        self.list.itemClicked.connect(self._on_chosen)
        self.list.itemActivated.connect(self._on_chosen)
        store.case_changed.connect(self._on_case_changed)
        self.thumbnails.made.connect(self._on_made)

    @property
    def has_choice(self) -> bool:
        """Whether there is more than one series."""
        case = self._store.case
        return case is not None and len(case.series) > 1

    def show_if(self, wanted: bool) -> None:
        """Show the panel if it is wanted and there are several series; thumbnails are made only then."""
        shown = wanted and self.has_choice
        self.setVisible(shown)
        self.thumbnails.set_wanted(shown)

    def _on_case_changed(self) -> None:
        case = self._store.case
        self.list.clear()
        found = () if case is None else sorted(case.series, key=lambda each: each.patient or 0)
        several = len({series.patient for series in found}) > 1
        patient = None
        for series in found:
            if several and series.patient != patient:
                self.list.addItem(_heading(series))
            patient = series.patient
            item = QListWidgetItem(_text(series))
            item.setData(_UID, series.uid)
            item.setToolTip(f"{series.description}\n{series.modality} {series.format}".strip())
            item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
            item.setSizeHint(QSize(theme.px(_WIDTH - 24), SIDE + theme.px(40)))
            self.list.addItem(item)
            self._show(item)
            if case is not None and series.uid == case.volume.series_uid:
                self.list.setCurrentItem(item)

    def _on_made(self, uid: str) -> None:
        for row in range(self.list.count()):
            if self.list.item(row).data(_UID) == uid:
                self._show(self.list.item(row))

    def _show(self, item: QListWidgetItem) -> None:
        picture = _pixmap(self.thumbnails.image(item.data(_UID)))
        icon = QIcon(picture)
        # Without an icon for it, Qt would tint that of the selected item.
        icon.addPixmap(picture, QIcon.Mode.Selected)
        item.setIcon(icon)

    def _on_chosen(self, item: QListWidgetItem) -> None:
        uid = item.data(_UID)
        if uid:
            self._opener.open_series(uid)


def _heading(series: Series) -> QListWidgetItem:
    """The patient of the series below it; only a number while the identity is hidden."""
    who = (series.identity.get(key, "").replace("^", " ") for key in ("PatientName", "PatientID"))
    name = "\n".join(part.strip() for part in who if part.strip())
    if not name:
        name = "No patient" if series.patient is None else f"Patient {series.patient}"
    item = QListWidgetItem(name)
    item.setFlags(Qt.ItemFlag.ItemIsEnabled)
    item.setFont(theme.font(theme.SMALL, QFont.Weight.DemiBold))
    item.setForeground(QColor(theme.MUTED))
    item.setToolTip(name)
    item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
    item.setSizeHint(QSize(theme.px(_WIDTH - 24), theme.px(18 * (name.count("\n") + 1))))
    return item


def _pixmap(picture: np.ndarray | None) -> QPixmap:
    """The thumbnail (uint8 ``[row, column]``) centred in a black square."""
    side = SIDE * DENSITY
    square = QPixmap(side, side)
    square.fill(QColor(theme.IMAGE))
    if picture is not None:
        height, width = picture.shape
        pixels = np.ascontiguousarray(picture)
        form = QImage.Format.Format_Grayscale8
        image = QImage(pixels.data, width, height, width, form).copy()
        painter = QPainter(square)
        painter.drawImage((side - width) // 2, (side - height) // 2, image)
        painter.end()
    square.setDevicePixelRatio(DENSITY)
    return square


def _text(series: Series) -> str:
    name = series.description or series.modality or "Series"
    return f"{name}\n{series.shape[0]} slices"
