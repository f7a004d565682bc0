"""Hair before a face: beards, and strands that fall over forehead and cheeks."""

import cv2
import numpy as np

from synth.occlusion.board import (
    Board,
    Points,
    bounds,
    draw_lines,
    empty_board,
    faces_camera,
    fill,
    noise,
    upright,
)
from synth.occlusion.layer import Canvas, Floats, Layer

# RGB albedo of hair, by eye from photographs: black, brown, red, blond, grey, white.
_HAIR = np.array(
    [
        [0.05, 0.04, 0.04],
        [0.10, 0.07, 0.05],
        [0.20, 0.13, 0.08],
        [0.38, 0.18, 0.08],
        [0.55, 0.42, 0.26],
        [0.38, 0.37, 0.36],
        [0.78, 0.77, 0.75],
    ]
)
_SHARES = (0.26, 0.22, 0.18, 0.07, 0.09, 0.1, 0.08)

# The right half of regions on the face, (x, y, z) face coordinates, from the landmarks of jaw and
# mouth: the cheeks' hairline down to the mouth, and the jaw from the ear to the chin.
_CHEEK = np.array(
    [[0.60, 0.2, -0.82], [0.53, 0.42, -0.58], [0.43, 0.6, -0.36], [0.3, 0.6, -0.16],
     [0.19, 0.45, -0.02], [0.0, 0.40, 0.14]]
)  # fmt: skip
_JAW = np.array(
    [[0.0, 1.02, -0.02], [0.148, 1.0, -0.06], [0.279, 0.955, -0.21], [0.4, 0.89, -0.38],
     [0.5, 0.79, -0.53], [0.56, 0.66, -0.65], [0.59, 0.52, -0.71], [0.605, 0.36, -0.76]]
)  # fmt: skip
_MOUTH = np.array(
    [[0.0, 0.5, 0.13], [0.08, 0.49, 0.11], [0.16, 0.535, 0.03], [0.235, 0.605, -0.1],
     [0.16, 0.665, 0.0], [0.08, 0.69, 0.09], [0.0, 0.695, 0.1]]
)  # fmt: skip
_MOUSTACHE = np.array(
    [[0.0, 0.395, 0.15], [0.1, 0.4, 0.1], [0.2, 0.48, -0.02], [0.29, 0.64, -0.14],
     [0.25, 0.68, -0.13], [0.2, 0.57, -0.05], [0.1, 0.495, 0.1], [0.0, 0.5, 0.13]]
)  # fmt: skip
_GOATEE = np.array(
    [[0.0, 0.66, 0.11], [0.1, 0.68, 0.07], [0.2, 0.62, -0.05], [0.28, 0.62, -0.14],
     [0.3, 0.8, -0.16], [0.22, 0.99, -0.13], [0.0, 1.06, -0.02]]
)  # fmt: skip


def draw_hair(rng: np.random.Generator) -> Floats:
    """(3,) float32 RGB albedo of random hair."""
    colour = _HAIR[rng.choice(len(_HAIR), p=_SHARES)]
    return np.asarray(
        np.clip(colour * rng.uniform(0.8, 1.2) * rng.uniform(0.95, 1.05, 3), 0.02, 0.9), np.float32
    )


def _both(half: Points, longer: float = 0.0) -> Points:
    """The mirrored half joined to the half: a closed (N, 3) outline; the lower part `longer`."""
    half = half + np.outer(longer * np.clip((half[:, 1] - 0.6) / 0.4, 0, 1), [0, 1, 0.1])
    return np.vstack([half, (half * [-1, 1, 1])[::-1]])


def _halves(canvas: Canvas, half: Points, longer: float = 0.0) -> list[Points]:
    """A region of both face halves as polygons in canvas pixels; each half on its own, so that
    a turned head's far half doesn't cross the near one."""
    whole = _both(half, longer)
    n = len(half)
    return [canvas.project(whole[:n]), canvas.project(whole[n:])]


def _strokes(
    canvas: Canvas, alpha: Floats, colour: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Colour and alpha of hairs that grow outward and down from the mouth, inside alpha."""
    window = bounds(alpha)
    x, y = upright(canvas, [0.0, 0.35, 0.05], window)
    angle, radius = np.arctan2(x, y + 0.05), np.hypot(x, y)
    fine = noise(angle * (0.5 + radius), radius, rng, 17.0, 0.25)
    coarse = noise(angle, radius, rng, 5.0, 0.5)
    light = 1 + 0.3 * fine + 0.22 * coarse - 0.25 * np.clip(radius - 0.3, 0, 0.7)
    light *= 1 - 0.25 * np.clip(np.abs(x) / 0.6, 0, 1) ** 2
    paint = colour * light[..., None] + np.float32(0.02)
    share = np.clip(alpha[window] * (1 + 0.35 * fine + 0.2 * coarse), 0, 1)
    out = np.zeros_like(alpha)
    out[window] = share
    full = np.zeros((*alpha.shape, 3), np.float32)
    full[window] = paint
    return full, out


def paint_beard(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A beard: full, goatee, moustache or stubble, short to long; the mouth stays free."""
    board = empty_board(canvas)
    kind = str(rng.choice(["full", "goatee", "moustache", "stubble"], p=[0.5, 0.2, 0.12, 0.18]))
    longer = float(rng.choice([0.02, 0.1, 0.3, 0.7], p=[0.35, 0.3, 0.2, 0.15]))
    colour = draw_hair(rng)
    shapes: list[Points] = []
    if kind in ("full", "stubble"):
        longer = 0.02 if kind == "stubble" else longer
        shapes += _halves(canvas, np.vstack([_CHEEK, _JAW]), longer)
    elif kind == "goatee":
        shapes += _halves(canvas, _GOATEE, longer * 0.6)
    soft = 0.035 if kind == "stubble" else 0.022
    alpha = fill(canvas, *shapes, soft=soft) if shapes else np.zeros_like(board.alpha)
    lips = fill(canvas, *_halves(canvas, _MOUTH), soft=0.012)
    alpha = alpha * (1 - lips)
    if kind != "stubble" and (kind == "moustache" or rng.random() < 0.8):
        lip_hair = fill(canvas, *_halves(canvas, _MOUSTACHE), soft=0.014) * (1 - 0.9 * lips)
        alpha = np.maximum(alpha, lip_hair)
    dense = rng.uniform(0.3, 0.55) if kind == "stubble" else rng.uniform(0.82, 1.0)
    paint, share = _strokes(canvas, alpha * np.float32(dense), colour, rng)
    board.over(paint, share)
    if longer > 0.05 and kind != "stubble":
        _tips(board, colour, longer * (0.6 if kind == "goatee" else 1.0), rng)
    return board.finish(0.2)


def _tips(board: Board, colour: Floats, longer: float, rng: np.random.Generator) -> None:
    """Single hairs that stick out below a long beard."""
    lines = []
    for x in rng.uniform(-0.38, 0.38, 60) * (1 - 0.4 * longer):
        y = 0.9 + longer * rng.uniform(0.3, 1.0) * (1 - abs(x))
        bend = rng.normal(0, 0.02)
        points = [[x, y - 0.15, -0.2], [x * 1.02 + bend, y, -0.2], [x + 2 * bend, y + 0.13, -0.2]]
        lines.append(board.canvas.project(np.array(points)))
    alpha = draw_lines(board.canvas, lines, 0.012)
    board.over(colour * np.float32(rng.uniform(0.8, 1.2)), alpha * np.float32(0.8))


def _lock(
    start: Points, end: Points, rng: np.random.Generator, count: int, spread: float
) -> list[Points]:
    """`count` hairs (9, 3) from about start to about end, face coordinates, bent alike."""
    t = np.linspace(0, 1, 9)[:, None]
    bend = rng.normal(0, 0.08, 3) * [1, 0.3, 0.3]
    hairs = []
    for _ in range(count):
        a, b = start + rng.normal(0, spread, 3), end + rng.normal(0, 1.6 * spread, 3)
        hairs.append(a + (b - a) * t + bend * np.sin(np.pi * t) + [0, 0, 0.12] * np.sin(np.pi * t))
    return hairs


def paint_strands(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """Hair over the forehead, a fringe down to the brows, or locks along the cheeks."""
    board = empty_board(canvas)
    kind = str(rng.choice(["fringe", "locks", "wisps", "long"]))
    colour = draw_hair(rng)
    locks: list[Points] = []
    if kind in ("fringe", "long"):
        parting = rng.uniform(-0.25, 0.25)
        low = rng.uniform(-0.14, 0.0)
        for x in np.linspace(-0.48, 0.48, 26):
            start = np.array([0.55 * x + 0.45 * parting, -0.72, -0.25])
            end = np.array([x, low + 0.25 * abs(x) + rng.normal(0, 0.03), -0.1 - 1.1 * x * x])
            locks += _lock(start, end, rng, 7, 0.016)
    if kind in ("locks", "long"):
        for side in (-1, 1):
            if faces_camera(canvas, side):
                for x in np.linspace(0.47, 0.66, 7):
                    start = np.array([side * 0.42, -0.66, -0.35])
                    end = np.array([side * x, rng.uniform(0.8, 1.5), -0.4])
                    locks += _lock(start, end, rng, 9, 0.035)
    if kind == "wisps":
        for _ in range(int(rng.integers(2, 6))):
            x = rng.uniform(-0.45, 0.45)
            start = np.array([x * 0.8, -0.65, -0.25])
            end = np.array([x + rng.normal(0, 0.12), rng.uniform(0.0, 0.6), 0.05 - 1.2 * x * x])
            locks += _lock(start, end, rng, int(rng.integers(3, 10)), 0.03)
    return _comb(board, locks, colour, rng)


def _comb(board: Board, hairs: list[Points], colour: Floats, rng: np.random.Generator) -> Layer:
    """Draws hairs in three shades over each other."""
    if not hairs:
        return board.finish()
    canvas = board.canvas
    pixels = canvas.project(np.array(hairs))
    order = rng.permutation(len(pixels))
    for part, tone in zip(np.array_split(order, 3), (0.75, 1.0, 1.35), strict=True):
        lines = [pixels[i] for i in part]
        alpha = draw_lines(canvas, lines, 0.011) if lines else np.zeros_like(board.alpha)
        board.over(colour * np.float32(tone), np.minimum(alpha, 0.9))
    cv2.GaussianBlur(board.alpha, (0, 0), 0.6, dst=board.alpha)
    cv2.GaussianBlur(board.colour, (0, 0), 0.6, dst=board.colour)
    return board.finish(0.25)
