"""Cups, glasses and bottles at the mouth, in a hand."""

from collections.abc import Sequence

import numpy as np

from synth.colours import draw_colour
from synth.occlusion.gestures import (
    draw_side_grip,
    pick_side,
)
from synth.occlusion.hands import draw_look, paint_hand
from synth.occlusion.layer import Canvas, Floats, Layer
from synth.occlusion.patches import Patch, stack
from synth.occlusion.things import (
    Paint,
    Pose,
    paint_ellipse,
    paint_turned,
    plain,
)

_PAPER = np.array([0.9, 0.9, 0.88], np.float32)


def mug(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A mug or cup at the mouth."""
    colour = np.asarray(draw_colour(rng, "cloth"), np.float32)
    if rng.random() < 0.4:
        colour = _PAPER
    half = (float(rng.uniform(0.34, 0.45)), float(rng.uniform(0.36, 0.48)))
    return _held_cup(
        canvas,
        rng,
        half,
        profile=[(-1, 1), (0.7, 0.97), (1, 0.85)],
        paint=plain(colour),
        inner=colour,
    )


def paper_cup(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A paper cup, with a lid more often than not."""
    colour = _PAPER if rng.random() < 0.6 else np.asarray(draw_colour(rng, "cloth"), np.float32)
    sleeve = np.asarray(draw_colour(rng, "cloth"), np.float32) * 0.8

    def paint(_u: Floats, v: Floats) -> Floats:
        band = ((v > -0.25) & (v < 0.5))[..., None]
        return np.asarray(np.where(band, sleeve, colour), np.float32)

    half = (float(rng.uniform(0.3, 0.38)), float(rng.uniform(0.45, 0.6)))
    lid = rng.random() < 0.6
    return _held_cup(
        canvas,
        rng,
        half,
        profile=[(-1, 1), (1, 0.7)],
        paint=paint,
        inner=_PAPER if lid else colour,
        lid=lid,
    )


def _held_cup(
    canvas: Canvas,
    rng: np.random.Generator,
    half: tuple[float, float],
    *,
    profile: Sequence[tuple[float, float]],
    paint: Paint,
    inner: Floats,
    lid: bool = False,
) -> Layer:
    """A cup with its rim at the lips, held from the side."""
    look = draw_look(canvas, rng)
    side = pick_side(rng)
    tilt = float(rng.uniform(0.06, 0.22))
    x, y = float(rng.normal(0, 0.06)), half[1] - float(rng.uniform(0.12, 0.3))
    turn = float(rng.normal(0, 0.12))
    pose = Pose((x, y), half, turn)
    up = np.array([np.sin(turn), -np.cos(turn)]) * half[1]
    rim = Pose((x + up[0], y + up[1]), (half[0], max(half[0] * tilt, 0.02)), turn)
    hand = draw_side_grip(rng, (x + side * half[0] * 1.05, y + 0.05), side, half[0])
    patches: list[Patch] = [
        paint_hand(canvas, hand, look, rng, "back"),
        paint_turned(canvas, pose, profile, paint, rng, tilt=tilt, gloss=rng.uniform(0, 0.3)),
        paint_ellipse(canvas, rim, inner, 0.1 if lid else 0.6),
    ]
    return stack(canvas, [*patches, paint_hand(canvas, hand, look, rng, "front")])


def bottle(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A bottle lifted to the mouth from one side."""
    look = draw_look(canvas, rng)
    side = pick_side(rng)
    colour = np.asarray(draw_colour(rng, "cloth"), np.float32)
    if rng.random() < 0.5:
        colour = np.array([0.75, 0.85, 0.9], np.float32)
    turn = -side * float(rng.uniform(0.1, 0.9))
    half = (float(rng.uniform(0.2, 0.3)), float(rng.uniform(0.75, 1.0)))
    way = np.array([-np.sin(turn), np.cos(turn)])
    at = way * (half[1] - 0.08) + np.array([0, 0.02])
    profile = [(-1, 0.35), (-0.72, 0.36), (-0.4, 0.95), (-0.3, 1), (0.95, 1), (1, 0.92)]
    label = np.asarray(draw_colour(rng, "cloth"), np.float32)

    def paint(_u: Floats, v: Floats) -> Floats:
        return np.asarray(np.where(((v > -0.1) & (v < 0.5))[..., None], label, colour))

    clear = float(rng.choice([0.0, 0.5]))
    pose = Pose((float(at[0]), float(at[1])), half, turn)
    grip = at + np.array([side * half[0], 0.15])
    hand = draw_side_grip(rng, (float(grip[0]), float(grip[1])), side, half[0])
    body = paint_turned(canvas, pose, profile, paint, rng, tilt=0.1, gloss=0.5, clear=clear)
    return stack(
        canvas,
        [
            paint_hand(canvas, hand, look, rng, "back"),
            body,
            paint_hand(canvas, hand, look, rng, "front"),
        ],
    )


def glass(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A drinking glass: what is behind it shows through."""
    look = draw_look(canvas, rng)
    side = pick_side(rng)
    drink = np.asarray(draw_colour(rng, "cloth"), np.float32)
    level = float(rng.uniform(-0.6, 0.4))
    pale = np.array([0.85, 0.88, 0.9], np.float32)

    def paint(_u: Floats, v: Floats) -> Floats:
        return np.asarray(np.where((v > level)[..., None], drink, pale), np.float32)

    half = (float(rng.uniform(0.28, 0.38)), float(rng.uniform(0.42, 0.6)))
    x, y = float(rng.normal(0, 0.05)), half[1] - 0.12
    pose = Pose((x, y), half, float(rng.normal(0, 0.15)))
    hand = draw_side_grip(rng, (x + side * half[0] * 1.05, y + 0.1), side, half[0])
    profile = [(-1, 1), (1, 0.85)]
    clear = float(rng.uniform(0.35, 0.7))
    body = paint_turned(canvas, pose, profile, paint, rng, tilt=0.15, gloss=0.6, clear=clear)
    return stack(
        canvas,
        [
            paint_hand(canvas, hand, look, rng, "back"),
            body,
            paint_hand(canvas, hand, look, rng, "front"),
        ],
    )
