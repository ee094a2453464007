"""OpenVINO's graph of the image branch against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusion3d_gui.inference.engines.openvino_graph import build_graph, import_openvino
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig

openvino = import_openvino()


@pytest.mark.parametrize(
    ("shape", "strides"),
    [((32, 24, 40), (2, 2, 2)), ((25, 41, 33), (2, 2, 2)), ((24, 33, 24), (1, 1, 1))],
)
def test_the_published_network_has_the_features_of_pytorch(shape, strides):
    torch.manual_seed(3)
    config = NetworkConfig("image_only", stage_strides=strides)
    branch = LearnedFeatureFusion3D(config).image_branch.eval()
    image = np.random.default_rng(4).standard_normal((1, 1, *shape)).astype(np.float32)
    with torch.inference_mode():
        expected = branch.features(torch.from_numpy(image)).numpy()
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    graph = build_graph(branch, image.shape)
    request = openvino.Core().compile_model(graph, "CPU", options).create_infer_request()
    request.infer({0: image})
    found = request.get_output_tensor(0).data
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())
