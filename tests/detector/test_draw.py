import numpy as np
import pytest

from data.boxes import Boxes
from data.labels import CLASS_COLOURS
from detector.draw import LABEL_MIN_FACE, class_colour, draw_boxes, label_text, place_label


def one_box(box: list[float], class_id: int = 0, score: float = 0.93) -> Boxes:
    return Boxes(np.array([box]), np.array([class_id]), np.array([score]))


def grey(height: int = 200, width: int = 300) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(H, W) bool."""
    return (before != after).any(axis=2)


def test_the_picture_given_stays_as_it_was() -> None:
    image = grey()
    drawn = draw_boxes(image, one_box([50, 60, 150, 160]))
    assert (image == 90).all()
    assert changed(image, drawn).any()


def test_without_boxes_a_copy() -> None:
    image = grey()
    drawn = draw_boxes(image, Boxes.empty())
    assert np.array_equal(drawn, image)
    assert drawn is not image


@pytest.mark.parametrize("class_id", [0, 1, 2])
def test_each_class_has_its_colour(class_id: int) -> None:
    drawn = draw_boxes(grey(), one_box([50, 60, 150, 160], class_id))
    red, green, blue = CLASS_COLOURS[class_id]
    assert class_colour(class_id) == (blue, green, red)
    assert tuple(drawn[110, 50]) == (blue, green, red)  # left edge
    assert tuple(drawn[159, 100]) == (blue, green, red)  # bottom edge


def test_only_the_border_and_the_label_are_painted() -> None:
    painted = changed(grey(), draw_boxes(grey(), one_box([50, 60, 150, 160])))
    assert not painted[66:154, 56:144].any()
    assert painted[46:58, 52:100].all()  # the label above


def test_a_tiny_face_gets_a_thin_box_alone() -> None:
    painted = changed(grey(), draw_boxes(grey(), one_box([50, 60, 66, 60 + LABEL_MIN_FACE - 1])))
    assert painted.sum() == 2 * 16 + 2 * 23 - 4


@pytest.mark.parametrize(
    ("class_id", "score", "expected"),
    [
        (0, 0.934, "with_mask .93"),
        (1, 1.0, "without_mask 1.00"),
        (2, 0.0, "incorrect .00"),
        (0, 0.999, "with_mask 1.00"),
    ],
)
def test_label_text(class_id: int, score: float, expected: str) -> None:
    assert label_text(class_id, score) == expected


@pytest.mark.parametrize(
    ("box", "others", "expected"),
    [
        pytest.param([50, 60, 150, 160], [], (50, 44), id="above"),
        pytest.param([50, 10, 150, 110], [], (50, 110), id="no-room-above"),
        pytest.param([50, 60, 150, 160], [[60, 20, 90, 50]], (50, 160), id="neighbour-above"),
        pytest.param([50, 5, 150, 195], [], (50, 5), id="inside"),
        pytest.param([250, 60, 299, 160], [], (220, 44), id="at-the-right-border"),
        pytest.param([-20, 60, 60, 160], [], (0, 44), id="over-the-left-border"),
        pytest.param([50, 60, 90, 100], [[40, 20, 90, 58], [40, 102, 90, 140]], None, id="crowd"),
    ],
)
def test_labels_hide_no_other_face(
    box: list[float], others: list[list[float]], expected: tuple[int, int] | None
) -> None:
    taken = np.array(others, dtype=float).reshape(-1, 4)
    assert place_label(np.array(box, dtype=float), (80, 16), taken, (200, 300, 3)) == expected


def test_a_crowd_keeps_its_faces_visible() -> None:
    """What lies inside any box stays as it was."""
    x, y = np.meshgrid(np.arange(4, 280, 32), np.arange(4, 180, 34))
    corner = np.stack([x.ravel(), y.ravel()], axis=1).astype(float)
    boxes = Boxes(np.hstack([corner, corner + np.array([28, 30])]), np.arange(len(corner)) % 3)
    painted = changed(grey(), draw_boxes(grey(), boxes))
    for x1, y1, x2, y2 in boxes.xyxy.astype(int):
        assert not painted[y1 + 4 : y2 - 4, x1 + 4 : x2 - 4].any()


@pytest.mark.parametrize("shape", [(1, 1), (30, 20), (40, 3000), (3000, 40)])
def test_any_picture_size(shape: tuple[int, int]) -> None:
    image = grey(*shape)
    drawn = draw_boxes(image, one_box([0, 0, shape[1], shape[0]]))
    assert drawn.shape == image.shape
    assert changed(image, drawn).any()
