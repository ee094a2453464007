"""``MethodPicker``: the heatmap's explanation method, its direction (raised, lowered), and its checks."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.inference.prediction import Side
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.data.shown_prediction import MapChecks
from fusion3d_gui.state.prediction.explainer import Explainer
from fusion3d_gui.state.prediction.explanation_choice import ExplanationChoice
from fusion3d_gui.state.prediction.method_choices import Method, methods_for
from fusion3d_gui.state.prediction.percent import whole_percent
from fusion3d_gui.state.prediction.side_by_side import SideBySideMaps
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.fields import NoScrollComboBox
from fusion3d_gui.widgets.controls.segments import Segments
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip
from fusion3d_gui.widgets.side.sanity_dialog import SanityDialog

_CHECK = "Check this heatmap"
_SIDES: tuple[tuple[Side, str, str], ...] = (
    ("raised", "Raised it", "Attribution: regions of the image that raised the probability"),
    ("lowered", "Lowered it", "Attribution: regions of the image that lowered the probability"),
)


class MethodPicker(QWidget):
    """A list of methods, the direction of the attribution, and the checks; a choice applies at once."""

    def __init__(
        self,
        store: Store,
        explanation_choice: ExplanationChoice,
        explainer: Explainer,
        side_by_side: SideBySideMaps,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._explanation_choice = explanation_choice
        self._explainer = explainer
        self._side_by_side = side_by_side
        self.box = NoScrollComboBox()
        self.box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.box.setAccessibleName("Heatmap method")
        self._methods: tuple[Method, ...] = ()
        self._default: tuple[str, tuple[int, ...]] | None = None
        self.localisation = theme.label(size=theme.SMALL, color=theme.FAINT)
        self.localisation.setWordWrap(True)
        self.sides: dict[Side, QPushButton] = {}
        row = Segments()
        for side, text, tip in _SIDES:
            button = self.sides[side] = row.add(text, tip)
            button.clicked.connect(lambda _=False, chosen=side: self._on_side_chosen(chosen))
        self.both = row.add(
            "Both",
            "Both attributions side by side: regions that raised and that lowered the probability",
        )
        self.both.clicked.connect(self._on_both)
        self._side_by_side.changed.connect(self._show)
        effect = theme.label(
            "Regions by their effect on the probability", size=12, color=theme.MUTED
        )
        effect.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        layout.addWidget(self.box)
        layout.addWidget(self.localisation)
        layout.addWidget(effect)
        layout.addWidget(row)
        self.check = QPushButton(_CHECK)
        self.check.setProperty("quiet", True)
        self.check.setToolTip(
            "Sanity checks: randomises the network's weights, adds noise to the image, deletes the "
            "regions that the heatmap marks, and compares methods; takes a while"
        )
        self.progress = theme.label(size=theme.SMALL, color=theme.FAINT)
        below = QHBoxLayout()
        below.addWidget(self.check)
        below.addStretch(1)
        below.addWidget(self.progress)
        layout.addLayout(below)
        self.check.clicked.connect(self._on_check)
        self._explainer.checked.connect(self._on_checked)
        self._store.inference.changed.connect(self._show_progress)
        self._store.prediction_changed.connect(self._show_progress)
        self.box.activated.connect(self._on_method_chosen)
        self._explanation_choice.changed.connect(self._list)  # as it does with the model
        self._list()
        self._show_progress()

    def _list(self) -> None:
        """List the methods for the chosen model, the wanted one among them; the model's default is marked."""
        info = self._store.bundle
        methods = methods_for(info, self._explanation_choice.wanted)
        default = None if info is None else info.default_map
        if (methods, default) == (self._methods, self._default):
            self._show()
            return
        self._methods, self._default = methods, default
        self.box.clear()
        for method in self._methods:
            best = (method.method, method.stages) == default
            self.box.addItem(f"{method.label} (default)" if best else method.label)
            self.box.setItemData(
                self.box.count() - 1, plain_tip(method.help), Qt.ItemDataRole.ToolTipRole
            )
        self._show()

    def _show(self) -> None:
        chosen, info = self._explanation_choice.wanted, self._store.bundle
        for number, method in enumerate(self._methods):
            if (method.method, method.stages) == (chosen.method, chosen.stages):
                self.box.setCurrentIndex(number)
                self.box.setToolTip(plain_tip(method.help))
        both = self._explainer.shows_both_sides
        (self.both if both else self.sides[chosen.side]).setChecked(True)
        is_default = info is not None and (chosen.method, chosen.stages) == info.default_map
        self.localisation.setVisible(is_default)
        if info is not None and is_default:
            self.localisation.setText(_default_text(info))

    def _on_method_chosen(self, number: int) -> None:
        method = self._methods[number]
        chosen = self._explanation_choice.wanted
        self._explanation_choice.choose(replace(chosen, method=method.method, stages=method.stages))
        self._explainer.refresh()  # the same one again, where making it was cancelled

    def _on_both(self) -> None:
        self._show()  # the button goes down once both maps are there
        self._explainer.show_both_sides()

    def _on_side_chosen(self, side: Side) -> None:
        self._side_by_side.hide()
        self._explanation_choice.choose(replace(self._explanation_choice.wanted, side=side))

    def _on_check(self) -> None:
        if self._is_working():
            self._store.inference.cancel()
        else:
            self._explainer.check()

    def _on_checked(self, checks: MapChecks) -> None:
        SanityDialog(checks, self.window()).show()

    def _is_working(self) -> bool:
        return self._store.inference.label in ("Explaining", "Checking the map")

    def _show_progress(self) -> None:
        working = self._is_working()
        self.check.setText("Cancel" if working else _CHECK)
        self.check.setEnabled(working or (self._explainer.can_check and not self._store.predicting))
        self.progress.setText(
            f"{self._store.inference.message} {whole_percent(self._store.inference.fraction)}"
            * working
        )


def _default_text(info: BundleInfo) -> str:
    """How well the model's default method localised known lesions, or that this was not measured."""
    if info.localisation_record is None:
        return "Default. Not validated: this model's heatmaps were never measured against known lesions."
    return f"Localised known lesions best: {info.localisation_record.text}.".replace(
        " %", "\u00a0%"
    )
