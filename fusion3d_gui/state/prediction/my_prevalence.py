"""``MyPrevalence``: how frequent the finding is among the user's patients, by model, and what follows for a probability."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.prevalence import shifted_probability
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.state.settings_values import MOST_PREVALENCES


class MyPrevalence(QObject):
    """The prevalence that the user states, kept in the settings by the bundle's name; none at first."""

    changed = Signal()

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._before = settings.values.prevalences
        settings.changed.connect(self._on_settings_changed)

    def of(self, info: BundleInfo) -> float | None:
        """The share (0 to 1) that the user stated for this model; None where there is none."""
        return dict(self._settings.values.prevalences).get(info.name)

    def set(self, info: BundleInfo, share: float | None) -> None:
        """State a share between 0 and 1 for this model; None: no longer any."""
        others = [each for each in self._settings.values.prevalences if each[0] != info.name]
        stated = [] if share is None else [(info.name, share)]
        kept = (*stated, *others)[:MOST_PREVALENCES]
        self._settings.change(replace(self._settings.values, prevalences=kept))

    def text(self, info: BundleInfo, probability: float) -> str:
        """What a probability of this model is at the user's prevalence, in words.

        Empty where the user stated none, or it is not known for which one the model is calibrated.
        """
        share, calibrated_at = self.of(info), info.calibrated_at
        if share is None or calibrated_at is None:
            return ""
        there = shifted_probability(probability, calibrated_at, share)
        return f"{percent(there)} at my prevalence of {100 * share:.3g} %"

    def _on_settings_changed(self) -> None:
        prevalences = self._settings.values.prevalences
        if prevalences != self._before:
            self._before = prevalences
            self.changed.emit()
