"""Hot spots: peaks, their places and volumes, judged by scipy's watershed-like labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from fusion3d_gui.inference.explain.hot_spots import find_hot_spots
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.inference.tissue_outline import TissueOutline
from fusion3d_gui.widgets.look.position_text import spot_text


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


def test_a_spot_of_fewer_than_four_cells_has_no_volume():
    values = np.zeros((9, 9, 9))
    values[2, 2, 1:4] = 1.0
    values[6, 6, 2:6] = 0.8
    small, large = find_hot_spots(heatmap_of(values), 0.5)
    assert (small.cells, small.volume_ml) == (3, None)
    assert (large.cells, large.volume_ml) == (4, pytest.approx(4 * 0.96))
    assert spot_text(small).endswith("< 4 cells")
    assert spot_text(large).endswith("3.8 ml")


def test_a_spot_further_than_a_cell_from_all_tissue_is_marked_as_in_the_air():
    # Tissue fills a box but for a hollow; the map's cells are four voxels wide.
    tissue = np.zeros((40, 40, 40), bool)
    tissue[8:24, 8:24, 8:24] = True
    tissue[14:18, 14:18, 14:18] = False
    outline = TissueOutline(tissue, np.diag([2.0, 2.0, 2.0, 1.0]))
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    values = np.zeros((10, 10, 10), np.float32)
    # In tissue, in its hollow, next to it, away from it, and beyond the input's grid.
    for place, value in zip(
        ((3, 3, 3), (4, 4, 4), (4, 4, 6), (4, 4, 9), (9, 2, 2)), (9, 8, 5, 4, 3), strict=True
    ):
        values[place] = value
    heatmap = Heatmap(values, affine, "gradcam", "layer4", outline=outline)
    found = find_hot_spots(heatmap, 0.01)
    at = {round(each.share * 9): each.in_air for each in found}
    assert at == {9: False, 5: False, 4: True, 3: True}
    assert heatmap.share_in_air == pytest.approx(7 / 29)
    assert not heatmap.peak_in_air
    assert spot_text(found[-1]).endswith("in air")
    moved = replace(heatmap, affine=affine + np.array([[0, 0, 0, 100.0]] + [[0] * 4] * 3))
    assert moved.peak_in_air
    unknown = replace(heatmap, outline=None)
    assert unknown.share_in_air is None
    assert not any(each.in_air for each in find_hot_spots(unknown, 0.01))


def test_so_many_spots_at_most():
    values = np.random.default_rng(0).random((20, 20, 20))
    found = find_hot_spots(heatmap_of(values), 0.1, most=7)
    assert len(found) == 7
    assert [spot.share for spot in found] == sorted((s.share for s in found), reverse=True)
