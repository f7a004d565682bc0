"""Straps: where they run, where they end."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from data.images import Image
from synth.face_model import Floats, Placement, mean_face
from synth.light import neutral_light
from synth.mask import Mask
from synth.shapes import SHAPES, Shape, draw_shape
from synth.states import STATES, wear
from synth.straps import draw_straps

MakeRotation = Callable[[float, float, float], Floats]

SKIN = np.array([0.47, 0.59, 0.78])  # BGR
OFFSET = np.array([200.0, 120])


def strap_of(
    shape: Shape, rotation: Floats, region: Floats | None = None, colour: float = 0.05
) -> Floats:
    """(400, 400) how much the straps change a region of bare skin, at 120 px a face unit."""
    if region is None:
        region = np.broadcast_to(SKIN, (400, 400, 3)).copy()
    placement = Placement(120, rotation, OFFSET, np.zeros((68, 2)))
    light = neutral_light(np.zeros(region.shape, np.uint8))
    mask = Mask(shape, np.full(3, colour), "plain", 5)
    drawn = draw_straps(region, placement, mask, light, (0, 0))
    assert drawn.shape == region.shape
    assert drawn.dtype == region.dtype
    assert np.isfinite(drawn).all()
    return np.asarray(np.abs(drawn - region).max(-1))


@pytest.mark.parametrize("straps", ["loops", "head", "ties"])
def test_frontal_faces_show_both_sides(straps: str, rotate: MakeRotation) -> None:
    off = strap_of(replace(SHAPES["surgical"], straps=straps), rotate(0, 10, 0)) > 0.1
    rows, columns = np.nonzero(off)
    middle = OFFSET[0]
    # Within the head's outline, never across the face's middle.
    assert middle - 0.8 * 120 < columns.min() < middle - 0.5 * 120
    assert middle + 0.5 * 120 < columns.max() < middle + 0.8 * 120
    assert not off[:, int(middle - 40) : int(middle + 40)].any()
    assert rows.min() > OFFSET[1] - 90


@pytest.mark.parametrize("yaw", [-75, -60, 60, 75])
@pytest.mark.parametrize("straps", ["loops", "head", "ties"])
def test_profiles_show_the_near_side_alone(straps: str, yaw: float, rotate: MakeRotation) -> None:
    rotation = rotate(yaw, 10, 0)
    off = strap_of(replace(SHAPES["surgical"], straps=straps), rotation) > 0.1
    columns = np.nonzero(off)[1]
    nose = (120 * mean_face()[30] @ rotation[:2].T + OFFSET)[0]
    # All of it behind the mouth, as seen from the nose.
    assert (np.sign(yaw) * (nose - columns) > 30).all()
    assert np.ptp(columns) > 30


def test_loops_end_where_hair_begins(rotate: MakeRotation) -> None:
    shape, rotation = SHAPES["surgical"], rotate(0, 10, 0)
    hair = np.broadcast_to(SKIN, (400, 400, 3)).copy()
    hair[:, :138] = hair[:, 262:] = (0.05, 0.07, 0.09)
    skin = strap_of(shape, rotation, colour=0.9)[:, :134]
    over = strap_of(shape, rotation, hair, colour=0.9)[:, :134]
    assert skin.max() > 0.1
    assert over.max() < 0.5 * skin.max()
    # Bands around the head lie on the hair.
    head = strap_of(replace(shape, straps="head"), rotation, hair, colour=0.9)[:, :134]
    assert head.max() > 0.2


def test_styles_without_straps_have_none(rotate: MakeRotation) -> None:
    assert strap_of(SHAPES["gaiter"], rotate(0, 0, 0)).max() == 0


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_hanging_masks_keep_one_loop(side: float, rotate: MakeRotation) -> None:
    rng = np.random.default_rng(0)
    shape = wear(SHAPES["surgical"], "hanging", rng, -90 * side)
    assert shape.hang == side
    columns = np.nonzero(strap_of(shape, rotate(0, 10, 0)) > 0.1)[1]
    assert (side * (columns - OFFSET[0]) > 30).all()
    assert len(columns) > 20
    # Turned away, nothing of it is seen.
    assert strap_of(shape, rotate(80 * side, 10, 0)).max() == 0


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("style", SHAPES)
def test_any_pose(style: str, state: str, rotate: MakeRotation) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        shape = wear(draw_shape(rng, style), state, rng)
        rotation = rotate(*rng.uniform([-100, -70, -180], [100, 70, 180]))
        region = rng.random((60, 50, 3))
        strap_of(shape, rotation, region)


def test_single_precision_and_grey_pictures(rotate: MakeRotation) -> None:
    region = np.full((400, 400, 3), 0.5, np.float32)
    assert strap_of(SHAPES["surgical"], rotate(0, 10, 0), region).max() > 0.2


def test_regions_without_the_face(portrait: Image) -> None:
    """Only the strap's end lies in the picture: no skin to compare with."""
    placement = Placement(120, np.eye(3), np.array([-60.0, 60]), np.zeros((68, 2)))
    region = portrait.astype(np.float64) / 255
    mask = Mask(SHAPES["surgical"], np.full(3, 0.9), "plain", 5)
    light = neutral_light(portrait)
    assert np.isfinite(draw_straps(region, placement, mask, light, (0, 0))).all()
