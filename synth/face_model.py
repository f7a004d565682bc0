"""A mean face in three dimensions, and where it lies in a picture.

`face_model.csv` holds the 68 landmarks of Sagonas et al. 2013 (iBUG 300-W) in face coordinates:
origin at the nose bridge (landmark 27), x to the right of the picture, y down, z out of the
face, one unit from the bridge to the chin (landmark 8) in frontal view. It is the rank-3
factorisation (Tomasi & Kanade 1992) of landmarks found on photos, made symmetric:
`python -m synth.structure SOURCE --out synth/face_model.csv` computes it again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from data.exceptions import NoFacesError

Floats = NDArray[np.float64]

# Width of the Gaussian kernels that spread a face's own deviations from the mean, face units.
_KERNEL_WIDTH = 0.3
_RIDGE = 0.05  # of the kernel matrix: landmarks are about 2 % of a face off

# Pitch of the model's z axis on a face that looks straight at the camera: the median over the
# photos that the model was made from. The chin lies behind the nose bridge.
_LEVEL_PITCH = 15.0

# Below and beside the landmarks: ears, neck. Face coordinates, from anthropometric proportions
# (Farkas 1994: ears lie behind the jaw's upper end, the neck about a third of a face back).
_EXTRA_SURFACE = np.array(
    [
        [-0.62, 0.05, -0.88],
        [0.62, 0.05, -0.88],
        [0.0, 1.15, -0.10],
        [0.0, 1.6, -0.34],
        [-0.3, 1.15, -0.28],
        [0.3, 1.15, -0.28],
        [-0.45, 1.5, -0.55],
        [0.45, 1.5, -0.55],
        [0.0, -0.5, -0.05],
        [-0.45, -0.5, -0.4],
        [0.45, -0.5, -0.4],
        [0.0, -0.9, -0.3],
        [-0.4, -0.85, -0.65],
        [0.4, -0.85, -0.65],
    ]
)

LEFT_EAR = np.array([-0.66, 0.10, -0.92])
RIGHT_EAR = np.array([0.66, 0.10, -0.92])


@cache
def mean_face() -> Floats:
    """(68, 3) landmarks of the mean face, face coordinates."""
    path = Path(__file__).with_name("face_model.csv")
    points = np.loadtxt(path, delimiter=",", skiprows=1)
    points.setflags(write=False)
    return np.asarray(points, dtype=np.float64)


# The surface's grid: first x and y, steps, columns and rows.
_GRID_START, _GRID_STEP, _GRID_SIZE = (-0.8, -0.9), 0.025, (65, 109)
_LONGEST_MAP = 32_000  # cv2.remap takes no longer maps


@cache
def _surface_grid() -> NDArray[np.float32]:
    """(rows, columns) depth of the face's surface."""
    anchors = np.vstack([mean_face(), _EXTRA_SURFACE])
    x, y = (
        start + _GRID_STEP * np.arange(n) for start, n in zip(_GRID_START, _GRID_SIZE, strict=True)
    )
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    z = _thin_plate(anchors[:, :2], anchors[:, 2], grid, smoothing=0.002)
    return z.reshape(len(y), len(x)).astype(np.float32)


def _thin_plate(points: Floats, values: Floats, at: Floats, smoothing: float) -> Floats:
    """Smoothed thin-plate spline (Wahba 1990) through (N, 2) points, read at (M, 2)."""

    def kernel(a: Floats, b: Floats) -> Floats:
        r2 = ((a[:, None] - b[None]) ** 2).sum(-1)
        return np.asarray(0.5 * r2 * np.log(np.maximum(r2, 1e-12)))

    n = len(points)
    affine = np.hstack([np.ones((n, 1)), points])
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = kernel(points, points) + smoothing * np.eye(n)
    system[:n, n:], system[n:, :n] = affine, affine.T
    weights = np.linalg.solve(system, np.append(values, np.zeros(3)))
    read = np.hstack([np.ones((len(at), 1)), at])
    return np.asarray(kernel(at, points) @ weights[:n] + read @ weights[n:])


def surface_depth(xy: Floats) -> Floats:
    """(..., 2) face coordinates to the (...) depth z of the mean face's surface."""
    at = ((xy - np.array(_GRID_START)) / _GRID_STEP).astype(np.float32).reshape(-1, 1, 2)
    x, y = np.ascontiguousarray(at[..., 0]), np.ascontiguousarray(at[..., 1])
    depth = np.zeros(at.shape[:2], np.float32)
    for i in range(0, len(at), _LONGEST_MAP):
        part = slice(i, i + _LONGEST_MAP)
        depth[part] = cv2.remap(
            _surface_grid(), x[part], y[part], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    return depth.reshape(xy.shape[:-1]).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a face lies in a picture: weak perspective plus the face's own deviations.

    Attributes:
        scale: pixels per face unit.
        rotation: (3, 3) face to camera axes (x right, y down, z towards the camera).
        offset: (2,) pixels.
        residuals: (68, 2) kernel weights, pixels; zeros where only a box or five points were
            known.
    """

    scale: float
    rotation: Floats
    offset: Floats
    residuals: Floats

    def project(self, points: Floats) -> Floats:
        """(..., 3) face coordinates to (..., 2) pixels."""
        flat = points.reshape(-1, 3)
        pixels = self.scale * flat @ self.rotation[:2].T + self.offset
        if self.residuals.any():
            pixels = pixels + _kernel(flat[:, :2], _centres()) @ self.residuals
        return np.asarray(pixels.reshape(*points.shape[:-1], 2))

    @property
    def angles(self) -> tuple[float, float, float]:
        """Yaw (positive: the nose points right in the picture), pitch (down), roll; degrees."""
        forward = self.rotation[:, 2]
        yaw = np.degrees(np.arctan2(forward[0], forward[2]))
        pitch = np.degrees(np.arctan2(forward[1], np.hypot(forward[0], forward[2])))
        pitch -= _LEVEL_PITCH
        roll = np.degrees(np.arctan2(self.rotation[1, 0], self.rotation[0, 0]))
        return float(yaw), float(pitch), float(roll)


@cache
def _centres() -> Floats:
    """(68, 2) where the kernels lie, face coordinates."""
    return np.ascontiguousarray(mean_face()[:, :2])


def _kernel(a: Floats, b: Floats) -> Floats:
    """(N, M) Gaussian kernel between (N, 2) and (M, 2) points."""
    r2 = (a**2).sum(-1)[:, None] + (b**2).sum(-1) - 2 * a @ b.T
    return np.asarray(np.exp(-r2 / (2 * _KERNEL_WIDTH**2)))


@cache
def _residual_solver() -> Floats:
    """(68, 68) landmark deviations to kernel weights (kernel ridge regression)."""
    centres = _centres()
    return np.asarray(np.linalg.inv(_kernel(centres, centres) + _RIDGE * np.eye(len(centres))))


def place_by_landmarks(landmarks: Floats) -> Placement:
    """Placement of a face from its (68, 2) landmarks in pixels.

    Raises:
        NoFacesError: if the landmarks fall on one line.
    """
    scale, rotation, offset = _weak_perspective(mean_face, landmarks)
    deviation = landmarks - (scale * mean_face() @ rotation[:2].T + offset)
    return Placement(scale, rotation, offset, _residual_solver() @ deviation)


def place_by_five_points(points: Floats) -> Placement:
    """Placement from (5, 2) pixels: the eyes' centres (left in the picture first), nose tip,
    mouth corners."""
    scale, rotation, offset = _weak_perspective(mean_five, points)
    return Placement(scale, rotation, offset, np.zeros((68, 2)))


def mean_five() -> Floats:
    """(5, 3) the five points of face detectors on the mean face."""
    return landmarks_to_five(mean_face())


def landmarks_to_five(landmarks: Floats) -> Floats:
    """(68, D) landmarks to (5, D): the eyes' centres, nose tip, mouth corners."""
    return np.stack(
        [
            landmarks[36:42].mean(0),
            landmarks[42:48].mean(0),
            landmarks[30],
            landmarks[48],
            landmarks[54],
        ]
    )


def place_by_box(box: Floats) -> Placement:
    """Frontal placement that fills a face box [x1, y1, x2, y2] (our convention), for faces too
    small or too turned for landmarks."""
    ours = landmarks_to_box(mean_face()[:, :2])
    scale = float((box[3] - box[1]) / (ours[3] - ours[1]))
    offset = (box[:2] + box[2:]) / 2 - scale * (ours[:2] + ours[2:]) / 2
    return Placement(scale, np.eye(3), offset, np.zeros((68, 2)))


@cache
def _inverse(model: Callable[[], Floats]) -> tuple[Floats, Floats]:
    """The (3,) centre of a model's (N, 3) points, and the (3, N) pseudo-inverse about it."""
    centre = model().mean(0)
    return centre, np.linalg.pinv(model() - centre)


def _weak_perspective(model: Callable[[], Floats], image: Floats) -> tuple[float, Floats, Floats]:
    """Scale, rotation and offset that map a model's (N, 3) points best onto (N, 2): least squares
    for the 2x3 matrix, then the nearest scaled rotation (Horn, Hilden & Negahdaripour 1988)."""
    centre3, inverse = _inverse(model)
    centre2 = image.mean(0)
    matrix = (inverse @ (image - centre2)).T
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    scale = float(s.mean())
    if not np.isfinite(scale) or s[1] < 1e-3 * max(s[0], 1e-9):
        raise NoFacesError("expected landmarks spread over a face, but they lie on one line")
    rows = u @ vt
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    return scale, rotation, centre2 - scale * rotation[:2] @ centre3


def landmarks_to_box(landmarks: Floats) -> Floats:
    """(68, 2) landmarks to the face box [x1, y1, x2, y2], same units.

    Our convention: from the middle of the forehead (15 % of the brow-to-chin height above the
    brows) to 4 % below the chin, as wide as the landmarks. Published sets start between the brows
    and the hairline and end at or just under the chin; this lies between the two.
    """
    low, high = landmarks.min(0), landmarks.max(0)
    height = high[1] - low[1]
    return np.array([low[0], low[1] - 0.15 * height, high[0], high[1] + 0.04 * height])
