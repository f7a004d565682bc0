"""Hands with forearms: round bones in space, drawn front to back, lit by their relief.

Lengths follow adult hands (Pheasant & Haslegrave 2006, Bodyspace: hand length 18 to 19 cm, breadth
8.5 cm) at 12 cm from nose bridge to chin.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from synth.colours import draw_colour
from synth.occlusion.layer import Canvas, Floats
from synth.occlusion.patches import (
    Patch,
    Window,
    find_window,
    photograph,
    shade,
    smooth_noise,
    soften,
)

# Back of the hand: x to the little finger, y to the wrist, z to the viewer; knuckles near y = 0.
_KNUCKLES = np.array(
    [[-0.25, 0.0, 0.0], [-0.085, -0.05, 0.03], [0.08, -0.02, 0.02], [0.23, 0.07, -0.03]]
)
_WRIST = np.array([0.0, 0.84, -0.02])
_LENGTHS = (0.58, 0.65, 0.6, 0.46)
_PHALANGES = np.array([0.48, 0.29, 0.23])
_RADII = np.array([0.1, 0.088, 0.078, 0.06])
_THICK = (1.0, 1.03, 0.98, 0.86)
_SPLAY = np.array([-0.5, -0.14, 0.2, 0.6])
_FOREARM = 4.6  # beyond any edge of the canvas
_FARTHEST = -9.0


@dataclass(frozen=True, eq=False)
class Hand:
    """How a hand is held; angles in radians.

    Attributes:
        at: (x, y) of the middle knuckles, face units about the mouth.
        angle: where the fingers point, clockwise from upwards.
        thumb_side: 1 with the thumb left of upward fingers, -1 right.
        pitch, yaw: turn of the hand about its knuckles (fingers lean to the face where positive)
            and about its length (the thumb's edge comes to the viewer where positive).
        spread: 0 closed to 1 wide open.
        curl: (4, 3) bend of each finger's joints, index first.
        thumb: (3,) angle to the palm, bend of the last joint, lean to the face.
        arm: where the forearm leads, clockwise from downwards.
        size: of the hand, 1 an adult's.
        bare: length of bare forearm before the sleeve begins.
        fingers: which fingers are drawn.
    """

    at: tuple[float, float]
    angle: float
    thumb_side: int = 1
    pitch: float = 0.0
    yaw: float = 0.0
    spread: float = 0.2
    curl: Floats = field(default_factory=lambda: np.full((4, 3), 0.15, np.float32))
    thumb: tuple[float, float, float] = (0.5, 0.2, 0.3)
    arm: float = 0.0
    size: float = 1.0
    bare: float = 0.6
    fingers: tuple[int, ...] = (0, 1, 2, 3)


@dataclass(frozen=True, eq=False)
class Bone:
    """A tapered capsule between two points (x, y, z) in face units with a radius at each end.

    `joint` darkens its far end by the lines of a knuckle, `nail` draws a nail there, `cloth`
    marks a sleeve, `front` what lies before a thing that the hand holds.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radii: tuple[float, float]
    joint: bool = False
    nail: float = 0.0
    cloth: bool = False
    front: bool = False


@dataclass(frozen=True, eq=False)
class Look:
    """(3,) RGB 0 to 1 of skin and sleeve as photographed, and the strength of highlights."""

    skin: Floats
    sleeve: Floats
    gloss: float


def draw_look(canvas: Canvas, rng: np.random.Generator) -> Look:
    """Skin near the face's, and a sleeve (now and then none)."""
    shades = canvas.skin * rng.uniform(0.96, 1.1) * rng.uniform(0.98, 1.02, 3)
    skin = np.asarray(shades, np.float32)
    sleeve = photograph(canvas, np.asarray(draw_colour(rng, "cloth"), np.float32))
    if rng.random() < 0.25:
        sleeve = skin
    return Look(skin, sleeve, float(rng.uniform(0.03, 0.12)))


def hand_bones(hand: Hand) -> list[Bone]:
    """The bones of a hand and its forearm in face units about the mouth."""
    turn = _turn(hand)
    at = np.array([*hand.at, 0.0])

    def place(point: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(at + turn @ (point * [hand.thumb_side, 1, 1]) * hand.size)

    local = [_palm(index) for index in range(4)]
    local += [bone for index in hand.fingers for bone in _finger(hand, index)]
    local += _thumb(hand)
    bones = [
        replace(
            bone,
            start=place(bone.start),
            end=place(bone.end),
            radii=(bone.radii[0] * hand.size, bone.radii[1] * hand.size),
            nail=bone.nail * float(turn[2, 2] > 0),
        )
        for bone in local
    ]
    return bones + _forearm(hand, place(_WRIST))


def paint_hand(
    canvas: Canvas, hand: Hand, look: Look, rng: np.random.Generator, part: str = "all"
) -> Patch:
    """A hand and its forearm as photographed: `part` "front" is its fingers and thumb alone,
    "back" the rest, for things to lie between."""
    bones = hand_bones(hand)
    if part != "all":
        bones = [bone for bone in bones if bone.front == (part == "front")]
    low = np.min([np.minimum(b.start, b.end)[:2] - max(b.radii) for b in bones], 0)
    high = np.max([np.maximum(b.start, b.end)[:2] + max(b.radii) for b in bones], 0)
    window = find_window(canvas, low, high)
    relief = _draw_bones(window, bones)
    return _colour(canvas, window, relief, look, rng)


def _turn(hand: Hand) -> NDArray[np.float64]:
    """(3, 3) from the hand's frame to the picture's."""
    (ca, cp, cy), (sa, sp, sy) = (
        f(np.array([hand.angle, hand.pitch, hand.yaw * hand.thumb_side])) for f in (np.cos, np.sin)
    )
    roll = np.array([[ca, -sa, 0], [sa, ca, 0], [0, 0, 1]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    lean = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    return np.asarray(roll @ nod @ lean)


def _palm(index: int) -> Bone:
    wrist = _WRIST + np.array([0.08 * index - 0.12, 0, -0.02])
    return Bone(wrist, _KNUCKLES[index] - np.array([0, 0, 0.03]), (0.155, 0.135))


def _finger(hand: Hand, index: int) -> list[Bone]:
    splay = _SPLAY[index] * (0.12 + 0.75 * hand.spread)
    along = np.array([np.sin(splay), -np.cos(splay), 0])
    point, bend, bones = _KNUCKLES[index], 0.0, []
    radii = _RADII * _THICK[index]
    for k in range(3):
        bend += float(hand.curl[index, k])
        step = along * np.cos(bend) - np.array([0, 0, np.sin(bend)])
        end = point + step * _LENGTHS[index] * _PHALANGES[k]
        nail = float(k == 2 and bend < 0.9) * radii[3]
        pair = (float(radii[k]), float(radii[k + 1]))
        bones.append(Bone(point, end, pair, k < 2, nail, front=True))
        point = end
    return bones


def _thumb(hand: Hand) -> list[Bone]:
    out, bend, lean = hand.thumb
    root = np.array([-0.13, 0.66, -0.06])
    joint = np.array([-0.27 - 0.1 * out, 0.33, -0.06 - 0.1 * lean])
    point, bones = joint, [Bone(root, joint, (0.15, 0.125))]
    for k, (length, radius) in enumerate(((0.27, 0.1), (0.25, 0.072))):
        way = out - bend * k
        step = np.array([-np.sin(way), -np.cos(way), -np.sin(lean)]) * length
        nail = 0.075 * (k == 1)
        bones.append(
            Bone(point, point + step, (bones[-1].radii[1], radius), k == 0, nail, front=True)
        )
        point = point + step
    return bones


def _forearm(hand: Hand, wrist: NDArray[np.float64]) -> list[Bone]:
    way = np.array([-np.sin(hand.arm), np.cos(hand.arm), 0.0])
    cuff = wrist + way * hand.bare * hand.size
    elbow = wrist + way * _FOREARM - np.array([0, 0, 0.4])
    thin, thick = 0.19 * hand.size, 0.27 * hand.size
    return [
        Bone(wrist, wrist + way * max(hand.bare, 0.3) * hand.size, (thin, thick * 0.9)),
        Bone(cuff + way * 0.3, elbow, (thick * 1.25, thick * 2.2), cloth=True),
    ]


@dataclass(frozen=True, eq=False)
class _Relief:
    height: Floats
    outside: Floats  # distance from the outline, negative inside
    tint: Floats  # brightness of the skin
    nail: Floats
    cloth: Floats
    tip: Floats


def _draw_bones(window: Window, bones: list[Bone]) -> _Relief:
    """The nearest surface at each pixel of the window."""
    height = np.full(window.shape, _FARTHEST, np.float32)
    outside = np.full(window.shape, 9.0, np.float32)
    tint, nail, cloth, tip = (np.full(window.shape, v, np.float32) for v in (1, 0, 0, 0))
    for bone in bones:
        at = _reach(window, bone)
        if at is None:
            continue
        x, y = window.x[:, at[1]], window.y[at[0]]
        along, distance, radius, length = _measure(bone, x, y)
        gap = distance - radius
        outside[at] = np.minimum(outside[at], gap)
        share = np.minimum(distance / radius, 1)
        rise = np.float32(bone.end[2] - bone.start[2])
        top = np.float32(bone.start[2]) + along * rise + radius * np.sqrt(1 - 0.88 * share * share)
        seen = (gap < 1 / window.unit) & (top > height[at])
        height[at][seen] = top[seen]
        cloth[at][seen] = bone.cloth
        from_end = (1 - along) * np.float32(length)
        lines = _knuckle(from_end) if bone.joint else np.float32(1)
        tint[at][seen] = np.broadcast_to(lines, seen.shape)[seen]
        nail[at][seen] = _nail(bone, from_end, distance, window.unit)[seen] if bone.nail else 0
        tip[at][seen] = (along if bone.nail else np.zeros_like(along))[seen]
    return _Relief(height, outside, tint, nail, cloth, tip)


def _reach(window: Window, bone: Bone) -> tuple[slice, slice] | None:
    """Rows and columns of the window that the bone may touch."""
    slices = []
    for axis, line in ((1, window.y[:, 0]), (0, window.x[0])):
        radius = max(bone.radii) + 2 / window.unit
        a, b = float(bone.start[axis]), float(bone.end[axis])
        low, high = min(a, b), max(a, b)
        first, last = np.searchsorted(line, [low - radius, high + radius])
        if last - first < 1:
            return None
        slices.append(slice(int(first), int(last)))
    return slices[0], slices[1]


def _measure(bone: Bone, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats, float]:
    """Share along the bone, distance from its middle line, radius there, and seen length."""
    ax, ay = (np.float32(v) for v in bone.start[:2])
    dx, dy = (np.float32(v) for v in (bone.end - bone.start)[:2])
    square = max(float(dx * dx + dy * dy), 1e-6)
    along = np.clip(((x - ax) * dx + (y - ay) * dy) / np.float32(square), 0, 1)
    distance = np.hypot(x - ax - along * dx, y - ay - along * dy)
    radius = np.float32(bone.radii[0]) + along * np.float32(bone.radii[1] - bone.radii[0])
    return (
        np.asarray(along, np.float32),
        np.asarray(distance, np.float32),
        np.asarray(radius, np.float32),
        square**0.5,
    )


def _knuckle(from_end: Floats) -> Floats:
    """Darkness of the skin's folds over a joint: two fine lines."""
    lines = np.exp(-(((from_end - 0.018) / 0.008) ** 2)) + np.exp(
        -(((from_end - 0.05) / 0.007) ** 2)
    )
    return np.asarray(1 - 0.1 * lines, np.float32)


def _nail(bone: Bone, from_end: Floats, distance: Floats, unit: float) -> Floats:
    """Share of nail: an ellipse at the finger's end."""
    away = np.hypot(
        (from_end - 0.1 * bone.nail) / (1.15 * bone.nail), distance / (0.68 * bone.nail)
    )
    return np.asarray(np.clip((1 - away) * bone.nail * unit * 0.7, 0, 1), np.float32)


def _colour(
    canvas: Canvas, window: Window, relief: _Relief, look: Look, rng: np.random.Generator
) -> Patch:
    unit = window.unit
    inside = relief.height > _FARTHEST + 1
    filled = np.where(inside, relief.height, -0.2).astype(np.float32)
    filled += relief.cloth * 0.05 * smooth_noise(window, 0.16, rng)
    smooth = soften(filled, 0.022 * unit)
    near = soften(inside.astype(np.float32), 0.022 * unit)
    # The outline keeps the slope of the flesh, not that of the drop behind it.
    sloped = (smooth + 0.2 * (1 - near)) / np.maximum(near, 0.35)
    light = shade(np.asarray(sloped, np.float32), window, canvas)
    creases = np.clip((soften(filled, 0.06 * unit) - filled) * inside, 0, 0.12)
    light *= 1.04 - 2.6 * creases
    light *= 1 + 0.05 * smooth_noise(window, 0.3, rng)
    light = np.clip(light, 0.4, 1.35)
    alpha = np.clip(0.5 - relief.outside * unit, 0, 1).astype(np.float32)
    blood = 0.5 * relief.tip**2 + 0.25 * smooth_noise(window, 0.2, rng)
    colour = np.zeros((*window.shape, 3), np.float32)
    seen = alpha > 0
    parts = np.stack([p[seen] for p in (light, relief.tint, relief.nail, relief.cloth, blood)])
    colour[seen] = _paint_skin(canvas, look, parts[..., None])
    return Patch(window, colour, alpha)


def _paint_skin(canvas: Canvas, look: Look, parts: Floats) -> Floats:
    """(N, 3) colours from (5, N, 1): brightness, tint, and shares of nail, cloth and blood."""
    light, tint, nail, cloth, blood = parts
    bare = 1 - cloth
    # Blood shines through at the tips, and flesh in shadow turns redder.
    skin = look.skin * (1 - blood * bare * np.array([0.0, 0.1, 0.08], np.float32)) * tint
    pale = np.clip(look.skin * np.array([1.12, 1.13, 1.16], np.float32) + 0.05, 0, 1)
    skin = skin + (pale - skin) * (np.float32(0.7) * nail)
    surface = skin + (look.sleeve - skin) * cloth
    fall = np.array([0.92, 1.03, 1.07], np.float32)
    colour = surface * np.maximum(1 + (light - 1) * fall, 0.1)
    shine = np.clip(light - 1.08, 0, 0.3) * np.float32(look.gloss * 4) * bare
    top = np.float32(max(canvas.light.ceiling, float(look.skin.max())))
    return np.asarray(np.clip(colour + shine * np.float32(canvas.light.exposure), 0, top))
