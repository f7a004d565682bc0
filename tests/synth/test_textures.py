"""Prints and colours."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.textures import PLAIN_SHARE, PRINTS, draw_colour, draw_print, plain

# Beyond the sheet's edges, as the renderer samples it.
U, V = np.meshgrid(np.linspace(-1.28, 1.28, 90), np.linspace(-0.14, 1.14, 60))


@pytest.mark.parametrize("name", PRINTS)
def test_prints_are_albedo(name: str) -> None:
    for seed in range(25):
        rng = np.random.default_rng(seed)
        albedo = PRINTS[name](U, V, draw_colour(rng), rng)
        assert albedo.shape == (60, 90, 3)
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
        assert (off > 0.15).mean() > 0.01, seed


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


@pytest.mark.parametrize("style", PLAIN_SHARE)
def test_share_of_plain_fabric(style: str) -> None:
    rng = np.random.default_rng(0)
    counts = Counter(draw_print(style, rng) for _ in range(2000))
    assert counts["plain"] / 2000 == pytest.approx(PLAIN_SHARE[style], abs=0.05)
    assert set(counts) == set(PRINTS)
