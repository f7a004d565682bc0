"""Faces enlarged: where they lie then, and what was said of them."""

from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from data.dataset import boxes_to_text, write_yaml
from data.exceptions import NoFacesError
from data.files import write_text
from data.images import Image, write_image
from data.labels import Label
from eval.large_faces import LargeFace, choose_faces, count_right, enlarge, said, to_table

BOX = np.array([120.0, 60.0, 180.0, 140.0])


@pytest.fixture
def face() -> LargeFace:
    """A white rectangle on black."""
    image = np.zeros((200, 300, 3), np.uint8)
    image[60:140, 120:180] = 255
    return LargeFace(image, BOX, Label.WITH_MASK)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_face_fills_its_share_in_the_middle(face: LargeFace, share: float) -> None:
    picture, box = enlarge(face, share)
    assert picture.shape == (640, 640, 3)
    assert box[3] - box[1] == pytest.approx(640 * share)
    assert (box[:2] + box[2:]) / 2 == pytest.approx([320, 320])
    x1, y1, x2, y2 = box.round().astype(int)
    # Cubic interpolation blurs the edge over two pixels of the source.
    edge = int(np.ceil(2 * 640 * share / 80))
    assert picture[y1 + edge : y2 - edge, x1 + edge : x2 - edge].min() > 200


def test_the_best_box_on_the_face_counts() -> None:
    near, far = BOX + 3, BOX + 100
    found = Boxes(np.array([far, near, BOX]), np.array([0, 1, 2]), np.array([0.9, 0.5, 0.7]))
    assert said(found, BOX) == Label.INCORRECT
    assert said(Boxes.empty(), BOX) is None


def test_right_and_all_by_class(face: LargeFace) -> None:
    def detect(images: list[Image]) -> list[Boxes]:
        _, box = enlarge(face, 0.5)
        return [Boxes(box[None], np.array([0]), np.array([0.9])) for _ in images]

    bare = LargeFace(face.image, BOX, Label.WITHOUT_MASK)
    counts = count_right([face, face, bare], 0.5, detect)  # type: ignore[arg-type]
    assert counts == [(2, 2), (0, 1), (0, 0)]
    assert to_table([(0.5, "one look", counts)]).rows == (
        ("0.50, one look", "2 of 2", "0 of 1", "-"),
    )


def test_only_large_faces_are_chosen(tmp_path: Path) -> None:
    write_yaml(tmp_path)
    write_image(tmp_path / "images" / "val" / "a.png", np.zeros((200, 300, 3), np.uint8))
    small = np.array([10.0, 10, 30, 30])
    faces = Boxes(np.array([BOX, BOX + 5, small]), np.array([0, 0, 1]))
    write_text(tmp_path / "labels" / "val" / "a.txt", boxes_to_text(faces, 300, 200))
    assert [f.label for f in choose_faces(tmp_path, None, 44, 60)] == [0, 0]
    assert len(choose_faces(tmp_path, None, 44, 1)) == 1
    with pytest.raises(NoFacesError, match="at least 200 px"):
        choose_faces(tmp_path, None, 200, 60)
