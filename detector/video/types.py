"""What passes between the stages: frames, tracks, and both together."""

from dataclasses import dataclass, field

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
