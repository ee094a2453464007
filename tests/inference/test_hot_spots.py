"""Hot spots: peaks, their places and volumes, judged by scipy's watershed-like labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fusion3d_gui.inference.explain.hot_spots import find_hot_spots
from fusion3d_gui.inference.prediction import Heatmap


def heatmap_of(values: np.ndarray, cell_mm=(10.0, 12.0, 8.0)) -> Heatmap:
    affine = np.diag([*cell_mm, 1.0])
    affine[:3, 3] = (-50.0, 20.0, 3.0)
    return Heatmap(values.astype(np.float32), affine, "gradcam", "layer4")


def two_blobs() -> np.ndarray:
    k, j, i = np.mgrid[:12, :14, :16]
    first = np.exp(-((k - 3) ** 2 + (j - 4) ** 2 + (i - 3) ** 2) / 4)
    second = 0.7 * np.exp(-((k - 8) ** 2 + (j - 9) ** 2 + (i - 12) ** 2) / 5)
    return first + second


def test_two_blobs_are_two_spots_at_their_peaks_with_the_volumes_of_scipys_labels():
    values = two_blobs()
    heatmap = heatmap_of(values)
    found = find_hot_spots(heatmap, 0.3)
    assert [spot.share for spot in found] == pytest.approx([1.0, 0.7], abs=1e-3)
    assert found[0].position_lps == pytest.approx((-50 + 30, 20 + 48, 3 + 24))
    assert found[1].position_lps == pytest.approx((-50 + 120, 20 + 108, 3 + 64))
    labels, count = ndimage.label(values >= 0.3 * values.max())
    assert count == 2
    cell_ml = 10 * 12 * 8 / 1000
    assert found[0].volume_ml == pytest.approx((labels == labels[3, 4, 3]).sum() * cell_ml)
    assert found[1].volume_ml == pytest.approx((labels == labels[8, 9, 12]).sum() * cell_ml)


def test_touching_spots_share_all_cells_that_reach_the_threshold():
    values = two_blobs()
    found = find_hot_spots(heatmap_of(values), 0.001)
    assert len(found) == 2
    reached = (values >= 0.001 * values.max()).sum() * 10 * 12 * 8 / 1000
    assert sum(spot.volume_ml for spot in found) == pytest.approx(reached)


def test_the_threshold_takes_weaker_spots_away():
    assert len(find_hot_spots(heatmap_of(two_blobs()), 0.8)) == 1


def test_a_plateau_is_one_spot_and_an_empty_map_none():
    values = np.zeros((5, 5, 5))
    values[1:4, 2, 2] = 1.0
    assert len(find_hot_spots(heatmap_of(values), 0.5)) == 1
    assert find_hot_spots(heatmap_of(np.zeros((3, 3, 3))), 0.5) == []


def test_so_many_spots_at_most():
    values = np.random.default_rng(0).random((20, 20, 20))
    found = find_hot_spots(heatmap_of(values), 0.1, most=7)
    assert len(found) == 7
    assert [spot.share for spot in found] == sorted((s.share for s in found), reverse=True)
