"""Crowds: every face that is seen has a box, and no other; the same seed gives the same bytes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.exceptions import UsageError
from data.images import Image
from data.manifest import FaceRecord
from synth import placing
from synth.crowd import compose_crowd
from synth.layouts import LAYOUTS, REPEATED_BELOW
from synth.people import Cutout
from synth.scene import Scene

Person = tuple[Cutout, FaceRecord]
WALL = np.full((90, 120, 3), (70, 110, 70), np.uint8)


def make_person(name: str = "a", side: int = 60) -> Person:
    """Head on shoulders of dull green clothes, with a face like no other thing: magenta."""
    high, wide = 3 * side, 4 * side
    alpha = np.zeros((high, wide), np.float32)
    image = np.full((high, wide, 3), (60, 90, 60), np.uint8)
    centre, chin = (2 * side, int(1.3 * side)), int(1.8 * side)
    cv2.ellipse(alpha, centre, (side // 2, int(0.75 * side)), 0, 0, 360, 1.0, -1)
    cv2.ellipse(alpha, (2 * side, 3 * side), (int(1.3 * side), int(1.1 * side)), 0, 0, 360, 1, -1)
    box = np.array([1.6 * side, 0.8 * side, 2.4 * side, chin])
    image[box[1].astype(int) : chin, int(box[0]) : int(box[2])] = (230, 20, 230)
    return Cutout(image, alpha, box), FaceRecord(
        "without_mask", [], yaw=10.0, roll=-5.0, identity=name
    )


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return [make_person(str(i)) for i in range(14)]


def compose(people: list[Person], seed: int, layout: str | None, smallest: float = 8.0) -> Scene:
    rng = np.random.default_rng(seed)
    width, height = (int(v) for v in rng.integers(288, 480, 2))
    return compose_crowd(people, WALL, rng, width, height, smallest=smallest, layout=layout)


def magenta(image: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    smooth = cv2.GaussianBlur(image, (3, 3), 0).astype(int)
    return np.asarray(smooth[..., [0, 2]].min(2) - smooth[..., 1] > 45)


@pytest.mark.parametrize("layout", [*LAYOUTS, None])
@pytest.mark.parametrize("seed", range(3))
def test_faces_and_boxes_are_the_same(people: list[Person], layout: str | None, seed: int) -> None:
    scene = compose(people, seed, layout)
    faces = magenta(scene.image)
    inside = np.zeros_like(faces)
    assert len(scene.boxes) == len(scene.records) > 0
    for x1, y1, x2, y2 in scene.boxes.round().astype(int):
        margin = 2 + (y2 - y1) // 10
        inside[max(0, y1 - margin) : y2 + margin, max(0, x1 - margin) : x2 + margin] = True
        # What isn't hidden of the face's rectangle (its corners lie outside the head).
        assert faces[y1:y2, x1:x2].mean() > 0.35
    assert not (faces & ~inside).any()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("smallest", [6.0, 14.0, 40.0])
def test_boxes_lie_in_the_picture_and_are_large_enough(
    people: list[Person], layout: str, smallest: float
) -> None:
    scene = compose(people, 5, layout, smallest)
    height, width = scene.image.shape[:2]
    assert (scene.boxes >= 0).all()
    assert (scene.boxes[:, [0, 2]] <= width).all()
    assert (scene.boxes[:, [1, 3]] <= height).all()
    assert (scene.boxes[:, 3] - scene.boxes[:, 1] >= smallest - 1e-6).all()


def test_sizes_reach_from_small_to_large(people: list[Person]) -> None:
    scenes = [compose(people, seed, "street") for seed in range(12)]
    heights = np.concatenate([s.boxes[:, 3] - s.boxes[:, 1] for s in scenes])
    assert heights.min() < 14
    assert heights.max() > 35
    assert 12 < np.median(heights) < 40


@pytest.mark.parametrize("layout", LAYOUTS)
def test_same_seed_gives_the_same_bytes(people: list[Person], layout: str) -> None:
    first, second = (compose(people, 7, layout) for _ in range(2))
    assert (first.image == second.image).all()
    assert (first.boxes == second.boxes).all()
    assert first.records == second.records
    assert (compose(people, 8, layout).image.shape != first.image.shape) or (
        compose(people, 8, layout).image != first.image
    ).any()


def test_given_cutouts_stay_as_they_are(people: list[Person]) -> None:
    before = [(c.image.copy(), c.alpha.copy(), c.box.copy()) for c, _ in people]
    compose(people, 3, None)
    for (image, alpha, box), (cutout, _) in zip(before, people, strict=True):
        assert (image == cutout.image).all()
        assert (alpha == cutout.alpha).all()
        assert (box == cutout.box).all()


@settings(max_examples=20)
@given(
    st.integers(0, 3), st.integers(32, 300), st.integers(32, 300), st.integers(0, 2**31),
    st.floats(4, 60),
)  # fmt: skip
def test_any_size_of_scene(number: int, width: int, height: int, seed: int, least: float) -> None:
    rng = np.random.default_rng(seed)
    some = [make_person(str(i), 24) for i in range(number)]
    scene = compose_crowd(some, WALL, rng, width, height, smallest=least)
    assert scene.image.shape == (height, width, 3)
    assert scene.image.dtype == np.uint8
    assert len(scene.boxes) == len(scene.records)
    assert number > 0 or len(scene.boxes) == 0
    assert (scene.boxes[:, 2:] > scene.boxes[:, :2]).all()


def test_unknown_layouts_are_refused(people: list[Person]) -> None:
    with pytest.raises(UsageError, match="layout"):
        compose(people, 0, "beach")


def test_mirrored_persons_have_mirrored_angles(people: list[Person]) -> None:
    scenes = [compose(people, seed, "selfie") for seed in range(8)]
    angles = {(r.yaw, r.roll) for scene in scenes for r in scene.records}
    assert angles == {(10.0, -5.0), (-10.0, 5.0)}


def test_near_faces_are_each_shown_once(people: list[Person]) -> None:
    for seed in range(6):
        scene = compose(people, seed, "audience")
        near = scene.boxes[:, 3] - scene.boxes[:, 1] > REPEATED_BELOW + 2
        names = [r.identity for r, n in zip(scene.records, near, strict=True) if n]
        assert len(names) == len(set(names))


def test_outlines_by_rule_stay_small(people: list[Person]) -> None:
    rough = [
        (Cutout(c.image, c.alpha, c.box, clean=False), r) for c, r in people
    ]  # fmt: skip
    for seed in range(4):
        scene = compose(rough, seed, "queue")
        assert (scene.boxes[:, 3] - scene.boxes[:, 1] < placing._UNCLEAN_BELOW + 2).all()
        heights = np.diff(compose(rough, seed, "selfie").boxes[:, 1::2])
        assert (heights < placing._UNCLEAN_BELOW + 2).all()


def test_background_fills_the_scene() -> None:
    tall = np.zeros((300, 40, 3), np.uint8)
    tall[:] = (200, 30, 30)
    scene = compose_crowd([], tall, np.random.default_rng(0), 320, 288, smallest=8)
    assert scene.image[..., 0].min() > 150
    assert scene.boxes.shape == (0, 4)
