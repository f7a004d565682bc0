"""Captured and detected in threads of their own, handed over in order."""

import logging
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np

from data.boxes import Boxes
from data.exceptions import MaskwatchError
from data.images import Image
from detector.video.capture import Grab, Notes, read_once
from detector.video.inbox import Inbox
from detector.video.reconnect import Patience, keep_connected
from detector.video.sources import Kind, Source
from detector.video.types import Frame, Outage

log = logging.getLogger(__name__)

# Frames that wait between detecting and drawing: more would only make live pictures old.
READY = 2
# A capture thread may sit in a driver or a network call that nothing interrupts.
JOIN_TIMEOUT = 2.0

# Pictures of files that are looked at side by side, at most: beyond, drawing is what takes time.
SIDE_BY_SIDE = 8

Detect = Callable[[Image], Boxes]
Read = Callable[[Source, Notes, float], Iterator[Grab]]


@dataclass(frozen=True, eq=False)
class Detected:
    """A frame and what the detector found in it; None where it wasn't asked."""

    frame: Frame
    found: Boxes | None


Place = Future[Detected | Outage]
"""In line for drawing: taken in the order of frames, filled as each is done."""


@dataclass(frozen=True)
class Flow:
    """How frames flow.

    Attributes:
        every: ask the detector about every so many-th frame of a source.
        patience: of lost sources.
        workers: pictures that the detector is asked about at once, each in a thread of its own.
            For files: of a live source a second one would only be newer, not sooner.
    """

    every: int = 1
    patience: Patience = field(default_factory=Patience)
    workers: int = 1


def share_threads(threads: int | None, cores: int, live: bool) -> tuple[int, int]:
    """Threads of the model for one picture, and pictures at once.

    Files: every core has a picture of its own, which keeps all of them busy; within one picture
    threads wait for each other. Live: one picture after the other, each as soon as can be, on half
    of the cores; decoding, drawing and encoding take the rest.

    Args:
        threads: of the model in all; None for the default.
        cores: of this machine.
        live: whether a source is live.
    """
    if live:
        return threads or max(1, cores // 2), 1
    return 1, min(threads or cores, SIDE_BY_SIDE)


class Pipeline:
    """Frames of all sources with their faces, in the order of each source.

    One thread a source captures, `flow.workers` detect; bounded queues between them hold memory
    constant, whatever the length of a video. Faults of one source leave the others running.

    Args:
        sources: with unique names.
        detect: faces of one picture; called from `flow.workers` threads at once.
        flow: how frames flow.
        rng: of the waits before a lost source is tried again.
        read: pictures of a source until it ends or is lost, given the stall time-out, s.

    Use as a context manager and iterate. `errors` has what ended sources early.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        detect: Detect,
        flow: Flow,
        rng: np.random.Generator,
        read: Read = read_once,
    ) -> None:
        self.errors: list[BaseException] = []
        self._read_once = read
        self._detect, self._flow = detect, flow
        self._inbox: Inbox[Grab | Outage] = Inbox(sources)
        self._ready: queue.Queue[Place | None] = queue.Queue(READY)
        self._next: Place | None = None
        self._clocks: dict[str, _Clock] = {}
        self._turn = threading.Lock()
        self._looking = flow.workers
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._capture, args=(s, g), name=f"capture {s.name}")
            for s, g in zip(sources, rng.spawn(len(sources)), strict=True)
        ]
        self._threads += [
            threading.Thread(target=self._look, name=f"detect {number}")
            for number in range(flow.workers)
        ]
        for thread in self._threads:
            thread.daemon = True

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        for thread in self._threads:
            thread.join(JOIN_TIMEOUT)

    def stop(self) -> None:
        """End all threads; what waits is dropped."""
        self._stop.set()
        self._inbox.stop()

    def take(self, timeout: float) -> Detected | Outage | None:
        """The next frame, or that its source is lost or back, or None at the end.

        Raises:
            TimeoutError: if none came within `timeout` seconds.
        """
        try:
            if self._next is None:
                self._next = self._ready.get(timeout=timeout)
            if self._next is None:
                return None
            detected = self._next.result(timeout)
        except (queue.Empty, NotYet):
            if self._stop.is_set():
                return None
            raise TimeoutError from None
        except CancelledError:
            return None
        self._next = None
        return detected

    def _capture(self, source: Source, rng: np.random.Generator) -> None:
        try:
            for grab in self._read(source, rng):
                if not self._inbox.put(source.name, grab):
                    return
        except MaskwatchError as error:
            self.errors.append(error)
        finally:
            self._note_crash()
            self._inbox.close(source.name)

    def _read(self, source: Source, rng: np.random.Generator) -> Iterator[Grab]:
        patience, notes = self._flow.patience, Notes(source.name)
        if not source.live:
            return self._read_once(source, notes, patience.stall)
        # A webcam that was never there is a wrong number; a stream may start after us.
        must_start = source.kind is Kind.WEBCAM
        return keep_connected(
            lambda: self._read_once(source, notes, patience.stall),
            source.name,
            patience,
            stop=self._stop,
            rng=rng,
            must_start=must_start,
            tell=lambda reason, seconds: self._note_outage(source.name, reason, seconds),
        )

    def _note_outage(self, name: str, reason: str, seconds: float) -> None:
        now = time.monotonic(), time.time()
        self._inbox.put(name, Outage(name, bool(reason), reason, seconds, *now), keep=True)

    def _look(self) -> None:
        """Convert and detect, one frame after the other, sources in turn."""
        try:
            while (begun := self._begin()) is not None:
                place, make_frame, asked = begun
                try:
                    frame = make_frame()
                    place.set_result(Detected(frame, self._detect(frame.image) if asked else None))
                finally:
                    place.cancel()  # or somebody would wait for ever; no effect once it is filled
        except MaskwatchError as error:
            self.errors.append(error)
            self.stop()
        finally:
            self._note_crash()
            self._leave()

    def _begin(self) -> tuple[Place, Callable[[], Frame], bool] | None:
        """The next place in line, what makes its frame, whether to detect; None at the end."""
        with self._turn:
            while (taken := self._inbox.take()) is not None:
                name, item, dropped = taken
                place: Place = Future()
                if not self._hand_over(place):
                    break
                if isinstance(item, Outage):
                    place.set_result(item)
                    continue
                clock = self._clocks.setdefault(name, _Clock())
                asked = clock.count % self._flow.every == 0
                return place, clock.frame(name, item, dropped), asked
        return None

    def _leave(self) -> None:
        """The last worker to end says so, after all that the others still had."""
        with self._turn:
            self._looking -= 1
            last = self._looking == 0
        if last:
            self._hand_over(None)

    def _note_crash(self) -> None:
        """Called in a `finally`: keep an error that nobody foresaw, so that the run fails."""
        crash = sys.exc_info()[1]
        if crash is not None:
            self.errors.append(crash)

    def _hand_over(self, item: Place | None) -> bool:
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False


class _Clock:
    """Numbers and times of one source's frames: never falling, whatever the container says."""

    def __init__(self) -> None:
        self.count = 0
        self._first: float | None = None
        self._last = 0.0

    def frame(self, name: str, grab: Grab, dropped: int) -> Callable[[], Frame]:
        """Counts a picture; what converts it, which takes time."""
        moment = grab.arrived if grab.time is None else grab.time
        if self._first is None:
            self._first = moment
        self._last = max(self._last, moment - self._first)
        index, since = self.count + dropped, self._last
        self.count += 1
        return lambda: Frame(
            source=name,
            index=index,
            time=since,
            arrived=grab.arrived,
            clock=grab.clock,
            image=grab.to_bgr(),
            dropped=dropped,
        )
