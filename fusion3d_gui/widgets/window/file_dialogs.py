"""``FileDialogs``: the system's dialogs by which a user names files and folders."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from fusion3d_gui.state.export.measurement_export import export_measurements
from fusion3d_gui.state.export.result_export import export_prediction, suggested_name
from fusion3d_gui.state.session import Session


class FileDialogs:
    """Asks for a file over ``window``, and has the session do with it what it was asked for."""

    def __init__(self, session: Session, window: QWidget) -> None:
        self._session, self._window = session, window

    def open_file(self) -> None:
        """Choose a file to open."""
        name, _ = QFileDialog.getOpenFileName(self._window, "Open a DICOM or NIfTI file")
        if name:
            self._session.opener.open(Path(name))

    def open_folder(self) -> None:
        """Choose a folder of DICOM files to open."""
        name = QFileDialog.getExistingDirectory(self._window, "Open a folder of DICOM files")
        if name:
            self._session.opener.open(Path(name))

    def add_model(self) -> None:
        """Choose a model bundle's folder."""
        name = QFileDialog.getExistingDirectory(self._window, "Choose the folder of a model bundle")
        if name:
            self._session.models.add(Path(name))

    def export_measurements(self) -> None:
        """Choose where the measurements are written."""
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Export measurements", "measurements.csv", "CSV (*.csv);;JSON (*.json)"
        )
        if name:
            export_measurements(self._session.store, self._session.annotations, Path(name))

    def save_result(self) -> None:
        """Choose where the answer on screen, or its heatmap, is written."""
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            "Save the result",
            suggested_name(self._session.predictions),
            "Result (*.json);;Heatmap (*.nii.gz)",
        )
        if name:
            export_prediction(self._session.store, self._session.predictions, Path(name))
