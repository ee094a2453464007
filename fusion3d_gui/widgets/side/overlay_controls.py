"""``OverlayControls``: how the heatmap is shown, its colour bar, its grid and its hot spots."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.model.attribution.localisation_record import METHOD_NAMES
from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.state.prediction.hot_spot_list import HotSpotList
from fusion3d_gui.state.prediction.percent import whole_percent
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.fields import NoScrollComboBox
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.color_bar import ColorBar
from fusion3d_gui.widgets.look.color_map import HEATMAPS
from fusion3d_gui.widgets.look.plain_tip import plain_tip
from fusion3d_gui.widgets.side.hot_spot_rows import HotSpotRows
from fusion3d_gui.widgets.side.scale_keeper import ScaleKeeper

#: Keeps the numbers of a size on one line.
_TIMES = "\u00a0×\u00a0"

#: A smaller share of the heatmap in the air is not worth a word.
_NOTED_IN_AIR = 0.02

_STOPPED = "No heatmap: making it was stopped. Choose a method to make one."


class OverlayControls(QWidget):
    """Visibility, opacity, threshold, colour map; enabled while there is a current heatmap."""

    def __init__(
        self,
        store: Store,
        predictions: Predictions,
        hot_spots: HotSpotList,
        overlay: OverlaySettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._predictions = predictions
        self._hot_spots = hot_spots
        self._overlay = overlay
        self.toggle = QPushButton("Shown")
        self.toggle.setProperty("quiet", True)
        self.toggle.setToolTip("Show or hide the heatmap (H)")
        self.peak = QPushButton("Go to peak")
        self.peak.setProperty("quiet", True)
        self.peak.setToolTip("Move the crosshair to the heatmap's peak (G)")
        self.opacity = _PercentSlider("Opacity", "Opacity of the heatmap over the image")
        self.threshold = _PercentSlider(
            "Threshold", "Below this share of its scale the heatmap is transparent"
        )
        self.bar = ColorBar()
        self.scale = ScaleKeeper(self._overlay)
        self.about = theme.label(size=theme.SMALL, color=theme.FAINT)
        self.about.setWordWrap(True)
        self.contours = _Toggle("Contours", "Contour lines instead of filled areas (O)")
        self.blink = _Toggle("Blink", "Show and hide the heatmap in turn (Shift+H)")
        self.colors = NoScrollComboBox()
        # Beside two buttons: at large text the usual eight would be wider than the panel.
        self.colors.setMinimumContentsLength(4)
        self.colors.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.colors.addItems(HEATMAPS)
        self.colors.setAccessibleName("Heatmap colours")
        self.colors.setToolTip(
            "Colour map of the heatmap: perceptually uniform, readable with colour-vision deficiency"
        )
        self.spots = HotSpotRows(self._hot_spots)
        self._build()
        self._connect()
        self._on_overlay_changed()
        self._on_result_changed()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(theme.section_title("Heatmap"))
        head.addStretch(1)
        head.addWidget(self.peak)
        head.addWidget(self.toggle)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2 * theme.GRID)
        self.opacity.add_to(grid, 0)
        self.threshold.add_to(grid, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        layout.addLayout(head)
        layout.addLayout(grid)
        appearance = QHBoxLayout()
        appearance.setSpacing(2 * theme.GRID)
        appearance.addWidget(self.colors, 1)
        appearance.addWidget(self.contours)
        appearance.addWidget(self.blink)
        layout.addLayout(appearance)
        layout.addSpacing(theme.GRID)
        layout.addWidget(self.bar)
        layout.addWidget(self.scale)
        layout.addWidget(self.about)
        layout.addWidget(self.spots)

    def _connect(self) -> None:
        overlay = self._overlay
        self.toggle.clicked.connect(overlay.toggle)
        self.peak.clicked.connect(self._hot_spots.go_to_peak)
        self.contours.clicked.connect(overlay.toggle_contours)
        self.blink.clicked.connect(overlay.toggle_blinking)
        self.colors.activated.connect(lambda n: overlay.set_color_map(HEATMAPS[n]))
        self.opacity.slider.valueChanged.connect(lambda value: overlay.set_opacity(value / 100))
        self.threshold.slider.valueChanged.connect(lambda value: overlay.set_threshold(value / 100))
        overlay.changed.connect(self._on_overlay_changed)
        self._store.prediction_changed.connect(self._on_result_changed)

    def _on_overlay_changed(self) -> None:
        overlay = self._overlay
        self.toggle.setText("Hide" if overlay.visible else "Show")
        self.opacity.show_share(overlay.opacity)
        self.threshold.show_share(overlay.threshold)
        self.contours.setChecked(overlay.contours)
        self.blink.setChecked(overlay.blinking)
        self.colors.setCurrentIndex(HEATMAPS.index(overlay.color_map))
        self._show_scale()

    def _on_result_changed(self) -> None:
        prediction, heatmap = self._predictions.current, self._predictions.heatmap
        for widget in (
            self.toggle,
            self.peak,
            self.opacity,
            self.threshold,
            self.colors,
            self.contours,
            self.blink,
            self.bar,
        ):
            widget.setEnabled(heatmap is not None)
        if prediction is None:
            outdated = self._predictions.is_outdated
            self.about.setText(
                "Hidden, because the prediction is outdated." if outdated else "No heatmap yet."
            )
        elif heatmap is None:
            working = self._store.inference.running
            self.about.setText("The heatmap follows." if working else _STOPPED)
        elif heatmap.peak_lps is None:
            self.peak.setEnabled(False)
            self.about.setText(
                f"The heatmap is empty: no region of the image {heatmap.side} the probability."
            )
        else:
            shown = self._store.shown_prediction
            explanation, correction = (
                None if shown is None else shown.explanation,
                heatmap.correction,
            )
            self.about.setToolTip(plain_tip("" if correction is None else correction.sentence))
            # A coarse intermediate map is not yet the explanation that was asked for.
            name = METHOD_NAMES[heatmap.method] if explanation is None else explanation.name
            self.about.setText(
                f"{name}, regions that {heatmap.side} the probability: "
                f"{heatmap.grid_text.replace(' × ', _TIMES)}, {heatmap.peak_text}."
                + (" Not finished." if explanation is None else "")
                + _air_text(heatmap)
                + ("" if correction is None else f" {correction.text.capitalize()}.")
            )
        self._show_scale()

    def _show_scale(self) -> None:
        overlay, heatmap = self._overlay, self._predictions.heatmap
        self.scale.set_heatmap(heatmap)
        top = None
        if heatmap is not None and heatmap.has_unit and heatmap.peak > 0:
            top = overlay.top_of(heatmap)
        self.bar.show_scale(overlay.threshold, overlay.color_map, top, overlay.kept_top is not None)


def _air_text(heatmap: Heatmap) -> str:
    """That part of the heatmap lies in the air, where that is more than a trace."""
    share = heatmap.share_in_air or 0.0
    if share < _NOTED_IN_AIR:
        return ""
    return f" {whole_percent(share)} of it lies in the air, outside the patient."


class _Toggle(QPushButton):
    """A small button that is on or off."""

    def __init__(self, text: str, tip: str) -> None:
        super().__init__(text)
        self.setProperty("segment", True)
        self.setCheckable(True)
        self.setToolTip(plain_tip(tip))


class _PercentSlider:
    """A labelled slider from 0 to 100 % with its number."""

    def __init__(self, name: str, tip: str) -> None:
        self._label = theme.label(name, color=theme.MUTED)
        self._number = theme.label()
        self._number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._number.setMinimumWidth(self._number.fontMetrics().horizontalAdvance("100 %") + 2)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.slider.setAccessibleName(f"Heatmap {name.lower()}")
        self.slider.setToolTip(plain_tip(tip))
        self._label.setBuddy(self.slider)

    def add_to(self, grid: QGridLayout, row: int) -> None:
        grid.addWidget(self._label, row, 0)
        grid.addWidget(self.slider, row, 1)
        grid.addWidget(self._number, row, 2)

    def show_share(self, share: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round(100 * share))
        self.slider.blockSignals(False)
        self._number.setText(whole_percent(share))

    def setEnabled(self, enabled: bool) -> None:
        self.slider.setEnabled(enabled)
        theme.set_color(self._number, theme.TEXT if enabled else theme.FAINT)
