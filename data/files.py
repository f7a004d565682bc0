"""Writing files so that a crash, a full disk or Ctrl-C never leaves half of one."""

import hashlib
import json
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block ends well, else removed.

    Raises:
        OSError: as from the file system (full, read-only, no permission).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not mkstemp: it makes files private, and asking for the umask to open them again means
    # setting it, for all threads at once. A plain exclusive open obeys it by itself.
    temporary = path.with_name(f".{path.stem[:40]}-{secrets.token_hex(6)}{path.suffix}")
    temporary.open("xb").close()
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Whether a file's name is one that `atomic_path` makes: what a killed process left."""
    return re.fullmatch(r"\..*-[0-9a-f]{12}(\.[^.]*)?", path.name) is not None


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path`, renamed to it when the block ends well, else removed.

    `path` must not exist, or be an empty folder.

    Raises:
        OSError: as from the file system.
    """
    path = path.absolute()  # "." has no name to put a temporary one beside
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:40]}-{secrets.token_hex(6)}")
    temporary.mkdir()
    try:
        yield temporary
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text to `path`, whole or not at all; lines end in a bare newline everywhere."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON to `path`, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def digest(path: Path) -> str:
    """SHA-256 of a file's content, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
