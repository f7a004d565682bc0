"""Towels, handkerchiefs and tissues: crumpled cloth with a ragged outline."""

from dataclasses import dataclass

import cv2
import numpy as np

from synth.colours import draw_colour
from synth.occlusion.layer import Canvas, Floats
from synth.occlusion.patches import (
    Patch,
    Window,
    find_window,
    photograph,
    shade,
    smooth_noise,
    soften,
)
from synth.textures import PRINTS, find_print

# Prints are drawn on a copy so much smaller: cloth before a mouth is seldom sharper.
_COARSE = 2
_WHITE = np.array([0.93, 0.93, 0.91])


@dataclass(frozen=True, eq=False)
class Cloth:
    """A cloth that is held; face units about the mouth.

    Attributes:
        grip: (x, y) from where its folds run.
        middle: (x, y) of its outline.
        half: half its width and height.
        ragged: how far the outline strays, as a share of the half width.
        fold: depth of its folds.
        print_name: key of synth.textures.PRINTS.
        white: share of tissue white in its colour.
        terry: depth of a towel's loops.
    """

    grip: tuple[float, float]
    middle: tuple[float, float]
    half: tuple[float, float]
    ragged: float
    fold: float
    print_name: str = "plain"
    white: float = 0.0
    terry: float = 0.0


def draw_print_name(rng: np.random.Generator, plain: float) -> str:
    """A print by name, plain in that share of cases."""
    names = ["checks", "stripes", "dots", "flowers", "paisley", "bands", "weave"]
    return "plain" if rng.random() < plain else str(rng.choice([n for n in names if n in PRINTS]))


def paint_cloth(canvas: Canvas, cloth: Cloth, rng: np.random.Generator) -> Patch:
    """A cloth as photographed."""
    reach = 1 + cloth.ragged + 0.12
    corner = np.array(cloth.half) * reach
    middle = np.array(cloth.middle)
    window = find_window(canvas, tuple(middle - corner), tuple(middle + corner))
    inside = _outline(window, cloth, rng)
    height = _folds(window, cloth, rng)
    light = shade(height, window, canvas, depth=0.62)
    hollow = soften(height, 0.06 * window.unit) - height
    light *= np.clip(1 - 3.5 * hollow, 0.6, 1.12)
    albedo = _albedo(window, cloth, height, rng)
    colour = photograph(canvas, albedo) * np.clip(light, 0.3, 1.25)[..., None]
    colour = np.clip(colour, 0, canvas.light.ceiling).astype(np.float32)
    alpha = np.clip(0.5 + inside * window.unit, 0, 1)
    # Rims turn away from the viewer.
    colour *= (1 - 0.22 * np.exp(-np.clip(inside, 0, 1) / 0.03))[..., None]
    return Patch(window, colour, np.asarray(alpha, np.float32), shadow=0.3)


def _outline(window: Window, cloth: Cloth, rng: np.random.Generator) -> Floats:
    """Rough distance inside the outline, face units: a rounded square, pulled about."""
    a, b = (np.float32(v) for v in cloth.half)
    u = (window.x - np.float32(cloth.middle[0])) / a
    v = (window.y - np.float32(cloth.middle[1])) / b
    u = u + v * np.float32(rng.normal(0, 0.2))
    u = u * (1 - np.float32(rng.uniform(-0.15, 0.3)) * v)
    power = np.float32(rng.uniform(2.2, 5.0))
    away = (np.abs(u) ** power + np.abs(v) ** power) ** (1 / power)
    stray = smooth_noise(window, 0.55, rng) + 0.4 * smooth_noise(window, 0.16, rng)
    return np.asarray((1 - away + np.float32(cloth.ragged) * stray) * min(a, b), np.float32)


def _folds(window: Window, cloth: Cloth, rng: np.random.Generator) -> Floats:
    """Height of the cloth: folds that fan out from the grip and hang, crumples between them."""
    x = window.x - np.float32(cloth.grip[0])
    y = window.y - np.float32(cloth.grip[1])
    warp = 0.5 * smooth_noise(window, 0.7, rng)
    radius = np.sqrt(x * x + y * y) + np.float32(0.12)
    turned = np.arctan2(x, y) + warp
    h, w = window.shape
    # Ridged noise over angle and distance (Musgrave's 1 - |n|).
    grid = rng.normal(0, 0.6, (8, 34)).astype(np.float32)
    columns = ((turned / np.float32(np.pi) + 1.3) * np.float32(rng.uniform(7, 12))).astype(
        np.float32
    )
    rows = np.clip(radius * 1.1, 0, 7).astype(np.float32)
    fan = cv2.remap(grid, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    ridges = 1 - np.abs(fan)
    crumple = 1 - np.abs(smooth_noise(window, 0.34, rng) + 0.5 * smooth_noise(window, 0.17, rng))
    mix = np.float32(rng.uniform(0.15, 0.45))
    height = np.float32(cloth.fold) * (
        (1 - mix) * ridges * np.clip(radius * 1.6, 0.3, 1.2) + mix * crumple
    )
    height = soften(np.asarray(height, np.float32), 0.012 * window.unit)
    if cloth.terry:
        height += np.float32(cloth.terry) * rng.normal(0, 1, (h, w)).astype(np.float32)
    return height


def _albedo(window: Window, cloth: Cloth, height: Floats, rng: np.random.Generator) -> Floats:
    """(h, w, 3) colour of the cloth, its print drawn along the folds."""
    colour = np.asarray(draw_colour(rng, "cloth"), np.float64)
    colour = colour + (_WHITE - colour) * cloth.white
    h, w = window.shape
    if cloth.print_name == "plain":
        return np.broadcast_to(colour.astype(np.float32), (h, w, 3))
    small = cv2.resize(height, (max(w // _COARSE, 4), max(h // _COARSE, 4)))
    rows, columns = np.indices(small.shape, dtype=np.float32)
    scale = _COARSE / window.unit
    turn = rng.uniform(-0.8, 0.8)
    x = (columns - small.shape[1] / 2) * scale + small * 1.5
    y = (rows - small.shape[0] / 2) * scale + small * 1.2
    u = x * np.cos(turn) - y * np.sin(turn)
    v = (x * np.sin(turn) + y * np.cos(turn)) / 2 + 0.5
    drawn = find_print(cloth.print_name)(u.astype(float), v.astype(float), colour, rng)
    drawn = np.broadcast_to(np.asarray(drawn, np.float32), (*small.shape, 3))
    return np.asarray(cv2.resize(np.ascontiguousarray(drawn), (w, h)), np.float32)
