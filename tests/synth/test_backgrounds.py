"""Backgrounds: of the size wanted, varied, reproducible."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.backgrounds import BACKGROUNDS, draw_background
from synth.painting import Painter


@pytest.mark.parametrize("painter", BACKGROUNDS, ids=lambda painter: painter.__name__)
@pytest.mark.parametrize("size", [(96, 64), (64, 96)], ids=["wide", "tall"])
def test_painters_fill_the_canvas(painter: Painter, size: tuple[int, int]) -> None:
    for seed in range(4):
        canvas = painter(np.random.default_rng(seed), *size)
        assert canvas.shape == (size[1], size[0], 3)
        assert canvas.dtype == np.float32
        assert np.isfinite(canvas).all()


@pytest.mark.parametrize("painter", BACKGROUNDS, ids=lambda painter: painter.__name__)
def test_places_differ_from_seed_to_seed(painter: Painter) -> None:
    first, second = (painter(np.random.default_rng(seed), 80, 60) for seed in (1, 2))
    assert np.abs(first - second).mean() > 3
    # Something is to be seen in them.
    assert first.std() > 2


def test_same_seed_gives_the_same_bytes() -> None:
    for seed in range(5):
        pictures = [draw_background(np.random.default_rng(seed), 90, 70) for _ in range(2)]
        assert (pictures[0] == pictures[1]).all()


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(32, 200), st.integers(32, 200))
def test_any_size(seed: int, width: int, height: int) -> None:
    image = draw_background(np.random.default_rng(seed), width, height)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
