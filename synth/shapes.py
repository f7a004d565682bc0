"""Mask shapes: where the fabric lies on a face, how far it stands out, how it folds.

A shape is a sheet with coordinates u (-1 left edge to 1 right edge) and v (0 top to 1 bottom),
laid onto the face (synth.face_model's coordinates: nose tip at y .24, mouth .50 to .67, chin 1).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """One mask as it is worn, in face units.

    Attributes:
        style: name of the kind of mask.
        top, top_side: y of the upper edge at the middle and at the sides.
        bottom, bottom_side: y of the lower edge at the middle and at the sides.
        width, width_bottom: half widths of the upper and the lower edge.
        bow: exponent of the edges' curve from middle to side: 1 a tent, 2 an arc, 4 a flat top.
        bulge: how far the middle stands out of the face.
        peak: further bulge over the nose.
        roundness: radius of the corners as a share of the sheet.
        shift: displacement to the right, for masks that have slipped.
        tilt: slope of the sheet, y per x.
        straps: "loops" to the ears, "head" (two bands around the head), "none".
    """

    style: str
    top: float
    top_side: float
    bottom: float
    bottom_side: float
    width: float
    width_bottom: float
    bow: float
    bulge: float
    peak: float
    roundness: float
    shift: float = 0.0
    tilt: float = 0.0
    straps: str = "loops"

    def lay(self, u: Floats, v: Floats, depth: Callable[[Floats], Floats]) -> Floats:
        """(..., 3) face coordinates of the sheet's points; `depth` is the face's surface."""
        side = np.abs(u) ** self.bow
        top = self.top + (self.top_side - self.top) * side
        bottom = self.bottom + (self.bottom_side - self.bottom) * side
        width = self.width + (self.width_bottom - self.width) * np.clip(v, 0, 1)
        x = u * width + self.shift
        y = top + v * (bottom - top) + self.tilt * x
        inside = np.clip(1 - u**2, 0, 1)
        across = np.clip(v * (1 - v) * 4, 0, 1)
        out = self.bulge * np.sqrt(inside) * (0.35 + 0.65 * across)
        out = out + self.peak * np.exp(-(((u * 0.55) / 0.16) ** 2) - ((y - 0.27) / 0.2) ** 2)
        xy = np.stack([x, y], axis=-1)
        return np.concatenate([xy, (depth(xy) + out)[..., None]], axis=-1)


def _jitter(shape: Shape, rng: np.random.Generator) -> Shape:
    """The same kind of mask, cut and worn a little otherwise."""

    def move(value: float, by: float) -> float:
        return value + float(rng.normal(0, by))

    return replace(
        shape,
        # From the eyes' level down to just above the nose tip (lower is another state): on
        # photos most masks sit at mid-nose, not at the bridge.
        top=float(np.clip(move(shape.top, 0.055), -0.02, 0.215)),
        top_side=move(shape.top_side, 0.05),
        bottom=move(shape.bottom, 0.03),
        bottom_side=move(shape.bottom_side, 0.04),
        width=move(shape.width, 0.02),
        width_bottom=move(shape.width_bottom, 0.03),
        bow=max(1.1, move(shape.bow, 0.15)),
        bulge=max(0.01, move(shape.bulge, 0.015)),
        peak=max(0.0, move(shape.peak, 0.01)),
        shift=move(shape.shift, 0.012),
        tilt=move(shape.tilt, 0.03),
    )


# Typical cuts, read off product photographs and put into face units.
SHAPES: dict[str, Shape] = {
    "surgical": Shape("surgical", 0.14, 0.34, 1.06, 0.86, 0.56, 0.49, 2.4, 0.07, 0.03, 0.06),
    "kn95": Shape("kn95", 0.10, 0.43, 1.08, 0.74, 0.54, 0.46, 1.35, 0.17, 0.06, 0.08),
    "cloth": Shape("cloth", 0.15, 0.37, 1.06, 0.76, 0.56, 0.49, 1.6, 0.10, 0.05, 0.10),
    "cup": Shape("cup", 0.09, 0.47, 1.06, 0.70, 0.45, 0.40, 1.9, 0.24, 0.06, 0.35, straps="head"),
    "gaiter": Shape(
        "gaiter", 0.13, 0.26, 1.36, 1.20, 0.60, 0.44, 2.2, 0.05, 0.05, 0.02, straps="none"
    ),
}

# How often each kind is seen, the shares of our guess for streets and offices.
SHAPE_WEIGHTS: dict[str, float] = {
    "surgical": 0.46,
    "kn95": 0.18,
    "cloth": 0.24,
    "cup": 0.06,
    "gaiter": 0.06,
}


def draw_shape(rng: np.random.Generator, style: str | None = None) -> Shape:
    """A random mask, of one style where it is named."""
    names = list(SHAPE_WEIGHTS)
    name = style or str(rng.choice(names, p=list(SHAPE_WEIGHTS.values())))
    return _jitter(SHAPES[name], rng)


def cut_out(shape: Shape, u: Floats, v: Floats, softness: float) -> Floats:
    """How far each point of the sheet is fabric, 0 to 1; corners rounded, edges `softness` wide."""
    radius = shape.roundness
    a, b = np.abs(u), np.abs(v - 0.5) * 2
    # Distance to a rounded square (Quilez, "2D distance functions"), negative inside.
    qa, qb = a - (1 - radius), b - (1 - radius)
    outside = np.hypot(np.maximum(qa, 0), np.maximum(qb, 0))
    distance = outside + np.minimum(np.maximum(qa, qb), 0) - radius
    return np.asarray(np.clip(0.5 - distance / max(softness, 1e-6), 0, 1))


def relief(shape: Shape, u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    """Height of pleats, seams, wires and creases at each point, arbitrary units about 0 to 1."""
    height = _creases(u, v, rng)
    if shape.style == "surgical":
        height = height + _pleats(u, v, rng) + 0.5 * _ridge(v - 0.06, 0.025)
    elif shape.style == "kn95":
        height = height + 1.4 * np.exp(-np.abs(u) / 0.06) + 0.4 * _ridge(np.abs(u) - 0.9, 0.02)
        height = height + 0.4 * _ridge(v - 0.05, 0.02)
    elif shape.style == "cloth":
        height = height + 0.9 * _ridge(u, 0.02) + 0.5 * _ridge(np.abs(v - 0.5) - 0.44, 0.02)
    elif shape.style == "cup":
        height = height + 0.6 * _ridge(np.hypot(u, (v - 0.5) * 2) - 0.86, 0.03)
    else:
        height = height + 0.8 * np.sin((v * 9 + 0.6 * np.sin(u * 3)) * np.pi) * (v > 0.45)
    return np.asarray(height)


def _ridge(distance: Floats, width: float) -> Floats:
    return np.asarray(np.exp(-((distance / width) ** 2)))


def _pleats(u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    """Three folds that run from side to side and open in the middle."""
    open_ = 0.55 + 0.45 * np.abs(u)
    height = np.zeros_like(u)
    for centre in np.array([0.3, 0.5, 0.7]) + rng.normal(0, 0.025, 3):
        bent = v - centre - 0.03 * (1 - u**2)
        height += open_ * np.where(bent > 0, np.exp(-bent / 0.07), 0.0)
    return height


def _creases(u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    """A few soft waves of random direction, strongest towards the sides where fabric gathers."""
    height = np.zeros_like(u)
    for _ in range(4):
        angle, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        frequency = rng.uniform(2, 9)
        wave = np.sin(frequency * (u * np.cos(angle) + v * 2 * np.sin(angle)) + phase)
        height += rng.uniform(0.05, 0.22) * wave * (0.4 + 0.6 * np.abs(u))
    return height
