"""Generating a data set: search, plan, draw in shards, write.

Every picture depends on its own seed alone, so any number of workers gives the same bytes.
Shards that are finished stay; a run that was broken off goes on with `resume`.
"""

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from data.exceptions import (
    AnnotationError,
    DatasetError,
    ImageError,
    NoFacesError,
    WorkerError,
)
from data.files import digest, is_temporary, write_json, write_text
from data.formats.target import Target
from data.manifest import record_to_line
from data.needs import code_digest, installed_versions
from data.pool import map_bounded
from data.splits import IDENTITY_PATTERN
from synth.closing import REPORT, close_set
from synth.picture import draw_job
from synth.plan import Job, iterate_plan
from synth.recipe import Recipe, recipe_to_json
from synth.search import Search, search_photos
from synth.sources import Photo, readable
from synth.threads import single_threaded

log = logging.getLogger(__name__)

_PARTS, _BEGUN = ".parts", "config.json"
_SHARD = 16  # pictures

Progress = Callable[[str, int, int], None]


def silent(step: str, done: int, total: int) -> None:
    """A progress that says nothing."""


@dataclass(frozen=True)
class Config:
    """What to generate.

    Attributes:
        count: pictures.
        seed: of everything random.
        recipe: how often each thing is shown.
        val_fraction: share of persons whose pictures go into `val`.
        identity_pattern: regular expression on file names whose first group is the person.
        search: how faces are found.
        format: layout of the set, one of data.formats.target.TARGETS.
    """

    count: int = 1000
    seed: int = 0
    recipe: Recipe = field(default_factory=Recipe)
    val_fraction: float = 0.1
    identity_pattern: str = IDENTITY_PATTERN
    search: Search = field(default_factory=Search)
    format: str = "yolo"


@dataclass(frozen=True)
class Shard:
    """Pictures that one task draws, with their number in the run."""

    number: int
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Summary:
    """What was generated and passed over."""

    pictures: int
    boxes: dict[str, int]
    faults: list[str]
    faceless: int
    blurred: int


def generate(
    sources: Sequence[Path],
    out: Path,
    config: Config,
    executor: Executor,
    *,
    resume: bool = False,
    progress: Progress = silent,
) -> Summary:
    """Generate a data set from photos into `out`.

    Raises:
        DatasetError: if a source is missing, or `out` holds something else.
        NoFacesError: if no photo has a face.
        OSError: if the file system refuses; finished shards stay, `resume` goes on.
    """
    _check_free(out, resume)
    photos, faults = search_photos(
        sources,
        config.search,
        executor,
        config.identity_pattern,
        lambda done, total: progress("faces", done, total),
    )
    with_faces = [photo for photo in photos if photo.faces]
    if not with_faces:
        first = f", the first: {faults[0]}" if faults else ""
        raise NoFacesError(
            f"expected faces in {', '.join(map(str, sources))}, but found none in {len(photos)} "
            f"photos ({len(faults)} unreadable{first}); use larger or more frontal ones"
        )
    begun_with = {**_to_json(config), "sources": _sources_to_json(sources, with_faces)}
    _begin(out, {**begun_with, "made_by": {"code": code_digest(), **dict(installed_versions())}})
    jobs = iterate_plan(with_faces, config.count, config.seed, config.val_fraction, config.recipe)
    target = Target(out, config.format)
    _draw_all(jobs, target, config, executor, progress)
    _remove_temporaries(out)  # of a cluster's workers that were lost
    drawn = close_set(target, sorted((out / _PARTS).glob("shard-*.jsonl")))
    lost = config.count - drawn.pictures
    if lost:
        log.warning("%d of %d pictures could not be drawn", lost, config.count)
    shutil.rmtree(out / _PARTS)
    return Summary(
        pictures=drawn.pictures,
        boxes=drawn.boxes,
        faults=[*faults, *drawn.faults],
        faceless=len(photos) - len(with_faces),
        blurred=drawn.blurred,
    )


def _check_free(out: Path, resume: bool) -> None:
    """Refuse an output folder that is neither new, nor empty, nor a broken-off run to resume."""
    if (out / _PARTS / _BEGUN).is_file():
        if not resume:
            raise DatasetError(f"{out}: holds a run that was broken off; add --resume to go on")
    elif out.is_dir() and any(out.iterdir()):
        raise DatasetError(f"{out}: expected a new or empty folder; choose another --out")
    elif out.exists() and not out.is_dir():
        raise DatasetError(f"{out}: expected a folder, but it is a file; choose another --out")


def _begin(out: Path, wanted: dict[str, Any]) -> None:
    """Take the output folder, or go on with the run in it if it was begun with the same config.

    Only once the faces are known: a mistyped source must not leave a folder in its own way.
    """
    begun = out / _PARTS / _BEGUN
    if not begun.is_file():
        write_json(begun, wanted)
        return
    try:
        have = json.loads(begun.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{begun}: is damaged ({error}); choose another --out") from error
    if have.pop("made_by", None) != wanted["made_by"]:
        log.warning("%s: was begun by another version: pictures will differ in small ways", out)
    if have != {k: v for k, v in wanted.items() if k != "made_by"}:
        changed = ", ".join(k for k in wanted if k != "made_by" and have.get(k) != wanted[k])
        raise DatasetError(f"{out}: was begun with another {changed}; choose another --out")
    _remove_temporaries(out)


def _remove_temporaries(out: Path) -> None:
    """Remove what killed processes were about to rename (data.files.atomic_path)."""
    for path in out.rglob(".*"):
        if is_temporary(path) and path.is_file():
            # A worker of a cluster may still be finishing it.
            path.unlink(missing_ok=True)


def _sources_to_json(sources: Sequence[Path], photos: Sequence[Photo]) -> dict[str, Any]:
    """The sources and a digest of their photos' content and faces: what the plan depends on."""
    said = sorted(f"{p.digest} {p.identity} {p.name} {len(p.faces)}" for p in photos)
    content = hashlib.sha256("\n".join(said).encode()).hexdigest()
    paths = [readable(os.path.abspath(s)) for s in sources]  # noqa: PTH100 - links keep their names
    return {"paths": paths, "photos": content}


def _to_json(config: Config) -> dict[str, Any]:
    return {
        "count": config.count,
        "seed": config.seed,
        **_recipe_to_json(config.recipe),
        "val_fraction": config.val_fraction,
        "identity_pattern": config.identity_pattern,
        "search": config.search.name(),
        "format": config.format,
    }


def _recipe_to_json(recipe: Recipe) -> dict[str, Any]:
    """The recipe, the user's own pictures in it by content: what a path shows may change."""
    own = {
        key: [[Path(file).name, digest(Path(file))] for file in getattr(recipe, key)]
        for key in ("textures", "cutouts")
    }
    return {**recipe_to_json(recipe), **own}


def _draw_all(
    jobs: Iterable[Job], target: Target, config: Config, executor: Executor, progress: Progress
) -> None:
    """Draw every shard that isn't finished yet, and say so: the first time, what was finished
    before."""
    total = config.count
    finished = {path.name for path in (target.root / _PARTS).glob("shard-*.jsonl")}
    waiting = (s for s in _to_shards(jobs) if _part(target.root, s.number).name not in finished)
    done = sum(
        min(_SHARD, total - start)
        for start in range(0, total, _SHARD)
        if _part(target.root, start // _SHARD).name in finished
    )
    progress("pictures", done, total)
    work = partial(draw_shard, target=target, recipe=config.recipe)
    for shard, _ in map_bounded(executor, work, waiting):
        _assert_arrived(_part(target.root, shard.number))
        done += len(shard.jobs)
        progress("pictures", done, total)


def _to_shards(jobs: Iterable[Job]) -> Iterator[Shard]:
    coming = iter(jobs)
    number = 0
    while shard := tuple(islice(coming, _SHARD)):
        yield Shard(number, shard)
        number += 1


def _assert_arrived(part: Path) -> None:
    """A worker on another machine may write where nobody here sees it.

    Network file systems may show a new file late: NFS remembers for up to 60 s that a file is
    missing (nfs(5), acdirmax), unless its folder is listed anew.
    """
    for _ in range(30):
        if part.is_file() or part in part.parent.iterdir():
            return
        time.sleep(1.0)
    raise WorkerError(
        f"{part}: a worker has written this file, but it isn't here; "
        "mount the output folder on all workers at the same path"
    )


def _assert_under_way(out: Path) -> None:
    """Drawing for a run that is over, by a worker taken for lost, must not open it again."""
    if not (out / _PARTS / _BEGUN).is_file():
        raise WorkerError(
            f"{out}: the run is over, or this folder isn't the one that the run was begun in; "
            "mount the output folder on all workers at the same path"
        )


def _part(out: Path, number: int) -> Path:
    return out / _PARTS / f"shard-{number:06d}.jsonl"


@single_threaded()
def draw_shard(shard: Shard, target: Target, recipe: Recipe) -> None:
    """Draw and write the pictures of one shard; its manifest lines are written last, so that a
    shard is either finished or drawn again.

    Raises:
        WorkerError: if this worker doesn't see the run.
        OSError: if the file system refuses.
    """
    _assert_under_way(target.root)
    lines, faults, blurred = [], [], 0
    for job in shard.jobs:
        try:
            record, lost = draw_job(job, target, recipe)
        except ImageError as error:
            faults.append(readable(str(error)))
            continue
        except (NoFacesError, AnnotationError) as error:
            faults.append(readable(f"{job.photos[0].path}: {error}"))
            continue
        lines.append(record_to_line(record))
        blurred += lost
    _assert_under_way(target.root)
    part = _part(target.root, shard.number)
    write_json(part.with_suffix(REPORT), {"faults": faults, "blurred": blurred})
    write_text(part, "".join(f"{line}\n" for line in lines))
