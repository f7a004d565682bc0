"""How calm and how right labels of tracks are, before and after the vote.

A label change is a frame in which a track's label differs from its last one. Before the vote the
label is the detector's class (frames in which it missed the face don't count), after it the
state, `unsure` being a label of its own. Where the truth is known (rendered clips) it is also
measured how often the label is right, and how long a real change takes to be noticed.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from data.boxes import Boxes, Floats, iou
from data.images import Image
from data.labels import CLASS_NAMES
from detector.video.tracking import Tracker
from detector.video.types import Frame
from detector.video.vote import RULES, Rules, Vote, cast
from eval.rendered import Shot
from eval.report import Table

CONF = 0.25
FIRST = 0.04  # s, what a track's first look stands for
OVERLAP = 0.3  # IoU from which a track is of a true face: boxes of both differ a little


@dataclass(frozen=True)
class Look:
    """What the detector said of a track at one moment, and what was true (None: unknown)."""

    time: float
    class_id: int
    score: float
    truth: int | None


Tracks = list[list[Look]]


@dataclass(frozen=True)
class Calm:
    """Figures over a number of tracks.

    Attributes:
        minutes: length of all tracks together.
        changes: label changes.
        true_changes: of the truth, where it is known.
        right: share of looks whose label is the truth; None where it is unknown.
        unsure: share of looks without a class.
        delays: seconds from each true change until the label is the new truth; those that never
            were are left out, see `missed`.
        missed: true changes that were not noticed before the next one.
    """

    minutes: float
    changes: int
    true_changes: int
    right: float | None
    unsure: float
    delays: tuple[float, ...] = field(default=())
    missed: int = 0

    @property
    def per_minute(self) -> float:
        """Label changes per track and minute."""
        return self.changes / self.minutes if self.minutes else 0.0


def follow(
    shots: Iterable[tuple[float, Image, Shot | None]], detect: Callable[[Image], Boxes]
) -> Tracks:
    """The looks of every confirmed track of one clip.

    Args:
        shots: (seconds, picture, truth or None) of each frame.
        detect: the detector, down to the score that tracks live on.
    """
    tracker, tracks = Tracker(), dict[int, list[Look]]()
    for number, (time, image, shot) in enumerate(shots):
        frame = Frame("clip", number, time, 0.0, 0.0, image)
        for track in tracker.update(frame, detect(image), CONF).tracks:
            if track.class_name:
                class_id = CLASS_NAMES.index(track.class_name)
                look = Look(time, class_id, track.score, _truth(track.box, shot))
                tracks.setdefault(track.id, []).append(look)
    return list(tracks.values())


def _truth(box: Floats, shot: Shot | None) -> int | None:
    if shot is None or not len(shot.boxes):
        return None
    overlap = iou(box, shot.boxes)[0]
    best = int(overlap.argmax())
    return int(shot.class_ids[best]) if overlap[best] >= OVERLAP else None


def raw_labels(track: Sequence[Look]) -> list[int | None]:
    """The detector's classes."""
    return [look.class_id for look in track]


def voted_labels(track: Sequence[Look], rules: Rules = RULES) -> list[int | None]:
    """The states after each look; None for unsure."""
    vote, last, states = Vote(), track[0].time - FIRST, list[int | None]()
    for look in track:
        vote = cast(vote, look.class_id, look.score, look.time - last, rules)
        last = look.time
        states.append(vote.state)
    return states


def measure(tracks: Tracks, labels: Callable[[Sequence[Look]], list[int | None]]) -> Calm:
    """The figures of tracks whose labels `labels` gives."""
    total = Calm(0.0, 0, 0, None, 0.0)
    looks = known = right = unsure = 0
    for track in tracks:
        given = labels(track)
        looks += len(track)
        unsure += sum(label is None for label in given)
        pairs = [(look.truth, g) for look, g in zip(track, given, strict=True)]
        known += sum(truth is not None for truth, _ in pairs)
        right += sum(truth is not None and truth == g for truth, g in pairs)
        delays, missed = _delays(track, given)
        total = replace(
            total,
            minutes=total.minutes + (track[-1].time - track[0].time + FIRST) / 60,
            changes=total.changes + _changes(given),
            true_changes=total.true_changes + len(delays) + missed,
            delays=total.delays + delays,
            missed=total.missed + missed,
        )
    return replace(
        total, right=right / known if known else None, unsure=unsure / looks if looks else 0.0
    )


def _changes(labels: Sequence[int | None]) -> int:
    # A track begins unsure; its first verdict is no change.
    start = next((n for n, label in enumerate(labels) if label is not None), len(labels))
    told = labels[start:]
    return sum(a != b for a, b in itertools.pairwise(told))


def _delays(track: Sequence[Look], labels: Sequence[int | None]) -> tuple[tuple[float, ...], int]:
    """Seconds until each true change was noticed, and how many never were."""
    delays, missed = [], 0
    known = [n for n, look in enumerate(track) if look.truth is not None]
    turns = [b for a, b in itertools.pairwise(known) if track[a].truth != track[b].truth]
    for turn, following in itertools.pairwise([*turns, len(track)]):
        wanted = track[turn].truth
        noticed = [n for n in range(turn, following) if labels[n] == wanted]
        if noticed:
            delays.append(track[noticed[0]].time - track[turn].time)
        else:
            missed += 1
    return tuple(delays), missed


def to_table(groups: Iterable[tuple[str, Tracks]]) -> Table:
    """Before and after the vote, for each named group of tracks."""
    header = (
        "clip", "label", "tracks", "changes/track/min", "true ones", "right",
        "unsure", "noticed after s (90 %)", "never",
    )  # fmt: skip
    rows = []
    for name, tracks in groups:
        for label, labels in (("detector's", raw_labels), ("voted", voted_labels)):
            calm = measure(tracks, labels)
            rows.append((name, label, str(len(tracks)), *_cells(calm)))
    return Table(header, tuple(rows))


def _cells(calm: Calm) -> tuple[str, ...]:
    late = ""
    if calm.delays:
        middle, most = np.quantile(calm.delays, (0.5, 0.9))
        late = f"{middle:.2f} ({most:.2f})"
    known = calm.right is not None
    return (
        f"{calm.per_minute:.1f}",
        f"{calm.true_changes / calm.minutes:.1f}" if known and calm.minutes else "",
        "" if calm.right is None else f"{calm.right:.3f}",
        f"{calm.unsure:.3f}",
        late,
        str(calm.missed) if known else "",
    )
