"""Scenes: boxes stay on their faces through every cut, size and mirror."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from data.images import Image
from data.manifest import FaceRecord
from synth.face_model import Floats
from synth.faces import Face
from synth.scene import (
    MIN_FACE_HEIGHT,
    MIN_VISIBLE,
    Scene,
    blur_out,
    close_up,
    crop,
    finish,
    flip,
    frame,
    gallery,
    resize,
)

Framing = Callable[[Scene, np.random.Generator], Scene]

BARE = FaceRecord("without_mask", [], yaw=10.0, roll=-5.0)
DULL, BRIGHT = 40, 220


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """A dull picture whose one face is a bright rectangle."""
    width, height = draw(st.integers(40, 160)), draw(st.integers(40, 160))
    x1, y1 = draw(st.integers(0, width - 20)), draw(st.integers(0, height - 20))
    x2, y2 = draw(st.integers(x1 + 12, width)), draw(st.integers(y1 + 12, height))
    return make_scene(width, height, (x1, y1, x2, y2))


def make_scene(width: int, height: int, *boxes: tuple[int, int, int, int]) -> Scene:
    image = np.full((height, width, 3), DULL, np.uint8)
    for x1, y1, x2, y2 in boxes:
        image[y1:y2, x1:x2] = BRIGHT
    return Scene(image, np.array(boxes, dtype=float).reshape(-1, 4), (BARE,) * len(boxes))


def bright_box(image: Image) -> Floats:
    """(4,) the box of the bright pixels."""
    rows, columns = np.nonzero(image[..., 0] > (DULL + BRIGHT) / 2)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1.0])


@given(scenes(), st.data())
def test_crop_keeps_boxes_on_faces(scene: Scene, data: st.DataObject) -> None:
    height, width = scene.image.shape[:2]
    left, top = data.draw(st.integers(0, width - 8)), data.draw(st.integers(0, height - 8))
    right, bottom = (
        data.draw(st.integers(low + 8, size)) for low, size in ((left, width), (top, height))
    )
    cut = crop(scene, (left, top, right, bottom))
    assert cut.image.shape == (bottom - top, right - left, 3)
    assert len(cut.records) == len(cut.boxes)
    part = scene.image[top:bottom, left:right]
    seen = (part[..., 0] == BRIGHT).sum() / (scene.image[..., 0] == BRIGHT).sum()
    if seen >= MIN_VISIBLE:
        assert cut.boxes[0] == pytest.approx(bright_box(part))
        assert (cut.image == part).all()
        assert cut.blurred == 0
    else:
        assert len(cut.boxes) == 0
        assert cut.blurred == (seen > 0)


@given(scenes(), st.integers(32, 300), st.integers(32, 300))
def test_resize_keeps_boxes_on_faces(scene: Scene, width: int, height: int) -> None:
    result = resize(scene, width, height)
    assert result.image.shape == (height, width, 3)
    before, (h, w) = scene.boxes[0], scene.image.shape[:2]
    expected = before * np.array([width / w, height / h] * 2)
    if expected[3] - expected[1] < MIN_FACE_HEIGHT:
        assert len(result.boxes) == 0
        assert result.blurred == 1
        return
    assert result.boxes[0] == pytest.approx(expected)
    assume(expected[2] - expected[0] >= 3)
    assert bright_box(result.image) == pytest.approx(expected, abs=1.5)


@given(scenes())
def test_flip_keeps_boxes_on_faces(scene: Scene) -> None:
    mirrored = flip(scene)
    assert mirrored.boxes[0] == pytest.approx(bright_box(mirrored.image))
    assert (mirrored.records[0].yaw, mirrored.records[0].roll) == (-10, 5)
    again = flip(mirrored)
    assert (again.image == scene.image).all()
    assert again.boxes == pytest.approx(scene.boxes)
    assert again.records == scene.records


def test_flip_knows_faces_without_pose() -> None:
    scene = make_scene(60, 60, (10, 10, 30, 40))
    unposed = replace(scene, records=(replace(BARE, yaw=None, roll=None),))
    assert flip(unposed).records[0].yaw is None


@pytest.mark.parametrize("framed", [frame, close_up])
@given(scene=scenes(), seed=st.integers(0, 2**32 - 1))
def test_framing_keeps_boxes_on_faces(framed: Framing, scene: Scene, seed: int) -> None:
    result = framed(scene, np.random.default_rng(seed))
    height, width = result.image.shape[:2]
    assert min(height, width) >= 32
    assert max(height, width) <= 672
    for box in result.boxes:
        found = bright_box(result.image)
        assert found == pytest.approx(box, abs=2)
        assert (box >= 0).all()
        assert (box <= [width, height, width, height]).all()


def test_framing_is_random_and_follows_its_generator() -> None:
    scene = make_scene(400, 300, (100, 100, 150, 160))
    shapes = {frame(scene, np.random.default_rng(seed)).image.shape for seed in range(20)}
    assert len(shapes) > 15
    first, again = (frame(scene, np.random.default_rng(3)) for _ in range(2))
    assert (first.image == again.image).all()


def test_close_ups_are_filled_by_the_tallest_face() -> None:
    scene = make_scene(400, 300, (20, 20, 50, 60), (200, 100, 250, 160))
    shares = []
    for seed in range(40):
        result = close_up(scene, np.random.default_rng(seed))
        tallest = max(box[3] - box[1] for box in result.boxes)
        shares.append(tallest / result.image.shape[0])
    assert min(shares) > 0.33
    assert max(shares) < 0.92
    assert np.ptp(shares) > 0.3


def test_without_a_face_nothing_is_close() -> None:
    empty = make_scene(200, 200)
    first, other = (f(empty, np.random.default_rng(1)) for f in (close_up, frame))
    assert (first.image == other.image).all()


def test_cut_faces_are_blurred_and_dropped(portrait: Image, astronaut_face: Face) -> None:
    """A third of the face left of the cut: it would be neither labelled nor bare."""
    box = astronaut_face.box - [120, 20, 120, 20]
    scene = Scene(portrait, box[None], (BARE,))
    edge = int(box[0] + 0.35 * (box[2] - box[0]))
    cut = crop(scene, (0, 0, edge, 240))
    assert len(cut.boxes) == len(cut.records) == 0
    assert cut.blurred == 1
    inner = np.s_[int(box[1]) + 15 : int(box[3]) - 15, int(box[0]) + 8 : edge]
    assert detail(cut.image[inner]) < 0.35 * detail(portrait[inner])
    # Up to the picture's edge.
    last = np.s_[int(box[1]) + 30 : int(box[3]) - 30, edge - 4 : edge]
    assert detail(cut.image[last]) < 0.5 * detail(portrait[last])


def detail(image: Image) -> float:
    """Mean strength of the Laplacian."""
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2GRAY)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_64F)).mean())


def test_blurring_removes_the_face_and_nothing_else(
    astronaut_image: Image, astronaut_face: Face
) -> None:
    before = astronaut_image.copy()
    blurred = blur_out(astronaut_image, astronaut_face.box)
    assert (astronaut_image == before).all()
    x1, y1, x2, y2 = astronaut_face.box.astype(int)
    inner = np.s_[y1 + 12 : y2 - 12, x1 + 12 : x2 - 12]
    assert detail(blurred[inner]) < 0.1 * detail(before[inner])
    assert blurred[inner].astype(float).var() < 0.5 * before[inner].astype(float).var()
    changed = (blurred != before).any(-1)
    margin_x, margin_y = 0.21 * (x2 - x1) + 1, 0.21 * (y2 - y1) + 1
    rows, columns = np.nonzero(changed)
    assert columns.min() >= x1 - margin_x
    assert columns.max() <= x2 + margin_x
    assert rows.min() >= y1 - margin_y
    assert rows.max() <= y2 + margin_y


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((-90, -90, -10, -10), id="outside"),
        pytest.param((10, 10, 10.3, 10.3), id="smaller-than-a-pixel"),
        pytest.param((500, 500, 900, 900), id="corner"),
        pytest.param((-100, -100, 700, 700), id="larger-than-the-picture"),
    ],
)
def test_blurring_takes_any_box(box: tuple[float, ...], astronaut_image: Image) -> None:
    blurred = blur_out(astronaut_image, np.array(box, dtype=np.float64))
    assert blurred.shape == astronaut_image.shape
    assert blurred.dtype == np.uint8


def test_blurring_keeps_flat_pictures() -> None:
    image = np.full((60, 60, 3), 90, np.uint8)
    assert np.abs(blur_out(image, np.array([20.0, 20, 40, 40])).astype(int) - 90).max() <= 1


def test_blurring_leaves_labelled_faces_as_they_are(astronaut_image: Image) -> None:
    """One in the middle, one that only its corner is shared with, one elsewhere."""
    keep = np.array([[210.0, 100, 240, 130], [150, 50, 185, 80], [400, 400, 450, 460]])
    blurred = blur_out(astronaut_image, np.array([180.0, 70, 270, 180]), keep)
    for x1, y1, x2, y2 in keep.astype(int):
        assert (blurred[y1:y2, x1:x2] == astronaut_image[y1:y2, x1:x2]).all()
    assert (blurred[135:165, 200:250] != astronaut_image[135:165, 200:250]).any()


def test_cut_and_small_faces_leave_their_neighbours_as_they_are(portrait: Image) -> None:
    boxes = np.array([[40.0, 40, 110, 130], [100, 40, 180, 130]])
    scene = Scene(portrait, boxes, (BARE, BARE))
    cut = crop(scene, (0, 0, 130, 240))
    assert cut.boxes == pytest.approx(boxes[:1])
    assert (cut.image[40:130, 40:110] == portrait[40:130, 40:110]).all()
    assert (cut.image[60:110, 112:128] != portrait[60:110, 112:128]).any()
    small = np.array([[40.0, 40, 110, 130], [60, 60, 70, 66]])
    shrunk = resize(Scene(portrait, small, (BARE, BARE)), 110, 120)
    bare = resize(Scene(portrait, small[:1], (BARE,)), 110, 120)
    assert shrunk.blurred == 1
    assert (shrunk.image == bare.image).all()  # it lies wholly in its neighbour


@given(st.integers(1, 3), st.integers(1, 4), st.integers(200, 500), st.floats(0.9, 1.25))
def test_boxes_of_a_gallery_lie_in_their_cells(
    rows: int, columns: int, width: int, aspect: float
) -> None:
    height = round(width * rows / columns * aspect)
    portraits = [
        make_scene(120 + 10 * i, 150, (30 + i, 30, 70 + i, 90)) for i in range(rows * columns)
    ]
    result = gallery(portraits, (rows, columns), width, height)
    assert result.image.shape == (height, width, 3)
    assert len(result.boxes) == len(result.records) == rows * columns
    for index, box in enumerate(result.boxes):
        row, column = divmod(index, columns)
        assert box[0] >= width * column / columns - 1
        assert box[2] <= width * (column + 1) / columns + 1
        assert box[1] >= height * row / rows - 1
        assert box[3] <= height * (row + 1) / rows + 1
        x1, y1, x2, y2 = box
        inner = result.image[int(y1) + 2 : int(y2) - 2, int(x1) + 2 : int(x2) - 2]
        assert (inner > (DULL + BRIGHT) / 2).all()


def test_finished_records_carry_their_box() -> None:
    scene = make_scene(100, 100, (10, 20, 40, 60))
    (record,) = finish(replace(scene, boxes=scene.boxes + 0.12345))
    assert record.box == [10.12, 20.12, 40.12, 60.12]
    assert record.face_height == 40
    assert record.label == "without_mask"
