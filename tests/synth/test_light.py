"""Light and camera, measured on a face that is changed in known ways."""

import cv2
import numpy as np
import pytest

from data.images import Image
from synth.faces import Face, Floats
from synth.light import Light, measure_light


@pytest.fixture
def box(astronaut_face: Face) -> Floats:
    """The face in `portrait`."""
    return np.asarray(astronaut_face.box - [120, 20, 120, 20])


def changed(image: Image, gain: float) -> Image:
    return np.clip(image * gain, 0, 255).astype(np.uint8)


def test_ranges(portrait: Image, box: Floats) -> None:
    light = measure_light(portrait, box)
    assert light.shading.shape == portrait.shape[:2]
    assert 0.3 < light.shading.min() < 1 < light.shading.max() < 2
    assert light.cast.shape == (3,)
    assert light.direction.shape == (2,)
    assert np.abs(light.direction).max() <= 1
    assert light.saturation > 0.8


def test_exposure_rises_with_brightness(portrait: Image, box: Floats) -> None:
    measured = [measure_light(changed(portrait, g), box).exposure for g in np.linspace(0.1, 0.8, 8)]
    assert (np.diff(measured) > 0).all()
    assert measured[0] < 0.2
    assert measured[-1] > 0.7
    assert measure_light(np.full_like(portrait, 255), box).exposure <= 1.05


def test_shading_does_not_depend_on_brightness(portrait: Image, box: Floats) -> None:
    bright, dark = (measure_light(changed(portrait, gain), box).shading for gain in (1, 0.5))
    assert dark == pytest.approx(bright, abs=0.05)


def test_grey_photo_has_no_saturation(portrait: Image, box: Floats) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    light = measure_light(np.asarray(grey, dtype=np.uint8), box)
    assert light.saturation == 0
    assert light.cast == pytest.approx(np.ones(3))


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_cast_follows_the_colour_of_the_light(portrait: Image, box: Floats, channel: int) -> None:
    gains = np.full(3, 0.7)
    gains[channel] = 1
    tinted = np.asarray((portrait * gains).astype(np.uint8))
    before, after = (measure_light(image, box).cast[channel] for image in (portrait, tinted))
    assert after > before


def test_grain_rises_with_noise(portrait: Image, box: Floats) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, portrait.shape[:2])[..., None]
    measured = [
        measure_light(np.clip(portrait + s * noise, 0, 255).astype(np.uint8), box).grain
        for s in (0, 4, 8, 12)
    ]
    assert (np.diff(measured) > 0.002).all()


def test_blur_rises_with_blurring(portrait: Image, box: Floats) -> None:
    blurred = [cv2.GaussianBlur(portrait, (0, 0), s) for s in (0.6, 1.2, 2.5)]
    measured = [
        measure_light(np.asarray(image, dtype=np.uint8), box).blur for image in (portrait, *blurred)
    ]
    assert (np.diff(measured) >= 0).all()
    assert measured[-1] > measured[0] + 0.2


@pytest.mark.parametrize("sign", [pytest.param(-1, id="left"), pytest.param(1, id="right")])
def test_direction_points_to_the_light(portrait: Image, box: Floats, sign: int) -> None:
    ramp = np.linspace(1, 0.3, portrait.shape[1])[::-sign]
    lit = np.asarray((portrait * ramp[None, :, None]).astype(np.uint8))
    assert np.sign(measure_light(lit, box).direction[0]) == sign


def is_finite(light: Light) -> bool:
    values = [light.exposure, light.grain, light.blur, light.saturation]
    return bool(
        np.isfinite(values).all()
        and np.isfinite(light.shading).all()
        and np.isfinite(light.cast).all()
    )


@pytest.mark.parametrize("shade", [0, 128, 255], ids=["black", "grey", "white"])
@pytest.mark.parametrize("size", [(4, 4), (5, 40), (64, 64)], ids=str)
def test_flat_and_tiny_regions(shade: int, size: tuple[int, int]) -> None:
    region = np.full((*size, 3), shade, np.uint8)
    assert is_finite(measure_light(region, np.array([0.0, 0, size[1], size[0]])))


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((-50, -50, 20, 20), id="corner"),
        pytest.param((200, 230, 400, 500), id="mostly-outside"),
        pytest.param((-300, -300, 600, 600), id="larger-than-the-picture"),
        pytest.param((100, 100, 101, 101), id="one-pixel"),
    ],
)
def test_boxes_cut_by_the_picture(portrait: Image, box: tuple[int, ...]) -> None:
    assert is_finite(measure_light(portrait, np.array(box, dtype=np.float64)))


def test_sharpening_is_seen_and_soft_photos_have_none(portrait: Image, box: Floats) -> None:
    soft = cv2.GaussianBlur(portrait, (0, 0), 1.0)
    detail = portrait.astype(np.float32) - soft
    strengths = [
        measure_light(np.clip(portrait + k * detail, 0, 255).astype(np.uint8), box).sharpening
        for k in (0, 1, 2, 4)
    ]
    assert measure_light(np.asarray(soft, dtype=np.uint8), box).sharpening == 0
    assert strengths == sorted(strengths)
    assert strengths[0] < 0.3 < strengths[2] <= strengths[3] <= 1


def test_blocks_are_measured_on_the_photo_s_own_grid(portrait: Image, box: Floats) -> None:
    coded = cv2.imencode(".jpg", portrait, [cv2.IMWRITE_JPEG_QUALITY, 20])[1]
    photo = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
    region = photo[11:, 5:]
    moved = box - [5, 11, 5, 11]
    assert measure_light(region, moved).quality is None
    found = measure_light(region, moved, photo, (5, 11)).quality
    assert found is not None
    assert 10 <= found <= 35
