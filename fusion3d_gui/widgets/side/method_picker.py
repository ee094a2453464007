"""``MethodPicker``: by which method the heatmap is made, and which question it answers."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.inference.prediction import Side
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.state.prediction.method_choices import Method, methods_for
from fusion3d_gui.state.prediction.percent import whole_percent
from fusion3d_gui.state.prediction.result import MapChecks
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.controls.fields import NoScrollComboBox
from fusion3d_gui.widgets.controls.segments import Segments
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.side.sanity_dialog import SanityDialog

_SIDES: tuple[tuple[Side, str, str], ...] = (
    ("raised", "Raised it", "What in the image raised the answer"),
    ("lowered", "Lowered it", "What in the image lowered the answer"),
)


class MethodPicker(QWidget):
    """A list of methods and two buttons; applies at once."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.box = NoScrollComboBox()
        self.box.setAccessibleName("Heatmap method")
        self._methods: tuple[Method, ...] = ()
        self.measured = theme.label(size=theme.SMALL, color=theme.FAINT)
        self.measured.setWordWrap(True)
        self.sides: dict[Side, QPushButton] = {}
        row = Segments()
        for side, text, tip in _SIDES:
            button = self.sides[side] = row.add(text, tip)
            button.clicked.connect(lambda _=False, chosen=side: self._on_side_chosen(chosen))
        self.both = row.add("Both", "What raised and what lowered the answer, beside each other")
        self.both.clicked.connect(self._on_both)
        session.beside.changed.connect(self._show)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        layout.addWidget(self.box)
        layout.addWidget(self.measured)
        layout.addWidget(row)
        self.check = QPushButton("Does this map deserve trust?")
        self.check.setProperty("quiet", True)
        self.check.setToolTip(
            "Undoes what the network learned, adds noise, deletes what the map marks, and compares "
            "methods; takes a while"
        )
        self.state = theme.label(size=theme.SMALL, color=theme.FAINT)
        below = QHBoxLayout()
        below.addWidget(self.check)
        below.addStretch(1)
        below.addWidget(self.state)
        layout.addLayout(below)
        self.check.clicked.connect(self._on_check)
        session.map_checked.connect(self._on_checked)
        session.inference.changed.connect(self._show_state)
        session.result_changed.connect(self._show_state)
        self.box.activated.connect(self._on_method_chosen)
        session.explanation_changed.connect(self._show)
        session.bundle_changed.connect(self._list)
        self._list()
        self._show_state()

    def _list(self) -> None:
        """Name the methods for the chosen model; its default says so."""
        info = self._session.bundle
        self._methods = methods_for(info)
        default = None if info is None else info.default_map
        self.box.clear()
        for method in self._methods:
            best = (method.method, method.stages) == default
            self.box.addItem(f"{method.label} (default)" if best else method.label)
            self.box.setItemData(self.box.count() - 1, method.help, Qt.ItemDataRole.ToolTipRole)
        self._show()

    def _show(self) -> None:
        chosen, info = self._session.explanation, self._session.bundle
        for number, method in enumerate(self._methods):
            if (method.method, method.stages) == (chosen.method, chosen.stages):
                self.box.setCurrentIndex(number)
                self.box.setToolTip(method.help)
        both = self._session.shows_both_maps
        (self.both if both else self.sides[chosen.side]).setChecked(True)
        is_default = info is not None and (chosen.method, chosen.stages) == info.default_map
        self.measured.setVisible(is_default)
        if info is not None and is_default:
            self.measured.setText(_default_text(info))

    def _on_method_chosen(self, number: int) -> None:
        method = self._methods[number]
        chosen = self._session.explanation
        self._session.explain(replace(chosen, method=method.method, stages=method.stages))

    def _on_both(self) -> None:
        self._show()  # down once both are there
        self._session.show_both_maps()

    def _on_side_chosen(self, side: Side) -> None:
        self._session.beside.hide()
        self._session.explain(replace(self._session.explanation, side=side))

    def _on_check(self) -> None:
        if self._is_working():
            self._session.cancel_inference()
        else:
            self._session.check_map()

    def _on_checked(self, checks: object) -> None:
        assert isinstance(checks, MapChecks)
        SanityDialog(checks, self.window()).show()

    def _is_working(self) -> bool:
        return self._session.inference.label in ("Explaining", "Checking the map")

    def _show_state(self) -> None:
        session, working = self._session, self._is_working()
        self.check.setText("Cancel" if working else "Does this map deserve trust?")
        self.check.setEnabled(working or (session.can_check_map and not session.predicting))
        self.state.setText(
            f"{session.inference.message} {whole_percent(session.inference.fraction)}" * working
        )


def _default_text(info: BundleInfo) -> str:
    """Why this is the model's default."""
    if info.localisation_record is None:
        return "The default: maps of this model have not been measured against known lesions."
    return f"Pointed best of all on known lesions: {info.localisation_record.text}.".replace(
        " %", "\u00a0%"
    )
