import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.letterbox import PAD_VALUE, Letterbox, letterbox, plan, shrink_by_halves

sides = st.integers(1, 5000)
sizes = st.integers(1, 40).map(lambda n: n * 32)


@pytest.mark.parametrize(
    ("source", "square", "expected"),
    [
        pytest.param((720, 1280), False, Letterbox((720, 1280), (384, 640), (360, 640), (12, 0))),
        pytest.param((720, 1280), True, Letterbox((720, 1280), (640, 640), (360, 640), (140, 0))),
        pytest.param((1080, 810), False, Letterbox((1080, 810), (640, 480), (640, 480), (0, 0))),
        pytest.param((64, 64), False, Letterbox((64, 64), (640, 640), (640, 640), (0, 0))),
        pytest.param((1, 3000), False, Letterbox((1, 3000), (32, 640), (1, 640), (15, 0))),
        pytest.param((375, 500), False, Letterbox((375, 500), (480, 640), (480, 640), (0, 0))),
        pytest.param((333, 500), False, Letterbox((333, 500), (448, 640), (426, 640), (11, 0))),
        pytest.param((331, 500), True, Letterbox((331, 500), (640, 640), (424, 640), (108, 0))),
    ],
    ids=["wide", "wide-square", "tall", "enlarged", "line", "4:3", "odd", "odd-square"],
)
def test_plan(source: tuple[int, int], square: bool, expected: Letterbox) -> None:
    assert plan(source, 640, 32, square) == expected


@given(height=sides, width=sides, size=sizes, square=st.booleans())
def test_plan_fits_the_stride_and_the_picture(
    height: int, width: int, size: int, square: bool
) -> None:
    fit = plan((height, width), size, 32, square)
    assert max(fit.resized) == size == max(fit.shape)
    for side, inner, offset in zip(fit.shape, fit.resized, fit.offset, strict=True):
        assert side % 32 == 0
        assert offset >= 0
        assert inner + offset <= side
        assert square or side - inner < 32
        assert side - inner - 2 * offset in (0, 1)  # centred, the odd pixel last


@given(
    height=sides,
    width=sides,
    size=sizes,
    square=st.booleans(),
    corner=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    extent=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_boxes_come_back(
    height: int,
    width: int,
    size: int,
    square: bool,
    corner: tuple[float, float],
    extent: tuple[float, float],
) -> None:
    fit = plan((height, width), size, 32, square)
    x, y = corner[0] * width, corner[1] * height
    box = np.array([[x, y, x + extent[0] * (width - x), y + extent[1] * (height - y)]])
    inside = fit.to_input(box)
    np.testing.assert_allclose(fit.to_original(inside), box, atol=1e-8 * max(height, width))
    low, high = np.array(fit.offset[::-1]), np.array(fit.offset[::-1]) + fit.resized[::-1]
    assert (inside[0, :2] >= low - 1e-6).all()
    assert (inside[0, 2:] <= high + 1e-6).all()


def test_the_whole_picture_fills_the_unpadded_part() -> None:
    fit = plan((333, 500), 640, 32)
    np.testing.assert_allclose(fit.to_input([[0, 0, 500, 333]]), [[0, 11, 640, 437]])


def test_pixels_lie_where_the_boxes_say() -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    image[30:60, 40:80] = 255
    fitted, fit = letterbox(image, 320, 32)
    assert fitted.shape == (192, 320, 3)
    x1, y1, x2, y2 = fit.to_input([40, 30, 80, 60]).astype(int)
    assert (fitted[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2] == 255).all()
    assert (fitted[: fit.offset[0]] == PAD_VALUE).all()
    assert (fitted[-fit.offset[0] :] == PAD_VALUE).all()
    assert fitted[y1 - 3, x1].max() == 0


def test_a_fitting_picture_is_copied_not_shared() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    fitted, _ = letterbox(image, 64, 32)
    fitted[:] = 9
    assert image.max() == 0


@pytest.mark.parametrize("source", [(0, 10), (10, 0)], ids=["no-height", "no-width"])
def test_an_empty_picture_is_refused(source: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        plan(source, 640, 32)


def test_geometry_is_that_of_ultralytics(zidane_image: np.ndarray) -> None:
    """The same pixels as the code that models are trained behind."""
    augment = pytest.importorskip("ultralytics.data.augment")
    for image in (zidane_image, zidane_image[:333, :500], zidane_image[:700, :301]):
        for square in (False, True):
            theirs = augment.LetterBox((640, 640), auto=not square, stride=32)(image=image)
            np.testing.assert_array_equal(letterbox(image, 640, 32, square)[0], theirs)


@pytest.mark.parametrize("source", [(1200, 1601), (3000, 4000), (641, 1921)])
def test_large_pictures_are_averaged(source: tuple[int, int]) -> None:
    """Noise: a mean of n pixels has a variance of 1 / n; four pixels alone are far from that."""
    noise = np.random.default_rng(0).integers(0, 256, (*source, 3), dtype=np.uint8)
    fitted, fit = letterbox(noise, 320)
    top, left = fit.offset
    inside = fitted[top : top + fit.resized[0], left : left + fit.resized[1]]
    each = np.prod(fit.resized) / np.prod(source)
    # A last step by less than half may still leave pixels out, at most three of four.
    assert inside.var() < 4 * each * noise.var()
    plain = cv2.resize(noise, fit.resized[::-1])
    assert inside.var() < 0.6 * plain.var()


@given(height=sides, width=sides, goal=st.tuples(st.integers(1, 700), st.integers(1, 700)))
def test_halves_end_between_once_and_twice_the_goal(
    height: int, width: int, goal: tuple[int, int]
) -> None:
    image = np.zeros((min(height, 1500), min(width, 1500), 3), np.uint8)
    found = shrink_by_halves(image, goal).shape[:2]
    smaller = min(f / g for f, g in zip(found, goal, strict=True))
    if found != image.shape[:2]:
        assert smaller >= 1
    assert smaller <= 2 or found == image.shape[:2] == (1, 1)
