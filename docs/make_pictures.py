"""Makes the README's pictures: `uv run python docs/make_pictures.py`."""

from pathlib import Path

import cv2
import numpy as np

from data.extras import package_file
from data.images import Image, read_image, write_image
from detector.draw import draw_boxes
from detector.runtime import Detector
from synth.faces import Face, dlib_finder, find_faces
from synth.mask import Mask
from synth.render import draw_mask
from synth.shapes import draw_shape
from synth.sheet import sheet_of
from synth.states import wear

DOCS = Path(__file__).parent
SHEET_SEED = 7

# Style, state, print, colour (RGB) of each masked face; None leaves the face bare.
WORN: tuple[tuple[str, str, str, tuple[int, int, int]] | None, ...] = (
    None,
    ("surgical", "right", "plain", (150, 200, 225)),
    ("kn95", "right", "plain", (28, 28, 30)),
    ("cloth", "right", "checks", (150, 30, 40)),
    ("surgical", "nose_out", "plain", (238, 240, 242)),
    ("kn95", "under_chin", "plain", (238, 240, 242)),
)


def masked(image: Image, face: Face, index: int) -> Image:
    """The photo with the mask of that index."""
    worn = WORN[index]
    if worn is None:
        return image
    style, state, texture, colour = worn
    rng = np.random.default_rng(index)
    shape = wear(draw_shape(rng, style), state, rng)
    mask = Mask(shape, np.array(colour) / 255, texture, index)
    return draw_mask(image, face.placement, face.box, mask, rng)


def detections(photo: Path) -> Image:
    """The photo in all masks, three by two, with what the shipped weights find in each."""
    image = read_image(photo)[:300, 60:400]
    (face,), _ = find_faces(image, [], [dlib_finder])
    detector = Detector()
    pictures = [masked(image, face, i) for i in range(len(WORN))]
    drawn = [draw_boxes(p, detector.detect([p])[0]) for p in pictures]
    rows = [np.hstack(drawn[i : i + 3]) for i in range(0, len(drawn), 3)]
    return np.asarray(cv2.resize(np.vstack(rows), None, fx=0.9, fy=0.9), dtype=np.uint8)


if __name__ == "__main__":
    astronaut = package_file("skimage", "data/astronaut.png", "demo")
    write_image(DOCS / "sheet.jpg", sheet_of(astronaut, SHEET_SEED))
    write_image(DOCS / "detections.jpg", detections(astronaut))
