"""Faces followed over frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import Boxes
from detector.video.tracking import Habits, Tracker, assign
from detector.video.types import Frame

HEIGHT, WIDTH = 200, 300
STEP = 0.04


class Scene:
    """Feeds a tracker frames of one size, `STEP` apart."""

    def __init__(self, step=STEP):
        self.tracker, self.number, self.step = Tracker(), 0, step

    def show(self, *faces, conf=0.25, size=(HEIGHT, WIDTH), blind=False, image=None):
        """Faces are (x, y, side, class id, score), x and y of the centre."""
        frame = Frame(
            "a",
            self.number,
            self.number * self.step,
            0.0,
            0.0,
            np.zeros((*size, 3), np.uint8) if image is None else image,
        )
        self.number += 1
        rows = [f[:2] for f in faces]
        half = np.array([[f[2] / 2] for f in faces]).reshape(-1, 1)
        centre = np.array(rows, dtype=float).reshape(-1, 2)
        boxes = Boxes(
            np.concatenate([centre - half, centre + half], axis=1),
            np.array([f[3] for f in faces]),
            np.array([f[4] for f in faces]),
        )
        return self.tracker.update(frame, None if blind else boxes, conf)


def _ids(result):
    return [track.id for track in result.tracks]


FACE = (100, 100, 40, 0, 0.8)


def test_a_face_is_told_of_from_its_second_sure_look():
    scene = Scene()
    assert scene.show(FACE).tracks == ()
    (track,) = scene.show(FACE).tracks
    assert (track.id, track.seen, track.first_index, track.class_name) == (1, 2, 0, "with_mask")
    np.testing.assert_allclose(track.box, [80, 80, 120, 120], atol=1)


def test_a_false_alarm_of_one_frame_is_never_told_of():
    scene = Scene()
    results = [scene.show(FACE), *(scene.show() for _ in range(20))]
    assert not any(result.tracks or result.closed for result in results)


def test_a_doubtful_box_opens_no_track_but_keeps_one():
    scene = Scene()
    for _ in range(10):
        assert scene.show((200, 100, 40, 0, 0.2)).tracks == ()
    for _ in range(3):
        scene.show(FACE)
    for _ in range(60):
        (track,) = scene.show((100, 100, 40, 0, 0.12)).tracks
    assert (track.id, track.score) == (1, 0.12)


def test_a_missed_face_is_held_then_kept_then_closed():
    scene = Scene()
    for _ in range(5):
        scene.show(FACE)
    habits = Habits()
    missed = [scene.show() for _ in range(50)]
    held = [bool(result.tracks) for result in missed]
    assert held.index(False) == int(habits.held / STEP)
    assert all(track.score == 0 for result in missed for track in result.tracks)
    closings = [n for n, result in enumerate(missed) if result.closed]
    assert closings == [int(habits.kept / STEP)]
    assert missed[closings[0]].closed == (1,)
    scene.show(FACE)
    assert _ids(scene.show(FACE)) == [2]


def test_a_face_that_comes_back_is_the_same():
    scene = Scene()
    for _ in range(5):
        scene.show(FACE)
    for _ in range(25):
        scene.show()
    assert _ids(scene.show(FACE)) == [1]


def test_a_fast_small_face_is_one_track():
    scene = Scene()
    ids = [_ids(scene.show((20 + 9 * n, 100, 12, 1, 0.6))) for n in range(30)]
    assert ids[1:] == [[1]] * 29


def test_faces_that_pass_each_other_keep_their_numbers():
    scene = Scene()
    for n in range(60):
        left = (30 + 4 * n, 80, 30, 0, 0.8)
        right = (270 - 4 * n, 110, 30, 1, 0.8)
        result = scene.show(left, right)
    where = {track.id: (track.box[0], track.state) for track in result.tracks}
    assert set(where) == {1, 2}
    went_right = max(where, key=lambda number: where[number][0])
    assert where[went_right][1] == "with_mask"
    assert where[3 - went_right][1] == "without_mask"


def test_another_size_closes_all():
    scene = Scene()
    for _ in range(3):
        scene.show(FACE)
    result = scene.show(FACE, size=(100, 150))
    assert result.size_changed
    assert result.closed == (1,)
    assert result.tracks == ()
    assert _ids(scene.show(FACE, size=(100, 150))) == [2]


def test_after_a_cut_who_is_not_found_is_told_of_no_more():
    first, second = np.random.default_rng(0).integers(0, 256, (2, HEIGHT, WIDTH, 3), dtype=np.uint8)
    scene = Scene()
    other = (220, 100, 40, 1, 0.8)
    for _ in range(3):
        scene.show(FACE, other, image=first)
    darker = scene.show(FACE, image=first // 2)  # less light is no cut
    assert (len(darker.tracks), darker.closed) == (2, ())
    result = scene.show(FACE, image=second)
    assert (_ids(result), result.closed) == ([1], ())
    assert len(scene.tracker.regions) >= 2  # but blurred still: it may have been a flash
    assert _ids(scene.show(FACE, image=second)) == [1]
    assert _ids(scene.show(FACE, other, image=second)) == [1, 2]


def test_frames_without_a_look_move_boxes_on():
    scene = Scene()
    for n in range(10):
        scene.show((50 + 4 * n, 100, 40, 0, 0.8))
    (track,) = scene.show(blind=True).tracks
    assert (track.box[0] + track.box[2]) / 2 == pytest.approx(50 + 40, abs=2)
    assert (track.score, track.class_name) == (0.0, "")


def test_a_slow_camera_still_tracks():
    scene = Scene(step=2.0)
    ids = [_ids(scene.show(FACE)) for _ in range(4)]
    assert ids == [[], [1], [1], [1]]


def test_regions_hold_what_is_not_told_of():
    scene = Scene()
    scene.show(FACE, (200, 100, 40, 0, 0.15))
    assert len(scene.tracker.regions) >= 2
    for _ in range(3):
        scene.show(FACE)
    scene.show()
    assert len(scene.tracker.regions) == 1


FACES = st.lists(
    st.tuples(
        st.integers(0, WIDTH), st.integers(0, HEIGHT), st.integers(2, 80), st.integers(0, 2),
        st.floats(0.1, 1),
    ),
    max_size=6,
)  # fmt: skip


@given(st.lists(FACES, max_size=15))
def test_whatever_comes_tracks_are_sound(frames):
    scene, told, closed = Scene(), set(), set()
    for faces in frames:
        result = scene.show(*faces)
        ids = _ids(result)
        assert len(ids) == len(set(ids))
        assert not closed & set(ids)
        told |= set(ids)
        assert not closed & set(result.closed)
        closed |= set(result.closed)
        for track in result.tracks:
            assert (track.box >= 0).all()
            assert (track.box[2:] <= [WIDTH, HEIGHT]).all()
            assert (track.box[2:] > track.box[:2]).all()
            assert 0 < track.confidence <= 1


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 2**32))
def test_assignment_is_one_to_one_and_best(rows, columns, seed):
    overlap = np.random.default_rng(seed).random((rows, columns))
    pairs = assign(overlap, 0.2)
    assert len({r for r, _ in pairs}) == len({c for _, c in pairs}) == len(pairs)
    assert all(overlap[r, c] >= 0.2 for r, c in pairs)
    if rows == columns == 2:
        straight = overlap[0, 0] + overlap[1, 1]
        crossed = overlap[0, 1] + overlap[1, 0]
        if overlap.min() >= 0.2:
            assert sum(overlap[r, c] for r, c in pairs) == pytest.approx(max(straight, crossed))
