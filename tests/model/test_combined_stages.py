"""Maps of several stages as one: beside scipy's interpolation of each stage's own map."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from fusion3d_gui.model.attribution.cam import CAM_METHODS, class_maps, trace
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig


@pytest.fixture(scope="module")
def traced():
    torch.manual_seed(3)
    config = NetworkConfig(fusion="concat", metadata_width=5, width=1 / 16, stem_pool=False)
    network = LearnedFeatureFusion3D(config).double().eval()
    image = torch.randn(2, 1, 33, 49, 33, dtype=torch.double)
    return trace(network, image, torch.randn(2, 5, dtype=torch.double), (2, 3, 4))


@pytest.mark.parametrize("method", CAM_METHODS)
@pytest.mark.parametrize(
    ("stages", "strides"), [((3, 4), (8, 16)), ((4, 2), (16, 4)), ((2, 3, 4), (4, 8, 16))]
)
def test_each_stage_is_scaled_to_its_peak_and_the_largest_counts(traced, method, stages, strides):
    both = class_maps(traced, method, stages)
    finest = min(strides)
    shape = class_maps(traced, method, (min(stages),)).raised.shape[1:]
    assert both.stride == finest
    assert both.raised.shape[1:] == shape
    grid = np.indices(shape).astype(float)
    for side in ("raised", "lowered"):
        for case in range(2):
            each = []
            for stage, stride in zip(stages, strides, strict=True):
                own = class_maps(traced, method, (stage,))
                peak = float(torch.maximum(own.raised[case], own.lowered[case]).max())
                share = np.tanh(2 * getattr(own, side)[case].numpy() / peak)
                each.append(map_coordinates(share, grid * finest / stride, order=1, mode="nearest"))
            found = getattr(both, side)[case].numpy()
            np.testing.assert_allclose(found, np.max(each, axis=0), atol=1e-9)
