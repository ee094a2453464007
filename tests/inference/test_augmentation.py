"""The image moved and mirrored: each the network's answer to an image made here by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusion3d_gui.inference.analysis.augmentation import SHIFT_VOXELS, augmented_features
from fusion3d_gui.inference.analysis.workbench import Workbench
from fusion3d_gui.inference.predictor import load_predictor


def moved(voxels: np.ndarray, axis: int, sign: int) -> np.ndarray:
    """Voxels moved up (1) or down (-1) an axis; the edge's values move in."""
    index = np.clip(np.arange(voxels.shape[axis]) - sign * SHIFT_VOXELS, 0, voxels.shape[axis] - 1)
    return np.take(voxels, index, axis)


def test_the_interval_spans_the_answers_to_the_moved_and_the_mirrored_image(make_bundle, volume):
    predictor = load_predictor(make_bundle(), "cpu", engine="torch")
    predicted = predictor.predict_case(volume, {"age": 71, "sex": "F"})
    workbench = Workbench(predicted, None, volume)
    values = predicted.prediction.metadata
    assert workbench.augmentation_range(values) is None
    seen: list[float] = []
    workbench.augmented_features = augmented_features(
        predictor, predicted.case, lambda f, _: seen.append(f)
    )
    assert seen == sorted(seen)
    voxels = predicted.case.model_input.voxels
    images = [moved(voxels, axis, sign) for axis in range(3) for sign in (1, -1)]
    images.append(np.flip(voxels, axis=2))
    code = torch.from_numpy(predictor.info.schema.encode(values))[None]
    with torch.inference_mode():
        logits = [
            float(predictor.network(torch.from_numpy(image.copy())[None, None], code))
            for image in [*images, voxels]
        ]
    chances = [predictor.info.decision.probability(logit) for logit in logits]
    assert len(set(np.round(chances, 7))) > 4
    expected = min(chances), max(chances)
    assert workbench.augmentation_range(values) == pytest.approx(expected, abs=1e-6)
    # Live with other values too, without looking again.
    other = workbench.augmentation_range({**values, "age": 50})
    assert other is not None and other != pytest.approx(expected, abs=1e-9)
