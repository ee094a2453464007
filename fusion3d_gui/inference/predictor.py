"""``Predictor``: a loaded model with its engine; computes the :class:`Prediction` of a case.

Imports torch, so the main window imports this module on its worker thread only.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.case_model import CaseModel, Head, cam_heatmap
from fusion3d_gui.inference.engines.passing import EngineCheck, choose_passing_engine
from fusion3d_gui.inference.engines.protocol import Engine, TorchEngine
from fusion3d_gui.inference.engines.remote_server import RemoteServer
from fusion3d_gui.inference.engines.select import SelectedEngine
from fusion3d_gui.inference.fit.fit_report import MisfitError
from fusion3d_gui.inference.fit.judge import judge_case
from fusion3d_gui.inference.input_gradient_map import input_gradient_map
from fusion3d_gui.inference.out_of_distribution import with_image
from fusion3d_gui.inference.prediction import Heatmap, Prediction, Side
from fusion3d_gui.inference.self_check import kept_check
from fusion3d_gui.model.attribution.cam import CamMethod, explain
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.reference.reference import Reference
from fusion3d_gui.progress import Progress, no_progress, part_of

log = logging.getLogger(__name__)

_T = TypeVar("_T")


def found_before(chosen: SelectedEngine, progress: Progress) -> Sequence[str]:
    """What the last check of this engine found to be wrong; nothing where it was never checked."""
    return kept_check(chosen.engine) or ()


def load_predictor(
    folder: Path,
    device: str = "auto",
    progress: Progress = no_progress,
    *,
    engine: str = "auto",
    server: RemoteServer | None = None,
    check: EngineCheck = found_before,
) -> Predictor:
    """Load the bundle in ``folder`` and create the engine that runs it.

    Parameters
    ----------
    folder
        The bundle's folder.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    progress
        Progress callback.
    engine, server
        See :func:`~fusion3d_gui.inference.engines.select.choose_engine`.
    check
        What is wrong with an engine: then the next is taken, with a notice. By default what the last check found;
        :func:`~fusion3d_gui.inference.first_check.check_once` checks an engine that never was.

    Raises
    ------
    UserError
        When the bundle is broken, the device or engine is not available, or no engine passes.
    """
    progress(0.0, "Loading the model")
    bundle = ModelBundle.load(folder)
    progress(0.4, "Loading the model")
    chosen = choose_passing_engine(
        bundle, engine, device, check, part_of(progress, 0.4, 1.0), server=server
    )
    try:
        reference = Reference.load(bundle.info, bundle.weights_sha256)
    except UserError as error:
        # Predictions do not need the reference statistics.
        reference, chosen = None, replace(chosen, notices=(*chosen.notices, str(error)))
    return Predictor(bundle, chosen, reference)


@dataclass(frozen=True, eq=False)
class PredictedCase:
    """A prediction and its :class:`CaseModel`, for analyses that vary the metadata."""

    prediction: Prediction
    case: CaseModel


class Predictor:
    """Runs one model by one engine.

    Not thread-safe: only the inference thread may call it. What it returns (:class:`Prediction`,
    :class:`CaseModel`) may be used on any thread.
    """

    def __init__(
        self, bundle: ModelBundle, chosen: SelectedEngine, reference: Reference | None = None
    ) -> None:
        #: Statistics of the bundle's training and validation cases; None where it has none.
        self.reference = reference
        self.info: BundleInfo = bundle.info
        self.weights_sha256 = bundle.weights_sha256
        self.head = Head(bundle)
        self._network = bundle.network
        self._chosen = chosen
        # Cache of the last volume's features: other metadata need no second pass of the convolutions.
        self._last_case: tuple[weakref.ref[Volume], CaseModel, tuple[str, ...]] | None = None

    @property
    def engine(self) -> Engine:
        """The engine in use; another one after it failed and PyTorch replaced it."""
        return self._chosen.engine

    @property
    def device_text(self) -> str:
        """Device and engine in words; changes when the engine fails and PyTorch replaces it."""
        return self._chosen.engine.text

    @property
    def engine_name(self) -> str:
        """The engine's name on the command line."""
        return self._chosen.engine.name

    @property
    def engine_reason(self) -> str:
        """Why this engine was selected, in words."""
        return self._chosen.reason

    def predict(
        self,
        volume: Volume,
        metadata: Mapping[str, object],
        progress: Progress = no_progress,
        *,
        despite_misfit: bool = False,
    ) -> Prediction:
        """Predict one case (see :meth:`predict_case`)."""
        return self.predict_case(
            volume, metadata, progress, despite_misfit=despite_misfit
        ).prediction

    def predict_case(
        self,
        volume: Volume,
        metadata: Mapping[str, object],
        progress: Progress = no_progress,
        *,
        despite_misfit: bool = False,
    ) -> PredictedCase:
        """Predict one case, with its Grad-CAM heatmap at the last stage.

        Preprocesses the volume, runs the convolutions once, and derives the heatmap from the head's
        gradient. When the engine fails, PyTorch on the CPU replaces it, and the prediction has a notice.

        Parameters
        ----------
        volume
            The case's image.
        metadata
            Values by field name, as the form, the command line or JSON hold them.
        progress
            Progress callback.
        despite_misfit
            Compute the number also for a case that the model is not meant for.

        Raises
        ------
        MisfitError
            When the model is not meant for the case: nothing was computed.
        UserError
            For metadata that do not fit the schema, or a volume whose voxels are all equal.
        FloatingPointError
            When the logit is not finite.
        Cancelled
            When ``progress`` raises it.
        """
        started = time.perf_counter()
        schema = self.info.schema
        values = schema.parse(metadata)
        report = judge_case(self.info, volume, values)
        if report.fit == "refused" and not despite_misfit:
            raise MisfitError(report)
        case, notices = self._case_model_of(volume, part_of(progress, 0.0, 0.95))
        logit = case.logit(values)
        if not np.isfinite(logit):
            raise FloatingPointError("the model's logit is not a finite number")
        report = with_image(report, case, self.reference)
        heatmap = self.explain(case, values)
        progress(0.95, "Identifying the image")
        decision = self.info.decision
        prediction = Prediction(
            probability=decision.probability(logit),
            logit=logit,
            temperature=decision.temperature,
            threshold=decision.threshold,
            class_names=decision.class_names,
            heatmap=heatmap,
            metadata=values,
            bundle_name=self.info.name,
            bundle_version=self.info.version,
            weights_sha256=self.weights_sha256,
            volume_sha256=volume.sha256,
            device=self.device_text,
            seconds=time.perf_counter() - started,
            created=datetime.now(UTC).astimezone(),
            libraries={
                "torch": torch.__version__,
                "monai": version("monai"),
                "numpy": np.__version__,
                **self._chosen.engine.libraries,
            },
            fit=report,
            notices=(*notices, *report.reasons, *schema.warnings(values)),
        )
        return PredictedCase(prediction, case)

    def explain(
        self,
        case: CaseModel,
        metadata: Mapping[str, object],
        method: CamMethod = "gradcam",
        stages: Sequence[int] = (4,),
        side: Side = "raised",
        progress: Progress = no_progress,
    ) -> Heatmap:
        """Class activation map of a case by any method, at any stage or several combined.

        At the last stage no convolutions run; at others PyTorch runs a forward and a backward pass. A network
        without convolutional stages has no such maps: it is explained by gradient × input.
        """
        if not self.info.network.has_stages:
            signed = self.input_gradient(case, metadata, progress)
            return input_gradient_map(signed, case, side)
        if tuple(stages) == (4,):
            return case.heatmap(metadata, method, side)
        code = self.info.schema.encode(metadata)

        def work() -> Heatmap:
            device = next(self._network.parameters()).device
            image = torch.from_numpy(case.model_input.voxels)[None, None].to(device)
            given = torch.from_numpy(code)[None].to(device) if self.head.takes_metadata else None
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                maps = explain(self._network, image, given, method, stages, progress)
            known = self.info.displacements
            made = cam_heatmap(maps, case.model_input.affine, method, stages, side, known)
            return replace(made, outline=case.outline)

        return self._with_fallback(work)[0]

    def input_gradient(
        self, case: CaseModel, metadata: Mapping[str, object], progress: Progress = no_progress
    ) -> np.ndarray:
        """Gradient × input of a case, signed, float32 [k, j, i] on the input grid, not smoothed.

        The engine runs a pass forward and a pass back.
        """
        gradient = case.pooled_gradient(metadata)

        def work() -> np.ndarray:
            return self._chosen.engine.input_gradient(case.model_input.voxels, gradient, progress)

        return self._with_fallback(work)[0]

    def prepare_input_gradient(self) -> None:
        """Begin what :meth:`input_gradient` needs once, while the case is predicted."""
        self._chosen.engine.prepare_gradient()

    @property
    def network(self) -> LearnedFeatureFusion3D:
        """The PyTorch network on its current device, for methods that need gradients."""
        return self._network

    def warm_up(self, progress: Progress = no_progress) -> None:
        """Run the engine once on an all-zero image, so that the first prediction is not slowed by set-up."""
        nothing = np.zeros(self.info.preprocessing.shape_kji, dtype=np.float32)
        self.features(nothing, part_of(progress, 0.0, 0.5))
        if self.info.default_map[0] == "input-gradient":
            gradient = np.zeros(self.info.network.feature_channels, dtype=np.float32)
            report = part_of(progress, 0.5, 1.0)
            self._with_fallback(
                lambda: self._chosen.engine.input_gradient(nothing, gradient, report)
            )

    def features(self, voxels: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """Feature maps of the last stage [C, k, j, i] of an input [k, j, i], computed by the engine."""
        return self._with_fallback(lambda: self._chosen.engine.features(voxels, progress))[0]

    def logits(
        self, images: np.ndarray, code: np.ndarray, progress: Progress = no_progress
    ) -> np.ndarray:
        """Logits [n], float64, of inputs [n, k, j, i], all with the encoded metadata [W]."""
        return self.head.logits(torch.from_numpy(self.pooled(images, progress)), code[None])

    def pooled(self, images: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """Pooled features, float32 [n, C], of inputs [n, k, j, i]."""
        return self._with_fallback(lambda: self._chosen.engine.pooled(images, progress))[0]

    def _case_model_of(
        self, volume: Volume, progress: Progress
    ) -> tuple[CaseModel, tuple[str, ...]]:
        """The case model of a volume and its notices; cached for the last volume."""
        if self._last_case is not None and self._last_case[0]() is volume:
            return self._last_case[1], self._last_case[2]
        model_input = self.info.preprocessing.apply(volume, part_of(progress, 0.0, 0.3))
        report = part_of(progress, 0.3, 1.0)
        maps, notices = self._with_fallback(
            lambda: self._chosen.engine.features(model_input.voxels, report)
        )
        case = CaseModel(self.head, model_input, maps)
        notices = (*model_input.notices, *self._chosen.notices, *notices)
        self._last_case = (weakref.ref(volume), case, notices)
        return case, notices

    def _with_fallback(self, work: Callable[[], _T]) -> tuple[_T, tuple[str, ...]]:
        """Run ``work``; when the engine fails, repeat it by PyTorch on the CPU and return a notice."""
        try:
            return work(), ()
        except (RuntimeError, FloatingPointError) as error:
            engine = self._chosen.engine
            if isinstance(engine, TorchEngine) and engine.device.type == "cpu":
                raise
            memory = isinstance(error, torch.OutOfMemoryError)
            log.warning("the engine %s failed", engine.name, exc_info=not memory)
            what = "The GPU ran out of memory" if memory else f"{engine.text} failed"
            notice = f"{what}, so the computation was done by PyTorch on the CPU."
        cpu = TorchEngine(self._network, torch.device("cpu"))
        self._chosen = SelectedEngine(cpu, notice)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return work(), (notice,)
