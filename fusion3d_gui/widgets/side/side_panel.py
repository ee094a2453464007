"""``SidePanel``: model, clinical data, prediction and heatmap, in the order of the work."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from fusion3d_gui.state.prediction.my_prevalence import MyPrevalence
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.masks.mask_panel import MaskPanel
from fusion3d_gui.widgets.side.metadata_form import MetadataForm
from fusion3d_gui.widgets.side.method_picker import MethodPicker
from fusion3d_gui.widgets.side.mismatch_signs import MismatchSigns
from fusion3d_gui.widgets.side.model_comparison_panel import ModelComparisonPanel
from fusion3d_gui.widgets.side.model_picker import ModelPicker
from fusion3d_gui.widgets.side.notes_panel import NotesPanel
from fusion3d_gui.widgets.side.overlay_controls import OverlayControls
from fusion3d_gui.widgets.side.prediction_panel import PredictionPanel
from fusion3d_gui.widgets.side.workbench_panel import WorkbenchPanel

#: Usual width (px) at the usual text size.
WIDTH = 340
_SCROLL_BAR = 8


class SidePanel(QScrollArea):
    """The column at the right of the window; scrolls where a form is long."""

    def __init__(
        self, session: Session, my_prevalence: MyPrevalence, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.model_picker = ModelPicker(session.store, session.models)
        self.form = MetadataForm(session.store, session.form)
        self.prediction = PredictionPanel(
            session.store, session.form, session.predictions, my_prevalence
        )
        self.workbench = WorkbenchPanel(
            session.store,
            session.form,
            session.predictions,
            session.augmentation,
            my_prevalence,
        )
        self.comparison = ModelComparisonPanel(
            session.store,
            session.models,
            session.predictions,
            session.model_comparison,
            session.side_by_side,
        )
        self.signs = MismatchSigns(session.store, session.left, session.keeper)
        self.notes = NotesPanel(session.store, session.notes)
        self.overlay = OverlayControls(
            session.store, session.predictions, session.hot_spots, session.display.overlay
        )
        self.method = MethodPicker(
            session.store, session.explanation_choice, session.explainer, session.side_by_side
        )
        self.masks = MaskPanel(
            session.store,
            session.masks,
            session.mask_drawing,
            session.mask_agreements,
            session.tool,
            session.display.crosshair,
            session.display.overlay,
        )
        self._body = body = QWidget()
        layout = QVBoxLayout(body)
        # Space is reserved for the scroll bar, so that nothing moves when it appears.
        layout.setContentsMargins(16, 14, 16 - _SCROLL_BAR, 14)
        layout.setSpacing(12)
        layout.addWidget(self.model_picker)
        layout.addWidget(_line())
        layout.addWidget(theme.section_title("Clinical data"))
        layout.addWidget(self.form)
        layout.addWidget(self.prediction)
        layout.addWidget(self.signs)
        layout.addWidget(self.workbench)
        layout.addWidget(self.comparison)
        layout.addWidget(_line())
        layout.addWidget(self.overlay)
        layout.addWidget(self.method)
        layout.addWidget(self.masks)
        layout.addWidget(_line())
        layout.addWidget(self.notes)
        layout.addStretch(1)
        self.setWidget(body)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setObjectName("side")
        self.setAccessibleName("Model, prediction and heatmap")
        self.setFrameShape(QFrame.Shape.NoFrame)

    @property
    def least_width(self) -> int:
        """Width (px) below which texts would be cut."""
        return self._body.minimumSizeHint().width() + _SCROLL_BAR


def _line() -> QFrame:
    line = QFrame()
    line.setFixedHeight(1)
    line.setObjectName("rule")
    return line
