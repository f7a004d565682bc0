"""Things held before a face, or beside it, that are no masks, by name."""

from collections.abc import Callable

import numpy as np

from synth.colours import draw_colour
from synth.occlusion.gestures import (
    draw_chin,
    draw_clasp,
    draw_cover,
    draw_edge_grip,
    draw_fist,
    draw_side_grip,
    draw_touch,
    pick_side,
)
from synth.occlusion.hands import draw_look, paint_hand
from synth.occlusion.held_cloths import Cloth, draw_print_name, paint_cloth
from synth.occlusion.held_drinks import bottle, glass, mug, paper_cup
from synth.occlusion.held_sheets import book, paper, phone, phone_ear
from synth.occlusion.layer import Canvas, Floats, Layer
from synth.occlusion.patches import stack
from synth.occlusion.things import (
    Pose,
    paint_ball,
    paint_turned,
    plain,
)

Painter = Callable[[Canvas, np.random.Generator], Layer]

_DARK = np.array([0.06, 0.06, 0.07], np.float32)


def _rgb(red: float, green: float, blue: float) -> Floats:
    return np.array([red, green, blue], np.float32)


def hand_cover(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A hand over the mouth with closed fingers."""
    look = draw_look(canvas, rng)
    return stack(canvas, [paint_hand(canvas, draw_cover(rng, rng.uniform(0, 0.25)), look, rng)])


def hand_spread(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A hand over the mouth with open fingers."""
    look = draw_look(canvas, rng)
    return stack(canvas, [paint_hand(canvas, draw_cover(rng, rng.uniform(0.4, 0.9)), look, rng)])


def fist(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A fist before the mouth, as for a cough."""
    look = draw_look(canvas, rng)
    at = (float(rng.normal(0, 0.06)), float(rng.normal(0.05, 0.06)))
    return stack(canvas, [paint_hand(canvas, draw_fist(rng, at), look, rng)])


def two_hands(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """Two hands clasped or laid together before the mouth."""
    look = draw_look(canvas, rng)
    return stack(canvas, [paint_hand(canvas, hand, look, rng) for hand in draw_clasp(rng)])


def thinking(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A hand at the chin or the cheek; the mouth mostly stays free."""
    look = draw_look(canvas, rng)
    return stack(canvas, [paint_hand(canvas, draw_chin(rng), look, rng)])


def towel(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A towel pressed to mouth and nose, hanging far below the chin."""
    top, bottom = rng.uniform(-0.5, -0.2), rng.uniform(0.9, 2.0)
    half = (rng.uniform(0.5, 0.95), (bottom - top) / 2)
    return _cloth_in_hands(
        canvas, rng, top, half=half, fabric=(0.12, 0.2, 0.0), terry=rng.uniform(0.003, 0.008)
    )


def handkerchief(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A handkerchief or a scarf's end, often printed."""
    top, bottom = rng.uniform(-0.45, -0.2), rng.uniform(0.5, 1.1)
    half = (rng.uniform(0.42, 0.7), (bottom - top) / 2)
    return _cloth_in_hands(canvas, rng, top, half=half, fabric=(0.22, 0.16, 0.1), printed=0.6)


def tissue(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A paper tissue: white, small, sharply crumpled."""
    top, bottom = rng.uniform(-0.4, -0.15), rng.uniform(0.25, 0.7)
    half = (rng.uniform(0.3, 0.5), (bottom - top) / 2)
    return _cloth_in_hands(canvas, rng, top, half=half, fabric=(0.25, 0.12, 0.95))


def _cloth_in_hands(
    canvas: Canvas,
    rng: np.random.Generator,
    top: float,
    *,
    half: tuple[float, float],
    fabric: tuple[float, float, float],
    terry: float = 0.0,
    printed: float = 0.2,
) -> Layer:
    """A cloth of a `fabric` (ragged, fold, white), pressed by a hand over it or pinched by two."""
    look = draw_look(canvas, rng)
    ragged, fold, white = fabric
    if rng.random() < 0.35:
        white = max(white, 0.9)
    x = float(rng.normal(0, 0.08))
    grip = (x + float(rng.normal(0, 0.2)), float(rng.uniform(-0.1, 0.3)))
    name = draw_print_name(rng, 1.0 if white > 0.8 else 1 - printed)
    middle = (x, top + half[1])
    cloth = Cloth(grip, middle, half, ragged, fold, name, white, terry)
    patches = [paint_cloth(canvas, cloth, rng)]
    draw = rng.random()
    if draw < 0.45:
        hand = draw_cover(rng, rng.uniform(0, 0.4), low=rng.uniform(0.1, 0.5))
        patches.append(paint_hand(canvas, hand, look, rng))
    elif draw < 0.7:
        patches.append(paint_hand(canvas, draw_fist(rng, (grip[0], grip[1] + 0.35)), look, rng))
    else:  # never without a hand: a cloth that holds itself is a mask
        for side in (-1, 1):
            at = (x + side * half[0] * 0.8, float(rng.uniform(-0.1, 0.3)))
            patches.append(paint_hand(canvas, draw_edge_grip(rng, at, side), look, rng))
    return stack(canvas, patches)


def microphone(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A microphone before the mouth, in a hand or on its stand."""
    side = pick_side(rng)
    at = (float(rng.normal(0, 0.05)) + side * 0.06, float(rng.uniform(0.0, 0.12)))
    return _microphone(canvas, rng, at, side)


def microphone_low(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A microphone before a lower corner of the mask."""
    side = pick_side(rng)
    at = (side * float(rng.uniform(0.15, 0.4)), float(rng.uniform(0.38, 0.6)))
    return _microphone(canvas, rng, at, side)


def _microphone(
    canvas: Canvas, rng: np.random.Generator, at: tuple[float, float], side: int
) -> Layer:
    look = draw_look(canvas, rng)
    foam = rng.random() < 0.5
    radius = float(rng.uniform(0.17, 0.27) if foam else rng.uniform(0.14, 0.2))
    turn = -side * float(rng.uniform(0.0, 0.7))
    way = np.array([-np.sin(turn), np.cos(turn)])
    middle = np.array(at) + way * (radius + 0.55)
    handle = Pose((float(middle[0]), float(middle[1])), (radius * 0.55, 0.65), turn)
    head: Floats = (
        np.asarray(draw_colour(rng, "cloth"), np.float32) if foam else _rgb(0.45, 0.45, 0.45)
    )
    head = _DARK if foam and rng.random() < 0.6 else head
    profile = [(-1, 1.0), (-0.7, 0.85), (1, 0.6)]
    patches = [
        paint_turned(canvas, handle, profile, plain(_DARK * 1.5), rng, tilt=0.1, gloss=0.3),
        paint_ball(
            canvas,
            Pose(at, (radius, radius * float(rng.uniform(1, 1.25))), turn),
            head,
            rng,
            grain=0.12 if foam else 0.3,
            gloss=0.05 if foam else 0.7,
        ),
    ]
    if rng.random() < 0.7:
        grip = np.array(at) + way * (radius + 0.6) + np.array([side * 0.12, 0])
        hand = draw_side_grip(rng, (float(grip[0]), float(grip[1])), side, radius * 0.6)
        patches.insert(0, paint_hand(canvas, hand, look, rng, "back"))
        patches.append(paint_hand(canvas, hand, look, rng, "front"))
    return stack(canvas, patches)


def burger(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """A burger or bun at the mouth in a hand or two."""
    look = draw_look(canvas, rng)
    y = float(rng.uniform(0.0, 0.15))
    wide = float(rng.uniform(0.38, 0.52))
    bun = np.asarray(_rgb(0.72, 0.45, 0.2) * rng.uniform(0.8, 1.15), np.float32)
    layers = [(0.16, bun), (0.07, _rgb(0.3, 0.17, 0.1)), (0.0, _rgb(0.4, 0.6, 0.2))]
    patches = [
        paint_ball(canvas, Pose((0.0, y + down), (wide, 0.2)), colour, rng, grain=0.06, gloss=0.05)
        for down, colour in layers
    ]
    patches.append(
        paint_ball(canvas, Pose((0.0, y - 0.1), (wide, 0.24)), bun, rng, grain=0.03, gloss=0.25)
    )
    for side in (-1, 1) if rng.random() < 0.6 else (pick_side(rng),):
        hand = draw_edge_grip(rng, (side * wide * 0.95, y + 0.1), side)
        patches.append(paint_hand(canvas, hand, look, rng))
    return stack(canvas, patches)


def hand_touching(canvas: Canvas, rng: np.random.Generator) -> Layer:
    """Fingers at the side or the lower corner of a mask."""
    look = draw_look(canvas, rng)
    return stack(canvas, [paint_hand(canvas, draw_touch(rng), look, rng)])


# Before a bare face, or beside it.
HELD: dict[str, Painter] = {
    "hand_cover": hand_cover,
    "hand_spread": hand_spread,
    "fist": fist,
    "two_hands": two_hands,
    "thinking": thinking,
    "towel": towel,
    "handkerchief": handkerchief,
    "tissue": tissue,
    "paper": paper,
    "book": book,
    "phone": phone,
    "phone_ear": phone_ear,
    "mug": mug,
    "paper_cup": paper_cup,
    "glass": glass,
    "bottle": bottle,
    "microphone": microphone,
    "burger": burger,
}

# Before a masked face, most of whose mask stays free.
HELD_FRONT: dict[str, Painter] = {
    "hand_touching": hand_touching,
    "microphone_low": microphone_low,
    "phone_ear": phone_ear,
}
