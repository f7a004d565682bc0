"""Boxes and labels drawn into pictures."""

from collections.abc import Sequence

import cv2
import numpy as np

from data.boxes import Boxes, Floats, intersection
from data.images import Image
from data.labels import CLASS_COLOURS, CLASS_NAMES

Colour = tuple[int, int, int]

FONT = cv2.FONT_HERSHEY_SIMPLEX
DARK: Colour = (20, 20, 20)
LIGHT: Colour = (255, 255, 255)

# Below this height a label would hide its face's neighbours: the colour alone tells the class.
LABEL_MIN_FACE = 24.0

# Smaller than 11 px, letters run together; 1.8 % of the longer side stays readable when a large
# picture is shown on a screen.
LABEL_MIN_HEIGHT = 11.0
LABEL_SHARE = 0.018


def draw_boxes(image: Image, boxes: Boxes) -> Image:
    """A copy of a picture with its boxes, coloured by class, and labels "with_mask .93".

    Faces under 24 px get a box alone, and so does a face whose label would cover another face.

    Args:
        image: (H, W, 3) uint8 BGR.
        boxes: in pixels of `image`.
    """
    canvas = image.copy()
    line = max(2, round(max(image.shape[:2]) / 400))
    for xyxy, class_id, height in zip(boxes.xyxy, boxes.class_ids, boxes.heights, strict=True):
        _draw_box(canvas, xyxy, class_colour(int(class_id)), line, small=height < LABEL_MIN_FACE)
    taken = boxes.xyxy.copy()
    for index in np.flatnonzero(boxes.heights >= LABEL_MIN_FACE):
        text = label_text(int(boxes.class_ids[index]), float(boxes.scores[index]))
        others = np.delete(taken, index, axis=0)
        scale, size = _fit_text(text, image.shape, float(boxes.heights[index]))
        place = place_label(boxes.xyxy[index], size, others, image.shape)
        if place is not None:
            _draw_label(canvas, text, place, scale, class_colour(int(boxes.class_ids[index])))
            taken = np.concatenate([taken, [[*place, place[0] + size[0], place[1] + size[1]]]])
    return canvas


def class_colour(class_id: int) -> Colour:
    """A class's colour as OpenCV has it, BGR."""
    red, green, blue = CLASS_COLOURS[class_id]
    return blue, green, red


def label_text(class_id: int, score: float) -> str:
    """A label such as "with_mask .93"; full certainty reads 1.00."""
    return f"{CLASS_NAMES[class_id]} {f'{score:.2f}'.removeprefix('0')}"


def place_label(
    xyxy: Floats, size: tuple[int, int], others: Floats, shape: Sequence[int]
) -> tuple[int, int] | None:
    """Where a label hides no other face or label: above its box, below it, or inside its top.

    Args:
        xyxy: (4,) the box, px.
        size: (width, height) of the label, px.
        others: (N, 4) what it must not cover, px.
        shape: (height, width, ...) of the picture.

    Returns:
        (x, y) of its top left corner, or None where there is no such place.
    """
    width, height = size
    x = round(min(max(xyxy[0], 0), max(shape[1] - width, 0)))
    for y in (round(xyxy[1]) - height, round(xyxy[3]), round(xyxy[1])):
        # Inside, a label may take a quarter of its own face.
        covers = y == round(xyxy[1]) and height * 4 > xyxy[3] - xyxy[1]
        if y < 0 or y + height > shape[0] or covers:
            continue
        if not intersection([x, y, x + width, y + height], others).any():
            return x, y
    return None


def _draw_box(canvas: Image, xyxy: Floats, colour: Colour, line: int, small: bool) -> None:
    x1, y1, x2, y2 = (round(float(v)) for v in xyxy)
    corners = (x1, y1), (max(x2 - 1, x1), max(y2 - 1, y1))  # x2, y2 are the pixels' far edges
    if small:
        cv2.rectangle(canvas, *corners, colour, 1)
        return
    # A dark rim keeps the line visible on a ground of its own colour.
    cv2.rectangle(canvas, *corners, DARK, line + 2)
    cv2.rectangle(canvas, *corners, colour, line)


def _fit_text(text: str, shape: Sequence[int], face_height: float) -> tuple[float, tuple[int, int]]:
    """The font's scale, and (width, height) of the label with its margins, px."""
    height = max(LABEL_MIN_HEIGHT, min(LABEL_SHARE * max(shape[:2]), face_height / 4))
    (_, unit), _ = cv2.getTextSize(text, FONT, 1.0, 1)
    scale = height / unit
    (width, tall), below = cv2.getTextSize(text, FONT, scale, _weight(scale))
    return scale, (width + 6, tall + below + 4)


def _draw_label(
    canvas: Image, text: str, place: tuple[int, int], scale: float, colour: Colour
) -> None:
    (width, tall), below = cv2.getTextSize(text, FONT, scale, _weight(scale))
    x, y = place
    cv2.rectangle(canvas, (x, y), (x + width + 5, y + tall + below + 3), colour, cv2.FILLED)
    # ITU-R BT.601 luma of BGR decides whether dark or light letters stand out.
    luma = 0.114 * colour[0] + 0.587 * colour[1] + 0.299 * colour[2]
    ink = DARK if luma > 110 else LIGHT
    cv2.putText(canvas, text, (x + 3, y + tall + 2), FONT, scale, ink, _weight(scale), cv2.LINE_AA)


def _weight(scale: float) -> int:
    """Thickness of letters, px: in proportion, or large ones fade when the picture is shrunk."""
    return max(1, round(scale * 1.5))
