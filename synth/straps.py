"""The bands that hold a mask: ear loops, or bands around the head."""

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.face_model import LEFT_EAR, RIGHT_EAR, Placement, surface_depth
from synth.light import Light
from synth.mask import Mask
from synth.shapes import Shape

Floats = NDArray[np.float64]


def draw_straps(
    drawn: Floats, placement: Placement, mask: Mask, light: Light, corner: tuple[int, int]
) -> Floats:
    """Loops to the ears, or two bands around the head, on the sides that the camera sees."""
    if mask.shape.straps == "none":
        return drawn
    width = 0.018 * placement.scale
    share = np.zeros(drawn.shape[:2], np.uint8)
    for side, ear in ((-1.0, LEFT_EAR), (1.0, RIGHT_EAR)):
        # The side of the head is seen unless it turns away from the camera.
        if placement.rotation[2] @ np.array([side, 0, 0.35]) < 0:
            continue
        for line in _strap_lines(mask.shape, side, ear):
            pixels = placement.project(line) - corner
            # Four fractional bits place thin lines between pixels.
            path = np.round(pixels * 16).astype(np.int32)
            cv2.polylines(share, [path], False, 255, max(1, round(width)), cv2.LINE_AA, 4)
    alpha = share.astype(np.float64)[..., None] / 255 * min(1.0, width + 0.15)
    # Bands are white or black on nearly all masks, whatever the fabric.
    tone = 0.12 if mask.colour.mean() < 0.3 else 0.9
    colour = tone * light.exposure * light.cast * light.shading[..., None]
    return np.asarray(drawn * (1 - alpha) + colour * alpha)


def _strap_lines(shape: Shape, side: float, ear: Floats) -> list[Floats]:
    """(N, 3) face coordinates of the bands of one side."""
    u = np.array([0.96 * side, 0.96 * side])
    corners = shape.lay(u, np.array([0.08, 0.9]), surface_depth)
    if shape.straps == "head":
        ends = np.array([[side * 0.70, -0.25, -0.95], [side * 0.66, 0.42, -0.95]])
    else:
        ends = ear + np.array([[0, -0.12, 0], [0, 0.16, 0]])
    along = np.linspace(0, 1, 9)[:, None]
    return [a + (b - a) * along for a, b in zip(corners, ends, strict=True)]
