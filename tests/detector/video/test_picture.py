"""What is drawn into a frame, and what is hidden in it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import Boxes
from detector.video.blur import CELLS, PADDING, pixelate
from detector.video.overlay import draw_tracks, label_text, state_colour
from detector.video.pipeline import Detected
from detector.video.sources import Kind, Source
from detector.video.studio import Look, Studio
from detector.video.types import Frame, Result, Track


def _track(box, state="with_mask", score=0.8, number=1):
    return Track(number, np.array(box, dtype=float), state, 0.9, score, "", 0.0, 0, 3)


def _drawn(*tracks):
    canvas = np.full((200, 300, 3), 114, np.uint8)
    draw_tracks(canvas, Result(Frame("a", 0, 0.0, 0.0, 0.0, canvas), tracks))
    return canvas


@pytest.mark.parametrize("state", ["with_mask", "without_mask", "incorrect", "unsure"])
def test_boxes_have_their_state_s_colour(state):
    canvas = _drawn(_track([100, 60, 160, 130], state))
    assert (canvas == state_colour(state)).all(axis=-1).sum() > 300


def test_a_missed_face_has_a_thin_box():
    seen, missed = (_drawn(_track([100, 60, 160, 130], score=s)) for s in (0.8, 0.0))
    row = slice(90, 91), slice(95, 110)
    assert (seen[row] != 114).any(axis=-1).sum() > (missed[row] != 114).any(axis=-1).sum() == 1


@pytest.mark.parametrize(
    ("state", "text"),
    [("incorrect", "incorrect .90 #1"), ("unsure", "unsure #1")],
)
def test_labels(state, text):
    assert label_text(_track([0, 0, 9, 9], state)) == text


def test_a_label_hides_no_other_face():
    first, second = _track([100, 100, 160, 170]), _track([100, 20, 160, 99], number=2)
    alone = _drawn(second)
    both = _drawn(first, second)
    np.testing.assert_array_equal(alone[30:90, 105:155], both[30:90, 105:155])


FLOATS = st.floats(-100, 400)


@given(st.lists(st.tuples(FLOATS, FLOATS, st.floats(0.5, 300), st.floats(0.5, 300)), max_size=4))
def test_pixelated_faces_keep_a_few_cells(corners):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    before = image.copy()
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in corners]).reshape(-1, 4)
    pixelate(image, boxes)
    inside = np.zeros(image.shape[:2], dtype=bool)
    for x1, y1, x2, y2 in boxes:
        grown = np.array([x1 - PADDING * (x2 - x1), y1 - PADDING * (y2 - y1),
                          x2 + PADDING * (x2 - x1), y2 + PADDING * (y2 - y1)])  # fmt: skip
        a, b, c, d = np.clip([*np.floor(grown[:2]), *np.ceil(grown[2:])], 0, [160, 120] * 2).astype(
            int
        )
        inside[b:d, a:c] = True
    np.testing.assert_array_equal(image[~inside], before[~inside])
    if len(boxes) == 1 and inside.any():
        patch = image[inside]
        assert len(np.unique(patch, axis=0)) <= CELLS**2


SOURCE = Source("a", Kind.FILE, "a")


def _develop(look, frames):
    """Pictures and results of frames with one face (40 to 80 px) each, missed where False."""
    studio, rng = Studio([SOURCE], look), np.random.default_rng(0)
    found, still = [], rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    for number, seen in enumerate(frames):
        image = still.copy()
        boxes = Boxes(np.array([[40.0, 40, 80, 80]]), np.array([0]), np.array([0.8]))
        frame = Frame("a", number, number / 25, 0.0, 0.0, image)
        result, drawn = studio.develop(Detected(frame, boxes if seen else Boxes.empty()), 0.25)
        found.append((image, result, drawn))
    return found


@pytest.mark.parametrize("seen", [pytest.param(True, id="seen"), pytest.param(False, id="missed")])
def test_blurred_before_anybody_gets_it(seen):
    for image, result, drawn in _develop(Look(blur=True), [True] * 3 + [seen] * 3):
        for picture in (result.frame.image, drawn):
            face = picture[45:75, 45:75].reshape(-1, 3)
            assert len(np.unique(face, axis=0)) < 60
            np.testing.assert_array_equal(picture[100:], image[100:])


def test_even_a_first_unconfirmed_look_is_blurred():
    _, result, _ = _develop(Look(blur=True), [True])[0]
    assert result.tracks == ()
    assert len(np.unique(result.frame.image[45:75, 45:75].reshape(-1, 3), axis=0)) < 60


def test_pictures_are_read_only_and_frames_bare():
    image, result, drawn = _develop(Look(), [True] * 3)[-1]
    np.testing.assert_array_equal(result.frame.image, image)
    assert (drawn != image).any()
    for picture in (drawn, result.frame.image):
        with pytest.raises(ValueError, match="read-only"):
            picture[0, 0] = 0


def test_painters_draw_below_boxes():
    def paint(result, canvas):
        canvas[:] = 7

    *_, drawn = _develop(Look(painters=[paint]), [True] * 9)[-1]
    assert (drawn[110] == 7).all()
    assert (drawn == state_colour("with_mask")).all(axis=-1).any()
