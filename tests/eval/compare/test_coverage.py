"""Which group a face belongs to."""

import numpy as np
import pytest

from data.boxes import Boxes
from data.manifest import FaceRecord, PictureRecord, write_manifest
from eval.compare.coverage import BY_CLASS, BY_MANIFEST, cover_faces, name_coverage
from eval.matching import Pair
from synth.states import STATES, state_to_label


@pytest.mark.parametrize(
    ("label", "state", "occluders", "group"),
    [
        ("without_mask", "bare", [], "bare"),
        ("without_mask", "bare", ["glasses", "hat"], "bare"),
        ("without_mask", "bare", ["hat", "fist"], "bare, something before it"),
        ("with_mask", "right", [], "worn rightly"),
        ("with_mask", "right", ["hand_touching"], "worn rightly, something before it"),
        ("incorrect", "nose_tip_out", [], "nose out"),
        ("incorrect", "under_chin", ["mug"], "mask below the lip"),
    ],
)
def test_groups(label, state, occluders, group):
    assert name_coverage(FaceRecord(label, [0, 0, 9, 9], state=state, occluders=occluders)) == group


@pytest.mark.parametrize("state", ["bare", *STATES])
def test_every_wearing_state_has_a_group(state):
    from data.labels import CLASS_NAMES

    face = FaceRecord(CLASS_NAMES[state_to_label(state)], [0, 0, 9, 9], state=state)
    assert name_coverage(face) in BY_MANIFEST


@pytest.fixture
def pairs(tmp_path):
    """Two pictures: a bare and a masked face, and one face with its chin covered."""
    first = Boxes(np.array([[10.0, 10, 30, 30], [50, 10, 70, 30]]), np.array([1, 0]))
    second = Boxes(np.array([[5.0, 5, 25, 25]]), np.array([2]))
    return [
        Pair(tmp_path / f"images/val/{n}.jpg", truth, Boxes.empty())
        for n, truth in enumerate((first, second))
    ]


def _record(number: int, faces: list[FaceRecord]) -> PictureRecord:
    return PictureRecord(f"images/val/{number}.jpg", 80, 80, "val", "s", "d", "i", 0, faces)


def test_a_real_set_is_told_by_its_classes(pairs, tmp_path):
    groups, order = cover_faces(tmp_path, pairs)
    assert groups == [["without_mask", "with_mask"], ["incorrect"]]
    assert order == BY_CLASS == ("without_mask", "incorrect", "with_mask")


def test_a_manifest_is_followed_whatever_order_its_faces_have(pairs, tmp_path):
    mask = FaceRecord("with_mask", [50.0, 10.04, 70, 30], state="right")
    bare = FaceRecord("without_mask", [10.0, 10, 30.03, 30], state="bare", occluders=["fist"])
    chin = FaceRecord("incorrect", [5.0, 5, 25, 25], state="under_chin")
    write_manifest(tmp_path, [_record(0, [mask, bare]), _record(1, [chin])])
    groups, order = cover_faces(tmp_path, pairs)
    assert groups == [["bare, something before it", "worn rightly"], ["mask below the lip"]]
    assert order == BY_MANIFEST


@pytest.mark.parametrize("count", [0, 1], ids=["no picture", "one of two"])
def test_a_manifest_that_lacks_a_picture_is_left_aside(pairs, tmp_path, count):
    faces = [
        FaceRecord("with_mask", [50.0, 10, 70, 30], state="right"),
        FaceRecord("without_mask", [10.0, 10, 30, 30]),
    ]
    write_manifest(tmp_path, [_record(n, faces) for n in range(count)])
    assert cover_faces(tmp_path, pairs)[1] == BY_CLASS
