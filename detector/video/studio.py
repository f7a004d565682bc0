"""Results and drawn pictures out of detected frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from data.boxes import Boxes
from data.images import Image
from detector.runtime import check_thresholds
from detector.video.blur import pixelate
from detector.video.overlay import draw_tracks
from detector.video.pipeline import Detected
from detector.video.sources import Source
from detector.video.tracking import DOUBTFUL, Tracker
from detector.video.types import Painter, Result


@dataclass(frozen=True)
class Look:
    """What is done to a frame between detection and sinks.

    Attributes:
        blur: pixelate every face first, also those that are only suspected.
        painters: draw below boxes and labels.
        draw: whether anybody wants a drawn picture; else sinks get the bare frame.
    """

    blur: bool = False
    painters: Sequence[Painter] = ()
    draw: bool = True


class Studio:
    """Tracks, blurs and draws; one tracker a source."""

    def __init__(self, sources: Sequence[Source], look: Look) -> None:
        self._trackers = {source.name: Tracker() for source in sources}
        self._look = look

    def develop(self, detected: Detected, conf: float) -> tuple[Result, Image]:
        """The result, and the picture with its boxes: (H, W, 3) uint8 BGR; both read-only.

        Args:
            detected: the next frame of its source.
            conf: score from which a detection may open a track.
        """
        tracker = self._trackers[detected.frame.source]
        result = tracker.update(detected.frame, detected.found, conf)
        if self._look.blur:
            hidden = result.frame.image.copy()
            pixelate(hidden, tracker.regions)
            result = replace(result, frame=replace(result.frame, image=hidden))
        result.frame.image.setflags(write=False)
        if not self._look.draw or not (self._look.painters or result.tracks):
            return result, result.frame.image
        canvas = result.frame.image.copy()
        for paint in self._look.painters:
            paint(result, canvas)
        draw_tracks(canvas, result)
        canvas.setflags(write=False)
        return result, canvas

    def lose(self, source: str) -> None:
        """Let go of a source's faces: it is lost, and who is there when it is back is new."""
        self._trackers[source].lose()


class FindsFaces(Protocol):
    """A detector, or what stands in for one."""

    def detect(self, images: Sequence[Image], conf: float) -> Sequence[Boxes]:
        """Faces in each picture of at least the score `conf`, best first."""


def detect_with(detector: FindsFaces, conf: float) -> Callable[[Image], Boxes]:
    """What finds faces in one picture, down to the score that tracks live on.

    Raises:
        UsageError: if `conf` lies outside 0 to 1.
    """
    check_thresholds(conf, 0.5)
    low = min(DOUBTFUL, conf)
    return lambda image: detector.detect([image], low)[0]
