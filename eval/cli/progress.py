"""A progress line on stderr: done, total, rate, time left."""

import sys
import time
from types import TracebackType
from typing import Self


class ProgressLine:
    """Redrawn in place on a terminal; on anything else, such as a log, a line every 30 seconds.

    The first call of each step says what was done before, which doesn't count for the rate.

    >>> with ProgressLine() as line:
    ...     line("pictures", 0, 2)
    ...     line("pictures", 1, 2)
    """

    def __init__(self) -> None:
        self._step = ""
        self._start = 0.0
        self._shown = 0.0
        self._first = 0
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._open:
            print(file=sys.stderr)

    def __call__(self, step: str, done: int, total: int) -> None:
        """Say that `done` of `total` of a step's pieces are finished."""
        now = time.monotonic()
        if step != self._step:
            self._step, self._start, self._first, self._shown = step, now, done, now
            if not done:
                return
        elif done < total and now - self._shown < (0.1 if sys.stderr.isatty() else 30.0):
            return
        self._shown = now
        text = f"{step}: {done} of {total}{self._speed(done, total, now - self._start)}"
        if not sys.stderr.isatty():
            print(text, file=sys.stderr)
            return
        self._open = done < total
        print(f"\r{text:<70}", end="\n" if done >= total else "", file=sys.stderr, flush=True)

    def _speed(self, done: int, total: int, seconds: float) -> str:
        """Such as ", 5.1/s, 2:03 left"; no time when all is done, nothing before anything is."""
        if done == self._first:
            return " done before" if done else ""
        rate = (done - self._first) / max(seconds, 1e-6)
        return f", {rate:.1f}/s" + (
            f", {clock((total - done) / rate)} left" if done < total else ""
        )


def clock(seconds: float) -> str:
    """Seconds as "0:07", "12:40", "3:05:10" or "2 d 4 h".

    >>> clock(7.4), clock(760), clock(11110), clock(187200)
    ('0:07', '12:40', '3:05:10', '2 d 4 h')
    """
    whole = round(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours}:{minutes % 60:02d}:{whole % 60:02d}"
    return f"{minutes}:{whole % 60:02d}"
