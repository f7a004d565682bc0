"""What people wear before or about the face that is no mask, by name.

`WORN` comes instead of a mask: the face stays without one. `WORN_FRONT` comes before any face,
masked or bare, and changes nothing about its class.
"""

import numpy as np

from synth.colours import draw_colour
from synth.occlusion.board import (
    Board,
    Painter,
    Points,
    bounds,
    draw_lines,
    empty_board,
    faces_camera,
    fill,
    make_strip,
    ring,
    upright,
)
from synth.occlusion.drapery import draw_fabric, lay_strip
from synth.occlusion.eyes import paint_glasses, paint_shield, paint_sunglasses
from synth.occlusion.garments import (
    head_hull,
    paint_hood,
    paint_hoodie,
    paint_jacket,
    paint_scarf,
    paint_towel,
    paint_turtleneck,
    paint_veil,
)
from synth.occlusion.hair import paint_beard, paint_strands
from synth.occlusion.layer import Canvas, Floats, Layer

# The right half of a strap from the temple along the jaw to under the chin, face coordinates.
_STRAP = np.array(
    [[0.62, -0.3, -0.6], [0.63, 0.1, -0.7], [0.6, 0.45, -0.66], [0.52, 0.78, -0.5],
     [0.3, 1.0, -0.24], [0.0, 1.07, -0.08]]
)  # fmt: skip


def _dome(
    board: Board, rng: np.random.Generator, colour: Floats, rim: float, gloss: float
) -> tuple[Points, Points]:
    """A hat's or helmet's crown above a rim; the rim's seen half and its angles.

    The crown hides hair down to the rim; `gloss` is the strength of its highlight.
    """
    canvas = board.canvas
    radius = float(rng.uniform(0.72, 0.8))
    hull = head_hull(canvas, radius, rim, float(rng.uniform(-1.25, -1.05)))
    front, angle = ring(canvas, rim - 0.04, rim + 0.12, (radius, radius * 1.1), -0.55)
    alpha = fill(canvas, hull)
    window = bounds(alpha)
    x, y = upright(canvas, [0.0, -0.7, -0.3], window)
    at = rng.uniform(-0.35, 0.35)
    light = 0.95 - 0.35 * np.clip(np.abs(x) / 0.8, 0, 1) ** 2 - 0.15 * y
    shine = gloss * np.exp(-(((x - at) / 0.16) ** 2) - ((y + 0.15) / 0.22) ** 2)
    board.over(
        colour * light[..., None] + shine[..., None].astype(np.float32), alpha[window], window
    )
    return front, angle


def _shade_brow(board: Board, rng: np.random.Generator, rim: float) -> None:
    """The shadow of a brim on forehead and eyes."""
    upper, angle = ring(board.canvas, rim, rim, (0.66, 0.72), -0.5)
    low = rim + float(rng.uniform(0.25, 0.6))
    lower, _ = ring(board.canvas, low, low, (0.66, 0.72), -0.5)
    strip = make_strip(board.canvas, upper, lower, angle)
    if strip is not None:
        dark = strip.alpha * np.clip(1.1 - strip.v, 0, 1) * np.float32(rng.uniform(0.2, 0.5))
        board.over(np.full(3, 0.02, np.float32), np.clip(dark, 0, 1), strip.window)


def _brim(
    board: Board, rng: np.random.Generator, colour: Floats, *, rim: float, reach: float, arc: float
) -> None:
    """A peak (arc below a half turn) or the brim of a hat, seen from below or above."""
    t = np.linspace(-arc, arc, 41)
    out = reach * np.cos(t * (0.5 * np.pi / arc)) ** 0.6 if arc < 2 else reach + 0 * t
    drop = rng.uniform(-0.05, 0.1) * np.cos(t)
    inner = np.stack([0.72 * np.sin(t), rim + 0 * t, -0.55 + 0.8 * np.cos(t)], axis=1)
    outer = inner + np.stack([out * np.sin(t), drop + 0.05, out * np.cos(t)], axis=1)
    alpha = fill(board.canvas, board.canvas.project(np.vstack([inner, outer[::-1]])))
    board.over(colour * np.float32(0.7), alpha)
    edge = [board.canvas.project(outer)]
    board.over(np.clip(colour * 1.1, 0, 1), draw_lines(board.canvas, edge, 0.02))


def paint_hat(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A cap, a hat with a brim all round, a hard hat, or a knitted hat; with its shadow."""
    board = empty_board(canvas)
    kind = str(rng.choice(["cap", "brim", "hard", "knitted"], p=[0.4, 0.15, 0.15, 0.3]))
    rim = float(rng.uniform(-0.42, -0.26))
    colour = draw_colour(rng).astype(np.float32)
    if kind == "hard":
        tones = [[0.9, 0.75, 0.1], [0.9, 0.9, 0.9], [0.85, 0.4, 0.08], [0.1, 0.3, 0.65]]
        colour = np.array(tones[rng.integers(4)], np.float32)
    if kind != "knitted":
        _shade_brow(board, rng, rim)
    _dome(board, rng, colour, rim, 0.5 if kind == "hard" else 0.05)
    if kind == "knitted":
        _cuff(board, rng, rim)
    else:
        reach = {"cap": 0.5, "brim": 0.42, "hard": 0.22}[kind] * float(rng.uniform(0.8, 1.2))
        _brim(board, rng, colour, rim=rim, reach=reach, arc=3.14 if kind == "brim" else 1.0)
    return board.finish()


def _cuff(board: Board, rng: np.random.Generator, rim: float) -> None:
    """The turned-up edge of a knitted hat, in a fabric of its own."""
    upper, angle = ring(board.canvas, rim - 0.24, rim - 0.12, (0.78, 0.84), -0.55)
    lower, _ = ring(board.canvas, rim + 0.04, rim + 0.2, (0.76, 0.82), -0.55)
    strip = make_strip(board.canvas, upper, lower, angle)
    lay_strip(board, strip, draw_fabric(rng, 0.2, 1.0), rng, bulge=0.25, folds=0.1)


def _straps(canvas: Canvas) -> list[Points]:
    """The chin strap's halves that are seen, (N, 2) canvas pixels."""
    sides = [side for side in (-1, 1) if faces_camera(canvas, side)]
    strap = _STRAP
    for _ in range(2):  # corners cut (Chaikin 1974)
        a, b = strap[:-1], strap[1:]
        cut = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis=1).reshape(-1, 3)
        strap = np.vstack([strap[:1], cut, strap[-1:]])
    return [canvas.project(strap * [side, 1, 1]) for side in sides]


def paint_helmet(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A helmet or hat held by a strap under the chin; the face is free."""
    board = empty_board(canvas)
    rim = float(rng.uniform(-0.42, -0.3))
    tone = np.array([[0.04] * 3, [0.15] * 3, [0.85] * 3, [0.3, 0.25, 0.2]][rng.integers(4)])
    width = float(rng.uniform(0.03, 0.09))
    lines = _straps(canvas)
    board.over((tone * 0.6).astype(np.float32), draw_lines(canvas, lines, width * 1.25))
    board.over(tone.astype(np.float32), draw_lines(canvas, lines, width))
    if rng.random() < 0.8:
        colour = draw_colour(rng).astype(np.float32)
        _shade_brow(board, rng, rim)
        _dome(board, rng, colour, rim, float(rng.uniform(0.1, 0.6)))
        _brim(board, rng, colour, rim=rim, reach=float(rng.uniform(0.06, 0.2)), arc=1.1)
    return board.finish(0.3)


def paint_headset(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """Headphones with a microphone on a boom before the mouth's corner."""
    board = empty_board(canvas)
    tone = np.full(3, rng.choice([0.04, 0.08, 0.5, 0.85]), np.float32)
    t = np.linspace(0, np.pi, 25)
    band = np.stack([0.74 * np.cos(t), 0.05 - 1.15 * np.sin(t), np.full(25, -0.7)], axis=1)
    board.over(tone, draw_lines(canvas, [canvas.project(band)], float(rng.uniform(0.04, 0.1))))
    side = int(rng.choice([-1, 1]))
    side = side if faces_camera(canvas, side) else -side
    size = float(rng.uniform(0.13, 0.24))
    for s in (-1, 1):
        if faces_camera(canvas, s):
            a = np.linspace(0, 2 * np.pi, 24)
            cup = np.stack([np.full(24, s * 0.72), 0.1 + size * 1.2 * np.sin(a),
                            -0.75 + size * np.cos(a)], axis=1)  # fmt: skip
            rim = np.vstack([canvas.project(cup), canvas.project(cup - [s * 0.14, 0, 0])])
            board.over(tone * np.float32(0.6), fill(canvas, rim))
            board.over(tone + np.float32(0.04), fill(canvas, canvas.project(cup)))
    end = np.array([side * rng.uniform(0.14, 0.3), rng.uniform(0.6, 0.75), 0.18])
    w = np.linspace(0, 1, 15)[:, None]
    mid = np.array([side * 0.72, 0.7, -0.2])
    start = np.array([side * 0.74, 0.15, -0.7])
    boom = (1 - w) ** 2 * start + 2 * w * (1 - w) * mid + w**2 * end
    board.over(tone, draw_lines(canvas, [canvas.project(boom)], 0.025))
    tip = canvas.project(np.array([end, end - [0.07 * side, 0, 0]]))
    board.over(
        np.full(3, 0.03, np.float32), draw_lines(canvas, [tip], float(rng.uniform(0.07, 0.13)))
    )
    return board.finish(0.2)


def paint_earphones(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """Earphones whose cables meet on the chest."""
    board = empty_board(canvas)
    tone = np.full(3, rng.choice([0.05, 0.9, 0.9]), np.float32)
    meet = np.array([rng.normal(0, 0.1), rng.uniform(1.6, 2.1), 0.0])
    w = np.linspace(0, 1, 17)[:, None]
    for side in (-1, 1):
        if faces_camera(canvas, side):
            start = np.array([side * 0.63, 0.2, -0.8])
            mid = np.array([side * rng.uniform(0.5, 0.75), 1.2, -0.5])
            cable = (1 - w) ** 2 * start + 2 * w * (1 - w) * mid + w**2 * meet
            board.over(tone, draw_lines(canvas, [canvas.project(cable)], 0.02))
            bud = canvas.project(np.array([start, start - [0, 0.11, 0]]))
            board.over(tone, draw_lines(canvas, [bud], 0.06))
    rest = canvas.project(meet + np.array([[0, 0, 0], [0.03, 1.2, 0]]))
    board.over(tone, draw_lines(canvas, [rest], 0.022))
    return board.finish(0.25)


def paint_face_paint(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """Stripes painted on the cheeks, or paint over half of the face; the skin shines through."""
    board = empty_board(canvas)
    dense = np.float32(rng.uniform(0.55, 0.85))
    if rng.random() < 0.5:
        low = float(rng.choice([0.3, 0.6, 1.0]))
        outline = np.array([[-0.57, -0.1, -0.6], [-0.3, -0.4, -0.2], [0.3, -0.4, -0.2],
                            [0.57, -0.1, -0.6], [0.55, low * 0.7, -0.6], [0.0, low, 0.05],
                            [-0.55, low * 0.7, -0.6]])  # fmt: skip
        alpha = fill(canvas, canvas.project(outline), soft=0.03) * dense
        eyes = [
            canvas.project(np.array([[s * 0.24 + dx, 0.06 + dy, -0.18] for dx, dy in
                                     [(-0.1, 0), (0, -0.045), (0.1, 0), (0, 0.045)]]))
            for s in (-1, 1)
        ]  # fmt: skip
        board.over(
            draw_colour(rng).astype(np.float32), alpha * (1 - fill(canvas, *eyes, soft=0.01))
        )
        return board.finish(0.0)
    colours = [draw_colour(rng).astype(np.float32) for _ in range(3)]
    for side in (-1, 1):
        for i, colour in enumerate(colours):
            y = 0.28 + 0.075 * i
            line = np.array([[side * 0.2, y, -0.08], [side * 0.34, y - 0.01, -0.2],
                             [side * 0.46, y - 0.03, -0.38]])  # fmt: skip
            if faces_camera(canvas, side):
                board.over(colour, draw_lines(canvas, [canvas.project(line)], 0.07, 0.008) * dense)
    return board.finish(0.0)


WORN: dict[str, Painter] = {
    "scarf": paint_scarf,
    "turtleneck": paint_turtleneck,
    "jacket": paint_jacket,
    "hoodie": paint_hoodie,
    "neck_towel": paint_towel,
    "beard": paint_beard,
    "helmet": paint_helmet,
    "veil": paint_veil,
    "shield": paint_shield,
    "bare_sunglasses": paint_sunglasses,
    "face_paint": paint_face_paint,
}
WORN_FRONT: dict[str, Painter] = {
    "glasses": paint_glasses,
    "sunglasses": paint_sunglasses,
    "strands": paint_strands,
    "hat": paint_hat,
    "hood": paint_hood,
    "face_shield": paint_shield,
    "headset": paint_headset,
    "earphones": paint_earphones,
}
# How often each comes; names that aren't here weigh 1. A veil is a mask to many people.
WEIGHTS: dict[str, float] = {
    "scarf": 2.5,
    "beard": 2.5,
    "turtleneck": 1.5,
    "jacket": 1.5,
    "veil": 0.25,
    "face_paint": 0.4,
    "shield": 0.8,
    "glasses": 3.0,
    "strands": 1.5,
    "hat": 2.0,
    "face_shield": 0.5,
    "headset": 0.5,
    "earphones": 0.5,
    "hood": 0.5,
}
