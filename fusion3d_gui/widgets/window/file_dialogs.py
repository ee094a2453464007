"""``FileDialogs``: the system's dialogs to choose files and folders."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.export.measurement_export import export_measurements
from fusion3d_gui.state.export.result_export import export_prediction, suggested_name
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.prediction.predictions import Predictions
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
        window: QWidget,
    ) -> None:
        self._store = store
        self._opener = opener
        self._models = models
        self._annotations = annotations
        self._predictions = predictions
        self._window = window

    def open_file(self) -> None:
        """Choose a file to open."""
        name, _ = QFileDialog.getOpenFileName(self._window, "Open a DICOM or NIfTI file")
        if name:
            self._opener.open(Path(name))

    def open_folder(self) -> None:
        """Choose a folder of DICOM files to open."""
        name = QFileDialog.getExistingDirectory(self._window, "Open a folder of DICOM files")
        if name:
            self._opener.open(Path(name))

    def add_model(self) -> None:
        """Choose a model bundle's folder."""
        name = QFileDialog.getExistingDirectory(self._window, "Choose the folder of a model bundle")
        if name:
            self._models.add(Path(name))

    def export_measurements(self) -> None:
        """Choose where the measurements are written."""
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Export measurements", "measurements.csv", "CSV (*.csv);;JSON (*.json)"
        )
        if name:
            export_measurements(self._store, self._annotations, Path(name))

    def save_result(self) -> None:
        """Choose where the prediction on screen, or its heatmap, is written."""
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            "Save the result",
            suggested_name(self._predictions),
            "Result (*.json);;Heatmap (*.nii.gz)",
        )
        if name:
            export_prediction(self._store, self._predictions, Path(name))
