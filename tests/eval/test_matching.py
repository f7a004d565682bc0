"""One class a face, and which boxes average precision is of. Matching itself: test_metrics."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import Boxes, iou
from eval.evaluation import evaluate
from eval.matching import SAME_FACE, Pair, one_class_a_face

A, NEAR_A, FAR = [0, 0, 40, 40], [0, 0, 40, 36], [300, 300, 340, 340]


def boxes(*rows):
    if not rows:
        return Boxes.empty()
    xyxy, ids, scores = zip(*rows, strict=True)
    return Boxes(np.array(xyxy, float), np.array(ids), np.array(scores))


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(A, 0, 0.3), (NEAR_A, 2, 0.6)], [0.6], id="two classes of a face"),
        pytest.param([(A, 0, 0.9), (NEAR_A, 0, 0.6)], [0.9, 0.6], id="one class twice"),
        pytest.param([(A, 0, 0.9), (FAR, 2, 0.6)], [0.9, 0.6], id="two faces"),
        pytest.param(
            [(A, 0, 0.9), (NEAR_A, 1, 0.6), (NEAR_A, 0, 0.3)], [0.9, 0.3], id="the lost hides none"
        ),
    ],
)
def test_one_class_a_face(found, kept):
    assert one_class_a_face(boxes(*found)).scores.tolist() == kept


PLACE = st.integers(0, 60)


@given(
    rows=st.lists(
        st.tuples(PLACE, PLACE, st.integers(1, 40), st.integers(0, 2), st.floats(0, 1)),
        max_size=30,
    )
)
def test_what_stands_contradicts_nothing_and_stays(rows):
    found = boxes(*([[x, y, x + side, y + side], k, s] for x, y, side, k, s in rows))
    once = one_class_a_face(found)
    clash = iou(once.xyxy, once.xyxy) > SAME_FACE
    clash &= once.class_ids[:, None] != once.class_ids[None]
    assert not clash.any()
    assert len(once) > 0 or not rows
    np.testing.assert_array_equal(one_class_a_face(once).xyxy, once.xyxy)


def test_second_thoughts_count_for_ap_alone():
    """A mask taken for a right one, with a second thought that it isn't."""
    truth = boxes((A, 2, 1.0))
    every = boxes((A, 0, 0.6), (A, 2, 0.3))
    plain = Pair(Path("a.jpg"), truth, one_class_a_face(every))
    both = Pair(Path("a.jpg"), truth, one_class_a_face(every), every=every)
    before, after = (evaluate([pair], rounds=0) for pair in (plain, both))
    assert before.sizes[0].scores.ap50["incorrect"] == 0
    assert after.sizes[0].scores.ap50["incorrect"] == 1
    assert after.curves["incorrect"].correct.tolist() == [True]
    assert after.sizes[0].scores.any_face_recall == 1
    assert after.confusion.matrix.tolist() == before.confusion.matrix.tolist()
    assert after.thresholds == before.thresholds
    assert after.slices[0].right == before.slices[0].right == 0
