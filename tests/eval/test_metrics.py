"""Average precision against hand-computed cases and against two other implementations."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.boxes import Boxes
from data.labels import CLASS_NAMES
from eval.bootstrap import average_precision, bootstrap, interval, precision_recall
from eval.matching import Pair, collect_curve
from eval.metrics import coco_scores, mean_present

A, B, FAR = [0, 0, 40, 40], [100, 0, 140, 40], [300, 300, 340, 340]
SMALL = [200, 0, 210, 10]
HALF = 51 / 101  # recalls 0, .01, ..., .50 of COCO's 101


def boxes(*rows):
    """Rows (box, class, score)."""
    if not rows:
        return Boxes.empty()
    xyxy, ids, scores = zip(*rows, strict=True)
    return Boxes(np.array(xyxy, float), np.array(ids), np.array(scores))


def pair(truth, found, name="a.jpg"):
    return Pair(Path(name), boxes(*[(box, label, 1.0) for box, label in truth]), boxes(*found))


AP_CASES = [
    pytest.param([pair([(A, 0)], [(A, 0, 0.9)])], 0, 1.0, id="found"),
    pytest.param([pair([(A, 0)], [])], 0, 0.0, id="missed"),
    pytest.param([pair([(A, 0), (B, 0)], [(A, 0, 0.9)])], 0, HALF, id="one-of-two"),
    pytest.param([pair([(A, 0)], [(A, 0, 0.5), (FAR, 0, 0.9)])], 0, 0.5, id="alarm-above"),
    pytest.param([pair([(A, 0)], [(A, 0, 0.9), (FAR, 0, 0.5)])], 0, 1.0, id="alarm-below"),
    pytest.param([pair([(A, 0)], [(A, 0, 0.9), (A, 0, 0.8)])], 0, 1.0, id="duplicate-below"),
    pytest.param(
        [pair([(A, 0), (B, 0)], [(A, 0, 0.9), (A, 0, 0.8), (B, 0, 0.7)])],
        0,
        (51 + 50 * 2 / 3) / 101,
        id="duplicate-between",
    ),
    pytest.param([pair([(A, 0)], [([0, 0, 40, 20], 0, 0.9)])], 0, 1.0, id="iou-exactly-half"),
    pytest.param([pair([(A, 0)], [([0, 0, 40, 19], 0, 0.9)])], 0, 0.0, id="iou-below-half"),
    pytest.param([pair([(A, 2)], [(A, 0, 0.9)])], 2, 0.0, id="wrong-class"),
    pytest.param([pair([(A, 0)], [(A, 2, 0.9)])], 2, None, id="no-truth"),
    pytest.param(
        [pair([(A, 0)], [(A, 0, 0.9)]), pair([(A, 0)], [(FAR, 0, 0.8)], "b.jpg")],
        0,
        HALF,
        id="two-pictures",
    ),
]


@pytest.mark.parametrize(("pairs", "class_id", "expected"), AP_CASES)
def test_ap50_equals_hand_computed(pairs, class_id, expected):
    [scores] = coco_scores(pairs)
    ours = average_precision(collect_curve(pairs, class_id))
    assert scores.ap50[CLASS_NAMES[class_id]] == pytest.approx(expected, abs=1e-6)
    assert ours == pytest.approx(np.nan if expected is None else expected, nan_ok=True, abs=1e-6)


SIZE_CASES = [
    pytest.param([(A, 0), (SMALL, 0)], [(A, 0, 0.5)], 1.0, id="small-face-not-missed"),
    pytest.param([(A, 0), (SMALL, 0)], [(A, 0, 0.5), (SMALL, 0, 0.9)], 1.0, id="small-face-found"),
    pytest.param([(A, 0)], [(A, 0, 0.5), (SMALL, 0, 0.9)], 1.0, id="small-alarm-ignored"),
    pytest.param([(A, 0)], [(A, 0, 0.5), (FAR, 0, 0.9)], 0.5, id="large-alarm-counts"),
    pytest.param([(SMALL, 0)], [(SMALL, 0, 0.9)], None, id="only-small-faces"),
]


@pytest.mark.parametrize(("truth", "found", "expected"), SIZE_CASES)
def test_faces_below_the_size_are_ignored(truth, found, expected):
    [scores] = coco_scores([pair(truth, found)], [16.0])
    assert scores.ap50["with_mask"] == pytest.approx(expected, abs=1e-6)


def test_recall_of_any_face_disregards_class():
    [scores] = coco_scores([pair([(A, 0), (B, 1)], [(A, 2, 0.1), (FAR, 0, 0.9)])])
    assert scores.any_face_recall == pytest.approx(0.5)
    assert scores.map50 == 0


def test_crowds_are_counted_whole():
    grid = [[x, y, x + 10, y + 10] for x in range(0, 400, 20) for y in range(0, 400, 20)]
    crowd = pair([(box, 0) for box in grid], [(box, 0, 0.5) for box in grid])
    [scores] = coco_scores([crowd])
    assert (scores.ap50["with_mask"], scores.any_face_recall) == (pytest.approx(1), 1)


def test_mean_leaves_absent_classes_out():
    assert mean_present({"a": 0.5, "b": None, "c": 1.0}) == 0.75
    assert mean_present({"a": None}) is None


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 12))
def test_bootstrap_ap_without_resampling_equals_the_library(random_pairs, seed, count):
    pairs = random_pairs(np.random.default_rng(seed), count)
    for scores in coco_scores(pairs, [0.0, 16.0, 32.0]):
        for k, name in enumerate(CLASS_NAMES):
            curve = collect_curve(pairs, k, scores.min_height)
            expected = np.nan if scores.ap50[name] is None else scores.ap50[name]
            assert average_precision(curve) == pytest.approx(expected, nan_ok=True, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_weights_equal_repeated_pictures(random_pairs, seed):
    """Drawing a picture twice is the same as a set that has it twice."""
    rng = np.random.default_rng(seed)
    pairs = [
        # Distinct scores: between equal ones the order of pictures decides.
        Pair(p.image, p.truth, Boxes(p.found.xyxy, p.found.class_ids, rng.random(len(p.found))))
        for p in random_pairs(rng, 6)
    ]
    drawn = rng.integers(0, 6, 6)
    repeated = [pairs[n] for n in drawn]
    weights = np.bincount(drawn, minlength=6)
    for k in range(len(CLASS_NAMES)):
        weighted = average_precision(collect_curve(pairs, k), weights)
        expected = average_precision(collect_curve(repeated, k))
        assert weighted == pytest.approx(expected, nan_ok=True, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_perfect_predictions_score_one(random_pairs, seed):
    pairs = [Pair(p.image, p.truth, p.truth) for p in random_pairs(np.random.default_rng(seed), 4)]
    [scores] = coco_scores(pairs)
    present = [v for v in scores.ap50_95.values() if v is not None]
    assert present == pytest.approx([1.0] * len(present))


def test_close_to_ultralytics(random_pairs, monkeypatch, tmp_path):
    """Its AP integrates the same envelope by trapezoids, so the two differ a little."""
    for name in ("YOLO_CONFIG_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("YOLO_AUTOINSTALL", "false")
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    from ultralytics.utils.metrics import ap_per_class

    pairs = random_pairs(np.random.default_rng(5), 200)
    curves = [collect_curve(pairs, k) for k in range(3)]
    correct = np.concatenate([c.correct for c in curves])[:, None]
    scores = np.concatenate([c.scores for c in curves])
    found = np.concatenate([np.full(len(c.scores), k) for k, c in enumerate(curves)])
    truth = np.concatenate([p.truth.class_ids for p in pairs])
    theirs = ap_per_class(correct, scores, found, truth, plot=False)[5][:, 0]
    ours = [average_precision(curve) for curve in curves]
    assert theirs == pytest.approx(ours, abs=0.02)
    assert 0.1 < min(ours) < 0.95


def test_interval_holds_the_score_and_narrows_with_more_pictures(random_pairs):
    widths = []
    for count in (30, 480):
        pairs = random_pairs(np.random.default_rng(1), count)
        curve = collect_curve(pairs, 0)
        low, high = interval(bootstrap([curve], 300, np.random.default_rng(2))[:, 0])
        assert low < average_precision(curve) < high
        widths.append(high - low)
    # 16 times the pictures, a quarter of the width.
    assert 2.5 < widths[0] / widths[1] < 6


def test_bootstrap_repeats_with_its_seed(random_pairs):
    curves = [collect_curve(random_pairs(np.random.default_rng(1), 20), k) for k in range(3)]
    first, again = (bootstrap(curves, 20, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first[:, 0])) > 5


def test_interval_of_nothing_is_none():
    assert interval(np.full(5, np.nan)) is None


def test_precision_recall_falls_and_averages_to_ap(random_pairs):
    curve = collect_curve(random_pairs(np.random.default_rng(3), 40), 0)
    recall, precision = precision_recall(curve)
    assert (np.diff(precision) <= 0).all()
    assert recall[[0, -1]].tolist() == [0, 1]
    assert precision.mean() == pytest.approx(average_precision(curve))
