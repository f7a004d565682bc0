"""Mask shapes: where the fabric lies on a face and how far it stands out.

A shape is a sheet with coordinates u (-1 left edge to 1 right edge) and v (0 top to 1 bottom),
laid onto the face (synth.face_model's coordinates: nose tip at y .24, mouth .50 to .67, chin 1).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Reals = NDArray[np.floating[Any]]  # single or double precision

# Half the spans, right and down, over which fabric bridges a hollow, face units: from the nose's
# side to the cheek, from one cheek to the other, from lip to chin.
_SPANS = ((0.15, 0.0), (0.3, 0.0), (0.0, 0.09))


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
        straps: "loops" to the ears, "head" (two bands around the head), "ties" (two pairs of
            thin bands that cross behind it), "none".
        bow_bottom: exponent of the lower edge; 0 as `bow`.
        drape: y from which on the fabric hangs straight down instead of following the neck.
        pleats: v of the pleats' middles.
        valve: u, v and radius (in u) of a breathing valve; empty for none.
        crumple: strength of creases and of the edges' waves; 1 is a well worn mask.
        phase: where creases and waves start, radians.
        flipped: worn upside down: pleats and wire are turned over, the outline isn't.
        hang: -1 or 1 where the mask hangs from the left or right ear, sheet turned upright: then
            `top` and `bottom` are y of its upper and lower end, `shift` is x of its axis and
            `width_bottom` half its width across; 0 where it is worn.
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
    bow_bottom: float = 0.0
    drape: float = 9.0
    pleats: tuple[float, ...] = ()
    valve: tuple[float, ...] = ()
    crumple: float = 0.4
    phase: float = 0.0
    flipped: bool = False
    hang: float = 0.0

    def lay(self, u: Floats, v: Floats, depth: Callable[[Floats], Floats]) -> Floats:
        """(..., 3) face coordinates of the sheet's points; `depth` is the face's surface."""
        if self.hang:
            return self._hang(u, v, depth)
        a = np.abs(u)
        top = self.top + (self.top_side - self.top) * a**self.bow
        bottom = self.bottom + (self.bottom_side - self.bottom) * a ** (self.bow_bottom or self.bow)
        width = self.width + (self.width_bottom - self.width) * np.clip(v, 0, 1)
        wave = 0.008 * self.crumple
        top = top + wave * np.sin(7 * u + self.phase)
        bottom = bottom + wave * np.sin(9 * u + 2 * self.phase)
        x = u * width + self.shift
        y = top + v * (bottom - top) + self.tilt * x
        inside = np.clip(1 - u**2, 0, 1)
        across = np.clip(v * (1 - v) * 4, 0, 1)
        # Moulded cups rise steeply from their rim, soft fabric lies flat along its edge.
        steep = 0.5 if self.style == "cup" else 0.85
        out = self.bulge * inside**steep * (0.35 + 0.65 * across)
        out = out + self.peak * np.exp(-(((u * 0.55) / 0.16) ** 2) - ((y - 0.27) / 0.2) ** 2)
        ground = _span(np.stack([x, np.minimum(y, self.drape)], axis=-1), depth)
        return np.stack([x, y, ground + out], axis=-1)

    def _hang(self, u: Floats, v: Floats, depth: Callable[[Floats], Floats]) -> Floats:
        """The sheet turned by a right angle, beside the cheek, its inner edge nearer to the
        camera: seen from its own side, turned away from the other."""
        side = self.hang
        down = (side * u + 1) / 2
        across = 2 * v - 1  # outer edge to inner edge
        swing = 0.04 * np.sin(2.5 * down + self.phase)
        x = self.shift + side * (swing - across * self.width_bottom)
        y = self.top + down * (self.bottom - self.top) + self.tilt * (x - self.shift)
        edge = np.stack([np.full_like(x, 0.5 * side), np.minimum(y, 0.7)], axis=-1)
        belly = self.bulge * np.sqrt(np.clip(1 - u**2, 0, 1))
        z = depth(edge) + belly + 0.7 * across * self.width_bottom
        return np.stack([x, y, z], axis=-1)


def _span(xy: Floats, depth: Callable[[Floats], Floats]) -> Floats:
    """(...) depth of fabric pulled taut over the face at (..., 2): hollows beside the nose and
    under the lip are bridged from one side to the other."""
    steps = np.array(_SPANS, dtype=xy.dtype)
    # Asked for all at once, which takes less time.
    ground, *sides = depth(np.stack([xy, *(xy - s for s in steps), *(xy + s for s in steps)]))
    bridges = [(a + b) / 2 for a, b in zip(sides[: len(steps)], sides[len(steps) :], strict=True)]
    return np.asarray(np.max([ground, *bridges], axis=0))


# Typical cuts, read off product photographs and put into face units.
SHAPES: dict[str, Shape] = {
    "surgical": Shape(
        "surgical",
        *(0.14, 0.33, 1.09, 0.87, 0.56, 0.49, 1.15, 0.07, 0.03, 0.06),
        bow_bottom=2.4,
        pleats=(0.36, 0.5, 0.64),
    ),
    "kn95": Shape(
        "kn95", 0.10, 0.43, 1.08, 0.74, 0.54, 0.46, 1.15, 0.17, 0.06, 0.08, bow_bottom=1.35
    ),
    "cloth": Shape(
        "cloth", 0.15, 0.36, 1.06, 0.76, 0.56, 0.49, 1.15, 0.10, 0.05, 0.10, bow_bottom=1.6
    ),
    "cup": Shape(
        *("cup", 0.09, 0.47, 1.06, 0.70, 0.45, 0.40, 1.6, 0.24, 0.06, 0.35),
        straps="head",
        bow_bottom=1.9,
    ),
    "gaiter": Shape(
        *("gaiter", 0.13, 0.28, 1.36, 1.20, 0.60, 0.44, 1.3, 0.05, 0.05, 0.02),
        straps="none",
        bow_bottom=2.2,
    ),
    "bandana": Shape(
        "bandana",
        *(0.13, 0.27, 1.48, 0.50, 0.61, 0.58, 1.3, 0.05, 0.05, 0.01),
        straps="none",
        bow_bottom=1.08,
        drape=0.98,
        crumple=0.9,
    ),
}

# How often each kind is seen, the shares of our guess for streets and offices.
SHAPE_WEIGHTS: dict[str, float] = {
    "surgical": 0.46,
    "kn95": 0.17,
    "cloth": 0.22,
    "cup": 0.06,
    "gaiter": 0.05,
    "bandana": 0.04,
}


def draw_shape(
    rng: np.random.Generator,
    style: str | None = None,
    weights: Mapping[str, float] = SHAPE_WEIGHTS,
) -> Shape:
    """A random mask as it is worn rightly: cut, details and fit.

    Args:
        rng: of everything.
        style: a key of SHAPES, where it is given.
        weights: style -> how often, any non-negative numbers with a positive sum.
    """
    shares = np.array(list(weights.values()), dtype=np.float64)
    name = style or str(rng.choice(list(weights), p=shares / shares.sum()))
    shape = _detail(_jitter(SHAPES[name], rng), rng)
    fits = list(_FITS.values())
    _, fit = fits[rng.choice(len(fits), p=[weight for weight, _ in fits])]
    shape = fit(shape, rng)
    return replace(shape, bottom_side=max(shape.bottom_side, shape.top_side + 0.18))


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
        bottom=max(1.0, move(shape.bottom, 0.03)),
        bottom_side=move(shape.bottom_side, 0.04),
        width=move(shape.width, 0.02),
        width_bottom=move(shape.width_bottom, 0.03),
        bow=max(0.95, move(shape.bow, 0.12)),
        bulge=max(0.01, move(shape.bulge, 0.015)),
        peak=max(0.0, move(shape.peak, 0.01)),
        shift=move(shape.shift, 0.012),
        tilt=move(shape.tilt, 0.03),
        pleats=tuple(move(v, 0.025) for v in shape.pleats),
        crumple=shape.crumple * float(rng.uniform(0.3, 1.9)),
        phase=float(rng.uniform(0, 2 * np.pi)),
    )


# Style -> share of masks with a valve, and straps other than the usual with their share.
_VALVES = {"cup": 0.45, "kn95": 0.15, "cloth": 0.06}
_STRAPS = {
    "surgical": ("ties", 0.06),
    "kn95": ("head", 0.12),
    "cloth": ("ties", 0.05),
    "cup": ("loops", 0.1),
}


def _detail(shape: Shape, rng: np.random.Generator) -> Shape:
    """The variant within the style: valve, kind of straps."""
    straps, share = _STRAPS.get(shape.style, (shape.straps, 0.0))
    straps = straps if rng.random() < share else shape.straps
    valve: tuple[float, ...] = ()
    if rng.random() < _VALVES.get(shape.style, 0.0):
        # On the middle of a cup or on one side of a folded mask.
        side = float(rng.choice([-1, 1])) * float(rng.uniform(0.3, 0.5))
        middle = shape.style == "cup" and rng.random() < 0.6
        valve = (0.0 if middle else side, float(rng.uniform(0.5, 0.68)), rng.uniform(0.13, 0.22))
    return replace(shape, straps=straps, valve=valve)


def _usual(shape: Shape, _: np.random.Generator) -> Shape:
    return shape


def _oversize(shape: Shape, rng: np.random.Generator) -> Shape:
    """Too large: up to the eyes or over the chin, baggy."""
    return replace(
        shape,
        top=shape.top - rng.uniform(0, 0.08),
        bottom=shape.bottom + rng.uniform(0.03, 0.14),
        bottom_side=shape.bottom_side + rng.uniform(0.0, 0.12),
        width=shape.width * rng.uniform(1.02, 1.1),
        bulge=shape.bulge + rng.uniform(0.02, 0.06),
        crumple=shape.crumple + rng.uniform(0.2, 0.6),
    )


def _tight(shape: Shape, rng: np.random.Generator) -> Shape:
    """Small and taut: ends on the cheeks and just under the chin."""
    return replace(
        shape,
        bottom=min(shape.bottom, rng.uniform(0.99, 1.03)) if shape.drape > 1 else shape.bottom,
        width=shape.width * rng.uniform(0.84, 0.95),
        width_bottom=shape.width_bottom * rng.uniform(0.86, 0.96),
        bulge=shape.bulge * rng.uniform(0.4, 0.7),
        crumple=shape.crumple * 0.6,
    )


def _crooked(shape: Shape, rng: np.random.Generator) -> Shape:
    """Higher on one cheek than on the other."""
    return replace(
        shape,
        tilt=float(rng.choice([-1, 1])) * rng.uniform(0.06, 0.15),
        shift=shape.shift + rng.normal(0, 0.025),
    )


def _loose(shape: Shape, rng: np.random.Generator) -> Shape:
    """Gapes at the sides, stands off the nose."""
    return replace(
        shape,
        bulge=shape.bulge + rng.uniform(0.03, 0.08),
        top_side=shape.top_side + rng.uniform(-0.06, 0.06),
        bottom_side=shape.bottom_side - rng.uniform(0.0, 0.1),
        width=shape.width * rng.uniform(0.93, 1.0),
        crumple=shape.crumple + rng.uniform(0.3, 0.9),
    )


Fit = Callable[[Shape, np.random.Generator], Shape]

# How a mask that is worn rightly may sit: share and change. All cover nose, mouth and chin.
_FITS: dict[str, tuple[float, Fit]] = {
    "usual": (0.54, _usual),
    "oversize": (0.12, _oversize),
    "tight": (0.11, _tight),
    "crooked": (0.12, _crooked),
    "loose": (0.11, _loose),
}


def cut_out(shape: Shape, u: Reals, v: Reals, softness: float) -> Reals:
    """How far each point of the sheet is fabric, 0 to 1; corners rounded, edges `softness` wide."""
    radius = shape.roundness
    a, b = np.abs(u), np.abs(v - 0.5) * 2
    # Distance to a rounded square (Quilez, "2D distance functions"), negative inside.
    qa, qb = a - (1 - radius), b - (1 - radius)
    outside = np.hypot(np.maximum(qa, 0), np.maximum(qb, 0))
    distance = outside + np.minimum(np.maximum(qa, qb), 0) - radius
    return np.asarray(np.clip(0.5 - distance / max(softness, 1e-6), 0, 1))
