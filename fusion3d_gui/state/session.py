"""``Session``: the state of the open window. Case, model, form, result, and the work under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.privacy.deidentify import error_without_file_name
from fusion3d_gui.inference.analysis.result_types import WhatIf
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.prediction import Heatmap, Prediction
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.model.schema import Field, Value
from fusion3d_gui.state.case.case import Case, CaseKey
from fusion3d_gui.state.case.demo_cases import DemoCase
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.case.identity import Identity
from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.marks.tool import Tool
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.prediction.augmentation import Augmentation
from fusion3d_gui.state.prediction.engine import InferenceEngine
from fusion3d_gui.state.prediction.explaining import Explaining
from fusion3d_gui.state.prediction.hot_spot_list import HotSpotList
from fusion3d_gui.state.prediction.model_comparison import Comparison
from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.prediction.predicting import Predicting
from fusion3d_gui.state.prediction.result import Result
from fusion3d_gui.state.prediction.side_by_side import Beside
from fusion3d_gui.state.tasks import TaskLane

if TYPE_CHECKING:
    from fusion3d_gui.inference.analysis.workbench import Workbench


class Session(QObject):
    """Widgets show it and call its intents; it never knows a widget.

    A result is shown as current only while the case, the bundle and the form are those it was
    computed from: ``current_prediction`` is None otherwise.
    """

    case_changed = Signal()
    #: More slices of the case on screen have been read.
    case_filled = Signal()
    bundles_changed = Signal()
    bundle_changed = Signal()
    model_ready = Signal()
    result_changed = Signal()
    explanation_changed = Signal()
    #: The map on screen has been checked: MapChecks.
    map_checked = Signal(object)
    noticed = Signal(object)  # Notice
    #: What was asked could not be done: the exception. Its notice is sent separately.
    failed = Signal(object)

    def __init__(
        self,
        bundles: Sequence[BundleInfo] = (),
        *,
        device: str = "auto",
        engine: str = "auto",
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.display = Display(self)
        self.form = Form(self)
        self.annotations = Annotations(self)
        self.tool = Tool(self)
        self.hot_spots = HotSpotList(self.display, self)
        self.loading = TaskLane("loading", self)
        self.inference = TaskLane("inference", self)
        self.saving = TaskLane("saving", self)
        self.browsing = TaskLane("browsing", self)
        self.listing = TaskLane("listing", self)
        self.identity = Identity(self)
        self._engine = InferenceEngine(device, engine)
        self._bundle: BundleInfo | None = None
        self._case: Case | None = None
        self._typed: dict[CaseKey, Mapping[Field, Value]] = {}
        self.form.edited.connect(self._on_form_edited)
        self.loading.changed.connect(self._on_loading_changed)
        self.identity.changed.connect(self._on_identity_changed)
        self._opener = Opener(self)
        self._models = Models(self, bundles)
        self._models.changed.connect(self.bundles_changed)
        self._models.ready.connect(self.model_ready)
        self._predicting = Predicting(self)
        self._predicting.changed.connect(self.result_changed)
        self._predicting.loaded.connect(self._models.set_loaded)
        self.beside = Beside(self)
        self._explaining = Explaining(self)
        self._explaining.changed.connect(self.explanation_changed)
        self._explaining.checked.connect(self.map_checked)
        # Should another explanation have been chosen meanwhile, or take long.
        self._predicting.answered.connect(self._explaining.refresh)
        self.comparison = Comparison(self)
        self.augmentation = Augmentation(self)
        if bundles:
            self._set_bundle(bundles[0])

    # -- what is ------------------------------------------------------------------------------

    @property
    def case(self) -> Case | None:
        """The case on screen."""
        return self._case

    @property
    def bundles(self) -> tuple[BundleInfo, ...]:
        """Models to choose from."""
        return self._models.known

    @property
    def bundle(self) -> BundleInfo | None:
        """The chosen model."""
        return self._bundle

    @property
    def device_text(self) -> str:
        """Where the chosen model computes; empty until it is loaded."""
        loaded = self._models.loaded
        return "" if loaded is None else loaded.device_text

    @property
    def engine_reason(self) -> str:
        """Why the engine of :attr:`device_text` computes there; empty until the model is loaded."""
        loaded = self._models.loaded
        return "" if loaded is None else loaded.engine_reason

    @property
    def predicting(self) -> bool:
        """Whether a prediction is under way."""
        return self._predicting.under_way

    @property
    def can_predict(self) -> bool:
        """Whether there is a case, all of it, and a model."""
        return self._predicting.can_start

    @property
    def result(self) -> Result | None:
        """The last answer about this case and bundle, current or outdated."""
        return self._predicting.result

    @property
    def is_outdated(self) -> bool:
        """Whether the form has changed since the result was asked for."""
        return self._predicting.is_outdated

    @property
    def current_prediction(self) -> Prediction | None:
        """The answer to what the window now shows; None without one or once it is outdated."""
        return self._predicting.current

    @property
    def workbench(self) -> Workbench | None:
        """What can be asked about the case and bundle on screen, with any metadata."""
        return None if self.result is None else self.result.workbench

    @property
    def what_if(self) -> WhatIf | None:
        """The answer to the form's values where they are not those of the prediction."""
        return self._predicting.what_if

    @property
    def engine(self) -> InferenceEngine:
        """The model in memory: only for work on the inference lane."""
        return self._engine

    @property
    def explanation(self) -> Explanation:
        """How predictions are explained."""
        return self._explaining.wanted

    def explanation_for(self, info: BundleInfo) -> Explanation:
        """How this model's predictions are explained."""
        return self._explaining.wanted_for(info)

    # -- cases --------------------------------------------------------------------------------

    def open(
        self,
        path: Path,
        series_uid: str | None = None,
        *,
        metadata: Mapping[str, Value] | None = None,
        then_predict: bool = False,
    ) -> None:
        """Open a file or folder; the present case stays until the first slice of the new one is read.

        Should the rest of it turn out to be unreadable, or the user give up, the present case returns.
        """
        self._opener.open(Path(path), series_uid, metadata, then_predict)

    def open_demo(self, demo: DemoCase) -> None:
        """Open a shipped case with its model and metadata, and predict."""
        try:
            info = self._models.find(demo.bundle)
        except UserError as error:
            self.tell_failure(error)
            return
        if info is not self._bundle:
            self._set_bundle(info)
        self.open(demo.path, metadata=demo.metadata, then_predict=True)

    def cancel_loading(self) -> None:
        """Give up opening; the present case stays."""
        self.loading.cancel()

    def show_case(
        self, case: Case, metadata: Mapping[str, Value], result: Result | None = None
    ) -> None:
        """Put a case on screen, which the opener calls, with an answer about it that is known already.

        Raises UserError where the metadata given do not fit the form.
        """
        self._predicting.give_up()
        if self._case is not None:
            self._typed[self._case.key] = self.form.typed
        self.form.start_case(case.volume.attributes, metadata, self._typed.get(case.key))
        as_known, case = case, self._as_wanted(case)
        self._case = case
        # Another model may have been chosen since, or who it is hidden.
        known = result is not None and result.request.bundle is self._bundle
        self._predicting.set_result(result if known else None)
        self._predicting.follow(as_known, case)
        self.annotations.show_case(case)
        self.display.show_case(case)
        self.case_changed.emit()
        self.result_changed.emit()
        for text in case.volume.notices:
            self.noticed.emit(Notice(text))

    def show_whole(self, case: Case, told: Sequence[str]) -> None:
        """All slices of the case on screen have been read; ``told`` are notices shown before."""
        self._case = self._as_wanted(case)
        self.display.window_level.refine_presets(case.presets)
        self.case_filled.emit()
        self.result_changed.emit()
        for text in case.volume.notices:
            if text not in told:
                self.noticed.emit(Notice(text))

    def show_start(self) -> None:
        """No case is on screen."""
        self._case = None
        self.form.start_case({}, {})
        self.case_changed.emit()
        self.result_changed.emit()

    def _on_identity_changed(self) -> None:
        """Show the case on screen with or without who it is, all else as it is."""
        before = self._case
        if before is None or not before.is_complete:
            return
        case = self._as_wanted(before)
        if case is before:
            return
        self._case = case
        self._predicting.follow(before, case)
        self.case_changed.emit()
        self.result_changed.emit()
        for text in case.volume.notices:
            self.noticed.emit(Notice(text))

    def _as_wanted(self, case: Case) -> Case:
        """The case with or without who it is, as the user wants it now."""
        return case.hide_identity() if self.identity.hidden else case.revealed or case

    def _on_loading_changed(self) -> None:
        if self._case is not None and not self._case.is_complete:
            self.case_filled.emit()

    # -- models -------------------------------------------------------------------------------

    def choose_bundle(self, info: BundleInfo) -> None:
        """Use this model from now on, and load it in the background."""
        if info is not self._bundle:
            self._set_bundle(info)
        self.prepare_model()

    def add_bundle(self, folder: Path) -> None:
        """Read a bundle from a folder that the user chose, and use it."""
        self._models.add(Path(folder))

    def prepare_model(self) -> None:
        """Load the chosen model in the background, unless it is loaded or busy with a prediction."""
        self._models.prepare()

    def _set_bundle(self, info: BundleInfo) -> None:
        self._predicting.give_up()
        self._bundle = info
        self._predicting.set_result(None)
        self.form.start_schema(info.schema)
        self.bundle_changed.emit()
        self.result_changed.emit()

    # -- predictions --------------------------------------------------------------------------

    def predict(self) -> None:
        """Ask the chosen model about the case on screen with the values in the form."""
        self._predicting.predict()

    def cancel_inference(self) -> None:
        """Give up the prediction or the loading of the model."""
        self.inference.cancel()

    def reset_form(self) -> None:
        """Put the form's values back to those of the prediction."""
        if self.result is not None:
            self.form.put_back(self.result.request.metadata)

    def explain(self, explanation: Explanation) -> None:
        """Explain from now on like this, the present result too."""
        self._explaining.explain(explanation)

    def show_both_maps(self) -> None:
        """Map what raised the answer and what lowered it beside each other."""
        self._explaining.show_both()

    @property
    def shows_both_maps(self) -> bool:
        """Whether they are."""
        return self._explaining.shows_both

    def show_heatmap(self, heatmap: Heatmap, explanation: Explanation | None) -> None:
        """Another map of the present result, made as ``explanation`` says; None: a coarse one of it."""
        self._predicting.set_heatmap(heatmap, explanation)

    @property
    def can_check_map(self) -> bool:
        """Whether the map on screen is one that can be checked."""
        return self._explaining.can_check

    def check_map(self) -> None:
        """Find out whether the map on screen deserves trust; :attr:`map_checked` tells."""
        self._explaining.check()

    def go_to_peak(self) -> None:
        """Put the crosshair on the strongest cell of the current heatmap."""
        self._explaining.go_to_peak()

    def _on_form_edited(self, name: str) -> None:
        if self.result is not None:
            self.result_changed.emit()

    # -- failures and the end -----------------------------------------------------------------

    def tell_failure(self, error: Exception) -> None:
        """Say in the window that something did not work: a UserError's own sentence, else ours."""
        if isinstance(error, UserError):
            hidden = self.identity.hidden
            text = error_without_file_name(str(error), error.path) if hidden else str(error)
            self.noticed.emit(Notice(text, "error"))
        else:
            text = "That did not work, through a fault of Fusion3D. The details are in its log."
            self.noticed.emit(Notice(text, "error"))
        self.failed.emit(error)

    def close(self) -> bool:
        """Cancel everything and wait for the threads; whether they ended in time."""
        lanes = (self.loading, self.inference, self.saving, self.browsing, self.listing)
        for lane in lanes:
            lane.cancel()
        ended = [lane.close() for lane in lanes]
        return all(ended)
