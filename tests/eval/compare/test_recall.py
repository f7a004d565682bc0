"""Faces found at equally many false alarms."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import Boxes
from eval.compare.recall import difference_interval, find_faces, list_faces, recall_rows
from eval.matching import Pair


def _boxes(rows: list[tuple[float, int, float]], side: float = 20.0) -> Boxes:
    """Boxes of `side` px at x, with class and score."""
    if not rows:
        return Boxes.empty()
    x, ids, scores = (np.array(column) for column in zip(*rows, strict=True))
    zero = np.zeros(len(rows))
    xyxy = np.stack([x, zero, x + side, zero + side], axis=1)
    return Boxes(xyxy, ids.astype(np.int64), scores)


def _pair(truth: list[tuple[float, int, float]], found: list[tuple[float, int, float]]) -> Pair:
    return Pair(Path("a.jpg"), _boxes(truth), _boxes(found))


# Faces at 0 and 100 px; one is found with the wrong class, and two things that are no faces.
FIRST = _pair([(0, 0, 1), (100, 1, 1)], [(1, 1, 0.9), (300, 0, 0.8), (400, 0, 0.3), (2, 0, 0.2)])
SECOND = _pair([(0, 2, 1)], [(0, 2, 0.5)])


def test_scores_of_faces_and_false_alarms():
    found = find_faces([FIRST, SECOND])
    assert found.scores.tolist() == [0.9, -1, 0.5]
    assert found.right.tolist() == [False, False, True]
    # A second box on a face is a false alarm, too.
    assert found.alarms.tolist() == [0.8, 0.3, 0.2]


@pytest.mark.parametrize(
    ("alarms", "hit"),
    [(0, [True, False, False]), (0.5, [True, False, True]), (1.5, [True, False, True])],
)
def test_recall_at_so_many_false_alarms(alarms, hit):
    assert find_faces([FIRST, SECOND]).at(alarms).tolist() == hit


def test_looser_overlap_finds_more():
    pair = _pair([(0, 0, 1)], [(10, 0, 0.9)])  # IoU 1/3
    assert find_faces([pair]).scores.tolist() == [-1]
    assert find_faces([pair], 0.3).scores.tolist() == [0.9]


@given(
    st.lists(st.floats(0.01, 1), max_size=30),
    st.integers(1, 9),
    st.floats(0, 5),
)
def test_never_more_false_alarms_than_asked_for(scores, pictures, alarms):
    pairs = [_pair([(0, 0, 1)], [(100 + 30 * k, 0, s) for k, s in enumerate(scores)])]
    pairs += [_pair([], [])] * (pictures - 1)
    found = find_faces(pairs)
    raised = np.count_nonzero(found.alarms >= found.threshold(alarms))
    assert raised <= alarms * pictures


def test_no_picture_and_no_face():
    assert len(find_faces([]).scores) == 0
    assert find_faces([_pair([], [])]).threshold(1) == 0


def test_rows_are_by_size_and_group():
    large = Pair(Path("b.jpg"), _boxes([(0, 1, 1)], 40), _boxes([]))
    pairs = [FIRST, SECOND, large]
    groups = [["a", "b"], ["a"], ["b"]]
    faces = list_faces(pairs, groups)
    hits = np.array([1, 0, 1, 1], bool), np.array([0, 0, 1, 0], bool)
    rows = recall_rows(faces, ("a", "b"), hits, 50, np.random.default_rng(0))
    told = {(r.group, r.low): (r.faces, r.single, r.two_phase) for r in rows if r.faces}
    # Every size begins at 0, too: the later rows of smallest faces are empty here.
    assert told == {
        ("", 0): (4, 0.75, 0.25),
        ("a", 0): (2, 1.0, 0.5),
        ("b", 0): (2, 0.5, 0.0),
        ("", 16): (3, pytest.approx(2 / 3), pytest.approx(1 / 3)),
        ("a", 16): (2, 1.0, 0.5),
        ("b", 16): (1, 0.0, 0.0),
        ("", 32): (1, 1.0, 0.0),
        ("b", 32): (1, 1.0, 0.0),
    }
    assert all(row.single is None and row.difference is None for row in rows if not row.faces)


def test_intervals_draw_pictures_not_faces():
    """One crowd decides nothing: all its faces go together."""
    rng = np.random.default_rng(0)
    crowd = difference_interval(np.zeros(100, int), np.ones(100), 200, rng)
    assert crowd == (1.0, 1.0)
    two = np.repeat([0, 1], 100)
    low, high = difference_interval(two, np.where(two == 0, 1.0, -1.0), 200, rng)
    assert (low, high) == (-1.0, 1.0)
    many = np.arange(400)
    low, high = difference_interval(many, np.where(many % 4 == 0, 1.0, 0.0), 500, rng)
    assert 0.18 < low < 0.25 < high < 0.32
