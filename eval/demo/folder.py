"""The demo's folder: built beside its place, put there when it is complete."""

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.exceptions import DatasetError, UsageError
from data.files import write_json

MARKER = "demo.json"

# What file browsers and ultralytics leave behind; nobody misses it.
_LITTER_NAMES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_LITTER_SUFFIX = ".cache"


def check_place(out: Path) -> Path:
    """The absolute folder of a demo, after making sure that nothing of the user's is in it.

    Raises:
        UsageError: if the current folder is this one or lies in it.
        DatasetError: if it is a file, or holds anything that no demo made.
    """
    full = out.resolve()
    if Path.cwd().resolve().is_relative_to(full):
        raise UsageError(f"{out}: expected a folder other than the current one; choose another")
    if full.exists() and not full.is_dir():
        raise DatasetError(f"{out}: expected a folder, but it is a file; choose another --out")
    files = list_files(full)
    known = _known_files(full)
    if files and known is None:
        raise DatasetError(
            f"{out}: expected a new or empty folder, or an earlier demo's; choose another --out"
        )
    foreign = sorted(set(files) - set(known or []))
    if foreign:
        raise DatasetError(
            f"{out}: holds {foreign[0]}, which the demo didn't make; move it, "
            "or choose another --out"
        )
    return full


def list_files(root: Path) -> list[str]:
    """Relative posix names of every file below a folder, sorted, litter left out."""
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if not path.is_dir() and path.name not in _LITTER_NAMES and path.suffix != _LITTER_SUFFIX
    )


def _known_files(root: Path) -> list[str] | None:
    """The files that a demo's marker lists and the marker itself; None where there is none."""
    try:
        value = json.loads((root / MARKER).read_text(encoding="utf-8"))
        return [MARKER, *map(str, value["files"])]
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def building(out: Path, notes: dict[str, Any]) -> Iterator[Path]:
    """A temporary folder beside `out` that takes its place when the block ends well.

    An earlier demo stays until the new one is complete. `notes`, filled in the block, go into
    demo.json together with the list of files.

    Raises:
        UsageError, DatasetError: as check_place.
        OSError: if the file system refuses.
    """
    full = check_place(out)
    full.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(full)
    temporary.mkdir()
    try:
        yield temporary
        write_json(temporary / MARKER, {**notes, "files": list_files(temporary)})
        check_place(out)
        _swap(temporary, full)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(new: Path, place: Path) -> None:
    """Put `new` at `place`; what was there comes back if that fails."""
    if not place.exists():
        new.rename(place)
        return
    old = _beside(place)
    try:
        place.rename(old)
        new.rename(place)
    finally:
        if not place.exists() and old.exists():
            old.rename(place)
        shutil.rmtree(old, ignore_errors=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:40]}-{secrets.token_hex(4)}")
