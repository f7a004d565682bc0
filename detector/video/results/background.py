"""Work beside the video: a thread with a bounded queue, and troubles that are named once."""

import logging
import queue
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class Trouble:
    """Names a trouble in the log when it begins and when it is over, not each time in between.

    Args:
        log: where to.
        what: what is wrong, without the reason.
        over: what to say when it works again.

    `count` is how often it went wrong since it last went well, `total` how often in all, `reason`
    the latest.
    """

    def __init__(self, log: logging.Logger, what: str, over: str) -> None:
        self._log, self._what, self._over = log, what, over
        self.count = self.total = 0
        self.reason = ""

    def report(self, reason: str) -> None:
        """It went wrong (again)."""
        self.count += 1
        self.total += 1
        self.reason = reason
        if self.count == 1:
            self._log.warning("%s (%s); the video goes on", self._what, reason)

    def over(self) -> None:
        """It went well."""
        if self.count:
            self._log.warning("%s after %d failures", self._over, self.count)
        self.count = 0


class Background(ABC, Generic[T]):
    """Works on items in a thread of its own; whoever puts them never waits.

    Args:
        name: for the thread and the log.
        trouble: of the work; `_work_on` reports to it.
        size: items that wait at most; further ones are dropped, counted, and named once.
        patience: seconds that leaving waits for what is queued.
    """

    def __init__(
        self, name: str, trouble: Trouble, *, size: int = 64, patience: float = 5.0
    ) -> None:
        self._name, self._trouble, self._patience = name, trouble, patience
        self._size = size
        self._queue: queue.Queue[T | None] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._accepted = self._done = self._left = 0
        self.dropped = 0

    @abstractmethod
    def _work_on(self, item: T, stop: threading.Event) -> None:
        """Work on one item, in the thread; give up waiting when `stop` is set."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the queue for `patience` seconds, then give up what is left, and say so."""
        self._queue.put_nowait(None)
        self._thread.join(self._patience)
        self._stop.set()
        self._thread.join(1.0)
        self._left = self._accepted - self._done
        if self._left:
            log.warning("%s: gave up %d at the end", self._name, self._left)
        if self.dropped:
            log.warning("%s: %d were dropped in all", self._name, self.dropped)

    def put(self, item: T) -> bool:
        """Queue an item; False where it was dropped. From one thread only."""
        if self._accepted - self._done >= self._size:
            self.dropped += 1
            if self.dropped == 1:
                log.warning(
                    "%s: %d wait already, so some are dropped; the video goes on",
                    self._name,
                    self._size,
                )
            return False
        self._accepted += 1
        self._queue.put_nowait(item)
        return True

    @property
    def failures(self) -> list[str]:
        """What to say of it at the end of a run, if not all went well."""
        failed = self._trouble.total + self.dropped + self._left
        why = f" ({self._trouble.reason})" if self._trouble.reason else ""
        return [f"{self._name}: {failed} of {self._accepted + self.dropped} failed{why}"][
            : bool(failed)
        ]

    def _work(self) -> None:
        while (item := self._queue.get()) is not None and not self._stop.is_set():
            self._work_on(item, self._stop)
            self._done += 1
