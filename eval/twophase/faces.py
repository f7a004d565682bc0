"""Phase one: finders of faces that know nothing of masks, dlib's HOG or YuNet.

The finders of `synth.faces` are set to be sure, because what they miss is blurred; here every
threshold is left low, so that the pipeline's own `conf` decides and curves are whole.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from data.boxes import Floats
from data.exceptions import WeightsError
from data.extras import require
from data.images import Image
from synth.faces import open_yunet

# A picture (H, W, 3) uint8 BGR to boxes (N, 4) [x1, y1, x2, y2] px and scores (N,), 0 to 1.
FaceFinder = Callable[[Image], tuple[Floats, Floats]]

YUNET_LEAST = 0.1
_YUNET_SIDE = 1000  # px: pictures are enlarged up to here, at most twice, to show small faces
# dlib's HOG sees faces of 80 px and more, of 40 px and more in a picture enlarged twice.
_DLIB_ENLARGE = 800  # px: larger pictures aren't, or one takes seconds
_DLIB_LEAST = -0.3  # margin of its SVM; 0 is its own threshold


def make_face_finder(face_model: Path | None) -> FaceFinder:
    """YuNet where a model file is given, else dlib.

    Raises:
        WeightsError: if the file is missing or no YuNet model.
        MissingExtraError: if dlib is needed and isn't installed.
    """
    return dlib_faces() if face_model is None else yunet_faces(face_model)


def finder_name(face_model: Path | None) -> str:
    """How tables call a finder."""
    return "dlib HOG" if face_model is None else face_model.stem


def dlib_faces() -> FaceFinder:
    """Faces by dlib's HOG detector (Dalal & Triggs 2005; King 2015).

    Its scores are margins; a logistic function brings them to 0 to 1, its own threshold to 0.5.

    Raises:
        MissingExtraError: if dlib isn't installed.
    """
    detector = require("dlib", "synth").get_frontal_face_detector()

    def find(image: Image) -> tuple[Floats, Floats]:
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        enlarge = int(max(image.shape[:2]) <= _DLIB_ENLARGE)
        found, margins, _ = detector.run(rgb, enlarge, _DLIB_LEAST)
        corners = [[r.left(), r.top(), r.right() + 1, r.bottom() + 1] for r in found]
        scores = 1 / (1 + np.exp(-4 * np.array(margins, dtype=np.float64)))
        return np.array(corners, dtype=np.float64).reshape(-1, 4), scores

    return find


def yunet_faces(model: Path) -> FaceFinder:
    """Faces by a YuNet model file (Wu et al. 2023, "YuNet: a tiny millisecond-level face
    detector").

    Raises:
        WeightsError: if the file is missing or no such model.
    """
    if not model.is_file():
        raise WeightsError(
            f"{model}: expected a YuNet model (ONNX), but there is none; leave --face-model out "
            "to take dlib's faces"
        )
    detector = open_yunet(model, YUNET_LEAST)

    def find(image: Image) -> tuple[Floats, Floats]:
        scale = max(1.0, min(2.0, _YUNET_SIDE / max(image.shape[:2])))
        larger = cv2.resize(image, None, fx=scale, fy=scale)
        detector.setInputSize((larger.shape[1], larger.shape[0]))
        # None where there is no face, which OpenCV's types don't say.
        rows: Any = detector.detect(larger)[1]
        table = np.zeros((0, 15)) if rows is None else np.asarray(rows, dtype=np.float64)
        boxes = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:4]], axis=1) / scale
        return boxes, np.clip(table[:, 14], 0, 1)

    return find
