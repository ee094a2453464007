"""Displacements measured on networks whose answer is known, the peaks against Gaussians, the ball by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.attribution.cam import CAM_METHODS, STAGES, class_maps, trace
from fusion3d_gui.model.attribution.input_gradient import gradient_times_input, smoothed
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.measure.maps.blanking import RADIUS_MM, Blanking
from fusion3d_gui.training.measure.maps.case_maps import (
    REFERENCE,
    maps_of_case,
    with_random_weights,
)
from fusion3d_gui.training.measure.maps.lesion_target import Target
from fusion3d_gui.training.measure.maps.map_displacement import (
    MOST_CASES,
    chosen_cases,
    collect_peaks,
    measure_displacements,
)
from fusion3d_gui.training.measure.maps.sub_cell_peak import peak_lps, sub_cell_peak

SPACING = 2.75

#: A known displacement is found to this share of a cell.
CLOSE = 0.05
SHAPE = (41, 49, 41)


def tap_network(stem_ijk=(0, 0, 0), layers=None) -> LearnedFeatureFusion3D:
    """A network that only looks: each kernel has one tap, at its centre or shifted by (i, j, k) of its input's voxels.

    ``layers`` maps a stage to the shift of its first 3³ convolution. Every channel passes what it sees on.
    No stage skips cells: a tap behind a stride would read every second one only, so that the gradient of
    the others were 0.
    """
    config = NetworkConfig(
        fusion="image_only", width=1 / 16, embedding=4, classifier_hidden=4, stage_strides=(1, 1, 1)
    )
    network = LearnedFeatureFusion3D(config).eval()

    def tap(convolution: nn.Conv3d, ijk=(0, 0, 0)) -> None:
        weight = torch.zeros_like(convolution.weight)
        size = weight.shape[2]
        i, j, k = (size // 2 + n for n in ijk)
        weight[:, :, k, j, i] = 1 / weight.shape[1]
        convolution.weight.data = weight

    with torch.no_grad():
        backbone = network.image_branch.backbone
        tap(backbone.conv1, stem_ijk)
        for stage in STAGES:
            first, *others = getattr(backbone, f"layer{stage}")
            tap(first.conv1)
            tap(first.conv2, (layers or {}).get(stage, (0, 0, 0)))
            tap(first.conv3)
            # The main path alone, and the identity alone: one path from input to map.
            first.downsample[0].weight.zero_()
            for block in others:
                for convolution in (block.conv1, block.conv2, block.conv3):
                    convolution.weight.zero_()
        for linear in (*network.image_branch.embed, *network.classifier):
            if isinstance(linear, nn.Linear):
                linear.weight.fill_(1.0)
                linear.bias.zero_()
    return network


def blobs(count: int, seed: int = 0, sigma: float = 4.0) -> tuple[Cases, np.ndarray, np.ndarray]:
    """Images with one Gaussian each, well off the faces; their centres (mm, LPS); affines."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"))
    images, affines, centers = [], [], []
    for _ in range(count):
        kji = np.array([rng.uniform(14, n - 15) for n in SHAPE])
        away = ((grid - kji[:, None, None, None]) ** 2).sum(axis=0)
        images.append(np.exp(-away / (2 * sigma**2)))
        affine = np.diag([SPACING, SPACING, SPACING, 1.0])
        affine[:3, 3] = rng.uniform(-100, 0, 3)
        affines.append(affine)
        centers.append(affine[:3, :3] @ kji[::-1] + affine[:3, 3])
    cases = Cases(np.array(images, np.float16), np.zeros((count, 0)), np.ones(count, int))
    return cases, np.stack(affines), np.stack(centers)


@pytest.fixture(scope="module")
def centred():
    cases, affines, _ = blobs(8)
    return measure_displacements(tap_network(), cases, affines, resamples=50)


def test_a_network_of_centre_taps_has_no_displacement_at_any_stage(centred):
    assert len(centred.maps) == len(CAM_METHODS) * len(STAGES)
    for one in centred.maps:
        assert one.stride == 4
        assert one.cases == 8
        np.testing.assert_allclose(one.vector_ijk, 0, atol=CLOSE * one.stride)
        for low, value, high in zip(one.low_ijk, one.vector_ijk, one.high_ijk, strict=True):
            assert low <= value <= high
        assert max(one.spread_ijk) < 0.1 * one.stride
        assert one.deletion.value == pytest.approx(1, abs=0.2)
        assert one.near >= 0.9
        assert one.against == "reference"


@pytest.mark.parametrize(
    ("stem", "layers", "known"),
    [
        # A tap shifted by n voxels sees what lies n voxels on: the map lies n voxels back.
        ((3, -2, 1), {}, dict.fromkeys(STAGES, (-3, 2, -1))),
        # One cell of what this convolution sees: 4 voxels.
        ((0, 0, 0), {1: (1, 0, 0)}, dict.fromkeys(STAGES, (-4, 0, 0))),
        ((1, 0, 0), {3: (0, 1, 0)}, {1: (-1, 0, 0), 2: (-1, 0, 0), 3: (-1, -4, 0), 4: (-1, -4, 0)}),
    ],
)
def test_shifted_kernels_are_found_to_shift_by_just_that(stem, layers, known):
    cases, affines, centers = blobs(24, seed=1)
    found = collect_peaks(tap_network(stem, layers), cases, affines)
    # The reference itself is not displaced: its peak is the blob's centre.
    np.testing.assert_allclose(
        np.median(found[REFERENCE].places - centers, axis=0), 0, atol=0.5 * SPACING
    )
    for (_, stage), one in found.items():
        if stage is not None:
            np.testing.assert_allclose(one.vector, known[stage], atol=CLOSE * one.stride)
            away = one.corrected(affines) - found[REFERENCE].places
            assert np.median(np.linalg.norm(away, axis=1)) < 0.5 * one.stride * SPACING


def test_the_vector_is_in_voxels_where_fields_of_view_differ():
    cases, affines, _ = blobs(24, seed=2)
    affines[::2, :3, :3] *= 1.6
    for (_, stage), one in collect_peaks(tap_network((2, 0, -3)), cases, affines).items():
        if stage is not None:
            np.testing.assert_allclose(one.vector, (-2, 0, 3), atol=CLOSE * one.stride)


def test_lesions_change_what_it_is_compared_with_and_not_the_vector(centred):
    cases, affines, centers = blobs(8)
    # Lesions elsewhere: nothing points there.
    away = [
        Target(
            np.stack([center, center + 200]),
            np.array([False, True]),
            np.array([300.0, 0.0]),
            affine[:3, 3] + 5,
        )
        for center, affine in zip(centers, affines, strict=True)
    ]
    found = measure_displacements(tap_network(), cases, affines, away, resamples=50)
    for own, one in zip(centred.maps, found.maps, strict=True):
        assert one.vector_ijk == own.vector_ijk
        assert one.near == 0 and one.against == "lesion"


def test_a_constant_map_points_by_chance_only(centred):
    assert centred.constant_near <= 3 / 8


def test_without_evidence_there_is_nothing_to_compare_with():
    cases, affines, _ = blobs(3, seed=5)
    network = tap_network()
    network.classifier[-1].weight.data.neg_()
    network.classifier[-1].bias.data.fill_(1.0)
    with pytest.raises(UserError, match="too few cases"):
        # All evidence is against the class: gradient × input raises nothing.
        measure_displacements(network, cases, affines, resamples=50)


@pytest.mark.parametrize("fusion", ["image_only", "concat"])
def test_one_pass_gives_the_maps_that_separate_passes_give(fusion):
    torch.manual_seed(1)
    width = 0 if fusion == "image_only" else 3
    network = LearnedFeatureFusion3D(
        NetworkConfig(fusion=fusion, metadata_width=width, width=1 / 16, stage_strides=(2, 1, 1))
    ).eval()
    image, metadata = torch.randn(1, 1, 33, 41, 33), torch.randn(1, width)
    affine = np.diag([SPACING, SPACING, SPACING, 1.0])
    found = maps_of_case(network, image, metadata, affine)
    code = metadata if width else None
    traced = trace(network, image, code, STAGES)
    for method in CAM_METHODS:
        for stage in STAGES:
            expected = class_maps(traced, method, (stage,)).raised[0].numpy()
            np.testing.assert_allclose(
                found[method, stage].values, expected, atol=1e-5 * max(expected.max(), 1e-9)
            )
    signed = smoothed(gradient_times_input(network, image, code)[0], SPACING)[0].clamp(min=0)
    np.testing.assert_allclose(
        found[REFERENCE].values, signed.numpy(), atol=1e-5 * float(signed.max())
    )


def test_random_weights_are_others_and_reproducible():
    network = tap_network()
    one, same, other = (with_random_weights(network, seed) for seed in (0, 0, 1))
    states = [each.state_dict() for each in (network, one, same, other)]
    name = "image_branch.backbone.conv1.weight"
    assert torch.equal(states[1][name], states[2][name])
    assert not torch.equal(states[1][name], states[3][name])
    assert not torch.equal(states[1][name], states[0][name])
    assert not one.training


def test_a_gaussians_peak_is_found_to_a_fraction_of_a_cell():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(9)] * 3, indexing="ij")).astype(float)
    errors, by_cell = [], []
    for _ in range(300):
        center, sigma = rng.uniform(3, 5, 3), rng.uniform(0.7, 1.5)
        away = ((grid - center[:, None, None, None]) ** 2).sum(axis=0)
        bump = np.exp(-away / (2 * sigma**2))
        errors.append(np.linalg.norm(sub_cell_peak(bump) - center))
        strongest = np.unravel_index(bump.argmax(), bump.shape)
        by_cell.append(np.linalg.norm(strongest - center))
    assert np.median(errors) < 0.1 and max(errors) < 0.3
    assert np.median(by_cell) == pytest.approx(0.47, abs=0.04)


def test_a_parabola_is_found_exactly_and_a_peak_at_the_edge_stays_there():
    axis = np.arange(8.0)
    values = 20 - (axis - 3.3) ** 2
    cube = values[:, None, None] + np.zeros((8, 5, 5))
    cube = cube - (np.arange(5) - 1.8)[None, :, None] ** 2 - np.arange(5)[None, None] * 0.5
    np.testing.assert_allclose(sub_cell_peak(cube), (3.3, 1.8, 0))


def test_equal_cells_share_the_peak_and_an_empty_map_has_none():
    assert sub_cell_peak(np.zeros((3, 3, 3))) is None
    np.testing.assert_allclose(sub_cell_peak(np.ones((3, 5, 7))), (1, 2, 3))
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = (10, 20, 30)
    np.testing.assert_allclose(peak_lps(np.ones((3, 5, 7)), affine), (16, 26, 34))
    assert peak_lps(np.zeros((3, 3, 3)), affine) is None


def test_blanking_takes_what_lies_in_the_ball():
    """The mean of the image through centre taps and no strides is linear: the drop is the ball's share."""
    cases, affines, centers = blobs(1, seed=6)
    network = tap_network()
    image = cases.images[0].astype(np.float32)
    ball = Blanking(network, image, np.zeros(0), affines[0])
    with torch.inference_mode():
        whole = float(network(torch.from_numpy(image)[None, None]))
        k, j, i = np.indices(SHAPE)
        voxels = np.stack([i, j, k], axis=-1) @ affines[0][:3, :3].T + affines[0][:3, 3]
        nearest = voxels.reshape(-1, 3)[
            ((voxels.reshape(-1, 3) - centers[0]) ** 2).sum(axis=1).argmin()
        ]
        outside = np.linalg.norm(voxels - nearest, axis=-1) > RADIUS_MM
        rest = float(network(torch.from_numpy(image * outside)[None, None]))
        blank = float(network(torch.zeros(1, 1, *SHAPE)))
    drops = ball.drops([centers[0], None, centers[0] + [90, 90, 90]])
    np.testing.assert_allclose(drops, [whole - rest, 0, 0], atol=1e-5 * (whole - blank))
    assert drops[0] > 0.1 * (whole - blank)


def test_true_positives_are_measured_else_the_likeliest():
    labels = np.array([1, 0, 1, 1] * 10)
    likely = np.linspace(0.9, 0.1, 40)
    hits = chosen_cases(labels, likely, 0.5)
    np.testing.assert_array_equal(hits, [n for n in range(40) if labels[n] and likely[n] >= 0.5])
    np.testing.assert_array_equal(chosen_cases(None, likely, 0.5), np.flatnonzero(likely >= 0.5))
    np.testing.assert_array_equal(chosen_cases(labels, likely, 0.95), np.arange(16))
    assert len(chosen_cases(None, np.ones(500), 0.5)) == MOST_CASES
