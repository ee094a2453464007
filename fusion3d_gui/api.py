"""Public API for notebooks and scripts: open a volume, load a model, predict, explain.

.. code-block:: python

    import fusion3d_gui as f3d

    case = f3d.shipped_cases()[0]
    model = f3d.load_model(f3d.shipped_models()["demo-concat"])
    prediction = model.predict(f3d.open_volume(case.path), case.metadata)
    print(prediction.fit.fit, prediction.probability, prediction.class_name, prediction.heatmap.peak_lps)
    layercam = f3d.explain(prediction, method="layercam", stage=3).heatmap
    prediction.view()                                       # in a notebook: the scan with its heat
    results = model.predict_table("cases.csv", "results")   # pandas; goes on where it stopped
    f3d.evaluate(labels, results["probability"])            # AUROC and more, with intervals

Its names are available from ``fusion3d_gui``. Volumes, heatmaps and predictions have an HTML
representation for notebooks. What views and tables need is in the extra ``[notebook]``. Research use only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates

from fusion3d_gui.imaging.catalog import find as catalog_find
from fusion3d_gui.imaging.catalog import open as catalog_open
from fusion3d_gui.imaging.notebook import (
    HEAT_OPACITY,
    HEAT_THRESHOLD,
    gray_levels,
    orthogonal_slices,
    page,
    with_heat,
)
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference import prediction as inference_prediction
from fusion3d_gui.inference.demo_cases import DemoCase, demo_cases
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.prediction import Heatmap, Side
from fusion3d_gui.model.bundle.bundle_info import BundleInfo, find_bundles
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.shipped import models_dir
from fusion3d_gui.table_file import read_table_file

if TYPE_CHECKING:
    from pandas import DataFrame

    from fusion3d_gui.imaging.labels.scan_object import Mask
    from fusion3d_gui.inference.case_model import CaseModel
    from fusion3d_gui.inference.predictor import Predictor
    from fusion3d_gui.notebook.scan_view import ScanView


def find_series(path: str | PathLike[str], progress: Progress = no_progress) -> list[Series]:
    """List the volumes of a file, a folder or an archive, the largest first.

    Raises
    ------
    UserError
        When it contains nothing that can be opened.
    """
    return catalog_find.find_series(Path(path), progress)


def open_volume(
    path: str | PathLike[str], series_uid: str | None = None, progress: Progress = no_progress
) -> Volume:
    """Open a volume: DICOM (folder, file, DICOMDIR, archive), NIfTI, NRRD or MetaImage.

    Parameters
    ----------
    path
        A file or a folder.
    series_uid
        Which of several series (see :func:`find_series`); None for the largest.

    Raises
    ------
    UserError
        When it can't be opened.
    """
    return catalog_open.open_volume(Path(path), series_uid=series_uid, progress=progress)


def shipped_models() -> dict[str, Path]:
    """Folders of the models shipped with the program, by name."""
    return {info.name: info.folder for info in find_bundles(models_dir())}


def shipped_cases() -> list[DemoCase]:
    """Simulated cases shipped with the program: path, metadata, and the model they are meant for.

    Raises
    ------
    UserError
        When they are not installed.
    """
    return demo_cases()


def load_model(
    folder: str | PathLike[str],
    device: str = "auto",
    engine: str = "auto",
    progress: Progress = no_progress,
) -> Model:
    """Load a model bundle; imports PyTorch.

    Parameters
    ----------
    folder
        A bundle's folder, e.g. one of :func:`shipped_models`.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` (one GPU of several) or ``"mps"``.
    engine
        ``"auto"`` (the fastest that agrees with PyTorch), ``"torch"``, ``"torch-half"`` or ``"openvino"``.

    Raises
    ------
    UserError
        When the bundle is broken, or the device or engine is not available.
    """
    from fusion3d_gui.inference.predictor import load_predictor

    return Model(load_predictor(Path(folder), device, progress, engine=engine))


def explain(
    prediction: Prediction,
    method: str | None = None,
    stage: int | Iterable[int] | None = None,
    side: Side = "raised",
    progress: Progress = no_progress,
) -> Prediction:
    """Return the same prediction with its heatmap computed by another method, stage or side.

    Parameters
    ----------
    prediction
        Returned by :meth:`Model.predict`.
    method
        ``"gradcam"``, ``"gradcam++"``, ``"hirescam"``, ``"layercam"``, ``"input-gradient"``,
        ``"occlusion"``, ``"integrated-gradients"`` or ``"smoothgrad"``; None for the model's default.
    stage
        Stage of the network, 1 (fine) to 4 (coarse), or several to be combined; None for the usual one.
        Ignored by methods that attribute to input voxels.
    side
        ``"raised"`` maps what raised the logit, ``"lowered"`` what lowered it.

    Raises
    ------
    UserError
        For an unknown method.
    ValueError
        For an unknown stage.
    """
    from fusion3d_gui.inference.explain.methods import make_heatmap

    explanation = _explanation(prediction.predictor.info, method, stage, side)
    heatmap = make_heatmap(
        prediction.predictor, prediction.case, prediction.metadata, explanation, progress
    )
    return replace(prediction, heatmap=heatmap)


class Model:
    """A loaded model. Not thread-safe."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    @property
    def info(self) -> BundleInfo:
        """The bundle's configuration: schema, preprocessing, decision, metadata."""
        return self._predictor.info

    def predict(
        self,
        volume: Volume,
        values: Mapping[str, object] | None = None,
        *,
        method: str | None = None,
        stage: int | Iterable[int] | None = None,
        side: Side = "raised",
        despite_misfit: bool = False,
        progress: Progress = no_progress,
    ) -> Prediction:
        """Predict one case, as the command line and the main window do.

        Parameters
        ----------
        volume
            Returned by :func:`open_volume`.
        values
            Clinical values by field name, e.g. ``{"age": 71}``; fields not given are taken from the
            scan's DICOM attributes where possible. ``model.info.schema`` lists the fields.
        method, stage, side
            How the heatmap is computed, see :func:`explain`.
        despite_misfit
            Compute the number also for a case that the model is not meant for; ``prediction.fit`` says why it
            is not.

        Raises
        ------
        MisfitError
            When the model is not meant for the case, unless ``despite_misfit``.
        UserError
            For values that do not fit the model, or a volume whose voxels are all equal.
        """
        from fusion3d_gui.inference.pipeline import predict_and_explain

        known = self.info.schema.case_values(volume.attributes, values or {})
        explanation = _explanation(self.info, method, stage, side)
        predicted = predict_and_explain(
            self._predictor, volume, known, explanation, progress, despite_misfit=despite_misfit
        )
        made = {
            each.name: getattr(predicted.prediction, each.name)
            for each in fields(inference_prediction.Prediction)
        }
        return Prediction(**made, volume=volume, case=predicted.case, predictor=self._predictor)

    def predict_table(
        self,
        cases: DataFrame | str | PathLike[str],
        out: str | PathLike[str],
        *,
        method: str | None = None,
        stage: int | Iterable[int] | None = None,
        side: Side = "raised",
        despite_misfit: bool = False,
        progress: Progress = no_progress,
    ) -> DataFrame:
        """Predict a table of cases, as ``fusion3d predict CASES.csv --out DIR`` does, and return its results.

        A case that can't be predicted has the reason in the column ``error``, and no probability. The same call
        again computes only what is missing or failed.

        Parameters
        ----------
        cases
            A CSV file, or a pandas table: a column ``path``, optionally ``case`` (a name), and the model's
            fields. Relative paths begin at the CSV file's folder; those of a pandas table at the working
            directory.
        out
            Folder of the results: ``results.csv``, heatmaps and embeddings.
        method, stage, side, despite_misfit
            As for :meth:`predict`.

        Returns
        -------
        pandas.DataFrame
            As :func:`~fusion3d_gui.notebook.tables.read_results` returns it, with the index of ``cases`` where
            that is a pandas table.

        Raises
        ------
        UserError
            For a table that can't be used, a folder that can't be written, or one with results of other weights.
        """
        from fusion3d_gui.inference.batch import predict_cases
        from fusion3d_gui.notebook.tables import read_results, table_of_frame

        out = Path(out)
        is_file = isinstance(cases, str | PathLike)
        table = read_table_file(Path(cases)) if is_file else table_of_frame(cases)
        rows = predict_cases.rows_of_table(table, self.info.schema)
        explanation = _explanation(self.info, method, stage, side)
        predict_cases.predict_table(
            self._predictor,
            rows,
            out,
            explanation,
            despite_misfit=despite_misfit,
            progress=progress,
        )
        found = read_results(out)
        return found if isinstance(cases, str | PathLike) else found.set_axis(cases.index)

    def __repr__(self) -> str:
        return f"Model({self.info.name} {self.info.version}: {self.info.title})"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Prediction(inference_prediction.Prediction):
    """The model's prediction for one case, with heatmap, provenance and image.

    ``volume`` is the image, ``case`` the model as a function of the metadata for that image, ``predictor``
    the model that computed them; the other fields are those of :class:`fusion3d_gui.inference.prediction.Prediction`.
    """

    volume: Volume
    case: CaseModel
    predictor: Predictor

    def __repr__(self) -> str:
        return (
            f"Prediction({self.class_names[1]} {self.probability:.4f}, {self.class_text}, by "
            f"{self.bundle_name} {self.bundle_version})"
        )

    def view(self, masks: Sequence[Mask] | Mapping[str, np.ndarray] = ()) -> ScanView:
        """The scan with the heatmap and masks in a notebook: see :func:`~fusion3d_gui.notebook.view.view`."""
        from fusion3d_gui.notebook.view import view_with_words

        return view_with_words(
            self.volume, self.heatmap, masks, self.class_text, self._facts, self._said
        )

    def _repr_html_(self) -> str:
        """The three slices through the heatmap's peak, with the heatmap overlaid on the anatomy."""
        heatmap, volume = self.heatmap, self.volume
        slices = orthogonal_slices(volume.voxels, volume.affine, heatmap.peak_lps)
        grays = gray_levels(
            [volume.real(each.values) for each in slices],
            volume.windows[0] if volume.windows else None,
            inverted=volume.low_is_white,
        )
        images = [
            with_heat(gray, _share_at(heatmap, each.positions_lps), HEAT_THRESHOLD, HEAT_OPACITY)
            for gray, each in zip(grays, slices, strict=True)
        ]
        return page(self.class_text, self._facts, slices, images, self._said)

    @property
    def _facts(self) -> tuple[str, ...]:
        heatmap = self.heatmap
        return (
            f"{self.class_names[1]}: {100 * self.probability:.4g} % "
            f"(threshold {100 * self.threshold:.4g} %)",
            f"{self.bundle_name} {self.bundle_version}",
            f"{heatmap.method_text}, what {heatmap.side} the logit, {heatmap.grid_text}",
        )

    @property
    def _said(self) -> tuple[str, ...]:
        """The notices, and that the model is a demonstration."""
        return (*self.notices, *((self.fit.demonstration,) if self.fit.demonstration else ()))


def _share_at(heatmap: Heatmap, lps_mm: np.ndarray) -> np.ndarray:
    """The heatmap's share of its peak at patient positions ``[..., 3]``; 0 outside its cells."""
    if heatmap.peak <= 0:
        return np.zeros(lps_mm.shape[:-1])
    index = np.moveaxis(heatmap.as_volume.to_index(lps_mm)[..., ::-1], -1, 0)  # k, j, i
    found = map_coordinates(heatmap.values, index, order=1, mode="nearest") / heatmap.peak
    size = np.reshape(heatmap.values.shape, (3,) + (1,) * (index.ndim - 1))
    inside = ((index >= -0.5) & (index <= size - 0.5)).all(axis=0)
    return np.where(inside, found, 0.0)


def _explanation(
    info: BundleInfo, method: str | None, stage: int | Iterable[int] | None, side: Side
) -> Explanation:
    stages = None if stage is None else (stage,) if isinstance(stage, int) else tuple(stage)
    return Explanation.for_model(info, method, stages, side)
