"""JPEG blocks: measured where they are, given to what is drawn, and to nothing else."""

import cv2
import numpy as np
import pytest

from synth.compression import measure_quality, recompress


def _saved(image: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


@pytest.fixture
def clean(astronaut_image: np.ndarray) -> np.ndarray:
    """A photo without blocks: halved, its own are gone."""
    return cv2.resize(astronaut_image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


FACE = (112.0, 60.0)


def test_photo_without_blocks_has_no_quality(clean: np.ndarray) -> None:
    assert measure_quality(clean, FACE) is None


@pytest.mark.parametrize("quality", [15, 25, 35, 50, 65])
def test_quality_is_found_within_its_spread(clean: np.ndarray, quality: int) -> None:
    found = measure_quality(_saved(clean, quality), FACE)
    assert found is not None
    assert 0.5 * quality <= found <= 1.6 * quality


def test_blocks_off_the_grid_are_no_blocks(clean: np.ndarray) -> None:
    """Cut after it was saved: nothing drawn onto it later was coded with it."""
    assert measure_quality(np.ascontiguousarray(_saved(clean, 20)[4:, 4:]), FACE) is None


@pytest.mark.parametrize(
    ("shape", "centre"),
    [((39, 200), (50.0, 20.0)), ((200, 24), (12.0, 90.0)), ((1, 1), (0.0, 0.0))],
    ids=["flat", "narrow", "one pixel"],
)
def test_too_little_to_tell(shape: tuple[int, int], centre: tuple[float, float]) -> None:
    assert measure_quality(np.zeros((*shape, 3), np.uint8), centre) is None


@pytest.mark.parametrize("centre", [(-30.0, -5.0), (5000.0, 90.0)], ids=["before", "beyond"])
def test_faces_beyond_the_edge_are_measured_inside(
    clean: np.ndarray, centre: tuple[float, float]
) -> None:
    assert measure_quality(_saved(clean, 15), centre) is not None


def test_only_touched_blocks_are_coded_anew(clean: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    image = clean.copy()
    patch = rng.integers(0, 256, (30, 41, 3), dtype=np.uint8)
    image[37:67, 50:91] = patch
    before = image.copy()
    recompress(image, (50, 37), np.ones((30, 41), bool), 20)
    changed = (image != before).any(2)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert rows.min() >= 32
    assert rows.max() < 80
    assert columns.min() >= 48
    assert columns.max() < 96
    assert changed[37:67, 50:91].mean() > 0.9


def test_drawn_part_gets_blocks_at_the_photo_s_border(clean: np.ndarray) -> None:
    """The last blocks of a photo whose sides are no multiples of 16 are coded, too."""
    image = np.ascontiguousarray(clean[:251, :245])
    image[200:, 200:] = np.random.default_rng(1).integers(0, 256, (51, 45, 3), dtype=np.uint8)
    before = image.copy()
    recompress(image, (200, 200), np.ones((51, 45), bool), 10)
    assert (image[250, 200:] != before[250, 200:]).any()
    assert (image[200:, 244] != before[200:, 244]).any()


def test_nothing_drawn_nothing_changed(clean: np.ndarray) -> None:
    image = clean.copy()
    recompress(image, (3, 5), np.zeros((20, 20), bool), 5)
    np.testing.assert_array_equal(image, clean)
