"""Detection on onnxruntime alone: no torch, up in a fraction of a second, ONNX files only."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import Boxes
from data.exceptions import UsageError, WeightsError
from data.images import Image
from data.labels import CLASS_NAMES
from detector.decode import decode
from detector.letterbox import Letterbox, apply, plan
from detector.session import (
    DEFAULT_PROVIDERS,
    DTYPES,
    MAX_SIZE,
    ORT_ERRORS,
    check_graph,
    first_line,
    open_session,
    parse_metadata,
)
from weights.registry import find_weights


class Detector:
    """Finds faces in pictures and tells how their masks are worn.

    Args:
        weights: an ONNX file, or the name of a shipped one; the default ones if None.
        imgsz: longer side that pictures are resized to, px, rounded up to the model's stride;
            by default the size that the model was exported for. More finds smaller faces and
            takes more time (about the square).
        threads: CPU threads for one picture; by default one a physical core.
        providers: onnxruntime's execution providers, in the order of preference.
        batch: most pictures in one run of the model.

    Raises:
        WeightsError: if the file is missing, damaged, no ONNX, or no mask detector.
        UsageError: if `imgsz`, `threads`, `batch` or a provider can't be had.

    Several threads may ask one instance at once where its own `threads` is 1; else they would
    share onnxruntime's thread pool.
    """

    def __init__(
        self,
        weights: Path | None = None,
        *,
        imgsz: int | None = None,
        threads: int | None = None,
        providers: Sequence[str] = DEFAULT_PROVIDERS,
        batch: int = 8,
    ) -> None:
        for option, value in (("imgsz", imgsz), ("threads", threads), ("batch", batch)):
            if value is not None and value < 1:
                raise UsageError(f"expected {option} of at least 1, but got {value}")
        path = find_weights(weights)
        self._session = open_session(path, threads, providers)
        self._input, self._square = check_graph(self._session, path)
        metadata = parse_metadata(self._session.get_modelmeta().custom_metadata_map)
        if metadata.names != CLASS_NAMES:
            raise WeightsError(
                f"{path}: expected the classes {', '.join(CLASS_NAMES)}, but the model has "
                f"{_summary(metadata.names)}; use the weights of a mask detector"
            )
        self.name = path.name
        self.class_names = metadata.names
        self.stride = metadata.stride
        self.imgsz = self._choose_size(imgsz, metadata.size, path)
        # A model with a fixed batch takes no other; 1 is what exports have.
        self._batch = self._input.shape[0] if isinstance(self._input.shape[0], int) else batch
        self._dtype = DTYPES[self._input.type]

    def _choose_size(self, asked: int | None, exported: int, path: Path) -> int:
        if self._square:
            fixed = int(self._input.shape[2])
            if asked is not None and asked != fixed:
                raise UsageError(
                    f"{path}: this model takes {fixed} px only, but got imgsz {asked}; "
                    "leave it out, or export the model with dynamic axes"
                )
            return fixed
        return self._round_up(asked or exported)

    def _round_up(self, asked: int) -> int:
        size = -(-asked // self.stride) * self.stride
        if not 0 < size <= MAX_SIZE:
            raise UsageError(f"expected imgsz from 1 to at most {MAX_SIZE}, but got {asked}")
        return size

    def detect(
        self,
        images: Sequence[Image],
        conf: float = 0.25,
        iou: float = 0.5,
        *,
        imgsz: int | None = None,
        every_class: bool = False,
    ) -> list[Boxes]:
        """Faces in each picture, best first; what is found in one doesn't depend on the others.

        Args:
            images: each (H, W, 3) uint8 BGR, of any sizes.
            conf: lowest score that is kept, 0 to 1.
            iou: overlap above which the lower-scored of two boxes is dropped, 0 to 1.
            imgsz: longer side for these pictures alone, px, rounded up to the model's stride; a
                model of a fixed size keeps to its own.
            every_class: give a box for each class that a face may be of, with its score, as
                average precision wants them, not for the best class alone. A model with NMS of
                its own keeps to that.

        Returns:
            One `Boxes` a picture, in its own pixels, in the order given.

        Raises:
            UsageError: if `conf` or `iou` lies outside 0 to 1, or `imgsz` is too large.
            WeightsError: if the model fails, or gives no detections.
        """
        check_thresholds(conf, iou)
        size = self.imgsz if imgsz is None or self._square else self._round_up(imgsz)
        fits = [plan((i.shape[0], i.shape[1]), size, self.stride, self._square) for i in images]
        found: dict[int, Boxes] = {}
        for group in group_by_shape(fits, self._batch):
            outputs = self._run([images[i] for i in group], [fits[i] for i in group])
            for index, output in zip(group, outputs, strict=True):
                found[index] = decode(output, fits[index], conf, iou, every_class=every_class)
        return [found[i] for i in range(len(images))]

    def _run(self, images: Sequence[Image], fits: Sequence[Letterbox]) -> NDArray[np.floating[Any]]:
        """Pictures of one input shape to the raw output, (B, N, 6) or (B, 7, N)."""
        tensor = to_tensor([apply(i, f) for i, f in zip(images, fits, strict=True)], self._dtype)
        if isinstance(self._input.shape[0], int) and len(tensor) < self._batch:
            tensor = np.concatenate([tensor, np.repeat(tensor[-1:], self._batch - len(tensor), 0)])
        try:
            output = self._session.run(None, {self._input.name: tensor})[0]
        except ORT_ERRORS as error:
            raise WeightsError(
                f"{self.name}: the model fails on an input of {tensor.shape} "
                f"({first_line(error)}); try another --imgsz or export the model again"
            ) from error
        return np.asarray(output[: len(images)])


def check_thresholds(conf: float, iou: float) -> None:
    """Assert that both lie in 0 to 1.

    Raises:
        UsageError: naming the one that doesn't.
    """
    for option, value in (("conf", conf), ("iou", iou)):
        if not 0 <= value <= 1:
            raise UsageError(f"expected {option} from 0 to 1, but got {value}")


def group_by_shape(fits: Sequence[Letterbox], batch: int) -> Iterator[list[int]]:
    """Positions of pictures whose inputs share a shape, at most `batch` at once.

    No picture is padded for the sake of another, so a batch finds what single runs find.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for index, fit in enumerate(fits):
        groups.setdefault(fit.shape, []).append(index)
    for members in groups.values():
        for start in range(0, len(members), batch):
            yield members[start : start + batch]


def to_tensor(
    images: Sequence[Image], dtype: type[np.floating[Any]] = np.float32
) -> NDArray[np.floating[Any]]:
    """B pictures (h, w, 3) uint8 BGR to (B, 3, h, w) RGB, 0 to 1."""
    tensor = np.empty((len(images), 3, *images[0].shape[:2]), dtype)
    for picture, image in zip(tensor, images, strict=True):
        # Plane by plane, in place: 1.7 times as fast as reversing and transposing the whole.
        for plane, channel in zip(picture, reversed(cv2.split(image)), strict=True):
            np.divide(channel, dtype(255), out=plane, dtype=dtype, casting="unsafe")
    return tensor


def _summary(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(repr(n[:40]) for n in names[:most]) or "none"
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
