"""Tracks drawn into frames: a box and a calm label, coloured by state."""

import math
from functools import lru_cache

import cv2
import numpy as np

from data.boxes import Floats
from data.images import Image
from data.labels import CLASS_NAMES
from detector.draw import (
    DARK,
    FONT,
    LABEL_MIN_FACE,
    LABEL_MIN_HEIGHT,
    LABEL_SHARE,
    LIGHT,
    Colour,
    class_colour,
    place_label,
)
from detector.video.types import Result, Track

# Neither class: grey, light enough to be seen on dark clothes.
UNSURE_COLOUR: Colour = (190, 190, 190)


def draw_tracks(canvas: Image, result: Result) -> None:
    """Draw the tracks of `result` into `canvas`, (H, W, 3) uint8 BGR, in place.

    Labels read "with_mask .97 #3": state, the vote's share, the track's number. A face missed in
    this frame has a thin box. Faces under 24 px get a box alone, and so does one whose label
    would cover another face.
    """
    line = max(2, round(max(canvas.shape[:2]) / 400))
    for track in result.tracks:
        _draw_box(canvas, track, line)
    taken = np.array([track.box for track in result.tracks]).reshape(-1, 4)
    for index, track in enumerate(result.tracks):
        height = float(track.box[3] - track.box[1])
        if height < LABEL_MIN_FACE:
            continue
        text = label_text(track)
        scale, size, drop = _fit_text(text, canvas.shape, height)
        place = place_label(track.box, size, np.delete(taken, index, axis=0), canvas.shape)
        if place is not None:
            _draw_label(canvas, text, place, (scale, size, drop), state_colour(track.state))
            taken = np.concatenate([taken, [_covered(place, size)]])


def state_colour(state: str) -> Colour:
    """A state's colour, BGR: its class's, grey for `unsure`."""
    return class_colour(CLASS_NAMES.index(state)) if state in CLASS_NAMES else UNSURE_COLOUR


def label_text(track: Track) -> str:
    """A label such as "with_mask .97 #3"; full certainty reads 1.00, `unsure` has no share."""
    if track.state not in CLASS_NAMES:
        return f"{track.state} #{track.id}"
    return f"{track.state} {f'{track.confidence:.2f}'.removeprefix('0')} #{track.id}"


def _draw_box(canvas: Image, track: Track, line: int) -> None:
    x1, y1, x2, y2 = (round(float(v)) for v in track.box)
    corners = (x1, y1), (max(x2 - 1, x1), max(y2 - 1, y1))
    colour = state_colour(track.state)
    if y2 - y1 < LABEL_MIN_FACE or track.score == 0:
        cv2.rectangle(canvas, *corners, colour, 1)
        return
    # A dark rim keeps the line visible on a ground of its own colour.
    cv2.rectangle(canvas, *corners, DARK, line + 2)
    cv2.rectangle(canvas, *corners, colour, line)


def _fit_text(
    text: str, shape: tuple[int, ...], face_height: float
) -> tuple[float, tuple[int, int], int]:
    """The font's scale, (width, height) of the label with its margins, px, and its baseline.

    Steps of a fifth keep letters from growing and shrinking with every breath of the box.
    """
    height = max(LABEL_MIN_HEIGHT, min(LABEL_SHARE * max(shape[:2]), face_height / 4))
    height = LABEL_MIN_HEIGHT * 1.2 ** math.floor(math.log(height / LABEL_MIN_HEIGHT, 1.2))
    (_, unit), _ = _text_size(text, 1.0, 1)
    scale = height / unit
    (width, tall), below = _text_size(text, scale, _weight(scale))
    return scale, (width + 6, tall + below + 4), tall


@lru_cache(maxsize=1024)
def _text_size(text: str, scale: float, weight: int) -> tuple[tuple[int, int], int]:
    """(width, height) and baseline, px: OpenCV takes longer to measure a label than to draw it."""
    (width, height), below = cv2.getTextSize(text, FONT, scale, weight)
    return (width, height), below


def _covered(place: tuple[int, int], size: tuple[int, int]) -> Floats:
    return np.array([*place, place[0] + size[0], place[1] + size[1]], dtype=np.float64)


def _draw_label(
    canvas: Image,
    text: str,
    place: tuple[int, int],
    fit: tuple[float, tuple[int, int], int],
    colour: Colour,
) -> None:
    scale, (width, height), tall = fit
    x, y = place
    cv2.rectangle(canvas, (x, y), (x + width - 1, y + height - 1), colour, cv2.FILLED)
    # ITU-R BT.601 luma of BGR decides whether dark or light letters stand out.
    luma = 0.114 * colour[0] + 0.587 * colour[1] + 0.299 * colour[2]
    ink = DARK if luma > 110 else LIGHT
    cv2.putText(canvas, text, (x + 3, y + tall + 2), FONT, scale, ink, _weight(scale), cv2.LINE_AA)


def _weight(scale: float) -> int:
    return max(1, round(scale * 1.5))
