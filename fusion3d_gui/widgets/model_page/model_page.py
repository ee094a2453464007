"""``ModelPage``: what is known of a model: card, scope, performance, subgroups, heatmaps."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.prediction.model_facts import (
    FactTable,
    card_facts,
    displacement_table,
    localisation_table,
    localisation_text,
    subgroup_table,
)
from fusion3d_gui.state.prediction.my_prevalence import MyPrevalence
from fusion3d_gui.state.prediction.weights_check import compare_weights
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.segments import Segments
from fusion3d_gui.widgets.controls.wheel_guard import guard_wheel
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.dialog_position import center_over
from fusion3d_gui.widgets.model_page.fact_view import (
    NOT_RECORDED,
    fact_list,
    fact_table,
    note,
)
from fusion3d_gui.widgets.model_page.performance_view import PerformanceView

_SIZE = (940, 780)
_SUBGROUPS = (
    "The evaluation by group. Stated: mean probability; observed: share of positive cases. Together they "
    "show whether the model is calibrated in the group."
)
_LOCALISATION = (
    "How well heatmaps point at lesions of true positives. Chance: a random voxel, an even map. Random weights: how often the same map peaks "
    "inside when nothing was learned. Deletion: logit drop for blanking the peak, as a share of that for "
    "blanking the lesion."
)
_DISPLACEMENT = (
    "How far heatmaps lie from the evidence, by about the same vector in every case. A map is corrected "
    "only where it passes its tests."
)


class ModelPage(QDialog):
    """Not modal; one for each model, so that models can be compared side by side."""

    def __init__(
        self, info: BundleInfo, my_prevalence: MyPrevalence, store: Store, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Model: {info.name}")
        self.info = info
        self.segments = Segments()
        self.segments.setFixedHeight(theme.px(theme.CONTROL))
        self.pages = QStackedWidget()
        self.performance = PerformanceView(info, my_prevalence)
        #: What is known of the weights that were evaluated; empty where they are those of the bundle.
        self.weights_note = theme.label(color=theme.WARNING)
        self.weights_note.setWordWrap(True)
        card = self._add("Card", "What the model is, and which scans it is meant for", self._card())
        self._add("Performance", "ROC and calibration curve, my prevalence", self.performance)
        self._add("Subgroups", "Performance by clinical values", self._subgroups())
        self._add(
            "Heatmaps", "How well heatmaps localise, and their displacement", self._heatmaps()
        )
        close = QPushButton("Close")
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        foot = QHBoxLayout()
        foot.addWidget(theme.label(f"{RESEARCH_USE_ONLY}.", size=12, color=theme.FAINT), 1)
        foot.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(3 * theme.GRID)
        layout.addWidget(theme.label(f"{info.name} {info.version}", size=theme.LARGE, medium=True))
        layout.addWidget(note(info.title))
        layout.addWidget(self.weights_note)
        layout.addWidget(self.segments)
        layout.addWidget(self.pages, 1)
        layout.addLayout(foot)
        card.setChecked(True)
        guard_wheel(self)
        available = parent.screen().availableGeometry()
        self.resize(
            min(theme.px(_SIZE[0]), available.width() - 40),
            min(theme.px(_SIZE[1]), available.height() - 60),
        )
        center_over(self, parent)
        compare_weights(store, info, self._say_of_weights)

    def _say_of_weights(self, text: str) -> None:
        if isValid(self):  # it may have been closed meanwhile
            self.weights_note.setText(text)
            self.weights_note.setVisible(bool(text))

    def _add(self, title: str, tip: str, page: QWidget) -> QPushButton:
        area = QScrollArea()
        layout = page.layout()
        assert layout is not None
        layout.setContentsMargins(0, 0, 3 * theme.GRID, 0)  # beside the scroll bar
        area.setWidget(page)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        number = self.pages.addWidget(area)
        button = self.segments.add(title, tip)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: self.pages.setCurrentIndex(number))
        return button

    def _card(self) -> QWidget:
        made, layout = _page()
        layout.addWidget(fact_list(card_facts(self.info)))
        layout.addWidget(theme.section_title("Scope"))
        scope = self.info.scope
        layout.addWidget(note(NOT_RECORDED) if scope is None else fact_list(scope.lines()))
        layout.addStretch(1)
        return made

    def _subgroups(self) -> QWidget:
        made, layout = _page()
        self._add_table(layout, "Subgroups", _SUBGROUPS, subgroup_table(self.info))
        return made

    def _heatmaps(self) -> QWidget:
        made, layout = _page()
        default = localisation_text(self.info)
        text = f"{default} {_LOCALISATION}".strip()
        self._add_table(layout, "Localisation", text, localisation_table(self.info))
        self._add_table(layout, "Displacement", _DISPLACEMENT, displacement_table(self.info))
        return made

    def _add_table(
        self, layout: QVBoxLayout, name: str, text: str, table: FactTable | None
    ) -> None:
        layout.addWidget(theme.section_title(name))
        layout.addWidget(note(text))
        if table is None:
            layout.addWidget(note(NOT_RECORDED))
            layout.addStretch(1)
        else:
            layout.addWidget(fact_table(table, name, self), 1)


def show_model_page(
    info: BundleInfo, my_prevalence: MyPrevalence, store: Store, parent: QWidget
) -> ModelPage:
    """Open the page of a model, or bring the one that is open to the front."""
    for page in parent.findChildren(ModelPage):
        if page.info is info:
            page.raise_()
            page.activateWindow()
            return page
    made = ModelPage(info, my_prevalence, store, parent)
    made.show()
    return made


def _page() -> tuple[QWidget, QVBoxLayout]:
    made = QWidget()
    layout = QVBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(2 * theme.GRID)
    return made, layout
