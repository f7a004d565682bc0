"""The counters as a CSV table: renewed while the video runs, whole at any time."""

import csv
import io
import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from data.exceptions import UsageError
from data.files import write_text
from detector.video.results.background import Trouble
from detector.video.results.counters import STATES, SourceCounts, Tally
from detector.video.results.events import utc_text
from detector.video.types import Result

log = logging.getLogger(__name__)

HEADER = (
    *("from", "to", "source", "place", "name", "direction", "people", *STATES),
    *("now", "most", "frames", "dropped"),
)
"""Columns: `place` is picture, zone or line; `people` and the states count everybody seen there
once, by the last state; `now` and `most` are people there at the end and at most at once."""


class Summary:
    """Writes a row for each source, zone, and line and direction to a CSV file.

    Rows of earlier runs in the file stay above this run's.

    Args:
        path: the file; it is replaced as a whole each time.
        every: seconds between two writings while the video runs.

    Raises:
        UsageError: if the file exists and is no such table.
        OSError: if it can't be read or written.
    """

    def __init__(self, path: Path, every: float = 60.0) -> None:
        self._path, self._every = path, every
        self._earlier = _read_earlier(path)
        self._trouble = Trouble(log, f"{path}: can't be written", f"{path}: written again")
        self._next = time.monotonic() + every
        self._sources: dict[str, SourceCounts] = {}
        write_text(path, self._earlier)  # what can't be written is known before hours of video

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._write()

    @property
    def failures(self) -> list[str]:
        """What to say of it at the end of a run, if the file isn't up to date."""
        bad = self._trouble.count
        return [f"{self._path}: can't be written ({self._trouble.reason})"] if bad else []

    def update(self, result: Result, counts: SourceCounts) -> None:
        """Take a result's source and its counters; write all when it is time."""
        self._sources[result.frame.source] = counts
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            self._write()

    def _write(self) -> None:
        try:
            write_text(self._path, self._earlier + to_csv(self._sources))
        except OSError as error:
            self._trouble.report(error.strerror or str(error))
        else:
            self._trouble.over()


def to_csv(sources: Mapping[str, SourceCounts]) -> str:
    """The rows of all sources, without the header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for name, counts in sources.items():
        for row in _rows(counts):
            span = utc_text(counts.first_clock), utc_text(counts.last_clock)
            writer.writerow((*span, _inert(name), *row, counts.frames, counts.dropped))
    return text.getvalue()


def _rows(counts: SourceCounts) -> Iterator[tuple[str | int, ...]]:
    """place, name, direction, people, states, now, most."""
    yield ("picture", "", "", *_of_tally(counts.everywhere))
    for name, tally in counts.zones.items():
        yield ("zone", name, "", *_of_tally(tally))
    for (name, direction), seen in counts.lines.items():
        yield ("line", name, direction, *_by_state(seen), "", "")


def _of_tally(tally: Tally) -> tuple[int, ...]:
    return (*_by_state(tally.seen), tally.now.total(), tally.most)


def _by_state(seen: Counter[str]) -> tuple[int, ...]:
    return (seen.total(), *(seen[state] for state in STATES))


def _inert(name: str) -> str:
    """A source's name that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def _read_earlier(path: Path) -> str:
    """The header and an earlier run's rows, which must be of the same table."""
    header = ",".join(HEADER) + "\n"
    if not path.exists():
        return header
    if path.is_dir():
        raise UsageError(f"{path}: expected a file for the summary, but got a folder")
    try:
        earlier = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: expected a summary to add to, but it is no text") from error
    if earlier and not earlier.startswith(header):
        raise UsageError(
            f"{path}: expected no file or an earlier summary with the columns {header.strip()}; "
            "choose another name"
        )
    return (earlier or header) + ("" if not earlier or earlier.endswith("\n") else "\n")
