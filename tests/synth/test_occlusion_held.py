"""What is held before faces: covers what it should, leaves free what it should, repeats itself."""

import numpy as np
import pytest

from data.images import Image
from synth.face_model import Placement, place_by_box
from synth.faces import Face
from synth.occlusion.held import HELD, HELD_FRONT
from synth.occlusion.layer import Canvas, Layer, lay, make_canvas
from tests.synth.conftest import MakeRotation

ALL = HELD | HELD_FRONT
# Beside the mouth, or thin or clear before it.
_BESIDE = {"thinking", "phone_ear", "glass", "bottle"}
_SEEDS = 6


def _place(scale: float, rotation: np.ndarray | None = None) -> Placement:
    plain = place_by_box(np.array([40.0, 40.0, 40 + scale, 40 + 1.3 * scale]))
    return (
        plain
        if rotation is None
        else Placement(plain.scale, rotation, plain.offset, plain.residuals)
    )


def _canvas(scale: float = 60.0, rotation: np.ndarray | None = None) -> tuple[Image, Canvas]:
    image = np.full((200, 180, 3), (120, 150, 190), np.uint8)
    box = np.array([40.0, 40.0, 40 + scale, 40 + 1.3 * scale])
    return image, make_canvas(image, _place(scale, rotation), box)


def _paint(name: str, canvas: Canvas, seed: int) -> Layer:
    return ALL[name](canvas, np.random.default_rng(seed))


@pytest.mark.parametrize("name", ALL)
def test_layers_are_sound(name: str, rotate: MakeRotation) -> None:
    canvases = [_canvas()[1], _canvas(6.0)[1], _canvas(50.0, rotate(80, 10, 25))[1]]
    for seed, canvas in enumerate(canvases):
        layer = _paint(name, canvas, seed)
        assert layer.colour.shape == (canvas.size, canvas.size, 3)
        assert layer.alpha.shape == (canvas.size, canvas.size)
        assert layer.colour.dtype == layer.alpha.dtype == np.float32
        assert np.isfinite(layer.colour).all()
        assert np.isfinite(layer.alpha).all()
        assert layer.alpha.min() >= 0
        assert layer.alpha.max() <= 1
        assert layer.alpha.max() > 0.5
        assert layer.colour.min() >= 0
        assert layer.colour.max() <= 1


@pytest.mark.parametrize("name", [name for name in HELD if name not in _BESIDE])
def test_the_mouth_is_covered(name: str) -> None:
    _, canvas = _canvas()
    x, y = canvas.flat(np.zeros((1, 2)))[0].astype(int)
    at_mouth = [_paint(name, canvas, seed).alpha[y, x] for seed in range(_SEEDS)]
    assert np.median(at_mouth) > 0.5


@pytest.mark.parametrize("name", HELD_FRONT)
def test_most_of_a_mask_stays_free(name: str) -> None:
    _, canvas = _canvas()
    x, y = canvas.grid()
    region = (np.abs(x) < 0.5) & (y > -0.45) & (y < 0.42)
    shares = [_paint(name, canvas, seed).alpha[region].mean() for seed in range(12)]
    assert max(shares) < 1 / 3


@pytest.mark.parametrize("name", ALL)
def test_a_seed_gives_the_same_bytes(name: str) -> None:
    _, canvas = _canvas(30.0)
    first, again = _paint(name, canvas, 5), _paint(name, canvas, 5)
    assert first.colour.tobytes() == again.colour.tobytes()
    assert first.alpha.tobytes() == again.alpha.tobytes()


def test_laid_on_a_face(portrait: Image, head: Face) -> None:
    placement = place_by_box(head.box)
    canvas = make_canvas(portrait, placement, head.box)
    layer = _paint("hand_cover", canvas, 1)
    drawn = lay(portrait, canvas, layer, placement, np.random.default_rng(0))
    assert drawn.dtype == np.uint8
    assert drawn.shape == portrait.shape
    assert (drawn != portrait).any()


@pytest.mark.parametrize("offset", [(-9000.0, 0.0), (0.0, 9000.0)], ids=["left", "below"])
def test_far_off_nothing_changes(offset: tuple[float, float]) -> None:
    image, canvas = _canvas()
    placement = _place(60.0)
    away = Placement(
        placement.scale, placement.rotation, placement.offset + offset, placement.residuals
    )
    drawn = lay(image, canvas, _paint("towel", canvas, 0), away, np.random.default_rng(0))
    assert np.array_equal(drawn, image)
