import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import (
    Boxes,
    area,
    clip_xyxy,
    intersection,
    iou,
    xywh_to_xyxy,
    xyxy_to_xywh,
    xyxy_to_yolo,
    yolo_to_xyxy,
)
from data.exceptions import AnnotationError

sides = st.integers(1, 10_000)


@st.composite
def pictures_with_boxes(draw: st.DrawFn) -> tuple[int, int, np.ndarray]:
    """Width, height and (N, 4) boxes inside, in hundredths of a pixel."""
    width, height = draw(sides), draw(sides)
    rows = []
    for _ in range(draw(st.integers(0, 6))):
        row = []
        for side in (width, height):
            low = draw(st.integers(0, side * 100 - 1))
            row.append((low / 100, draw(st.integers(low + 1, side * 100)) / 100))
        (x1, x2), (y1, y2) = row
        rows.append([x1, y1, x2, y2])
    return width, height, np.array(rows, dtype=np.float64).reshape(-1, 4)


@given(pictures_with_boxes())
def test_yolo_round_trip_keeps_pixels(case: tuple[int, int, np.ndarray]) -> None:
    width, height, xyxy = case
    fractions = xyxy_to_yolo(xyxy, width, height)
    assert ((fractions >= 0) & (fractions <= 1)).all()
    np.testing.assert_allclose(yolo_to_xyxy(fractions, width, height), xyxy, atol=1e-6)


@given(pictures_with_boxes())
def test_xywh_round_trip_keeps_pixels(case: tuple[int, int, np.ndarray]) -> None:
    xyxy = case[2]
    np.testing.assert_allclose(xywh_to_xyxy(xyxy_to_xywh(xyxy)), xyxy, atol=1e-9)


@given(pictures_with_boxes(), pictures_with_boxes())
def test_iou_is_symmetric_and_one_with_itself(
    a: tuple[int, int, np.ndarray], b: tuple[int, int, np.ndarray]
) -> None:
    table = iou(a[2], b[2])
    assert table.shape == (len(a[2]), len(b[2]))
    assert ((table >= 0) & (table <= 1 + 1e-9)).all()
    np.testing.assert_allclose(table, iou(b[2], a[2]).T)
    np.testing.assert_allclose(np.diag(iou(a[2], a[2])), 1)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param([0, 0, 2, 2], [1, 1, 3, 3], 1 / 7, id="corner"),
        pytest.param([0, 0, 2, 2], [2, 0, 4, 2], 0.0, id="touching"),
        pytest.param([0, 0, 4, 4], [1, 1, 3, 3], 0.25, id="inside"),
        pytest.param([0, 0, 0, 0], [0, 0, 0, 0], 0.0, id="empty"),
    ],
)
def test_iou_of_known_pairs(first: list[float], second: list[float], expected: float) -> None:
    assert iou([first], [second])[0, 0] == pytest.approx(expected)


def test_clip_area_and_intersection() -> None:
    assert clip_xyxy([-5, -5, 20, 8], 10, 6).tolist() == [0, 0, 10, 6]
    assert area([[0, 0, 2, 3], [5, 5, 4, 9]]).tolist() == [6, 0]
    assert intersection([[0, 0, 4, 4]], [[2, 2, 6, 6]]).tolist() == [[4]]


@pytest.mark.parametrize(
    ("xyxy", "class_ids", "scores", "message"),
    [
        pytest.param([[0, 0, 1]], [0], [1], "shape", id="three-numbers"),
        pytest.param([0, 0, 1, 1], [0], [1], "shape", id="one-dimension"),
        pytest.param([[0, 0, 1, 1]], [0, 1], [1], "class_ids", id="too-many-classes"),
        pytest.param([[0, 0, 1, 1]], [0], [1, 1], "scores", id="too-many-scores"),
        pytest.param([[0, 0, np.nan, 1]], [0], [1], "finite", id="nan"),
        pytest.param([[0, 0, np.inf, 1]], [0], [1], "finite", id="infinite"),
        pytest.param([[0, 0, 1, 1]], [0], [np.nan], "finite", id="nan-score"),
        pytest.param([[1, 0, 1, 1]], [0], [1], "x1 < x2", id="no-width"),
        pytest.param([[0, 2, 1, 1]], [0], [1], "y1 < y2", id="upside-down"),
        pytest.param([[0, 0, 1, 1]], [3], [1], "class ids", id="class-3"),
        pytest.param([[0, 0, 1, 1]], [-1], [1], "class ids", id="class-minus-1"),
        pytest.param([[0, 0, 1, 1]], [0], [1.1], "scores", id="score-above-1"),
    ],
)
def test_wrong_boxes_are_refused(xyxy: list, class_ids: list, scores: list, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        Boxes(np.array(xyxy), np.array(class_ids), np.array(scores))


def test_boxes_are_frozen_copies() -> None:
    source = np.array([[0.0, 0, 2, 4]])
    boxes = Boxes(source, np.array([1]))
    source[0, 2] = 99
    assert boxes.xyxy.tolist() == [[0, 0, 2, 4]]
    assert boxes.scores.tolist() == [1]
    with pytest.raises(ValueError, match="read-only"):
        boxes.xyxy[0, 0] = 1


@pytest.mark.parametrize(
    ("index", "heights"),
    [
        pytest.param([True, False, True], [4, 6], id="mask"),
        pytest.param([2, 0], [6, 4], id="positions"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_select(index: list, heights: list[float]) -> None:
    boxes = Boxes([[0, 0, 2, 4], [0, 0, 2, 5], [0, 0, 2, 6]], [0, 1, 2])
    assert boxes.select(index).heights.tolist() == heights


def test_empty_boxes_select_to_empty() -> None:
    empty = Boxes.empty()
    assert len(empty) == 0
    assert len(empty.select(np.zeros(0, dtype=bool))) == 0
