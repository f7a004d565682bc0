"""Both phases in one: a drop-in for detector.runtime.Detector, on OpenCV or dlib and onnxruntime.

A detection's score is the face finder's score times the classifier's probability of its class:
the chance that there is a face, times that of the class given a face. A detector's own score
means the same, so one threshold fits both. No torch is loaded.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Boxes, Floats, clip_xyxy
from data.exceptions import UsageError, WeightsError
from data.images import Image
from data.labels import CLASS_NAMES
from detector.decode import Candidates, suppress
from detector.runtime import check_thresholds, to_tensor
from detector.session import (
    DEFAULT_PROVIDERS,
    ORT_ERRORS,
    first_line,
    open_session,
    parse_metadata,
)
from eval.twophase.crops import CONTEXT, cut_squares
from eval.twophase.faces import finder_name, make_face_finder
from eval.twophase.network import KIND

# Crops in one run of the model: crowds must not fill the memory.
BATCH = 32
_HOW = "train one with: maskwatch train DIR --two-phase"


class TwoPhase:
    """Finds faces, then tells from each face's crop how its mask is worn.

    Args:
        weights: the classifier, an ONNX file that `maskwatch train --two-phase` wrote.
        face_model: a YuNet model file; dlib's faces without one.
        threads: CPU threads of the classifier; by default one a physical core. OpenCV's YuNet
            takes those of cv2.setNumThreads, dlib one.

    Raises:
        WeightsError: if a file is missing, damaged or of another kind.
        UsageError: if `threads` makes no sense.
        MissingExtraError: if dlib is needed and isn't installed.
    """

    def __init__(
        self, weights: Path, *, face_model: Path | None = None, threads: int | None = None
    ) -> None:
        if threads is not None and threads < 1:
            raise UsageError(f"expected threads of at least 1, but got {threads}")
        self._session = open_session(weights, threads, DEFAULT_PROVIDERS)
        self.imgsz, self._context = _check(self._session, weights)
        self._find = make_face_finder(face_model)
        self.class_names = CLASS_NAMES
        self.name = f"{finder_name(face_model)} + {weights.name}"

    def detect(
        self,
        images: Sequence[Image],
        conf: float = 0.25,
        iou: float = 0.5,
        *,
        imgsz: int | None = None,  # noqa: ARG002 - as Detector.detect; there is one size only
    ) -> list[Boxes]:
        """Faces in each picture, best first.

        Args:
            images: each (H, W, 3) uint8 BGR, of any sizes.
            conf: lowest score that is kept, 0 to 1.
            iou: overlap above which the lower-scored of two boxes is dropped, 0 to 1.
            imgsz: without effect: the face finders have sizes of their own.

        Returns:
            One `Boxes` a picture, in its own pixels, in the order given.

        Raises:
            UsageError: if `conf` or `iou` lies outside 0 to 1.
            WeightsError: if the classifier fails.
        """
        check_thresholds(conf, iou)
        return [self._detect(image, conf, iou) for image in images]

    def find_faces(self, images: Sequence[Image], conf: float = 0.25) -> list[Boxes]:
        """What phase one alone says, by its own score; the class, 0, means nothing.

        Args:
            images: each (H, W, 3) uint8 BGR.
            conf: lowest score that is kept, 0 to 1.
        """
        return [self._faces(image, conf) for image in images]

    def _faces(self, image: Image, conf: float) -> Boxes:
        xyxy, scores = self._find(image)
        kept = _inside(xyxy, image) & (scores >= conf)
        boxes = clip_xyxy(xyxy[kept], image.shape[1], image.shape[0])
        return Boxes(boxes, np.zeros(len(boxes), np.int64), scores[kept])

    def _detect(self, image: Image, conf: float, iou: float) -> Boxes:
        xyxy, scores = self._find(image)
        # A product can't be above the face's own score: what is below needs no classifier.
        kept = _inside(xyxy, image) & (scores >= conf)
        faces = Candidates(xyxy[kept], np.zeros(int(kept.sum()), np.int64), scores[kept])
        faces = suppress(faces, iou)
        probabilities = self.classify(image, faces.xyxy)
        products = np.clip(faces.scores * probabilities.max(axis=1, initial=0), 0, 1)
        order = np.argsort(-products, kind="stable")
        order = order[products[order] >= conf]
        height, width = image.shape[:2]
        return Boxes(
            clip_xyxy(faces.xyxy[order], width, height),
            probabilities[order].argmax(axis=1) if len(order) else np.zeros(0, np.int64),
            products[order],
        )

    def classify(self, image: Image, xyxy: Floats) -> Floats:
        """(N, 3) probabilities of the classes for (N, 4) face boxes, pixels.

        Raises:
            WeightsError: if the classifier fails or gives something else.
        """
        crops = cut_squares(image, xyxy, self.imgsz, self._context)
        rows = [np.zeros((0, len(CLASS_NAMES)))]
        for start in range(0, len(crops), BATCH):
            tensor = to_tensor(list(crops[start : start + BATCH]))
            try:
                rows.append(self._session.run(None, {"crops": tensor})[0])
            except ORT_ERRORS as error:
                raise WeightsError(
                    f"{self.name}: the classifier fails ({first_line(error)}); {_HOW}"
                ) from error
        found = np.concatenate(rows).astype(np.float64)
        if not np.isfinite(found).all():
            raise WeightsError(f"{self.name}: the classifier gives no numbers; {_HOW}")
        return found


def _inside(xyxy: Floats, image: Image) -> Any:
    """(N,) bool: boxes that keep some extent within the picture."""
    clipped = clip_xyxy(xyxy, image.shape[1], image.shape[0])
    return ((clipped[:, 2:] - clipped[:, :2]) > 0).all(axis=1)


def _check(session: Any, path: Path) -> tuple[int, float]:
    """Side in px and context of a classifier's crops.

    Raises:
        WeightsError: if the model is no classifier of ours.
    """
    said = session.get_modelmeta().custom_metadata_map
    facts = parse_metadata(said)
    shapes = [list(node.shape) for node in (*session.get_inputs(), *session.get_outputs())]
    expected = [[3, facts.size, facts.size], [len(CLASS_NAMES)]]
    fits = said.get("kind") == KIND and facts.names == CLASS_NAMES
    if not fits or [shape[1:] for shape in shapes] != expected:
        raise WeightsError(f"{path}: expected a classifier of faces, but got another model; {_HOW}")
    try:
        context = float(json.loads(said.get("context", str(CONTEXT))))
    except (ValueError, TypeError, RecursionError):
        context = float("nan")
    if not 0.5 <= context <= 4:
        raise WeightsError(f"{path}: expected a context from 0.5 to 4 in its metadata; {_HOW}")
    return facts.size, context
