"""File locks that end with the process that holds them, however it ends."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from data.exceptions import BrowseError


def have_locks() -> bool:
    """Whether this system has BSD locks (Windows hasn't)."""
    try:
        import fcntl  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def try_lock(file: IO[str] | int, *, shared: bool) -> bool:
    """Lock an open file (or its descriptor) without waiting; False if others are in the way.

    The kernel unlocks it when it is closed or its process ends, kill -9 included (flock(2)).
    """
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(file: IO[str] | int, name: Path, *, shared: bool, seconds: float) -> None:
    """Lock an open file, waiting for others at most so long.

    Raises:
        BrowseError: if they don't let go in time.
    """
    deadline = time.monotonic() + seconds
    while not try_lock(file, shared=shared):
        if time.monotonic() > deadline:
            raise BrowseError(
                f"{name}: expected to get hold of this file, but another maskwatch browse "
                f"held it for {seconds:.0f} s; end that one and try again"
            )
        time.sleep(0.02)


@contextmanager
def locked(path: Path, seconds: float = 60.0) -> Iterator[None]:
    """Hold a lock that nobody else has while the block runs.

    Raises:
        BrowseError: as wait_for_lock.
        OSError: if the file can't be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        wait_for_lock(file, path, shared=False, seconds=seconds)
        yield
