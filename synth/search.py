"""Searching the faces of many photos, in parallel, with what was found before kept."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from data.exceptions import AnnotationError, ImageError
from data.files import digest
from data.images import read_image
from data.splits import IDENTITY_PATTERN
from synth.faces import Finder, find_faces, make_finders, shipped_weights
from synth.pool import single_threaded
from synth.sources import (
    Photo,
    cache_folders,
    json_to_photo,
    labelled_candidates,
    labels_digest,
    list_photos,
    photo_to_json,
    read_cache,
    write_cache,
)

log = logging.getLogger(__name__)

_CHUNK = 16  # photos a task


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
        return f"{self.mode}:{digest(model)[:12]}" if model and model.is_file() else self.mode


@cache
def _finders(search: Search) -> list[Finder]:
    """The finders, made once in each process."""
    return make_finders(search.mode, search.face_model)


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
    faces, doubtful = find_faces(image, labelled, _finders(search))
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
    found = _recall([path for path, _ in listed], read_cache(folders, name))
    missing = [path for path, _ in listed if path not in found]
    chunks = [missing[i : i + _CHUNK] for i in range(0, len(missing), _CHUNK)]
    tasks = [executor.submit(_search_chunk, chunk, search, name) for chunk in chunks]
    new: dict[Path, Found] = {}
    try:
        for chunk, task in zip(chunks, tasks, strict=True):
            new.update(zip(chunk, task.result(), strict=True))
            if progress is not None:
                progress(len(new), len(missing))
    finally:
        for task in tasks:
            task.cancel()
        _keep(folders, new)
    found.update(new)
    photos, faults = [], []
    for path, shown in listed:
        line = found[path]
        if isinstance(line, str):
            faults.append(line)
        else:
            photos.append(json_to_photo(line, path, shown, identity_pattern))
    return photos, faults


def _recall(paths: Sequence[Path], known: dict[str, dict[str, Any]]) -> dict[Path, Found]:
    """What earlier searches found of these photos, where photo and labels are the same still."""
    found: dict[Path, Found] = {}
    if not known:
        return found
    for path in paths:
        try:
            line = known.get(digest(path))
            if line and labels_digest(path, line["width"], line["height"]) == line["labels"]:
                found[path] = line
        except (OSError, AnnotationError):
            # The search itself reports it.
            continue
    return found


def _keep(folders: Sequence[Path], new: dict[Path, Found]) -> None:
    for folder in folders:
        lines = [v for p, v in new.items() if isinstance(v, dict) and folder in p.parents]
        if lines:
            write_cache(folder, lines)
