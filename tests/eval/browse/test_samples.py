"""Boxes to FiftyOne's fractions and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eval.browse.samples import to_pixels, to_relative, truth_digest

SIDES = st.integers(1, 5000)


@given(
    SIDES,
    SIDES,
    st.lists(st.tuples(*[st.floats(0, 1) for _ in range(4)]), max_size=5),
)
def test_there_and_back(width, height, corners):
    xyxy = np.array(corners).reshape(-1, 4) * [width, height, width, height]
    rows = to_relative(xyxy, width, height)
    assert len(rows) == len(corners)
    np.testing.assert_allclose(to_pixels(rows, width, height), xyxy, atol=1e-9 * 5000)


def test_the_middle_of_a_picture():
    assert to_relative(np.array([[100.0, 50, 300, 100]]), 400, 200) == [[0.25, 0.25, 0.5, 0.25]]


def test_digest_knows_boxes_by_class_and_place_not_by_order():
    rows = [[0.1, 0.1, 0.2, 0.2], [0.5, 0.5, 0.1, 0.1]]
    labels = ["with_mask", "incorrect"]
    same = truth_digest(labels[::-1], rows[::-1])
    assert truth_digest(labels, rows) == same
    assert truth_digest(labels, rows[::-1]) != same
    assert truth_digest(labels[:1], rows[:1]) != same
    moved = [rows[0], [0.5, 0.5, 0.1, 0.1001]]
    assert truth_digest(labels, moved) != same
    assert truth_digest([], []) == truth_digest(iter(()), iter(()))
