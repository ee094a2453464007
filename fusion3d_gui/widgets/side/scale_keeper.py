"""``ScaleKeeper``: keeps the heatmap's colour scale for other cases, models and methods."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QPushButton, QWidget

from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.widgets.look import theme


class ScaleKeeper(QWidget):
    """A button that keeps the scale, and the value (of the logit) at its top, which can be changed."""

    def __init__(self, overlay: OverlaySettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._overlay = overlay
        self._heatmap: Heatmap | None = None
        self.keep = QPushButton("Keep this scale")
        self.keep.setProperty("segment", True)
        self.keep.setCheckable(True)
        self.keep.setToolTip(
            "Colour every heatmap on this scale, whatever its peak: other cases, models and methods (U)"
        )
        self.top = QDoubleSpinBox()
        self.top.setDecimals(6)
        self.top.setRange(1e-6, 1000.0)
        self.top.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.top.setSuffix(" logit")
        self.top.setKeyboardTracking(False)
        self.top.setAccessibleName("Value at the top of the kept scale")
        self.top.setToolTip("Share of the logit in one cell that has the scale's strongest colour")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * theme.GRID)
        row.addWidget(self.keep, 0, Qt.AlignmentFlag.AlignLeft)
        row.addWidget(self.top, 1)
        self.keep.clicked.connect(lambda: overlay.toggle_kept_scale(self._heatmap))
        self.top.valueChanged.connect(overlay.keep_scale)
        overlay.changed.connect(self._show)
        self._show()

    def set_heatmap(self, heatmap: Heatmap | None) -> None:
        """Set the heatmap whose scale the button keeps."""
        self._heatmap = heatmap
        self._show()

    def _show(self) -> None:
        kept = self._overlay.kept_top
        own = 0.0
        if self._heatmap is not None and self._heatmap.has_unit:
            own = self._heatmap.peak
        self.keep.setEnabled(kept is not None or own > 0)
        self.keep.setChecked(kept is not None)
        self.top.setVisible(kept is not None)
        if kept is not None:
            self.top.blockSignals(True)
            self.top.setValue(kept)
            self.top.blockSignals(False)
