"""Label changes before and after the vote, and how late a real one is noticed."""

import numpy as np
import pytest

from data.boxes import Boxes
from eval.flicker import Look, follow, measure, raw_labels, to_table, voted_labels
from eval.rendered import Shot

STEP = 0.04


def _track(class_ids, truths=None, score=0.8):
    truths = truths or [None] * len(class_ids)
    return [
        Look(n * STEP, c, score, t) for n, (c, t) in enumerate(zip(class_ids, truths, strict=True))
    ]


@pytest.mark.parametrize(
    ("class_ids", "changes"),
    [
        pytest.param([0] * 50, 0, id="steady"),
        pytest.param([0] * 25 + [1] * 25, 1, id="once"),
        pytest.param([0, 1] * 25, 49, id="flickering"),
    ],
)
def test_changes_per_minute(class_ids, changes):
    calm = measure([_track(class_ids)] * 2, raw_labels)
    assert calm.changes == 2 * changes
    assert calm.per_minute == pytest.approx(changes / (50 * STEP / 60))
    assert (calm.right, calm.true_changes, calm.unsure) == (None, 0, 0)


def test_a_real_change_and_when_it_is_noticed():
    track = _track([0] * 50 + [0] * 3 + [1] * 47, [0] * 50 + [1] * 50)
    raw, voted = (measure([track], labels) for labels in (raw_labels, voted_labels))
    assert raw.true_changes == voted.true_changes == 1
    assert raw.delays == pytest.approx((3 * STEP,))
    assert raw.right == pytest.approx(0.97)
    assert raw.delays[0] < voted.delays[0] < 1.0
    assert voted.missed == 0


def test_a_change_that_is_never_noticed():
    calm = measure([_track([0] * 100, [0] * 50 + [2] * 50)], raw_labels)
    assert (calm.true_changes, calm.missed, calm.delays) == (1, 1, ())


def test_the_vote_calms_single_mistakes():
    rng = np.random.default_rng(0)
    class_ids = np.where(rng.random(500) < 0.08, 2, 0).tolist()
    raw, voted = (measure([_track(class_ids)], labels) for labels in (raw_labels, voted_labels))
    assert voted.per_minute < 0.05 * raw.per_minute


def test_tracks_of_a_clip_with_truth():
    box = np.array([[40.0, 40, 80, 80]])
    image = np.zeros((120, 160, 3), np.uint8)
    shots = [
        (n * STEP, image, Shot(n * STEP, image, box, np.array([1]), np.array([0])))
        for n in range(10)
    ]
    (track,) = follow(shots, lambda _: Boxes(box, np.array([1]), np.array([0.9])))
    assert len(track) == 9  # the first look confirms nothing
    assert {look.truth for look in track} == {1}


def test_table():
    table = to_table([("real", [_track([0] * 50)]), ("nothing", [])])
    assert [row[:3] for row in table.rows] == [
        ("real", "detector's", "1"),
        ("real", "voted", "1"),
        ("nothing", "detector's", "0"),
        ("nothing", "voted", "0"),
    ]
