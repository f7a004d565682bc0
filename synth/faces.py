"""Finding faces and their landmarks: what the synthesiser needs to know of a photo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import area, intersection
from data.exceptions import NoFacesError, WeightsError
from data.extras import package_file, require
from data.images import Image
from data.labels import Label
from synth.face_model import (
    Placement,
    landmarks_to_box,
    landmarks_to_five,
    mean_face,
    place_by_box,
    place_by_five_points,
    place_by_landmarks,
)

Floats = NDArray[np.float64]

# Landmarks of smaller faces are worse than the mean face put into the box.
MIN_LANDMARK_HEIGHT = 28.0
# Largest mean disagreement of two landmark searches, as a share of the face's size.
MAX_DISAGREEMENT = 0.06
# A finder's answers between "perhaps" and "sure" are blurred out: neither labelled nor left bare.
DOUBTFUL_SCORE, SURE_SCORE = 0.3, 0.6


@dataclass(frozen=True, eq=False)
class Candidate:
    """A face that some finder reports.

    Attributes:
        box: (4,) [x1, y1, x2, y2] pixels, in whatever convention the finder has.
        score: 0 to 1.
        five_points: (5, 2) pixels (eyes, nose tip, mouth corners), or None.
        landmarks: (68, 2) pixels where the source carries them, or None.
        label: class where the source's labels name one.
    """

    box: Floats
    score: float = 1.0
    five_points: Floats | None = None
    landmarks: Floats | None = None
    label: Label = Label.WITHOUT_MASK


@dataclass(frozen=True, eq=False)
class Face:
    """A face ready for a mask.

    Attributes:
        box: (4,) [x1, y1, x2, y2] pixels, our convention.
        landmarks: (68, 2) pixels, or None where they couldn't be trusted.
        five_points: (5, 2) pixels, or None; they or the box stand in for landmarks.
        label: what the face wears in the photo, WITHOUT_MASK unless the source's labels know
            better; only bare faces get masks.
    """

    box: Floats
    landmarks: Floats | None = None
    five_points: Floats | None = None
    label: Label = Label.WITHOUT_MASK

    @cached_property
    def placement(self) -> Placement:
        """What `place` says, kept."""
        return self.place()

    def place(self) -> Placement:
        """Where the mean face lies: by landmarks, else five points, else the box."""
        if self.landmarks is not None:
            return place_by_landmarks(self.landmarks)
        if self.five_points is not None:
            return place_by_five_points(self.five_points)
        return place_by_box(self.box)


Finder = Callable[[Image], list[Candidate]]


def dlib_finder(image: Image) -> list[Candidate]:
    """Faces by dlib's HOG detector (Dalal & Triggs 2005; King 2015): frontal, from 40 px up."""
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    upsample = 1 if max(image.shape[:2]) <= 800 else 0
    rectangles, scores, _ = _dlib_detector().run(rgb, upsample, 0.0)
    return [
        # HOG scores start at 0. Below .15 lie 2 % of 2,300 faces of photos, and the false alarm
        # on the astronaut's suit (.12): doubtful.
        Candidate(_rectangle_to_box(r), float(min(1.0, SURE_SCORE + 0.4 * (s - 0.15))))
        for r, s in zip(rectangles, scores, strict=True)
    ]


def _rectangle_to_box(rectangle: Any) -> Floats:
    corners = [rectangle.left(), rectangle.top(), rectangle.right(), rectangle.bottom()]
    return np.array(corners, dtype=np.float64)


def open_yunet(model: Path, least: float) -> cv2.FaceDetectorYN:
    """OpenCV's detector on a YuNet model file, with scores from `least` on.

    Raises:
        WeightsError: if the file is no such model.
    """
    level = cv2.utils.logging.getLogLevel()
    # Keeps OpenCV's remarks on its new graph engine off the terminal.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        detector = cv2.FaceDetectorYN.create(str(model), "", (320, 320), least, 0.3, 5000)
        # Other models load, too, and fail on the first picture.
        detector.detect(np.zeros((320, 320, 3), np.uint8))
    except cv2.error as error:
        raise WeightsError(f"{model}: expected a YuNet model (ONNX), but {error.err}") from error
    finally:
        cv2.utils.logging.setLogLevel(level)
    return detector


def yunet_finder(model: Path) -> Finder:
    """Faces by a YuNet model file (Wu et al. 2023) from about 8 px up, with five points.

    Raises:
        WeightsError: if the file is no such model.
    """
    detector = open_yunet(model, DOUBTFUL_SCORE)

    def find(image: Image) -> list[Candidate]:
        # Small faces show better in an enlarged picture; 1000 px is where speed still holds.
        scale = max(1.0, min(2.0, 1000 / max(image.shape[:2])))
        larger = cv2.resize(image, None, fx=scale, fy=scale)
        detector.setInputSize((larger.shape[1], larger.shape[0]))
        # None where there is no face, which OpenCV's types don't say.
        rows: Any = detector.detect(larger)[1]
        if rows is None:
            return []
        return [_yunet_candidate(row, scale) for row in np.asarray(rows, dtype=np.float64)]

    return find


def _yunet_candidate(row: Floats, scale: float) -> Candidate:
    box = np.concatenate([row[:2], row[:2] + row[2:4]]) / scale
    return Candidate(box, float(min(1.0, row[14])), row[4:14].reshape(5, 2) / scale)


def find_faces(
    image: Image,
    labelled: Sequence[Candidate],
    finders: Sequence[Finder],
    judge: Finder | None = None,
) -> tuple[list[Face], list[Floats]]:
    """Every face of a picture, and the boxes of what may be one.

    Labelled faces come first; finders add what overlaps none found before. A `judge` is asked where
    there is doubt: what it doesn't see either is no face.

    Returns:
        The faces, and (4,) boxes [x1, y1, x2, y2] of doubtful ones, to be blurred out.
    """
    sure, perhaps = list(labelled), []
    for finder in finders:
        for candidate in finder(image):
            if candidate.score < SURE_SCORE:
                perhaps.append(candidate)
            elif not overlaps(candidate, sure):
                sure.append(candidate)
    faces = [align_face(image, candidate) for candidate in sure]
    perhaps = [c for c in perhaps if not overlaps(c, sure)]
    if perhaps and judge is not None:
        seen = judge(image)
        perhaps = [c for c in perhaps if overlaps(c, seen)]
    return faces, [c.box for c in perhaps]


def overlaps(candidate: Candidate, others: Sequence[Candidate]) -> bool:
    """Whether most of the smaller of two boxes is shared: the same face, boxes drawn otherwise."""
    if not others:
        return False
    boxes = np.array([o.box for o in others])
    shared = intersection(candidate.box[None], boxes)[0]
    return bool((shared > 0.4 * np.minimum(area(candidate.box[None]), area(boxes))).any())


def align_face(image: Image, candidate: Candidate) -> Face:
    """A candidate with its placement: by landmarks if they can be trusted, else by five points,
    else by its box."""
    landmarks, five_points = candidate.landmarks, candidate.five_points
    if landmarks is None and candidate.box[3] - candidate.box[1] >= MIN_LANDMARK_HEIGHT:
        landmarks = find_landmarks(image, candidate)
    if landmarks is not None:
        return Face(landmarks_to_box(landmarks), landmarks, label=candidate.label)
    if five_points is not None and _five_to_box(five_points, candidate.box) is None:
        five_points = None
    box = candidate.box if five_points is None else _five_to_box(five_points, candidate.box)
    return Face(candidate.box if box is None else box, None, five_points, candidate.label)


def _five_to_box(five_points: Floats, box: Floats) -> Floats | None:
    """The face box that five points imply; None where it contradicts the finder's box."""
    try:
        placement = place_by_five_points(five_points)
    except NoFacesError:
        return None
    implied = landmarks_to_box(placement.project(mean_face()))
    return implied if _similar_size(implied, box) else None


def _similar_size(a: Floats, b: Floats) -> bool:
    ratio = float(area(a[None])[0] / max(area(b[None])[0], 1e-9))
    return 0.35 < ratio < 2.0 and bool(intersection(a[None], b[None])[0, 0] > 0)


def find_landmarks(image: Image, candidate: Candidate) -> Floats | None:
    """(68, 2) landmarks in pixels, or None where they can't be trusted.

    The search (Kazemi & Sullivan 2014) runs twice from different boxes: on faces it knows both
    answers agree, on profiles and covered faces they don't.
    """
    rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    first_box = candidate.box
    if candidate.five_points is not None:
        implied = _five_to_box(candidate.five_points, candidate.box)
        first_box = first_box if implied is None else implied
    first = _predict(rgb, first_box)
    second = _predict(rgb, landmarks_to_box(first))
    size = _size(landmarks_to_box(second))
    if np.abs(first - second).mean() > MAX_DISAGREEMENT * size:
        return None
    if not _similar_size(landmarks_to_box(second), first_box):
        return None
    if candidate.five_points is not None:
        off = np.abs(landmarks_to_five(second) - candidate.five_points).mean()
        if off > MAX_DISAGREEMENT * size:
            return None
    return second


def _size(box: Floats) -> float:
    return float((box[2] - box[0] + box[3] - box[1]) / 2)


def _predict(rgb: Image, box: Floats) -> Floats:
    """Landmarks from a face box (our convention), moved to where dlib's own boxes lie: as large
    as ours and 6 % of the size higher, the median over 2,300 faces that both describe."""
    dlib = require("dlib", "synth")
    half, centre = _size(box) / 2, (box[:2] + box[2:]) / 2
    y = centre[1] - 0.06 * _size(box)
    edges = np.round([centre[0] - half, y - half, centre[0] + half, y + half]).astype(int)
    parts = _dlib_predictor()(rgb, dlib.rectangle(*(int(e) for e in edges))).parts()
    return np.array([(p.x, p.y) for p in parts], dtype=np.float64)


@cache
def _dlib_detector() -> Any:
    return require("dlib", "synth").get_frontal_face_detector()


@cache
def _dlib_predictor() -> Any:
    """The 68-point model inside the package face_recognition_models (never imported: it needs
    the removed pkg_resources)."""
    relative = "models/shape_predictor_68_face_landmarks.dat"
    path = package_file("face_recognition_models", relative, "synth")
    return require("dlib", "synth").shape_predictor(str(path))
