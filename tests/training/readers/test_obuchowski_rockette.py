"""The analysis of many readers and many cases, on published data, simulated studies and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from fusion3d_gui.training.measure.readers.obuchowski_rockette import (
    auc_covariance,
    obuchowski_rockette,
)
from tests.training.readers.van_dyke import van_dyke

ARMS = ("1", "2")


def test_van_dykes_data_with_the_jackknife_give_the_figures_of_iowas_program():
    ratings, truth = van_dyke()

    found = obuchowski_rockette(ARMS, ratings, truth, "jackknife")

    published = [
        [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
        [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
    ]
    assert found.areas == pytest.approx(np.array(published), abs=5e-9)
    assert found.mean_square_arm == pytest.approx(0.00479617, abs=5e-9)
    assert found.mean_square_interaction == pytest.approx(0.00055103, abs=5e-9)
    assert found.variance == pytest.approx(0.00080229, abs=5e-9)
    assert found.cov1 == pytest.approx(0.00034661, abs=5e-9)
    assert found.cov2 == pytest.approx(0.00034407, abs=5e-9)
    assert found.cov3 == pytest.approx(0.00023903, abs=5e-9)
    both = found.random_readers
    assert both is not None and both.test is not None
    assert both.test.statistic == pytest.approx(4.46, abs=0.005)
    assert (both.test.df1, both.test.df2) == (1, pytest.approx(15.26, abs=0.005))
    assert both.test.p == pytest.approx(0.0517, abs=5e-5)
    assert _ends(both.differences[0].difference) == pytest.approx((-0.00036, 0.08796), abs=5e-6)
    assert both.differences[0].p == pytest.approx(0.0517, abs=5e-5)
    assert _ends(both.areas[0]) == pytest.approx((0.82522360, 0.96885048), abs=5e-9)
    assert _ends(both.areas[1]) == pytest.approx((0.89413783, 0.98753689), abs=5e-9)


def test_van_dykes_data_with_fixed_readers_give_the_figures_of_iowas_program():
    ratings, truth = van_dyke()

    fixed = obuchowski_rockette(ARMS, ratings, truth).fixed_readers

    assert fixed.test is not None and fixed.test.df2 is None
    assert fixed.test.statistic == pytest.approx(5.47595, abs=5e-6)
    assert fixed.test.p == pytest.approx(0.0193, abs=5e-5)
    assert _ends(fixed.areas[0]) == pytest.approx((0.84943008, 0.94464399), abs=5e-9)
    assert _ends(fixed.differences[0].difference) == pytest.approx((0.00711, 0.08049), abs=5e-6)


def test_van_dykes_data_with_delongs_covariance_give_the_figures_of_mrmcaov():
    ratings, truth = van_dyke()

    found = obuchowski_rockette(ARMS, ratings, truth, "delong")

    assert found.variance == pytest.approx(0.0007921325, abs=5e-11)
    assert found.cov1 == pytest.approx(0.0003420090, abs=5e-11)
    assert found.cov2 == pytest.approx(0.0003395265, abs=5e-11)
    assert found.cov3 == pytest.approx(0.0002358497, abs=5e-11)
    both = found.random_readers
    assert both is not None and both.test is not None
    assert both.test.statistic == pytest.approx(4.484854, abs=5e-7)
    assert both.test.df2 == pytest.approx(15.06611, abs=5e-6)
    assert both.test.p == pytest.approx(0.05123303, abs=5e-9)
    assert _ends(both.areas[1]) == pytest.approx((0.8942155, 0.9874592), abs=5e-8)


def test_an_areas_variance_by_the_jackknife_is_that_of_leaving_out_each_case():
    generator = np.random.default_rng(3)
    truth = np.repeat([0, 1], [14, 9])
    scores = np.round(generator.normal(truth, 1.0, (3, 23)), 1)  # with ties

    areas, covariance = auc_covariance(scores, truth, "jackknife")

    left = np.array(
        [
            [roc_auc_score(np.delete(truth, k), np.delete(row, k)) for k in range(23)]
            for row in scores
        ]
    )
    assert areas == pytest.approx([roc_auc_score(truth, row) for row in scores])
    assert covariance == pytest.approx(np.cov(left, bias=True) * 22)


def test_without_a_true_difference_p_is_nearly_uniform():
    found = [_p(_study(seed, [1.5, 1.5])) for seed in range(300)]

    assert 0.02 <= np.mean(np.array(found) < 0.05) <= 0.08
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_a_true_difference_is_found_and_its_interval_covers_the_truth():
    truth = stats.norm.cdf([1.0 / np.sqrt(2 * 1.9), 2.6 / np.sqrt(2 * 1.9)])
    gap = truth[1] - truth[0]
    found = [_analysis(_study(seed, [1.0, 2.6])) for seed in range(60)]

    assert np.mean([each.test.p < 0.05 for each in found]) > 0.9
    covered = [
        low <= gap <= high
        for low, high in (_ends(each.differences[0].difference) for each in found)
    ]
    assert np.mean(covered) > 0.85


def test_one_reader_is_analysed_as_fixed_by_delongs_test():
    ratings, truth = van_dyke()

    found = obuchowski_rockette(ARMS, ratings[:, :1], truth)

    assert found.random_readers is None
    # Iowa's program: reader 1, difference -0.02818, standard error 0.02551, p = 0.2693
    assert found.fixed_readers.differences[0].p == pytest.approx(0.2693, abs=5e-5)


def test_perfect_readers_have_no_interval_and_no_p():
    truth = np.repeat([0, 1], 5)
    ratings = np.broadcast_to(truth, (2, 3, 10))

    found = obuchowski_rockette(ARMS, ratings, truth)

    assert found.random_readers is not None and found.random_readers.test is None
    assert found.random_readers.differences[0].p is None
    assert found.intervals[0][0].low is None


def _study(seed: int, separations: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Ratings of a study by Roe and Metz' model: 5 readers, 50 cases of each kind, variances that sum to 1.9."""
    generator = np.random.default_rng(seed)
    truth = np.repeat([0, 1], 50)
    ratings = np.zeros((len(separations), 5, 100))
    ratings += generator.normal(0, np.sqrt(0.3), 100)  # case
    ratings += generator.normal(0, np.sqrt(0.3), (len(separations), 1, 100))  # arm by case
    ratings += generator.normal(0, np.sqrt(0.2), (1, 5, 100))  # reader by case
    ratings += generator.normal(0, np.sqrt(0.05), (1, 5, 2))[:, :, truth]  # reader
    ratings += generator.normal(0, np.sqrt(0.05), (len(separations), 5, 2))[:, :, truth]
    ratings += generator.normal(0, 1, ratings.shape)
    return ratings + np.array(separations)[:, None, None] * truth, truth


def _analysis(study):
    found = obuchowski_rockette(ARMS, *study).random_readers
    assert found is not None and found.test is not None
    return found


def _p(study) -> float:
    return _analysis(study).test.p


def _ends(estimate) -> tuple[float, float]:
    return estimate.low, estimate.high
