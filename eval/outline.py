"""What a mask covers in a picture: its outline under a placement, without drawing its fabric.

Outlines are rasters in units of the eye distance, so that pixels are shares of it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import Floats
from synth.face_model import Placement, surface_depth
from synth.shapes import Shape, cut_out

EYE_DISTANCE = 100.0  # px of the raster between the outer eye corners: 1 px is 1 %
_SIDE = 480  # px of the raster: a face and a gaiter below it, in any pose
_GRID = 49  # points of the sheet along each side
_SUBPIXEL = 4  # binary digits of cv2's fixed-point coordinates

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Frame:
    """Picture pixels to raster pixels.

    Attributes:
        centre: (2,) the middle between the outer eye corners, picture px.
        scale: raster px per picture px.
    """

    centre: Floats
    scale: float

    def __call__(self, points: Floats) -> Floats:
        """(..., 2) picture pixels to (..., 2) raster pixels."""
        return np.asarray((points - self.centre) * self.scale + [_SIDE / 2, _SIDE * 0.35])


def eye_distance(landmarks: Floats) -> float:
    """Pixels between the outer eye corners of (68, 2) landmarks (Sagonas et al. 2013)."""
    return float(np.linalg.norm(landmarks[36] - landmarks[45]))


def frame_of(landmarks: Floats) -> Frame:
    """The raster's frame from (68, 2) landmarks."""
    centre = (landmarks[36] + landmarks[45]) / 2
    return Frame(centre, EYE_DISTANCE / max(eye_distance(landmarks), 1e-6))


def cover(shape: Shape, placement: Placement, frame: Frame) -> Bools:
    """(480, 480) raster of what the camera sees of a mask; parts turned away are left out, as in
    drawing."""
    u, v = np.meshgrid(np.linspace(-1, 1, _GRID), np.linspace(0, 1, _GRID))
    points = frame(placement.project(shape.lay(u, v, surface_depth)))
    fabric = cut_out(shape, u, v, softness=1e-6) > 0.5
    # Corners of each cell of the grid, clockwise in the picture where it faces the camera.
    quads = np.stack([points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]], axis=-2)
    whole = fabric[:-1, :-1] & fabric[:-1, 1:] & fabric[1:, 1:] & fabric[1:, :-1]
    seen = quads[whole & (_signed_area(quads) > 0)]
    raster = np.zeros((_SIDE, _SIDE), np.uint8)
    for quad in np.round(np.clip(seen, -1e4, 1e4) * 2**_SUBPIXEL).astype(np.int32):
        cv2.fillConvexPoly(raster, quad, 1, shift=_SUBPIXEL)
    return np.asarray(raster > 0)


def _signed_area(quads: Floats) -> Floats:
    """(..., 4, 2) corners to (...) areas, positive where they run clockwise in the picture."""
    diagonal, other = quads[..., 2, :] - quads[..., 0, :], quads[..., 3, :] - quads[..., 1, :]
    return np.asarray((diagonal[..., 0] * other[..., 1] - diagonal[..., 1] * other[..., 0]) / 2)


def overlap(a: Bools, b: Bools) -> float:
    """Intersection over union of two rasters (Jaccard 1912); 1 where both are empty."""
    union = int((a | b).sum())
    return float((a & b).sum() / union) if union else 1.0


def outline_distance(a: Bools, b: Bools) -> float:
    """Mean distance of two rasters' outlines, both ways, px of the raster (% of the eye distance);
    nan where one of them is empty."""
    if not a.any() or not b.any():
        return float("nan")
    edges = [_edge(raster) for raster in (a, b)]
    far = [cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 5) for edge in edges]
    return float(np.mean([far[1][edges[0]].mean(), far[0][edges[1]].mean()]))


def _edge(raster: Bools) -> Bools:
    """The raster's pixels that touch what is outside it."""
    inside = cv2.erode(raster.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0)
    return np.asarray(raster & (inside == 0))


def covers(raster: Bools, points: Floats) -> Bools:
    """(N,) whether each of (N, 2) raster pixels lies in the raster."""
    column, row = np.clip(np.round(points), 0, _SIDE - 1).astype(int).T
    return np.asarray(raster[row, column])


def middle_edges(shape: Shape, placement: Placement) -> Floats:
    """(2, 2) picture pixels: the middle of a mask's upper edge, and of its lower edge."""
    points = shape.lay(np.zeros(2), np.array([0.0, 1.0]), surface_depth)
    return placement.project(points)
