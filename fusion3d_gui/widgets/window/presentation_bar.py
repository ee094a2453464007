"""``PresentationBar``: prediction and hot spot in large letters, under the images."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from fusion3d_gui.state.prediction.hot_spot_list import HotSpotList
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.prediction.presentation import Presentation
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
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._predictions = predictions
        self._hot_spots = hot_spots
        self._presentation = presentation
        self.setObjectName("presentation")
        self.answer = theme.label(size=theme.LARGE, medium=True)
        self.meaning = theme.label(size=theme.SMALL, color=theme.MUTED)
        self.spot = theme.label(size=theme.LARGE)
        self.spot.setWordWrap(True)  # on a small projector it has two lines
        self.keys = theme.label(size=theme.SMALL, color=theme.MUTED)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(20, 10, 20, 10)
        layout.setSpacing(32)
        said = QVBoxLayout()
        said.setSpacing(0)
        said.addWidget(self.answer)
        said.addWidget(self.meaning)
        layout.addLayout(said)
        layout.addWidget(self.spot, 1)
        layout.addWidget(self.keys)
        store.prediction_changed.connect(self._show)
        hot_spots.changed.connect(self._show)
        presentation.changed.connect(self._on_presentation_changed)
        self._on_presentation_changed()

    def _on_presentation_changed(self) -> None:
        self.setVisible(self._presentation.on)
        self._show()

    def _show(self) -> None:
        prediction = self._predictions.current
        for label in (self.answer, self.meaning):
            label.setVisible(prediction is not None)
        if prediction is not None:
            threshold = percent(prediction.threshold)
            self.meaning.setText(f"calibrated probability   ·   threshold {threshold}")
            chance = percent(prediction.probability)
            self.answer.setText(f"{prediction.class_names[1]}: {chance}")
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
