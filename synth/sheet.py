"""A contact sheet: every style in every state, every print, and every thing that is no mask."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from data.exceptions import NoFacesError
from data.images import Image, read_image
from data.labels import CLASS_COLOURS
from synth.colours import draw_colour
from synth.faces import Face, dlib_finder, find_faces
from synth.mask import Mask
from synth.occlusion.choice import FRONT, INSTEAD, draw_thing
from synth.render import draw_mask
from synth.shapes import SHAPES, draw_shape
from synth.states import STATES, state_to_label, styles_for, wear
from synth.textures import PRINTS, draw_print

_CELL = 176  # pixels
_TITLE = 22
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def sheet_of(path: Path, seed: int = 0) -> Image:
    """The contact sheet on the largest face of a photo.

    Raises:
        ImageError: if the photo can't be read.
        NoFacesError: if there is no face in it.
    """
    image = read_image(path)
    faces, _ = find_faces(image, [], [dlib_finder])
    if not faces:
        raise NoFacesError(f"{path}: expected a face for the sheet, but found none")
    return draw_sheet(image, max(faces, key=lambda f: float(f.box[3] - f.box[1])), seed)


def draw_sheet(image: Image, face: Face, seed: int = 0) -> Image:
    """Rows: styles (columns: states), then prints on cloth, then things that are no masks; each
    title in its class's colour.

    States that a style can't be worn in are left blank.

    Args:
        image: (H, W, 3) uint8 BGR.
        face: the face in it.
        seed: of colours, prints and cuts.

    Returns:
        (rows, columns, 3) uint8 BGR, less than 2000 wide.
    """
    rng = np.random.default_rng(seed)
    titles = [(style, state, "") for style in SHAPES for state in STATES]
    titles += [("cloth", "right", name) for name in sorted(PRINTS) if name != "plain"]
    cells = [
        _cell(image, face, title, rng) if title[0] in styles_for(title[1]) else _blank()
        for title in titles
    ]
    cells += [_blank()] * (-len(cells) % len(STATES))
    cells += [_thing(image, face, name, "instead", rng) for name in sorted(INSTEAD)]
    cells += [_thing(image, face, name, "front", rng) for name in sorted(set(FRONT) - set(INSTEAD))]
    return _grid(cells, len(STATES))


def _thing(image: Image, face: Face, name: str, role: str, rng: np.random.Generator) -> Image:
    """The bare face with a thing that is no mask, under its title."""
    drawn = draw_thing(image, face.placement, face.box, name, rng, role=role)
    return np.vstack([_bar(f"no mask: {name}", "bare"), _close_up(drawn, face)])


def _grid(cells: Sequence[Image], columns: int) -> Image:
    """Cells in rows, the last one filled up."""
    filled = [*cells, *[_blank()] * (-len(cells) % columns)]
    rows = [np.hstack(filled[i : i + columns]) for i in range(0, len(filled), columns)]
    return np.asarray(np.vstack(rows), dtype=np.uint8)


def _blank() -> Image:
    return np.full((_TITLE + _CELL, _CELL, 3), 255, np.uint8)


def _cell(image: Image, face: Face, title: tuple[str, str, str], rng: np.random.Generator) -> Image:
    """One face with a mask of that style, state and print ("" for any), under its title."""
    style, state, texture = title
    yaw = face.placement.angles[0]
    shape = wear(draw_shape(rng, style), state, rng, yaw)
    fabric = texture or draw_print(style, rng)
    mask = Mask(shape, draw_colour(rng, style), fabric, int(rng.integers(2**31)), image)
    drawn = draw_mask(image, face.placement, face.box, mask, np.random.default_rng(mask.seed))
    return np.vstack([_bar(f"{style}: {texture or state}", state), _close_up(drawn, face)])


def _bar(text: str, state: str) -> Image:
    """A title with its class's colour."""
    bar = np.full((_TITLE, _CELL, 3), 255, np.uint8)
    colour = CLASS_COLOURS[state_to_label(state)][::-1]
    cv2.rectangle(bar, (0, 0), (5, _TITLE), colour, -1)
    cv2.putText(bar, text, (9, 15), _FONT, 0.4, (20, 20, 20), 1, cv2.LINE_AA)
    return bar


def _close_up(image: Image, face: Face) -> Image:
    """The face and what hangs below it, square, one cell large."""
    centre = (face.box[:2] + face.box[2:]) / 2
    half = 0.95 * float((face.box[2:] - face.box[:2]).max())
    # Photos may end near the face: repeat their edge rather than cut the cell.
    pad = int(half)
    padded = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    left, top = (centre - half + pad).astype(int)
    cut = padded[top : top + round(2 * half), left : left + round(2 * half)]
    method = cv2.INTER_AREA if cut.shape[0] > _CELL else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, (_CELL, _CELL), interpolation=method), dtype=np.uint8)
