"""The mean face in three dimensions, computed from landmarks found on photos.

`python -m synth.structure SOURCE... --out synth/face_model.csv` makes the file that
synth.face_model reads. The method: factorisation of many weak-perspective views (Tomasi & Kanade
1992), each face and its mirror image being two views of one symmetric shape.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.exceptions import MaskwatchError, NoFacesError
from data.files import write_text
from data.labels import Label
from data.pool import open_executor
from synth.search import Search, search_photos
from synth.sources import Photo

Floats = NDArray[np.float64]

# Landmarks of smaller faces are off by more than a pixel's share that matters.
MIN_HEIGHT = 60.0
# Three views would do without noise; with it the depth of fewer faces isn't worth a file.
MIN_FACES = 20
_ROUNDS = 3

# Landmark that each of the 68 becomes in a mirror: jaw, brows, nose, eyes, lips.
MIRROR: NDArray[np.int64] = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *(27, 28, 29, 30, 35, 34, 33, 32, 31),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
        *(64, 63, 62, 61, 60, 67, 66, 65),
    ]
)

log = logging.getLogger(__name__)


def factorise(landmarks: Floats) -> Floats:
    """The symmetric shape whose weak-perspective views the landmarks are.

    Args:
        landmarks: (F, 68, 2) pixels, of faces turned in various ways.

    Returns:
        (68, 3) face coordinates (synth.face_model).

    Raises:
        NoFacesError: if there are too few faces, or all look the same way, which leaves the depth
            open.
    """
    if len(landmarks) < MIN_FACES:
        raise NoFacesError(
            f"expected {MIN_FACES} faces with landmarks or more, but got {len(landmarks)}; "
            "name more photos"
        )
    views = normalise(np.concatenate([landmarks, landmarks[:, MIRROR] * [-1, 1]]))
    weights = np.ones(len(views))
    for _ in range(_ROUNDS):
        basis = _rank_three(views, weights)
        shape = basis @ np.linalg.inv(_upgrade(views, basis, weights)).T
        weights = cauchy_weights(views, basis)
    return orient(shape)


def normalise(landmarks: Floats) -> Floats:
    """(F, 68, 2) views with their mean at the origin and a mean square of one a landmark."""
    centred = landmarks - landmarks.mean(axis=1, keepdims=True)
    square = (centred**2).sum(axis=(1, 2), keepdims=True) / landmarks.shape[1]
    return np.asarray(centred / np.sqrt(np.maximum(square, 1e-12)))


def _rows(views: Floats) -> Floats:
    """(F, 68, 2) views to the (2F, 68) measurement matrix: all x above all y."""
    return np.concatenate([views[..., 0], views[..., 1]])


def _rank_three(views: Floats, weights: Floats) -> Floats:
    """(68, 3) orthonormal basis of the space in which the weighted views nearly lie."""
    weighted = _rows(views) * np.tile(weights, 2)[:, None]
    return np.asarray(np.linalg.svd(weighted, full_matrices=False)[2][:3].T)


def _upgrade(views: Floats, basis: Floats, weights: Floats) -> Floats:
    """(3, 3) matrix H that makes each view's two axes as long as each other and orthogonal.

    Least squares for the symmetric Q = H H' (Tomasi & Kanade 1992, 3.4), weighted by view; one
    row more sets the mean squared length to one, or Q = 0 would fit best.

    Raises:
        NoFacesError: if Q isn't positive definite.
    """
    x_axes, y_axes = np.split(_rows(views) @ basis, 2)
    across, down = _quadratic(x_axes, x_axes), _quadratic(y_axes, y_axes)
    skew = _quadratic(x_axes, y_axes)
    root = np.sqrt(len(views))
    length = root * (across + down).mean(axis=0, keepdims=True)
    system = np.concatenate([weights[:, None] * (across - down), weights[:, None] * skew, length])
    wanted = np.append(np.zeros(2 * len(views)), 2 * root)
    a, b, c, d, e, f = np.linalg.lstsq(system, wanted, rcond=None)[0]
    values, vectors = np.linalg.eigh(np.array([[a, b, c], [b, d, e], [c, e, f]]))
    if values[0] <= 1e-6 * values[2]:
        raise NoFacesError(
            "expected faces turned in various ways, but they all look the same way, "
            "which leaves the depth open; name more photos"
        )
    return np.asarray(vectors * np.sqrt(values))


def _quadratic(a: Floats, b: Floats) -> Floats:
    """(F, 3) and (F, 3) to the (F, 6) coefficients of a' Q b in the entries of symmetric Q."""
    return np.stack(
        [
            a[:, 0] * b[:, 0],
            a[:, 0] * b[:, 1] + a[:, 1] * b[:, 0],
            a[:, 0] * b[:, 2] + a[:, 2] * b[:, 0],
            a[:, 1] * b[:, 1],
            a[:, 1] * b[:, 2] + a[:, 2] * b[:, 1],
            a[:, 2] * b[:, 2],
        ],
        axis=1,
    )


def cauchy_weights(views: Floats, basis: Floats) -> Floats:
    """(F,) weights 1 / (1 + (r / median r)²) by each view's residual r outside the basis
    (Holland & Welsch 1977): grimaces and failed searches count little."""
    rows = _rows(views)
    residual = rows - rows @ basis @ basis.T
    x, y = np.split((residual**2).mean(axis=1), 2)
    r = np.sqrt(x + y)
    # Without noise all residuals are rounding: then every view counts alike.
    return np.asarray(1 / (1 + (r / max(float(np.median(r)), 1e-9)) ** 2))


def orient(shape: Floats) -> Floats:
    """A (68, 3) shape, however turned or mirrored, in face coordinates and made symmetric."""
    across = np.linalg.svd(shape - shape[MIRROR])[2][0]
    middle = (shape + shape[MIRROR]) / 2
    down = middle[8] - middle[27]
    down -= across * (down @ across)
    down /= np.linalg.norm(down)
    turned = shape @ np.stack([across, down, np.cross(across, down)], axis=1)
    # Views alone can't tell a face from its cast seen from inside: the nose stands out.
    turned[:, 0] *= np.sign(turned[16, 0] - turned[0, 0])
    turned[:, 2] *= np.sign(turned[30, 2] - turned[0, 2])
    turned = (turned + turned[MIRROR] * [-1, 1, 1]) / 2
    turned -= turned[27]
    return np.asarray(turned / np.linalg.norm(turned[8, :2]))


def photos_to_landmarks(photos: Sequence[Photo]) -> Floats:
    """(F, 68, 2) landmarks of the bare faces that are large enough."""
    found = [
        face.landmarks
        for photo in photos
        for face in photo.faces
        if face.landmarks is not None
        and face.label == Label.WITHOUT_MASK
        and face.box[3] - face.box[1] >= MIN_HEIGHT
    ]
    return np.array(found, dtype=np.float64).reshape(-1, 68, 2)


def model_to_text(shape: Floats) -> str:
    """A (68, 3) shape as CSV with a header, thousandths of the face's height."""
    lines = [",".join(f"{value:.3f}" for value in point) for point in np.round(shape, 3) + 0.0]
    return "\n".join(["x,y,z", *lines]) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Compute the model from photos; 0 if it went well, 1 on an error."""
    parser = argparse.ArgumentParser(prog="python -m synth.structure", description=__doc__)
    parser.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="photos, folders")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    try:
        with open_executor(args.workers) as executor:
            photos, faults = search_photos(args.sources, Search("dlib"), executor)
        landmarks = photos_to_landmarks(photos)
        write_text(args.out, model_to_text(factorise(landmarks)))
    except (MaskwatchError, OSError) as error:
        log.critical("%s", error)
        return 1
    log.info("%s: from %d faces, %d photos unreadable", args.out, len(landmarks), len(faults))
    return 0


if __name__ == "__main__":
    sys.exit(main())
