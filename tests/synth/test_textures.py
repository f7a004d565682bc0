"""Prints and colours."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import UsageError
from synth.colours import draw_colour, other_colour
from synth.fabric import fabric_albedo
from synth.mask import Mask
from synth.patterns import plain
from synth.shapes import SHAPES, draw_shape
from synth.states import STATES, wear
from synth.textures import PLAIN_SHARE, PRINTS, draw_print, find_print

# Beyond the sheet's edges, as the renderer samples it.
U, V = np.meshgrid(np.linspace(-1.28, 1.28, 180), np.linspace(-0.14, 1.14, 90))


@pytest.mark.parametrize("name", PRINTS)
def test_prints_are_albedo(name: str) -> None:
    for seed in range(25):
        rng = np.random.default_rng(seed)
        albedo = PRINTS[name](U, V, draw_colour(rng), rng)
        assert albedo.shape == (90, 180, 3)
        assert np.isfinite(albedo).all()
        assert albedo.min() >= 0
        assert albedo.max() <= 1


@pytest.mark.parametrize("name", PRINTS)
def test_prints_follow_their_generator(name: str) -> None:
    colour = np.array([0.2, 0.5, 0.8])
    first, again, other = (
        PRINTS[name](U, V, colour, np.random.default_rng(seed)) for seed in (4, 4, 5)
    )
    assert (first == again).all()
    assert (first == other).all() == (name == "plain")


@pytest.mark.parametrize("name", [n for n in PRINTS if n != "plain"])
def test_prints_are_seen(name: str) -> None:
    """On every colour of twenty some part of the fabric differs clearly from plain."""
    inside = (np.abs(U) < 1) & (np.abs(V - 0.5) < 0.5)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        colour = draw_colour(rng)
        off = np.abs(PRINTS[name](U, V, colour, rng) - colour).max(-1)[inside]
        # Threads are only a little lighter or darker than their ground.
        assert (off > (0.07 if name == "weave" else 0.15)).mean() > 0.01, seed


def test_plain_is_one_colour() -> None:
    colour = np.array([0.1, 0.2, 0.3])
    albedo = plain(U, V, colour, np.random.default_rng(0))
    assert (albedo == colour).all()
    albedo[0] = 0  # a copy, not a view of the colour
    assert colour.tolist() == [0.1, 0.2, 0.3]


@given(st.integers(0, 2**32 - 1))
def test_colours_are_albedo(seed: int) -> None:
    colour = draw_colour(np.random.default_rng(seed))
    assert colour.shape == (3,)
    assert 0 <= colour.min() <= colour.max() <= 1


def test_black_white_and_blue_are_common() -> None:
    rng = np.random.default_rng(0)
    colours = np.array([draw_colour(rng) for _ in range(1000)])
    assert (colours.max(1) < 0.3).mean() > 0.1
    assert (colours.min(1) > 0.8).mean() > 0.1
    assert (colours[:, 2] - colours[:, 0] > 0.15).mean() > 0.1


@pytest.mark.parametrize("style", ["", *SHAPES])
def test_every_style_has_its_colours(style: str) -> None:
    rng = np.random.default_rng(0)
    colours = np.array([draw_colour(rng, style) for _ in range(400)])
    assert 0 <= colours.min() <= colours.max() <= 1
    assert (colours.max(1) < 0.3).any()  # black is never missing
    assert len(np.unique(colours.round(1), axis=0)) > 10


@given(st.integers(0, 2**32 - 1), st.tuples(*[st.floats(0, 1)] * 3))
def test_second_colours_are_seen(seed: int, colour: tuple[float, ...]) -> None:
    first = np.array(colour)
    second = other_colour(first, np.random.default_rng(seed))
    assert np.abs(first - second).max() >= 0.25
    assert 0 <= second.min() <= second.max() <= 1


@pytest.mark.parametrize("name", PRINTS)
def test_prints_keep_single_precision(name: str) -> None:
    u, v = U.astype(np.float32), V.astype(np.float32)
    colour = np.array([0.2, 0.5, 0.8])
    single = PRINTS[name](u, v, colour, np.random.default_rng(3))
    double = PRINTS[name](U, V, colour, np.random.default_rng(3))
    assert single.dtype == np.float32
    assert (np.abs(single - double).max(-1) > 0.05).mean() < 0.01


PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


@pytest.mark.parametrize("name", ["photo", "file:logo.png"])
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (40, 60)], ids=str)
def test_pictures_are_shown(name: str, size: tuple[int, int]) -> None:
    plate = np.full((*size, 3), (250, 120, 10), np.uint8)  # BGR
    for seed in range(10):
        shown = find_print(name, plate)(U, V, np.ones(3), np.random.default_rng(seed))
        assert np.abs(shown - np.array([10, 120, 250]) / 255).max() < 1e-6


def test_pictures_differ_by_generator_and_content() -> None:
    show, other = find_print("photo", PICTURE), find_print("photo", PICTURE[::-1].copy())
    first, again, moved = (show(U, V, np.ones(3), np.random.default_rng(s)) for s in (1, 1, 2))
    assert (first == again).all()
    assert (first != moved).any()
    assert (first != other(U, V, np.ones(3), np.random.default_rng(1))).any()


def test_prints_are_found_by_name() -> None:
    assert all(find_print(name) is PRINTS[name] for name in PRINTS)
    with pytest.raises(UsageError, match="expected a print among plain, stripes"):
        find_print("tartan")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("style", SHAPES)
def test_fabric_is_albedo(style: str, state: str) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        shape = wear(draw_shape(rng, style), state, rng)
        mask = Mask(shape, draw_colour(rng, style), draw_print(style, rng), seed)
        for dtype in (np.float32, np.float64):
            u, v = U.astype(dtype), V.astype(dtype)
            albedo = fabric_albedo(mask, u, v, np.random.default_rng(seed))
            assert albedo.shape == (90, 180, 3)
            assert albedo.dtype == dtype
            assert 0 <= albedo.min() <= albedo.max() <= 1


@pytest.mark.parametrize("style", PLAIN_SHARE)
@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 10.0])
def test_share_of_plain_fabric(style: str, factor: float) -> None:
    rng = np.random.default_rng(0)
    counts = Counter(draw_print(style, rng, factor) for _ in range(1500))
    expected = max(0.0, 1 - (1 - PLAIN_SHARE[style]) * factor)
    assert counts["plain"] / 1500 == pytest.approx(expected, abs=0.04)
    assert set(counts) <= set(PRINTS)


def test_every_print_is_drawn() -> None:
    rng = np.random.default_rng(0)
    assert {draw_print("cloth", rng) for _ in range(1500)} == set(PRINTS)
