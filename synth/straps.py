"""The bands that hold a mask: ear loops, bands around the head, ties."""

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.face_model import LEFT_EAR, RIGHT_EAR, Placement, surface_depth
from synth.light import Light, match_tone
from synth.mask import Mask
from synth.shapes import Shape

Floats = NDArray[np.float64]

# Thickness in face units: loops and ties are cords, bands around the head are flat.
_THICKNESS = {"loops": 0.028, "head": 0.022, "ties": 0.013}
# From the middle of the ear (synth.face_model) to where loops go behind it, above and below.
# Ears reach from the brows to the nose's base, and what lies behind appears higher on a level
# face, whose z axis points down in this model.
_ROOTS = np.array([[0.0, 0.06, -0.06], [0.0, 0.34, -0.04]])
# Where bands go behind the right side of the head: above the ear, and to the nape.
_BACK = np.array([[0.62, 0.05, -1.25], [0.56, 0.72, -1.1]])
# Points of the mean face's bare skin beside nose and eyes, and how alike skin is to them: spread
# of its chromaticity and of the logarithm of its brightness.
_SKIN = np.array([[-0.3, 0.22], [-0.22, 0.3], [0.22, 0.3], [0.3, 0.22], [0.0, 0.06]])
_CHROMA_SPREAD, _DARKER, _BRIGHTER = 0.055, 0.75, 0.5


def draw_straps(
    drawn: Floats, placement: Placement, mask: Mask, light: Light, corner: tuple[int, int]
) -> Floats:
    """The bands on the sides that the camera sees, under the mask itself.

    Loops lie on the skin and go behind the ear: where hair or what is behind the head begins,
    they end. Bands around the head lie on the hair.

    Args:
        drawn: (h, w, 3) BGR 0 to 1, the region; float32 or float64.
        placement: where the face lies.
        mask: what is worn.
        light: on the region.
        corner: x, y of the region in the picture, pixels.

    Returns:
        A copy with the bands, the same type.
    """
    shape = mask.shape
    if shape.straps == "none":
        return drawn
    thick = np.random.default_rng(mask.seed).uniform(0.7, 1.3)
    width = _THICKNESS[shape.straps] * thick * placement.scale
    share = np.zeros(drawn.shape[:2], np.uint8)
    lines = _seen_lines(shape, placement, mask.seed)
    if not lines:
        return drawn
    pixels = np.clip(placement.project(np.concatenate(lines)) - corner, -1e4, 1e4)
    # Four fractional bits place thin lines between pixels.
    ends = np.cumsum([len(line) for line in lines])[:-1]
    paths = np.split(np.round(pixels * 16).astype(np.int32), ends)
    cv2.polylines(share, paths, False, 255, max(1, round(width)), cv2.LINE_AA, 4)
    if light.blur > 0.6:
        share = np.asarray(cv2.GaussianBlur(share, (0, 0), light.blur), dtype=np.uint8)
    where = np.nonzero(share)
    if not len(where[0]):
        return drawn
    alpha = share[where].astype(np.float32) * np.float32(min(1.0, width + 0.15) / 255)
    if shape.straps == "loops" and placement.scale > 20:
        alpha = alpha * _skin(drawn, where, placement, corner)
    tone = (_tone(mask) * light.exposure * light.cast).astype(np.float32)
    # As an image of one column, which is what match_tone takes.
    shine = np.asarray((light.shading[where] * alpha)[:, None, None] * tone, dtype=np.float32)
    bands = match_tone(shine, alpha[:, None], light)[:, 0]
    result = drawn.copy()
    result[where] = drawn[where] * (1 - alpha)[:, None] + bands
    return result


def _tone(mask: Mask) -> Floats:
    """(3,) BGR albedo: white or black on nearly all masks, whatever the fabric."""
    rng = np.random.default_rng(mask.seed)
    kind = rng.random()
    if mask.shape.straps == "head" and kind < 0.3:
        return np.array([0.15, 0.65, 0.85])  # the yellow rubber of respirators
    if mask.shape.style == "cloth" and kind < 0.4:
        return mask.colour[::-1]
    dark = mask.colour.mean() < 0.3 or (mask.shape.style == "cloth" and kind > 0.8)
    return np.full(3, 0.10 if dark else 0.88)


def _seen_lines(shape: Shape, placement: Placement, seed: int) -> list[Floats]:
    """(N, 3) face coordinates of the bands on the sides of the head that are seen."""
    sides = [
        (side, ear)
        for side, ear in ((-1.0, LEFT_EAR), (1.0, RIGHT_EAR))
        # The side of the head is seen unless it turns away from the camera.
        if placement.rotation[2] @ np.array([side, 0, 0.35]) >= 0
    ]
    if shape.hang:
        return [
            line for side, ear in sides if side == shape.hang for line in _hung_loops(shape, ear)
        ]
    sag = np.random.default_rng(seed).uniform(0.0, 0.05)
    return _strap_lines(shape, sides, float(sag))


def _strap_lines(shape: Shape, sides: list[tuple[float, Floats]], sag: float) -> list[Floats]:
    """The two bands of each side, from the mask's corners."""
    low, high = (0.35, 0.65) if shape.style == "cup" else (0.07, 0.92)
    u = np.array([0.96 * side for side, _ in sides for _ in range(2)])
    corners = shape.lay(u, np.array([low, high] * len(sides)), surface_depth)
    loops = shape.straps == "loops"
    ends = [end for side, ear in sides for end in (ear + _ROOTS if loops else _BACK * [side, 1, 1])]
    return [_hung(a, b, sag) for a, b in zip(corners, ends, strict=True)]


def _hung(a: Floats, b: Floats, sag: float) -> Floats:
    """(9, 3) points of a band from a to b that sags by that much."""
    along = np.linspace(0, 1, 9)[:, None]
    return np.asarray(a + (b - a) * along + np.array([0, sag, 0]) * along * (1 - along) * 4)


def _hung_loops(shape: Shape, ear: Floats) -> list[Floats]:
    """The loop that holds a hanging mask at its upper end, and the free one below it."""
    v = np.array([0.12, 0.88])
    above = shape.lay(np.full(2, -0.94 * shape.hang), v, surface_depth)
    below = shape.lay(np.full(2, 0.94 * shape.hang), v, surface_depth)
    lines = [_hung(a, ear + _ROOTS[0], 0.0) for a in above]
    t = np.linspace(0, np.pi, 13)[:, None]
    middle, half = below.mean(0), (below[1] - below[0]) / 2
    drop = np.array([0.03 * shape.hang, 0.22, 0.0])
    return [*lines, middle - half * np.cos(t) + drop * np.sin(t)]


def _skin(
    drawn: Floats,
    where: tuple[NDArray[np.intp], ...],
    placement: Placement,
    corner: tuple[int, int],
) -> NDArray[np.float32]:
    """How much each of N pixels (rows, columns) looks like this face's skin, 0.05 to 1."""
    depth = surface_depth(_SKIN)[:, None]
    at = np.round(placement.project(np.hstack([_SKIN, depth])) - corner).astype(int)
    h, w = drawn.shape[:2]
    at = at[((at >= 1) & (at < [w - 1, h - 1])).all(-1)]
    if not len(at):
        return np.ones(len(where[0]), np.float32)
    # What is beside a pixel counts too: freckles and single hairs are skin, hair is not.
    top, bottom = min(where[0].min(), at[:, 1].min()), max(where[0].max(), at[:, 1].max()) + 1
    # A box filter takes no longer for large faces; its deviation is box / sqrt(12).
    box = 2 * round(max(1.0, 0.06 * placement.scale)) + 1
    soft = cv2.blur(drawn[top:bottom].astype(np.float32), (box, box)) + np.float32(0.01)
    seen, asked = soft[at[:, 1] - top, at[:, 0]], soft[where[0] - top, where[1]]
    one = np.ones(3, np.float32)
    chroma = np.median(seen / (seen @ one)[:, None], axis=0)
    total = asked @ one
    off = (asked / total[:, None] - chroma) / _CHROMA_SPREAD
    light = np.log(total / np.median(seen @ one))
    far = (off**2) @ one + (np.minimum(light, 0) / _DARKER) ** 4
    far = far + (np.maximum(light, 0) / _BRIGHTER) ** 4
    return np.asarray(np.maximum(np.exp(-far), 0.05), dtype=np.float32)
