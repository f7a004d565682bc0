"""Detectors side by side: differences and their intervals."""

from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from data.exceptions import DatasetError
from eval.evaluation import evaluate
from eval.matching import Pair
from eval.side_by_side import Entry, compare_entries, name_apart


def entry(name, pairs, rounds=100):
    return Entry(name, pairs, evaluate(pairs, rounds=rounds), {})


def kept(pairs, share, rng):
    """The same detections with some left out."""
    return [Pair(p.image, p.truth, p.found.select(rng.random(len(p.found)) < share)) for p in pairs]


def test_same_detector_has_no_difference(random_pairs):
    pairs = random_pairs(np.random.default_rng(0), 25)
    [change] = compare_entries([entry("a", pairs), entry("b", pairs[::-1])])
    assert change.map50 == (0, 0, 0)
    assert change.any_face_recall == (0, 0, 0)
    assert change.right_class == (0, 0, 0)


def test_worse_detector_is_told_with_its_interval(random_pairs):
    pairs = random_pairs(np.random.default_rng(0), 80)
    worse = kept(pairs, 0.5, np.random.default_rng(1))
    first, second = entry("a", pairs), entry("b", worse)
    [change] = compare_entries([first, second])
    for value in (change.map50, change.any_face_recall, change.right_class):
        difference, low, high = value
        assert low <= difference <= high < 0
    scores = [e.evaluation.sizes[0].scores for e in (first, second)]
    assert change.map50[0] == pytest.approx(scores[1].map50 - scores[0].map50, abs=1e-6)
    found = [e.evaluation.confusion.any_face_recall for e in (first, second)]
    assert change.any_face_recall[0] == pytest.approx(found[1] - found[0])


def test_absent_classes_have_none():
    face = Boxes(np.array([[0.0, 0, 40, 40]]), np.array([1]))
    pairs = [Pair(Path("a"), face, face)]
    [change] = compare_entries([entry("a", pairs), entry("b", pairs)])
    assert change.ap50 == {"with_mask": None, "without_mask": (0, 0, 0), "incorrect": None}


def test_without_bootstrap_there_is_no_interval(random_pairs):
    pairs = random_pairs(np.random.default_rng(0), 10)
    [change] = compare_entries([entry("a", pairs, 0), entry("b", pairs, 0)])
    assert change.map50 == (0, None, None)


def test_other_pictures_are_refused(random_pairs):
    pairs = random_pairs(np.random.default_rng(0), 10)
    with pytest.raises(DatasetError, match="same pictures"):
        compare_entries([entry("a", pairs, 0), entry("b", pairs[1:], 0)])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.onnx", "b.onnx"], ["a.onnx", "b.onnx"]),
        (["r/1/best.onnx", "r/2/best.onnx"], ["1/best.onnx", "2/best.onnx"]),
        (["r/1/x/w", "r/2/x/w", "q/3/x/w"], ["1/x/w", "2/x/w", "3/x/w"]),
        (["a", "a", "a"], ["a", "a (2)", "a (3)"]),
    ],
)
def test_names_tell_apart(names, expected):
    assert name_apart(names) == expected
