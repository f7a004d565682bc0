"""Placing: nobody's labelled face is hidden behind those in front."""

import cv2
import numpy as np
import pytest

from data.manifest import FaceRecord
from synth.layouts import Slot
from synth.people import Cutout
from synth.placing import MIN_SEEN, Placed, describe, place_all

Person = tuple[Cutout, FaceRecord]


@pytest.fixture(scope="module")
def people() -> list[Person]:
    """Heads on shoulders."""
    alpha = np.zeros((180, 240), np.float32)
    cv2.ellipse(alpha, (120, 78), (30, 45), 0, 0, 360, 1.0, -1)
    cv2.ellipse(alpha, (120, 180), (78, 66), 0, 0, 360, 1.0, -1)
    image, box = np.full((180, 240, 3), 90, np.uint8), np.array([96.0, 48, 144, 108])
    return [(Cutout(image, alpha, box), FaceRecord("without_mask", [])) for _ in range(4)]


def put(slots: list[Slot], people: list[Person]) -> list[Placed]:
    return place_all(people, slots, np.random.default_rng(0), (200, 300), 8.0)


def test_who_would_be_hidden_is_moved(people: list[Person]) -> None:
    here = Slot(150, 100, 40, legs=False)
    placed = put([here, Slot(150, 100, 30, legs=False)], people)
    assert len(placed) == 2
    assert placed[0].seen == 1.0
    assert placed[1].seen >= MIN_SEEN
    assert abs(placed[1].box[0] - placed[0].box[0]) > 5


def test_nobody_is_put_where_no_face_is_seen(people: list[Person]) -> None:
    assert put([Slot(150, 800, 30, legs=False), Slot(-400, 50, 30, legs=False)], people) == []


def test_persons_before_a_face_are_recorded(people: list[Person]) -> None:
    front = Slot(150, 100, 40, legs=False)
    for dx in range(10, 60, 4):
        placed = put([front, Slot(150 + dx, 88, 36, legs=False)], people)
        expected = [["person"] if p.seen <= 0.9 else [] for p in placed]
        assert [describe(p).occluders for p in placed] == expected
