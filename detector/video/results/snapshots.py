"""Pictures of faces in states that somebody wants to see, written beside the video."""

import logging
import re
import shutil
import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.exceptions import ImageError, UsageError
from data.images import Image, write_image
from detector.video.results.background import Background, Trouble
from detector.video.results.events import CLOSED, OPENED, STATE, Event, utc_text

log = logging.getLogger(__name__)

CONTEXT = 3.0
"""Side of a snapshot in sides of the face's box: enough to recognise the place."""
LEAST_SIDE = 320
"""px, so that a small face comes with something around it."""
FREE_BYTES = 200 * 2**20
"""Less free space than this is left to the rest of the machine."""

_NAME = re.compile(r"\d{8}T\d{9}Z_.*_[a-z_]+(-\d+)?\.jpg")


@dataclass(frozen=True, eq=False)
class _Job:
    path: Path
    picture: Image


class Snapshots(Background[_Job]):
    """Saves one picture for each track and each wanted state, from the picture as it is shown.

    Args:
        folder: made if it isn't there; nothing in it is replaced or deleted.
        states: that are wanted.
        most: snapshots in the folder, those of earlier runs counted; further ones aren't taken.

    Raises:
        UsageError: if `folder` is a file.
        OSError: if it can't be made or read.
    """

    def __init__(self, folder: Path, states: Collection[str], most: int = 5000) -> None:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder}: expected a folder for snapshots, but got a file")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._states, self._most = folder, frozenset(states), most
        self._count = sum(1 for p in folder.iterdir() if _NAME.fullmatch(p.name))
        self._full = False
        self._taken: dict[tuple[str, int], set[str]] = {}
        name = f"snapshots in {folder}"
        trouble = Trouble(log, f"{name}: can't be written", f"{name}: written again")
        super().__init__(name, trouble, size=16)

    def update(self, events: Iterable[Event], drawn: Image) -> None:
        """Take what happened with a frame, and the frame as it is shown."""
        for event in events:
            if event.track is None or event.box is None or event.state is None:
                continue
            if event.kind not in (OPENED, STATE):
                self.forget([event])
                continue
            taken = self._taken.setdefault((event.source, event.track), set())
            if event.state in self._states and event.state not in taken:
                taken.add(event.state)
                self._take(event, drawn)

    def forget(self, events: Iterable[Event]) -> None:
        """Let go of faces that are closed."""
        for event in events:
            if event.kind == CLOSED and event.track is not None:
                self._taken.pop((event.source, event.track), None)

    def _take(self, event: Event, drawn: Image) -> None:
        if self._count >= self._most:
            if not self._full:
                self._full = True
                log.warning(
                    "%s: %d snapshots are there, no more are taken; move some elsewhere, or "
                    "raise --snapshot-most",
                    self._folder,
                    self._count,
                )
            return
        # A copy: the crop would otherwise keep whole pictures alive while it waits.
        picture = crop_around(drawn, event.box or (0, 0, 0, 0)).copy()
        if self.put(_Job(self._folder / file_name(event), picture)):
            self._count += 1

    def _work_on(self, job: _Job, stop: threading.Event) -> None:
        del stop
        try:
            if shutil.disk_usage(self._folder).free < FREE_BYTES:
                self._trouble.report(f"less than {FREE_BYTES >> 20} MB are free")
                return
            write_image(_free_name(job.path), job.picture)
        except OSError as error:
            self._trouble.report(error.strerror or str(error))
        except ImageError as error:
            self._trouble.report(str(error))
        else:
            self._trouble.over()


def crop_around(picture: Image, box: tuple[float, float, float, float]) -> Image:
    """The square around a box, three times its longer side but 320 px at least, moved and cut to
    lie within the picture: a view of (H, W, 3).

    Args:
        picture: (H, W, 3) uint8 BGR.
        box: [x1, y1, x2, y2], px.
    """
    side = max(LEAST_SIDE, round(CONTEXT * max(box[2] - box[0], box[3] - box[1])))
    height, width = picture.shape[:2]
    x = int(np.clip(round((box[0] + box[2] - side) / 2), 0, max(width - side, 0)))
    y = int(np.clip(round((box[1] + box[3] - side) / 2), 0, max(height - side, 0)))
    return picture[y : y + side, x : x + side]


def file_name(event: Event) -> str:
    """Such as "20261122T034155120Z_door_7_incorrect.jpg": sorted by time, safe on any system."""
    when = re.sub(r"[-:.]", "", utc_text(event.clock))
    source = re.sub(r"[^\w\-]+", "-", event.source).strip("-")[:40] or "source"
    return f"{when}_{source}_{event.track}_{event.state}.jpg"


def _free_name(path: Path) -> Path:
    """`path`, or with -2, -3, ... where it is taken."""
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
