"""Each metric and its interval to the last digit: beside SciPy's bootstrap of figures written out over pairs and bins."""

from __future__ import annotations

import inspect
import tracemalloc

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import average_precision_score, brier_score_loss, recall_score, roc_auc_score

from fusion3d_gui.training.measure import metrics
from fusion3d_gui.training.measure.metrics import (
    METRIC_TITLES,
    Estimate,
    auroc,
    auroc_difference,
    calibration_error,
    compute_metrics,
    mean,
    median,
    ratio_of_means,
    share_of_ceiling,
)


def ends(samples, statistic, resamples: int = 2000) -> list[float]:
    """The ends of SciPy's percentile interval of 95 % of a plain function of the samples."""
    with np.errstate(all="ignore"):
        found = bootstrap(
            samples,
            statistic,
            n_resamples=resamples,
            vectorized=False,
            method="percentile",
            confidence_level=0.95,
            rng=np.random.default_rng(0),
        ).confidence_interval
    return [found.low, found.high]


def area(positives: np.ndarray, negatives: np.ndarray) -> float:
    gaps = positives[:, None] - negatives[None]
    return float(((gaps > 0) + 0.5 * (gaps == 0)).mean())


def error_of_bins(labels: np.ndarray, chance: np.ndarray) -> float:
    """Gap of observed and stated, over ten bins, weighted by their cases."""
    bins = np.minimum((chance * 10).astype(int), 9)
    gaps = [
        abs(labels[bins == n].mean() - chance[bins == n].mean()) * (bins == n).sum()
        for n in np.unique(bins)
    ]
    return sum(gaps) / len(labels)


RNG = np.random.default_rng(12)
LABELS = RNG.permutation(np.repeat([0, 1], [23, 14]))
#: Off the edges of bins, and with ties between the labels.
CHANCE = np.round(np.clip(0.3 * LABELS + RNG.uniform(0.05, 0.65, 37), 0, 0.95), 2) + 0.003
POSITIVES, NEGATIVES = CHANCE[LABELS == 1], CHANCE[LABELS == 0]
TRUTH = np.repeat([1, 0], [14, 23])


def test_each_metric_has_its_value_and_the_interval_of_scipys_bootstrap():
    found = compute_metrics(LABELS, CHANCE, 0.453, resamples=300)
    assert list(found) == list(METRIC_TITLES)
    both = (POSITIVES, NEGATIVES)

    def joined(of_one):
        return lambda a, b: of_one(TRUTH, np.concatenate([a, b]))

    judges = {
        "auroc": (roc_auc_score(LABELS, CHANCE), both, area),
        "auprc": (
            average_precision_score(LABELS, CHANCE),
            both,
            joined(average_precision_score),
        ),
        "brier": (brier_score_loss(LABELS, CHANCE), both, joined(brier_score_loss)),
        "ece": (error_of_bins(LABELS, CHANCE), both, joined(error_of_bins)),
        "sensitivity": (
            recall_score(LABELS, CHANCE >= 0.453),
            ((POSITIVES >= 0.453).astype(float),),
            np.mean,
        ),
        "specificity": (
            recall_score(LABELS, CHANCE >= 0.453, pos_label=0),
            ((NEGATIVES < 0.453).astype(float),),
            np.mean,
        ),
    }
    for name, (value, samples, statistic) in judges.items():
        one = found[name]
        # TorchMetrics computes in single precision.
        close = 1e-6 if name in ("auprc", "ece") else 1e-12
        assert one.value == pytest.approx(value, abs=close), name
        expected = ends(samples, statistic, 300)
        assert [one.low, one.high] == pytest.approx(expected, abs=2 * close), name
        assert one.low < one.value < one.high


def test_a_case_at_the_threshold_is_called_positive():
    labels, chance = np.array([0, 0, 0, 1, 1, 1, 1]), np.array([0.5, 0.6, 0.1, 0.5, 0.5, 0.2, 0.9])
    found = compute_metrics(labels, chance, 0.5, resamples=10)
    assert found["sensitivity"].value == 0.75
    assert found["specificity"].value == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "function",
    [compute_metrics, auroc, auroc_difference, share_of_ceiling, median, mean, ratio_of_means],
)
def test_there_are_2000_resamples_unless_another_number_is_asked_for(function):
    assert inspect.signature(function).parameters["resamples"].default == 2000
    assert (metrics.RESAMPLES, metrics.CONFIDENCE, metrics.CALIBRATION_BINS) == (2000, 0.95, 10)


def test_intervals_of_areas_their_differences_and_shares_are_scipys():
    # Well apart, so that the best is better than chance in every resample.
    best = LABELS + np.random.default_rng(1).normal(0, 0.5, 37)
    p, n = np.flatnonzero(LABELS == 1), np.flatnonzero(LABELS == 0)

    def gap(a, b):
        a, b = a.astype(int), b.astype(int)
        return area(CHANCE[a], CHANCE[b]) - area(best[a], best[b])

    def share(a, b):
        a, b = a.astype(int), b.astype(int)
        return (area(CHANCE[a], CHANCE[b]) - 0.5) / (area(best[a], best[b]) - 0.5)

    for found, samples, judge in (
        (auroc(LABELS, CHANCE, 200), (POSITIVES, NEGATIVES), area),
        (auroc_difference(LABELS, CHANCE, best, 200), (p, n), gap),
        (share_of_ceiling(LABELS, CHANCE, best, 200), (p, n), share),
    ):
        assert found.value == pytest.approx(judge(*samples))
        assert [found.low, found.high] == pytest.approx(ends(samples, judge, 200), abs=1e-12)
        assert found.low < found.value < found.high


def test_intervals_of_means_medians_and_ratios_are_scipys_and_of_2000_resamples():
    values, others = RNG.normal(3, 1, 25), RNG.uniform(1, 2, 25)

    def ratio(rows):
        return values[rows.astype(int)].mean() / others[rows.astype(int)].mean()

    for found, samples, judge in (
        (mean(list(values)), (values,), np.mean),
        (median(list(values)), (values,), np.median),
        (ratio_of_means(values, others), (np.arange(25),), ratio),
    ):
        assert found.value == pytest.approx(judge(*samples))
        assert [found.low, found.high] == pytest.approx(ends(samples, judge), abs=1e-12)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_two_values_of_each_sample_are_the_fewest_with_an_interval(count):
    assert (mean([0.25] * count).low is None) == (count < 2)
    assert (mean([1.0, 2.0, 3.0][:count]).high is None) == (count < 2)
    for labels in (np.repeat([0, 1], [6, count]), np.repeat([1, 0], [6, count])):
        found = auroc(labels, np.arange(len(labels)) * 1.0, 50)
        assert (found.low is None, found.high is None) == (count < 2, count < 2)
    few = compute_metrics(np.array([0, 0, 1, 1]), np.array([0.2, 0.6, 0.4, 0.8]), 0.5, 50)
    assert all(one.low is not None for one in few.values())


def test_where_a_resample_has_no_value_nothing_is_divided_by_0():
    labels = np.repeat([1, 0], 3)
    best = np.array([0, 1, 1, 0, 0, 1], float)
    values, others = np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0])
    with np.errstate(divide="raise"):
        share = share_of_ceiling(labels, labels * 1.0, best, 200)
        ratio = ratio_of_means(values, others, 200)
    assert share == Estimate(pytest.approx(0.5 / (area(best[:3], best[3:]) - 0.5)))
    assert ratio == Estimate(pytest.approx(6.0))


@pytest.mark.parametrize("others", [[0.0, 0.0], [-1.0, 1.0], [-1.0, 0.5], [np.nan, 1.0]])
def test_no_ratio_is_made_to_a_mean_that_is_not_above_0(others):
    assert ratio_of_means(np.ones(2), np.array(others), 10) is None


@pytest.mark.parametrize("best", [[0.0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 1]])
def test_there_is_no_share_of_what_is_not_better_than_chance(best):
    labels = np.array([1, 1, 0, 0])
    assert share_of_ceiling(labels, labels * 1.0, np.array(best, float), 10) is None


def test_probabilities_that_are_nearly_equal_stay_apart():
    labels = np.repeat([0, 1], 20)
    chance = 0.5 + np.arange(40) * 1e-12
    found = compute_metrics(labels, chance, 0.5, resamples=20)
    one = found["auprc"]
    assert (one.value, one.low, one.high) == pytest.approx((1, 1, 1), abs=1e-6)


def test_the_calibration_error_is_that_of_ten_bins_for_any_type_of_numbers():
    stated = np.array([0.02, 0.04, 0.13, 0.55, 0.58, 0.96])
    labels = np.array([0, 1, 0, 1, 1, 1])
    # Bins: (0.03, 1/2) twice, (0.13, 0), (0.565, 1) twice, (0.96, 1).
    expected = (2 * 0.47 + 0.13 + 2 * 0.435 + 0.04) / 6
    assert calibration_error(labels, stated) == pytest.approx(expected, abs=1e-6)
    assert calibration_error(labels[::-1], stated[::-1]) == pytest.approx(expected, abs=1e-6)
    single = calibration_error(labels.astype(np.int32), stated.astype(np.float32))
    assert single == pytest.approx(expected, abs=1e-6)


def test_resamples_of_many_cases_are_drawn_in_parts_that_fit_into_memory():
    values = np.random.default_rng(0).normal(size=10_000)
    tracemalloc.start()
    found = mean(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # 2000 resamples at once: 160 MB, and as much again for their indices
    reach = 1.96 * values.std() / 100
    assert (found.low, found.high) == pytest.approx(
        (found.value - reach, found.value + reach), abs=0.1 * reach
    )


def test_digits_scale_and_unit_are_those_asked_for():
    one = Estimate(0.12345678, 0.0234567, 0.98765432)
    assert one.text() == "0.123 (0.023 to 0.988)"
    assert one.text(2) == "0.12 (0.02 to 0.99)"
    assert one.lines() == "0.123\n0.023 to 0.988"
    assert one.lines(1, scale=10, unit=" mm") == "1.2 mm\n0.2 to 9.9"
    assert one.to_json() == {"value": 0.12346, "low": 0.02346, "high": 0.98765}
    assert Estimate.from_json({"value": 1.0, "low": 0.25, "high": None}) == Estimate(1.0, 0.25)
    assert Estimate(0.5, None, 0.75).to_json() == {"value": 0.5, "low": None, "high": 0.75}
