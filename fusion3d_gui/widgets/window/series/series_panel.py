"""``SeriesPanel``: thumbnails of the series of the open path; a click opens one."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QIcon, QImage, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QListWidgetItem, QVBoxLayout, QWidget

from fusion3d_gui.imaging.series import Series
from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.case.thumbnails import DENSITY, SIDE, Thumbnails
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.elided_lines import elided_lines
from fusion3d_gui.widgets.look.plain_tip import plain_tip
from fusion3d_gui.widgets.window.series.series_list import UID_ROLE, SeriesList

#: Usual and least width (px at the usual text size).
WIDTH, LEAST_WIDTH = 136, 124
#: Height of a caption (px): two lines of the name, one with the number of slices.
_CAPTION = 54
_MARGIN = 10


class SeriesPanel(QFrame):
    """A column of thumbnails; the open series is highlighted, and no other."""

    #: The user has chosen a series, which is open or being opened.
    chosen = Signal()

    def __init__(self, store: Store, opener: Opener, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("series")
        self._store = store
        self._opener = opener
        self.thumbnails = Thumbnails(store, self)
        self.list = SeriesList(SIDE)
        self.list.setFont(theme.font(theme.SMALL))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 8, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(theme.section_title("  Series"))
        layout.addWidget(self.list, 1)
        self.list.chosen.connect(self._on_chosen)
        store.case_changed.connect(self.list_series)
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

    def list_series(self) -> None:
        """List the series of the case, their captions fitted to the text size."""
        case = self._store.case
        self.list.clear()
        found = () if case is None else sorted(case.series, key=lambda each: each.patient or 0)
        several = len({series.patient for series in found}) > 1
        patient = None
        for series in found:
            if several and series.patient != patient:
                self.list.addItem(_heading(series, self._item_width))
            patient = series.patient
            item = self._item(series)
            self.list.addItem(item)
            self._show(item)
            if case is not None and series.uid == case.volume.series_uid:
                self.list.show_open(item)

    def _item(self, series: Series) -> QListWidgetItem:
        name, slices = _name(series), series.slices_text
        item = QListWidgetItem()
        item.setData(UID_ROLE, series.uid)
        about = f"{series.modality} {series.format}".strip()
        item.setToolTip(plain_tip(f"{name}\n{about}, {slices}"))
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{name}, {slices}")
        item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._fit(item, series)
        return item

    def _fit(self, item: QListWidgetItem, series: Series) -> None:
        """Fit a caption to the width of the panel."""
        width, metrics = self._item_width, self.list.fontMetrics()
        name = elided_lines(_name(series), metrics, width - 2 * _MARGIN)
        item.setText(f"{name}\n{series.slices_text}")
        item.setSizeHint(QSize(width, SIDE + theme.px(_CAPTION)))

    @property
    def _item_width(self) -> int:
        return max(self.width(), theme.px(LEAST_WIDTH)) - theme.px(24)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the captions to the width."""
        super().resizeEvent(event)
        if event.size().width() == event.oldSize().width():
            return
        for row in range(self.list.count()):
            item = self.list.item(row)
            series = self.series(item.data(UID_ROLE))
            if series is not None:
                self._fit(item, series)
            else:
                item.setSizeHint(QSize(self._item_width, item.sizeHint().height()))

    def _on_made(self, uid: str) -> None:
        for row in range(self.list.count()):
            if self.list.item(row).data(UID_ROLE) == uid:
                self._show(self.list.item(row))

    def _show(self, item: QListWidgetItem) -> None:
        picture = _pixmap(self.thumbnails.image(item.data(UID_ROLE)))
        icon = QIcon(picture)
        # Without an icon for it, Qt would tint that of the selected item.
        icon.addPixmap(picture, QIcon.Mode.Selected)
        item.setIcon(icon)

    def _on_chosen(self, uid: str) -> None:
        self._opener.open_series(uid)
        self.chosen.emit()

    def series(self, uid: str) -> Series | None:
        """A listed series by its UID."""
        case = self._store.case
        found = () if case is None else case.series
        return next((each for each in found if each.uid == uid), None)


def _name(series: Series) -> str:
    return series.description or series.modality or "Series"


def _heading(series: Series, width: int) -> QListWidgetItem:
    """The patient of the series below it; only a number while the identity is hidden."""
    who = (series.identity.get(key, "").replace("^", " ") for key in ("PatientName", "PatientID"))
    name = "\n".join(part.strip() for part in who if part.strip())
    if not name:
        name = "No patient" if series.patient is None else f"Patient {series.patient}"
    item = QListWidgetItem(name)
    item.setFlags(Qt.ItemFlag.ItemIsEnabled)
    item.setFont(theme.font(theme.SMALL, QFont.Weight.DemiBold))
    item.setForeground(QColor(theme.MUTED))
    item.setToolTip(plain_tip(name))
    item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
    item.setSizeHint(QSize(width, theme.px(18 * (name.count("\n") + 1))))
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
