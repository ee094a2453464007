"""``CaseWork``: the reader's work on the case on screen, collected from the parts that hold it, and put back into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.labels.label_map import moved_onto
from fusion3d_gui.imaging.reslice.clip import Side
from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.imaging.reslice.slab import Projection
from fusion3d_gui.model.schema import Field
from fusion3d_gui.state.case.entry import Entry
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.case.notes import Notes
from fusion3d_gui.state.data.shown_prediction import PredictionRequest, ShownPrediction
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.export.left import LeftResults
from fusion3d_gui.state.kept.kept_work import (
    KeptPrediction,
    KeptSecond,
    KeptView,
    KeptWork,
    MapSettings,
)
from fusion3d_gui.state.kept.second_work import SecondWork
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.masks.mask_list import CaseMask, MaskList
from fusion3d_gui.state.prediction.explanation_choice import ExplanationChoice
from fusion3d_gui.state.store import Store


class CaseWork(QObject):
    """What is kept of a case, wherever it is held.

    Parameters
    ----------
    store, display, annotations, form, choice, notes, left, masks, second
        The parts that hold it.
    """

    #: Marks, window, form, map settings, notes, prediction or what left may have changed.
    changed = Signal()
    #: The crosshair, the planes or the arrangement of the views may have changed.
    view_changed = Signal()

    def __init__(
        self,
        store: Store,
        display: Display,
        annotations: Annotations,
        form: Form,
        choice: ExplanationChoice,
        notes: Notes,
        left: LeftResults,
        masks: MaskList,
        second: SecondWork,
    ) -> None:
        super().__init__(store)
        self._store = store
        self._display = display
        self._annotations = annotations
        self._form = form
        self._choice = choice
        self._notes = notes
        self._left = left
        self._masks = masks
        self._second = second
        #: The prediction collected last, so that the same one is kept as the same.
        self._kept_prediction: KeptPrediction | None = None
        for signal in (
            annotations.changed,
            masks.changed,
            display.window_level.changed,
            display.overlay.changed,
            form.edited,
            choice.changed,
            notes.changed,
            left.changed,
            second.changed,
            store.prediction_changed,
        ):
            signal.connect(self.changed)
        for signal in (
            display.crosshair.moved,
            display.planes.changed,
            display.slab.changed,
            display.smoothing.changed,
            display.volume_look.changed,
            display.arrangement.changed,
        ):
            signal.connect(self.view_changed)

    # -- what is ------------------------------------------------------------------------------

    @property
    def now(self) -> KeptWork:
        """All of it, as it is now."""
        level = self._display.window_level.window
        prediction = self.prediction
        return KeptWork(
            self._annotations.items,
            (level.center, level.width),
            self._form.typed,
            self.map_settings,
            self._notes.now,
            () if prediction is None else (prediction,),
            self._left.of_case,
            self.view,
            masks=self._masks.drawn,
            second=self._second.now,
        )

    @property
    def map_settings(self) -> MapSettings | None:
        """How the heatmap of the chosen model is made and drawn."""
        bundle, overlay = self._store.bundle, self._display.overlay
        if bundle is None:
            return None
        return MapSettings(
            bundle.name,
            self._choice.wanted,
            overlay.visible,
            overlay.opacity,
            overlay.threshold,
            overlay.contours,
            overlay.color_map,
            overlay.kept_top,
        )

    @property
    def prediction(self) -> KeptPrediction | None:
        """The shown prediction; None without one, and while its map is being refined."""
        shown = self._store.shown_prediction
        if shown is None or shown.explanation is None or not shown.prediction.heatmap.finished:
            return None
        known = self._kept_prediction
        if known is None or known.prediction is not shown.prediction:
            self._kept_prediction = known = KeptPrediction(shown.prediction, shown.explanation)
        return known

    @property
    def view(self) -> KeptView:
        """How the case is looked at."""
        display = self._display
        x, y, z = (float(each) for each in display.crosshair.position_lps)
        slab, level, look = display.slab.slab, display.window_level, display.volume_look
        return KeptView(
            (x, y, z),
            {name: tuple(each.ravel().tolist()) for name, each in display.planes.matrices.items()},
            display.planes.snap,
            display.arrangement.now,
            look.is_surface,
            look.level,
            "" if look.cut is None else look.cut.name,
            look.depth_mm if look.cut is not None else 0.0,
            level.inverted,
            level.color_map,
            slab.thickness_mm,
            slab.projection.name,
            display.smoothing.interpolation.name,
        )

    @property
    def default_window(self) -> Window:
        """The window level that the program chose for this case."""
        level = self._display.window_level
        return level.presets[0].window if level.presets else level.window

    @property
    def has_default_window(self) -> bool:
        """Whether it is still in use."""
        return self._display.window_level.window == self.default_window

    # -- putting it back ----------------------------------------------------------------------

    def put_first(self, work: KeptWork) -> Mapping[Field, Entry]:
        """Put marks, entries and notes before those of this run; returns the entries that were taken."""
        self._annotations.put_first(work.marks)
        self._masks.put_first(self._on_scan(work.masks))
        now = self._notes.now
        self._notes.set_all(
            type(now)(now.reading or work.notes.reading, now.comment or work.notes.comment)
        )
        if work.left is not None:
            self._left.restore(work.left)
        return self._form.restore(work.form)

    def replace(self, work: KeptWork) -> None:
        """Have this work instead of all that there is."""
        self._annotations.replace_all(work.marks)
        self._masks.replace_all(self._on_scan(work.masks))
        self._form.replace_typed(work.form)
        self._notes.set_all(work.notes)
        self._left.replace(work.left)
        if work.window is not None:
            self.show_window(work.window)
        if work.map_settings is not None:
            self.show_map(work.map_settings)
        if work.view is not None:
            self.show_view(work.view)
        if work.second is not None:
            self.show_second(work.second)

    def show_second(self, kept: KeptSecond) -> None:
        """Open a kept scan beside, unless there is one."""
        self._second.restore(kept)

    def _on_scan(self, masks: tuple[CaseMask, ...]) -> tuple[CaseMask, ...]:
        """Masks on the grid of the scan on screen, on which they may not have been drawn."""
        case = self._store.case
        moved = [
            (each, None if case is None else moved_onto(each.mask, case.volume)) for each in masks
        ]
        return tuple(replace(each, mask=mask) for each, mask in moved if mask is not None)

    def show_window(self, kept: tuple[float, float]) -> None:
        """Use a window level kept without its curve: the preset with these values, else the default's curve."""
        level = self._display.window_level
        for preset in level.presets:
            if (preset.window.center, preset.window.width) == kept:
                level.set_window(preset.window)
                return
        level.set_window(self.default_window.reshaped(*kept))

    def show_map(self, settings: MapSettings) -> None:
        """Make and draw the heatmap this way."""
        overlay = self._display.overlay
        if self._choice.raw != settings.explanation.raw:
            self._choice.toggle_raw()
        self._choice.choose(settings.explanation)
        overlay.set_visible(settings.visible)
        overlay.set_opacity(settings.opacity)
        overlay.set_threshold(settings.threshold)
        if overlay.contours != settings.contours:
            overlay.toggle_contours()
        overlay.set_color_map(settings.color_map)
        overlay.keep_scale(settings.kept_top)

    def show_view(self, view: KeptView) -> None:
        """Look at the case this way."""
        display, level = self._display, self._display.window_level
        look = display.volume_look
        display.planes.restore(view.matrices, snap=view.snaps)
        display.arrangement.request(view.arrangement)
        display.crosshair.move_to(np.array(view.crosshair))
        if look.is_surface != view.surface:
            look.toggle_surface()
        look.set_level(view.level)
        look.cut_from(Side[view.cut] if view.cut else None)
        if view.cut:
            look.set_depth(view.cut_mm)
        if level.inverted != view.inverted:
            level.invert()
        if view.anatomy_colors:
            level.set_color_map(view.anatomy_colors)
        display.slab.set_thickness(view.slab_mm)
        if view.projection:
            display.slab.set_projection(Projection[view.projection])
        if view.interpolation:
            display.smoothing.set_interpolation(Interpolation[view.interpolation])

    def show_prediction(self, kept: KeptPrediction) -> None:
        """Show a prediction of an earlier run, unless there is another or one is under way."""
        store, case, bundle = self._store, self._store.case, self._store.bundle
        if case is None or bundle is None or store.predicting or store.shown_prediction is not None:
            return
        self._kept_prediction = kept
        request = PredictionRequest(case, bundle, kept.prediction.metadata)
        store.show_prediction(ShownPrediction(request, kept.prediction, None, kept.explanation))
