"""When a second look is taken, what it adds, and that it leaves the rest as it was."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.boxes import Boxes
from data.images import Image
from detector.runtime import Detector
from detector.second_look import LARGE, SecondLook, has_reason, join_looks
from eval.matching import one_class_a_face

OnnxBuilder = Callable[..., Path]


def boxes(*rows: tuple[float, float, float], label: int = 0) -> Boxes:
    """Faces of (left, height, score), as wide as high, at the top."""
    xyxy = np.array([[x, 0, x + h, h] for x, h, _ in rows], dtype=float).reshape(-1, 4)
    scores = np.array([s for _, _, s in rows], dtype=float)
    return Boxes(xyxy, np.full(len(rows), label), scores)


@pytest.mark.parametrize(
    ("first", "scale", "reason"),
    [
        pytest.param(boxes((0, 100, 0.9)), 1.0, False, id="small and sure"),
        pytest.param(boxes(), 1.0, True, id="nothing"),
        pytest.param(boxes((0, 100, 0.2)), 1.0, True, id="nothing sure"),
        pytest.param(boxes((0, 100, 0.9), (0, 300, 0.06)), 1.0, True, id="a hint of a large one"),
        pytest.param(boxes((0, 100, 0.9)), 3.0, True, id="large in the input"),
        pytest.param(boxes((0, 300, 0.9)), 0.5, False, id="small in the input"),
    ],
)
def test_reasons(first: Boxes, scale: float, reason: bool) -> None:
    assert has_reason(first, scale) is reason


@pytest.mark.parametrize(
    ("first", "second", "heights"),
    [
        pytest.param(boxes((0, 50, 0.9)), boxes(), [50], id="small ones stay"),
        pytest.param(boxes((0, 50, 0.9)), boxes((300, 40, 0.9)), [50], id="no new small ones"),
        pytest.param(boxes(), boxes((0, 400, 0.8)), [400], id="large ones come"),
        pytest.param(boxes((0, 400, 0.9)), boxes(), [], id="large ones must be seen again"),
        pytest.param(boxes((0, LARGE, 0.9)), boxes(), [LARGE], id="near the border one look does"),
        pytest.param(
            boxes((0, LARGE, 0.6)), boxes((4, LARGE, 0.9)), [LARGE], id="seen twice, kept once"
        ),
        pytest.param(
            boxes((0, 50, 0.7), (600, 60, 0.3)), boxes((0, 400, 0.8)), [400, 60], id="part of it"
        ),
    ],
)
def test_each_face_is_judged_where_it_is_known(
    first: Boxes, second: Boxes, heights: list[float]
) -> None:
    assert join_looks(first, second, 1.0, 0.5).heights.tolist() == heights


def test_faces_of_known_size_are_found_as_before(astronaut_image: Image) -> None:
    once, twice = (way(imgsz=640).detect([astronaut_image])[0] for way in (Detector, SecondLook))
    assert len(once) == 1
    np.testing.assert_array_equal(once.xyxy, twice.xyxy)
    np.testing.assert_array_equal(once.scores, twice.scores)


def test_a_face_that_fills_the_picture_is_found(astronaut_image: Image) -> None:
    x1, y1, x2, y2 = Detector(imgsz=640).detect([astronaut_image])[0].xyxy[0].round().astype(int)
    face = np.asarray(cv2.resize(astronaut_image[y1:y2, x1:x2], (560, 640)), dtype=np.uint8)
    found = SecondLook(imgsz=640).detect([face, astronaut_image], 0.1)
    assert len(found[0]) >= 1
    assert found[0].heights[0] > 0.6 * 640
    assert len(found[1]) >= 1


@pytest.mark.parametrize("way", [Detector, SecondLook])
def test_every_class_begins_with_what_is_said_otherwise(
    way: type[Detector], astronaut_image: Image
) -> None:
    detector = way(imgsz=640)
    said = detector.detect([astronaut_image], 0.001)[0]
    every = detector.detect([astronaut_image], 0.001, every_class=True)[0]
    assert set(every.class_ids[every.scores < every.scores[0]]) - {int(every.class_ids[0])}
    np.testing.assert_array_equal(one_class_a_face(every).xyxy[0], said.xyxy[0])
    assert one_class_a_face(every).class_ids[0] == said.class_ids[0]


def test_a_model_of_one_size_looks_once(tiny_onnx: OnnxBuilder) -> None:
    path = tiny_onnx(size=64)
    image = np.full((64, 64, 3), 90, np.uint8)
    once, twice = (way(path).detect([image], 0.01)[0] for way in (Detector, SecondLook))
    np.testing.assert_array_equal(once.xyxy, twice.xyxy)
