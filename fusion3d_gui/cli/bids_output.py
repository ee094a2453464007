"""``fusion3d predict --bids-out``: results of one scan, or of a table of scans, as a BIDS derivative."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.batch.batch_row import BatchRow, RowSettings
from fusion3d_gui.inference.batch.predict_cases import BatchSummary
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.bundle.weights_digest import weights_digest
from fusion3d_gui.report.bids.data_set import DerivativeSet, derivative_of
from fusion3d_gui.report.bids.derivative import PredictedScan, write_derivative
from fusion3d_gui.report.case_result import CaseResult


def bids_derivative(folder: Path, images: Sequence[Path], info: BundleInfo) -> DerivativeSet:
    """The derivative that scans will be written into, checked before anything is computed. Raises UserError."""
    return derivative_of(folder, images, weights_digest(info))


def write_bids_table(
    derivative: DerivativeSet,
    info: BundleInfo,
    explanation: Explanation,
    rows: Sequence[BatchRow],
    summary: BatchSummary,
    *,
    tables: bool,
) -> Path:
    """Write what a table of results holds; returns the derivative's folder.

    ``tables`` as for :func:`~fusion3d_gui.report.bids.derivative.write_derivative`.

    Raises
    ------
    UserError
        A heatmap is gone, or something can't be written.
    """
    images = {row.number: row.path for row in rows}
    scans = []
    with summary.results.open(newline="", encoding="utf-8") as file:
        for cells in csv.DictReader(file):
            heatmap = summary.results.parent / cells["heatmap"] if cells["heatmap"] else None
            scans.append(PredictedScan(images[int(cells["row"])], cells, heatmap))
    _write(derivative, info, explanation, scans, tables=tables)
    return derivative.folder


def write_bids_scan(
    derivative: DerivativeSet, result: CaseResult, explanation: Explanation
) -> list[Path]:
    """Write one scan's result; returns the files. Raises UserError where they can't be written."""
    from fusion3d_gui.inference.batch.predict_row import prediction_cells
    from fusion3d_gui.report.heatmap_file import write_heatmap

    prediction, info = result.prediction, result.bundle
    (image,) = derivative.names
    with tempfile.TemporaryDirectory() as folder:
        heatmap = Path(folder) / "map.nii.gz"
        write_heatmap(prediction.heatmap, heatmap, note=prediction.fit.file_note)
        cells = {
            **prediction_cells(prediction, info.schema),
            "weights_sha256": prediction.weights_sha256,
            "explanation": RowSettings(Path(folder), explanation).explanation_text,
        }
        scan = PredictedScan(image, cells, heatmap)
        return _write(derivative, info, explanation, [scan], tables=True)


def _write(
    derivative: DerivativeSet,
    info: BundleInfo,
    explanation: Explanation,
    scans: Sequence[PredictedScan],
    *,
    tables: bool,
) -> list[Path]:
    try:
        return write_derivative(
            derivative, info, weights_digest(info), explanation, scans, tables=tables
        )
    except OSError as error:
        raise UserError(
            f"the BIDS derivative can't be written ({error.strerror})", path=derivative.folder
        ) from None
