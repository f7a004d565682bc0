"""Pictures without faces."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import intersection
from synth.faces import Face
from synth.negatives import faceless_part, free_window
from synth.sources import Photo


def make_photo(
    width: int, height: int, faces: list[list[float]], doubtful: list[list[float]]
) -> Photo:
    known = tuple(Face(np.array(box)) for box in faces)
    doubts = tuple(np.array(box) for box in doubtful)
    return Photo(Path("a.png"), "a.png", "d", "ann", width, height, known, doubts)


@st.composite
def boxes(draw: st.DrawFn) -> list[float]:
    x, y = draw(st.integers(0, 380)), draw(st.integers(0, 280))
    return [float(v) for v in (x, y, x + draw(st.integers(8, 90)), y + draw(st.integers(8, 90)))]


@given(st.lists(boxes(), max_size=5), st.lists(boxes(), max_size=3), st.integers(0, 2**32 - 1))
def test_no_face_lies_in_a_free_window(
    faces: list[list[float]], doubtful: list[list[float]], seed: int
) -> None:
    window = free_window(make_photo(400, 300, faces, doubtful), np.random.default_rng(seed))
    if window is None:
        assert faces + doubtful
        return
    left, top, right, bottom = window
    assert 0 <= left < right <= 400
    assert 0 <= top < bottom <= 300
    for box in faces + doubtful:
        assert not intersection(np.array([window], dtype=float), np.array([box])).any()


def test_a_face_everywhere_leaves_no_window() -> None:
    photo = make_photo(400, 300, [[0, 0, 400, 300]], [])
    assert free_window(photo, np.random.default_rng(0)) is None


def test_parts_show_the_photo_or_are_drawn() -> None:
    """A photo of a bright left and a dark face on the right: no part shows the face."""
    image = np.full((300, 400, 3), 200, np.uint8)
    image[100:200, 300:380] = (0, 0, 255)
    photo = make_photo(400, 300, [[300, 100, 380, 200]], [])
    shown = 0
    for seed in range(30):
        part = faceless_part(image, photo, np.random.default_rng(seed))
        assert part.dtype == np.uint8
        assert min(part.shape[:2]) >= 32
        assert max(part.shape[:2]) <= 673
        shown += int((part == 200).all())
    assert 5 < shown < 30
