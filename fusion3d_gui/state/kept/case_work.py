"""``CaseWork``: the reader's work on the case on screen, collected from the parts that hold it, and put back into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.labels.label_map import moved_onto
from fusion3d_gui.model.schema import Field
from fusion3d_gui.state.case.case_switcher import CaseSwitcher
from fusion3d_gui.state.case.entry import Entry
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.case.notes import Notes
from fusion3d_gui.state.case.scan_objects import ScanObjects
from fusion3d_gui.state.data.shown_prediction import PredictionRequest, ShownPrediction
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.export.left import LeftResults
from fusion3d_gui.state.kept.display_work import (
    default_window,
    show_view,
    show_window,
    view_of_display,
)
from fusion3d_gui.state.kept.kept_work import (
    KeptPrediction,
    KeptSecond,
    KeptView,
    KeptWork,
    MapSettings,
)
from fusion3d_gui.state.kept.second_work import SecondWork
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.masks.mask_list import KeptMask, MaskList
from fusion3d_gui.state.prediction.explanation_choice import ExplanationChoice
from fusion3d_gui.state.store import Store


class CaseWork(QObject):
    """What is kept of a case, wherever it is held.

    Parameters
    ----------
    store, switcher, display, annotations, form, choice, notes, left, masks, objects, second
        The parts that hold it.
    """

    #: Marks, window, form, map settings, notes, prediction or what left may have changed.
    changed = Signal()
    #: The crosshair, the planes or the arrangement of the views may have changed.
    view_changed = Signal()

    def __init__(
        self,
        store: Store,
        switcher: CaseSwitcher,
        display: Display,
        annotations: Annotations,
        form: Form,
        choice: ExplanationChoice,
        notes: Notes,
        left: LeftResults,
        masks: MaskList,
        objects: ScanObjects,
        second: SecondWork,
    ) -> None:
        super().__init__(store)
        self._store = store
        self._switcher = switcher
        self._display = display
        self._annotations = annotations
        self._form = form
        self._choice = choice
        self._notes = notes
        self._left = left
        self._masks = masks
        self._objects = objects
        self._second = second
        #: The prediction collected last, so that the same one is kept as the same.
        self._kept_prediction: KeptPrediction | None = None
        for signal in (
            annotations.changed,
            masks.changed,
            objects.changed,
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
            masks.selection_changed,
            second.view_changed,
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
            masks=self._masks.kept,
            second=self._second.now,
            mask_look=self._masks.look if self._masks.items else None,
            opened_map=self._objects.opened_map,
            stated_ct=self._is_stated_ct,
        )

    @property
    def _is_stated_ct(self) -> bool:
        return self._store.case is not None and self._store.case.is_stated_ct

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
        return view_of_display(self._display)

    @property
    def has_default_window(self) -> bool:
        """Whether the window level that the program chose for this case is still in use."""
        level = self._display.window_level
        return level.window == default_window(level)

    # -- putting it back ----------------------------------------------------------------------

    def put_on_scan(self, work: KeptWork) -> None:
        """Take the values for CT if the reader said so, and show the map of a file unless there is another.

        Before all else: window levels, unit and fit follow.
        """
        if work.stated_ct:
            self._switcher.state_ct()
        if self._objects.opened_map is None:
            self._objects.show_map(work.opened_map)

    def put_first(self, work: KeptWork) -> Mapping[Field, Entry]:
        """Put marks, entries and notes before those of this run; returns the entries that were taken."""
        self._annotations.put_first(work.marks)
        if work.mask_look is not None and not self._masks.items:
            self._masks.take_look(work.mask_look)
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
        if work.stated_ct != self._is_stated_ct:
            self._switcher.toggle_ct()
        self._objects.show_map(work.opened_map)
        self._annotations.replace_all(work.marks)
        self._masks.replace_all(self._on_scan(work.masks))
        if work.mask_look is not None:
            self._masks.take_look(work.mask_look)
        self._form.replace_typed(work.form)
        self._notes.set_all(work.notes)
        self._left.replace(work.left)
        if work.window is not None:
            self.show_window(work.window)
        else:
            level = self._display.window_level
            level.set_window(default_window(level))
        if work.map_settings is not None:
            self.show_map(work.map_settings)
        if work.view is not None:
            self.show_view(work.view)
        if work.second is not None:
            self.show_second(work.second)

    def show_second(self, kept: KeptSecond) -> None:
        """Open a kept scan beside, unless there is one."""
        self._second.restore(kept)

    def close_second(self) -> None:
        """Close the scan beside."""
        self._second.close()

    def _on_scan(self, masks: tuple[KeptMask, ...]) -> tuple[KeptMask, ...]:
        """Masks on the grid of the scan on screen, on which they may not have been drawn."""
        case = self._store.case
        found = []
        for each in masks:
            mask = None if case is None else moved_onto(each.item.mask, case.volume)
            if mask is not None:
                found.append(replace(each, item=replace(each.item, mask=mask)))
        return tuple(found)

    def show_window(self, kept: tuple[float, float]) -> None:
        """Use a window level kept without its curve."""
        show_window(self._display.window_level, kept)

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
        show_view(self._display, view)

    def show_prediction(self, kept: KeptPrediction) -> None:
        """Show a prediction of an earlier run, unless there is another or one is under way."""
        store, case, bundle = self._store, self._store.case, self._store.bundle
        if case is None or bundle is None or store.predicting or store.shown_prediction is not None:
            return
        self._kept_prediction = kept
        request = PredictionRequest(case, bundle, kept.prediction.metadata)
        store.show_prediction(ShownPrediction(request, kept.prediction, None, kept.explanation))
