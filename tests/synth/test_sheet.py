"""The contact sheet: all of it there, each cell in its place."""

from pathlib import Path

import numpy as np
import pytest

from data.exceptions import ImageError, NoFacesError
from data.images import Image, write_image
from synth.face_model import landmarks_to_box
from synth.faces import Face
from synth.occlusion.choice import FRONT, INSTEAD
from synth.shapes import SHAPES
from synth.sheet import draw_sheet, sheet_of
from synth.states import STATES
from synth.textures import PRINTS

CELL = (198, 176)  # rows, columns


@pytest.fixture(scope="module")
def sheet(portrait: Image, astronaut_face: Face) -> Image:
    assert astronaut_face.landmarks is not None
    landmarks = astronaut_face.landmarks - [120, 20]
    return draw_sheet(portrait, Face(landmarks_to_box(landmarks), landmarks))


def test_every_style_state_print_and_thing_has_a_cell(sheet: Image) -> None:
    things = len(set(INSTEAD) | set(FRONT))
    rows = len(SHAPES) + -(-(len(PRINTS) - 1) // len(STATES)) + -(-things // len(STATES))
    assert sheet.shape == (rows * CELL[0], len(STATES) * CELL[1], 3)
    assert sheet.shape[1] < 2000
    cells = sheet.reshape(rows, CELL[0], len(STATES), CELL[1], 3).swapaxes(1, 2)
    cells = cells.reshape(-1, *CELL, 3)
    blank = (cells == 255).all((1, 2, 3))
    # Two styles without loops neither hang, nor have an upper side, nor go onto the forehead.
    filled = (-(len(PRINTS) - 1)) % len(STATES) + (-things) % len(STATES)
    assert blank.sum() == 6 + filled
    shown = cells[~blank]
    pictures = {cell[22:].tobytes() for cell in shown}
    assert len(pictures) == len(shown) == (len(SHAPES) * len(STATES) - 6 + len(PRINTS) - 1 + things)


def test_the_sheet_is_deterministic(sheet: Image, portrait: Image, astronaut_face: Face) -> None:
    assert astronaut_face.landmarks is not None
    landmarks = astronaut_face.landmarks - [120, 20]
    face = Face(landmarks_to_box(landmarks), landmarks)
    assert (draw_sheet(portrait, face) == sheet).all()


def test_photos_without_a_face(tmp_path: Path) -> None:
    write_image(tmp_path / "wall.png", np.full((80, 90, 3), 90, np.uint8))
    with pytest.raises(NoFacesError, match="expected a face for the sheet"):
        sheet_of(tmp_path / "wall.png")
    with pytest.raises(ImageError):
        sheet_of(tmp_path / "none.png")
