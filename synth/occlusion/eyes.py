"""What is worn before the eyes: glasses, sunglasses, clear face shields."""

from dataclasses import dataclass

import numpy as np

from synth.colours import draw_colour
from synth.occlusion.board import (
    Board,
    Points,
    Window,
    bounds,
    draw_lines,
    empty_board,
    faces_camera,
    fill,
    make_strip,
    ring,
    upright,
)
from synth.occlusion.layer import Canvas, Floats, Layer


@dataclass(frozen=True, eq=False)
class Frame:
    """A pair of glasses.

    Attributes:
        width: half width of a lens, face units.
        above: its height over the eye's middle.
        below: its depth under it.
        square: exponent of its superellipse, 2 is an ellipse.
        thick: width of the rim, 0 for none.
        colour: (3,) float32 RGB albedo of rim and temples.
        browline: whether only the upper rim is thick.
    """

    width: float
    above: float
    below: float
    square: float
    thick: float
    colour: Floats
    browline: bool


def draw_frame(rng: np.random.Generator, large: bool) -> Frame:
    """A random frame; sunglasses are larger."""
    width = float(rng.uniform(0.19, 0.235) if large else rng.uniform(0.165, 0.21))
    above = float(rng.uniform(0.1, 0.15) if large else rng.uniform(0.075, 0.12))
    below = float(rng.uniform(0.13, 0.22) if large else rng.uniform(0.09, 0.17))
    tones = [[0.03] * 3, [0.03] * 3, [0.18, 0.1, 0.06], [0.55, 0.5, 0.4], [0.6] * 3, [0.85] * 3]
    colour = np.array(tones[rng.integers(len(tones))])
    if rng.random() < 0.15:
        colour = draw_colour(rng)
    thick = float(rng.choice([0.0, 0.014, 0.022, 0.034, 0.05], p=[0.08, 0.3, 0.27, 0.25, 0.1]))
    square = float(rng.choice([2.0, 2.4, 3.0, 4.0]))
    return Frame(width, above, below, square, thick, colour.astype(np.float32), rng.random() < 0.12)


def _lens(canvas: Canvas, frame: Frame, side: int) -> Points:
    """(48, 2) outline of the lens on one side in canvas pixels, clockwise from the outer end."""
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    c, s = np.cos(t), np.sin(t)
    power = 2 / frame.square
    x = frame.width * np.sign(c) * np.abs(c) ** power
    y = np.where(s > 0, frame.below, frame.above) * np.sign(s) * np.abs(s) ** power
    taper = 1 - 0.12 * np.clip(y / 0.15, 0, 1)  # narrower below
    out = 0.05 + frame.width + x * taper
    points = np.stack([side * out, 0.055 + y, 0.03 - 0.75 * out**2], axis=1)
    return canvas.project(points)


def _wires(canvas: Canvas, frame: Frame) -> list[Points]:
    """Bridge and temples as (N, 2) lines in canvas pixels."""
    lines = [canvas.project(np.array([[-0.065, 0.04, 0.03], [0, 0.015, 0.1], [0.065, 0.04, 0.03]]))]
    hinge = 0.05 + 2 * frame.width
    for side in (-1, 1):
        if faces_camera(canvas, side):
            points = [[side * hinge, 0.02, 0.03 - 0.75 * hinge**2], [side * 0.64, 0.02, -0.9]]
            lines.append(canvas.project(np.array(points)))
    return lines


def _rims(board: Board, frame: Frame, lenses: list[Points]) -> None:
    """Rims, bridge and temples."""
    canvas = board.canvas
    closed = [np.vstack([x, x[:1]]) for x in lenses]
    thin = max(frame.thick, 0.012)
    board.over(frame.colour, draw_lines(canvas, _wires(canvas, frame), max(0.02, thin)))
    if not frame.thick:
        board.over(frame.colour, draw_lines(canvas, closed, 0.008) * np.float32(0.4))
        return
    board.over(frame.colour, draw_lines(canvas, closed, 0.012 if frame.browline else frame.thick))
    if frame.browline:
        upper = [x[24:] for x in lenses]
        board.over(frame.colour, draw_lines(canvas, upper, 0.045))


def _streak(x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """A slanting reflection, 0 to 1, at points in face units."""
    at, width = rng.uniform(-0.3, 0.3), rng.uniform(0.03, 0.12)
    return np.exp(-(((x + 0.6 * y - at) / np.float32(width)) ** 4))


def _reflect(x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """Streaks on both lenses, alike for they look the same way."""
    return np.minimum(_streak(np.abs(x) - np.float32(0.25), y * np.sign(x), rng), 1)


def _glass(canvas: Canvas, lenses: list[Points]) -> tuple[Floats, Window, Floats, Floats]:
    """Alpha of both lenses in a window, the window, and face units in it."""
    alpha = fill(canvas, *lenses)
    window = bounds(alpha)
    x, y = upright(canvas, [0.0, 0.06, 0.0], window)
    return alpha[window], window, x, y


def paint_glasses(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """Clear glasses, sometimes fogged as by breath under a mask."""
    board = empty_board(canvas)
    frame = draw_frame(rng, large=False)
    lenses = [_lens(canvas, frame, side) for side in (-1, 1)]
    inside, window, x, y = _glass(canvas, lenses)
    if rng.random() < 0.25:  # fog rises from below
        dense = rng.uniform(0.35, 0.85) * np.clip(0.75 + y / rng.uniform(0.1, 0.4), 0.15, 1)
        board.over(np.full(3, 0.78, np.float32), (inside * dense).astype(np.float32), window)
    else:
        clear = rng.uniform(0.02, 0.08) + rng.choice([0.0, 0.25, 0.6]) * _reflect(x, y, rng)
        tint = np.array([0.8, 0.88, 0.92], np.float32)
        board.over(tint, (inside * clear).astype(np.float32), window)
    _rims(board, frame, lenses)
    return board.finish(0.2)


def paint_sunglasses(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """Dark, coloured, graded or mirrored sunglasses, or one curved shield."""
    board = empty_board(canvas)
    frame = draw_frame(rng, large=True)
    lenses = [_lens(canvas, frame, side) for side in (-1, 1)]
    inside, window, x, y = _glass(canvas, lenses)
    tints = [[0.02, 0.02, 0.025], [0.03, 0.03, 0.03], [0.1, 0.06, 0.03], [0.05, 0.07, 0.05]]
    tint = np.array(tints[rng.integers(4)], np.float32)
    if rng.random() < 0.2:  # mirrored
        tint = (0.6 * draw_colour(rng)).astype(np.float32)
    height = np.clip((y + frame.above) / (frame.above + frame.below), 0, 1)
    # The sky above and the dark horizon, as a curved lens mirrors them.
    sky = rng.uniform(0.05, 0.5) * np.clip(0.55 - height, 0, 1) + 0.35 * _reflect(x, y, rng)
    colour = tint + (sky * rng.uniform(0.2, 0.7))[..., None] * np.array([0.9, 0.97, 1], np.float32)
    fade = rng.choice([0.0, 0.0, 0.45]) * height
    dense = inside * (rng.uniform(0.86, 0.99) * (1 - fade))
    board.over(colour.astype(np.float32), dense.astype(np.float32), window)
    _rims(board, frame, lenses)
    return board.finish(0.25)


def paint_shield(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A clear face shield from a band at the forehead to below the chin."""
    board = empty_board(canvas)
    low, wide = float(rng.uniform(1.05, 1.4)), float(rng.uniform(0.68, 0.8))
    top, angle = ring(canvas, -0.42, -0.42, (wide, 0.78), -0.45)
    bottom, _ = ring(canvas, low, low - 0.25, (wide * 0.95, 0.85), -0.45)
    keep = np.abs(angle) < 1.65  # a sheet has ends before the ears
    top, bottom, angle = (top[keep], bottom[keep], angle[keep]) if keep.sum() > 3 else (
        top, bottom, angle)  # fmt: skip
    strip = make_strip(canvas, top, bottom, angle)
    if strip is None:
        return board.finish()
    veil = np.float32(rng.uniform(0.02, 0.14)) + 0.0 * strip.v
    for _ in range(int(rng.integers(1, 5))):
        at, width, slant = rng.uniform(-1.2, 1.2), rng.uniform(0.03, 0.25), rng.uniform(-0.3, 0.3)
        gleam = np.exp(-(((strip.u + slant * strip.v - at) / width) ** 4))
        end = np.clip(1.5 - np.abs(strip.v - rng.uniform(0.1, 0.9)) * 3, 0, 1)
        veil = veil + rng.uniform(0.1, 0.5) * gleam * end
    veil = veil + 0.25 * np.abs(strip.side) ** 14
    alpha = np.clip(veil, 0, 0.8) * strip.alpha
    tint = np.array([0.86, 0.92, 0.96], np.float32)
    board.over(tint, alpha.astype(np.float32), strip.window)
    rim = [np.vstack([top[:1], bottom, top[-1:]])]
    board.over(tint, draw_lines(canvas, rim, 0.012) * np.float32(rng.uniform(0.3, 0.7)))
    _band(board, rng, wide)
    return board.finish(0.08)


def _band(board: Board, rng: np.random.Generator, wide: float) -> None:
    """The band of foam or plastic that holds a shield at the forehead."""
    upper, angle = ring(board.canvas, -0.5, -0.5, (wide, 0.75), -0.45)
    deep = float(rng.uniform(0.06, 0.17))
    lower, _ = ring(board.canvas, -0.5 + deep, -0.5 + deep, (wide, 0.75), -0.45)
    strip = make_strip(board.canvas, upper, lower, angle)
    if strip is None:
        return
    tones = [[0.85, 0.87, 0.88], [0.1, 0.35, 0.7], [0.05] * 3, [0.9, 0.9, 0.92], [0.5, 0.75, 0.85]]
    colour = np.array(tones[rng.integers(len(tones))], np.float32)
    light = (1 - 0.35 * np.abs(strip.side) ** 3) * (1.05 - 0.25 * strip.v)
    alpha = strip.alpha * np.float32(rng.choice([0.35, 0.95]))
    board.over(colour * light[..., None], alpha, strip.window)
