"""Fabric: colours and prints made by program.

A print is a function (u, v, colour, rng) -> (..., 3) RGB albedo in 0 to 1, where u and v are the
sheet's coordinates (v from 0 to 1 is about as long as u from -1 to 1).
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Print = Callable[[Floats, Floats, Floats, np.random.Generator], Floats]

# RGB 0 to 255 and how often; colours of masks on sale, black, white and skin-like ones included.
_COLOURS: tuple[tuple[tuple[int, int, int], float], ...] = (
    ((150, 200, 225), 0.20),  # surgical blue
    ((238, 240, 242), 0.20),  # white
    ((28, 28, 30), 0.16),  # black
    ((120, 190, 180), 0.06),  # surgical green
    ((235, 180, 195), 0.05),  # pink
    ((105, 110, 118), 0.06),  # grey
    ((30, 42, 84), 0.05),  # navy
    ((150, 30, 40), 0.03),  # dark red
    ((205, 165, 140), 0.03),  # skin-like, light
    ((130, 90, 70), 0.02),  # skin-like, dark
)
_SATURATED_SHARE = 0.14  # any colour at all


def draw_colour(rng: np.random.Generator) -> Floats:
    """(3,) RGB albedo in 0 to 1."""
    if rng.random() < _SATURATED_SHARE:
        hue = np.array([[[rng.integers(180), rng.integers(60, 230), rng.integers(60, 245)]]])
        rgb = cv2.cvtColor(hue.astype(np.uint8), cv2.COLOR_HSV2RGB)[0, 0] / 255.0
        return np.asarray(rgb, dtype=np.float64)
    colours = np.array([c for c, _ in _COLOURS], dtype=np.float64) / 255
    weights = np.array([w for _, w in _COLOURS])
    base = colours[rng.choice(len(colours), p=weights / weights.sum())]
    return np.asarray(np.clip(base + rng.normal(0, 0.025, 3), 0.03, 0.97))


def _blend(a: Floats, b: Floats, share: Floats) -> Floats:
    """(..., 3) mix of two colours by (...) share."""
    return np.asarray(a + (b - a) * np.clip(share, 0, 1)[..., None])


def _other(colour: Floats, rng: np.random.Generator) -> Floats:
    """A second colour that is seen against the first."""
    second = draw_colour(rng)
    if np.abs(second - colour).max() < 0.25:
        second = 1 - colour
    return second


def _rotate(u: Floats, v: Floats, angle: float) -> tuple[Floats, Floats]:
    w = (v - 0.5) * 2
    return u * np.cos(angle) + w * np.sin(angle), w * np.cos(angle) - u * np.sin(angle)


def plain(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """One colour."""
    return np.broadcast_to(colour, (*u.shape, 3)).copy()


def stripes(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Parallel bands of any direction."""
    a, _ = _rotate(u, v, rng.uniform(0, np.pi))
    share = np.sin(a * rng.uniform(8, 30)) * rng.uniform(1.5, 6) + 0.5
    return _blend(colour, _other(colour, rng), share)


def checks(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Two crossing bands, as on gingham and tartan."""
    a, b = _rotate(u, v, rng.choice([0, np.pi / 4]))
    frequency = rng.uniform(8, 24)
    share = (np.sin(a * frequency) > 0) * 0.5 + (np.sin(b * frequency) > 0) * 0.5
    return _blend(colour, _other(colour, rng), share)


def dots(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """A staggered grid of dots."""
    a, b = _rotate(u, v, rng.uniform(0, np.pi))
    pitch = rng.uniform(0.12, 0.4)
    row = np.round(b / pitch)
    da = (a / pitch + 0.5 * (row % 2) + 0.5) % 1 - 0.5
    db = b / pitch - row
    share = (rng.uniform(0.2, 0.42) - np.hypot(da, db)) * 12 + 0.5
    return _blend(colour, _other(colour, rng), share)


def blots(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Camouflage and marbling: three colours by thresholds of smooth noise."""
    fields = [_noise(u, v, rng, rng.uniform(3, 8)) for _ in range(2)]
    cloth = plain(u, v, colour, rng)
    for field in fields:
        cloth = cloth + (_other(colour, rng) - cloth) * np.clip(field * 8, 0, 1)[..., None]
    return cloth


def _noise(u: Floats, v: Floats, rng: np.random.Generator, cells: float) -> Floats:
    """Smooth random field, mean 0, about -1 to 1."""
    side = int(np.ceil(cells)) + 2
    grid = rng.normal(0, 0.6, (side, side)).astype(np.float32)
    x = ((u + 1.3) / 2.6 * (side - 2)).astype(np.float32)
    y = ((v + 0.2) / 1.4 * (side - 2)).astype(np.float32)
    return cv2.remap(grid, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT).astype(np.float64)


def flowers(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Scattered five-petal blossoms of two colours."""
    cloth = plain(u, v, colour, rng)
    petals = [_other(colour, rng), _other(colour, rng)]
    for _ in range(int(rng.integers(10, 32))):
        du, dv = u - rng.uniform(-1, 1), (v - rng.uniform(0, 1)) * 2
        size, turn = rng.uniform(0.06, 0.2), rng.uniform(0, np.pi)
        radius = np.hypot(du, dv) / size
        edge = 0.7 + 0.3 * np.cos(5 * np.arctan2(dv, du) + turn)
        share = np.clip((edge - radius) * 8, 0, 1)
        cloth = _blend(cloth, petals[int(rng.integers(2))], share)
    return cloth


def lettering(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """A word or sign of random letters somewhere on the fabric."""
    plate = np.zeros((128, 256), np.uint8)
    letters = "".join(rng.choice(list("ABCDEFGHKLMNOPRSTUVXYZ0123456789&"), rng.integers(2, 8)))
    scale = float(rng.uniform(1.0, 2.6)) * 5 / (len(letters) + 2)
    thick = int(rng.integers(2, 8))
    (width, height), _ = cv2.getTextSize(letters, cv2.FONT_HERSHEY_DUPLEX, scale, thick)
    x = int((256 - width) / 2 + rng.normal(0, 18))
    y = int((128 + height) / 2 + rng.normal(0, 14))
    cv2.putText(plate, letters, (x, y), cv2.FONT_HERSHEY_DUPLEX, scale, 255, thick, cv2.LINE_AA)
    return _blend(colour, _other(colour, rng), _read_plate(plate, u, v))


def grin(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """A printed mouth: lips, open or with teeth."""
    plate = np.zeros((128, 256, 3), np.uint8)
    plate[:] = colour * 255
    centre = (128 + int(rng.normal(0, 6)), 76 + int(rng.normal(0, 8)))
    wide, high = int(rng.integers(36, 90)), int(rng.integers(10, 34))
    lips = [int(c) for c in (rng.integers(120, 255), rng.integers(0, 90), rng.integers(0, 90))]
    cv2.ellipse(plate, centre, (wide, high), 0, 0, 360, lips, -1, cv2.LINE_AA)
    inner = (int(wide * 0.85), int(high * 0.62))
    teeth = rng.random() < 0.7
    cv2.ellipse(plate, centre, inner, 0, 0, 360, (240,) * 3 if teeth else (40, 10, 10), -1)
    if teeth:
        for x in range(centre[0] - inner[0], centre[0] + inner[0], max(6, wide // 6)):
            cv2.line(plate, (x, centre[1] - high), (x, centre[1] + high), (120,) * 3, 1)
        cv2.ellipse(plate, centre, (wide, high), 0, 0, 360, lips, max(2, high // 4), cv2.LINE_AA)
    return np.asarray(
        np.stack([_read_plate(plate[..., c], u, v) for c in range(3)], axis=-1), dtype=np.float64
    )


def _read_plate(plate: NDArray[np.uint8], u: Floats, v: Floats) -> Floats:
    """A (H, W) picture of the whole sheet read at (u, v), 0 to 1."""
    x = ((u + 1) / 2 * (plate.shape[1] - 1)).astype(np.float32)
    y = (v * (plate.shape[0] - 1)).astype(np.float32)
    read = cv2.remap(plate, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return read.astype(np.float64) / 255


def bands(u: Floats, v: Floats, colour: Floats, rng: np.random.Generator) -> Floats:
    """Three broad bands, upright or level, as on flags."""
    along = u / 2 + 0.5 if rng.random() < 0.5 else v
    colours = np.stack([colour, _other(colour, rng), draw_colour(rng)])
    return np.asarray(colours[np.clip((along * 3).astype(int), 0, 2)])


PRINTS: dict[str, Print] = {
    "plain": plain,
    "stripes": stripes,
    "checks": checks,
    "dots": dots,
    "blots": blots,
    "flowers": flowers,
    "lettering": lettering,
    "grin": grin,
    "bands": bands,
}

# Share of plain fabric by style: respirators are hardly ever printed.
PLAIN_SHARE: dict[str, float] = {
    "surgical": 0.85,
    "kn95": 0.85,
    "cup": 0.95,
    "cloth": 0.45,
    "gaiter": 0.5,
}


def draw_print(style: str, rng: np.random.Generator) -> str:
    """Name of a random print for a mask of that style."""
    if rng.random() < PLAIN_SHARE[style]:
        return "plain"
    return str(rng.choice([name for name in PRINTS if name != "plain"]))
