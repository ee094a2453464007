"""Translucent 3D: against rays followed voxel by voxel, and what of anatomy, map and mask is seen through what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtGui import QImage
from scipy.ndimage import gaussian_filter

from fusion3d_gui.imaging.display.transfer_function import Stop, TransferFunction
from fusion3d_gui.imaging.display.volume_presets import volume_presets
from fusion3d_gui.imaging.reslice.clip import Side
from fusion3d_gui.imaging.reslice.projector_preparation import prepare_projector
from fusion3d_gui.imaging.reslice.volume_projection import VolumeProjector
from fusion3d_gui.imaging.reslice.voxel_shading import (
    VoxelShading,
    brightness,
    direction_vectors,
    prepare_shading,
)
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.volume.mask_silhouettes import MaskLook
from fusion3d_gui.widgets.volume.translucent_scene import TranslucentScene, prepare_scene

#: Seen from the front: right on the screen is the patient's left, down is towards the feet.
FRONT = np.array([1.0, 0, 0]), np.array([0, 0, -1.0])
RAMP = TransferFunction(
    (Stop(0, "#ff0000", 0.0), Stop(100, "#00ff00", 0.05), Stop(200, "#0000ff", 0.15))
)
OPAQUE = TransferFunction(
    (Stop(50, "#000000", 0.0), Stop(60, "#ffffff", 1.0), Stop(200, "#ffffff", 1.0))
)


def projector_of(volume: Volume) -> VolumeProjector:
    return [each for each in prepare_projector(volume) if each is not None][-1]


def scene_of(volume: Volume) -> tuple[VolumeProjector, TranslucentScene]:
    projector = projector_of(volume)
    made = [each for each in prepare_scene(volume, projector) if each is not None][-1]
    return projector, made


def rgb(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    packed = np.frombuffer(bytes(image.constBits()), np.uint8)
    return packed.reshape(image.height(), image.width(), 4)[..., :3].astype(float)


@pytest.mark.parametrize("slope", [1.0, -2.0])
def test_a_ray_gathers_colour_and_light_from_front_to_back(qapp, slope):
    voxels = np.random.default_rng(3).integers(0, 200, (13, 20, 11)).astype(np.int16)
    stored = voxels if slope > 0 else ((400 - voxels.astype(int)) // 2).astype(np.int16)
    volume = Volume(
        stored, np.diag([1.0, 2.0, 1.0, 1.0]), slope=slope, intercept=0.0 if slope > 0 else 400.0
    )
    real = volume.voxels * slope + volume.intercept
    nothing = VoxelShading(np.zeros(voxels.shape, np.uint16), np.zeros(voxels.shape, np.uint8), 1.0)
    scene = TranslucentScene(volume, projector_of(volume), nothing)
    _, image = scene.draw(FRONT, None, RAMP, None, ())
    light, seen = np.ones((13, 11)), np.zeros((13, 11, 3))
    lit = brightness(*FRONT)[0][0]
    for j in range(20):  # +j is posterior: the first lies nearest
        colors, opacities = RAMP.colors(real[:, j].ravel())
        alpha = (1 - (1 - opacities) ** 2).reshape(13, 11)  # 2 mm from slice to slice
        seen += (light * alpha)[..., None] * lit * colors.reshape(13, 11, 3)
        light *= 1 - alpha
    # 8 bits, 64 classes, 20 layers.
    np.testing.assert_allclose(rgb(image), 255 * seen, atol=7)
    assert np.abs(rgb(image) - 255 * seen).mean() < 3


def test_boundaries_face_outwards_whatever_the_voxels_shape_and_the_sign_of_the_slope(qapp):
    affine = np.diag([1.0, 1.5, 2.0, 1.0])
    k, j, i = np.indices((30, 40, 60))
    lps = np.stack([i, j, k], axis=-1) * affine.diagonal()[:3] - (30, 30, 30)
    radius = np.linalg.norm(lps, axis=-1)
    ball = (1000 / (1 + np.exp(radius - 20))).astype(np.float32)
    rim = np.abs(radius - 20) < 0.7
    for voxels, rising in ((ball, True), (-ball, False)):
        made = [
            each
            for each in prepare_shading(voxels, affine, rising_inwards=rising)
            if each is not None
        ][-1]
        facing = direction_vectors()[made.directions[rim]]
        outwards = lps[rim] / radius[rim][:, None]
        # Directions lie 5.6 degrees apart.
        assert ((facing * outwards).sum(axis=1) > np.cos(np.deg2rad(8))).mean() > 0.97
        assert made.strengths[rim].mean() > 2 > 1 > made.strengths[radius < 10].mean()


@pytest.fixture
def wall() -> Volume:
    """Air, then a wall of tissue from j = 10 to 14, in front of air."""
    voxels = np.zeros((20, 30, 24), np.int16)
    voxels[:, 10:15] = 100
    return Volume(voxels, np.diag([2.0, 2.0, 2.0, 1.0]))


def test_a_mask_and_a_map_behind_tissue_are_seen_through_it_or_after_a_cut(qapp, wall):
    projector, scene = scene_of(wall)
    inside = np.zeros(wall.shape, np.uint8)
    inside[8:12, 20:24, 10:14] = 1
    mask = MaskLook(replace(wall, voxels=inside), "#00ff00", 0.9)
    levels = np.zeros(wall.shape, np.uint8)
    levels[2:5, 20:24, 2:6] = 255
    lut = np.zeros(256, np.uint32)
    lut[128:] = 0xFFFF0000
    heat = VolumeProjector(levels, projector.affine), lut
    on_mask, on_heat, beside = (slice(9, 11), slice(11, 13)), (slice(3, 4), slice(3, 5)), (15, 20)

    def draw(transfer: TransferFunction, depth_mm: float = 0.0) -> np.ndarray:
        clip = Side.FRONT.plane(*wall.bounds_lps, depth_mm) if depth_mm else None
        flat, image = scene.draw(FRONT, clip, transfer, heat, (mask,))
        # Row 0 of the picture is k = 0, the feet.
        assert flat.to_screen[1, 1] < 0
        return rgb(image)

    hidden = draw(OPAQUE)
    assert np.ptp(hidden[on_mask], axis=-1).max() < 3 and np.ptp(hidden[on_heat], axis=-1).max() < 3
    cut = draw(OPAQUE, depth_mm=40.0)
    assert cut[on_mask][..., 1].min() > 2 * cut[on_mask][..., (0, 2)].max()
    assert cut[on_heat][..., 0].min() > 100 > 1 + cut[on_heat][..., (1, 2)].max()
    assert cut[beside].max() == 0
    thin = replace(
        OPAQUE, stops=tuple(replace(each, opacity=0.05 * each.opacity) for each in OPAQUE.stops)
    )
    through = draw(thin)
    # The colours of tissue, map and mask are blended in the order of their depth.
    assert (through[on_mask][..., 1] > through[on_mask][..., 0] + 20).all()
    assert (through[on_heat][..., 0] > through[on_heat][..., 1] + 20).all()
    assert (through[on_heat][..., 0] < cut[on_heat][..., 0]).all()
    assert np.ptp(through[beside]) < 3 < through[beside].max()


def test_the_picture_is_the_same_from_behind_but_mirrored(qapp):
    voxels = np.random.default_rng(0).integers(0, 200, (12, 14, 16)).astype(np.int16)
    volume = Volume(voxels, np.eye(4))
    mirrored = replace(volume, voxels=voxels[:, ::-1, ::-1].copy())
    behind = -FRONT[0], FRONT[1]
    one = rgb(scene_of(volume)[1].draw(FRONT, None, RAMP, None, ())[1])
    other = rgb(scene_of(mirrored)[1].draw(behind, None, RAMP, None, ())[1])[:, ::-1]
    # But for the light, which falls on the other sides of the voxels' cells.
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.95


@pytest.fixture
def chest() -> Volume:
    """In HU, from front to back (2 mm): air, skin, 12 mm fat, 14 mm muscle with ribs, lung with a vessel, muscle."""
    values = np.full((30, 60, 40), -1000.0)
    values[:, 6:] = 20.0
    values[:, 7:13] = -100.0
    values[:, 13:50] = 50.0
    values[24:28, 14:18] = 700.0
    values[:, 20:45] = -850.0
    values[8:14, 28:34, 6:12] = 280.0
    values[:, :, 34:] = -1000.0
    noise = np.random.default_rng(0).normal(0, 8, values.shape)
    return Volume(
        (gaussian_filter(values, 0.6) + noise).astype(np.int16),
        np.diag([2.0] * 3 + [1.0]),
        modality="CT",
    )


def test_presets_of_ct_show_what_they_are_named_after_in_true_hounsfield_units(qapp, chest):
    _, scene = scene_of(chest)
    presets = {each.name: each.transfer for each in volume_presets(chest) if each.transfer}
    # Row 0 is at the feet: the vessel behind lung and wall, the lung beside it, a rib, the air beside the patient.
    vessel, lung, rib, air = (slice(9, 13), slice(7, 11)), (slice(9, 13), 20), (26, 20), (10, 38)

    def shown(name: str) -> dict[str, float]:
        picture = rgb(scene.draw(FRONT, None, presets[name], None, ())[1]).mean(axis=-1)
        places = {"vessel": vessel, "lung": lung, "rib": rib, "air": air}
        return {each: float(picture[at].mean()) for each, at in places.items()}

    lungs = shown("Lung, translucent")
    assert lungs["vessel"] > lungs["lung"] + 10 > lungs["air"] + 25
    bones = shown("Bone and skin, translucent")
    assert bones["rib"] > bones["lung"] + 60
    assert bones["lung"] > bones["air"] + 15  # the skin
    soft = shown("Soft tissue, translucent")
    assert min(soft["lung"], soft["vessel"]) > soft["air"] + 40
    vessels = shown("Angiography")
    assert vessels["vessel"] > vessels["lung"] + 40
    assert vessels["lung"] < vessels["air"] + 5
    assert all(each["air"] < 5 for each in (lungs, bones, soft, vessels))
