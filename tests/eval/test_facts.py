"""Facts of faces: from the manifest, the border, the skin."""

import numpy as np
import pytest

from data.boxes import Boxes
from data.manifest import FaceRecord
from eval.facts import face_facts, name_border, name_colour, name_pose, record_to_facts, skin_group

BOX = [10.0, 10.0, 60.0, 70.0]


def test_manifest_becomes_facts():
    record = FaceRecord(
        "with_mask", BOX, "surgical", [20, 22, 25], "stripes", "right", 0.0, 60.0, -34.0, 1.0, 2.0,
        ["hand", "hair", "hand"],
    )  # fmt: skip
    assert record_to_facts(record) == {
        "pose": ("30 to 45°",),
        "style": ("surgical",),
        "state": ("right",),
        "texture": ("stripes",),
        "colour": ("black",),
        "occluders": ("hair", "hand"),
    }


def test_what_is_not_known_is_left_out():
    assert record_to_facts(FaceRecord("without_mask", BOX, state="")) == {}
    bare = record_to_facts(FaceRecord("without_mask", BOX))
    assert bare == {"state": ("bare",), "occluders": ("nothing",)}


@pytest.mark.parametrize(
    ("yaw", "name"),
    [(0, "0 to 15°"), (15, "15 to 30°"), (-44.9, "30 to 45°"), (60, "60° and more")],
)
def test_pose(yaw, name):
    assert name_pose(yaw) == name


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((255, 255, 255), "white"),
        ((235, 247, 245), "white"),
        ((0, 0, 0), "black"),
        ((33, 25, 32), "black"),
        ((159, 195, 220), "blue"),
        ((20, 40, 120), "blue"),
        ((128, 128, 130), "grey"),
        ((200, 30, 40), "other"),
        ((40, 160, 60), "other"),
    ],
)
def test_colours(rgb, name):
    assert name_colour(*rgb) == name


@pytest.mark.parametrize(
    ("box", "name"),
    [
        (BOX, "inside"),
        ([0.4, 10, 50, 60], "at the border"),
        ([10, 10, 99.5, 60], "at the border"),
        ([10, 10, 50, 80], "at the border"),
        ([1.0, 1.0, 99.0, 79.0], "inside"),
    ],
)
def test_border(box, name):
    assert name_border(np.array(box, float), 100, 80) == name


# Colours well inside their groups: angles of about 72, 28 and -66 degrees.
@pytest.mark.parametrize(
    ("rgb", "group"),
    [((244, 220, 200), "light"), ((190, 145, 110), "medium"), ((75, 50, 38), "dark")],
)
def test_skin_groups(rgb, group):
    image = np.full((100, 100, 3), rgb[::-1], dtype=np.uint8)
    assert skin_group(image, np.array(BOX)) == group


def test_skin_is_only_measured_on_bare_large_faces():
    image = np.full((100, 100, 3), (200, 220, 244), dtype=np.uint8)
    truth = Boxes(np.array([BOX, BOX, [10, 10, 30, 33.0]]), np.array([1, 0, 1]))
    assert ["skin" in facts for facts in face_facts(image, truth)] == [True, False, False]


def test_inner_region_alone_is_measured():
    image = np.zeros((100, 100, 3), dtype=np.uint8)
    image[31:55, 23:47] = (200, 220, 244)
    assert skin_group(image, np.array(BOX)) == "light"
