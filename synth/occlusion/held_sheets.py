"""Paper, books and phones before the mouth or at the ear, in hands."""

import numpy as np

from synth.colours import draw_colour
from synth.occlusion.gestures import (
    draw_edge_grip,
    draw_side_grip,
    pick_side,
)
from synth.occlusion.hands import draw_look, paint_hand
from synth.occlusion.layer import Canvas, Floats, Layer
from synth.occlusion.patches import stack
from synth.occlusion.things import (
    Paint,
    Pose,
    lettered,
    paint_plate,
    pictured,
    plain,
)

_PAPER = np.array([0.9, 0.9, 0.88], np.float32)
_DARK = np.array([0.06, 0.06, 0.07], np.float32)


def paper(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A sheet of paper held upright."""
    half = (float(rng.uniform(0.6, 1.0)), float(rng.uniform(0.65, 1.1)))
    blank = rng.random() < 0.5
    paint = plain(_PAPER) if blank else lettered(_PAPER, _DARK * 3, rng, 14, 0.8)
    return _held_plate(canvas, rng, half, paint, corner=0.0)


def book(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A book or folder held upright."""
    half = (float(rng.uniform(0.5, 0.85)), float(rng.uniform(0.55, 0.85)))
    colour = np.asarray(draw_colour(rng, "cloth"), np.float32)
    return _held_plate(canvas, rng, half, pictured(colour, rng), corner=0.03)


def phone(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A phone held before the mouth, its back to the viewer."""
    wide = rng.random() < 0.35
    half = (0.62, 0.31) if wide else (0.32, 0.64)
    return _held_plate(canvas, rng, half, _phone_back(rng), corner=0.07, low=0.3)


def phone_ear(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A phone at the ear."""
    look = draw_look(canvas, rng)
    side = pick_side(rng)
    x, y = side * float(rng.uniform(0.55, 0.68)), float(rng.uniform(-0.3, 0.0))
    pose = Pose((x, y), (float(rng.uniform(0.09, 0.2)), 0.6), -side * float(rng.uniform(0.0, 0.35)))
    hand = draw_side_grip(rng, (x + side * 0.12, y + 0.25), side, 0.25)
    return stack(
        canvas,
        [
            paint_hand(canvas, hand, look, rng, "back"),
            paint_plate(canvas, pose, _phone_back(rng), rng, corner=0.06),
            paint_hand(canvas, hand, look, rng, "front"),
        ],
    )


def _phone_back(rng: np.random.Generator) -> Paint:
    colour = _DARK if rng.random() < 0.6 else np.asarray(draw_colour(rng, "cloth"), np.float32)

    def paint(u: Floats, v: Floats) -> Floats:
        lens = np.clip((0.16 - np.hypot((u + 0.55) * 0.5, v + 0.78)) * 40, 0, 1)[..., None]
        return np.asarray(colour + (_DARK - colour) * np.float32(0.9) * lens, np.float32)

    return paint


def _held_plate(
    canvas: Canvas,
    rng: np.random.Generator,
    half: tuple[float, float],
    paint: Paint,
    *,
    corner: float,
    low: float = 0.75,
) -> Layer:
    """A flat thing before the mouth, thumbs before and fingers behind it at its sides."""
    look = draw_look(canvas, rng)
    top = float(rng.uniform(-0.45, -0.2))
    y = max(min(top + half[1], low), -half[1] + 0.15)
    pose = Pose((float(rng.normal(0, 0.07)), y), half, float(rng.normal(0, 0.09)))
    sides = [pick_side(rng)] if rng.random() < 0.5 else [-1, 1]
    hands = [
        draw_edge_grip(
            rng, (pose.at[0] + s * (half[0] + 0.02), y + half[1] * float(rng.uniform(0, 0.6))), s
        )
        for s in sides
    ]
    plate = paint_plate(canvas, pose, paint, rng, corner=corner, bend=0.12)
    over = [paint_hand(canvas, hand, look, rng) for hand in hands]
    return stack(canvas, [plate, *over])
