"""What the demo starts from: sample photos of installed packages, and a split that validates."""

import shutil
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from data.exceptions import NoFacesError
from data.extras import package_file
from data.splits import identity_to_split
from synth.sources import Photo

# Package and file. The first is public domain (NASA), the others come with ultralytics.
PHOTOS = (
    ("skimage", "data/astronaut.png"),
    ("ultralytics", "assets/zidane.jpg"),
    ("ultralytics", "assets/bus.jpg"),
)
# Everything that some step imports and the core doesn't install.
_MODULES = (
    *("dlib", "face_recognition_models", "ultralytics", "onnx", "onnxslim"),
    *("faster_coco_eval", "jinja2", "matplotlib", "skimage", "albumentations"),
)
_EXTRAS = "synth --extra train --extra eval --extra demo"

# The photo that validates if it can: of its two large faces every mask is easy to see.
VAL_PHOTO = "zidane.jpg"
VAL_FRACTION = 0.34
# Each demo seed owns this many seeds of the set; a photo is alone in val for one of seven.
_SEEDS = 1000


def check_extras() -> None:
    """Look for everything that the demo needs, without importing it.

    Raises:
        MissingExtraError: naming the first package that is missing and the line for all of them.
    """
    for module in _MODULES:
        package_file(module, "__init__.py", _EXTRAS)


def copy_photos(folder: Path) -> list[Path]:
    """Copies of the sample photos in a folder, as a user's own photos would lie there.

    Raises:
        MissingExtraError: if a package that carries one isn't installed.
        OSError: if the file system refuses.
    """
    folder.mkdir()
    found = [package_file(module, relative, _EXTRAS) for module, relative in PHOTOS]
    return [Path(shutil.copyfile(path, folder / path.name)) for path in found]


def choose_seed(photos: Sequence[Photo], seed: int) -> int:
    """A seed of the set, derived from the demo's, with which exactly one photo is in `val`.

    People are assigned to splits by a hash of the seed, so with three photos `val` is often
    empty.

    Args:
        photos: as searched; those without a face don't count.
        seed: of the demo, at least 0.

    Raises:
        NoFacesError: if fewer than two photos have a face.
    """
    usable = [photo for photo in photos if photo.faces]
    if len(usable) < 2:
        raise NoFacesError(
            f"expected faces in at least 2 of the {len(photos)} sample photos, one of which "
            f"validates, but found some in {len(usable)}; reinstall, or give other --weights"
        )
    chosen = next((p for p in usable if p.path.name == VAL_PHOTO), usable[0])
    return next(s for s in count(seed * _SEEDS) if _validating(usable, s) == [chosen.identity])


def _validating(photos: Sequence[Photo], seed: int) -> list[str]:
    """Who is in `val` with a seed of the set."""
    who = [photo.identity for photo in photos]
    return [name for name in who if identity_to_split(name, VAL_FRACTION, seed) == "val"]
