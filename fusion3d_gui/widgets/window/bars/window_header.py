"""``Header``: the patient, the open scan, its window level, and the notice of research use."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.display.corner_text import IDENTITY_HIDDEN, patient_line, study_date
from fusion3d_gui.state.display.window_level import WindowLevel
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.fields import NoScrollComboBox
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip
from fusion3d_gui.widgets.window.bars.window_controls import WindowControls


class Header(QWidget):
    """One row above the images."""

    def __init__(
        self,
        store: Store,
        opener: Opener,
        level: WindowLevel,
        predictions: Predictions,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._opener = opener
        self._predictions = predictions
        self._text = self._about = ""
        self._plain = False
        #: Who the patient is, or that this is hidden; without either the name of the scan.
        self.title = theme.label(size=theme.BODY, medium=True)
        self.detail = theme.label(size=theme.SMALL, color=theme.MUTED)
        for label in (self.title, self.detail):
            label.setMinimumWidth(80)
        self.series = NoScrollComboBox()
        self.series.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.series.setFixedWidth(200)
        self.series.setAccessibleName("Series")
        self.series.setToolTip("This folder holds several series")
        self.window_controls = WindowControls(level)
        self.badge = theme.label(RESEARCH_USE_ONLY)
        self.badge.setFont(theme.font(12, QFont.Weight.Medium))
        self.badge.setObjectName("badge")
        #: Says in two words where the model is not meant for this case, or hardly.
        self.fit_badge = theme.label()
        self.fit_badge.setFont(theme.font(12, QFont.Weight.Medium))
        self.fit_badge.setObjectName("badge")
        names = QVBoxLayout()
        names.setSpacing(1)
        names.addStretch(1)
        names.addWidget(self.title)
        names.addWidget(self.detail)
        names.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 0, 14, 0)
        layout.setSpacing(16)
        layout.addLayout(names, 1)
        layout.addWidget(self.series)
        layout.addWidget(self.window_controls)
        layout.addWidget(self.fit_badge, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignVCenter)
        self.setFixedHeight(48)
        self.series.activated.connect(self._on_series_chosen)
        store.case_changed.connect(self._on_case_changed)
        store.identity.changed.connect(self._on_case_changed)
        store.prediction_changed.connect(self._show_fit)
        # Presets change with the volume and once all its slices have been read: then values are counted anew.
        level.presets_changed.connect(self._count_values)
        self._on_case_changed()
        self._show_fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Make room for the patient, and elide what does not fit."""
        self.fit()

    def fit(self) -> None:
        """Give the patient's line its room, at the text size as it is now."""
        self._make_room()
        self._show_title()

    def set_plain(self, plain: bool) -> None:
        """Show only the title and the notice of research use, or the controls too.

        Window level and series act on images: beside a table they would seem to act on it.
        """
        if plain != self._plain:
            self._plain = plain
            self._on_case_changed()

    def _on_case_changed(self) -> None:
        case = self._store.case
        self.window_controls.setVisible(case is not None and not self._plain)
        if case is None:
            self._text, self._about = "Fusion3D", "No scan open"
            if self._store.identity.hidden:
                self._about += f"  ·  {IDENTITY_HIDDEN}"
        else:
            patient, about = (
                patient_line(case.volume),
                volume_text(case.volume, is_stated=case.is_stated_ct),
            )
            named = "Scan" if case.identity_hidden else case.name
            scan = case.volume.description or named
            self._text = patient or scan
            parts = (study_date(case.volume), scan if patient else "", about)
            self._about = " · ".join(each for each in parts if each)
            self._about += "" if patient else " · names no patient"
            self.series.clear()
            self.series.addItems([series_text(each) for each in case.series])
            self._name_open_series(case)
        self._make_room()
        self._show_title()

    def _make_room(self) -> None:
        """Hide controls that are elsewhere too, one after the other, until the patient's line fits."""
        case = self._store.case
        several = case is not None and len(case.series) > 1 and not self._plain
        controls = self.window_controls
        optional = (controls.histogram, self.series, controls.numbers, controls.presets)
        layout = self.layout()
        assert layout is not None
        line = min(self.title.fontMetrics().horizontalAdvance(self._text) + 2, self.width() // 2)
        for kept in range(len(optional), -1, -1):
            for number, widget in enumerate(reversed(optional)):
                widget.setVisible(number < kept and (widget is not self.series or several))
            controls.updateGeometry()
            layout.invalidate()
            if layout.minimumSize().width() - self.title.minimumWidth() + line <= self.width():
                break
        layout.activate()

    def _show_fit(self) -> None:
        report, demonstration = self._predictions.shown_fit, self._predictions.demonstration
        short = "Demonstration model" if demonstration else ""
        said = [demonstration] if demonstration else []
        if report is not None and report.fit != "fits":
            said = [*report.reasons, *said]
            if report.fit == "refused":
                short = (
                    "Not for this scan" if self._predictions.current is None else "Despite misfit"
                )
            elif not demonstration:
                short = "Doubtful"
        self.fit_badge.setText(short)
        self.fit_badge.setToolTip(plain_tip("\n".join(said)))
        self.fit_badge.setVisible(bool(short))
        self._make_room()
        self._show_title()

    def _count_values(self) -> None:
        case = self._store.case
        self.window_controls.histogram.set_volume(None if case is None else case.picture)

    def _name_open_series(self, case: Case) -> None:
        uids = [each.uid for each in case.series]
        if case.volume.series_uid in uids:
            self.series.setCurrentIndex(uids.index(case.volume.series_uid))

    def _on_series_chosen(self, index: int) -> None:
        case = self._store.case
        if case is not None:
            self._opener.open_series(case.series[index].uid)
            # Until it is open, or where it can't be read, the open one stays named.
            self._name_open_series(case)

    def _show_title(self) -> None:
        room = max(self.title.width(), self.title.minimumWidth())
        for label, text in ((self.title, self._text), (self.detail, self._about)):
            metrics = label.fontMetrics()
            label.setText(metrics.elidedText(text, Qt.TextElideMode.ElideRight, room))
            label.setToolTip(plain_tip(text))


def series_text(series: Series) -> str:
    """Name and number of slices, to tell series of one name apart: ``"T1  ·  35 slices"``."""
    return f"{series.description or visible_text(series.uid)}  ·  {series.slices_text}"


def volume_text(volume: Volume, *, is_stated: bool = False) -> str:
    """Modality, size and voxel size, e.g. ``"MR · 256 × 256 × 35 · 0.94 × 0.94 × 3.6 mm"``.

    ``is_stated``: the reader has said what the modality is.
    """
    (k, j, i), found = volume.shape, volume.interpolated_from
    dk, dj, di = volume.spacing_mm
    spacing = " × ".join(f"{mm:.3g}" for mm in (di, dj, dk))
    size = f"{i} × {j} × {k}" if not found else f"{i} × {j}, {found} slices interpolated to {k}"
    modality = f"{volume.modality} as stated" if is_stated else volume.modality
    parts = [modality, size, f"{spacing} mm"]
    return " · ".join(part for part in parts if part)
