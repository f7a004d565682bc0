"""Tiles cover the picture, and what several of them see is kept once."""

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import Boxes
from data.exceptions import UsageError
from data.images import Image, write_image
from detector.runtime import Detector
from detector.tiling import OVERLAP, TiledDetector, merge, move_whole, plan_tiles
from eval.cli.main import main


def boxes(*rows: list[float], scores: list[float] | None = None) -> Boxes:
    xyxy = np.array(rows, dtype=float).reshape(-1, 4)
    return Boxes(xyxy, np.zeros(len(rows), int), np.array(scores or [0.9] * len(rows)))


@given(
    width=st.integers(1, 3000), height=st.integers(1, 3000), tile=st.sampled_from([64, 256, 640])
)
def test_tiles_cover_every_pixel_and_overlap(width: int, height: int, tile: int) -> None:
    windows = plan_tiles((width, height), tile)
    if max(width, height) <= tile:
        assert windows == []
        return
    for axis, side in ((0, width), (1, height)):
        spans = sorted({(w[axis], w[axis + 2]) for w in windows})
        assert spans[0][0] == 0
        assert spans[-1][1] == side
        assert all(high - low == min(tile, side) for low, high in spans)
        for (_, before), (start, _) in itertools.pairwise(spans):
            assert before - start >= OVERLAP * tile - 1
    assert len(windows) == len(set(windows))


def test_faces_cut_by_inner_borders_are_left_to_others() -> None:
    found = boxes([0, 10, 20, 30], [80, 10, 100, 30], [40, 0, 60, 20], [40, 40, 60, 60])
    moved = move_whole(found, (100, 0, 200, 100), (400, 100))
    # Cut left and right; the upper border is the picture's own.
    np.testing.assert_array_equal(moved.xyxy, [[140, 0, 160, 20], [140, 40, 160, 60]])


@pytest.mark.parametrize(
    ("views", "kept"),
    [
        ([boxes([0, 0, 10, 10]), boxes([1, 0, 11, 10])], 1),
        ([boxes([0, 0, 10, 10]), boxes([20, 0, 30, 10])], 2),
        ([boxes([0, 0, 10, 10]), boxes([2, 2, 7, 7])], 1),
        ([boxes([0, 0, 10, 10], [2, 2, 7, 7])], 2),
        ([boxes(), boxes()], 0),
    ],
    ids=["same face", "two faces", "part of a face", "one view knows best", "nothing"],
)
def test_merging(views: list[Boxes], kept: int) -> None:
    assert len(merge(views, 0.5)) == kept


def test_best_first_and_the_better_stands() -> None:
    merged = merge(
        [
            boxes([0, 0, 10, 10], scores=[0.3]),
            boxes([0, 0, 10, 9], [50, 50, 60, 60], scores=[0.6, 0.9]),
        ],
        0.5,
    )
    np.testing.assert_array_equal(merged.scores, [0.9, 0.6])
    np.testing.assert_array_equal(merged.xyxy[1], [0, 0, 10, 9])


def test_classes_of_one_face_stand_side_by_side_where_asked() -> None:
    sure = Boxes(np.array([[0.0, 0, 10, 10]]), np.array([0]), np.array([0.8]))
    other = Boxes(np.array([[1.0, 0, 11, 10]]), np.array([2]), np.array([0.3]))
    again = Boxes(np.array([[0.0, 1, 10, 11]]), np.array([2]), np.array([0.2]))
    assert merge([sure, other, again], 0.5).class_ids.tolist() == [0]
    merged = merge([sure, other, again], 0.5, by_class=True)
    assert merged.class_ids.tolist() == [0, 2]
    assert merged.scores.tolist() == [0.8, 0.3]


@pytest.fixture(scope="module")
def crowd() -> Image:
    """A photo of a face shown small, many times, in a large picture."""
    from skimage.data import astronaut

    face = cv2.resize(astronaut()[20:220, 120:330, ::-1], (42, 40), interpolation=cv2.INTER_AREA)
    picture = np.full((1200, 1600, 3), 120, np.uint8)
    for row in range(4):
        for column in range(6):
            top, left = 60 + 300 * row, 40 + 260 * column
            picture[top : top + 40, left : left + 42] = face
    return picture


def test_tiles_find_small_faces_that_the_whole_hides(crowd: Image) -> None:
    plain = Detector(imgsz=416).detect([crowd])[0]
    tiled = TiledDetector(imgsz=416, tile=416).detect([crowd])[0]
    assert len(tiled) >= 20
    assert len(tiled) > 2 * len(plain)
    assert len(tiled) <= 24, "each face once"


def test_small_pictures_are_searched_as_ever(crowd: Image) -> None:
    part = np.ascontiguousarray(crowd[:300, :300])
    plain = Detector(imgsz=320).detect([part], 0.05)[0]
    tiled = TiledDetector(imgsz=320, tile=300).detect([part], 0.05)[0]
    np.testing.assert_array_equal(plain.xyxy, tiled.xyxy)


def test_the_option_of_predict(crowd: Image, tmp_path: Path) -> None:
    write_image(tmp_path / "crowd.png", crowd)
    counts = []
    for extra in ([], ["--tile", "416"]):
        out = tmp_path / f"{len(extra)}.json"
        options = ["--imgsz", "416", "--json", str(out), *extra]
        assert main(["predict", str(tmp_path / "crowd.png"), *options]) == 0
        counts.append(len(json.loads(out.read_text())["images"][0]["detections"]))
    assert counts[1] > 2 * counts[0]


def test_tiny_tiles_are_refused() -> None:
    with pytest.raises(UsageError, match="64 px, but got 10"):
        TiledDetector(tile=10)
