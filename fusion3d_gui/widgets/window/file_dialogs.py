"""``FileDialogs``: the system's dialogs to choose files and folders."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.export.audit_trail import AuditTrail
from fusion3d_gui.state.export.measurement_export import export_measurements
from fusion3d_gui.state.export.result_collector import ResultCollector
from fusion3d_gui.state.export.result_export import export_prediction, suggested_name
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.state.store import Store


class FileDialogs:
    """Dialogs over ``window``; what is chosen is opened or written at once."""

    def __init__(
        self,
        store: Store,
        opener: Opener,
        models: Models,
        annotations: Annotations,
        predictions: Predictions,
        audit: AuditTrail,
        collector: ResultCollector,
        settings: Settings,
        window: QWidget,
    ) -> None:
        self._store = store
        self._opener = opener
        self._models = models
        self._annotations = annotations
        self._predictions = predictions
        self._audit = audit
        self._collector = collector
        self._settings = settings
        self._window = window
        self._folder: Path | None = None
        store.identity.changed.connect(self._forget_folder)

    def _start(self, name: str = "") -> str:
        """A file in the folder used last; not one of before the identity was hidden."""
        folder = self._folder
        if folder is None and not self._store.identity.hidden:
            folder = self._settings.values.folder
        if folder is None or not folder.is_dir():
            folder = Path.home()  # Qt would begin in its own last folder
        return str(folder / name)

    def _forget_folder(self) -> None:
        """What was chosen while the identity was shown may name a patient, too."""
        self._folder = None

    def _keep(self, folder: Path) -> None:
        self._folder = folder
        if not self._store.identity.hidden:
            self._settings.remember_folder(folder)

    def open_file(self) -> None:
        """Choose files to open together."""
        names, _ = QFileDialog.getOpenFileNames(
            self._window, "Open DICOM, NIfTI, NRRD or MetaImage files", self._start()
        )
        if names:
            paths = [Path(name) for name in names]
            self._keep(paths[0].parent)
            self._opener.open(paths)

    def open_folder(self) -> None:
        """Choose a folder of scans to open."""
        name = QFileDialog.getExistingDirectory(
            self._window, "Open a folder of scans", self._start()
        )
        if name:
            self._keep(Path(name))
            self._opener.open(Path(name))

    def add_model(self) -> None:
        """Choose a model bundle's folder, beginning beside the one in use."""
        used = self._store.bundle
        name = QFileDialog.getExistingDirectory(
            self._window,
            "Choose the folder of a model bundle",
            "" if used is None else str(used.folder.absolute().parent),
        )
        if name:
            self._models.add(Path(name))

    def export_measurements(self) -> None:
        """Choose where the measurements are written."""
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            "Export measurements",
            self._start("measurements.csv"),
            "CSV (*.csv);;JSON (*.json)",
        )
        if name:
            self._keep(Path(name).parent)
            export_measurements(self._store, self._annotations, Path(name))

    def export_audit_log(self) -> None:
        """Choose where the audit log is written."""
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Export the audit log", self._start("audit.jsonl"), "JSON lines (*.jsonl)"
        )
        if name:
            self._keep(Path(name).parent)
            self._audit.export(Path(name))

    def save_result(self) -> None:
        """Choose where the prediction on screen, or its heatmap, is written."""
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            "Save the result",
            self._start(suggested_name(self._predictions)),
            "Result (*.json);;Heatmap (*.nii.gz)",
        )
        if name:
            self._keep(Path(name).parent)
            export_prediction(self._store, self._predictions, self._collector, Path(name))
