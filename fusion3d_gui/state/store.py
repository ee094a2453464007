"""``Store``: the data of the open window, the work under way, and the signals that announce changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.privacy.deidentify import error_without_file_names
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.data.identity import Identity
from fusion3d_gui.state.data.shown_prediction import PredictionRequest, ShownPrediction
from fusion3d_gui.state.inference_engine import InferenceEngine, LoadedModel
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.tasks import Task, TaskLane

T = TypeVar("T")


class Store(QObject):
    """What every part of the session reads and changes.

    The case, the bundle and the shown prediction always belong together: choosing another case or
    bundle drops the prediction and cancels the one under way.

    Parameters
    ----------
    device, engine, checks_engines
        See :class:`~fusion3d_gui.state.inference_engine.InferenceEngine`.
    """

    #: Another case is on screen (Case): parts of the state start afresh. ``case_changed`` follows.
    case_opened = Signal(object)
    #: All slices of the case on screen have been read (Case). ``case_filled`` follows.
    case_completed = Signal(object)
    #: Another case is on screen, none is, or its identity has been hidden or shown.
    case_changed = Signal()
    #: What the values of the case on screen mean has been said or taken back (Case). ``case_changed`` follows.
    case_restated = Signal(object)
    #: More slices of the case on screen have been read.
    case_filled = Signal()
    #: Another bundle has been chosen (BundleInfo): parts of the state follow. ``bundle_changed`` follows.
    bundle_chosen = Signal(object)
    bundle_changed = Signal()
    #: A bundle has been loaded into memory, or its engine has changed.
    model_loaded = Signal()
    #: The shown prediction, whether it is current, or whether one is under way has changed.
    prediction_changed = Signal()
    #: The shown prediction was taken off the screen, by the user or since it no longer holds.
    prediction_dropped = Signal()
    #: Something has left the program (Departure): emitted once it is written, copied or sent.
    departed = Signal(object)
    #: The window should show this Notice.
    noticed = Signal(object)
    #: A request failed with this Exception. Its notice is emitted separately.
    failed = Signal(object)

    def __init__(
        self,
        *,
        device: str = "auto",
        engine: str = "auto",
        checks_engines: bool = False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.identity = Identity(self)
        self.loading = TaskLane("loading", self)
        self.inference = TaskLane("inference", self)
        self.saving = TaskLane("saving", self)
        self.browsing = TaskLane("browsing", self)
        self.listing = TaskLane("listing", self)
        #: The model in memory: only for work on the inference lane.
        self.engine = InferenceEngine(device, engine, checks_engines=checks_engines)
        self._case: Case | None = None
        self._bundle: BundleInfo | None = None
        self._loaded_model: LoadedModel | None = None
        self._request: PredictionRequest | None = None
        self._shown_prediction: ShownPrediction | None = None
        self.loading.changed.connect(self._on_loading_changed)

    # -- the case -----------------------------------------------------------------------------

    @property
    def case(self) -> Case | None:
        """The case on screen; None: the start page."""
        return self._case

    def open_case(self, case: Case, shown_prediction: ShownPrediction | None = None) -> None:
        """Put another case on screen, with a prediction of it if there is one already."""
        self._case, self._shown_prediction = case, shown_prediction
        self.case_opened.emit(case)
        self._emit_case_changed()
        self._notice_of(case)

    def replace_case(self, case: Case) -> None:
        """Show the same case with its identity hidden or shown; all else stays."""
        if self._case is not None and self._shown_prediction is not None:
            self._shown_prediction = self._shown_prediction.for_case(self._case, case)
        self._case = case
        self._emit_case_changed()
        self._notice_of(case)

    def restate_case(self, case: Case) -> None:
        """Show the same case with values of another meaning: what was predicted of it is dropped."""
        self.cancel_prediction()
        self._case, self._shown_prediction = case, None
        self.case_restated.emit(case)
        self._emit_case_changed()

    def complete_case(self, case: Case, noticed: Sequence[str]) -> None:
        """Show the same case with all its slices; ``noticed`` are notices that were shown before."""
        self._case = case
        self.case_completed.emit(case)
        self.case_filled.emit()
        self.prediction_changed.emit()
        self._notice_of(case, noticed)

    def close_case(self) -> None:
        """Show no case."""
        self._case = None
        self._emit_case_changed()

    def _emit_case_changed(self) -> None:
        self.case_changed.emit()
        self.prediction_changed.emit()

    def _notice_of(self, case: Case, noticed: Sequence[str] = ()) -> None:
        warnings = {each.sentence for each in case.volume.warnings}
        for text in case.volume.notices:
            if text not in noticed:
                self.noticed.emit(Notice(text, "warning" if text in warnings else "info"))

    def _on_loading_changed(self) -> None:
        if self._case is not None and not self._case.is_complete:
            self.case_filled.emit()

    # -- the model ----------------------------------------------------------------------------

    @property
    def bundle(self) -> BundleInfo | None:
        """The chosen model bundle."""
        return self._bundle

    def choose_bundle(self, info: BundleInfo) -> None:
        """Use another bundle from now on."""
        self.cancel_prediction()
        self._bundle, self._shown_prediction = info, None
        self.bundle_chosen.emit(info)
        self.bundle_changed.emit()
        self.prediction_changed.emit()

    @property
    def loaded_model(self) -> LoadedModel | None:
        """The chosen bundle's model, once it is in memory."""
        loaded, bundle = self._loaded_model, self._bundle
        if loaded is None or bundle is None or loaded.folder != bundle.folder:
            return None
        return loaded

    def set_loaded_model(self, loaded: LoadedModel) -> None:
        """Record which model is in memory now."""
        self._loaded_model = loaded
        self.model_loaded.emit()

    # -- the prediction -----------------------------------------------------------------------

    @property
    def can_predict(self) -> bool:
        """Whether there are a complete case and a bundle."""
        return self._case is not None and self._case.is_complete and self._bundle is not None

    @property
    def shown_prediction(self) -> ShownPrediction | None:
        """The last prediction of this case and bundle, current or outdated."""
        return self._shown_prediction

    def show_prediction(self, shown: ShownPrediction) -> None:
        """Show this prediction of the case on screen by the chosen bundle."""
        self._shown_prediction = shown
        self.prediction_changed.emit()

    def drop_prediction(self) -> None:
        """Show no prediction."""
        self._shown_prediction = None
        self.prediction_changed.emit()
        self.prediction_dropped.emit()

    @property
    def predicting(self) -> bool:
        """Whether a prediction is under way."""
        return self._request is not None

    @property
    def request(self) -> PredictionRequest | None:
        """What the prediction under way is made of."""
        return self._request

    def start_prediction(self, request: PredictionRequest) -> None:
        """Record that a prediction is under way."""
        self._request = request
        self.prediction_changed.emit()

    def end_prediction(self, shown: ShownPrediction | None = None) -> None:
        """The prediction under way has ended; show what came of it, None: what is shown stays."""
        self._request = None
        if shown is not None:
            self._shown_prediction = shown
        self.prediction_changed.emit()

    def cancel_prediction(self) -> None:
        """Cancel the prediction that is under way, if any."""
        if self._request is not None:
            self.inference.cancel()

    # -- work ---------------------------------------------------------------------------------

    def run(
        self,
        lane: TaskLane,
        label: str,
        work: Callable[[Progress], T],
        done: Callable[[T], object],
        *,
        undone: Callable[[], object] | None = None,
    ) -> Task[T]:
        """Do work on a lane's thread; ``done`` gets what it returns, on the GUI thread.

        A failure is shown in the window. ``undone`` is called where the work fails (before that is
        shown) or is cancelled.
        """
        task = lane.submit(label, work)
        task.succeeded.connect(done)
        if undone is not None:
            call = undone
            task.failed.connect(lambda error: call())
            task.cancelled.connect(call)
        task.failed.connect(self.tell_failure)
        return task

    def tell_failure(self, error: Exception) -> None:
        """Show that a request failed: a UserError's own sentence, else a general one."""
        if isinstance(error, UserError):
            hidden = self.identity.hidden
            text = error_without_file_names(error) if hidden else str(error)
        else:
            text = "That did not work, through a fault of Fusion3D. The details are in its log."
        self.noticed.emit(Notice(text, "error"))
        self.failed.emit(error)

    def close(self) -> bool:
        """Cancel all work and wait for the threads; returns whether they ended in time."""
        lanes = (self.loading, self.inference, self.saving, self.browsing, self.listing)
        for lane in lanes:
            lane.cancel()
        ended = [lane.close() for lane in lanes]
        return all(ended)
