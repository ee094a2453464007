"""``StatusLine``: value and position under the pointer, and mouse hints."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from fusion3d_gui.state.case.territories import Territories
from fusion3d_gui.state.display.crosshair import Crosshair
from fusion3d_gui.state.prediction.percent import whole_percent
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.position_text import position_text, value_text

_MOUSE = (
    "Wheel: slice   ·   Left drag: crosshair   ·   Right drag: window   ·   "
    "Ctrl+wheel: zoom   ·   Middle or Shift drag: pan"
)

#: Width (px) of value, position and heatmap share.
_READINGS_PX = 500


_LONGEST_POSITION = "L 888.8   A 888.8   S 888.8 mm "


class StatusLine(QWidget):
    """Shows the position under the pointer, else that of the crosshair."""

    def __init__(
        self,
        store: Store,
        predictions: Predictions,
        crosshair: Crosshair,
        territories: Territories,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._predictions = predictions
        self._crosshair = crosshair
        self._territories = territories
        self._hovered: np.ndarray | None = None
        self._with_images = True
        self.value = theme.label(size=12)
        self.position = theme.label(size=12, color=theme.MUTED)
        self.heat = theme.label(size=12, color=theme.MUTED)
        self.territory = theme.label(size=12, color=theme.MUTED)
        self._hint = theme.label(_MOUSE, size=theme.SMALL, color=theme.FAINT)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 0)
        layout.setSpacing(16)
        for label in (self.value, self.position, self.heat, self.territory):
            layout.addWidget(label)
        layout.addStretch(1)
        layout.addWidget(self._hint)
        self.setFixedHeight(28)
        crosshair.moved.connect(self._on_crosshair_moved)
        store.case_changed.connect(self._on_case_changed)
        store.prediction_changed.connect(self._show)
        territories.changed.connect(self._show)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Hide the hint where it does not fit; F1 shows the same."""
        self.fit()

    def fit(self) -> None:
        """Reserve the longest width of each value, so that nothing shifts while the pointer moves."""
        for label, longest in ((self.value, "-1024 HU    "), (self.position, _LONGEST_POSITION)):
            text = label.text()
            label.clear()  # with its text a label keeps its size hint, in which the old minimum is
            label.setMinimumWidth(label.fontMetrics().horizontalAdvance(longest))
            label.setText(text)
        needed = self._hint.sizeHint().width() + theme.px(_READINGS_PX)
        self._hint.setVisible(self._with_images and self.width() >= needed)

    def set_with_images(self, shown: bool) -> None:
        """Show readings and mouse hints while there are images that they are about, and nothing on other pages."""
        if shown != self._with_images:
            self._with_images = shown
            self.fit()
            self._show()

    def show_hovered(self, lps_mm: np.ndarray | None) -> None:
        """Show this patient position (mm, LPS); None: that of the crosshair."""
        self._hovered = lps_mm
        self._show()

    def _on_crosshair_moved(self) -> None:
        if self._hovered is None:
            self._show()

    def _on_case_changed(self) -> None:
        self._hovered = None
        self._show()

    def _show(self) -> None:
        case = self._store.case
        if case is None or not self._with_images:
            for label in (self.value, self.position, self.heat, self.territory):
                label.clear()
            return
        crosshair = self._crosshair.position_lps
        where = crosshair if self._hovered is None else self._hovered
        value = case.volume.value_at(where)
        self.value.setText("outside" if value is None else value_text(value, case.volume.unit))
        self.position.setText(position_text(where))
        self.territory.setText(self._territories.name_at(where))
        heatmap = self._predictions.heatmap
        share = None
        if heatmap is not None and heatmap.peak > 0:
            share = heatmap.as_volume.value_at(where)
            share = None if share is None else share / heatmap.peak
        self.heat.setText("" if share is None else f"heatmap cell {whole_percent(share)}")
