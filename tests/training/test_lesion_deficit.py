"""Lesion-deficit association: t against SciPy's regression; found where it was put; limits by permutation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress

from fusion3d_gui.training.measure.lesion_deficit import lesion_deficit


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    return (rng.random((200, 3, 4, 5)) < 0.3).astype(np.float32)


def test_without_covariates_t_is_that_of_a_regression(maps):
    score = np.random.default_rng(1).normal(size=200)
    found = lesion_deficit(maps, score, np.zeros((200, 0)), permutations=5)
    for place in ((0, 0, 0), (2, 3, 4)):
        other = linregress(maps[(slice(None), *place)], score)
        assert found.t[place] == pytest.approx(other.slope / other.stderr, rel=1e-6)


def test_a_covariate_that_explains_the_score_leaves_nothing(maps):
    rng = np.random.default_rng(2)
    volume = maps.sum(axis=(1, 2, 3))
    score = volume + rng.normal(0, 0.1, 200)
    alone = lesion_deficit(maps, score, np.zeros((200, 0)), permutations=50)
    given = lesion_deficit(maps, score, volume[:, None], permutations=50)
    assert np.nanmax(np.abs(alone.t)) > alone.limit
    assert np.nanmax(np.abs(given.t)) < given.limit + 1
    assert np.nanmean(np.abs(given.t)) < np.nanmean(np.abs(alone.t))


def test_a_deficit_is_found_where_it_was_put(maps):
    rng = np.random.default_rng(3)
    score = 2 * maps[:, 1, 2, 3] + rng.normal(0, 1, 200)
    found = lesion_deficit(maps, score, np.zeros((200, 0)), permutations=100)
    assert np.unravel_index(np.nanargmax(found.t), found.t.shape) == (1, 2, 3)
    assert (np.abs(found.t) > found.limit).sum() == 1


def test_cells_in_which_few_have_lesion_are_left_out(maps):
    maps[:, 0, 0, 0] = 0
    maps[:4, 0, 0, 0] = 1
    found = lesion_deficit(maps, np.arange(200.0), np.zeros((200, 0)), permutations=2)
    assert np.isnan(found.t[0, 0, 0])
    assert found.counts[0, 0, 0] == 4
    assert np.isfinite(found.t[1:]).all()
