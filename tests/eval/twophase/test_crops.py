"""Squares around boxes, and their variations."""

import numpy as np
import pytest

from data.boxes import Boxes
from data.dataset import Sample, boxes_to_text, find_samples
from data.exceptions import DatasetError
from data.files import write_text
from data.images import write_image
from eval.twophase.crops import (
    CONTEXT,
    STORED_CONTEXT,
    STORED_SIDE,
    collect_crops,
    cut_squares,
    plain,
    vary,
)


def _gradient(height: int, width: int) -> np.ndarray:
    """Blue grows to the right, green downward."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.arange(width)
    image[..., 1] = np.arange(height)[:, None]
    return image


@pytest.mark.parametrize(
    ("box", "left", "top"),
    [
        ([80, 90, 120, 130], 74, 84),  # 1.3 times 40 px: 52 around (100, 110)
        ([90, 90, 110, 130], 74, 84),  # a narrow box has the same square
    ],
    ids=["square", "narrow"],
)
def test_a_square_is_cut_around_the_box(box, left, top):
    crop = cut_squares(_gradient(200, 200), np.array([box], float), 52)[0]
    assert crop.shape == (52, 52, 3)
    assert crop[0, 0, :2].tolist() == [left, top]
    assert crop[-1, -1, :2].tolist() == [left + 51, top + 51]


@pytest.mark.parametrize(
    "box",
    [[-30, -30, 20, 20], [180, 150, 400, 260], [-5, -5, 500, 500], [10, 10, 10.2, 10.2]],
    ids=["top left", "bottom right", "larger than the picture", "a point"],
)
def test_what_lies_outside_repeats_the_border(box):
    image = _gradient(200, 200) + 1
    crop = cut_squares(image, np.array([box], float), 32)[0]
    assert crop.shape == (32, 32, 3)
    assert crop[..., :2].min() >= 1  # no black


def test_a_box_beside_the_picture_gives_its_border():
    crop = cut_squares(_gradient(50, 50), np.array([[70.0, 10, 90, 30]]), 16)[0]
    assert (crop[..., 0] == 49).all()


def test_no_box_no_crop():
    assert cut_squares(_gradient(9, 9), np.zeros((0, 4)), 32).shape == (0, 32, 32, 3)


def test_a_stored_crops_middle_is_what_the_pipeline_cuts(astronaut_image):
    box = np.array([[177.0, 72, 274, 185]])
    stored = cut_squares(astronaut_image, box, STORED_SIDE, STORED_CONTEXT)[0]
    direct = cut_squares(astronaut_image, box, 64, CONTEXT)[0]
    difference = np.abs(plain(stored, 64).astype(float) - direct)
    assert difference.mean() < 6


def test_variations_differ_but_follow_their_seed(astronaut_image):
    stored = cut_squares(
        astronaut_image, np.array([[177.0, 72, 274, 185]]), STORED_SIDE, STORED_CONTEXT
    )[0]
    first, again, other = (vary(stored, 48, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (48, 48, 3)
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any()
    # On average they stay where they are: the mean of many is like the middle of the crop.
    rng = np.random.default_rng(0)
    mean = np.mean([vary(stored, 48, rng) for _ in range(200)], axis=0)
    middle = plain(stored, 48).astype(float)
    agreement = np.corrcoef(mean.mean(2).ravel(), (middle + middle[:, ::-1]).mean(2).ravel())[0, 1]
    assert agreement > 0.7


def _sample(tmp_path, name: str, boxes: Boxes) -> Sample:
    image, label = tmp_path / f"{name}.png", tmp_path / f"{name}.txt"
    write_image(image, _gradient(100, 100))
    write_text(label, boxes_to_text(boxes, 100, 100))
    return Sample(image, label, "train")


def test_collecting_leaves_out_small_faces_and_what_exceeds_four_a_picture(tmp_path):
    row = np.array([[x, 10.0, x + 15, 30] for x in range(0, 80, 16)])
    crowd = _sample(tmp_path, "crowd", Boxes(row, np.zeros(5, int)))
    small = _sample(tmp_path, "small", Boxes(np.array([[1.0, 1, 9, 9]]), np.array([1])))
    broken = Sample(tmp_path / "none.jpg", tmp_path / "none.txt", "train")
    found = collect_crops([crowd, small, broken], 100, np.random.default_rng(0))
    assert found.images.shape == (4, STORED_SIDE, STORED_SIDE, 3)
    assert found.counts() == {"with_mask": 4, "without_mask": 0, "incorrect": 0}
    assert found.heights.tolist() == pytest.approx([20] * 4)
    assert len(collect_crops([crowd], 2, np.random.default_rng(0)).images) == 2
    with pytest.raises(DatasetError, match="at least 12 px"):
        collect_crops([small], 9, np.random.default_rng(0))


def test_collecting_follows_its_seed(patches):
    samples = find_samples(patches, "train")
    first, again, other = (
        collect_crops(samples, 9, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert (first.images == again.images).all()
    assert len(other.images) == 9
    assert (first.class_ids != other.class_ids).any()
