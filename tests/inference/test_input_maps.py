"""Maps of the voxels against Captum; cancel, refinement, place in the patient."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients, Occlusion
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.inference.case_model import CaseModel, Head
from fusion3d_gui.inference.engines.protocol import TorchEngine
from fusion3d_gui.inference.engines.select import SelectedEngine
from fusion3d_gui.inference.explain.attribution import (
    input_gradient,
    integrated_gradients,
    occlusion,
    smoothgrad,
)
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.methods import make_heatmap
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.inference.predictor import Predictor, load_predictor
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo, Decision
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.preprocessing import ModelInput, Preprocessing
from fusion3d_gui.model.schema import Field, MetadataSchema


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


def test_maps_come_from_coarse_to_fine_and_the_last_is_computed_everywhere(made):
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
    assert final.finished
    assert not any(one.finished for one in told)
    coarse = [one for one in told if one.values.shape == (3, 3, 4)][-1]
    np.testing.assert_allclose(
        coarse.values, occlusion(predictor, case, values, levels=(16,)).values, atol=2e-6
    )
    np.testing.assert_allclose(
        final.values, occlusion(predictor, case, values, levels=(8,)).values, atol=2e-6
    )


def test_occlusion_finds_a_strong_small_cube_whose_surroundings_cancel_it():
    # A network of known answer: the sum of the voxels at every eighth place.
    config = NetworkConfig("image_only", width=1 / 16, stem_pool=False, stage_strides=(2, 2, 1))
    network = LearnedFeatureFusion3D(config).eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.zero_()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.weight.fill_(1)
            module.eps = 0.0
    backbone = network.image_branch.backbone
    backbone.conv1.weight[0, 0, 3, 3, 3] = 1
    backbone.conv1.weight[1, 0, 3, 3, 3] = -1
    for stage in (1, 2, 3, 4):
        shortcut = getattr(backbone, f"layer{stage}")[0].downsample[0]
        for channel in (0, 1):
            shortcut.weight[channel, channel, 0, 0, 0] = 1
    cells = 5**3
    for channel, sign in ((0, 1), (1, -1)):
        network.image_branch.embed[0].weight[channel, channel] = cells
        network.classifier[0].weight[channel, channel] = 1
        network.classifier[3].weight[0, channel] = sign
    preprocessing = Preprocessing((33, 33, 33), 2.0)
    schema = MetadataSchema((Field("age", "Age", "number", mean=65, std=10),))
    info = BundleInfo(
        Path(),
        {"name": "known", "version": "1"},
        config,
        preprocessing,
        schema,
        Decision(("a", "b")),
    )
    bundle = ModelBundle(info, network, "")
    predictor = Predictor(bundle, SelectedEngine(TorchEngine(network, torch.device("cpu")), "test"))
    # In the cube of 16 at the start one eighth is strong, and the other seven weigh as much together;
    # elsewhere cubes of 16 are weak, but not nothing.
    voxels = np.full((33, 33, 33), 0.01, np.float32)
    voxels[16:32, 16:32, 16:32] = 0.3
    voxels[:16, :16, :16] = -1.0
    voxels[8:16, 8:16, 8:16] = 7.0
    case = CaseModel(Head(bundle), ModelInput(voxels, np.eye(4), ()), predictor.features(voxels))
    assert case.logit({"age": 65}) == pytest.approx(float(voxels[::8, ::8, ::8].sum()), rel=1e-5)
    raised = occlusion(predictor, case, {"age": 65.0}, "raised")
    assert np.unravel_index(raised.values.argmax(), raised.values.shape) == (1, 1, 1)
    assert raised.peak == pytest.approx(7.0, rel=1e-5)
    lowered = occlusion(predictor, case, {"age": 65.0}, "lowered")
    assert lowered.values[0, 0, 0] == pytest.approx(1.0, rel=1e-5)
    coarse = occlusion(predictor, case, {"age": 65.0}, "raised", levels=(16,))
    assert coarse.values[0, 0, 0] == pytest.approx(0.0, abs=1e-4)


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


@pytest.mark.parametrize("method", ["integrated-gradients", "smoothgrad"])
def test_a_method_of_many_passes_first_gives_the_map_of_one_as_not_finished(made, method):
    predictor, case, values, *_ = made
    told: list[Heatmap] = []
    final = make_heatmap(predictor, case, values, Explanation(method, ()), on_map=told.append)
    assert [(one.method, one.finished) for one in told] == [("input-gradient", False)]
    np.testing.assert_array_equal(told[0].values, input_gradient(predictor, case, values).values)
    assert (final.method, final.finished) == (method, True)


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
