"""Test-time augmentation: features of shifted and mirrored copies of an image."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import shift

from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.progress import Progress, no_progress, with_message

#: Voxels of the network's grid by which the image is shifted, in both directions along each axis.
SHIFT_VOXELS = 2


def augmented_features(
    predictor: Predictor, case: CaseModel, progress: Progress = no_progress
) -> np.ndarray:
    """Pooled features, float32 [7, C], of six shifted copies of the image and of its left-right mirror.

    Estimates the uncertainty due to acquisition (Wang et al. 2019, Neurocomputing 338). The network's
    grid lies along the patient's axes, i from right to left. Voxels shifted in repeat the edge.
    """
    voxels = case.model_input.voxels
    moves = [sign * SHIFT_VOXELS * np.eye(3)[axis] for axis in range(3) for sign in (1, -1)]
    images = [shift(voxels, move, order=0, mode="nearest") for move in moves]
    images.append(voxels[:, :, ::-1])
    return predictor.pooled(
        np.stack(images), with_message(progress, "Moving and mirroring the image")
    )
