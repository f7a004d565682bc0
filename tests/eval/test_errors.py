"""Kinds of errors against cases judged by hand, and what mending them is worth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.boxes import Boxes
from data.labels import CLASS_NAMES
from eval.bootstrap import average_precision
from eval.errors import KINDS, judge_picture, tell_errors
from eval.matching import Pair, collect_curve

A, B, FAR = [0, 0, 40, 40], [100, 0, 140, 40], [300, 300, 340, 340]
LOW_A = [0, 0, 40, 16]  # IoU .4 with A
EDGE_A = [0, 0, 40, 20]  # IoU .5 with A
CORNER_A = [0, 0, 10, 10]  # IoU .0625 with A


def boxes(*rows):
    if not rows:
        return Boxes.empty()
    xyxy, ids, scores = zip(*rows, strict=True)
    return Boxes(np.array(xyxy, float), np.array(ids), np.array(scores))


def pair(truth, found, name="a.jpg"):
    return Pair(Path(name), boxes(*[(box, label, 1.0) for box, label in truth]), boxes(*found))


CASES = [
    pytest.param([(A, 0)], [(A, 0, 0.9)], ["right"], id="right"),
    pytest.param([(A, 0)], [(EDGE_A, 0, 0.9)], ["right"], id="right-at-half"),
    pytest.param([(A, 1)], [(A, 0, 0.9)], ["classification"], id="wrong-class"),
    pytest.param([(A, 0)], [(LOW_A, 0, 0.9)], ["localisation"], id="badly-placed"),
    pytest.param([(A, 1)], [(LOW_A, 0, 0.9)], ["both"], id="badly-placed-and-wrong"),
    pytest.param([(A, 0)], [(A, 0, 0.9), (A, 0, 0.8)], ["right", "duplicate"], id="twice"),
    pytest.param([(A, 0)], [(FAR, 0, 0.9)], ["background"], id="nothing-there"),
    pytest.param([(A, 0)], [(CORNER_A, 0, 0.9)], ["background"], id="hardly-touching"),
    pytest.param([], [(A, 0, 0.9)], ["background"], id="no-face-at-all"),
    pytest.param(
        [(A, 0)], [(A, 0, 0.9), (LOW_A, 0, 0.8)], ["right", "localisation"], id="beside-a-hit"
    ),
    pytest.param(
        [(A, 0)], [(A, 0, 0.9), (A, 2, 0.8)], ["right", "classification"], id="second-opinion"
    ),
    pytest.param(
        [(A, 0), (LOW_A, 1)],
        [(LOW_A, 0, 0.9)],
        ["localisation"],
        id="badly-placed-before-wrong-class",
    ),
]


@pytest.mark.parametrize(("truth", "found", "expected"), CASES)
def test_kinds(truth, found, expected):
    one = pair(truth, found)
    kind, _ = judge_picture(one.found, one.truth)
    assert [KINDS[k] if k >= 0 else "right" for k in kind] == expected


MISSED_CASES = [
    pytest.param([(A, 0)], [], 1, id="nothing-found"),
    pytest.param([(A, 0)], [(FAR, 0, 0.9)], 1, id="only-an-alarm"),
    pytest.param([(A, 0)], [(LOW_A, 0, 0.9)], 0, id="seen-badly-placed"),
    pytest.param([(A, 0)], [(A, 1, 0.9)], 0, id="seen-wrong-class"),
    pytest.param([(A, 0)], [(LOW_A, 1, 0.9)], 1, id="both-wrong-is-not-seen"),
    pytest.param([(A, 0)], [(A, 0, 0.1)], 1, id="score-too-low"),
]


@pytest.mark.parametrize(("truth", "found", "missed"), MISSED_CASES)
def test_missed(truth, found, missed):
    assert tell_errors([pair(truth, found)], 0.25).counts["missed"] == missed


def test_second_thoughts_are_worth_something_and_no_error():
    """AP ranks each class of a face; what is counted is what is said."""
    said = pair([(A, 2)], [(A, 0, 0.6)])
    both = replace(said, every=boxes((A, 0, 0.6), (A, 2, 0.3)))
    before, after = tell_errors([said], 0.25), tell_errors([both], 0.25)
    assert after.counts == before.counts
    assert before.class_gain["classification"]["incorrect"] == 1
    assert after.class_gain["classification"]["incorrect"] == 0


def test_only_scores_above_the_threshold_are_counted():
    one = pair([(A, 0)], [(A, 0, 0.9), (FAR, 0, 0.3), (FAR, 1, 0.2)])
    errors = tell_errors([one], 0.25)
    assert (errors.right, errors.counts["background"]) == (1, 1)


HALF = 51 / 101  # AP of one of two found, without a false alarm
GAINS = [
    pytest.param(
        [(A, 0), (B, 0)], [(A, 0, 0.9), (B, 1, 0.8)], "classification", 1 - HALF, id="class"
    ),
    pytest.param([(A, 0)], [(LOW_A, 0, 0.9)], "localisation", 1.0, id="place"),
    pytest.param([(A, 0)], [(FAR, 0, 0.9), (A, 0, 0.5)], "background", 0.5, id="alarm-above"),
    pytest.param([(A, 0)], [(A, 0, 0.9), (FAR, 0, 0.5)], "background", 0.0, id="alarm-below"),
    pytest.param([(A, 0), (B, 0)], [(A, 0, 0.9)], "missed", 1 - HALF, id="missed"),
    pytest.param(
        [(A, 0), (B, 0)],
        [(A, 0, 0.9), (A, 0, 0.8), (B, 0, 0.7)],
        "duplicate",
        1 - (51 + 50 * 2 / 3) / 101,
        id="duplicate",
    ),
    pytest.param(
        # Of two placed badly about one face the surer is mended, the other left out.
        [(A, 0)],
        [(LOW_A, 0, 0.9), (LOW_A, 0, 0.8)],
        "localisation",
        1.0,
        id="one-of-two-mended",
    ),
    pytest.param(
        # The face has been found: mending only takes the false alarm away.
        [(A, 0)],
        [(LOW_A, 0, 0.9), (A, 0, 0.8)],
        "localisation",
        0.5,
        id="found-already",
    ),
    pytest.param(
        [(A, 0), (B, 1)],
        [(LOW_A, 1, 0.9), (B, 1, 0.8), (A, 0, 0.7)],
        "both",
        0.25,  # half of class 1, nothing of class 0
        id="both",
    ),
    pytest.param([(A, 0)], [], "missed", 1.0, id="all-missed"),
]


@pytest.mark.parametrize(("truth", "found", "kind", "gain"), GAINS)
def test_gain_of_mending(truth, found, kind, gain):
    errors = tell_errors([pair(truth, found)], 0.25)
    assert errors.gain[kind] == pytest.approx(gain, abs=1e-9)


def test_class_without_truth_has_no_gain():
    errors = tell_errors([pair([(A, 0)], [(A, 0, 0.9)])], 0.25)
    assert errors.class_gain["missed"] == {
        "with_mask": 0.0,
        "without_mask": None,
        "incorrect": None,
    }


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_detection_and_face_has_its_place(random_pairs, seed):
    pairs = random_pairs(np.random.default_rng(seed), 8)
    errors = tell_errors(pairs, 0.0)
    wrong = sum(n for kind, n in errors.counts.items() if kind != "missed")
    assert errors.right + wrong == sum(len(p.found) for p in pairs)
    curves = [collect_curve(pairs, k) for k in range(3)]
    assert errors.right == sum(int(c.correct.sum()) for c in curves)
    for k, name in enumerate(CLASS_NAMES):
        before = average_precision(curves[k])
        for kind in KINDS:
            gain = errors.class_gain[kind][name]
            assert (gain is None) == bool(np.isnan(before))
            if gain is not None:
                # A gain is at most what is left, and leaving errors out never costs.
                assert before + gain <= 1 + 1e-9
                if kind in ("both", "duplicate", "background"):
                    assert gain >= -1e-9
