"""What several views say together, and detectors that look several times."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from data.exceptions import UsageError
from data.images import Image
from detector.ensemble import mirror
from detector.second_look import SecondLook
from detector.views import ManyViews, join_views
from eval.matching import one_class_a_face

OnnxBuilder = Callable[..., Path]

Row = tuple[float, int, float]


def boxes(*rows: Row) -> Boxes:
    """Faces of (left, class, score), 20 px wide and high."""
    xyxy = np.array([[x, 0, x + 20, 20] for x, _, _ in rows], dtype=float).reshape(-1, 4)
    return Boxes(xyxy, np.array([k for _, k, _ in rows]), np.array([s for _, _, s in rows]))


def rows(found: Boxes) -> list[Row]:
    """The inverse of boxes, scores to 6 decimals."""
    numbers = zip(found.xyxy[:, 0], found.class_ids, found.scores, strict=True)
    return [(round(float(x), 6), int(k), round(float(s), 6)) for x, k, s in numbers]


@pytest.mark.parametrize(
    ("views", "one_class", "every_class"),
    [
        pytest.param([boxes(), boxes()], [], [], id="nothing"),
        pytest.param(
            [boxes((0, 0, 0.8), (50, 1, 0.4))],
            [(0, 0, 0.8), (50, 1, 0.4)],
            [(0, 0, 0.8), (50, 1, 0.4)],
            id="one view as it is",
        ),
        pytest.param(
            [boxes((0, 0, 0.8)), boxes((0, 0, 0.6))], [(0, 0, 0.7)], [(0, 0, 0.7)], id="mean"
        ),
        pytest.param(
            [boxes((0, 0, 0.8)), boxes()], [(0, 0, 0.4)], [(0, 0, 0.4)], id="missed by half"
        ),
        pytest.param(
            [boxes((0, 0, 0.8), (0, 2, 0.3)), boxes((0, 0, 0.2), (0, 2, 0.9))],
            [(0, 2, 0.6)],
            [(0, 2, 0.6), (0, 0, 0.5)],
            id="classes are weighed over all views",
        ),
        pytest.param(
            [boxes((0, 1, 0.3)), boxes((50, 1, 0.1))],
            [(0, 1, 0.15)],
            [(0, 1, 0.15)],
            id="chance boxes fall below",
        ),
    ],
)
def test_what_views_say_together(
    views: list[Boxes], one_class: list[Row], every_class: list[Row]
) -> None:
    assert rows(join_views(views, 0.1, 0.5)) == one_class
    assert rows(join_views(views, 0.1, 0.5, every_class=True)) == every_class


def test_a_mirrored_picture_gives_mirrored_faces(zidane_image: Image) -> None:
    """Which single views don't."""
    detector = ManyViews(sizes=[320, 416])
    flipped = np.ascontiguousarray(zidane_image[:, ::-1])
    (plain,), (other,) = (detector.detect([i], 0.1) for i in (zidane_image, flipped))
    back = mirror(other, zidane_image.shape[1])
    assert len(plain) >= 2
    np.testing.assert_allclose(back.xyxy, plain.xyxy, atol=0.01)
    np.testing.assert_allclose(back.scores, plain.scores, atol=1e-5)
    assert back.class_ids.tolist() == plain.class_ids.tolist()


def test_every_class_begins_with_what_is_said_otherwise(astronaut_image: Image) -> None:
    """Of a face whose mouth is behind a grey sheet, which is doubtful."""
    astronaut_image[135:180, 190:260] = 150
    detector = ManyViews(sizes=[416])
    said = detector.detect([astronaut_image], 0.002)[0]
    every = detector.detect([astronaut_image], 0.002, every_class=True)[0]
    assert len(set(every.class_ids)) > 1
    assert rows(one_class_a_face(every))[0] == rows(said)[0]


def test_pictures_do_not_depend_on_each_other(astronaut_image: Image, zidane_image: Image) -> None:
    detector = ManyViews(sizes=[320])
    both = detector.detect([astronaut_image, zidane_image])
    alone = detector.detect([zidane_image])[0]
    assert len(both) == 2
    np.testing.assert_allclose(both[1].xyxy, alone.xyxy, atol=1e-3)


def test_one_size_can_be_asked_for(astronaut_image: Image) -> None:
    once = ManyViews(sizes=[640, 320]).detect([astronaut_image], imgsz=416)[0]
    np.testing.assert_array_equal(
        once.xyxy, SecondLook(imgsz=416).detect([astronaut_image])[0].xyxy
    )


def test_sizes_are_rounded_and_none_is_taken_twice() -> None:
    assert ManyViews(sizes=[630, 320, 640]).sizes == (640, 320)


@pytest.mark.parametrize(
    ("fixed", "sizes", "match"),
    [
        pytest.param(None, [], "one size of views or more", id="none"),
        pytest.param(None, [0], "at least 1", id="zero"),
        pytest.param(None, [320, 10**6], "imgsz from 1 to at most", id="too large"),
        pytest.param(64, [64, 96], "takes 64 px only", id="fixed model"),
    ],
)
def test_sizes_that_are_refused(
    tiny_onnx: OnnxBuilder, fixed: int | None, sizes: list[int], match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        ManyViews(tiny_onnx(size=fixed), sizes=sizes)
