"""Agreement of a heatmap with a mask, judged by SimpleITK and by closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.imaging.labels.label_map import mask_of
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.analysis.mask_agreement import MaskComparison, distance_to_mask
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.inference.tissue_outline import TissueOutline

SHAPE = 24, 30, 36
AFFINE = np.array([[-2.0, 0, 0, 30], [0, 1.5, 0, -20], [0, 0, 3.0, 5], [0, 0, 0, 1]])
SCAN = Volume(np.zeros(SHAPE, np.uint8), AFFINE)


@pytest.fixture
def inside() -> np.ndarray:
    found = np.zeros(SHAPE, bool)
    found[6:14, 8:20, 10:22] = True
    found[10, 12, 14] = False
    return found


@pytest.fixture
def heatmap() -> Heatmap:
    """On the scan's own grid, so that nothing is interpolated."""
    noise = sitk.GetImageFromArray(np.random.default_rng(4).normal(size=SHAPE))
    smooth = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(noise, 2.0))
    return Heatmap(np.maximum(smooth, 0).astype(np.float32), AFFINE, "gradcam", "layer4")


def image_of(voxels: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels.astype(np.uint8))
    image.SetSpacing((2.0, 1.5, 3.0))
    image.SetOrigin((30.0, -20.0, 5.0))
    image.SetDirection((-1, 0, 0, 0, 1, 0, 0, 0, 1))
    return image


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9])
def test_dice_at_any_threshold_is_simpleitks(heatmap, inside, share):
    mask = mask_of("m", inside, np.zeros(3, int), SCAN)
    found = MaskComparison(heatmap, mask, SCAN).at(share * heatmap.peak)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    above = heatmap.values >= share * heatmap.peak if share else heatmap.values > 0
    overlap.Execute(image_of(above), image_of(inside))
    assert found.dice == pytest.approx(overlap.GetDiceCoefficient(), abs=1e-9)


def test_shares_are_those_of_the_sums(heatmap, inside):
    mask = mask_of("m", inside, np.zeros(3, int), SCAN)
    found = MaskComparison(heatmap, mask, SCAN).at(0.0)
    values = heatmap.values.astype(np.float64)
    assert found.share_inside == pytest.approx(values[inside].sum() / values.sum(), rel=1e-5)
    assert found.mask_share == pytest.approx(inside.mean())
    assert (found.in_tissue, found.step) == (False, 1)


def test_the_peaks_distance_and_chances_are_those_of_simpleitks_distance_map(heatmap, inside):
    mask = mask_of("m", inside, np.zeros(3, int), SCAN)
    away = sitk.SignedMaurerDistanceMap(
        image_of(inside), squaredDistance=False, useImageSpacing=True, insideIsPositive=False
    )
    distances = np.maximum(sitk.GetArrayFromImage(away), 0)
    found = MaskComparison(heatmap, mask, SCAN).at(0.0)
    peak = np.unravel_index(heatmap.values.argmax(), SHAPE)
    assert found.peak_distance_mm == pytest.approx(float(distances[peak]), abs=1e-4)
    assert found.peak_distance_mm > 0
    assert not found.peak_inside
    assert found.chance_distance_mm == pytest.approx(float(np.median(distances)), abs=1e-4)
    assert distance_to_mask(mask, SCAN.to_lps(np.array([11, 9, 7]))) == 0.0
    # A hole in the mask is outside.
    assert distance_to_mask(mask, SCAN.to_lps(np.array([14, 12, 10]))) == pytest.approx(1.5)


def test_the_dice_of_chance_is_what_random_maps_have(heatmap, inside):
    mask = mask_of("m", inside, np.zeros(3, int), SCAN)
    found = MaskComparison(heatmap, mask, SCAN).at(0.3 * heatmap.peak)
    above = heatmap.values.ravel() >= 0.3 * heatmap.peak
    random = np.random.default_rng(0)
    dices = []
    for _ in range(200):
        hit = random.permutation(above)[inside.ravel()].sum()
        dices.append(2 * hit / (above.sum() + inside.sum()))
    assert found.chance_dice == pytest.approx(np.mean(dices), abs=3 * np.std(dices) / np.sqrt(200))


def test_chance_is_that_of_the_tissue_where_its_outline_is_known(heatmap, inside):
    tissue = np.zeros(SHAPE, bool)
    tissue[3:20, 4:26, 5:30] = True
    outlined = Heatmap(
        heatmap.values, AFFINE, "gradcam", "layer4", outline=TissueOutline(tissue, AFFINE)
    )
    mask = mask_of("m", inside, np.zeros(3, int), SCAN)
    found = MaskComparison(outlined, mask, SCAN).at(0.0)
    assert found.in_tissue
    assert found.mask_share == pytest.approx(inside.sum() / tissue.sum())


def test_an_even_map_agrees_as_chance_does(inside):
    even = Heatmap(np.ones(SHAPE, np.float32), AFFINE, "gradcam", "layer4")
    found = MaskComparison(even, mask_of("m", inside, np.zeros(3, int), SCAN), SCAN).at(0.5)
    assert found.share_inside == pytest.approx(found.mask_share)
    assert found.dice == pytest.approx(found.chance_dice)


def test_the_region_is_the_tissue_wherever_its_grid_lies(heatmap, inside):
    # Tissue on a grid of other axes, spacing and origin: a box that has no two sides of one length.
    affine = np.array([[0, 0, 2.5, -45], [0, 2.0, 0, -24], [4.0, 0, 0, 0], [0, 0, 0, 1]])
    tissue = np.zeros((34, 30, 22), bool)
    tissue[8:30, 4:25, 2:17] = True
    whole = Volume(tissue.view(np.uint8), affine)
    k, j, i = np.indices(SHAPE)
    index = whole.to_index(SCAN.to_lps(np.stack([i, j, k], axis=-1)))
    nearest = np.floor(index + 0.5)
    expected = ((nearest >= (2, 4, 8)) & (nearest < (17, 25, 30))).all(axis=-1)
    on_edge = np.abs(index - nearest).max(axis=-1) > 0.499
    least, most = ((expected & ~on_edge) | inside).sum(), (expected | on_edge | inside).sum()
    assert 0.1 * inside.size < least < 0.6 * inside.size
    outline = TissueOutline(tissue, affine)
    found = MaskComparison(
        replace(heatmap, outline=outline), mask_of("m", inside, np.zeros(3, int), SCAN), SCAN
    ).at(0.0)
    assert found.in_tissue
    assert (
        least <= inside.sum() / found.mask_share + 0.5
        and inside.sum() / found.mask_share - 0.5 <= most
    )
