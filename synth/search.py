"""Searching the faces of many photos, in parallel, with what was found before kept."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from data.exceptions import AnnotationError, ImageError
from data.files import digest
from data.images import read_image
from data.pool import map_bounded, map_ordered
from data.splits import IDENTITY_PATTERN
from synth.faces import Finder, find_faces
from synth.finders import (
    OWN_SEARCH,
    make_finders,
    make_judge,
    shipped_weights,
    synthetic_weights,
)
from synth.sources import (
    Photo,
    cache_folders,
    index_cache,
    json_to_photo,
    labelled_candidates,
    labels_digest,
    list_photos,
    photo_to_json,
    write_cache,
)
from synth.threads import single_threaded

log = logging.getLogger(__name__)

_CHUNK = 16  # photos a task
_KEEP = 2000  # photos that a broken-off search may lose, about ten minutes of one core
_READERS = 8  # network file systems answer late: several questions at once


@dataclass(frozen=True)
class Search:
    """How faces are searched: `--faces` mode and an optional YuNet model file."""

    mode: str = "auto"
    face_model: Path | None = None

    def name(self) -> str:
        """Names the search in `faces.jsonl`: what another one found isn't taken for its own."""
        if self.mode not in ("auto", "detector"):
            return self.mode
        model = shipped_weights() if self.face_model is None else self.face_model
        if not model or not model.is_file():
            return self.mode
        judge = synthetic_weights() if self.mode == "auto" else None
        own = f":{digest(judge)[:6]}" if judge is not None else ""
        if judge is not None or self.face_model is None:
            own += f":{OWN_SEARCH}"
        return f"{self.mode}:{digest(model)[:12]}{own}"


@cache
def _finders(search: Search) -> tuple[list[Finder], Finder | None]:
    """The finders and who decides where they doubt, made once in each process."""
    return make_finders(search.mode, search.face_model), make_judge(search.mode)


Found = dict[str, Any] | str


@single_threaded()
def _search_chunk(paths: Sequence[Path], search: Search, name: str) -> list[Found]:
    """For each photo its line of `faces.jsonl`, or the message of what is wrong with it."""
    return [_search_photo(path, search, name) for path in paths]


def _search_photo(path: Path, search: Search, name: str) -> Found:
    try:
        image = read_image(path)
        labelled = labelled_candidates(path, image.shape[1], image.shape[0])
    except (ImageError, AnnotationError) as error:
        return str(error)
    faces, doubtful = find_faces(image, labelled, *_finders(search))
    return photo_to_json(path, image, faces, doubtful, name)


def search_photos(
    sources: Sequence[Path],
    search: Search,
    executor: Executor,
    identity_pattern: str = IDENTITY_PATTERN,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Photo], list[str]]:
    """Every photo of the sources with its faces, in the order of the sources.

    What is found is kept in `faces.jsonl` beside the photos, also when the search is broken off.

    Returns:
        The photos, and a message for each that can't be read.

    Raises:
        DatasetError: if a source doesn't exist or holds no picture.
    """
    name = search.name()
    folders = cache_folders(sources)
    listed = list_photos(sources)
    shown = dict(listed)

    def to_photo(path: Path, line: Found) -> Photo | str:
        # A photo takes a quarter of the memory of its line.
        if isinstance(line, str):
            return line
        return json_to_photo(line, path, shown[path], identity_pattern)

    known = _recall([path for path, _ in listed], index_cache(folders, name))
    found = {path: to_photo(path, line) for path, line in known}
    missing = [path for path, _ in listed if path not in found]
    if progress is not None and missing:
        progress(0, len(missing))
    for done, (path, line) in enumerate(_search_all(missing, search, name, executor, folders), 1):
        found[path] = to_photo(path, line)
        if progress is not None and (done % _CHUNK == 0 or done == len(missing)):
            progress(done, len(missing))
    results = [found[path] for path, _ in listed]
    photos = [photo for photo in results if isinstance(photo, Photo)]
    return photos, [fault for fault in results if isinstance(fault, str)]


def _search_all(
    paths: Sequence[Path], search: Search, name: str, executor: Executor, folders: Sequence[Path]
) -> Iterator[tuple[Path, Found]]:
    """Search photos in parallel; what is found is kept now and then, and at the end."""
    chunks = (paths[i : i + _CHUNK] for i in range(0, len(paths), _CHUNK))
    work = partial(_search_chunk, search=search, name=name)
    unsaved: dict[Path, Found] = {}
    saved = 0
    try:
        for chunk, lines in map_bounded(executor, work, chunks):
            new = dict(zip(chunk, lines, strict=True))
            unsaved.update(new)
            # Keeping writes all that was kept before again: rarer, the more that is.
            if len(unsaved) >= max(_KEEP, saved // 4):
                _keep(folders, unsaved)
                saved += len(unsaved)
                unsaved = {}
            yield from new.items()
    finally:
        _keep(folders, unsaved)


def _recall(paths: Sequence[Path], known: dict[str, str]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """What earlier searches found of these photos, where photo and labels are the same still."""
    if not known:
        return
    with ThreadPoolExecutor(_READERS) as readers:
        digests = map_ordered(readers, _try_digest, paths, ahead=4 * _READERS)
        for path, content in zip(paths, digests, strict=True):
            if content not in known:
                continue
            line = json.loads(known[content])
            try:
                if labels_digest(path, line["width"], line["height"]) == line["labels"]:
                    yield path, line
            except AnnotationError:
                continue  # the search itself reports it


def _try_digest(path: Path) -> str:
    """The digest, "" where the photo can't be read: the search itself reports it."""
    try:
        return digest(path)
    except OSError:
        return ""


def _keep(folders: Sequence[Path], new: dict[Path, Found]) -> None:
    for folder in folders:
        lines = [v for p, v in new.items() if isinstance(v, dict) and folder in p.parents]
        if lines:
            write_cache(folder, lines)
