"""Minimal filtering against PyTorch's convolution, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from fusion3d_gui.inference.engines.openvino_graph import build_graph, import_openvino
from fusion3d_gui.inference.engines.winograd import Winograd
from fusion3d_gui.model.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network_config import NetworkConfig

openvino = import_openvino()


def computed(model, picture: np.ndarray) -> np.ndarray:
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
    request.infer({0: picture})
    return request.get_output_tensor(0).data.copy()


def ours(picture: np.ndarray, weights: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    from openvino import opset13 as ops

    image, winograd = ops.parameter(list(picture.shape), dtype=np.float32), Winograd(ops)
    if stride == 1:
        found = winograd.whole(winograd.convolved(winograd.halves(image), weights, bias))
    else:
        found = winograd.strided(winograd.halves(image), weights, bias)
    return computed(openvino.Model([found], [image], "one"), picture)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", [(2, 1, 1), (3, 4, 5), (4, 3, 3), (7, 6, 5), (8, 5, 7)])
def test_a_convolution_in_halves_is_pytorchs(shape, stride):
    of = np.random.default_rng(sum(shape))
    picture = of.standard_normal((2, 5, *shape)).astype(np.float32)
    weights, bias = of.standard_normal((6, 5, 3, 3, 3)), of.standard_normal(6)
    expected = functional.conv3d(
        torch.from_numpy(picture).double(),
        torch.from_numpy(weights),
        torch.from_numpy(bias),
        padding=1,
        stride=stride,
    ).numpy()
    np.testing.assert_allclose(ours(picture, weights, bias, stride), expected, atol=2e-5)


@pytest.mark.parametrize(
    ("convolution", "shape", "expected"),
    [
        (nn.Conv3d(64, 64, 3, padding=1), (6, 6, 6), True),
        (nn.Conv3d(64, 64, 3, padding=1, stride=2), (6, 6, 6), False),
        (nn.Conv3d(64, 64, 1), (6, 6, 6), False),
        (nn.Conv3d(16, 16, 3, padding=1), (6, 6, 6), False),
        (nn.Conv3d(64, 64, 3, padding=1), (1, 20, 20), False),
        (nn.Conv3d(64, 64, 3, padding=1), (3, 3, 3), False),
    ],
)
def test_only_convolutions_that_it_quickens_are_taken(convolution, shape, expected):
    from openvino import opset13 as ops

    picture = ops.parameter([1, convolution.in_channels, *shape], dtype=np.float32)
    assert Winograd(ops).pays(convolution, picture) is expected


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
    graph = build_graph(branch, image.shape)
    found = computed(graph, image)
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())
    # Four stand for each that is convolved in halves: else none was.
    plain = sum(isinstance(module, nn.Conv3d) for module in branch.modules())
    made = sum(node.get_type_name() == "Convolution" for node in graph.get_ops())
    assert made > plain
