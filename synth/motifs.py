"""Prints that show one thing: words, emblems, mouths, snouts, landscapes, pictures.

Signatures are those of synth.patterns.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import Image
from synth.colours import blend, draw_colour, other_colour
from synth.patterns import Print

Floats = NDArray[np.floating[Any]]  # single or double precision

_HEIGHT, _WIDTH = 128, 256  # pixels of the plates that motifs are drawn on
_WHITE = (240, 240, 236)
_LETTERS = list("ABCDEFGHKLMNOPRSTUVXYZ0123456789&")


def lettering(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """A word or sign of random letters somewhere on the fabric."""
    plate = np.zeros((_HEIGHT, _WIDTH), np.uint8)
    letters = "".join(rng.choice(_LETTERS, rng.integers(2, 8)))
    scale = float(rng.uniform(1.0, 2.6)) * 5 / (len(letters) + 2)
    thick = int(rng.integers(2, 8))
    face = int(rng.choice([cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
    (width, height), _ = cv2.getTextSize(letters, face, scale, thick)
    x = int((_WIDTH - width) / 2 + rng.normal(0, 18))
    y = int((_HEIGHT + height) / 2 + rng.normal(0, 14))
    cv2.putText(plate, letters, (x, y), face, scale, 255, thick, cv2.LINE_AA)
    return blend(colour, other_colour(colour, rng), _read(plate, u, v))


def emblem(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """A small geometric mark of one or two colours, at one side or in the middle."""
    plate = np.zeros((64, 64), np.uint8)
    corners = int(rng.integers(3, 9))
    turns = np.arange(2 * corners) * np.pi / corners + rng.uniform(0, np.pi)
    radii = np.where(np.arange(2 * corners) % 2, rng.uniform(0.5, 1.0), 1.0) * 28
    points = np.stack([np.cos(turns), np.sin(turns)], -1) * radii[:, None] + 32
    cv2.fillPoly(plate, [points.astype(np.int32)], 255, cv2.LINE_AA)
    if rng.random() < 0.6:
        cv2.circle(plate, (32, 32), int(rng.integers(6, 20)), 0, int(rng.choice([-1, 4])))
    if rng.random() < 0.4:
        cv2.circle(plate, (32, 32), 30, 255, 3, cv2.LINE_AA)
    side = float(rng.choice([-1, 0, 1])) * rng.uniform(0.35, 0.6)
    size, middle = rng.uniform(0.18, 0.36), rng.uniform(0.35, 0.65)
    share = _read(plate, (u - side) / size, (v - middle) / size + 0.5, border=0)
    return blend(colour, other_colour(colour, rng), share)


def grin(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """A printed mouth: lips, open or with teeth, smiling or not."""
    plate = _ground(colour)
    at, (wide, high) = _mouth_place(rng), (int(rng.integers(36, 90)), int(rng.integers(10, 34)))
    lips = [int(c) for c in (rng.integers(120, 255), rng.integers(0, 90), rng.integers(0, 90))]
    smile = bool(rng.random() < 0.5)
    first = 0 if smile else -180  # the lower half alone is a smile
    cv2.ellipse(plate, at, (wide, high * (1 + smile)), 0, first, 180, lips, -1, cv2.LINE_AA)
    inner = (int(wide * 0.85), int(high * (0.62 + 0.75 * smile)))
    teeth = rng.random() < 0.7
    inside = _WHITE if teeth else (40, 10, 10)
    cv2.ellipse(plate, (at[0], at[1] + 2), inner, 0, first, 180, inside, -1, cv2.LINE_AA)
    if teeth:
        for x in range(at[0] - inner[0], at[0] + inner[0], max(6, wide // 6)):
            half = int(inner[1] * np.sqrt(max(0.0, 1 - ((x - at[0]) / inner[0]) ** 2)))
            top = at[1] if smile else at[1] - half
            cv2.line(plate, (x, top), (x, at[1] + half), (120,) * 3, 1, cv2.LINE_AA)
    return _read_colours(plate, u, v)


def skull(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Bare teeth from cheek to cheek and a nose hole, on black or on the colour."""
    dark = rng.random() < 0.7
    plate = _ground(np.array([0.06, 0.06, 0.07]) if dark else colour)
    bone = _WHITE if dark or colour.mean() < 0.5 else (30, 28, 28)
    count, wide, high = int(rng.integers(7, 13)), rng.uniform(70, 115), rng.uniform(11, 20)
    for x in np.linspace(-wide, wide, count):
        bend = 14 * (x / wide) ** 2
        size = (max(3, int(wide / count * 0.8)), max(4, int(high * (1 - 0.4 * abs(x) / wide))))
        for sign in (-1, 1):
            y = 82 - bend + sign * (size[1] + 1)
            at = (int(128 + x), int(y))
            cv2.ellipse(plate, at, size, 0, 0, 360, bone, -1, cv2.LINE_AA)
    for side in (-1, 1):
        nose = np.array([[128 + side * 3, 18], [128 + side * 3, 44], [128 + side * 15, 42]])
        cv2.fillPoly(plate, [nose.astype(np.int32)], bone, cv2.LINE_AA)
    return _read_colours(plate, u, v)


def snout(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """An animal's: muzzle of a second colour, nose, mouth line, whiskers."""
    plate = _ground(colour)
    second = _bytes(other_colour(colour, rng))
    ink = (25, 20, 22) if colour.mean() > 0.25 else (235, 225, 220)
    if rng.random() < 0.7:
        size = (int(rng.integers(40, 75)), int(rng.integers(34, 56)))
        cv2.ellipse(plate, (128, 84), size, 0, 0, 360, second, -1, cv2.LINE_AA)
    wide, high = int(rng.integers(14, 32)), int(rng.integers(9, 18))
    nose = ink if rng.random() < 0.7 else (225, 130, 140)
    cv2.ellipse(plate, (128, 44), (wide, high), 0, 0, 360, nose, -1, cv2.LINE_AA)
    cv2.line(plate, (128, 44), (128, 74), ink, 3, cv2.LINE_AA)
    for side in (-1, 1):
        at = (128 + side * 18, 74)
        cv2.ellipse(plate, at, (18, 12), 0, 0, 180, ink, 3, cv2.LINE_AA)
        for k in range(3):
            start, end = (128 + side * 50, 62 + 9 * k), (128 + side * 112, 50 + 17 * k)
            cv2.line(plate, start, end, ink, 2, cv2.LINE_AA)
    return _read_colours(plate, u, v)


def moustache(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Two tapering arcs of hair, turned up at their ends."""
    plate = np.zeros((_HEIGHT, _WIDTH), np.uint8)
    (x0, y0), wide, high = _mouth_place(rng), rng.uniform(40, 95), rng.uniform(8, 20)
    curl = rng.uniform(-0.6, 1.4)
    t = np.linspace(0, 1, 24)
    middle = -high * curl * (t**3 * 1.6 - t * 0.9)
    thick = high * np.sin(np.pi * np.clip(t * 0.92 + 0.12, 0, 1)) ** 0.8
    for side in (-1, 1):
        x = x0 + side * t * wide
        upper, lower = (
            np.stack([x, y0 + middle - thick], -1),
            np.stack([x, y0 + middle + thick], -1),
        )
        cv2.fillPoly(plate, [np.vstack([upper, lower[::-1]]).astype(np.int32)], 255, cv2.LINE_AA)
    hair = np.array([0.1, 0.07, 0.06]) if colour.mean() > 0.35 else np.array([0.93, 0.9, 0.86])
    return blend(colour, hair, _read(plate, u, v))


def landscape(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """A sky, a sun and ridges one before another, in colours from the fabric's to a second."""
    cloth = blend(colour, other_colour(colour, rng), v)
    at_u, at_v, radius = rng.uniform(-0.7, 0.7), rng.uniform(0.1, 0.5), rng.uniform(0.08, 0.3)
    cloth = blend(cloth, draw_colour(rng), (radius - np.hypot(u - at_u, (v - at_v) * 2)) * 30)
    for level in sorted(rng.uniform(0.35, 0.95, int(rng.integers(2, 5))).tolist()):
        waves, phases = rng.uniform(1, 9, 3).tolist(), rng.uniform(0, 6.28, 3).tolist()
        ridge = sum(0.09 / (k + 1) * np.sin(waves[k] * u + phases[k]) for k in range(3))
        near = draw_colour(rng) * rng.uniform(0.4, 1.0)
        cloth = blend(cloth, near, (v - level + ridge) * 40)
    return cloth


def picture(plate: Image | None) -> Print:
    """The print that shows a picture: over the whole sheet, or tiled; turned at random.

    Args:
        plate: (H, W, 3) uint8 BGR; None for a landscape of the program's own.
    """
    if plate is None:
        return landscape

    def show(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
        tiled = rng.random() < 0.45
        scale = rng.uniform(0.25, 0.9) if tiled else rng.uniform(1.0, 1.8)
        angle = rng.normal(0, 0.5) if tiled or rng.random() < 0.3 else rng.normal(0, 0.06)
        du, dv = rng.uniform(-1, 1, 2) if tiled else rng.normal(0, 0.08, 2)
        w, c, s = (v - 0.5) * 2, float(np.cos(angle)), float(np.sin(angle))
        a, b = (u * c + w * s) / scale + float(du), (w * c - u * s) / scale + float(dv)
        # As large as its samples need: finer detail would only flicker.
        side = int(np.clip(u.shape[-1] / 2.2 * scale, 8, 512))
        shape = plate.shape[:2]
        shrink = min(1.0, side / max(shape))
        size = (max(2, round(shape[1] * shrink)), max(2, round(shape[0] * shrink)))
        small = np.asarray(cv2.resize(plate, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        # Longer sides reach over the sheet's edge: shown in their own proportion.
        a, b = a * (shape[0] / max(shape)), b * (shape[1] / max(shape))
        return _read_colours(small[..., ::-1], a, b / 2 + 0.5, cv2.BORDER_REFLECT)

    return show


def _mouth_place(rng: np.random.Generator) -> tuple[int, int]:
    """Pixel of a plate about where the mouth lies below."""
    return 128 + int(rng.normal(0, 6)), 74 + int(rng.normal(0, 8))


def _bytes(colour: Floats) -> tuple[int, int, int]:
    r, g, b = (int(c * 255) for c in colour)
    return r, g, b


def _ground(colour: Floats) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of one colour."""
    return np.full((_HEIGHT, _WIDTH, 3), _bytes(colour), np.uint8)


def _read(plate: NDArray[np.uint8], u: Floats, v: Floats, border: int | None = None) -> Floats:
    """A (H, W) or (H, W, 3) picture of the whole sheet read at (u, v), 0 to 1; beyond it `border`,
    or its edge."""
    mode = cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT
    return _remap(plate, u, v, mode, border or 0)


def _read_colours(
    plate: NDArray[np.uint8], u: Floats, v: Floats, mode: int = cv2.BORDER_REPLICATE
) -> Floats:
    """A (H, W, 3) RGB picture read at (u, v), 0 to 1."""
    return _remap(plate, u, v, mode, 0)


def _remap(plate: NDArray[np.uint8], u: Floats, v: Floats, mode: int, value: int) -> Floats:
    x = ((u + 1) / 2 * (plate.shape[1] - 1)).astype(np.float32)
    y = (v * (plate.shape[0] - 1)).astype(np.float32)
    flat = np.ascontiguousarray(plate)
    read = cv2.remap(flat, x, y, cv2.INTER_LINEAR, borderMode=mode, borderValue=value)
    return np.asarray(read.astype(u.dtype) / 255)


MOTIFS: dict[str, Print] = {
    "lettering": lettering,
    "emblem": emblem,
    "grin": grin,
    "skull": skull,
    "snout": snout,
    "moustache": moustache,
    "photo": picture(None),
}
