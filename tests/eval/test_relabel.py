"""Labels that keep their classes and take the detector's boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from data.boxes import Boxes, iou
from eval.relabel import LEAST_OVERLAP, Seen, measure_shift, pair_up, rebox

SHAPE = (100, 200)

FACE, CLOSER, LOOSER = [10.0, 20, 50, 60], [10.0, 24, 50, 60], [10.0, 0, 50, 60]
APART = [120.0, 20, 160, 60]


def boxes(*xyxy: list[float], score: float = 1.0) -> Boxes:
    count = len(xyxy)
    return Boxes(np.array(xyxy).reshape(-1, 4), np.ones(count, int), np.full(count, score))


@pytest.mark.parametrize(
    ("truth", "found", "taken"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([FACE], [], [-1], id="not found"),
        pytest.param([], [FACE], [], id="not labelled"),
        pytest.param([FACE], [APART], [-1], id="elsewhere"),
        pytest.param([FACE], [LOOSER], [0], id="loose"),
        pytest.param([FACE], [LOOSER, CLOSER], [1], id="the closest"),
        pytest.param([LOOSER, FACE], [CLOSER], [-1, 0], id="one box for one label"),
        pytest.param([APART, FACE], [CLOSER, APART], [1, 0], id="two"),
    ],
)
def test_pair_up(truth: list[list[float]], found: list[list[float]], taken: list[int]) -> None:
    got = pair_up(np.array(truth).reshape(-1, 4), np.array(found).reshape(-1, 4))
    assert got.tolist() == taken


CORNERS = st.lists(
    st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(1, 40)] * 2).map(
        lambda v: [float(v[0]), float(v[1]), float(v[0] + v[2]), float(v[1] + v[3])]
    ),
    max_size=6,
)


@given(CORNERS, CORNERS)
def test_pairs_overlap_and_no_box_is_taken_twice(
    truth: list[list[float]], found: list[list[float]]
) -> None:
    first, second = (np.array(rows).reshape(-1, 4) for rows in (truth, found))
    taken = pair_up(first, second)
    used = taken[taken >= 0]
    assert len(set(used.tolist())) == len(used)
    overlap = iou(first, second)
    assert (overlap[np.flatnonzero(taken >= 0), used] >= LEAST_OVERLAP).all()
    left = np.delete(np.arange(len(second)), used)
    assert (overlap[np.ix_(taken < 0, left)] < LEAST_OVERLAP).all()


def test_the_shift_is_the_median_in_sizes_of_the_label() -> None:
    def pair(top: float) -> Seen:
        return Seen(boxes(FACE), boxes([14.0, top, 50, 58]), np.array([0]))

    missed = Seen(boxes(APART), boxes(), np.array([-1]))
    shift = measure_shift([pair(16), pair(12), missed, pair(0)])
    assert_allclose(shift, [0.1, -0.2, 0, -0.05])
    assert measure_shift([missed]).tolist() == [0, 0, 0, 0]


def test_classes_of_the_labels_boxes_of_the_detector() -> None:
    truth = Boxes(np.array([FACE, APART]), np.array([2, 0]))
    found = boxes(CLOSER, score=0.3)
    verdict = rebox(Seen(truth, found, np.array([0, -1])), np.array([0, -0.1, 0.1, 2]), 0.5, SHAPE)
    assert verdict.labels.xyxy.tolist() == [CLOSER, [120, 16, 164, 100]]
    assert verdict.labels.class_ids.tolist() == [2, 0]
    assert verdict.confidence.tolist() == [1, 1]
    assert verdict.left_out == ""


def test_a_label_that_would_be_moved_out_of_the_picture_stays() -> None:
    edge = [180.0, 20, 200, 60]
    seen = Seen(boxes(edge), boxes(), np.array([-1]))
    assert rebox(seen, np.array([1.5, 0, 1.5, 0]), 0.5, SHAPE).labels.xyxy.tolist() == [edge]


@pytest.mark.parametrize(
    ("score", "covered"), [pytest.param(0.5, 1, id="sure"), pytest.param(0.49, 0, id="doubtful")]
)
def test_what_is_sure_and_not_labelled_is_covered(score: float, covered: int) -> None:
    found = Boxes(np.array([FACE, APART]), np.ones(2, int), np.array([0.9, score]))
    verdict = rebox(Seen(boxes(FACE), found, np.array([0])), np.zeros(4), 0.5, SHAPE)
    assert verdict.doubtful.tolist() == [APART] * covered
