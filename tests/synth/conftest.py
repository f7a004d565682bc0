"""Faces whose place is known, head rotations, photo folders."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.images import Image, read_image, write_image
from synth.face_model import Floats, landmarks_to_box
from synth.faces import Face
from synth.sources import Photo

MakeRotation = Callable[[float, float, float], Floats]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest tests/synth/test_render.py --update-golden` draws the golden pictures anew."""
    parser.addoption("--update-golden", action="store_true", help="draw golden pictures anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    # Registered late, and so without a value, where pytest starts from another folder.
    return bool(request.config.getoption("--update-golden", default=False))


@pytest.fixture(scope="session")
def rotate() -> MakeRotation:
    """Builds (3, 3) rotations, face to camera axes (x right, y down, z to the camera), from yaw
    (the nose turns right in the picture), pitch (down) and roll (clockwise) in degrees."""

    def build(yaw: float, pitch: float, roll: float) -> Floats:
        (cy, cp, cr), (sy, sp, sr) = (f(np.radians([yaw, pitch, roll])) for f in (np.cos, np.sin))
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return np.asarray(tilt @ turn @ nod)

    return build


@pytest.fixture(scope="session")
def astronaut_face() -> Face:
    """The astronaut's face with landmarks from a file: no search, the same on every machine."""
    path = Path(__file__).with_name("astronaut68.csv")
    landmarks = np.loadtxt(path, delimiter=",", skiprows=1)
    return Face(landmarks_to_box(landmarks), landmarks)


@pytest.fixture(scope="session")
def portrait(astronaut: Path) -> Image:
    """(240, 220, 3) uint8 BGR: the astronaut's head, quick to search."""
    image = np.ascontiguousarray(read_image(astronaut)[20:260, 120:340])
    image.setflags(write=False)
    return image


@pytest.fixture(scope="session")
def head(astronaut_face: Face) -> Face:
    """The face of `portrait`."""
    assert astronaut_face.landmarks is not None
    landmarks = astronaut_face.landmarks - [120, 20]
    return Face(astronaut_face.box - [120, 20, 120, 20], landmarks)


@pytest.fixture(scope="session")
def portrait_photo(tmp_path_factory: pytest.TempPathFactory, portrait: Image, head: Face) -> Photo:
    """`portrait` as a file with its face."""
    path = tmp_path_factory.mktemp("portrait") / "head.png"
    write_image(path, portrait)
    return Photo(path, path.name, "d" * 64, "ann", 220, 240, (head,), ())


@pytest.fixture
def folder(tmp_path: Path, portrait: Image) -> Path:
    """A folder with one photo of one face, `head.png`."""
    write_image(tmp_path / "photos" / "head.png", portrait)
    return tmp_path / "photos"


@pytest.fixture(scope="session")
def samples(
    tmp_path_factory: pytest.TempPathFactory, astronaut: Path, zidane: Path, bus: Path
) -> Path:
    """The three sample photos in one folder; to be read only."""
    root = tmp_path_factory.mktemp("samples")
    for photo in (astronaut, zidane, bus):
        shutil.copy(photo, root)
    return root
