"""``lesion_faithfulness``: whether a map's peak is where the model looks, among all places *within* the lesion.

That a map of a lesion map lies in the lesion says nothing: gradient × input can't lie elsewhere. What can be wrong is the
place within it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from fusion3d_gui.model.attribution.cam import explain
from fusion3d_gui.model.attribution.input_gradient import gradient_times_input, smoothed
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.measure.maps.blanking import Blanking
from fusion3d_gui.training.measure.metrics import mean
from fusion3d_gui.training.study.stroke.cohort import StrokeCohort

#: Lesions of fewer cells have hardly a place within them.
FEWEST_CELLS = 16
#: Places in the lesion that chance is measured at, for each patient.
_DRAWS = 8
GRADIENT, CAM, MIDDLE = "gradient × input", "Grad-CAM, stage 1", "the lesion's middle"


def lesion_faithfulness(
    bundle: ModelBundle,
    cohort: StrokeCohort,
    rows: np.ndarray,
    progress: Progress = no_progress,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Fall of the logit when a ball of 12 mm at a map's peak is blanked, less that at random places in the lesion.

    Returns
    -------
    dict
        ``patients``; ``chance``, the mean fall at random places; of each of :data:`GRADIENT`, :data:`CAM` and
        :data:`MIDDLE` the mean difference from chance in ``gain``, with its 95 % interval over patients.
    """
    rng = np.random.default_rng(seed)
    gains: dict[str, list[float]] = {GRADIENT: [], CAM: [], MIDDLE: []}
    chance = []
    used = [row for row in rows if (cohort.maps[row] > 0).sum() >= FEWEST_CELLS]
    for number, row in enumerate(used):
        progress(number / len(used), "Blanking places in lesions")
        share = cohort.maps[row].astype(np.float32)
        cells = np.argwhere(share > 0)
        schema = bundle.info.schema
        code = cohort.encoded(schema, np.array([row]))[0] if schema.fields else np.zeros(0)
        blanking = Blanking(bundle.network, share, code, cohort.affine)
        image = torch.from_numpy(share)[None, None]
        metadata = torch.from_numpy(code.astype(np.float32))[None] if schema.fields else None
        found, _ = gradient_times_input(bundle.network, image, metadata)
        map_ = smoothed(found, float(cohort.affine[0, 0])).numpy()[0]
        cam = explain(bundle.network, image, metadata, stages=(1,), method="gradcam")
        raised = cam.raised.numpy()[0]
        center = (cells * share[tuple(cells.T)][:, None]).sum(axis=0) / share.sum()
        kji = [
            np.array(np.unravel_index(int(map_.argmax()), map_.shape)),
            np.array(np.unravel_index(int(raised.argmax()), raised.shape)) * cam.stride,
            center,
            *cells[rng.integers(len(cells), size=_DRAWS)],
        ]
        drops = blanking.drops(
            [cohort.affine[:3, :3] @ each[::-1] + cohort.affine[:3, 3] for each in kji]
        )
        usual = float(drops[3:].mean())
        chance.append(usual)
        for name, drop in zip(gains, drops[:3], strict=True):
            gains[name].append(float(drop) - usual)
    return {
        "patients": len(used),
        "chance": mean(chance).to_json() if used else None,
        "gain": {name: mean(values).to_json() for name, values in gains.items() if values},
    }
