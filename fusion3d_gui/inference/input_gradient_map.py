"""``input_gradient_map``: the heatmap of a case made of gradient × input."""

from __future__ import annotations

import numpy as np
import torch

from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.prediction import Heatmap, Side
from fusion3d_gui.model.attribution.input_gradient import smoothed


def input_gradient_map(signed: np.ndarray, case: CaseModel, side: Side) -> Heatmap:
    """The map of gradient × input ``signed`` [k, j, i], smoothed by a Gaussian of 8 mm.

    It is smoothed before it is restricted to one ``side``, so that neighbours of opposite sign cancel. Its values
    are shares of the logit. Air has no evidence of its own (its input is 0), so what the smoothing carries beyond
    the voxels next to tissue is left out.
    """
    in_air = case.outline.distances_mm > 1.001 * case.outline.spacing_mm
    found = np.where(in_air, np.float32(0), signed)
    found = smoothed(torch.from_numpy(found)[None], case.outline.spacing_mm)[0].numpy()
    found[in_air] = 0
    return voxel_map(found, case.model_input.affine, "input-gradient", side, case)


def voxel_map(
    signed: np.ndarray, affine: np.ndarray, method: str, side: Side, case: CaseModel
) -> Heatmap:
    """One side of a signed attribution of the input, [k, j, i] on cells with this affine (LPS mm)."""
    values = np.maximum(signed if side == "raised" else -signed, 0).astype(np.float32)
    return Heatmap(
        values=values, affine=affine, method=method, layer="input", side=side, outline=case.outline
    )
