"""What is worn covers what it should, and nothing else, in any pose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.images import Image
from synth.face_model import Placement, landmarks_to_box, mean_face, place_by_landmarks
from synth.faces import Face
from synth.occlusion.eyes import paint_glasses, paint_shield, paint_sunglasses
from synth.occlusion.garments import (
    paint_hood,
    paint_hoodie,
    paint_jacket,
    paint_scarf,
    paint_towel,
    paint_turtleneck,
    paint_veil,
)
from synth.occlusion.hair import draw_hair, paint_beard, paint_strands
from synth.occlusion.layer import Canvas, Layer, lay, make_canvas
from synth.occlusion.worn import WEIGHTS, WORN, WORN_FRONT, Painter, paint_hat, paint_headset
from tests.synth.conftest import MakeRotation

ALL = WORN | {f"front {name}": painter for name, painter in WORN_FRONT.items()}
PAINTERS = pytest.mark.parametrize("painter", ALL.values(), ids=ALL.keys())
EYES = ["left eye", "right eye"]
LANDMARKS: dict[str, list[int]] = {
    "left eye": list(range(36, 42)),
    "right eye": list(range(42, 48)),
    "nose tip": [30],
    "mouth": list(range(60, 68)),
    "chin": [8],
    "brow": [21, 22],
}


def _place(scale: float, rotation: np.ndarray) -> Placement:
    return Placement(scale, rotation, np.array([80.0, 60.0]), np.zeros((68, 2)))


def _canvas(placement: Placement) -> Canvas:
    image = np.full((200, 160, 3), 140, np.uint8)
    return make_canvas(image, placement, landmarks_to_box(placement.project(mean_face())))


@pytest.fixture
def level(rotate: MakeRotation) -> Canvas:
    """A face that looks straight at the camera."""
    return _canvas(_place(70.0, rotate(0, 15, 0)))


def _cover(canvas: Canvas, layer: Layer, part: str) -> float:
    """Mean alpha at a part of the face."""
    at = canvas.project(mean_face()[LANDMARKS[part]]).mean(0).astype(int)
    return float(layer.alpha[at[1] - 1 : at[1] + 2, at[0] - 1 : at[0] + 2].mean())


@PAINTERS
@pytest.mark.parametrize(
    ("scale", "angles"),
    [
        pytest.param(70.0, (0, 15, 0), id="level"),
        pytest.param(50.0, (85, 10, 0), id="profile"),
        pytest.param(50.0, (-60, -20, 40), id="turned"),
        pytest.param(3.0, (20, 15, -20), id="tiny"),
    ],
)
def test_layer_is_an_array_of_shares(
    painter: Painter, scale: float, angles: tuple[float, float, float], rotate: MakeRotation
) -> None:
    canvas = _canvas(_place(scale, rotate(*angles)))
    for seed in range(3):
        layer = painter(canvas, np.random.default_rng(seed))
        assert layer.colour.shape == (canvas.size, canvas.size, 3)
        assert layer.alpha.shape == (canvas.size, canvas.size)
        assert layer.colour.dtype == layer.alpha.dtype == np.float32
        assert np.isfinite(layer.colour).all()
        assert layer.colour.min() >= 0
        assert layer.colour.max() <= 1
        assert layer.alpha.min() >= 0
        assert 0.02 < layer.alpha.max() <= 1
        assert layer.alpha[[0, -1]].max() < 0.01  # no cut is seen


@PAINTERS
def test_same_seed_same_bytes(painter: Painter, level: Canvas) -> None:
    one, two = (painter(level, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one.colour, two.colour)
    np.testing.assert_array_equal(one.alpha, two.alpha)


@pytest.mark.parametrize(
    ("painter", "parts"),
    [
        pytest.param(paint_scarf, [*EYES, "nose tip"], id="scarf"),
        pytest.param(paint_turtleneck, [*EYES, "nose tip"], id="turtleneck"),
        pytest.param(paint_jacket, [*EYES, "nose tip"], id="jacket"),
        pytest.param(paint_towel, [*EYES, "nose tip", "mouth"], id="towel"),
        pytest.param(paint_hoodie, [*EYES, "nose tip", "mouth"], id="hoodie"),
        pytest.param(paint_hood, [*EYES, "nose tip", "mouth", "chin"], id="hood"),
        pytest.param(paint_beard, [*EYES, "nose tip", "mouth"], id="beard"),
        pytest.param(paint_glasses, ["nose tip", "mouth", "chin"], id="glasses"),
        pytest.param(paint_sunglasses, ["nose tip", "mouth", "chin"], id="sunglasses"),
        pytest.param(paint_headset, [*EYES, "nose tip", "chin"], id="headset"),
        pytest.param(paint_hat, ["nose tip", "mouth", "chin"], id="hat"),
        pytest.param(paint_veil, EYES, id="veil"),
    ],
)
def test_leaves_free(painter: Painter, parts: list[str], level: Canvas) -> None:
    for seed in range(12):
        layer = painter(level, np.random.default_rng(seed))
        for part in parts:
            assert _cover(level, layer, part) < 0.15, (seed, part)


@pytest.mark.parametrize(
    ("painter", "parts"),
    [
        pytest.param(paint_sunglasses, EYES, id="sunglasses"),
        pytest.param(paint_veil, ["nose tip", "mouth", "chin"], id="veil"),
    ],
)
def test_covers(painter: Painter, parts: list[str], level: Canvas) -> None:
    for seed in range(12):
        layer = painter(level, np.random.default_rng(seed))
        for part in parts:
            assert _cover(level, layer, part) > 0.45, (seed, part)


def test_face_is_seen_through_a_shield(level: Canvas) -> None:
    shares = [
        _cover(level, paint_shield(level, np.random.default_rng(seed)), part)
        for seed in range(8)
        for part in LANDMARKS
    ]
    assert 0.01 < np.median(shares) < 0.3


def test_neck_is_covered_by_what_is_worn_about_it(level: Canvas) -> None:
    x, y = level.project(np.array([[0.0, 1.42, -0.2]]))[0].astype(int)
    for painter in (paint_scarf, paint_turtleneck, paint_jacket):
        assert painter(level, np.random.default_rng(0)).alpha[y, x] > 0.95


@given(st.integers(0, 2**32), st.sampled_from(list(ALL)), st.floats(0.5, 150))
def test_any_scale_and_seed(seed: int, name: str, scale: float) -> None:
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation[2] *= np.linalg.det(rotation)
    layer = ALL[name](_canvas(_place(scale, rotation)), rng)
    assert np.isfinite(layer.colour).all()
    assert 0 <= layer.alpha.min() <= layer.alpha.max() <= 1


def test_laid_into_a_photo(portrait: Image, head: Face) -> None:
    assert head.landmarks is not None
    placement = place_by_landmarks(head.landmarks)
    canvas = make_canvas(portrait, placement, head.box)
    rng = np.random.default_rng(1)
    drawn = lay(portrait, canvas, paint_sunglasses(canvas, rng), placement, rng)
    x, y = head.landmarks[36:48].mean(0).astype(int)
    eyes = (slice(y - 3, y + 4), slice(x - 22, x + 23))
    assert drawn[eyes].mean() < 0.8 * portrait[eyes].mean()


def test_hair_is_of_many_colours() -> None:
    tones = [draw_hair(np.random.default_rng(seed)).mean() for seed in range(40)]
    assert min(tones) < 0.1
    assert max(tones) > 0.5


def test_strands_reach_the_face(level: Canvas) -> None:
    total = sum(paint_strands(level, np.random.default_rng(seed)).alpha.mean() for seed in range(6))
    assert total > 0.02


def test_weights_are_of_painters() -> None:
    assert WEIGHTS.keys() <= WORN.keys() | WORN_FRONT.keys()
    assert WEIGHTS["veil"] < 0.5
