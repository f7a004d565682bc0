"""A contact sheet: every style in every state on one face."""

from pathlib import Path

import cv2
import numpy as np

from data.exceptions import NoFacesError
from data.images import Image, read_image
from data.labels import CLASS_COLOURS
from synth.faces import Face, dlib_finder, find_faces
from synth.mask import Mask
from synth.render import draw_mask
from synth.shapes import SHAPES, draw_shape
from synth.states import STATES, state_to_label, wear
from synth.textures import PRINTS, draw_colour, draw_print

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
    """Rows: styles, then prints on cloth. Columns: states; each title in its class's colour.

    Args:
        image: (H, W, 3) uint8 BGR.
        face: the face in it.
        seed: of colours, prints and cuts.

    Returns:
        (rows, columns, 3) uint8 BGR.
    """
    rng = np.random.default_rng(seed)
    states = list(STATES)
    cells = [
        _cell(image, face, _draw(style, state, None, rng), (f"{style}: {state}", state))
        for style in SHAPES
        for state in states
    ]
    for texture in [name for name in PRINTS if name != "plain"]:
        mask = _draw("cloth", "right", texture, rng)
        cells.append(_cell(image, face, mask, (f"cloth: {texture}", "right")))
    while len(cells) % len(states):
        cells.append(np.full_like(cells[0], 255))
    columns = len(states)
    grid = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    return np.asarray(np.vstack(grid), dtype=np.uint8)


def _draw(style: str, state: str, texture: str | None, rng: np.random.Generator) -> Mask:
    shape = wear(draw_shape(rng, style), state, rng)
    return Mask(
        shape, draw_colour(rng), texture or draw_print(style, rng), int(rng.integers(2**31))
    )


def _cell(image: Image, face: Face, mask: Mask, title_and_state: tuple[str, str]) -> Image:
    """One face with its mask, cut out around it, under its title."""
    title, state = title_and_state
    grain = np.random.default_rng(mask.seed)
    drawn = draw_mask(image, face.placement, face.box, mask, grain)
    centre = (face.box[:2] + face.box[2:]) / 2
    half = 0.95 * float((face.box[2:] - face.box[:2]).max())
    # Photos may end near the face: repeat their edge rather than cut the cell.
    pad = int(half)
    padded = cv2.copyMakeBorder(drawn, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    left, top = (centre - half + pad).astype(int)
    cut = padded[top : top + round(2 * half), left : left + round(2 * half)]
    method = cv2.INTER_AREA if cut.shape[0] > _CELL else cv2.INTER_CUBIC
    picture = cv2.resize(cut, (_CELL, _CELL), interpolation=method)
    bar = np.full((_TITLE, _CELL, 3), 255, np.uint8)
    colour = CLASS_COLOURS[state_to_label(state)][::-1]
    cv2.rectangle(bar, (0, 0), (5, _TITLE), colour, -1)
    cv2.putText(bar, title, (9, 15), _FONT, 0.4, (20, 20, 20), 1, cv2.LINE_AA)
    return np.vstack([bar, np.asarray(picture, dtype=np.uint8)])
