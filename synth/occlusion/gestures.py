"""How hands are held before faces and about things: random poses."""

from dataclasses import replace

import numpy as np

from synth.occlusion.hands import Hand
from synth.occlusion.layer import Floats


def pick_side(rng: np.random.Generator) -> int:
    """-1 left or 1 right in the picture."""
    return int(rng.choice([-1, 1]))


def draw_cover(rng: np.random.Generator, spread: float, low: float = 0.0) -> Hand:
    """A flat hand over the mouth, its fingers across or upwards, `low` face units below it."""
    side = pick_side(rng)
    angle = side * rng.uniform(0.5, 1.75)
    # The middle of the fingers' roots lies over the mouth.
    back = rng.uniform(-0.15, 0.15)
    x, y = np.sin(angle) * back, -np.cos(angle) * back
    return Hand(
        at=(float(x + rng.normal(0, 0.05)), float(y + rng.normal(0.06 + low, 0.05))),
        angle=float(angle),
        thumb_side=side,
        pitch=float(rng.uniform(-0.1, 0.4)),
        yaw=float(rng.uniform(-0.3, 0.3)),
        spread=float(spread),
        curl=_curl(rng, float(rng.uniform(0.02, 0.3))),
        thumb=(float(rng.uniform(0.1, 0.7)), float(rng.uniform(0, 0.4)), 0.3),
        arm=float(side * rng.uniform(0.2, 0.9)),
        size=float(rng.uniform(0.85, 1.05)),
        bare=float(rng.choice([0.1, 0.3, 0.8, 3.0])),
    )


def draw_fist(rng: np.random.Generator, at: tuple[float, float]) -> Hand:
    """A closed fist about that place, its back to the viewer."""
    hand = draw_cover(rng, 0.0)
    side = hand.thumb_side
    angle = float(side * rng.uniform(0.1, 1.3))
    back = 0.15
    return replace(
        hand,
        at=(at[0] + float(np.sin(angle)) * back, at[1] - float(np.cos(angle)) * back),
        angle=angle,
        pitch=float(rng.uniform(-1.0, -0.2)),
        yaw=float(rng.uniform(-0.2, 0.6)),
        curl=np.asarray(np.array([1.35, 1.6, 0.9]) + rng.normal(0, 0.08, (4, 3)), np.float32),
        thumb=(float(rng.uniform(-0.3, 0.2)), 0.5, 0.2),
        arm=float(side * rng.uniform(0.1, 0.8)),
    )


def draw_clasp(rng: np.random.Generator) -> list[Hand]:
    """Two hands before the mouth: laid together with the fingers up, or one over the other."""
    first = draw_cover(rng, 0.1)
    flat = rng.random() < 0.5
    low = float(rng.uniform(-0.05, 0.25))
    hands = [
        replace(
            first,
            at=(side * float(rng.uniform(0.1, 0.2) if flat else 0.12), low),
            angle=-side * float(rng.uniform(0.05, 0.4) if flat else rng.uniform(0.5, 1.1)),
            thumb_side=-side,
            yaw=float(rng.uniform(0.5, 0.9) if flat else rng.uniform(0.0, 0.4)),
            pitch=float(rng.uniform(0.0, 0.3)),
            spread=0.05 if flat else 0.15,
            curl=_curl(rng, 0.08 if flat else 0.9),
            thumb=(0.15, 0.2, 0.2),
            arm=-side * float(rng.uniform(0.3, 0.8)),
        )
        for side in (-1, 1)
    ]
    return hands if rng.random() < 0.5 else hands[::-1]


def draw_chin(rng: np.random.Generator) -> Hand:
    """A hand at the chin or the cheek, as in thought."""
    side = pick_side(rng)
    cheek = rng.random() < 0.45
    bend = np.array([1.3, 1.5, 0.8]) + rng.normal(0, 0.1, (4, 3))
    if cheek:
        bend[0] = 0.15
    at = (side * float(rng.uniform(0.4, 0.55)), 0.15) if cheek else (side * 0.12, 0.5)
    return Hand(
        at=(at[0] + float(rng.normal(0, 0.04)), at[1] + float(rng.uniform(-0.02, 0.12))),
        angle=side * float(rng.uniform(-0.2, 0.25) if cheek else rng.uniform(-0.9, -0.2)),
        thumb_side=-side if not cheek else side,
        pitch=float(rng.uniform(-0.5, 0.1)),
        yaw=float(rng.uniform(0.2, 0.7)),
        spread=0.05,
        curl=np.asarray(bend, np.float32),
        thumb=(float(rng.uniform(0.3, 0.9)), 0.2, 0.2),
        arm=-side * float(rng.uniform(0.0, 0.5)),
        bare=float(rng.choice([0.1, 0.4, 3.0])),
    )


def draw_edge_grip(rng: np.random.Generator, at: tuple[float, float], side: int) -> Hand:
    """A hand at a thing's right (1) or left (-1) edge, fingers inwards."""
    angle = -side * float(rng.uniform(0.6, 1.3))
    back = 0.12
    return Hand(
        at=(at[0] - float(np.sin(angle)) * -back, at[1] + float(np.cos(angle)) * back),
        angle=angle,
        thumb_side=-side,
        yaw=float(rng.uniform(-0.1, 0.5)),
        pitch=float(rng.uniform(0.0, 0.5)),
        spread=float(rng.uniform(0, 0.2)),
        curl=_curl(rng, float(rng.uniform(0.3, 0.7))),
        thumb=(float(rng.uniform(0.1, 0.5)), 0.3, 0.2),
        arm=-side * float(rng.uniform(0.0, 0.5)),
        size=float(rng.uniform(0.82, 1.0)),
        bare=float(rng.choice([0.1, 0.3, 3.0])),
    )


def draw_side_grip(
    rng: np.random.Generator, at: tuple[float, float], side: int, half: float
) -> Hand:
    """A hand about an upright thing of that half width from its right (1) or left (-1): the
    fingers lie before it."""
    hand = draw_edge_grip(rng, at, side)
    angle = -side * float(rng.uniform(1.2, 1.6))
    reach = float(np.clip(half / 0.4, 0.3, 1.0))
    return replace(
        hand,
        at=(at[0] + side * 0.02, at[1]),
        angle=angle,
        yaw=float(rng.uniform(-0.2, 0.2)),
        pitch=0.3,
        spread=float(rng.uniform(0.05, 0.3)),
        curl=_curl(rng, 0.35 + 0.4 * (1 - reach)),
        thumb=(float(rng.uniform(0.3, 0.7)), 0.1, 0.2),
        size=float(rng.uniform(0.8, 0.95)),
    )


def draw_touch(rng: np.random.Generator) -> Hand:
    """Fingertips at the side or the lower corner of a mask."""
    side = pick_side(rng)
    angle = -side * float(rng.uniform(0.35, 1.2))
    tip = np.array([side * rng.uniform(0.22, 0.36), rng.uniform(-0.05, 0.3)])
    away = np.array([np.sin(angle), -np.cos(angle)]) * 0.5
    at = tip - away
    return Hand(
        at=(float(at[0]), float(at[1])),
        angle=angle,
        thumb_side=-side,
        pitch=float(rng.uniform(0.1, 0.5)),
        yaw=float(rng.uniform(0, 0.5)),
        spread=float(rng.uniform(0, 0.15)),
        curl=_curl(rng, float(rng.uniform(0.2, 0.5))),
        thumb=(0.3, 0.3, 0.3),
        arm=-side * float(rng.uniform(0.0, 0.5)),
        size=float(rng.uniform(0.82, 0.95)),
        bare=float(rng.choice([0.1, 0.4, 3.0])),
    )


def _curl(rng: np.random.Generator, middle: float, spread: float = 0.12) -> Floats:
    """(4, 3) bends of the joints about `middle`, alike in all fingers."""
    shared = middle * np.array([1.0, 1.2, 0.7]) + rng.normal(0, spread / 2, 3)
    return np.asarray(shared + rng.normal(0, spread / 2, (4, 3)), np.float32)
