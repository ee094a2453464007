"""Symmetric kernels: NumPy's mirror images, and maps that commute with mirroring."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusion3d_gui.model.attribution.cam import CAM_METHODS, explain
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.training.fit.kernel_symmetry import asymmetry, mirror_mean, symmetrise


def _network() -> LearnedFeatureFusion3D:
    torch.manual_seed(5)
    config = NetworkConfig(
        fusion="image_only", width=1 / 16, stem_pool=False, stage_strides=(2, 1, 1)
    )
    return LearnedFeatureFusion3D(config).double().eval()


def test_the_mirror_mean_is_numpys():
    kernel = np.random.default_rng(0).normal(size=(2, 3, 3, 5, 7))
    expected = np.zeros_like(kernel)
    for k in (1, -1):
        for j in (1, -1):
            for i in (1, -1):
                expected += kernel[:, :, ::k, ::j, ::i] / 8
    np.testing.assert_allclose(mirror_mean(torch.from_numpy(kernel)).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.03, 1.0])
def test_kernels_move_by_the_share_and_nothing_else_moves(share):
    network, before = _network(), _network()
    symmetrise(network, share)
    for name, value in network.state_dict().items():
        old = before.state_dict()[name]
        if value.ndim == 5 and value.shape[-1] > 1:
            torch.testing.assert_close(value, old + share * (mirror_mean(old) - old))
        else:
            assert torch.equal(value, old)
    assert asymmetry(network) == pytest.approx(
        (1 - share) ** 2 * asymmetry(before) / _left(before, share)
    )


def _left(before: LearnedFeatureFusion3D, share: float) -> float:
    """Squared norm of the kernels after the move, as a share of that before it."""
    even = 1 - asymmetry(before)
    return even + (1 - share) ** 2 * (1 - even)


@pytest.mark.parametrize("axis", [2, 3, 4])
@pytest.mark.parametrize("method", CAM_METHODS)
def test_maps_of_symmetric_kernels_are_mirrored_with_the_image(method, axis):
    network = _network()
    image = torch.randn(1, 1, 17, 25, 17, dtype=torch.double)
    difference = []
    for share in (0.0, 1.0):
        symmetrise(network, share)
        own = explain(network, image, None, method, (4,)).signed
        mirrored = explain(network, image.flip(axis), None, method, (4,)).signed.flip(axis - 1)
        difference.append(float((own - mirrored).abs().max() / own.abs().max()))
    assert difference[0] > 0.05
    assert difference[1] < 1e-9
