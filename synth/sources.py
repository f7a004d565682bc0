"""The user's photos: which there are, what their labels say, which faces are in them.

Searching faces takes longer than drawing masks, so what was found is kept in `faces.jsonl`
beside the photos, by content digest: a second run doesn't search again.
"""

import csv
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from data.dataset import image_to_label, read_labels
from data.exceptions import AnnotationError, NoFacesError
from data.files import atomic_path, digest
from data.images import Image, find_images
from data.labels import Label
from data.splits import IDENTITY_PATTERN, stem_to_identity
from synth.face_model import landmarks_to_box, place_by_landmarks
from synth.faces import Candidate, Face, Floats

CACHE_NAME = "faces.jsonl"
# Raised when the search changes, so that older caches are searched again.
CACHE_VERSION = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Photo:
    """A photo with its faces.

    Attributes:
        path: the file.
        name: its path below the source that the user named, for the manifest.
        digest: SHA-256 of the file.
        identity: who is on it (data.splits).
        width, height: pixels.
        faces: every face that was found.
        doubtful: (4,) boxes of what may be faces, to be blurred out.
    """

    path: Path
    name: str
    digest: str
    identity: str
    width: int
    height: int
    faces: tuple[Face, ...]
    doubtful: tuple[Floats, ...]


def list_photos(sources: Sequence[Path]) -> list[tuple[Path, str]]:
    """(file, name below its source) of every picture of the sources, each once."""
    found: dict[Path, str] = {}
    for source in sources:
        for path in find_images([source]):
            name = path.relative_to(source).as_posix() if source.is_dir() else path.name
            found.setdefault(path, readable(name))
    return list(found.items())


def readable(name: str) -> str:
    """A file name as text that files and terminals can hold: Python keeps bytes that aren't
    UTF-8 as lone surrogates."""
    return name.encode("utf-8", "replace").decode()


def labelled_candidates(path: Path, width: int, height: int) -> list[Candidate]:
    """Faces that the source's own files name: 68 landmarks in `keypoints68.csv` (name, x, y, ...)
    or YOLO labels in `labels/` beside `images/`.

    Raises:
        AnnotationError: if such a file is broken.
    """
    folders = [p for p in path.parents if p.name == "images"]
    if not folders:
        return []
    root = folders[0].parent
    keypoints = _keypoints(root / "keypoints68.csv").get(path.name)
    if keypoints is not None:
        return [Candidate(landmarks_to_box(keypoints), landmarks=keypoints)]
    boxes = read_labels(image_to_label(root, path), width, height)
    return [
        Candidate(xyxy, label=Label(int(label)))
        for xyxy, label in zip(boxes.xyxy, boxes.class_ids, strict=True)
    ]


@cache
def _keypoints(path: Path) -> dict[str, Floats]:
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {row[0]: _row_to_landmarks(row) for row in csv.reader(file) if row}
    except (ValueError, csv.Error, NoFacesError) as error:
        raise AnnotationError(
            f"{path}: expected a name and 68 x,y pairs a line, but {error}"
        ) from error


def _row_to_landmarks(row: list[str]) -> Floats:
    """(68, 2) landmarks of a row; ValueError or NoFacesError where they are no face's."""
    landmarks = np.array(row[1:], dtype=np.float64).reshape(68, 2)
    if not np.isfinite(landmarks).all():
        raise ValueError(f"those of {row[0]} aren't finite")
    place_by_landmarks(landmarks)
    return landmarks


def face_to_json(face: Face) -> dict[str, Any]:
    """A face as JSON, pixels rounded to hundredths."""
    value: dict[str, Any] = {"box": np.round(face.box, 2).tolist(), "class": int(face.label)}
    for key in ("landmarks", "five_points"):
        points = getattr(face, key)
        if points is not None:
            value[key] = np.round(points, 2).tolist()
    return value


def json_to_face(value: dict[str, Any]) -> Face:
    """The inverse of face_to_json."""
    points = {
        key: np.array(value[key], dtype=np.float64)
        for key in ("landmarks", "five_points")
        if key in value
    }
    return Face(np.array(value["box"], dtype=np.float64), label=Label(value["class"]), **points)


def labels_digest(path: Path, width: int, height: int) -> str:
    """Short digest of what the source's own files say of a photo; "" where they say nothing.

    Raises:
        AnnotationError: as labelled_candidates.
    """
    candidates = labelled_candidates(path, width, height)
    if not candidates:
        return ""
    said = [[*c.box.tolist(), int(c.label)] for c in candidates]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]


def photo_to_json(
    path: Path, image: Image, faces: Sequence[Face], doubtful: Sequence[Floats], finder: str
) -> dict[str, Any]:
    """One line of `faces.jsonl`; `finder` names the search, so that another isn't mistaken."""
    height, width = image.shape[:2]
    return {
        "version": CACHE_VERSION,
        "finder": finder,
        "digest": digest(path),
        "labels": labels_digest(path, width, height),
        "width": width,
        "height": height,
        "faces": [face_to_json(face) for face in faces],
        "doubtful": [np.round(box, 2).tolist() for box in doubtful],
    }


def json_to_photo(
    value: dict[str, Any], path: Path, name: str, identity_pattern: str = IDENTITY_PATTERN
) -> Photo:
    """The photo of a `faces.jsonl` line; the same bytes may lie at another path today."""
    return Photo(
        path=path,
        name=name,
        digest=value["digest"],
        identity=stem_to_identity(readable(path.stem), value["digest"], identity_pattern),
        width=value["width"],
        height=value["height"],
        faces=tuple(json_to_face(face) for face in value["faces"]),
        doubtful=tuple(np.array(box, dtype=np.float64) for box in value["doubtful"]),
    )


def index_cache(folders: Iterable[Path], finder: str) -> dict[str, str]:
    """Lines of the folders' `faces.jsonl` by digest, of this version and this search alone.

    Checked, but as text, a sixth of what it takes in memory when parsed: folders may have a
    million photos.
    """
    known = {}
    for folder in folders:
        path = folder / CACHE_NAME
        if path.is_file():
            for value in _parse_lines(path):
                if value.get("version") == CACHE_VERSION and value.get("finder") == finder:
                    known[str(value["digest"])] = json.dumps(value)
    return known


def _parse_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            try:
                value = json.loads(line)
                _check_line(value)
            except (ValueError, KeyError, TypeError, RecursionError):
                log.warning("%s:%d: broken, passed over; the photo is searched again", path, number)
                continue
            yield value


def _check_line(value: Any) -> None:
    """Refuse what isn't a whole line of this version; ValueError, KeyError or TypeError."""
    if value["version"] != CACHE_VERSION:
        return
    photo = json_to_photo(value, Path(), "")
    boxes = [*photo.doubtful, *(face.box for face in photo.faces)]
    points = [p for face in photo.faces for p in (face.landmarks, face.five_points)]
    known = [(4,)] * len(boxes) + [(68, 2), (5, 2)] * len(photo.faces)
    for array, shape in zip([*boxes, *points], known, strict=True):
        if array is not None and (array.shape != shape or not np.isfinite(array).all()):
            raise ValueError(f"expected an array {shape}, but got {array}")
    if not all(isinstance(value[key], str) for key in ("finder", "labels")):
        raise TypeError("expected finder and labels as text")
    if not all(isinstance(value[key], int) for key in ("width", "height")):
        raise TypeError("expected width and height as whole numbers")


def write_cache(folder: Path, values: Iterable[dict[str, Any]]) -> bool:
    """Add lines to a folder's `faces.jsonl`, keeping those of other searches.

    Returns:
        False where the folder can't be written: the search is then repeated next time.
    """
    path = folder / CACHE_NAME
    new = {_cache_key(v): v for v in values if v.get("version") == CACHE_VERSION}
    try:
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            # One by one: a folder may have a million photos.
            for value in _parse_lines(path) if path.is_file() else ():
                if value.get("version") == CACHE_VERSION and _cache_key(value) not in new:
                    file.write(json.dumps(value) + "\n")
            file.writelines(json.dumps(value) + "\n" for value in new.values())
    except OSError as error:
        log.warning("%s: can't keep the faces that were found (%s)", folder, error.strerror)
        return False
    return True


def _cache_key(value: dict[str, Any]) -> tuple[str, str]:
    return str(value.get("finder")), str(value["digest"])


def cache_folders(sources: Iterable[Path]) -> list[Path]:
    """Where `faces.jsonl` of these sources lie: in the folders that the user named (single files
    get none: their folder isn't theirs alone)."""
    return [source for source in sources if source.is_dir()]
