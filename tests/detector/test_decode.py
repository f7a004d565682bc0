import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.boxes import iou
from data.exceptions import WeightsError
from detector.decode import MAX_DETECTIONS, Candidates, decode, suppress, to_candidates
from detector.letterbox import plan

# 200 x 100 px, 2.08 times as large in an input of 416 x 224.
FIT = plan((100, 200), 416, 32)


def one_to_many(*rows: list[float]) -> np.ndarray:
    """Rows [cx, cy, w, h, s0, s1, s2] to (7, N)."""
    return np.array(rows, np.float32).reshape(-1, 7).T


def end_to_end(*rows: list[float]) -> np.ndarray:
    """Rows [x1, y1, x2, y2, score, class] to (N, 6)."""
    return np.array(rows, np.float32).reshape(-1, 6)


def boxes_of(found: Candidates) -> list[list[float]]:
    return found.xyxy.tolist()


@pytest.mark.parametrize(
    "output",
    [
        one_to_many([20, 30, 10, 20, 0.1, 0.8, 0.2], [60, 60, 10, 10, 0.2, 0.1, 0.1]),
        end_to_end([15, 20, 25, 40, 0.8, 1], [55, 55, 65, 65, 0.2, 0]),
    ],
    ids=["one-to-many", "end-to-end"],
)
def test_both_heads_say_the_same(output: np.ndarray) -> None:
    found = to_candidates(output, 0.25, 3)
    assert boxes_of(found) == [[15, 20, 25, 40]]
    assert found.class_ids.tolist() == [1]
    assert found.scores == pytest.approx([0.8])


def test_seven_detections_are_no_seven_channels() -> None:
    rows = [[20.0 * i, 0, 20 * i + 10, 10, 0.5, 0] for i in range(7)]
    assert len(to_candidates(end_to_end(*rows), 0.25, 3).scores) == 7


def test_a_score_on_the_threshold_is_kept() -> None:
    output = end_to_end([0, 0, 10, 10, 0.25, 0])
    assert len(to_candidates(output, 0.25, 3).scores) == 1
    assert len(to_candidates(output, 0.26, 3).scores) == 0


@pytest.mark.parametrize(
    "row",
    [
        [np.nan, 0, 10, 10, 0.9, 0],
        [0, 0, np.inf, 10, 0.9, 0],
        [0, 0, 10, 10, np.nan, 0],
        [10, 0, 10, 10, 0.9, 0],
        [10, 10, 0, 0, 0.9, 0],
    ],
    ids=["nan-box", "infinite-box", "nan-score", "flat", "inside-out"],
)
def test_impossible_boxes_are_dropped(row: list[float]) -> None:
    found = to_candidates(end_to_end(row, [1, 1, 9, 9, 0.5, 2]), 0.25, 3)
    assert boxes_of(found) == [[1, 1, 9, 9]]


def test_infinite_columns_are_dropped() -> None:
    output = np.concatenate([np.full((7, 1), np.inf), one_to_many([5, 5, 8, 8, 0.1, 0.9, 0.1])], 1)
    assert boxes_of(to_candidates(output, 0.25, 3)) == [[1, 1, 9, 9]]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (np.zeros((84, 8400), np.float32), r"got \(84, 8400\)"),
        (np.zeros((6,), np.float32), r"got \(6,\)"),
        (np.zeros((1, 300, 6), np.float32), r"got \(1, 300, 6\)"),
        (end_to_end([0, 0, 10, 10, 3.5, 0]), "scores up to 3.5"),
        (end_to_end([0, 0, 10, 10, 0.9, 3]), "classes 3 to 3"),
        (end_to_end([0, 0, 10, 10, 0.9, -1]), "classes -1 to -1"),
        (one_to_many([5, 5, 9, 9, 1, 70, 1]), "scores up to 70"),
    ],
    ids=["80-classes", "vector", "batch", "logits", "class-3", "class-minus-1", "many-logits"],
)
def test_another_models_output_is_refused(output: np.ndarray, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        decode(output, FIT, 0.25, 0.5)


def test_boxes_return_to_the_original_clipped_and_best_first() -> None:
    assert FIT.scale == (2.08, 2.08)
    top = FIT.offset[0]
    output = end_to_end(
        [-50, top - 9, 104, top + 104, 0.5, 0],  # over the left and top border
        [208, top + 52, 312, top + 104, 0.9, 2],
        [0, top + 208.5, 416, top + 230, 0.8, 1],  # in the padding below the picture
        [415, top, 500, top + 50, 0.7, 1],  # a sliver of half a pixel remains
    )
    boxes = decode(output, FIT, 0.25, 0.5)
    np.testing.assert_allclose(boxes.xyxy, [[100, 25, 150, 50], [0, 0, 50, 50]], atol=1e-4)
    assert boxes.class_ids.tolist() == [2, 0]
    assert boxes.scores == pytest.approx([0.9, 0.5])


@pytest.mark.parametrize(
    "output",
    [
        end_to_end([10, 10, 50, 50, 0.6, 0], [11, 10, 50, 50, 0.7, 2]),
        one_to_many([30, 30, 40, 40, 0.6, 0, 0], [30.5, 30, 39, 40, 0, 0, 0.7]),
    ],
    ids=["end-to-end", "one-to-many"],
)
def test_a_face_is_reported_once_in_its_better_class(output: np.ndarray) -> None:
    boxes = decode(output, FIT, 0.25, 0.5)
    assert boxes.class_ids.tolist() == [2]


def test_every_class_of_a_face_with_its_score_where_asked() -> None:
    output = one_to_many(
        [30, 30, 40, 40, 0.6, 0.01, 0.3],
        [30.5, 30, 39, 40, 0.5, 0, 0.4],  # a neighbour, surer that it is class 2
        [150, 100, 40, 40, 0, 0.9, 0],
    )
    boxes = decode(output, FIT, 0.02, 0.5, every_class=True)
    assert boxes.class_ids.tolist() == [1, 0, 2]
    assert boxes.scores == pytest.approx([0.9, 0.6, 0.4])
    assert decode(output, FIT, 0.02, 0.5).class_ids.tolist() == [1, 0]


@pytest.mark.parametrize("every_class", [False, True])
@pytest.mark.parametrize("output", [end_to_end(), one_to_many()], ids=["end-to-end", "one-to-many"])
def test_nothing_gives_nothing(output: np.ndarray, every_class: bool) -> None:
    assert len(decode(output, FIT, 0.25, 0.5, every_class=every_class)) == 0


def test_a_crowd_is_cut_at_the_limit_best_first() -> None:
    count = MAX_DETECTIONS + 50
    x, y = np.divmod(np.arange(count, dtype=np.float64), 40)
    corner = np.stack([x * 10, y * 10], axis=1)
    scores = np.linspace(0.3, 0.9, count)
    found = suppress(Candidates(np.hstack([corner, corner + 8]), np.zeros(count, int), scores), 0.5)
    assert found.scores.tolist() == sorted(scores, reverse=True)[:MAX_DETECTIONS]


@st.composite
def candidates(draw: st.DrawFn) -> Candidates:
    count = draw(st.integers(0, 25))
    low = draw(arrays(np.float64, (count, 2), elements=st.floats(0, 100, width=32)))
    size = draw(arrays(np.float64, (count, 2), elements=st.floats(1, 60, width=32)))
    scores = draw(arrays(np.float64, count, elements=st.floats(1 / 64, 1, width=32)))
    classes = draw(arrays(np.int64, count, elements=st.integers(0, 2)))
    return Candidates(np.hstack([low, low + size]), classes, scores)


def greedy(found: Candidates, threshold: float) -> list[int]:
    """The definition of NMS, box by box."""
    kept: list[int] = []
    for index in np.argsort(-found.scores, kind="stable"):
        overlaps = iou(found.xyxy[index], found.xyxy[kept]) if kept else np.zeros(0)
        if (overlaps <= threshold).all():
            kept.append(int(index))
    return kept


@given(found=candidates(), threshold=st.sampled_from([0.0, 0.3, 0.51, 0.7, 1.0]))
def test_suppression_is_greedy_nms(found: Candidates, threshold: float) -> None:
    kept = suppress(found, threshold)
    expected = greedy(found, threshold)
    np.testing.assert_allclose(kept.scores, found.scores[expected])
    np.testing.assert_allclose(kept.xyxy, found.xyxy[expected])


@given(found=candidates(), threshold=st.sampled_from([0.3, 0.5, 0.7]))
def test_suppression_leaves_no_overlap_and_is_stable(found: Candidates, threshold: float) -> None:
    kept = suppress(found, threshold)
    overlaps = iou(kept.xyxy, kept.xyxy) - np.eye(len(kept.scores))
    assert overlaps.size == 0 or overlaps.max() <= threshold + 1e-6
    again = suppress(kept, threshold)
    np.testing.assert_array_equal(again.xyxy, kept.xyxy)
    assert (np.diff(kept.scores) <= 0).all()


@given(
    output=arrays(
        np.float32,
        st.one_of(
            st.integers(0, 30).map(lambda n: (n, 6)), st.integers(0, 30).map(lambda n: (7, n))
        ),
        elements=st.floats(width=32),
    ),
    conf=st.floats(0, 1),
)
def test_hostile_output_gives_boxes_or_one_clear_error(output: np.ndarray, conf: float) -> None:
    try:
        boxes = decode(output, FIT, conf, 0.5)
    except WeightsError:
        return
    assert (boxes.scores >= conf).all()
    assert (boxes.xyxy >= 0).all()
    assert (boxes.xyxy[:, 2:] <= [200, 100]).all()
