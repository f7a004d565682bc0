"""Pictures without any face, drawn by program, on which a detector must stay silent."""

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import Image
from synth.backgrounds import BACKGROUNDS, foliage, interior, wall
from synth.painting import (
    Canvas,
    Painter,
    blend_across,
    clouds,
    draw_tone,
    expose,
    to_image,
    to_ink,
)
from synth.shapes import cut_out, draw_shape
from synth.textures import PRINTS, draw_colour

Floats = NDArray[np.float64]


def draw_negative(rng: np.random.Generator, width: int, height: int) -> Image:
    """(height, width, 3) uint8 BGR: a picture without any face: places, flat and dark pictures,
    patterns, pages, fabrics, and masks that nobody wears."""
    painter = NEGATIVES[int(rng.choice(len(NEGATIVES), p=_NEGATIVE_SHARES))]
    canvas = painter(rng, width, height)
    if painter in _EXACT and rng.random() < 0.5:
        return to_image(canvas)
    return expose(canvas, rng, float(rng.uniform(0.0, 0.004)))


def black(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A lens cap: black, or nearly."""
    level = 0.0 if rng.random() < 0.5 else float(rng.uniform(0, 12))
    return np.full((height, width, 3), level, np.float32)


def night(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Dark, with the noise of a sensor at its limit and a hint of something."""
    canvas = np.full((height, width, 3), draw_tone(rng, 0.7, 2, 28), np.float32)
    canvas += np.abs(clouds(rng, width, height, 4, rng.uniform(0, 9)))[..., None]
    noise = rng.standard_normal(canvas.shape, dtype=np.float32)
    return np.asarray(canvas + noise * np.float32(rng.uniform(2, 16)))


def flat(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """One colour; white and grey often."""
    level = float(rng.choice([255.0, 255.0, 128.0, rng.uniform(0, 255)]))
    tone = np.full(3, level) if rng.random() < 0.5 else draw_tone(rng, 0.0, 20, 235)
    return np.full((height, width, 3), tone, np.float32)


def gradient(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Two colours that pass into each other."""
    return blend_across(
        rng, width, height, draw_tone(rng, 0.3, 0, 255), draw_tone(rng, 0.3, 0, 255)
    )


def bars(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Bars, squares or rings, as on test cards and tiles."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pitch = float(rng.uniform(0.03, 0.25)) * max(width, height)
    kind = int(rng.integers(3))
    if kind == 0:
        cell = x // pitch
    elif kind == 1:
        cell = (x // pitch) + (y // pitch)
    else:
        centre = rng.uniform(0.2, 0.8, 2) * [width, height]
        cell = np.hypot(x - centre[0], y - centre[1]) // pitch
    number = int(rng.choice([2, 3, 8]))
    tones = np.stack([draw_tone(rng, 0.2, 0, 255) for _ in range(number)])
    return np.asarray(tones[cell.astype(int) % number], dtype=np.float32)


def page(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A page or screen of text."""
    dark = rng.random() < 0.2
    paper, ink = (draw_tone(rng, 0.9, 215, 255), draw_tone(rng, 0.8, 0, 70))
    if dark:
        paper, ink = ink, paper
    canvas = to_image(np.full((height, width, 3), paper, np.float32))
    scale = float(rng.uniform(0.35, 1.4))
    letters = list("abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789.,:%-")
    for y in range(int(30 * scale), height, int(32 * scale)):
        if rng.random() < 0.1:
            continue
        words = ("".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(12))
        at, thick = (int(rng.integers(4, 30)), y), max(1, round(1.3 * scale))
        text = " ".join(words)[: int(rng.integers(10, 90))]
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(canvas, text, at, font, scale, to_ink(ink), thick, cv2.LINE_AA)
    return canvas.astype(np.float32)


def fabric(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A printed cloth that fills the picture."""
    return _cloth(*_sheet(rng, width, height, float(rng.uniform(0.8, 2.5))), rng)


def _sheet(
    rng: np.random.Generator, width: int, height: int, reach: float
) -> tuple[Floats, Floats]:
    """Coordinates (u, v) of a turned sheet over the picture; u is -reach to reach across."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    angle, side = rng.uniform(0, 2 * np.pi), max(width, height) / 2
    x, y = (x - width / 2) / side * reach, (y - height / 2) / side * reach
    u = x * np.cos(angle) + y * np.sin(angle)
    return u, (y * np.cos(angle) - x * np.sin(angle)) / 2 + 0.5


def _cloth(u: Floats, v: Floats, rng: np.random.Generator) -> Canvas:
    """(H, W, 3) BGR of some print at (u, v), repeated beyond the sheet."""
    name = str(rng.choice(list(PRINTS)))
    fold_u, fold_v = np.abs((u - 1) % 4 - 2) - 1, 1 - np.abs(v % 2 - 1)
    rgb = PRINTS[name](fold_u, fold_v, draw_colour(rng), rng)
    return np.asarray(rgb[..., ::-1] * 255, dtype=np.float32)


def lying_masks(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Masks on a table, a wall or a pavement: none of them is worn."""
    painter = (wall, interior, fabric, foliage)[int(rng.integers(4))]
    canvas = painter(rng, width, height)
    for _ in range(int(rng.choice([1, 2, 4], p=[0.6, 0.25, 0.15]))):
        canvas = _lay_mask(canvas, rng)
    return canvas


def _lay_mask(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """The canvas with a flat mask, its ear loops and shadow."""
    h, w = canvas.shape[:2]
    half = float(rng.uniform(0.08, 0.4)) * min(w, h)
    centre = rng.uniform(0.15, 0.85, 2) * [w, h]
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:h, 0:w] + 0.5
    x, y = (x - centre[0]) / half, (y - centre[1]) / half
    u, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    v = across / float(rng.uniform(0.9, 1.3)) + 0.5
    shape = draw_shape(rng)
    cover = cut_out(shape, u, v, 3.0 / half)[..., None].astype(np.float32)
    # Pleats that open downward: light above each fold, dark below it.
    pleats = ((v * int(rng.integers(2, 5)) + 0.5) % 1 - 0.5) * float(rng.choice([0.0, 0.4]))
    light = 0.92 + pleats + clouds(rng, w, h, 3 * max(w, h) / half, 0.05)
    loops = _loops(u, across, half, float(rng.uniform(0.25, 0.5)))
    shadow = cv2.GaussianBlur(np.maximum(cover[..., 0], loops), (0, 0), 0.05 * half + 0.5)
    canvas = canvas * (1 - 0.35 * np.roll(shadow, (2, 2), (0, 1)))[..., None]
    canvas = canvas * (1 - loops[..., None]) + np.float32(225) * loops[..., None]
    cloth = _cloth(u, v, rng) * np.clip(light, 0.4, 1.2)[..., None].astype(np.float32)
    return np.asarray(canvas * (1 - cover) + cloth * cover, dtype=np.float32)


def _loops(u: Floats, across: Floats, half: float, reach: float) -> Canvas:
    """(H, W) coverage of ear loops at both sides of a mask."""
    radius = np.hypot((np.abs(u) - 1) / reach, across / 0.42)
    thread = 1 - np.abs(radius - 1) * reach * half / max(0.8, 0.02 * half)
    return np.asarray(np.clip(thread + 0.5, 0, 1) * (np.abs(u) > 0.97), dtype=np.float32)


def place(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Any background."""
    return BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))](rng, width, height)


_NEGATIVE_WEIGHTS: dict[Painter, float] = {
    place: 0.34,
    black: 0.08,
    night: 0.1,
    flat: 0.08,
    gradient: 0.06,
    bars: 0.06,
    page: 0.07,
    fabric: 0.09,
    lying_masks: 0.12,
}
NEGATIVES: tuple[Painter, ...] = tuple(_NEGATIVE_WEIGHTS)
_NEGATIVE_SHARES = list(_NEGATIVE_WEIGHTS.values())
# Shown as they are half of the time: wholly black is black, without a grain.
_EXACT = (black, flat, gradient, bars)
