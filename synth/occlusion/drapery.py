"""Fabric of garments: prints as on masks, stitches, folds."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.occlusion.board import Board, Strip, bounds, noise
from synth.occlusion.layer import Floats
from synth.textures import draw_colour, find_print

_PRINTS = ("stripes", "checks", "dots", "blots", "camouflage", "flowers", "paisley", "tie_dye")


@dataclass(frozen=True, eq=False)
class Fabric:
    """What a garment is made of.

    Attributes:
        tile: (h, w, 3) float32 RGB albedo of the print, repeated by reflection.
        repeats: tiles per radian about the neck.
        knit: depth of its stitches, 0 for woven cloth.
        ribs: stitches per radian.
        mean: (3,) float32 RGB mean of the tile.
    """

    tile: Floats
    repeats: float
    knit: float
    ribs: float
    mean: Floats

    def read(self, u: Floats, v: Floats) -> Floats:
        """(h, w, 3) albedo at u (radians) and v (face units)."""
        h, w = self.tile.shape[:2]
        if h * w == 1:
            shape = (*np.broadcast_shapes(u.shape, v.shape), 3)
            albedo = np.asarray(np.broadcast_to(self.mean, shape), np.float32)
        else:
            x, y = np.broadcast_arrays(u * (w * self.repeats), v * (h * self.repeats))
            x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
            read = cv2.remap(self.tile, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            albedo = np.asarray(read, np.float32)
        if self.knit:
            turn = np.sin(u * self.ribs) * (1 + 0.4 * np.sin(v * (self.ribs * 1.3)))
            albedo = albedo * (1 + self.knit * turn)[..., None]
        return np.asarray(albedo, np.float32)


def plain_fabric(
    colour: NDArray[np.floating[Any]], knit: float = 0.0, ribs: float = 40.0
) -> Fabric:
    """Fabric of one (3,) RGB colour."""
    mean = np.clip(colour, 0.02, 1).astype(np.float32)
    return Fabric(mean[None, None], 1.0, knit, ribs, mean)


def draw_fabric(rng: np.random.Generator, printed: float = 0.5, knit: float = 0.5) -> Fabric:
    """Random fabric, printed or knitted with the given chances."""
    colour = draw_colour(rng)
    stitches = float(rng.uniform(0.05, 0.2)) if rng.random() < knit else 0.0
    ribs = float(rng.uniform(25, 60))
    if rng.random() >= printed:
        return plain_fabric(colour, stitches, ribs)
    v, u = np.mgrid[0:1:64j, -1:1:96j].astype(np.float32)
    draw = find_print(str(rng.choice(_PRINTS)))
    tile = np.clip(draw(u, v, colour.astype(np.float32), rng), 0.02, 1).astype(np.float32)
    return Fabric(tile, float(rng.uniform(0.5, 1.2)), stitches, ribs, tile.mean((0, 1)))


def lay_strip(
    board: Board,
    strip: Strip | None,
    fabric: Fabric,
    rng: np.random.Generator,
    *,
    height: float = 0.3,
    bulge: float = 0.35,
    folds: float = 0.3,
    stretch: float = 3.0,
) -> None:
    """Paints fabric on a strip.

    Args:
        board: to paint on.
        strip: where; None paints nothing.
        fabric: its albedo.
        rng: of the folds.
        height: of the strip in face units, for the print's size.
        bulge: how round it is from edge to edge, 0 to 1.
        folds: their depth, 0 to 1.
        stretch: folds across the strip for each along it.
    """
    if strip is None:
        return
    v = strip.v * np.float32(height)
    skew = np.float32(rng.uniform(-0.35, 0.35))
    crease = 1 - np.abs(noise(strip.u, v + skew * strip.u, rng, 1.6, stretch)) * 1.5
    crease += 0.5 * noise(strip.u, v + 2 * skew * strip.u, rng, 3.1, stretch)
    across = np.sqrt(np.clip(1 - (2 * strip.v - 0.75) ** 2 * 0.62, 0.02, 1))
    light = (1 - bulge + bulge * across) * (1 - 0.3 * np.abs(strip.side) ** 3)
    light = light * (1.02 - folds * 0.5 * (1 - crease))
    board.over(fabric.read(strip.u, v) * light[..., None], strip.alpha, strip.window)


def drape(board: Board, alpha: Floats, fabric: Fabric, rng: np.random.Generator) -> None:
    """Fabric with folds that fall from the head, wherever (size, size) alpha is."""
    window = bounds(alpha)
    x, y = (a[window] for a in board.canvas.grid())
    u: Floats = x / (0.9 + 0.25 * np.clip(y, -1, 2))
    light = 0.86 + 0.16 * noise(u, y, rng, 3.0, 0.25) - 0.16 * np.abs(noise(u, y, rng, 5.0, 0.2))
    light *= 1 - 0.3 * np.clip(np.abs(x) / (0.95 + 0.5 * np.clip(y, -0.6, 2)), 0, 1) ** 3
    paint = fabric.read(u, y) * light[..., None]
    board.over(np.asarray(paint, np.float32), alpha[window], window)
