"""``PresentationBar``: prediction and hot spot in large letters, under the images."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from fusion3d_gui.state.prediction.hot_spot_list import HotSpotList
from fusion3d_gui.state.prediction.model_comparison import ModelComparison
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.prediction.presentation import Presentation
from fusion3d_gui.state.prediction.side_by_side import SideBySideMaps
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.position_text import spot_text

_NO_BREAK = "\u00a0"


class PresentationBar(QFrame):
    """The model's answer and what kind of number it is, the hot spot at which the crosshair is, and the keys that
    lead on."""

    def __init__(
        self,
        store: Store,
        predictions: Predictions,
        hot_spots: HotSpotList,
        presentation: Presentation,
        comparison: ModelComparison,
        side_by_side: SideBySideMaps,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._predictions = predictions
        self._hot_spots = hot_spots
        self._presentation = presentation
        self._comparison = comparison
        self.setObjectName("presentation")
        #: The model's answer; where the case is doubtful or refused, the reason.
        self.answer = theme.label(size=theme.LARGE, medium=True)
        self.meaning = theme.label(size=theme.SMALL, color=theme.MUTED)
        #: What the other models say whose maps are beside that of the chosen one.
        self.others = theme.label(color=theme.TEXT)
        self.demonstration = theme.label(size=theme.SMALL, color=theme.WARNING)
        for label in (self.answer, self.meaning, self.others, self.demonstration):
            label.setWordWrap(True)  # on a small projector they have several lines
        self.spot = theme.label(size=theme.LARGE)
        self.spot.setWordWrap(True)
        self.keys = theme.label(size=theme.SMALL, color=theme.MUTED)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(20, 10, 20, 10)
        layout.setSpacing(32)
        said = QVBoxLayout()
        said.setSpacing(0)
        said.addWidget(self.answer)
        said.addWidget(self.meaning)
        said.addWidget(self.others)
        said.addWidget(self.demonstration)
        layout.addLayout(said, 2)
        layout.addWidget(self.spot, 1)
        layout.addWidget(self.keys)
        store.prediction_changed.connect(self._show)
        hot_spots.changed.connect(self._show)
        side_by_side.changed.connect(self._show)
        presentation.changed.connect(self._on_presentation_changed)
        self._on_presentation_changed()

    def _on_presentation_changed(self) -> None:
        self.setVisible(self._presentation.on)
        self._show()

    def _show(self) -> None:
        self._show_answer()
        spots = self._hot_spots
        current = spots.current
        self.spot.setVisible(current is not None)
        if current is not None:
            spot = spots.spots[current]
            parts = (
                f"Hot spot {current + 1} of {len(spots.spots)}",
                spots.side(spot),
                spot_text(spot),
            )
            # Lines break between the parts only.
            self.spot.setText(
                " ·  ".join(part.replace(" ", _NO_BREAK) + _NO_BREAK for part in parts)
            )
        tour = "F12 stops the tour" if self._presentation.touring else "F12 tours the hot spots"
        keys = f"{tour}   ·   " if spots.spots else ""
        self.keys.setText(f"{keys}Esc ends")

    def _show_answer(self) -> None:
        prediction, refusal = self._predictions.current, self._predictions.refusal
        answer, meaning, is_odd = "", "", True
        if prediction is not None:
            fit, of = prediction.fit, prediction.class_names[1]
            chance, is_odd = percent(prediction.probability), fit.fit != "fits"
            calibrated_at = self._predictions.calibrated_at
            at = "" if calibrated_at is None else f" at {percent(calibrated_at)} {of}"
            answer = fit.reasons[0] if is_odd else f"{of}: {chance}"
            meaning = {
                "fits": f"calibrated probability{at}   ·   threshold {percent(prediction.threshold)}",
                "doubtful": f"doubtful   ·   {of}: {chance}",
                "refused": f"despite misfit, not a result   ·   {of}: {chance}",
            }[fit.fit]
        elif refusal is not None:
            answer = f"No number. {refusal.reasons[0]}"
        self.answer.setText(answer)
        theme.set_color(self.answer, theme.WARNING if is_odd else theme.TEXT)
        self.meaning.setText(meaning)
        self.demonstration.setText(self._predictions.demonstration)
        self.others.setText(
            "   ·   ".join(
                f"{each.bundle.name}: {each.summary}" for each in self._comparison.beside
            )
        )
        for label in (self.answer, self.meaning, self.others, self.demonstration):
            label.setVisible(bool(label.text()))
