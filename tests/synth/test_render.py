"""Masks drawn on faces: what changes, what doesn't, and golden pictures.

`pytest tests/synth/test_render.py --update-golden` draws the golden pictures anew; look at them
before committing.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.images import Image, read_image, write_image
from synth.face_model import (
    Floats,
    Placement,
    landmarks_to_box,
    mean_face,
    place_by_box,
    place_by_landmarks,
)
from synth.faces import Face
from synth.mask import Mask
from synth.render import _sharpen, draw_mask, draw_mask_into
from synth.shapes import SHAPES, draw_shape
from synth.states import STATES, wear

MakeRotation = Callable[[float, float, float], Floats]

GOLDEN = Path(__file__).with_name("golden")
GREEN = np.array([0.1, 0.9, 0.1])
# The astronaut's head in `portrait`, as small as the masks allow.
WINDOW = np.s_[42:202, 30:190]


@pytest.fixture(scope="session")
def head(astronaut_face: Face) -> Face:
    """The face of `portrait`."""
    assert astronaut_face.landmarks is not None
    landmarks = astronaut_face.landmarks - [120, 20]
    return Face(landmarks_to_box(landmarks), landmarks)


def make_mask(style: str, state: str = "right", seed: int = 1, texture: str = "plain") -> Mask:
    shape = wear(SHAPES[style], state, np.random.default_rng(seed))
    return Mask(shape, GREEN, texture, seed)


def draw(image: Image, face: Face, mask: Mask, seed: int = 0) -> Image:
    return draw_mask(image, face.placement, face.box, mask, np.random.default_rng(seed))


def greenness(image: Image) -> Floats:
    """(H, W) how much greener than red and blue."""
    bgr = image.astype(np.float64)
    return np.asarray(np.maximum(bgr[..., 1] - np.maximum(bgr[..., 0], bgr[..., 2]), 0))


CASES = [
    *[(style, "right", "plain") for style in SHAPES],
    ("cloth", "right", "checks"),
    ("surgical", "nose_out", "plain"),
    ("surgical", "under_chin", "plain"),
]


@pytest.mark.parametrize(("style", "state", "texture"), CASES)
def test_golden_pictures(
    style: str, state: str, texture: str, portrait: Image, head: Face, update_golden: bool
) -> None:
    path = GOLDEN / f"{style}-{state}-{texture}.png"
    colours = {"surgical": (0.6, 0.8, 0.9), "kn95": (0.92, 0.93, 0.94), "gaiter": (0.1, 0.1, 0.1)}
    colour = np.array(colours.get(style, (0.55, 0.15, 0.2)))
    shape = wear(SHAPES[style], state, np.random.default_rng(7))
    drawn = draw(portrait, head, Mask(shape, colour, texture, 7))[WINDOW]
    if update_golden:
        write_image(path, np.ascontiguousarray(drawn))
    assert path.is_file(), "draw it: pytest tests/synth/test_render.py --update-golden"
    assert path.stat().st_size < 60_000
    off = np.abs(drawn.astype(np.int64) - read_image(path))
    assert off.mean() < 2
    assert np.percentile(off, 99) < 16


def test_no_golden_picture_is_left_over() -> None:
    expected = {f"{style}-{state}-{texture}.png" for style, state, texture in CASES}
    assert {path.name for path in GOLDEN.iterdir()} == expected


@pytest.mark.parametrize("style", SHAPES)
def test_picture_is_a_copy_and_deterministic(style: str, portrait: Image, head: Face) -> None:
    before = portrait.copy()
    first, again = (draw(portrait, head, make_mask(style)) for _ in range(2))
    assert (portrait == before).all()
    assert (first == again).all()
    assert first.shape == portrait.shape
    assert first.dtype == np.uint8
    # Another generator gives other grain, not another mask.
    other = draw(portrait, head, make_mask(style), seed=9)
    assert np.abs(other.astype(int) - first).mean() < 2
    assert (draw(portrait, head, make_mask(style, seed=2, texture="dots")) != first).any()


def test_drawing_into_the_picture_is_the_same(portrait: Image, head: Face) -> None:
    mask, image = make_mask("surgical"), portrait.copy()
    draw_mask_into(image, head.placement, head.box, mask, np.random.default_rng(0))
    assert (image == draw(portrait, head, mask)).all()


def test_white_masks_are_not_brighter_than_the_highlights(portrait: Image, head: Face) -> None:
    dull = (portrait * 0.6).astype(np.uint8)
    white = Mask(SHAPES["kn95"], np.full(3, 0.95), "plain", 1)
    drawn = draw(dull, head, white)
    changed = np.abs(drawn.astype(int) - dull).max(-1) > 30
    assert changed.sum() > 2000
    assert np.percentile(drawn[changed].max(-1), 99) <= np.percentile(dull.max(-1), 99.5) + 12


@pytest.mark.parametrize("style", ["cloth", "cup"])
def test_masks_on_sepia_photos_are_sepia(style: str, portrait: Image, head: Face) -> None:
    grey = cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY)[..., None] / 255
    sepia = ((grey * [0.72, 0.86, 1.0] + [0, 0.01, 0.03]).clip(0, 1) * 255).astype(np.uint8)
    drawn = draw(sepia, head, make_mask(style, texture="checks"))
    changed = np.abs(drawn.astype(int) - sepia).max(-1) > 20
    assert changed.sum() > 1000
    assert greenness(drawn)[changed].max() <= 3
    red = drawn[changed].astype(int)
    assert (red[:, 2] >= red[:, 0])[red.mean(-1) > 40].mean() > 0.98


def test_skin_below_and_beside_the_mask_is_shadowed(head: Face) -> None:
    box, placement = head.box, head.placement
    mask = Mask(SHAPES["surgical"], np.full(3, 0.9), "plain", 1)
    # A sharp camera: on a picture without detail masks are blurred.
    drawn = draw_mask(SKIN, placement, box, mask, np.random.default_rng(0), match_light=False)
    assert head.landmarks is not None
    change = drawn.astype(int).sum(-1) - SKIN.astype(int).sum(-1)
    nose, chin = head.landmarks[28].astype(int), head.landmarks[8].astype(int)
    assert change[nose[1] - 12 : nose[1] + 30, nose[0]].min() < -8
    assert change[chin[1] : chin[1] + 16, chin[0]].min() < -40


@pytest.mark.parametrize("style", SHAPES)
@pytest.mark.parametrize("state", STATES)
def test_pixels_away_from_the_face_stay(
    style: str, state: str, astronaut_image: Image, astronaut_face: Face
) -> None:
    drawn = draw(astronaut_image, astronaut_face, make_mask(style, state))
    changed = (drawn != astronaut_image).any(-1)
    x1, y1, x2, y2 = astronaut_face.box
    margin = 0.6 * (y2 - y1)
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 500
    assert columns.min() > x1 - margin
    assert columns.max() < x2 + margin
    # Never above the brows, but for the straps around the head and what is pushed up.
    high = make_mask(style).shape.straps == "head" or state == "forehead"
    assert rows.min() > (y1 - margin if high else y1)
    assert rows.max() < y2 + margin


@pytest.mark.parametrize("style", SHAPES)
@pytest.mark.parametrize(
    ("state", "covered"),
    [
        pytest.param("right", True, id="right"),
        pytest.param("nose_out", False, id="nose_out"),
        pytest.param("under_lip", False, id="under_lip"),
        pytest.param("under_chin", False, id="under_chin"),
    ],
)
def test_nose_tip_is_seen_or_not(
    style: str, state: str, covered: bool, portrait: Image, head: Face
) -> None:
    """On the pixels: the mask is green, the face isn't."""
    assert head.landmarks is not None
    x, y = head.landmarks[30].astype(int)
    chin_x, chin_y = (0.25 * head.landmarks[57] + 0.75 * head.landmarks[8]).astype(int)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        mask = Mask(wear(draw_shape(rng, style), state, rng), GREEN, "plain", seed)
        green = greenness(draw(portrait, head, mask))
        nose = green[y - 2 : y + 2, x - 2 : x + 3].mean()
        assert (nose > 30) == covered, (seed, nose)
        if state in ("right", "nose_out", "under_lip"):
            chin = green[chin_y - 1 : chin_y + 2, chin_x - 2 : chin_x + 3].mean()
            assert chin > 30, (seed, chin)


@pytest.mark.parametrize(
    "offset",
    [(-5000.0, 50.0), (50.0, 5000.0), (900.0, 900.0)],
    ids=["left", "below", "past-the-corner"],
)
def test_mask_outside_the_picture_changes_nothing(
    offset: tuple[float, float], portrait: Image
) -> None:
    placement = Placement(60, np.eye(3), np.array(offset), np.zeros((68, 2)))
    box = landmarks_to_box(placement.project(mean_face()))
    drawn = draw_mask(portrait, placement, box, make_mask("surgical"), np.random.default_rng(0))
    assert (drawn == portrait).all()
    assert drawn is not portrait


# A photo without colour would give a mask without colour.
SKIN = np.full((300, 300, 3), (120, 150, 200), np.uint8)
SKIN.setflags(write=False)


def draw_pose(rotation: Floats, scale: float, offset: Floats, mask: Mask) -> Image:
    placement = Placement(scale, rotation, offset, np.zeros((68, 2)))
    box = landmarks_to_box(placement.project(mean_face()))
    return draw_mask(SKIN, placement, box, mask, np.random.default_rng(0))


@pytest.mark.parametrize("style", SHAPES)
def test_profiles_show_the_near_side_alone(style: str, rotate: MakeRotation) -> None:
    """At yaw 60 the far cheek is hidden: the mask ends just beyond nose and mouth."""
    offset = np.array([140.0, 100])
    rotation = rotate(60, 10, 0)
    right = greenness(draw_pose(rotation, 100, offset, make_mask(style)))
    points = 100 * mean_face() @ rotation[:2].T + offset
    columns = np.nonzero((right > 30).any(0))[0]
    assert columns.max() < points[30, 0] + 30
    assert columns.min() < points[48, 0] - 15  # the near cheek
    # The mirror image, but for creases, sampling and the generator's tilt.
    left = greenness(draw_pose(rotate(-60, 10, 0), 100, np.array([160.0, 100]), make_mask(style)))
    both = (right > 30).sum() + (left[:, ::-1] > 30).sum()
    assert ((right > 30) ^ (left[:, ::-1] > 30)).sum() < 0.1 * both


@pytest.mark.parametrize("height", [4, 8, 12, 20])
@pytest.mark.parametrize("style", SHAPES)
def test_tiny_faces(style: str, height: float) -> None:
    box = np.array([100.0, 100, 100 + 0.8 * height, 100 + height])
    mask = make_mask(style)
    drawn = draw_mask(SKIN, place_by_box(box), box, mask, np.random.default_rng(0))
    green = greenness(drawn)
    low = green[int(100 + 0.6 * height) : int(100 + 0.9 * height) + 1, 100 : int(box[2])]
    assert low.max() > 25
    assert green[: int(100 + 0.2 * height) - 4].max() <= 1
    assert (drawn[:80] == SKIN[:80]).all()


@pytest.mark.parametrize("window", [np.s_[:130, :], np.s_[:, :100], np.s_[120:, 110:]], ids=str)
def test_faces_cut_by_the_picture(window: tuple[slice, slice], portrait: Image, head: Face) -> None:
    """The same mask on a part of the photo: drawn as far as the picture goes."""
    corner = np.array([window[1].start or 0, window[0].start or 0])
    part = np.ascontiguousarray(portrait[window])
    assert head.landmarks is not None
    placement = place_by_landmarks(head.landmarks - corner)
    mask = make_mask("surgical")
    drawn = draw_mask(
        part, placement, head.box - np.tile(corner, 2), mask, np.random.default_rng(0)
    )
    whole = greenness(draw(portrait, head, mask)[window]) > 30
    cut = greenness(drawn) > 30
    assert (whole ^ cut).mean() < 0.05
    assert cut.any() == whole.any()


def test_dark_faces_get_dark_masks(portrait: Image, head: Face) -> None:
    bright = draw(portrait, head, make_mask("surgical"))
    dark = draw((portrait * 0.3).astype(np.uint8), head, make_mask("surgical"))
    worn = greenness(bright) > 40
    assert dark[worn].mean() == pytest.approx(0.3 * bright[worn].mean(), rel=0.25)


@settings(max_examples=30)
@given(
    st.sampled_from(sorted(SHAPES)),
    st.sampled_from(sorted(STATES)),
    st.tuples(st.floats(-100, 100), st.floats(-70, 70), st.floats(-180, 180)),
    st.floats(1, 250),
    st.tuples(st.floats(-100, 400), st.floats(-100, 400)),
    st.integers(0, 2**31),
)
def test_any_pose_is_drawn(
    rotate: MakeRotation,
    style: str,
    state: str,
    pose: tuple[float, float, float],
    scale: float,
    offset: tuple[float, float],
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    mask = Mask(wear(draw_shape(rng, style), state, rng), GREEN, "plain", seed)
    drawn = draw_pose(rotate(*pose), scale, np.array(offset), mask)
    assert drawn.shape == SKIN.shape
    assert drawn.dtype == np.uint8


def test_mask_takes_on_the_photo_s_jpeg_blocks(portrait: Image, head: Face) -> None:
    """Drawn onto a hard-pressed photo, a printed mask has fewer fine steps than on a clean one."""
    coded = cv2.imencode(".jpg", portrait, [cv2.IMWRITE_JPEG_QUALITY, 12])[1]
    pressed = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
    mask = Mask(SHAPES["kn95"], GREEN, "checks", 3)
    share = {}
    for name, photo in (("clean", portrait), ("pressed", pressed)):
        drawn = draw_mask(photo, head.placement, head.box, mask, np.random.default_rng(0))
        changed = np.abs(drawn.astype(int) - photo).max(2) > 40
        again = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, 12])[1]
        repeat = np.asarray(cv2.imdecode(again, cv2.IMREAD_COLOR), dtype=int)
        # What was coded already hardly changes when it is coded the same way again.
        share[name] = float(np.abs(repeat - drawn)[changed].mean())
    assert share["pressed"] < 0.6 * share["clean"]


def test_sharpening_leaves_a_halo_at_the_mask_s_edge_and_spares_the_rest() -> None:
    alpha = np.zeros((40, 40), np.float32)
    alpha[:, 20:] = 1
    drawn = np.repeat((0.3 + 0.4 * alpha)[..., None], 3, 2)
    drawn[::2, :8] += 0.1
    sharp = _sharpen(drawn, alpha, 1.0)
    assert sharp[20, 18:20].min() < 0.29
    assert sharp[20, 20:22].max() > 0.71
    np.testing.assert_allclose(sharp[:, :8], drawn[:, :8], atol=1e-3)
