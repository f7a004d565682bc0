"""Which finders are asked, and what our own detector says among them."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.boxes import iou
from data.exceptions import UsageError, WeightsError
from data.images import Image
from data.labels import Label
from synth.face_model import Floats
from synth.faces import SURE_SCORE, Candidate, Finder, dlib_finder
from synth.finders import (
    ask_if_in_doubt,
    detector_finder,
    make_finders,
    make_judge,
    shipped_weights,
)


def box(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def fixed(*candidates: Candidate) -> Finder:
    """A finder that knows its answer."""
    return lambda image: list(candidates)


GREY = np.full((100, 200, 3), 128, np.uint8)
A, B = box(10, 10, 30, 30), box(100, 10, 120, 30)


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        pytest.param([], True, id="nothing"),
        pytest.param([Candidate(A)], False, id="sure"),
        pytest.param([Candidate(A, score=SURE_SCORE - 0.1)], True, id="doubt"),
        pytest.param([Candidate(A), Candidate(B, score=0.4)], True, id="sure-and-doubt"),
        pytest.param([Candidate(A), Candidate(A + 1, score=0.4)], False, id="doubt-on-a-sure-face"),
    ],
)
def test_second_finder_is_asked_if_the_first_is_in_doubt(
    found: list[Candidate], asked: bool
) -> None:
    other = Candidate(B + 40)
    candidates = ask_if_in_doubt(fixed(*found), fixed(other))(GREY)
    assert candidates == [*found, *([other] if asked else [])]


@pytest.mark.parametrize("side", [110, 160, 240])
def test_detector_finds_faces_that_fill_small_photos(side: int, portrait: Image) -> None:
    photo = np.asarray(cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA))
    sure = [c for c in detector_finder()(photo) if c.score >= SURE_SCORE]
    assert len(sure) == 1
    assert iou(sure[0].box[None], box(59, 53, 152, 162)[None] * side / 230)[0, 0] > 0.55


@pytest.mark.parametrize(
    ("bgr", "sure"),
    [
        pytest.param((0, 0, 255), False, id="with_mask"),
        pytest.param((0, 255, 0), True, id="without_mask"),
        pytest.param((255, 0, 0), False, id="incorrect"),
    ],
)
def test_detector_is_sure_of_bare_faces_alone(
    tiny_onnx: Callable[..., Path], bgr: tuple[int, int, int], sure: bool
) -> None:
    """A detector of red, green and blue cells: a masked face would get a second mask."""
    image = np.full((64, 64, 3), 114, np.uint8)
    image[16:24, 32:40] = bgr
    (found,) = detector_finder(tiny_onnx())(image)
    assert iou(found.box[None], box(30, 14, 42, 26)[None])[0, 0] > 0.9
    assert (found.score >= SURE_SCORE) == sure
    assert found.label == Label.WITHOUT_MASK


def test_finders_by_mode() -> None:
    assert make_finders("labels", None) == []
    assert make_finders("dlib", None) == [dlib_finder]
    (finder,) = make_finders("auto", None)
    assert (finder is dlib_finder) == (shipped_weights() is None)
    with pytest.raises(UsageError, match="'haar'"):
        make_finders("haar", None)
    with pytest.raises(WeightsError, match="expected a YuNet model"):
        make_finders("auto", Path("missing.onnx"))


@pytest.mark.parametrize(
    "bgr", [(0, 0, 255), (0, 255, 0), (255, 0, 0)], ids=["red", "green", "blue"]
)
def test_judge_sees_faces_of_every_class(
    tiny_onnx: Callable[..., Path], bgr: tuple[int, int, int]
) -> None:
    """A detector of red, green and blue cells: a masked face is a face, too."""
    judge = make_judge("auto", tiny_onnx())
    assert judge is not None
    image = np.full((64, 64, 3), 114, np.uint8)
    assert judge(image) == []
    image[16:24, 32:40] = bgr
    assert judge(image)


@pytest.mark.parametrize("mode", ["detector", "dlib", "labels"])
def test_no_judge_where_one_finder_alone_is_asked_for(
    mode: str, tiny_onnx: Callable[..., Path]
) -> None:
    assert make_judge(mode, tiny_onnx()) is None


def test_shipped_judge_tells_a_face_from_a_jacket(zidane_image: Image) -> None:
    judge = make_judge("auto")
    assert judge is not None
    seen = np.array([c.box for c in judge(zidane_image)])
    face, jacket = box(930, 70, 1060, 280), box(600, 520, 800, 700)
    overlaps = iou(np.array([face, jacket]), seen).max(axis=1)
    assert overlaps[0] > 0.5
    assert overlaps[1] < 0.1
