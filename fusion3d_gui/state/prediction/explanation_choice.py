"""``ExplanationChoice``: how the window explains predictions."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.inference.explain.explanation import INPUT_METHODS, Explanation
from fusion3d_gui.inference.prediction import Side
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.store import Store

_GRADCAM = (Explanation().method, Explanation().stages)


class ExplanationChoice(QObject):
    """Method and stages that the user chose, else those that suit the chosen model best."""

    #: Predictions are to be explained another way from now on.
    changed = Signal()

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._store = store
        #: None: the default of each model.
        self._chosen: tuple[str, tuple[int, ...]] | None = None
        self._side: Side = "raised"
        self._raw = False
        #: What was wanted before Grad-CAM at the last stage; None: the default of each model.
        self._before: tuple[str, tuple[int, ...]] | None = None
        store.bundle_changed.connect(self.changed)

    @property
    def wanted(self) -> Explanation:
        """How the chosen model's predictions are explained."""
        return self.wanted_for(self._store.bundle)

    def wanted_for(self, info: BundleInfo | None) -> Explanation:
        """How a model's predictions are explained."""
        method, stages = self._chosen or _default(info)
        if info is not None and not info.network.has_stages and method not in INPUT_METHODS:
            method, stages = info.default_map
        return Explanation(method, stages, self._side, self._raw)

    @property
    def raw(self) -> bool:
        """Whether maps are left as they are computed, displaced as they may be."""
        return self._raw

    def toggle_raw(self) -> None:
        """Correct maps for the displacement that was measured, where it may be, or leave them raw."""
        self._raw = not self._raw
        self.changed.emit()

    def choose(self, explanation: Explanation) -> None:
        """Explain this way from now on, corrected or raw as before.

        Choosing the default of a model returns to the defaults of all models.
        """
        if replace(explanation, raw=self._raw) == self.wanted:
            return
        wanted = explanation.method, explanation.stages
        self._chosen = None if wanted == _default(self._store.bundle) else wanted
        self._side = explanation.side
        self.changed.emit()

    @property
    def can_toggle_gradcam(self) -> bool:
        """Whether :meth:`toggle_gradcam` changes anything."""
        return {_GRADCAM} != {self._now, self._before or _default(self._store.bundle)}

    @property
    def is_gradcam(self) -> bool:
        """Whether predictions are explained by Grad-CAM at the last stage."""
        return self._now == _GRADCAM

    def toggle_gradcam(self) -> None:
        """Explain by Grad-CAM at the last stage; from there, as before."""
        if self.is_gradcam:
            wanted = self._before or _default(self._store.bundle)
        else:
            self._before, wanted = self._now, _GRADCAM
        self.choose(Explanation(*wanted, self._side))

    @property
    def _now(self) -> tuple[str, tuple[int, ...]]:
        return self._chosen or _default(self._store.bundle)


def _default(info: BundleInfo | None) -> tuple[str, tuple[int, ...]]:
    return _GRADCAM if info is None else info.default_map
