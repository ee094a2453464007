"""``ModelComparisonPanel``: the predictions of all models on one case; a click switches to one of them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.prediction.model_comparison import LABEL, ModelComparison
from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.prediction.percent import whole_percent
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.prediction.side_by_side import SideBySideMaps
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_caption, plain_tip

_LABEL = "Compare models"


class ModelComparisonPanel(QWidget):
    """A button, then one row a model. Hidden without a prediction, or with one model only."""

    def __init__(
        self,
        store: Store,
        models: Models,
        predictions: Predictions,
        model_comparison: ModelComparison,
        side_by_side: SideBySideMaps,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._models = models
        self._predictions = predictions
        self._side_by_side = side_by_side
        self.comparison = model_comparison
        self.button = QPushButton(_LABEL)
        self.button.setProperty("quiet", True)
        self.button.setToolTip("Predict this case with each model in the list, one after the other")
        self.rows: list[QPushButton] = []
        self._body = QWidget()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(theme.GRID)
        self.side_by_side = QPushButton("Heatmaps side by side")
        self.side_by_side.setProperty("segment", True)
        self.side_by_side.setCheckable(True)
        self.side_by_side.setToolTip("Every model's heatmap on the same slice, with one crosshair")
        head = QHBoxLayout()
        head.addWidget(self.button)
        head.addStretch(1)
        head.addWidget(self.side_by_side)
        self._layout.addLayout(head)
        self._layout.addWidget(self._body)
        self.button.clicked.connect(self._on_clicked)
        self.side_by_side.clicked.connect(self.comparison.show_maps)
        self.comparison.changed.connect(self._show)
        self._side_by_side.changed.connect(self._show)
        self._store.prediction_changed.connect(self._on_state_changed)
        self._models.changed.connect(self._on_state_changed)
        self._store.inference.changed.connect(self._on_state_changed)
        self._on_state_changed()
        self._show()

    def _on_state_changed(self) -> None:
        self.setVisible(self._store.shown_prediction is not None and len(self._models.bundles) > 1)
        working = self._is_working()
        self.button.setText(
            f"Cancel ({whole_percent(self._store.inference.fraction)})" if working else _LABEL
        )
        self.button.setEnabled(working or not self._store.predicting)

    def _is_working(self) -> bool:
        return self._store.inference.label == LABEL

    def _on_clicked(self) -> None:
        if self._is_working():
            self._store.inference.cancel()
        else:
            self.comparison.start()

    def _show(self) -> None:
        self.side_by_side.setVisible(bool(self.comparison.predictions))
        self.side_by_side.setChecked(self._side_by_side.shows(self.comparison))
        self._layout.removeWidget(self._body)
        self._body.hide()
        self._body.deleteLater()
        self._body = QWidget()
        grid = QGridLayout(self._body)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(0, 1)
        self.rows = []
        for number, compared in enumerate(self.comparison.predictions):
            row = QPushButton(plain_caption(compared.bundle.name))
            row.setProperty("quiet", True)
            row.setToolTip("Show this model's prediction and heatmap at the same position")
            row.clicked.connect(lambda _=False, info=compared.bundle: self._switch_to(info))
            prediction = compared.prediction
            fits = prediction is not None and prediction.fit.fit == "fits"
            color = theme.WARNING if prediction is None else theme.TEXT if fits else theme.FAINT
            shown = theme.label(compared.summary, color=color)
            shown.setToolTip(plain_tip(compared.detail))
            grid.addWidget(row, number, 0, Qt.AlignmentFlag.AlignLeft)
            grid.addWidget(shown, number, 1, Qt.AlignmentFlag.AlignRight)
            self.rows.append(row)
        self._layout.addWidget(self._body)
        self._body.show()

    def _switch_to(self, info: BundleInfo) -> None:
        if info is not self._store.bundle:
            self._models.choose_and_load(info)
            self._predictions.predict()
