"""What passes between the stages: frames, tracks, both together, and who takes them."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from data.images import Image

Floats = NDArray[np.float64]

UNSURE = "unsure"
"""The state of a track whose votes don't agree yet; the others are the class names."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of one source.

    Attributes:
        source: the source's name, unique among those of a run.
        index: number of the frame in its source, from 0; dropped frames leave gaps.
        time: seconds since the source's first frame, by the container's time stamps; for live
            sources by the clock at arrival. Never falls within a source.
        arrived: when it was decoded, `time.monotonic()` seconds: latency counts from here.
        clock: when it was decoded, `time.time()` seconds since 1970 (UTC).
        image: (H, W, 3) uint8 BGR.
        dropped: frames of this source dropped so far because newer ones were there.
    """

    source: str
    index: int
    time: float
    arrived: float
    clock: float
    image: Image
    dropped: int = 0


@dataclass(frozen=True, eq=False)
class Track:
    """One face, followed over frames.

    Attributes:
        id: positive, never given twice within a source.
        box: (4,) float64 [x1, y1, x2, y2] in pixels of this frame.
        state: `with_mask`, `without_mask`, `incorrect` or `unsure`: the vote so far.
        confidence: 0 to 1, the vote's share for `state` (for `unsure`: for the strongest class).
        score: 0 to 1, the detector's in this frame; 0 where it missed the face in this frame.
        class_name: what the detector said in this frame, before any vote; "" where it missed it.
        first_time, first_index: of the frame in which the track was opened.
        seen: frames in which the detector found it.
    """

    id: int
    box: Floats
    state: str
    confidence: float
    score: float
    class_name: str
    first_time: float
    first_index: int
    seen: int


@dataclass(frozen=True, eq=False)
class Result:
    """What is known after one frame.

    Attributes:
        frame: the frame that was looked at.
        tracks: faces in it that are confirmed and seen, or missed for a moment only.
        closed: ids of tracks that ended with this frame: they don't come back.
        size_changed: the source's frames have another size than before: all its tracks were
            closed.
    """

    frame: Frame
    tracks: tuple[Track, ...]
    closed: tuple[int, ...] = field(default=())
    size_changed: bool = False


@dataclass(frozen=True)
class Outage:
    """A live source is lost, or is back.

    Attributes:
        source: the source's name.
        lost: False where it is back.
        reason: why it is lost, without passwords; "" where it is back.
        seconds: how long it was lost; 0 where it is lost just now.
        noticed: `time.monotonic()` seconds; after the last frame, before the next one.
        clock: the same in `time.time()` seconds since 1970 (UTC).
    """

    source: str
    lost: bool
    reason: str
    seconds: float
    noticed: float
    clock: float


class Sink(Protocol):
    """Takes every result, in order: a window, a file, events, counters, alerts, a web page.

    All sinks of a run are called from one thread, one after the other, so a slow one holds up
    the video: what may wait (a network, a command) belongs into a thread of the sink's own. It
    is entered before the first result and left after the last, also after an error or Ctrl-C.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __call__(self, result: Result, drawn: Image) -> None:
        """Take one result.

        Args:
            result: what is known; where faces are to be blurred, `result.frame.image` already is.
            drawn: (H, W, 3) uint8 BGR, the frame with boxes and labels, read-only; blurred like
                the frame. It may be kept: nobody writes into it again.

        Raises:
            OSError, MaskwatchError: end the run; every sink is closed and exit status is 1.
        """


@runtime_checkable
class Watcher(Protocol):
    """A sink that also wants to know when sources are lost and back."""

    def note(self, outage: Outage) -> None:
        """Take one outage, in order with the results of its source."""


class Painter(Protocol):
    """Draws something of its own below boxes and labels: zones, lines, counters."""

    def __call__(self, result: Result, canvas: Image) -> None:
        """Draw into `canvas`, (H, W, 3) uint8 BGR, in place."""
