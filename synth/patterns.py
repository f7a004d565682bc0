"""Prints that repeat over the whole fabric.

A print is a function (u, v, colour, rng) -> (..., 3) RGB albedo in 0 to 1, where u and v are the
sheet's coordinates (v from 0 to 1 is about as long as u from -1 to 1).
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.colours import blend, draw_colour, other_colour

Floats = NDArray[np.floating[Any]]  # single or double precision
Print = Callable[[Floats, Floats, Floats, np.random.Generator], Floats]


def plain(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """One colour."""
    return np.broadcast_to(colour.astype(u.dtype), (*u.shape, 3)).copy()


def stripes(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Parallel bands of any direction."""
    a, _ = _rotate(u, v, rng.uniform(0, np.pi))
    share = np.sin(a * rng.uniform(8, 30) + rng.uniform(0, 6)) * rng.uniform(1.5, 6) + 0.5
    return blend(colour, other_colour(colour, rng), share)


def checks(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Crossing bands: gingham, or tartan with a thin line of a third colour."""
    a, b = _rotate(u, v, rng.choice([0, np.pi / 4]))
    frequency = rng.uniform(8, 24)
    share = (np.sin(a * frequency) > 0) * 0.5 + (np.sin(b * frequency) > 0) * 0.5
    cloth = blend(colour, other_colour(colour, rng), share.astype(u.dtype))
    if rng.random() < 0.4:
        thin = np.maximum(np.cos(a * frequency + 1), np.cos(b * frequency + 1))
        cloth = blend(cloth, draw_colour(rng), (thin - 0.95) * 20)
    return cloth


def dots(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """A staggered grid of dots."""
    a, b = _rotate(u, v, rng.uniform(0, np.pi))
    pitch = rng.uniform(0.12, 0.4)
    row = np.round(b / pitch)
    da = (a / pitch + 0.5 * (row % 2) + 0.5) % 1 - 0.5
    db = b / pitch - row
    share = (rng.uniform(0.2, 0.42) - np.hypot(da, db)) * 12 + 0.5
    return blend(colour, other_colour(colour, rng), share)


def blots(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Marbling: three colours by thresholds of smooth noise."""
    cloth = plain(u, v, colour, rng)
    for cells in rng.uniform(3, 8, 2):
        cloth = blend(cloth, other_colour(colour, rng), _noise(u, v, rng, float(cells)) * 8)
    return cloth


# RGB 0 to 255: woodland, desert, urban, navy; the first is the ground.
_CAMOUFLAGES = (
    ((104, 108, 68), (62, 72, 44), (92, 68, 48), (28, 28, 24)),
    ((196, 172, 132), (150, 122, 84), (122, 96, 66), (226, 208, 172)),
    ((150, 152, 156), (96, 98, 102), (48, 50, 54), (206, 208, 210)),
    ((60, 78, 110), (32, 42, 70), (98, 118, 146), (16, 20, 32)),
)


def camouflage(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Woodland blots or digital squares in the colours of armies, or in shades of `colour`."""
    if rng.random() < 0.5:
        u, v = _squares(u, v, rng.uniform(0.04, 0.11))
    if rng.random() < 0.7:
        colours = np.array(_CAMOUFLAGES[rng.integers(len(_CAMOUFLAGES))]) / 255.0
    else:
        steps = np.array([[0], [-0.25], [0.3], [-0.5]])
        colours = np.clip(colour + steps * (1 if colour.mean() > 0.25 else -1), 0.03, 0.97)
    cloth = plain(u, v, colours[0], rng)
    for shade in colours[1:]:
        field = _noise(u, v, rng, rng.uniform(6, 13)) - rng.uniform(0.05, 0.3)
        cloth = blend(cloth, shade, field * 12 + 0.5)
    return cloth


def _squares(u: Floats, v: Floats, size: float) -> tuple[Floats, Floats]:
    """Coordinates of the middles of square pixels of that size in u."""
    return (np.floor(u / size) + 0.5) * size, (np.floor(v * 2 / size) + 0.5) * size / 2


def flowers(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Scattered blossoms with an eye, and leaves between them."""
    cloth = plain(u, v, colour, rng)
    colours = [other_colour(colour, rng) for _ in range(3)]
    pitch, petals = rng.uniform(0.2, 0.55), int(rng.integers(4, 8))
    for k, size in enumerate((0.75, 1.0)):  # leaves below blossoms
        da, db, turn, kind = _scatter(u, v, pitch * (1 + 0.3 * k), rng)
        radius, angle = np.hypot(da, db), np.arctan2(db, da) + turn
        count = petals if k else 2
        edge = size * 0.42 * (0.65 + 0.35 * np.cos(count * angle)) * (0.6 + 0.4 * kind)
        inside = (edge - radius) * 14 + 0.5
        cloth = blend(cloth, colours[k], inside)
        if k:
            cloth = blend(cloth, colours[2], (0.10 - radius) * 16 + 0.5)
    return cloth


def paisley(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Bent drops with outlines and dots, as on bandanas."""
    second = other_colour(colour, rng)
    da, db, turn, kind = _scatter(u, v, rng.uniform(0.28, 0.6), rng, jitter=0.12)
    bent = da + 0.9 * db**2 - 0.08
    a, b = bent * np.cos(turn) - db * np.sin(turn), bent * np.sin(turn) + db * np.cos(turn)
    # A drop: a circle whose one end is drawn out to a point.
    along = np.clip((b + 0.2) / 0.6, 0, 1)
    distance = np.hypot(a, np.minimum(b, 0) + 0.0) - 0.22 * (1 - along) ** 0.8
    distance = np.where(b > 0.42, np.hypot(a, b - 0.42), distance)
    ring = np.cos(distance * 42) * 4 * (distance < 0.02) - 2 * (distance >= 0.02)
    cloth = blend(colour, second, np.where(kind > 0.1, ring, -1.0).astype(u.dtype))
    du, dv, _, dot = _scatter(u, v, 0.13, rng)
    return blend(cloth, second, (0.16 - np.hypot(du, dv)) * 10 * (dot > 0.5) * (distance > 0.05))


def _scatter(
    u: Floats, v: Floats, pitch: float, rng: np.random.Generator, jitter: float = 0.2
) -> tuple[Floats, Floats, Floats, Floats]:
    """One figure to each cell of a grid, moved at random.

    Returns:
        Each point's position to its cell's figure in cells (right, down), the figure's turn in
        radians and a number of its own from 0 to 1.
    """
    cells = 32  # to be repeated beyond
    moves = rng.uniform(-jitter, jitter, (2, cells, cells)).astype(u.dtype)
    turns = rng.uniform(0, 2 * np.pi, (cells, cells)).astype(u.dtype)
    kinds = rng.random((cells, cells)).astype(u.dtype)
    a, b = _rotate(u, v, rng.uniform(0, np.pi))
    a, b = a / pitch + 16, b / pitch + 16
    i, j = np.floor(a).astype(np.int64) % cells, np.floor(b).astype(np.int64) % cells
    return a % 1 - 0.5 - moves[0, i, j], b % 1 - 0.5 - moves[1, i, j], turns[i, j], kinds[i, j]


def bands(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Two or three broad bands, upright or level, as on flags; some with a disc or a canton."""
    upright = rng.random() < 0.5
    along = u / 2 + 0.5 if upright else v
    count = int(rng.choice([2, 3, 3]))
    colours = np.stack([colour, other_colour(colour, rng), draw_colour(rng)]).astype(u.dtype)
    cloth = np.asarray(colours[np.clip((along * count).astype(int), 0, count - 1)])
    figure = rng.random()
    if figure < 0.2:
        inside = (rng.uniform(0.15, 0.35) - np.hypot(u, (v - 0.5) * 2)) * 30
        cloth = blend(cloth, draw_colour(rng), inside)
    elif figure < 0.35:
        inside = np.minimum(-u - 0.1, 0.5 - v) * 40
        cloth = blend(cloth, draw_colour(rng), inside)
    return cloth


def fade(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """One colour running into another."""
    a, _ = _rotate(u, v, rng.uniform(0, 2 * np.pi))
    middle, width = rng.normal(0, 0.25), rng.uniform(0.3, 1.0)
    return blend(colour, other_colour(colour, rng), (a - middle) / width + 0.5)


def tie_dye(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Rings or a spiral of soft colours around a point, blurred by noise."""
    du, dv = u - rng.normal(0, 0.3), (v - rng.normal(0.5, 0.15)) * 2
    arms = int(rng.choice([0, 0, 2, 3, 5]))
    turn = np.hypot(du, dv) * rng.uniform(4, 9) + arms * np.arctan2(dv, du)
    turn = turn + 1.2 * _noise(u, v, rng, 8.0)
    cloth = blend(colour, other_colour(colour, rng), np.sin(turn) * 0.9 + 0.5)
    return blend(cloth, draw_colour(rng), np.cos(turn * 0.5 + 1) * 0.8)


def weave(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Denim's twill, rib knit or mesh: fine threads of a lighter and a darker shade."""
    kind, fine = int(rng.integers(3)), rng.uniform(35, 90)
    a, b = _rotate(u, v, (np.pi / 4, 0.0, np.pi / 4)[kind])
    if kind == 1:
        thread = np.abs(np.sin(a * fine * 0.5)) * 1.4 - 0.7
    else:
        thread = np.sin(a * fine) * (1.0 if kind == 0 else np.sin(b * fine))
    # Threads finer than the samples blend into one shade, as in a camera.
    seen = float(np.clip(2 - fine * 2.6 / u.shape[-1], 0, 1))
    thread = thread * seen + 0.5 * _noise(u, v, rng, 14.0)
    away = 0.95 if colour.mean() < 0.5 else 0.03
    return blend(colour, np.full(3, away), 0.12 + 0.13 * np.clip(thread, -0.9, 1.2))


def _rotate(u: Floats, v: Floats, angle: float) -> tuple[Floats, Floats]:
    """(u, v) as square coordinates turned by radians around the sheet's middle."""
    w = (v - 0.5) * 2
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return u * c + w * s, w * c - u * s


def _noise(u: Floats, v: Floats, rng: np.random.Generator, cells: float) -> Floats:
    """Smooth random field, mean 0, about -1 to 1."""
    side = int(np.ceil(cells)) + 2
    grid = rng.normal(0, 0.6, (side, side)).astype(np.float32)
    x = ((u + 1.3) / 2.6 * (side - 2)).astype(np.float32)
    y = ((v + 0.2) / 1.4 * (side - 2)).astype(np.float32)
    field = cv2.remap(grid, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(field.astype(u.dtype))
