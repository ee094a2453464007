"""``InferenceEngine``: the one model in memory. It belongs to the inference thread; no Qt in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.sanity_report import SanityReport
from fusion3d_gui.inference.prediction import Heatmap, Prediction
from fusion3d_gui.inference.runtime.memory import trim_heap
from fusion3d_gui.inference.runtime.torch_import import nonblocking_torch_import
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, part_of

if TYPE_CHECKING:
    from fusion3d_gui.inference.analysis.workbench import Workbench
    from fusion3d_gui.inference.predictor import Predictor


@dataclass(frozen=True)
class LoadedModel:
    """Which bundle is ready, and where it computes (e.g. ``"CPU, 2 threads, PyTorch"``)."""

    folder: Path
    device_text: str
    #: Why this engine runs there, in words.
    engine_reason: str = ""


@dataclass(frozen=True, eq=False)
class EnginePrediction:
    """What :meth:`InferenceEngine.predict` returns: the prediction and how it was made."""

    loaded: LoadedModel
    prediction: Prediction
    #: Answers further questions about the case with other metadata.
    workbench: Workbench


class InferenceEngine:
    """Loads a bundle when it is first needed, and keeps the one used last.

    Every method runs on the inference thread, the only one that ever touches the predictor.

    Parameters
    ----------
    device, engine
        Where models compute, as on the command line.
    checks_engines
        Check an engine on the shipped cases before it is used for the first time, as the program does.
    """

    def __init__(
        self, device: str = "auto", engine: str = "auto", *, checks_engines: bool = False
    ) -> None:
        self._device = device
        self._engine = engine
        self._checks_engines = checks_engines
        self._folder: Path | None = None
        self._predictor: Predictor | None = None

    def load(self, folder: Path, progress: Progress) -> LoadedModel:
        """Make a bundle ready and warm.

        Raises UserError when it is broken, or the device or engine is not there.
        """
        predictor = self._ready(folder, part_of(progress, 0.0, 0.8))
        predictor.warm_up(part_of(progress, 0.8, 1.0))
        return _loaded(folder, predictor)

    def predict(
        self,
        folder: Path,
        volume: Volume,
        metadata: Mapping[str, Value],
        explanation: Explanation,
        progress: Progress,
        *,
        despite_misfit: bool = False,
    ) -> EnginePrediction:
        """Predict with a bundle, loading it first if it isn't the one in memory, and explain.

        Raises MisfitError where the model is not meant for the case, unless ``despite_misfit``.
        """
        predictor = self._ready(folder, part_of(progress, 0.0, 0.2))
        from fusion3d_gui.inference.analysis.workbench import Workbench
        from fusion3d_gui.inference.pipeline import predict_and_explain

        predicted = predict_and_explain(
            predictor,
            volume,
            metadata,
            explanation,
            part_of(progress, 0.2, 1.0),
            despite_misfit=despite_misfit,
        )
        # Here rather than on the GUI thread, which needs them to tell what lies in the air: 30 ms.
        predicted.case.outline.distances_mm  # noqa: B018  (cached)
        workbench = Workbench(predicted, predictor.reference, volume)
        return EnginePrediction(_loaded(folder, predictor), predicted.prediction, workbench)

    def explain(
        self,
        folder: Path,
        workbench: Workbench,
        metadata: Mapping[str, Value],
        explanation: Explanation,
        progress: Progress,
        on_map: Callable[[Heatmap], None] | None = None,
    ) -> Heatmap:
        """Another map of an image that was predicted before; ``on_map`` is given coarser ones first."""
        predictor = self._ready(folder, part_of(progress, 0.0, 0.2))
        from fusion3d_gui.inference.explain.methods import make_heatmap

        return make_heatmap(
            predictor, workbench.case, metadata, explanation, part_of(progress, 0.2, 1.0), on_map
        )

    def augmented_features(
        self, folder: Path, workbench: Workbench, progress: Progress
    ) -> np.ndarray:
        """Pooled features of the image moved and mirrored."""
        predictor = self._ready(folder, part_of(progress, 0.0, 0.2))
        from fusion3d_gui.inference.analysis.augmentation import augmented_features

        return augmented_features(predictor, workbench.case, part_of(progress, 0.2, 1.0))

    def check_map(
        self,
        folder: Path,
        workbench: Workbench,
        metadata: Mapping[str, Value],
        explanation: Explanation,
        progress: Progress,
    ) -> SanityReport:
        """Measure whether a heatmap deserves trust."""
        predictor = self._ready(folder, part_of(progress, 0.0, 0.1))
        from fusion3d_gui.inference.explain.sanity import check_map

        return check_map(
            predictor, workbench.case, metadata, explanation, part_of(progress, 0.1, 1.0)
        )

    def _ready(self, folder: Path, progress: Progress) -> Predictor:
        if self._predictor is not None and self._folder == folder:
            return self._predictor
        progress(0.0, "Loading the model")
        self._predictor = None  # never two models in memory
        trim_heap()
        # torch and monai come in here, on this thread, once the window is long on screen.
        with nonblocking_torch_import():
            from fusion3d_gui.inference.first_check import check_once
            from fusion3d_gui.inference.predictor import found_before, load_predictor

            self._predictor = load_predictor(
                folder,
                device=self._device,
                progress=progress,
                engine=self._engine,
                check=check_once if self._checks_engines else found_before,
            )
        self._folder = folder
        return self._predictor


def _loaded(folder: Path, predictor: Predictor) -> LoadedModel:
    return LoadedModel(folder, predictor.device_text, predictor.engine_reason)
