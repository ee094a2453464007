"""``FileDialogs``: the system's dialogs to choose files and folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from fusion3d_gui.state.export.audit_trail import AuditTrail
from fusion3d_gui.state.export.measurement_export import export_measurements
from fusion3d_gui.state.export.result_collector import ResultCollector
from fusion3d_gui.state.export.result_export import export_prediction, suggested_name
from fusion3d_gui.state.kept.session_files import SUFFIX, SessionFiles
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.window.dialogs.confirm import confirm_save

_ENCLOSED = (
    "The scan's files, and those of a scan beside it, go into the session as they are: with the patient's name, "
    "numbers and dates. "
    "In a scan of a whole head the face can be recognised."
)
_SESSIONS = f"Sessions (*{SUFFIX})"


class FileDialogs:
    """Dialogs over ``window``; what is chosen is opened or written at once."""

    def __init__(
        self,
        store: Store,
        open_paths: Callable[[Sequence[Path]], object],
        models: Models,
        annotations: Annotations,
        predictions: Predictions,
        audit: AuditTrail,
        collector: ResultCollector,
        sessions: SessionFiles,
        settings: Settings,
        window: QWidget,
    ) -> None:
        self._store = store
        self._open_paths = open_paths
        self._models = models
        self._annotations = annotations
        self._predictions = predictions
        self._audit = audit
        self._collector = collector
        self._sessions = sessions
        sessions.scan_wanted.connect(self.find_scan)
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
            self._open_paths(paths)

    def open_folder(self) -> None:
        """Choose a folder of scans to open."""
        name = QFileDialog.getExistingDirectory(
            self._window, "Open a folder of scans", self._start()
        )
        if name:
            self._keep(Path(name))
            self._open_paths((Path(name),))

    def open_beside(self, open_paths: Callable[[Sequence[Path]], object]) -> None:
        """Choose files of a second scan."""
        names, _ = QFileDialog.getOpenFileNames(
            self._window, "Open a second scan beside this one", self._start()
        )
        if names:
            paths = [Path(name) for name in names]
            self._keep(paths[0].parent)
            open_paths(paths)

    def open_folder_beside(self, open_paths: Callable[[Sequence[Path]], object]) -> None:
        """Choose a folder of a second scan."""
        name = QFileDialog.getExistingDirectory(
            self._window, "Open a folder beside this scan", self._start()
        )
        if name:
            self._keep(Path(name))
            open_paths((Path(name),))

    def open_session(self) -> None:
        """Choose a session file to open."""
        name, _ = QFileDialog.getOpenFileName(
            self._window, "Open a session", self._start(), _SESSIONS
        )
        if name:
            self._keep(Path(name).parent)
            self._sessions.open(Path(name))

    def save_session(self) -> None:
        """Save the session in its file; choose one where it has none."""
        path = self._sessions.path
        if path is None:
            self.save_session_as()
        else:
            self._sessions.save(path, enclose=self._sessions.encloses)

    def save_session_as(self) -> None:
        """Choose where the session is saved."""
        self._save_session("Save the session", enclose=self._sessions.encloses)

    def save_session_with_scan(self) -> None:
        """Choose where the session is saved with its scan; the user confirms that the scan may leave."""
        if confirm_save("Enclose the scan?", _ENCLOSED, self._window):
            self._save_session("Save the session with its scan", enclose=True)

    def _save_session(self, title: str, *, enclose: bool) -> None:
        beside, suggested = self._sessions.path, self._sessions.suggested_name
        start = self._start(suggested) if beside is None else str(beside)
        name, _ = QFileDialog.getSaveFileName(self._window, title, start, _SESSIONS)
        if name:
            path = Path(name)
            path = path if path.suffix.lower() == SUFFIX else path.with_name(path.name + SUFFIX)
            self._keep(path.parent)
            self._sessions.save(path, enclose=enclose)

    def find_scan(self, name: str) -> None:
        """Choose where the scan of a session is, which was not found; ``name``: what it was called."""
        called = f", “{name}”," if name and not self._store.identity.hidden else ""
        title = f"Where is the scan{called} of this session?"
        box = QMessageBox(QMessageBox.Icon.Question, "Scan not found", title, parent=self._window)
        box.setTextFormat(Qt.TextFormat.PlainText)
        folder = box.addButton("Choose folder…", QMessageBox.ButtonRole.AcceptRole)
        file = box.addButton("Choose files…", QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.exec()
        names: list[str] = []
        if box.clickedButton() is folder:
            chosen = QFileDialog.getExistingDirectory(self._window, title, self._start())
            names = [chosen] if chosen else []
        elif box.clickedButton() is file:
            names, _ = QFileDialog.getOpenFileNames(self._window, title, self._start())
        if names:
            self._sessions.open_with_scan([Path(each) for each in names])

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

    def atlas_path(self) -> Path | None:
        """Choose an atlas; None: none."""
        name, _ = QFileDialog.getOpenFileName(
            self._window, "Open an atlas in standard space", self._start(), "NIfTI (*.nii *.nii.gz)"
        )
        if not name:
            return None
        self._keep(Path(name).parent)
        return Path(name)

    def lesion_map_target(self) -> Path | None:
        """Choose where a lesion map is written; None: nowhere."""
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            "Save the lesion map",
            self._start("lesion-map.nii.gz"),
            "NIfTI (*.nii.gz)",
        )
        if not name:
            return None
        path = Path(name)
        self._keep(path.parent)
        return path if path.name.endswith(".nii.gz") else path.with_name(path.name + ".nii.gz")

    def mask_paths(self) -> list[Path]:
        """Choose files with masks of the scan on screen; empty: none."""
        names, _ = QFileDialog.getOpenFileNames(
            self._window, "Open masks on this scan", self._start()
        )
        if names:
            self._keep(Path(names[0]).parent)
        return [Path(name) for name in names]

    def mask_target(self, name: str) -> Path | None:
        """Choose where a mask of this name is written; None: nowhere."""
        stem = re.sub(r"[^\w-]+", "_", name).strip("_") or "mask"
        nifti, dicom = "NIfTI (*.nii.gz)", "DICOM Segmentation (*.dcm)"
        chosen, kind = QFileDialog.getSaveFileName(
            self._window, "Export the mask", self._start(f"{stem}.nii.gz"), f"{nifti};;{dicom}"
        )
        if not chosen:
            return None
        path = Path(chosen)
        if kind == dicom and path.suffix.lower() != ".dcm":
            path = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".dcm")
        elif not path.name.lower().endswith((".nii", ".nii.gz", ".dcm")):
            path = path.with_name(path.name + ".nii.gz")
        self._keep(path.parent)
        return path

    def case_table(self) -> Path | None:
        """Choose a table of cases, or of results; None: none."""
        name, _ = QFileDialog.getOpenFileName(
            self._window, "Open a table of cases", self._start(), "Tables (*.csv *.tsv *.txt)"
        )
        if not name:
            return None
        self._keep(Path(name).parent)
        return Path(name)

    def case_folder(self) -> Path | None:
        """Choose a BIDS folder, or one of results; None: none."""
        name = QFileDialog.getExistingDirectory(
            self._window, "Open a BIDS folder, or a folder of results", self._start()
        )
        if not name:
            return None
        self._keep(Path(name))
        return Path(name)

    def movie_path(self, suggested: str) -> Path | None:
        """Choose where a movie is written; None: nowhere."""
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            "Save a movie",
            self._start(suggested),
            "WebP: all colours, small (*.webp);;GIF: plays on slides (*.gif)",
        )
        if not name:
            return None
        self._keep(Path(name).parent)
        return Path(name)

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
