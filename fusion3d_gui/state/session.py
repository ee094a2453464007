"""``Session``: the state of the open window, composed of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.demo_cases import DemoCase
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.report.session.archive import is_session_file
from fusion3d_gui.state.beside.alignment import Alignment
from fusion3d_gui.state.beside.comparison import Comparison
from fusion3d_gui.state.beside.prior_prediction import PriorPrediction
from fusion3d_gui.state.beside.second_scan import SecondScan
from fusion3d_gui.state.case.case_switcher import CaseSwitcher
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.case.notes import Notes
from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.case.scan_objects import ScanObjects
from fusion3d_gui.state.case.territories import Territories
from fusion3d_gui.state.cases.case_parts import CaseParts
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.export.audit_trail import AuditTrail
from fusion3d_gui.state.export.left import LeftResults
from fusion3d_gui.state.export.movie_export import MovieExport
from fusion3d_gui.state.export.result_collector import ResultCollector
from fusion3d_gui.state.export.sharing import Sharing
from fusion3d_gui.state.kept.case_work import CaseWork
from fusion3d_gui.state.kept.second_work import SecondWork
from fusion3d_gui.state.kept.session_files import SessionFiles
from fusion3d_gui.state.kept.set_aside_work import SetAsideWork
from fusion3d_gui.state.kept.work_keeper import WorkKeeper
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.marks.tool import Tool
from fusion3d_gui.state.masks.mask_drawing import MaskDrawing
from fusion3d_gui.state.masks.mask_list import MaskList
from fusion3d_gui.state.pacs.pacs_parts import PacsParts, PacsPlaces
from fusion3d_gui.state.prediction.augmentation_run import Augmentation
from fusion3d_gui.state.prediction.explainer import Explainer
from fusion3d_gui.state.prediction.explanation_choice import ExplanationChoice
from fusion3d_gui.state.prediction.hot_spot_list import HotSpotList
from fusion3d_gui.state.prediction.mask_agreements import MaskAgreements
from fusion3d_gui.state.prediction.model_comparison import ModelComparison
from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.prediction.side_by_side import SideBySideMaps
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.undo import Undo


class Session(QObject):
    """Creates the parts and connects them. Widgets show the parts and call them.

    With ``checks_engines`` an engine is checked on the shipped cases before it is used for the first time. Work on
    cases is kept in ``kept_folder``, the audit log in ``audit_folder``; None: nowhere. Without ``pacs``
    there is no PACS.

    Parts are created in an order in which each needs only earlier ones; this is also the order in
    which they hear of a change, all of them before any widget.
    """

    def __init__(
        self,
        bundles: Sequence[BundleInfo] = (),
        *,
        device: str = "auto",
        engine: str = "auto",
        checks_engines: bool = False,
        kept_folder: Path | None = None,
        audit_folder: Path | None = None,
        pacs: PacsPlaces | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.store = store = Store(
            device=device, engine=engine, checks_engines=checks_engines, parent=self
        )
        self.display = Display(self)
        self.annotations = Annotations(self)
        self.masks = MaskList(self)
        self.undo = Undo(self.annotations, self.masks, self.display.window_level, self)
        self.tool = Tool(self)
        self.form = form = Form(self)
        self.notes = Notes(self)
        self.switcher = CaseSwitcher(store, form)
        self.opener = Opener(store, self.switcher, self.display)
        self.scan_objects = ScanObjects(store, self.display, self.annotations, self.masks)
        self.territories = Territories(store)
        self.mask_drawing = MaskDrawing(store, self.masks)
        self.models = Models(store, form, bundles)
        self.explanation_choice = choice = ExplanationChoice(store)
        self.predictions = Predictions(store, form, choice)
        self.hot_spots = HotSpotList(self.display, self)
        self.side_by_side = SideBySideMaps(store)
        self.mask_agreements = MaskAgreements(
            store, self.masks, self.predictions, self.display.overlay
        )
        self.cases = CaseParts(store, self.opener, self.models)
        self.explainer = Explainer(store, choice, self.predictions, self.side_by_side)
        self.augmentation = Augmentation(store)
        self.model_comparison = ModelComparison(store, form, self.models, choice, self.side_by_side)
        self.second = SecondScan(store, self.display)
        self.comparison = Comparison(self)
        self.alignment = Alignment(store, self.second, self.comparison)
        self.prior = PriorPrediction(store, self.second, form, self.predictions)
        self.result_collector = ResultCollector(
            store,
            form,
            self.display,
            self.annotations,
            self.predictions,
            self.explainer,
            self.model_comparison,
            self.notes,
        )
        self.sharing = Sharing(store, self.result_collector)
        self.movies = MovieExport(store, self.display, self.result_collector)
        #: Once the prediction of this case arrives, the crosshair goes to the peak of its heatmap.
        self._to_peak_of: tuple[Path, ...] = ()
        store.case_opened.connect(self._on_case_opened)
        store.case_opened.connect(self.annotations.show_case)
        store.case_opened.connect(self.masks.show_case)
        store.case_opened.connect(self.notes.show_case)
        store.case_opened.connect(self.display.show_case)
        store.case_opened.connect(self.undo.show_case)
        store.case_completed.connect(self.display.complete_case)
        store.case_restated.connect(self.display.complete_case)
        store.case_restated.connect(self.annotations.show_case)
        store.case_filled.connect(self.annotations.measure_again)
        store.prediction_changed.connect(self._on_prediction_changed)
        self.opener.opened_to_predict.connect(self.predictions.predict)
        self.left = LeftResults(store, form)
        self.audit = AuditTrail(audit_folder, store, self.predictions)
        # Last: what a change brings about is there when it is collected.
        second_work = SecondWork(store, self.second, self.alignment, self.comparison, self.prior)
        work = CaseWork(
            store,
            self.switcher,
            self.display,
            self.annotations,
            form,
            choice,
            self.notes,
            self.left,
            self.masks,
            self.scan_objects,
            second_work,
        )
        self.keeper = WorkKeeper(kept_folder, store, work)
        self.set_aside = SetAsideWork(kept_folder, store, self.keeper)
        self.files = SessionFiles(store, self.opener, self.models, self.keeper, second_work)
        self.pacs = (
            None
            if pacs is None
            else PacsParts(
                pacs,
                store,
                self.opener,
                self.result_collector,
                self.cases.table,
                self.predictions,
            )
        )
        if bundles:
            self.models.choose(bundles[0])

    def open(self, paths: Path | Sequence[Path], series_uid: str | None = None) -> None:
        """Open a session file, scans (files or folders together), or masks and DICOM objects on the scan on screen."""
        named = (paths,) if isinstance(paths, Path) else tuple(paths)
        if len(named) == 1 and is_session_file(named[0]):
            self.files.open(named[0])
        elif self.scan_objects.takes(named):
            self.scan_objects.open(named)
        else:
            self.opener.open(named, series_uid)

    def open_demo(self, demo: DemoCase, model_dir: Path | None = None) -> None:
        """Open a shipped case with its metadata, predict by its model or that of ``model_dir``, and go to the heatmap's peak."""
        try:
            info = self.models.find(model_dir or demo.bundle)
        except UserError as error:
            self.store.tell_failure(error)
            return
        self.models.choose(info)
        self._to_peak_of = (demo.path,)
        self.opener.open(demo.path, metadata=demo.metadata, then_predict=True)

    def close(self) -> bool:
        """Keep the work on the case, cancel all else and wait for the threads; returns whether they ended in time."""
        is_kept, is_logged = self.keeper.finish(), self.audit.finish()
        lanes = (
            *(self.mask_agreements, self.cases),
            *(self.alignment.lane, self.second.lane, self.set_aside, self.store),
        )
        closed = [each.close() for each in lanes]
        return (self.pacs is None or self.pacs.close()) and all(closed) and is_kept and is_logged

    def _on_prediction_changed(self) -> None:
        heatmap = self.predictions.heatmap
        self.hot_spots.set_heatmap(heatmap)
        case = self.store.case
        if heatmap is None or case is None or case.paths != self._to_peak_of:
            return
        self._to_peak_of = ()
        # Not where the user has gone elsewhere meanwhile.
        if self.display.is_at_start(case):
            self.hot_spots.go_to_peak()

    def _on_case_opened(self, case: Case) -> None:
        if case.paths != self._to_peak_of:
            self._to_peak_of = ()
