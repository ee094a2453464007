"""``BesideBar``: whose the second scan is, how it is linked and aligned, and how it is drawn over the first."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.state.beside.alignment import Alignment
from fusion3d_gui.state.beside.comparison import Comparison, Way
from fusion3d_gui.state.beside.prior_prediction import PriorPrediction
from fusion3d_gui.state.beside.second_scan import SecondScan
from fusion3d_gui.state.display.corner_text import patient_line, study_date
from fusion3d_gui.state.prediction.percent import whole_percent
from fusion3d_gui.widgets.controls.elided_label import ElidedLabel
from fusion3d_gui.widgets.controls.fields import NoScrollComboBox
from fusion3d_gui.widgets.controls.segments import Segments
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.color_map import ANATOMY_MAPS
from fusion3d_gui.widgets.look.plain_tip import plain_tip

_TIPS = {
    Way.NONE: "The second scan in views of its own only",
    Way.BLEND: "The second scan in colours over the first",
    Way.FLICKER: "First and second scan in turn, in the first one's views",
    Way.CHECKERBOARD: "First and second scan in alternate fields: edges that go on are aligned",
    Way.DIFFERENCE: "Where the first scan is brighter (orange) or the second (blue), each under its own window level",
}
_LINKS = {
    "frame": "Linked: same frame of reference",
    "registered": "Linked: registered",
    "": "Not linked: register to link",
}
_NOT_LINKED = (
    "The two scans share no frame of reference: positions correspond once they are registered"
)


class BesideBar(QFrame):
    """Two lines between the first scan's views and the second's, or over both where these lie side by side."""

    def __init__(
        self,
        second: SecondScan,
        alignment: Alignment,
        comparison: Comparison,
        prior: PriorPrediction,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._second, self._alignment = second, alignment
        self._comparison, self._prior = comparison, prior
        self._is_over_both = False
        self.who = ElidedLabel(medium=True)
        self.link = ElidedLabel(size=theme.SMALL)
        self.change = ElidedLabel(size=theme.SMALL)
        self.register = _button("Register", "Find the rigid map between the two scans (Ctrl+G)")
        self.undo = _button("Undo", "Place the second scan as before the last alignment")
        self.predict = _button(
            "Predict both", "Predict the second scan too, and say what changed the prediction"
        )
        self.close_button = _button("Close", "Show the first scan alone again")
        self.ways = Segments()
        self.buttons: dict[Way, QPushButton] = {}
        for way in Way:
            button = self.buttons[way] = self.ways.add(way.value, _TIPS[way])
            button.clicked.connect(lambda _=False, way=way: comparison.choose(way))
        self.blend = QSlider(Qt.Orientation.Horizontal)
        self.blend.setRange(0, 100)
        self.blend.setFixedWidth(theme.px(90))
        self.blend.setAccessibleName("Opacity of the second scan")
        self.blend.setToolTip("Opacity of the second scan over the first")
        self.colors = NoScrollComboBox()
        self.colors.addItems(ANATOMY_MAPS)
        self.colors.setAccessibleName("Colours of the second scan")
        self.colors.setToolTip("Colour map of the second scan over the first")
        self._build()
        self._connect()
        self.show_state()

    def _build(self) -> None:
        above, below = QHBoxLayout(), QHBoxLayout()
        above.addWidget(self.who, 1)
        # As wide as while it tells the progress: the others stay where they are.
        self.register.setMinimumWidth(theme.px(110))
        for button in (self.register, self.undo, self.predict, self.close_button):
            above.addWidget(button)
        below.addWidget(self.ways)
        below.addWidget(self.blend)
        below.addWidget(self.colors)
        below.addWidget(self.change)
        below.addWidget(self.link, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(3 * theme.GRID, theme.GRID, 3 * theme.GRID, theme.GRID)
        layout.setSpacing(theme.GRID)
        for row in (above, below):
            row.setSpacing(2 * theme.GRID)
            layout.addLayout(row)

    def _connect(self) -> None:
        alignment, comparison, prior = self._alignment, self._comparison, self._prior
        self.register.clicked.connect(self._on_register)
        self.undo.clicked.connect(alignment.undo)
        self.predict.clicked.connect(prior.predict)
        self.close_button.clicked.connect(self._second.close)
        self.blend.valueChanged.connect(lambda value: comparison.set_blend(value / 100))
        self.colors.activated.connect(lambda n: comparison.set_color_map(ANATOMY_MAPS[n]))
        for signal in (
            self._second.changed,
            alignment.changed,
            alignment.lane.changed,
            comparison.changed,
            prior.changed,
        ):
            signal.connect(self.show_state)

    def _on_register(self) -> None:
        if self._alignment.is_registering:
            self._alignment.cancel()
        else:
            self._alignment.register()

    def set_over_both(self, is_over_both: bool) -> None:
        """Say which of two views side by side shows the second scan: the bar lies over both."""
        if is_over_both != self._is_over_both:
            self._is_over_both = is_over_both
            self.show_state()

    def show_state(self) -> None:
        """Show everything as it is now."""
        second, alignment, comparison = self._second, self._alignment, self._comparison
        case, lane = second.case, alignment.lane
        if case is not None:
            parts = (
                "OTHER PATIENT" if second.agreement == "other" else "",
                patient_line(case.volume) or "No patient named",
                study_date(case.volume),
                case.volume.description,
            )
            named = "Second scan, on the right: " if self._is_over_both else "Second scan: "
            self.who.setText(named + " · ".join(each for each in parts if each))
            self.who.setToolTip(plain_tip(self.who.text()))
            theme.set_color(self.who, theme.WARNING if second.agreement == "other" else theme.TEXT)
        registration = second.registration
        text = _LINKS[second.link]
        if alignment.pairs:
            text = f"{alignment.pairs} of 3 places paired: put both crosshairs on the same place"
        elif registration is not None:
            text = registration.doubt or f"Linked: {registration.short}"
            if self._prior.result is not None and not registration.doubt:
                text = "Linked"  # the rest is in the tooltip: what changed needs the room
        doubtful = not second.link or (registration is not None and bool(registration.doubt))
        self.link.setText(text)
        told = text if registration is None else registration.summary
        if not second.link:
            told = _NOT_LINKED
        self.link.setToolTip(plain_tip(told))
        theme.set_color(self.link, theme.WARNING if doubtful else theme.MUTED)
        working = alignment.is_registering
        self.register.setText(f"Cancel ({whole_percent(lane.fraction)})" if working else "Register")
        self.register.setEnabled(alignment.can_register)
        self.undo.setEnabled(alignment.can_undo and not working)
        self.predict.setEnabled(self._prior.can_predict)
        for way, button in self.buttons.items():
            button.setEnabled(way is Way.NONE or bool(second.link))
            button.setChecked(way is comparison.way)
        fused = comparison.way is Way.BLEND
        for only_fused in (self.blend, self.colors):
            only_fused.setVisible(fused)
        self.blend.setValue(round(100 * comparison.blend))
        self.colors.setCurrentIndex(ANATOMY_MAPS.index(comparison.color_map))
        self._show_change()

    def _show_change(self) -> None:
        result = self._prior.result
        if result is None:
            self.change.setText("Predicting the second scan…" if self._prior.is_working else "")
            self.change.setToolTip("")
            return
        change = result.change
        self.change.setText(
            f"Second {100 * change.before:.0f} %, first {100 * change.now:.0f} %: {_points(change.now - change.before)}"
            f" = image {_points(change.image)}, values {_points(change.metadata)}"
        )
        told = (
            "Probability by the model of the second and of the first scan. What changed it: Shapley shares of the image"
            " and of the form's values, in percentage points."
        )
        if result.assumed:
            told += f" Taken from the form for the second scan: {', '.join(result.assumed)}."
        fit = result.prediction.fit
        if fit.reasons:
            told += " The second scan: " + " ".join(fit.reasons)
        self.change.setToolTip(plain_tip(f"{told} Research use only."))
        theme.set_color(self.change, theme.TEXT if fit.fit == "fits" else theme.FAINT)


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("quiet", True)
    button.setToolTip(plain_tip(tip))
    return button
