"""Where captured pictures wait: a few of each source, taken in turn, the newest of live ones."""

import threading
from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

from detector.video.sources import Source

T = TypeVar("T")

# Pictures of a file that wait: enough to bridge the key frames that decode slowly.
FILE_DEPTH = 4


class Inbox(Generic[T]):
    """Pictures of several sources, for one consumer; safe for threads.

    A file's reader waits where the inbox is full, so that every picture is seen; a live source
    keeps its newest picture only. Sources are served in turn: none waits for another that is
    faster.
    """

    def __init__(self, sources: Iterable[Source], depth: int = FILE_DEPTH) -> None:
        self._live = {source.name: source.live for source in sources}
        self._waiting: dict[str, deque[tuple[T, bool]]] = {name: deque() for name in self._live}
        self._dropped = dict.fromkeys(self._live, 0)
        self._open = set(self._live)
        self._turn: deque[str] = deque(self._live)
        self._depth = depth
        self._stopped = False
        self._changed = threading.Condition()

    def put(self, name: str, item: T, *, keep: bool = False) -> bool:
        """Leave an item of source `name`; False where the inbox has been stopped.

        One to `keep` replaces nothing, waits for nothing, and is replaced by no newer one.
        """
        with self._changed:
            queue = self._waiting[name]
            if self._live[name] and not keep:
                kept = [waiting for waiting in queue if waiting[1]]
                self._dropped[name] += len(queue) - len(kept)
                queue.clear()
                queue.extend(kept)
            elif not keep:
                self._changed.wait_for(lambda: self._stopped or len(queue) < self._depth)
            if self._stopped:
                return False
            queue.append((item, keep))
            self._changed.notify_all()
            return True

    def take(self) -> tuple[str, T, int] | None:
        """The next item: its source, itself, how many of its source were dropped so far.

        None when every source is closed and nothing waits, or the inbox has been stopped.
        """
        with self._changed:
            self._changed.wait_for(self._is_ready)
            if self._stopped:
                return None
            for _ in range(len(self._turn)):
                name = self._turn[0]
                self._turn.rotate(-1)
                if self._waiting[name]:
                    item, _ = self._waiting[name].popleft()
                    self._changed.notify_all()
                    return name, item, self._dropped[name]
            return None

    def _is_ready(self) -> bool:
        return self._stopped or not self._open or any(self._waiting.values())

    def close(self, name: str) -> None:
        """Source `name` gives no more; what waits is still taken."""
        with self._changed:
            self._open.discard(name)
            self._changed.notify_all()

    def stop(self) -> None:
        """Wake everybody: nothing more is put or taken."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
