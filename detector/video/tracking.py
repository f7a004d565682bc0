"""Faces followed over frames: ByteTrack's association (Zhang et al. 2022) over times, not counts.

Sure detections look for their tracks first, doubtful ones for those that are left; a doubtful
one opens no track. Small faces that move fast overlap nowhere from frame to frame, so boxes are
enlarged before they are compared (Yang et al. 2023, C-BIoU). The assignment is lap's
Jonker-Volgenant.
"""

from dataclasses import dataclass, field

import lap
import numpy as np
from numpy.typing import NDArray

from data.boxes import Boxes, Floats, clip_xyxy, iou
from data.images import Image
from data.labels import CLASS_NAMES
from detector.video import motion as moving
from detector.video.types import Frame, Result, Track
from detector.video.vote import Vote, cast

# Below this score a detection isn't even taken as a sign that a known face is still there.
DOUBTFUL = 0.1
# What a look in a source's very first frame stands for, s: a frame of most videos.
FIRST = 0.04
# Correlation of neighbouring frames: above .9 even where a camera pans fast, below .3 over a cut
# (the clip of 720p that has one).
SAME_SCENE = 0.5


@dataclass(frozen=True)
class Habits:
    """How tracks open, last and close.

    Attributes:
        confirmed: a track is told of when its scores add up to this: two sure looks, or four
            doubtful ones, so that a false alarm of one frame is never shown.
        held: a confirmed face that is missed is still told of for so long, s.
        kept: a face that comes back within this is the same one, s.
        kept_frames: but at least so many frames, for slow cameras.
        buffer: share of its size by which a box is enlarged on each side before it is compared.
        overlap: least IoU of enlarged boxes of one face.
    """

    confirmed: float = 1.0
    held: float = 0.4
    kept: float = 1.5
    kept_frames: int = 2
    buffer: float = 0.3
    overlap: float = 0.2


@dataclass
class _Face:
    """What a track remembers beside its motion."""

    first_time: float
    first_index: int
    last_seen: float
    id: int = 0  # until it is confirmed
    missed: int = 0
    hidden: bool = False
    seen: int = 0
    trust: float = 0.0
    score: float = 0.0
    class_name: str = ""
    vote: Vote = field(default_factory=Vote)


class Tracker:
    """Tracks of one source.

    Args:
        habits: how tracks open, last and close.

    `regions` has after each frame every box that may be a face, unconfirmed, doubtful and missed
    ones too: (N, 4) float64, px, for blurring.
    """

    def __init__(self, habits: Habits | None = None) -> None:
        self._habits = habits or Habits()
        self._faces: list[_Face] = []
        self._motion = moving.start(np.zeros((0, 4)))
        self._ids = 0
        self._time: float | None = None
        self._size: tuple[int, ...] | None = None
        self._glance: Floats | None = None
        self.regions: Floats = np.zeros((0, 4))

    def update(self, frame: Frame, found: Boxes | None, conf: float) -> Result:
        """What is known after one more frame.

        Args:
            frame: the next one of the source.
            found: what the detector found in it, from `DOUBTFUL` up; None if it wasn't asked.
            conf: score from which a detection may open a track, 0 to 1.
        """
        closed, changed = self._follow_size(frame)
        elapsed = 0.0 if self._time is None else max(frame.time - self._time, 0.0)
        self._time = frame.time
        cut = self._is_cut(frame.image)
        missed = np.array([face.missed > 0 for face in self._faces], dtype=np.bool_)
        self._motion = moving.predict(self._motion, elapsed, missed)
        if found is not None:
            self._see(frame, found, conf, elapsed)
            closed += self._close(frame)
            self._hide(cut)
        self.regions = self._all_regions(frame, found)
        return Result(frame, self._told(frame, found is None), tuple(closed), changed)

    def lose(self) -> None:
        """Let go of all faces; numbers already given are not given again."""
        self._keep([])
        self._time = self._glance = None
        self.regions = np.zeros((0, 4))

    def _follow_size(self, frame: Frame) -> tuple[list[int], bool]:
        size, before = frame.image.shape[:2], self._size
        self._size = size
        if before is None or before == size:
            return [], False
        closed = [face.id for face in self._faces if face.id]
        self._keep([])
        return closed, True

    def _see(self, frame: Frame, found: Boxes, conf: float, elapsed: float) -> None:
        for face in self._faces:
            face.score, face.class_name = 0.0, ""
        sure = np.flatnonzero(found.scores >= conf)
        doubtful = np.flatnonzero(found.scores < conf)
        left, free = self._match(found, sure, list(range(len(self._faces))), frame)
        # One look too many at a doubtful box is what false alarms live on: confirmed ones only.
        known = [i for i in left if self._faces[i].id]
        self._match(found, doubtful, known, frame)
        for face in self._faces:
            face.missed = 0 if face.score else face.missed + 1
        self._open(frame, found, free, elapsed)

    def _match(
        self,
        found: Boxes,
        index: NDArray[np.int64],
        tracks: list[int],
        frame: Frame,
    ) -> tuple[list[int], list[int]]:
        """Give detections at `index` to `tracks`; returns tracks and detections left over."""
        overlap = iou(
            enlarge(self._motion.xyxy[tracks], self._habits.buffer),
            enlarge(found.xyxy[index], self._habits.buffer),
        )
        pairs = assign(overlap, self._habits.overlap)
        if pairs:
            taken = [tracks[t] for t, _ in pairs]
            boxes = found.xyxy[index[[d for _, d in pairs]]]
            corrected = moving.correct(self._motion.select(taken), boxes)
            self._motion.mean[taken], self._motion.spread[taken] = corrected.mean, corrected.spread
        for t, d in pairs:
            which = int(index[d])
            self._look(
                self._faces[tracks[t]],
                int(found.class_ids[which]),
                float(found.scores[which]),
                frame,
            )
        lost = [t for n, t in enumerate(tracks) if n not in {p[0] for p in pairs}]
        return lost, [int(index[n]) for n in range(len(index)) if n not in {p[1] for p in pairs}]

    def _look(
        self, face: _Face, class_id: int, score: float, frame: Frame, elapsed: float | None = None
    ) -> None:
        since = frame.time - face.last_seen if elapsed is None else elapsed
        face.vote = cast(face.vote, class_id, score, since)
        face.last_seen, face.score, face.class_name = frame.time, score, CLASS_NAMES[class_id]
        face.seen += 1
        face.trust += score
        if not face.id and face.trust >= self._habits.confirmed:
            self._ids += 1
            face.id = self._ids

    def _open(self, frame: Frame, found: Boxes, free: list[int], elapsed: float) -> None:
        if not free:
            return
        self._motion = moving.join(self._motion, moving.start(found.xyxy[free]))
        for which in free:
            face = _Face(frame.time, frame.index, frame.time)
            since = elapsed or FIRST
            self._look(face, int(found.class_ids[which]), float(found.scores[which]), frame, since)
            self._faces.append(face)

    def _is_cut(self, image: Image) -> bool:
        """Whether the scene is another one, so that who isn't found again is gone."""
        before, self._glance = self._glance, glance(image)
        if before is None or before.shape != self._glance.shape:
            return False
        flat = not before.any() or not self._glance.any()
        return not flat and float((before * self._glance).mean()) < SAME_SCENE

    def _hide(self, cut: bool) -> None:
        """After a cut, tell no more of who isn't seen; blurring goes on, for it may be a flash."""
        for face in self._faces:
            face.hidden = face.missed > 0 and (cut or face.hidden)

    def _close(self, frame: Frame) -> list[int]:
        """Let go of tracks that end; the ids of those that were told of."""
        height, width = frame.image.shape[:2]
        centre = self._motion.mean[:, :2, 0]
        outside = np.any((centre < 0) | (centre > [width, height]), axis=1)
        keep, closed = [], []
        for number, face in enumerate(self._faces):
            over = self._is_over(face, frame.time, bool(outside[number]))
            if not over:
                keep.append(number)
            elif face.id:
                closed.append(face.id)
        if len(keep) < len(self._faces):
            self._keep(keep)
        return closed

    def _is_over(self, face: _Face, now: float, outside: bool) -> bool:
        if not face.missed:
            return False
        if not face.id or outside:
            return True
        late = now - face.last_seen > self._habits.kept
        return late and face.missed > self._habits.kept_frames

    def _keep(self, index: list[int]) -> None:
        self._faces = [self._faces[i] for i in index]
        self._motion = self._motion.select(index)

    def _told(self, frame: Frame, blind: bool) -> tuple[Track, ...]:
        boxes = clip_xyxy(self._motion.xyxy, frame.image.shape[1], frame.image.shape[0])
        tracks = []
        for box, face in zip(boxes, self._faces, strict=True):
            here = face.missed <= 1 or frame.time - face.last_seen <= self._habits.held
            if not face.id or face.hidden or not here or (box[2:] - box[:2] < 1).any():
                continue
            state, share = face.vote.verdict()
            tracks.append(
                Track(
                    id=face.id,
                    box=box,
                    state=state,
                    confidence=share,
                    score=0.0 if blind else face.score,
                    class_name="" if blind else face.class_name,
                    first_time=face.first_time,
                    first_index=face.first_index,
                    seen=face.seen,
                )
            )
        return tuple(tracks)

    def _all_regions(self, frame: Frame, found: Boxes | None) -> Floats:
        boxes = self._motion.xyxy
        if found is not None:
            boxes = np.concatenate([boxes, found.xyxy])
        boxes = clip_xyxy(boxes, frame.image.shape[1], frame.image.shape[0])
        return boxes[(boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)]


def glance(image: Image) -> Floats:
    """About 32 x 18 samples of (H, W, 3) uint8, of mean 0 and spread 1, so that exposure makes
    no odds; zeros where all is one colour."""
    rows, columns = max(1, image.shape[0] // 18), max(1, image.shape[1] // 32)
    samples = image[::rows, ::columns, 1].astype(np.float64)
    samples -= samples.mean()
    spread = float(samples.std())
    return np.asarray(samples / spread if spread >= 1 else np.zeros_like(samples))


def enlarge(xyxy: Floats, share: float) -> Floats:
    """(N, 4) boxes, larger by `share` of their width and height on each side."""
    margin = share * (xyxy[:, 2:] - xyxy[:, :2])
    return np.concatenate([xyxy[:, :2] - margin, xyxy[:, 2:] + margin], axis=1)


def assign(overlap: Floats, least: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of the largest total overlap, none below `least`; (N, M) IoU."""
    if overlap.size == 0:
        return []
    _, columns, _ = lap.lapjv(1 - overlap, extend_cost=True, cost_limit=1 - least)
    return [
        (row, int(column))
        for row, column in enumerate(columns)
        if column >= 0 and overlap[row, column] >= least
    ]
