"""Negatives: of the size wanted, reproducible, black ones among them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.blanks import NEGATIVES, draw_negative
from synth.painting import Painter


@pytest.mark.parametrize("painter", NEGATIVES, ids=lambda painter: painter.__name__)
@pytest.mark.parametrize("size", [(96, 64), (64, 96)], ids=["wide", "tall"])
def test_painters_fill_the_canvas(painter: Painter, size: tuple[int, int]) -> None:
    for seed in range(4):
        canvas = painter(np.random.default_rng(seed), *size)
        assert canvas.shape == (size[1], size[0], 3)
        assert canvas.dtype == np.float32
        assert np.isfinite(canvas).all()


def test_same_seed_gives_the_same_bytes() -> None:
    for seed in range(5):
        pictures = [draw_negative(np.random.default_rng(seed), 90, 70) for _ in range(2)]
        assert (pictures[0] == pictures[1]).all()


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(32, 200), st.integers(32, 200))
def test_any_size(seed: int, width: int, height: int) -> None:
    image = draw_negative(np.random.default_rng(seed), width, height)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8


def test_negatives_hold_black_flat_white_and_busy_pictures() -> None:
    pictures = [draw_negative(np.random.default_rng(seed), 64, 48) for seed in range(250)]
    assert any((p == 0).all() for p in pictures)
    assert any(p.min() > 235 for p in pictures)
    assert any(0 < p.mean() < 25 and p.std() > 2 for p in pictures)
    assert sum(p.std() < 1 for p in pictures) > 5
    assert sum(p.std() > 25 for p in pictures) > 40
