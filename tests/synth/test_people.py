"""Cut-outs: the person is kept, the background isn't."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.exceptions import ImageError, NoFacesError
from data.images import Image
from synth.bodies import stand
from synth.face_model import Floats
from synth.faces import Face
from synth.people import (
    Cutout,
    cut_out,
    mirror_cutout,
    resize_cutout,
    spread_colours,
)


def make_portrait(width: int = 200, height: int = 220) -> tuple[Image, Floats]:
    """A drawn person before a green wall with a little noise, and the face box."""
    rng = np.random.default_rng(0)
    image = np.full((height, width, 3), (60, 160, 70), np.uint8)
    x, y = width // 2, height // 2
    cv2.ellipse(image, (x, y + 110), (80, 60), 0, 0, 360, (120, 40, 30), -1)
    cv2.rectangle(image, (x - 18, y + 20), (x + 18, y + 65), (120, 150, 200), -1)
    cv2.ellipse(image, (x, y - 15), (44, 58), 0, 0, 360, (20, 30, 40), -1)
    cv2.ellipse(image, (x, y), (34, 46), 0, 0, 360, (130, 165, 215), -1)
    noise = rng.normal(0, 4, image.shape)
    noisy = np.clip(image + noise, 0, 255).astype(np.uint8)
    return noisy, np.array([x - 34, y - 28, x + 34, y + 46], dtype=float)


@pytest.fixture(scope="module")
def drawn() -> Cutout:
    image, box = make_portrait()
    return cut_out(image, image, box)


def test_person_is_told_from_the_wall(drawn: Cutout) -> None:
    x1, y1, x2, y2 = drawn.box.round().astype(int)
    assert drawn.clean
    assert drawn.alpha[y1 + 4 : y2 - 12, x1 + 12 : x2 - 12].min() > 0.95
    assert drawn.alpha[: y2 - 10, :8].max() < 0.05
    assert drawn.alpha[: y2 - 10, -8:].max() < 0.05
    assert drawn.alpha.dtype == np.float32
    # Hair, neck and shoulders belong to it.
    middle = (x1 + x2) // 2
    assert drawn.alpha[y1 - 20, middle] > 0.9
    assert drawn.alpha[y2 + 12, middle] > 0.9
    assert drawn.alpha[-4, middle - 40 : middle + 40].min() > 0.9


def test_nothing_of_the_wall_is_left_at_soft_edges(drawn: Cutout) -> None:
    pixels = drawn.image[drawn.alpha > 0.02].astype(int)
    green = pixels[:, 1] - pixels[:, [0, 2]].max(1)
    assert np.percentile(green, 99.5) < 45


def test_real_head_is_found(astronaut_image: Image, astronaut_face: Face) -> None:
    person = cut_out(astronaut_image, astronaut_image, astronaut_face.box, astronaut_face.placement)
    x1, y1, x2, y2 = person.box.round().astype(int)
    assert person.clean
    assert person.face_height == pytest.approx(astronaut_face.box[3] - astronaut_face.box[1])
    assert person.alpha[y1:y2, (3 * x1 + x2) // 4 : (x1 + 3 * x2) // 4].mean() > 0.97
    assert person.alpha[:12].mean() < 0.2
    assert 0.2 < person.alpha.mean() < 0.9


def test_dressing_is_seen_also_beyond_the_outline() -> None:
    bare, box = make_portrait()
    dressed = bare.copy()
    cv2.rectangle(dressed, (130, 120), (165, 140), (250, 250, 250), -1)
    before, after = cut_out(bare, bare, box), cut_out(bare, dressed, box)
    shift = (box - after.box).round().astype(int)
    rows, columns = slice(124 - shift[1], 136 - shift[1]), slice(150 - shift[0], 160 - shift[0])
    assert before.alpha[rows, columns].max() < 0.2
    assert after.alpha[rows, columns].min() > 0.9
    assert after.image[rows, columns].min() > 240


def test_neighbours_who_were_blurred_out_stay_away(drawn: Cutout) -> None:
    bare, box = make_portrait()
    dressed = bare.copy()
    dressed[40:90, :20] = 255
    assert (cut_out(bare, dressed, box).alpha == drawn.alpha).all()


@pytest.mark.parametrize(
    "paint",
    [
        pytest.param(lambda image: image * 0, id="black"),
        pytest.param(lambda image: image * 0 + 255, id="white"),
        pytest.param(
            lambda image: np.random.default_rng(1).integers(0, 256, image.shape), id="noise"
        ),
    ],
)
def test_hopeless_photos_get_a_silhouette(paint: object) -> None:
    image, box = make_portrait()
    assert callable(paint)
    hopeless = np.asarray(paint(image), np.uint8)
    person = cut_out(hopeless, hopeless, box)
    x1, y1, x2, y2 = person.box.round().astype(int)
    assert person.alpha[(y1 + y2) // 2, (x1 + x2) // 2] > 0.95
    assert person.alpha[:y1, :4].max() < 0.1


def test_same_photo_gives_the_same_bytes_whatever_was_cut_before(drawn: Cutout) -> None:
    image, box = make_portrait()
    cv2.setRNGSeed(77)
    noise = np.random.default_rng(5).integers(0, 256, image.shape).astype(np.uint8)
    cut_out(noise, noise, box)
    again = cut_out(image, image, box)
    assert (again.alpha == drawn.alpha).all()
    assert (again.image == drawn.image).all()


@pytest.mark.parametrize(
    "box",
    [
        pytest.param([300, 10, 340, 60], id="beside"),
        pytest.param([10, 10, 12, 60], id="narrow"),
        pytest.param([np.nan, 10, 40, 60], id="nan"),
        pytest.param([40, 60, 10, 10], id="inverted"),
    ],
)
def test_boxes_off_the_photo_are_refused(box: list[float]) -> None:
    image, _ = make_portrait()
    with pytest.raises(NoFacesError, match="face box"):
        cut_out(image, image, np.array(box))


def test_photos_of_two_sizes_are_refused() -> None:
    image, box = make_portrait()
    with pytest.raises(ImageError, match="shape"):
        cut_out(image, image[:-1], box)


@settings(max_examples=40)
@given(
    st.integers(8, 90), st.integers(8, 90), st.floats(-0.4, 1.2), st.floats(-0.4, 1.2),
    st.floats(0.1, 1.5),
)  # fmt: skip
def test_any_box_on_any_photo(width: int, height: int, x: float, y: float, size: float) -> None:
    image = np.random.default_rng(width).integers(0, 256, (height, width, 3)).astype(np.uint8)
    side = size * min(width, height) + 4
    box = np.array([x * width, y * height, x * width + side, y * height + side])
    try:
        person = cut_out(image, image, box)
    except NoFacesError:
        return
    assert person.image.shape[:2] == person.alpha.shape
    assert person.alpha.min() >= 0
    assert person.alpha.max() <= 1
    whole = stand(person, np.random.default_rng(1), 3 * person.face_height, legs=height % 2 == 0)
    assert np.isfinite(whole.alpha).all()


def test_hair_that_the_frame_cuts_ends_in_a_dome() -> None:
    image, box = make_portrait()
    cut = np.ascontiguousarray(image[60:])
    person = cut_out(cut, cut, box - [0, 60, 0, 60])
    rows = np.flatnonzero(person.alpha.max(1) > 0.5)
    widths = (person.alpha > 0.5).sum(1)
    assert rows[0] > 0
    assert widths[rows[0]] < 0.6 * widths[int(person.box[1])]


def test_colours_spread_from_where_they_are_known() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, :20] = (10, 120, 240)
    weight = np.zeros((40, 40), np.float32)
    weight[10:30, 5:15] = 1
    filled = spread_colours(image, weight)
    assert np.abs(filled.astype(int) - [10, 120, 240]).max() <= 2


def test_mirror_twice_is_the_same(drawn: Cutout) -> None:
    again = mirror_cutout(mirror_cutout(drawn))
    assert (again.image == drawn.image).all()
    assert again.box == pytest.approx(drawn.box)


@pytest.mark.parametrize("factor", [0.1, 0.5, 1.0, 1.7])
def test_size_scales_box_and_picture_alike(drawn: Cutout, factor: float) -> None:
    scaled = resize_cutout(drawn, factor)
    assert scaled.face_height == pytest.approx(drawn.face_height * factor, rel=0.05)
    assert scaled.alpha.max() <= 1
    assert scaled.image.shape[:2] == scaled.alpha.shape
