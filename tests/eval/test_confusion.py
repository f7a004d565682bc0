"""Confusion matrix, its points, and the worst mistakes."""

from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from eval.confusion import Confusion, confuse
from eval.matching import Pair
from eval.mistakes import crop_mistake, find_mistakes

A, B, C = [0.0, 0, 40, 40], [100.0, 0, 140, 40], [200.0, 0, 240, 60]


@pytest.fixture
def picture():
    """A masked face found, a bare one called masked, a wrong one missed, two false alarms."""
    truth = Boxes(np.array([A, B, C]), np.array([0, 1, 2]))
    found = Boxes(
        np.array([A, A, B, [300.0, 0, 340, 40], C]),
        np.array([0, 1, 0, 2, 2]),
        np.array([0.9, 0.6, 0.8, 0.7, 0.1]),
    )
    return Pair(Path("a.jpg"), truth, found)


def test_counts(picture):
    expected = [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 1, 0]]
    assert confuse([picture], 0.25).matrix.tolist() == expected
    assert confuse([picture, picture], 0.25).matrix.tolist() == (2 * np.array(expected)).tolist()


def test_threshold_decides(picture):
    assert confuse([picture], 0.05).matrix[2].tolist() == [0, 0, 1, 0]
    nothing = confuse([picture], 1.0).matrix
    assert nothing[:, 3].tolist() == [1, 1, 1, 0]
    assert nothing[:, :3].sum() == 0


def test_points(picture):
    confusion = confuse([picture], 0.25)
    points = confusion.points()
    assert (points["with_mask"].precision, points["with_mask"].recall) == (0.5, 1.0)
    assert points["with_mask"].f1 == pytest.approx(2 / 3)
    assert points["incorrect"].recall == 0
    assert confusion.any_face_recall == pytest.approx(2 / 3)


def test_points_of_an_absent_class_are_none():
    matrix = np.zeros((4, 4), dtype=np.int64)
    matrix[0, 0] = 3
    absent = Confusion(matrix, 0.25).points()["incorrect"]
    assert (absent.precision, absent.recall, absent.f1) == (None, None, None)


def test_every_face_and_detection_is_counted_once(random_pairs):
    pairs = random_pairs(np.random.default_rng(0), 30)
    matrix = confuse(pairs, 0.3).matrix
    assert matrix[:3].sum() == sum(len(p.truth) for p in pairs)
    assert matrix[:, :3].sum() == sum((p.found.scores >= 0.3).sum() for p in pairs)
    np.testing.assert_array_equal(confuse(pairs[::-1], 0.3).matrix, matrix)


def test_worst_mistakes_first(picture):
    mistakes = find_mistakes([picture], 0.25)
    assert [(m.kind, round(m.weight, 2)) for m in mistakes] == [
        ("confused", 0.8),
        ("false alarm", 0.7),
        ("false alarm", 0.6),
        ("missed", 60.0),
    ]
    assert mistakes[0].caption == "without_mask taken for with_mask, score 0.80"
    assert mistakes[3].caption == "missed: incorrect, 60 px high"
    assert len(find_mistakes([picture], 0.25, per_kind=1)) == 3


@pytest.mark.parametrize("index", [0, 3], ids=["detection", "missed"])
def test_crop_shows_the_box(picture, index):
    image = np.full((60, 360, 3), 128, dtype=np.uint8)
    crop = crop_mistake(image, find_mistakes([picture], 0.25)[index], side=120)
    assert crop.shape == (120, 120, 3)
    # Box and context are drawn: not one grey any more, the centre untouched.
    assert len(np.unique(crop.reshape(-1, 3), axis=0)) > 2
    assert crop[60, 60].tolist() == [128, 128, 128]
