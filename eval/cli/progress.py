"""A progress line on stderr: done, total, rate, time left."""

import sys
import time
from types import TracebackType
from typing import Self


class ProgressLine:
    """Redrawn in place on a terminal; on anything else a line every 10 seconds.

    >>> with ProgressLine() as line:
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
            self._step, self._start, self._first, self._shown = step, now, done, 0.0
        terminal = sys.stderr.isatty()
        if done < total and now - self._shown < (0.1 if terminal else 10.0):
            return
        self._shown = now
        rate = (done - self._first) / max(now - self._start, 1e-6)
        left = (total - done) / rate if rate > 0 else 0.0
        text = f"{step}: {done} of {total}, {rate:.1f}/s, {left:.0f} s left"
        if not terminal:
            print(text, file=sys.stderr)
            return
        self._open = done < total
        print(f"\r{text:<70}", end="\n" if done >= total else "", file=sys.stderr, flush=True)
