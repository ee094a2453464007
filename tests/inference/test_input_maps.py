"""Maps of the voxels against Captum; cancel, refinement, place in the patient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients, Occlusion
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.inference.explain.attribution import (
    input_gradient,
    integrated_gradients,
    occlusion,
    smoothgrad,
)
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.bundle import ModelBundle


@pytest.fixture
def made(make_bundle, volume):
    """Predictor, case, values, and the plain network with its inputs."""
    predictor = load_predictor(make_bundle(), "cpu", engine="torch")
    predicted = predictor.predict_case(volume, {"age": 71, "sex": "F"})
    values = predicted.prediction.metadata
    network = ModelBundle.load(predictor.info.folder).network
    image = torch.from_numpy(predicted.case.model_input.voxels)[None, None]
    code = torch.from_numpy(predictor.info.schema.encode(values))[None]
    return predictor, predicted.case, values, network, image, code


def test_one_level_of_occlusion_equals_captums(made):
    predictor, case, values, network, image, code = made
    with torch.inference_mode():
        theirs = Occlusion(lambda x, m: network(x, m)).attribute(
            image,
            sliding_window_shapes=(1, 16, 16, 16),
            strides=(1, 16, 16, 16),
            baselines=0,
            additional_forward_args=(code,),
        )[0, 0]
    centers = theirs[8::16, 8::16, 8::16].numpy()
    for side, sign in (("raised", 1), ("lowered", -1)):
        ours = occlusion(predictor, case, values, side, levels=(16,))
        inside = tuple(slice(n) for n in centers.shape)
        expected = np.maximum(sign * centers, 0)
        np.testing.assert_allclose(ours.values[inside], expected, atol=2e-6)
        assert (ours.method, ours.layer, ours.side) == ("occlusion", "input", side)


def test_maps_come_from_coarse_to_fine_and_finer_levels_only_divide_what_matters(made):
    predictor, case, values, *_ = made
    told: list[Heatmap] = []
    final = occlusion(predictor, case, values, on_map=told.append)
    assert list(dict.fromkeys(one.values.shape for one in told)) == [
        (2, 2, 2),
        (3, 3, 4),
        (5, 5, 7),
    ]
    # Within a level each map knows more than the one before it.
    shapes = [one.values.shape for one in told]
    assert shapes.count((3, 3, 4)) > 1
    np.testing.assert_array_equal(told[-1].values, final.values)
    coarse = [one for one in told if one.values.shape == (3, 3, 4)][-1]
    np.testing.assert_allclose(
        coarse.values, occlusion(predictor, case, values, levels=(16,)).values, atol=2e-6
    )


def test_occlusion_marks_no_cube_without_tissue_at_its_finest_level(made, volume):
    predictor, _, values, *_ = made
    seen = np.array(volume.voxels)
    seen[: seen.shape[0] // 2] = 0  # air that shares cubes of the coarser levels with tissue
    case = predictor.predict_case(replace(volume, voxels=seen), values).case
    voxels = case.model_input.voxels
    marked = 0
    for side in ("raised", "lowered"):
        for place in np.argwhere(occlusion(predictor, case, values, side).values > 0):
            assert voxels[tuple(slice(8 * n, 8 * n + 8) for n in place)].any()
            marked += 1
    assert marked


def test_a_cube_lies_where_its_voxels_lie(made):
    predictor, case, values, *_ = made
    heatmap = occlusion(predictor, case, values, levels=(16,))
    corner = heatmap.affine @ [0, 0, 0, 1]
    voxels = [case.model_input.affine @ [n, n, n, 1] for n in range(16)]
    np.testing.assert_allclose(corner, np.mean(voxels, axis=0))


def test_integrated_gradients_equal_captums_and_nearly_add_up(made):
    predictor, case, values, network, image, code = made
    raised = integrated_gradients(predictor, case, values, "raised")
    lowered = integrated_gradients(predictor, case, values, "lowered")
    signed = raised.values.astype(np.float64) - lowered.values
    theirs, gap = IntegratedGradients(lambda x, m: network(x, m)).attribute(
        image,
        baselines=0.0,
        additional_forward_args=(code,),
        n_steps=32,
        return_convergence_delta=True,
    )
    theirs = theirs.detach().numpy()[0, 0]
    np.testing.assert_allclose(signed, theirs, atol=1e-3 * np.abs(theirs).max())
    with torch.inference_mode():
        change = float(network(image, code) - network(torch.zeros_like(image), code))
    assert signed.sum() == pytest.approx(change + float(gap), abs=1e-4)


def test_gradient_times_input_equals_captums_smoothed_by_scipy(made):
    predictor, case, values, network, image, code = made
    raised = input_gradient(predictor, case, values, "raised")
    lowered = input_gradient(predictor, case, values, "lowered")
    theirs = InputXGradient(network).attribute(image, additional_forward_args=(code,))
    sigma = 8.0 / np.linalg.norm(case.model_input.affine[:3, 0])
    expected = gaussian_filter(
        theirs.detach().numpy()[0, 0].astype(np.float64), sigma, mode="constant", truncate=3.0
    )
    # Beyond the voxels next to tissue there is no evidence, and so no map.
    tissue = binary_fill_holes(image.numpy()[0, 0] != 0)
    expected *= distance_transform_edt(~tissue) <= 1
    signed = raised.values - lowered.values
    assert raised.share_in_air == 0
    np.testing.assert_allclose(signed, expected, atol=5e-3 * np.abs(expected).max())
    # One side only at each voxel: the signed map is smoothed, then split.
    assert not np.any((raised.values > 0) & (lowered.values > 0))
    np.testing.assert_array_equal(raised.affine, case.model_input.affine)
    assert (raised.method, raised.layer, raised.side) == ("input-gradient", "input", "raised")


def test_smoothgrad_is_the_same_twice_and_leaves_the_random_numbers_alone(made):
    predictor, case, values, *_ = made
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = smoothgrad(predictor, case, values)
    assert torch.equal(torch.rand(1), expected)
    np.testing.assert_array_equal(first.values, smoothgrad(predictor, case, values).values)
    assert first.values.shape == case.model_input.voxels.shape
    assert first.peak > 0


@pytest.mark.parametrize("method", [input_gradient, occlusion, integrated_gradients, smoothgrad])
def test_every_method_reports_and_can_be_cancelled(made, method):
    predictor, case, values, *_ = made
    seen: list[float] = []

    def progress(fraction: float, message: str) -> None:
        seen.append(fraction)
        if len(seen) > 20:
            raise Cancelled

    with pytest.raises(Cancelled):
        method(predictor, case, values, progress=progress)
    assert seen == sorted(seen)
    assert all(0 <= fraction < 1 for fraction in seen)
