"""OpenVINO's way back to the input against PyTorch's automatic differentiation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import max_pool3d

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.inference.engines.openvino import OpenVinoEngine
from fusion3d_gui.inference.engines.protocol import TorchEngine
from fusion3d_gui.model.attribution.input_gradient import (
    gradient_times_input,
    pooled_gradient_times_input,
)
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig


def _network(config: NetworkConfig) -> LearnedFeatureFusion3D:
    """With batch norms that do something, as trained ones do."""
    torch.manual_seed(3)
    network = LearnedFeatureFusion3D(config)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            torch.nn.init.normal_(module.running_mean, 0, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    return network.eval()


@pytest.mark.parametrize(
    ("shape", "config"),
    [
        ((32, 24, 40), NetworkConfig("image_only", width=1 / 8)),
        ((33, 41, 25), NetworkConfig("image_only", width=1 / 8, stage_strides=(2, 1, 1))),
        ((24, 33, 18), NetworkConfig("image_only", width=1 / 16, stage_strides=(1, 1, 1))),
        ((17, 24, 19), NetworkConfig("image_only", width=1 / 16, stem_pool=False)),
        ((21, 18, 25), NetworkConfig("image_only", width=1 / 16, stem_stride=1)),
        ((40, 35, 42), NetworkConfig("image_only", width=1 / 16, stem_stride=3)),
    ],
)
def test_gradient_times_input_is_pytorchs(shape, config):
    network = _network(config)
    voxels = np.random.default_rng(4).standard_normal(shape).astype(np.float32)
    # A constant region, as a scan's background is: its max-pool windows have no single largest value.
    voxels[:, :, : shape[2] // 2] = 0.5
    weights = np.random.default_rng(5).standard_normal(config.feature_channels)
    image = torch.from_numpy(voxels)[None, None]
    gradient = torch.from_numpy(weights)[None]
    exact = pooled_gradient_times_input(network.double(), image.double(), gradient)[0].numpy()
    network.float()
    found = OpenVinoEngine(network, shape).input_gradient(voxels, weights)
    assert found.shape == shape
    assert found.dtype == np.float32
    # Where a ReLU's input is within a rounding error of 0, any float32 computation may miss its
    # mask: PyTorch's own, too. Elsewhere both are exact.
    own = TorchEngine(network, torch.device("cpu")).input_gradient(voxels, weights)
    scale = np.sqrt((exact**2).mean())
    rounding = np.sqrt(((own - exact) ** 2).mean()) / scale
    assert np.sqrt(((found - exact) ** 2).mean()) / scale <= max(1e-4, 3 * rounding)
    assert np.median(np.abs(found - exact)) <= 1e-5 * np.abs(exact).max()


def test_a_weighted_sum_of_pooled_features_has_the_heads_gradient():
    network = _network(NetworkConfig("image_only", width=1 / 16)).double()
    image = torch.randn(2, 1, 17, 25, 17, dtype=torch.double)
    signed, logit = gradient_times_input(network, image)
    pooled = network.forward_features(image).pooled.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(network.head_from_pooled(pooled)[-1].sum(), pooled)
    found = pooled_gradient_times_input(network, image, gradient)
    assert torch.allclose(found, signed, rtol=1e-9, atol=1e-15)
    assert logit.shape == (2,)


def test_the_way_back_can_be_cancelled_and_asked_again():
    network = _network(NetworkConfig("image_only", width=1 / 8))
    shape = (97, 97, 97)
    voxels = np.random.default_rng(4).standard_normal(shape).astype(np.float32)
    weights = np.ones(network.config.feature_channels)
    engine = OpenVinoEngine(network, shape)
    first = engine.input_gradient(voxels, weights)

    def stop(share: float, message: str) -> None:
        assert message == "Explaining"
        raise Cancelled

    with pytest.raises(Cancelled):
        engine.input_gradient(voxels, weights, stop)
    np.testing.assert_array_equal(engine.input_gradient(voxels, weights), first)


def test_the_way_back_is_the_same_where_it_was_prepared_beside_the_pass_forward():
    network = _network(NetworkConfig("image_only", width=1 / 8))
    shape = (33, 41, 33)
    voxels = np.random.default_rng(4).standard_normal(shape).astype(np.float32)
    weights = np.ones(network.config.feature_channels)
    engine, prepared = OpenVinoEngine(network, shape), OpenVinoEngine(network, shape)
    prepared.prepare_gradient()
    maps = prepared.features(voxels)
    prepared.prepare_gradient()
    np.testing.assert_array_equal(maps, engine.features(voxels))
    np.testing.assert_array_equal(
        prepared.input_gradient(voxels, weights), engine.input_gradient(voxels, weights)
    )


def test_voxels_that_are_no_numbers_are_refused():
    network = _network(NetworkConfig("image_only", width=1 / 16))
    voxels = np.zeros((17, 17, 17), np.float32)
    voxels[3, 3, 3] = np.nan
    with pytest.raises(FloatingPointError):
        OpenVinoEngine(network, voxels.shape).input_gradient(voxels, np.ones(128))


def test_pytorch_gives_a_tied_window_to_its_first_value():
    # The rule that the graph's routing copies; a version of PyTorch that changed it would show here.
    image = torch.full((1, 1, 3, 3, 3), 2.0, requires_grad=True)
    max_pool3d(image, 3).backward(torch.ones(1, 1, 1, 1, 1))
    assert image.grad[0, 0, 0, 0, 0] == 1
    assert image.grad.sum() == 1
