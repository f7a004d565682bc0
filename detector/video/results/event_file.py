"""The log of events: JSON lines, appended, each whole or not there."""

import json
import logging
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from data.exceptions import UsageError
from detector.video.results.background import Trouble
from detector.video.results.events import Event, event_to_dict, utc_text

log = logging.getLogger(__name__)


class EventFile:
    """Appends one line of JSON per event, handed to the system at once: a crash loses none.

    An earlier run's events stay; {"event": "run_started"} and "run_ended" stand around each run's,
    as track ids begin anew. A half line that a power cut left is ended first, so that it
    spoils no other. On a full disk the video goes on: the first line that is lost is logged, and
    when writing works again a line {"event": "lost", "count": N} tells how many are missing.

    Raises:
        UsageError: if `path` is a folder.
        OSError: if it can't be opened.
    """

    def __init__(self, path: Path) -> None:
        if path.is_dir():
            raise UsageError(f"{path}: expected a file for events, but got a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        self._trouble = Trouble(log, f"{path}: events are being lost", f"{path}: written again")
        self._regular = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        self._torn = self._regular and _ends_torn(path)
        self._path = path
        self.lost = 0

    def __enter__(self) -> Self:
        self._append({"event": "run_started", "utc": utc_text(time.time())})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._append({"event": "run_ended", "utc": utc_text(time.time())})
        self._file.close()

    @property
    def failures(self) -> list[str]:
        """What to say of it at the end of a run, if not all is in the file."""
        total, reason = self._trouble.total, self._trouble.reason
        return [f"{self._path}: {total} events are missing ({reason})"] if total else []

    def write(self, events: Iterable[Event]) -> None:
        """Append a line for each event."""
        for event in events:
            self._append(event_to_dict(event))

    def _append(self, value: dict[str, Any]) -> bool:
        """Append one line; False where the disk (or a pipe's reader) refused it."""
        lines = [value]
        if self.lost:
            lines.insert(0, {"event": "lost", "count": self.lost})
        text = "".join(json.dumps(v, ensure_ascii=False, allow_nan=False) + "\n" for v in lines)
        content = ("\n" if self._torn else "").encode() + text.encode("utf-8", "replace")
        before = os.fstat(self._file.fileno()).st_size if self._regular else 0
        try:
            write_all(self._file, content)
        except OSError as error:
            self.lost += 1
            self._undo(before)
            self._trouble.report(error.strerror or str(error))
            return False
        self._torn = False
        self.lost = 0
        self._trouble.over()
        return True

    def _undo(self, size: int) -> None:
        """Take back the part of a line that still found room."""
        if not self._regular:
            self._torn = True
            return
        try:
            if os.fstat(self._file.fileno()).st_size > size:
                os.truncate(self._file.fileno(), size)
        except OSError:
            self._torn = True


def write_all(file: BinaryIO, content: bytes) -> None:
    """Write `content` to an unbuffered file, however many calls it takes.

    Raises:
        OSError: if the file takes no more.
    """
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]


def _ends_torn(path: Path) -> bool:
    """Whether a file's last line has no end."""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
