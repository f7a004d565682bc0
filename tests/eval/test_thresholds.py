"""Precision, recall and F1 against the threshold, by hand and by the confusion matrix."""

from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from eval.bootstrap import bootstrap, interval, ratio_intervals, resample
from eval.matching import Pair, collect_curve
from eval.thresholds import best_for_all, best_threshold, count_at, f1_at, score_thresholds

A, B, FAR = [0, 0, 40, 40], [100, 0, 140, 40], [300, 300, 340, 340]


def curve_of(found, truth=((A, 0), (B, 0))):
    true = Boxes(np.array([b for b, _ in truth], float), np.array([k for _, k in truth]))
    xyxy, ids, scores = zip(*found, strict=True)
    pair = Pair(Path("a"), true, Boxes(np.array(xyxy, float), np.array(ids), np.array(scores)))
    return collect_curve([pair], 0)


CURVE = curve_of([(A, 0, 0.9), (FAR, 0, 0.6), (B, 0, 0.4)])


@pytest.mark.parametrize(
    ("threshold", "f1"),
    [(0.95, 0.0), (0.9, 2 / 3), (0.6, 0.5), (0.4, 0.8), (0.0, 0.8)],
)
def test_f1_at_a_threshold(threshold, f1):
    assert f1_at(CURVE, np.array([threshold])) == pytest.approx(f1)


def test_best_threshold_is_the_score_of_the_best_f1():
    assert best_threshold(CURVE) == 0.4
    assert best_threshold(curve_of([(A, 0, 0.9), (FAR, 0, 0.5), (FAR, 0, 0.4)])) == 0.9
    assert best_threshold(curve_of([(FAR, 0, 0.9)])) is None
    assert best_threshold(curve_of([(A, 0, 0.9)], truth=((A, 1),))) is None


def test_equal_scores_come_together():
    curve = curve_of([(A, 0, 0.5), (FAR, 0, 0.5), (B, 0, 0.5)])
    assert f1_at(curve, np.array([0.5, 0.51])).tolist() == pytest.approx([0.8, 0.0])
    assert count_at(curve, 0.5).tolist() == [[2, 3, 2]]


def test_points_and_intervals(random_pairs):
    pairs = random_pairs(np.random.default_rng(2), 60)
    curves = {n: collect_curve(pairs, k) for k, n in enumerate(("with_mask", "without_mask"))}
    curves["incorrect"] = collect_curve([Pair(p.image, Boxes.empty(), p.found) for p in pairs], 2)
    result = score_thresholds(curves, 0.5, 200, np.random.default_rng(0))
    point, best = result.chosen["with_mask"], result.best["with_mask"]
    assert best is not None
    assert best.f1 >= point.f1
    for low, high, value in (
        (*point.precision_interval, point.precision),
        (*point.recall_interval, point.recall),
        (*best.f1_interval, best.f1),
    ):
        assert 0 <= low <= value <= high <= 1
        assert low < high
    assert result.best["incorrect"] is None
    assert result.chosen["incorrect"].recall is None
    again = score_thresholds(curves, 0.5, 200, np.random.default_rng(0))
    assert again == result


def test_one_threshold_for_all_is_the_best_mean():
    threshold, mean = best_for_all([CURVE, CURVE])
    assert mean == pytest.approx(0.8)
    assert threshold == pytest.approx(0.4)
    assert best_for_all([]) is None


def test_resample_draws_the_pictures_of_bootstrap(random_pairs):
    """Recall at every score, by sums of counts and by weighing the curve's detections."""
    pairs = random_pairs(np.random.default_rng(4), 30)
    curve = collect_curve(pairs, 0)
    sums = resample(count_at(curve, 0.0), 120, np.random.default_rng(9))
    rng = np.random.default_rng(9)
    for row in sums:
        weights = np.bincount(rng.integers(0, 30, 30), minlength=30)
        expected = [weights[curve.picture] @ curve.correct, weights[curve.picture].sum()]
        assert row.tolist() == [*expected, weights @ curve.truths]
    assert resample(count_at(curve, 0.0), 0, rng).shape == (0, 3)
    assert bootstrap([curve], 5, rng).shape == (5, 1)


def test_interval_of_a_share_covers_a_known_one():
    """Exact pictures: half of 400 coins show heads, so the share's spread is .025 a side's sd."""
    part = np.repeat([0, 1], 200)[:, None]
    whole = np.ones((400, 1), dtype=np.int64)
    [spread] = ratio_intervals(part, whole, 2000, np.random.default_rng(0))
    assert spread == pytest.approx((0.451, 0.549), abs=0.006)
    assert ratio_intervals(part * 0, whole * 0, 10, np.random.default_rng(0)) == [None]
    assert interval(np.array([0.5])) == (0.5, 0.5)
