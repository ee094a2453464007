"""``Predictor``: a loaded model on a device; a case in, a :class:`Prediction` out.

Imports torch: the window imports this module on its worker thread only.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import monai
import numpy as np
import torch
from torch import Tensor

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.device import choose_device, device_text
from fusion3d_gui.inference.prediction import Heatmap, Prediction
from fusion3d_gui.model.bundle import ModelBundle
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.model.fusion import FusionOutputs
from fusion3d_gui.model.gradcam import cell_affine, gradcam, pooled_gradient
from fusion3d_gui.model.preprocessing import ModelInput
from fusion3d_gui.progress import Progress, no_progress, part_of

#: Residual blocks of ResNet50, after each of which a prediction can be cancelled.
_BLOCKS = 3 + 4 + 6 + 3


def load_predictor(
    folder: Path, device: str = "auto", progress: Progress = no_progress
) -> Predictor:
    """Load the bundle in ``folder`` onto ``device`` (``auto``, ``cpu``, ``cuda`` or ``mps``).

    Raises UserError when the bundle is broken or the device is not there.
    """
    progress(0.0, "Loading the model")
    chosen = choose_device(device)
    bundle = ModelBundle.load(folder)
    progress(0.9, "Loading the model")
    return Predictor(bundle, chosen)


class Predictor:
    """Runs one model on one device. Not thread-safe: it belongs to the inference thread."""

    def __init__(self, bundle: ModelBundle, device: torch.device) -> None:
        self.info: BundleInfo = bundle.info
        self._bundle = bundle
        self._network = bundle.network
        self._device = device
        try:
            self._network.to(device)
        except torch.OutOfMemoryError:
            self._move_to_cpu()

    @property
    def device_text(self) -> str:
        """The device in words; it changes to the CPU when the GPU has run out of memory."""
        return device_text(self._device)

    def predict(
        self,
        volume: Volume,
        metadata: Mapping[str, object],
        progress: Progress = no_progress,
    ) -> Prediction:
        """Predict one case, and explain it by Grad-CAM at the last stage.

        ``metadata`` are the form's values by field name. Takes the model's input from the volume,
        runs the network once, and derives the heatmap from the head's gradient. When the GPU runs
        out of memory the model moves to the CPU, with a notice in the result.

        Raises UserError for metadata that do not fit the schema or a volume without content;
        Cancelled when ``progress`` raises it.
        """
        started = time.perf_counter()
        schema = self.info.schema
        values = schema.parse(metadata)
        code = schema.encode(metadata)
        model_input = self.info.preprocessing.apply(volume, part_of(progress, 0.0, 0.3))
        notices = [*model_input.notices, *schema.warnings(values)]
        try:
            outputs, cam = self._run(model_input, code, part_of(progress, 0.3, 0.95))
        except torch.OutOfMemoryError:
            if self._device.type == "cpu":
                raise
            self._move_to_cpu()
            notices.append("The GPU ran out of memory, so the prediction was made on the CPU.")
            outputs, cam = self._run(model_input, code, part_of(progress, 0.3, 0.95))
        logit = float(outputs.logit[0])
        heatmap = Heatmap(
            values=cam[0].float().cpu().numpy(),
            affine=cell_affine(model_input.affine, self.info.network.total_stride),
            method="gradcam",
            layer="layer4",
        )
        progress(0.95, "Identifying the image")
        decision = self.info.decision
        return Prediction(
            probability=decision.probability(logit),
            logit=logit,
            temperature=decision.temperature,
            threshold=decision.threshold,
            class_names=decision.class_names,
            heatmap=heatmap,
            metadata=values,
            bundle_name=self.info.name,
            bundle_version=self.info.version,
            weights_sha256=self._bundle.weights_sha256,
            volume_sha256=volume.sha256,
            device=self.device_text,
            seconds=time.perf_counter() - started,
            created=datetime.now(UTC).astimezone(),
            libraries={
                "torch": torch.__version__,
                "monai": monai.__version__,
                "numpy": np.__version__,
            },
            notices=tuple(notices),
        )

    def _run(
        self, model_input: ModelInput, code: np.ndarray, progress: Progress
    ) -> tuple[FusionOutputs, Tensor]:
        image = torch.from_numpy(model_input.voxels)[None, None].to(self._device)
        metadata = torch.from_numpy(code)[None].to(self._device) if code.size else None
        done = 0

        def between() -> None:
            nonlocal done
            progress(done / (_BLOCKS + 1), "Predicting")
            done += 1

        # TF32 would cost three digits of the convolutions, and with them agreement between devices.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            outputs = self._network.forward_features(image, metadata, between)
            gradient = pooled_gradient(self._network, outputs.pooled, metadata)
            cam = gradcam(outputs.feature_maps, gradient)
        if not bool(torch.isfinite(outputs.logit).all()):
            raise FloatingPointError("the model's logit is not a finite number")
        return outputs, cam

    def _move_to_cpu(self) -> None:
        self._network.to("cpu")
        self._device = torch.device("cpu")
        torch.cuda.empty_cache()
