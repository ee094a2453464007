"""Gradient × input against Captum, its smoothing against SciPy, and its conservation of the logit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient
from scipy.ndimage import gaussian_filter

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.model.attribution.input_gradient import gradient_times_input, smoothed
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import FUSIONS, NetworkConfig


def _network(fusion: str) -> LearnedFeatureFusion3D:
    torch.manual_seed(3)
    width = 0 if fusion == "image_only" else 5
    config = NetworkConfig(fusion=fusion, metadata_width=width, width=1 / 16, stem_pool=False)
    return LearnedFeatureFusion3D(config).double().eval()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_it_is_captums_input_times_gradient(fusion):
    network = _network(fusion)
    image = torch.randn(2, 1, 17, 25, 17, dtype=torch.double)
    code = None if fusion == "image_only" else torch.randn(2, 5, dtype=torch.double)
    signed, logit = gradient_times_input(network, image, code)
    expected = InputXGradient(network).attribute(image, additional_forward_args=(code,))
    assert torch.allclose(signed, expected[:, 0].detach(), rtol=1e-9, atol=1e-15)
    assert signed.abs().max() > 0
    assert torch.allclose(logit, network(image, code).detach())


def test_it_runs_on_tensors_made_for_inference():
    network = _network("image_only").float()
    with torch.inference_mode():
        image = torch.randn(1, 1, 17, 17, 17)
        signed, _ = gradient_times_input(network, image)
    assert signed.shape == (1, 17, 17, 17)


@pytest.mark.parametrize(("spacing", "sigma"), [(2.75, 8.0), (1.0, 4.0), (3.0, 12.0)])
def test_the_smoothing_is_scipys_gaussian(spacing, sigma):
    maps = torch.randn(2, 20, 30, 25, dtype=torch.double)
    found = smoothed(maps, spacing, sigma)
    for one, own in zip(maps.numpy(), found.numpy(), strict=True):
        expected = gaussian_filter(one, sigma / spacing, mode="constant", truncate=3.0)
        np.testing.assert_allclose(own, expected, atol=2e-3 * np.abs(expected).max())


def test_smoothing_keeps_the_sum_within_the_grid():
    maps = torch.zeros(1, 41, 41, 41)
    maps[0, 20, 18, 23] = 2.0
    found = smoothed(maps, 2.75)
    assert float(found.sum()) == pytest.approx(2.0, rel=1e-5)
    assert np.unravel_index(int(found[0].argmax()), found[0].shape) == (20, 18, 23)


def test_it_can_be_cancelled_on_the_way_back():
    network = _network("image_only")
    calls = []

    def progress(share: float, message: str) -> None:
        calls.append(share)
        if len(calls) == 25:
            raise Cancelled

    with pytest.raises(Cancelled):
        gradient_times_input(
            network, torch.randn(1, 1, 17, 17, 17, dtype=torch.double), None, progress
        )
    assert calls == sorted(calls)
    assert calls[-1] < 1


def test_a_training_network_is_refused():
    with pytest.raises(ValueError, match="eval mode"):
        gradient_times_input(_network("image_only").train(), torch.zeros(1, 1, 17, 17, 17))
