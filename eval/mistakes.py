"""The worst mistakes of a detector, and cropped pictures of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from data.boxes import Floats, clip_xyxy
from data.images import Image
from data.labels import CLASS_COLOURS, CLASS_NAMES
from eval.confusion import match_picture
from eval.matching import Pair

Kind = Literal["confused", "false alarm", "missed"]

_CONTEXT = 2.2  # side of a crop in box sides: enough to see what surrounds the face
_SIDE = 224  # px of a crop in the report


@dataclass(frozen=True)
class Mistake:
    """One mistake: `box` (4,) px is the detection's, for a missed face the true one.

    `weight` orders mistakes of one kind: the score, for a missed face its height in px.
    """

    kind: Kind
    pair: Pair
    box: Floats
    true_class: int | None
    found_class: int | None
    weight: float

    @property
    def caption(self) -> str:
        """What happened, in a few words."""
        if self.true_class is not None and self.found_class is not None:
            what = f"{CLASS_NAMES[self.true_class]} taken for {CLASS_NAMES[self.found_class]}"
            return f"{what}, score {self.weight:.2f}"
        if self.found_class is not None:
            return f"false alarm: {CLASS_NAMES[self.found_class]}, score {self.weight:.2f}"
        return f"missed: {CLASS_NAMES[self.true_class or 0]}, {self.weight:.0f} px high"


def find_mistakes(pairs: Sequence[Pair], conf: float, per_kind: int = 4) -> list[Mistake]:
    """The `per_kind` worst of each kind: surest confusions and false alarms, largest misses."""
    found = [mistake for pair in pairs for mistake in _of_pair(pair, conf)]
    found.sort(key=lambda m: -m.weight)
    kinds: tuple[Kind, ...] = ("confused", "false alarm", "missed")
    return [m for kind in kinds for m in [f for f in found if f.kind == kind][:per_kind]]


def _of_pair(pair: Pair, conf: float) -> list[Mistake]:
    found, taken = match_picture(pair, conf)
    truth = pair.truth
    mistakes = []
    for d, t in enumerate(taken.tolist()):
        said, score, box = int(found.class_ids[d]), float(found.scores[d]), found.xyxy[d]
        if t < 0:
            mistakes.append(Mistake("false alarm", pair, box, None, said, score))
        elif truth.class_ids[t] != said:
            true = int(truth.class_ids[t])
            mistakes.append(Mistake("confused", pair, box, true, said, score))
    for t in np.setdiff1d(np.arange(len(truth)), taken).tolist():
        true, height = int(truth.class_ids[t]), float(truth.heights[t])
        mistakes.append(Mistake("missed", pair, truth.xyxy[t], true, None, height))
    return mistakes


def crop_mistake(image: Image, mistake: Mistake, side: int = _SIDE) -> Image:
    """A (side, side, 3) BGR crop around a mistake.

    Detections are drawn as full lines, and a missed face, which has none, as corners, both in
    the colour of the class; the rest of the picture shows as it is.
    """
    x1, y1, x2, y2 = mistake.box
    half = max(x2 - x1, y2 - y1, 16.0) * _CONTEXT / 2
    centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
    scale = side / (2 * half)
    shift = side / 2 - scale * centre
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    grey = (230, 230, 230)
    warped = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=grey)
    crop: Image = np.ascontiguousarray(warped, dtype=np.uint8)
    corners = np.concatenate([mistake.box[:2] * scale + shift, mistake.box[2:] * scale + shift])
    _draw(crop, clip_xyxy(corners, side - 1, side - 1), mistake)
    return crop


def _draw(crop: Image, box: Floats, mistake: Mistake) -> None:
    found = mistake.found_class
    red, green, blue = CLASS_COLOURS[found if found is not None else mistake.true_class or 0]
    colour = (blue, green, red)
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    if found is not None:
        cv2.rectangle(crop, (x1, y1), (x2, y2), colour, 2, cv2.LINE_AA)
        return
    length = max(4, (x2 - x1) // 4)
    for x, inward in ((x1, 1), (x2, -1)):
        for y, down in ((y1, 1), (y2, -1)):
            cv2.line(crop, (x, y), (x + inward * length, y), colour, 2, cv2.LINE_AA)
            cv2.line(crop, (x, y), (x, y + down * length), colour, 2, cv2.LINE_AA)
