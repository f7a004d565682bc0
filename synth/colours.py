"""Colours of fabric: RGB albedo in 0 to 1."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Reals = NDArray[np.floating[Any]]  # single or double precision

# RGB 0 to 255 of masks on sale, black, white and skin-like ones included.
_COLOURS: dict[str, tuple[int, int, int]] = {
    "blue": (150, 200, 225),
    "pale": (188, 218, 234),  # the blue of most surgical masks, seen from outside
    "white": (238, 240, 242),
    "black": (28, 28, 30),
    "green": (120, 190, 180),
    "pink": (235, 180, 195),
    "grey": (105, 110, 118),
    "navy": (30, 42, 84),
    "red": (150, 30, 40),
    "light": (205, 165, 140),
    "dark": (130, 90, 70),
    "teal": (40, 165, 170),
}
_ANY = "any"  # any colour at all

# How often, by style: our guess, then moved towards the shares in 712 photographed faces of 28 px
# and more (kaggle853, training list): 47 % white or nearly, 26 % blue, 11 % black, 16 % other,
# where first drawings had 22, 30, 19, 28. "" is for styles that aren't named.
_SHARES: dict[str, dict[str, float]] = {
    "": dict(
        zip(
            (*_COLOURS, _ANY),
            (0.08, 0.08, 0.26, 0.16, 0.04, 0.04, 0.06, 0.06, 0.05, 0.04, 0.03, 0.01, 0.09),
            strict=True,
        )
    ),
    "surgical": {
        "blue": 0.2,
        "pale": 0.24,
        "white": 0.26,
        "black": 0.12,
        "green": 0.05,
        "pink": 0.04,
        "grey": 0.02,
        "navy": 0.01,
        "light": 0.02,
        _ANY: 0.04,
    },
    "kn95": {
        "white": 0.54,
        "black": 0.2,
        "grey": 0.05,
        "blue": 0.05,
        "pink": 0.04,
        "light": 0.02,
        "dark": 0.01,
        "navy": 0.02,
        _ANY: 0.07,
    },
    "cup": {
        "white": 0.64,
        "teal": 0.1,
        "blue": 0.08,
        "black": 0.06,
        "grey": 0.04,
        "light": 0.03,
        _ANY: 0.05,
    },
    "bandana": {
        "red": 0.2,
        "navy": 0.2,
        "black": 0.24,
        "white": 0.08,
        "grey": 0.06,
        _ANY: 0.22,
    },
}


def draw_colour(rng: np.random.Generator, style: str = "") -> Floats:
    """(3,) RGB albedo in 0 to 1 as masks of that style have it; "" is for any kind."""
    shares = _SHARES.get(style, _SHARES[""])
    weights = np.array(list(shares.values()))
    name = str(rng.choice(list(shares), p=weights / weights.sum()))
    if name == _ANY:
        hsv = np.array([[[rng.integers(180), rng.integers(60, 230), rng.integers(60, 245)]]])
        rgb = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)[0, 0] / 255.0
        return np.asarray(rgb, dtype=np.float64)
    base = np.array(_COLOURS[name], dtype=np.float64) / 255
    return np.asarray(np.clip(base + rng.normal(0, 0.025, 3), 0.03, 0.97))


def other_colour(colour: Reals, rng: np.random.Generator) -> Reals:
    """A second (3,) colour that is seen against the first."""
    second: Reals = draw_colour(rng)
    if np.abs(second - colour).max() < 0.25:
        second = 1 - colour
    if np.abs(second - colour).max() < 0.25:
        second = np.full(3, 0.9 if colour.mean() < 0.5 else 0.1)
    return second.astype(colour.dtype)


def blend(a: Reals, b: Reals, share: Reals) -> Reals:
    """(..., 3) mix of two colours by (...) share, in the share's precision."""
    a, b = a.astype(share.dtype, copy=False), b.astype(share.dtype, copy=False)
    return np.asarray(a + (b - a) * np.clip(share, 0, 1)[..., None])
