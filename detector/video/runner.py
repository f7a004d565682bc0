"""The loop of a run: detected frames to sinks, until the end, a key or a signal."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from data.exceptions import MaskwatchError
from data.images import Image
from detector.video.control import Control
from detector.video.pipeline import Pipeline
from detector.video.studio import Studio
from detector.video.types import Outage, Result, Sink, Watcher

log = logging.getLogger(__name__)

# How long the loop waits for a frame before it looks at keys and signals again, s.
TICK = 0.05


@dataclass(frozen=True)
class Limits:
    """When a run ends by itself; None: never.

    Attributes:
        frames: after so many results of all sources.
        seconds: so long after the start.
    """

    frames: int | None = None
    seconds: float | None = None


@dataclass
class Summary:
    """What a run did.

    Attributes:
        frames: results by source.
        dropped: frames of live sources that newer ones overtook, by source.
        faces: how many tracks there were, by source.
        seconds: from start to end.
        errors: what ended sources or sinks early.
    """

    frames: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    faces: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    errors: list[BaseException] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count one more result."""
        source = result.frame.source
        self.frames[source] += 1
        self.dropped[source] = result.frame.dropped
        # Numbers are given from 1 upwards, none twice.
        newest = max((track.id for track in result.tracks), default=0)
        self.faces[source] = max(self.faces[source], newest)


@dataclass(frozen=True)
class Run:
    """How a run goes.

    Attributes:
        limits: when it ends by itself.
        idle: called between frames and while none comes, for windows.
    """

    limits: Limits = field(default_factory=Limits)
    idle: Callable[[], None] = lambda: None


def run_video(
    pipeline: Pipeline, studio: Studio, sinks: Sequence[Sink], control: Control, run: Run
) -> Summary:
    """Feed every result to every sink, until the end.

    A sink that fails is given up, named once and kept in the summary's errors; the others go on.
    When none is left the run ends.

    Args:
        pipeline: entered by the caller.
        studio: tracks and draws.
        sinks: entered by the caller, called in this order.
        control: threshold, pause and stop.
        run: how it goes.
    """
    summary, working = Summary(), list(sinks)
    began = time.monotonic()
    while not control.stop.is_set() and not _is_over(run.limits, summary, began):
        run.idle()
        if control.paused:
            time.sleep(TICK)
            continue
        try:
            detected = pipeline.take(TICK)
        except TimeoutError:
            continue
        if detected is None:
            break
        if isinstance(detected, Outage):
            _tell(detected, studio, working)
            continue
        result, drawn = studio.develop(detected, control.conf)
        summary.add(result)
        summary.errors.extend(_feed(working, result, drawn))
        if sinks and not working:
            break
    summary.seconds = time.monotonic() - began
    summary.errors.extend(pipeline.errors)
    return summary


def _tell(outage: Outage, studio: Studio, sinks: Sequence[Sink]) -> None:
    """A source is lost or back: its tracks end first."""
    if outage.lost:
        studio.lose(outage.source)
    for sink in sinks:
        if isinstance(sink, Watcher):
            sink.note(outage)


def _is_over(limits: Limits, summary: Summary, began: float) -> bool:
    if limits.frames is not None and summary.frames.total() >= limits.frames:
        return True
    return limits.seconds is not None and time.monotonic() - began >= limits.seconds


def _feed(working: list[Sink], result: Result, drawn: Image) -> list[OSError | MaskwatchError]:
    """Why sinks failed, which are then taken out of `working`; the others go on."""
    errors: list[OSError | MaskwatchError] = []
    for sink in tuple(working):
        try:
            sink(result, drawn)
        except (OSError, MaskwatchError) as error:
            errors.append(error)
            working.remove(sink)
            if working:
                reason = error.strerror if isinstance(error, OSError) else ""
                where = getattr(error, "filename", None) or type(sink).__name__
                said = f"{where}: {reason}" if reason else error
                log.warning("an output is given up, the rest goes on: %s", said)
    return errors
