"""``window_maps``: maps by the very methods that the window offers, of many passes through the network each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.engines.protocol import TorchEngine
from fusion3d_gui.inference.engines.select import SelectedEngine
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.methods import make_heatmap
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.preprocessing import ModelInput
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.table import CaseRow
from fusion3d_gui.training.measure.maps.case_maps import GridMap, MapKey, MoreMaps


def window_maps(
    bundle: ModelBundle,
    rows: Sequence[CaseRow],
    cases: Cases,
    affines: np.ndarray,
    methods: Sequence[str],
) -> MoreMaps:
    """Function that makes maps of a case by methods that attribute to input voxels.

    Parameters
    ----------
    bundle
        The model; with random weights, its network is replaced.
    rows, cases, affines
        The table's rows; the same cases as the network sees them; the affines [n, 4, 4] of their grids.
    methods
        Keys of :data:`~fusion3d_gui.model.attribution.localisation_record.METHOD_NAMES`, none of them at a stage.
    """

    def make(network: LearnedFeatureFusion3D, number: int) -> Mapping[MapKey, GridMap]:
        engine = TorchEngine(network, torch.device("cpu"))
        predictor = Predictor(replace(bundle, network=network), SelectedEngine(engine, ""))
        image = cases.images[number].astype(np.float32)
        model_input = ModelInput(image, affines[number], ())
        case = CaseModel(predictor.head, model_input, predictor.features(image))
        found: dict[MapKey, GridMap] = {}
        for method in methods:
            heat = make_heatmap(predictor, case, rows[number].values, Explanation(method, ()))
            stride = round(float(np.linalg.norm(heat.affine[:3, 0] / affines[number][0, 0])))
            found[method, None] = GridMap(heat.values, heat.affine, stride)
        return found

    return make
