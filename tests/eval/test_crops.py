"""Cutting faces out and matching them by height."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import Boxes
from data.dataset import write_yaml
from data.exceptions import DatasetError
from data.labels import CLASS_NAMES, Label
from data.manifest import FaceRecord, PictureRecord, write_manifest
from data.writer import write_sample
from eval.crops import (
    SIDE,
    Crop,
    check_enough,
    collect_crops,
    cut_face,
    default_split,
    match_heights,
)

IMAGE = np.zeros((SIDE, SIDE, 3), np.uint8)
IDS = np.arange(3)


@pytest.fixture
def make_faces(tmp_path, astronaut_image):
    """Builds a set of differing crops of one photo, each with one box of each class."""
    boxes = Boxes(np.array([[20.0, 22, 60, 70], [100, 20, 140.5, 66.25], [60, 150, 90, 200]]), IDS)

    def build(name, train, val=0):
        root = tmp_path / name
        for number in range(train + val):
            crop = astronaut_image[number : number + 220, 40:280]
            split = "train" if number < train else "val"
            write_sample(root, split, f"{split}{number:03d}.jpg", np.ascontiguousarray(crop), boxes)
        write_yaml(root)
        return root

    return build


def crop_of(height: float, group: str = "") -> Crop:
    return Crop(IMAGE, Label.WITH_MASK, height, group)


def test_crops_of_a_set(make_faces):
    root = make_faces("set", 3, 1)
    crops = collect_crops(root, np.random.default_rng(0))
    assert len(crops) == 12
    assert {crop.image.shape for crop in crops} == {(SIDE, SIDE, 3)}
    assert sorted({crop.label for crop in crops}) == list(Label)
    assert len({crop.group for crop in crops}) == 4
    again = collect_crops(root, np.random.default_rng(0))
    assert all((a.image == b.image).all() for a, b in zip(crops, again, strict=True))
    assert len(collect_crops(root, np.random.default_rng(0), default_split(root))) == 9


def test_persons_come_from_the_manifest_and_drawn_things_are_left_out(make_faces):
    root = make_faces("set", 2)
    things = [[], ["hand"], []]
    records = [
        PictureRecord(
            *(f"images/train/train{n:03d}.jpg", 240, 220, "train", "", "", f"photo{n}", n),
            [FaceRecord(CLASS_NAMES[k], [0, 0, 1, 1], occluders=things[k]) for k in IDS],
        )
        for n in range(2)
    ]
    write_manifest(root, records)
    crops = collect_crops(root, np.random.default_rng(0))
    assert sorted((c.group, c.label) for c in crops) == [
        (f"photo{n}", label) for n in range(2) for label in (Label.WITH_MASK, Label.INCORRECT)
    ]


@pytest.mark.parametrize(
    ("box", "fits"),
    [
        pytest.param([50, 50, 90, 90], True, id="inside"),
        pytest.param([0, 0, 40, 40], True, id="corner"),
        pytest.param([0, 0, 100, 100], False, id="no-room-for-context"),
    ],
)
def test_square_stays_inside_the_picture(box, fits):
    image = np.full((100, 120, 3), 128, np.uint8)
    cut = cut_face(image, np.array(box, dtype=float), np.random.default_rng(1))
    assert (cut is not None) == fits
    if cut is not None:
        assert np.abs(cut.astype(int) - 128).max() <= 1


@given(
    st.lists(st.floats(24, 200), max_size=30),
    st.lists(st.floats(24, 200), max_size=30),
    st.integers(0, 20),
)
def test_pairs_have_like_heights_and_nobody_twice(first, second, count):
    a, b = [crop_of(h) for h in first], [crop_of(h) for h in second]
    left, right = match_heights(a, b, count, np.random.default_rng(0))
    assert len(left) == len(right) <= count
    assert len({id(c) for c in left}) == len(left)
    assert len({id(c) for c in right}) == len(right)
    for x, y in zip(left, right, strict=True):
        assert max(x.height / y.height, y.height / x.height) <= 1.09


def test_too_few_are_told_with_a_way_out():
    with pytest.raises(DatasetError, match=r"at least 40 with_mask faces of 24 px.*but got 1"):
        check_enough([crop_of(30)], 40, "with_mask")
