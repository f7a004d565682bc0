"""Garments about neck and head that are no masks: scarves, collars, hoods, towels, veils.

They have the colours and prints of masks, so that fabric alone doesn't tell one from the other.
"""

import cv2
import numpy as np

from synth.occlusion.board import (
    Board,
    Points,
    Strip,
    at_half,
    draw_lines,
    empty_board,
    fill,
    make_strip,
    noise,
    ring,
)
from synth.occlusion.drapery import Fabric, drape, draw_fabric, lay_strip, plain_fabric
from synth.occlusion.layer import Canvas, Layer

_NECK = np.array([[0.0, 1.2, -0.4]])


def _darken_below(board: Board, curve: Points, depth: float) -> None:
    """The shadow that an edge casts on the cloth under it."""
    shifted = curve + np.array([0, depth * board.canvas.unit])
    strip = make_strip(board.canvas, curve, shifted, np.zeros(len(curve)))
    if strip is not None:
        board.shade(1 - 0.55 * strip.alpha * np.clip(1 - strip.v, 0, 1), strip.window)


def _loop(
    board: Board,
    fabric: Fabric,
    rng: np.random.Generator,
    *,
    front: float,
    height: float,
    wide: float,
) -> None:
    """One turn of cloth about the neck, its upper edge `front` high before the face."""
    back = 0.45 * front + 0.42
    top, angle = ring(board.canvas, front, back, (wide, wide), -0.5)
    bottom, _ = ring(
        board.canvas, front + height, back + 0.8 * height, (wide + 0.1, wide + 0.05), -0.52
    )
    tilt = rng.normal(0, 0.04) * np.sin(angle)
    wave = np.sin(np.outer([2.0, 3.0], angle) + rng.uniform(0, 6, (2, 1)))
    top[:, 1] += (tilt + 0.02 * wave[0]) * board.canvas.unit
    bottom[:, 1] += (tilt + 0.04 * wave[1]) * board.canvas.unit
    _darken_below(board, bottom, 0.1)
    strip = make_strip(board.canvas, top, bottom, angle)
    lay_strip(board, strip, fabric, rng, height=height, bulge=0.5, folds=0.5)


def _hang(
    board: Board, fabric: Fabric, rng: np.random.Generator, *, at: float, width: float, fringe: bool
) -> None:
    """An end of cloth that hangs on the chest, upright, `at` face units beside the neck."""
    canvas = board.canvas
    x0, y0 = canvas.project(_NECK)[0] + [at * canvas.unit, 0.15 * canvas.unit]
    length, lean = rng.uniform(0.6, 1.2) * canvas.unit, rng.normal(0, 0.12) * canvas.unit
    u = np.linspace(-1, 1, 9)
    half = 0.5 * width * canvas.unit
    top = np.stack([x0 + u * half * 0.8, np.full(9, y0)], axis=1)
    bottom = np.stack([x0 + lean + u * half, y0 + length + 0.04 * u * half], axis=1)
    if fringe:
        starts = np.linspace(bottom[0], bottom[-1], 14)
        drops = rng.normal([0, 0.13], [0.03, 0.02], (14, 2)) * canvas.unit
        ends = list(np.stack([starts, starts + drops], axis=1))
        board.over(fabric.mean * np.float32(0.8), draw_lines(canvas, ends, 0.022))
    # The strip is read by wider edges, so that its slanting sides lie within.
    left = min(top[0, 0], bottom[0, 0])
    right = max(top[-1, 0], bottom[-1, 0])
    across = np.linspace(left, right, 9)
    wide = [np.stack([across, curve[:, 1]], axis=1) for curve in (top, bottom)]
    strip = make_strip(canvas, wide[0], wide[1], u * 0.5)
    if strip is None:
        return
    alpha = fill(canvas, np.vstack([top, bottom[::-1]]))[strip.window]
    cut = Strip(strip.window, alpha, strip.u, strip.v, strip.side)
    lay_strip(board, cut, fabric, rng, height=1.0, bulge=0.0, folds=0.35, stretch=0.25)


def _shoulders(board: Board, fabric: Fabric, rng: np.random.Generator) -> None:
    """Clothes from the neck over the shoulders down to the canvas's border."""
    canvas = board.canvas
    neck = canvas.project(_NECK)[0]
    slope = rng.uniform(0.8, 1.1)
    x = np.array([0.0, 0.3, 0.45, 0.75, 1.1, 1.4, 1.6, 2.4])
    y = np.array([0.0, 0.0, 0.22, 0.42, 0.62, 0.95, 1.6, 2.6])
    fine = np.linspace(-2.4, 2.4, 65)
    top = np.stack([fine, slope * np.interp(np.abs(fine), x, y)], axis=1) * canvas.unit + neck
    bottom = np.stack([top[:, 0], np.full(65, float(canvas.size + 2))], axis=1)
    strip = make_strip(canvas, top, np.maximum(bottom, top + np.array([0, 1])), fine)
    lay_strip(board, strip, fabric, rng, height=1.4, bulge=0.12, folds=0.3, stretch=0.5)


@at_half
def paint_scarf(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A scarf about the neck, up to the chin or the mouth, never over the nose."""
    board = empty_board(canvas)
    fabric = draw_fabric(rng, 0.5, 0.5)
    front = float(rng.choice([1.12, 1.0, 0.86, 0.7]) + rng.uniform(-0.04, 0.06))
    turns, height = int(rng.integers(2, 4)), float(rng.uniform(0.26, 0.4))
    wide = float(rng.uniform(0.6, 0.7))
    if rng.random() < 0.6:
        at, width = rng.uniform(-0.3, 0.3), rng.uniform(0.35, 0.6)
        _hang(board, fabric, rng, at=at, width=width, fringe=rng.random() < 0.6)
    for i in reversed(range(turns)):
        upper = front + i * 0.7 * height
        _loop(board, fabric, rng, front=upper, height=height, wide=wide + 0.07 * i)
    return board.finish()


@at_half
def paint_towel(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A towel round the neck whose ends hang down before both shoulders."""
    board = empty_board(canvas)
    fabric = draw_fabric(rng, 0.25, 0.3)
    width, front = float(rng.uniform(0.4, 0.6)), float(rng.uniform(1.0, 1.15))
    for side in (-1, 1):
        _hang(board, fabric, rng, at=side * (0.15 + 0.5 * width), width=width, fringe=False)
    _loop(board, fabric, rng, front=front, height=float(rng.uniform(0.3, 0.45)), wide=0.62)
    return board.finish()


def _collar(
    board: Board,
    fabric: Fabric,
    rng: np.random.Generator,
    *,
    front: float,
    wide: float,
    deep: float,
) -> tuple[Points, Points]:
    """A collar that stands up; its upper and lower edges in canvas pixels."""
    back = 0.4 * front + 0.45
    top, angle = ring(board.canvas, front, back, (wide, wide), -0.52)
    bottom, _ = ring(board.canvas, front + deep, 1.35, (wide + 0.06, wide), -0.55)
    bottom = np.maximum(bottom, top + np.array([-1e9, 0.2 * board.canvas.unit]))
    strip = make_strip(board.canvas, top, bottom, angle)
    _darken_below(board, bottom, 0.07)
    lay_strip(board, strip, fabric, rng, height=deep, bulge=0.15, folds=0.3, stretch=2.5)
    return top, bottom


@at_half
def paint_turtleneck(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A turtleneck, often folded over, up to the chin or pulled to the lower lip."""
    board = empty_board(canvas)
    fabric = draw_fabric(rng, 0.2, 0.85)
    front = float(rng.choice([1.08, 1.0, 0.82]) + rng.uniform(-0.05, 0.05))
    deep, wide = 1.62 - front, float(rng.uniform(0.52, 0.6))
    _shoulders(board, fabric, rng)
    _collar(board, fabric, rng, front=front, wide=wide, deep=deep)
    if rng.random() < 0.6:
        _collar(board, fabric, rng, front=front, wide=wide + 0.04, deep=deep * 0.6)
    return board.finish()


@at_half
def paint_jacket(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A jacket zipped up to the chin or the lower lip."""
    board = empty_board(canvas)
    fabric = draw_fabric(rng, 0.2, 0.1)
    front = float(rng.choice([1.05, 0.95, 0.76]) + rng.uniform(-0.04, 0.05))
    wide = float(rng.uniform(0.62, 0.72))
    _shoulders(board, fabric, rng)
    edges = _collar(board, fabric, rng, front=front, wide=wide, deep=1.6 - front)
    _, angle = ring(canvas, front, front, (0.6, 0.6), -0.5)
    if abs(angle[len(angle) // 2]) < 1.3:  # else the zip isn't seen
        middle = [np.array([np.interp(0, angle, c[:, i]) for i in (0, 1)]) for c in edges]
        _zip(board, fabric, rng, middle[0], middle[1])
    return board.finish()


def _zip(
    board: Board, fabric: Fabric, rng: np.random.Generator, top: Points, bottom: Points
) -> None:
    """A zip from (2,) top over (2,) bottom straight down, with its slider."""
    unit = board.canvas.unit
    line = np.array([top, bottom, bottom + np.array([0, 2.0 * unit])])
    board.over(fabric.mean * np.float32(0.65), draw_lines(board.canvas, [line], 0.07))
    tone = np.full(3, rng.choice([0.08, 0.35, 0.7]), np.float32)
    board.over(tone, draw_lines(board.canvas, [line], 0.03))
    if rng.random() < 0.6:
        pull = np.array([top + np.array([0, 0.03 * unit]), top + np.array([0, 0.13 * unit])])
        board.over(np.full(3, 0.6, np.float32), draw_lines(board.canvas, [pull], 0.045))


def _opening(canvas: Canvas, top: float, bottom: float, wide: float, square: float) -> Points:
    """A face opening as a (N, 2) polygon: a superellipse on the head's front."""
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    c, s = np.cos(t), np.sin(t)
    x = wide * np.sign(c) * np.abs(c) ** (2 / square)
    y = (top + bottom) / 2 + (bottom - top) / 2 * np.sign(s) * np.abs(s) ** (2 / square)
    return canvas.project(np.stack([x, y, -0.15 - 1.2 * x**2], axis=1))


def head_hull(canvas: Canvas, radius: float, rim: float, top: float) -> Points:
    """Outline of a dome on the head, a (N, 2) convex polygon in canvas pixels.

    Args:
        canvas: where it is drawn.
        radius: half width in face units.
        rim: height y of its lower rim, face coordinates.
        top: height of its top.
    """
    lat, lon = np.meshgrid(np.linspace(0, 0.5 * np.pi, 7), np.linspace(0, 2 * np.pi, 25))
    out = np.cos(lat).clip(0) ** 0.6
    points = np.stack(
        [
            radius * out * np.cos(lon),
            rim + (top - rim) * np.sin(lat),
            -0.55 + radius * 1.1 * out * np.sin(lon),
        ],
        axis=-1,
    )
    outline = cv2.convexHull(canvas.project(points.reshape(-1, 3)).astype(np.float32))
    return np.asarray(outline[:, 0], np.float64)


@at_half
def paint_veil(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A niqab: cloth over head, nose, mouth, neck and shoulders, only the eyes free."""
    board = empty_board(canvas)
    fabric = draw_fabric(rng, 0.0, 0.0)
    if rng.random() < 0.65:
        fabric = plain_fabric(rng.uniform(0.03, 0.1) + rng.normal(0, 0.01, 3))
    hull = head_hull(canvas, 0.76, 0.25, -0.95)
    half = np.array(
        [[0.7, -0.75], [0.76, -0.2], [0.8, 0.35], [1.0, 0.75], [1.5, 1.2], [1.75, 1.7], [1.9, 2.6]]
    )
    body = canvas.flat(np.vstack([half, (half * [-1, 1])[::-1]]))
    low = float(rng.uniform(0.2, 0.26))
    slit = fill(canvas, _opening(canvas, float(rng.uniform(-0.3, -0.16)), low, 0.52, 3.0))
    drape(board, fill(canvas, hull, body) * (1 - slit), fabric, rng)
    edge, angle = ring(canvas, low, low - 0.05, (0.6, 0.7), -0.55)
    hem, _ = ring(canvas, 1.5, 1.4, (0.85, 0.8), -0.5)
    face = make_strip(canvas, edge, hem, angle)
    if face is not None:  # the nose lifts the cloth
        shadow = 0.18 * np.exp(-((face.u / 0.28) ** 2) - ((face.v - 0.33) / 0.12) ** 2)
        gleam = 0.15 * np.exp(-((face.u / 0.16) ** 2) - ((face.v - 0.1) / 0.12) ** 2)
        rim = 0.25 * np.exp(-((face.v / 0.03) ** 2))
        folds = 0.12 * noise(face.u + 0 * face.v, face.v, rng, 3.0, 0.6)
        board.shade(1 - (shadow - gleam + rim + folds) * face.alpha, face.window)
    return board.finish()


def _hood(board: Board, fabric: Fabric, rng: np.random.Generator, chin: float) -> None:
    """A hood about the face with a rim that is lit, and dark within."""
    canvas = board.canvas
    size = float(rng.uniform(0.8, 0.92))
    hull = head_hull(canvas, size, 0.3, float(rng.uniform(-1.15, -0.95)))
    neck = canvas.project(_NECK)[0]
    half = np.array([[0.97 * size, -1.1], [0.95 * size, -0.4], [0.9 * size, 0.1], [0.7, 0.45]])
    sides = np.vstack([half, (half * [-1, 1])[::-1]]) * canvas.unit + neck
    top = float(rng.uniform(-0.5, -0.35))
    hole = _opening(canvas, top, chin, float(rng.uniform(0.6, 0.68)), 2.4)
    inner = hole.mean(0) + (hole - hole.mean(0)) * 1.09
    outline = cv2.convexHull(np.vstack([hull, sides]).astype(np.float32))[:, 0]
    cloth = fill(canvas, outline.astype(np.float64))
    free, wide = fill(canvas, hole, soft=0.015), fill(canvas, inner)
    board.over(fabric.mean * np.float32(0.4), cloth * wide * (1 - free))
    drape(board, cloth * (1 - wide), fabric, rng)
    # Within, the lining shades the face's rim.
    near = fill(canvas, hole, soft=0.09)
    board.over(np.full(3, 0.02, np.float32), free * np.clip(0.9 - near, 0, 1) * np.float32(0.8))


@at_half
def paint_hoodie(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A hood on the head, closed up to the chin."""
    board = empty_board(canvas)
    fabric = draw_fabric(rng, 0.15, 0.2)
    _shoulders(board, fabric, rng)
    _hood(board, fabric, rng, float(rng.uniform(0.92, 1.05)))
    if rng.random() < 0.5:
        _collar(board, fabric, rng, front=float(rng.uniform(0.95, 1.1)), wide=0.66, deep=0.5)
    return board.finish()


@at_half
def paint_hood(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A hood that leaves all of the face and a mask on it free."""
    board = empty_board(canvas)
    _hood(board, draw_fabric(rng, 0.15, 0.2), rng, float(rng.uniform(1.25, 1.4)))
    return board.finish()
