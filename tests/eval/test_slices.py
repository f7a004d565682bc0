"""Slices by what faces are, counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from eval.matching import Pair
from eval.slices import group_faces, size_range, slice_results

SMALL, LARGE, FAR = [0, 0, 10, 10], [100, 0, 200, 100], [300, 300, 340, 340]


def boxes(*rows):
    if not rows:
        return Boxes.empty()
    xyxy, ids, scores = zip(*rows, strict=True)
    return Boxes(np.array(xyxy, float), np.array(ids), np.array(scores))


@pytest.fixture
def pairs():
    """A small face missed and a large one found as another class; one face found twice rightly."""
    first = Pair(
        Path("a"),
        boxes((SMALL, 0, 1), (LARGE, 0, 1)),
        boxes((LARGE, 1, 0.9), (FAR, 2, 0.8)),
        ({"pose": ("0 to 15°",)}, {"pose": ("60° and more",), "occluders": ("hair", "hand")}),
    )
    second = Pair(
        Path("b"), boxes((LARGE, 1, 1)), boxes((LARGE, 1, 0.9)), ({"pose": ("0 to 15°",)},)
    )
    return [first, second, Pair(Path("c"), boxes(), boxes((FAR, 0, 0.7)))]


def results(pairs, conf=0.25, rounds=0):
    found = slice_results(pairs, conf, rounds, np.random.default_rng(0))
    return {(s.attribute, s.value): s for s in found}


def test_counts_by_hand(pairs):
    slices = results(pairs)
    by_value = {key: (s.faces, s.found, s.right) for key, s in slices.items()}
    assert by_value == {
        ("size", "under 16 px"): (1, 0.0, 0.0),
        ("size", "64 to 128 px"): (2, 1.0, 0.5),
        ("class", "with_mask"): (2, 0.5, 0.0),
        ("class", "without_mask"): (1, 1.0, 1.0),
        ("faces in the picture", "1"): (1, 1.0, 1.0),
        ("faces in the picture", "2 to 4"): (2, 0.5, 0.0),
        ("pose", "0 to 15°"): (2, 0.5, 0.5),
        ("pose", "60° and more"): (1, 1.0, 0.0),
        ("occluders", "hair"): (1, 1.0, 0.0),
        ("occluders", "hand"): (1, 1.0, 0.0),
    }
    assert slices["class", "with_mask"].confusion == ("with_mask", "without_mask", 1)
    assert slices["class", "without_mask"].confusion is None


def test_ap_only_where_false_alarms_belong(pairs):
    slices = results(pairs)
    # Large faces: class 0 never found, class 1 found below a confusion that counts as an alarm.
    assert slices["size", "64 to 128 px"].ap50 == pytest.approx((0 + 0.5) / 2)
    assert slices["size", "under 16 px"].ap50 == 0
    assert slices["faces in the picture", "1"].ap50 == pytest.approx(1.0)
    assert slices["pose", "60° and more"].ap50 is None


def test_score_below_the_threshold_finds_nothing(pairs):
    assert all(s.found == 0 for s in results(pairs, conf=0.95).values())


def test_order_is_by_attribute_and_range(pairs):
    keys = list(group_faces(pairs))
    assert [k for k, _ in keys] == sorted(
        (k for k, _ in keys),
        key=["size", "class", "faces in the picture", "pose", "occluders"].index,
    )
    assert keys[0] == ("size", "under 16 px")


def test_any_name_of_a_value_is_sorted(pairs):
    first = pairs[0]
    facts = ({"style": ("\N{SUPERSCRIPT TWO}",)}, {"style": ("1.2.3", "")})
    slices = results([Pair(first.image, first.truth, first.found, facts)])
    assert {value for attribute, value in slices if attribute == "style"} == {
        "\N{SUPERSCRIPT TWO}", "1.2.3", "",
    }  # fmt: skip


def test_intervals_hold_the_share(random_pairs):
    for each in results(random_pairs(np.random.default_rng(0), 60), rounds=200).values():
        low, high = each.found_interval
        assert 0 <= low <= each.found <= high <= 1


def test_slices_of_an_attribute_hold_every_face_once(random_pairs):
    pairs = random_pairs(np.random.default_rng(1), 30)
    faces = sum(len(p.truth) for p in pairs)
    for attribute in ("size", "class", "faces in the picture"):
        own = [s.faces for s in results(pairs).values() if s.attribute == attribute]
        assert sum(own) == faces


@pytest.mark.parametrize(
    ("height", "name"),
    [(1, "under 16 px"), (16, "16 to 32 px"), (127.9, "64 to 128 px"), (9e5, "128 px and more")],
)
def test_size_ranges(height, name):
    assert size_range(height) == name
