"""Faces and landmarks on photos whose features were read off by eye."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from data.exceptions import WeightsError
from data.images import Image
from data.labels import Label
from synth.face_model import Floats, landmarks_to_five, mean_face, place_by_box
from synth.faces import (
    MIN_LANDMARK_HEIGHT,
    SURE_SCORE,
    Candidate,
    Face,
    Finder,
    align_face,
    dlib_finder,
    find_faces,
    find_landmarks,
    yunet_finder,
)

# Read off the enlarged photos: eyes' centres, nose tip, mouth corners, and the chin.
ASTRONAUT = np.array([[204.0, 101], [247, 103], [225, 126], [204, 140], [243, 142]])
ASTRONAUT_CHIN = (226, 177)
ANCELOTTI = np.array([[966.0, 168], [1022, 172], [998, 198], [968, 235], [1012, 238]])


def box(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def fixed(*candidates: Candidate) -> Finder:
    """A finder that knows its answer."""
    return lambda image: list(candidates)


def best(image: Image) -> Candidate:
    return max(dlib_finder(image), key=lambda c: c.score)


def test_dlib_finds_the_astronaut(astronaut_image: Image) -> None:
    candidate = best(astronaut_image)
    assert candidate.score > 0.9
    x1, y1, x2, y2 = candidate.box
    assert (x1 < ASTRONAUT[:, 0]).all()
    assert (x2 > ASTRONAUT[:, 0]).all()
    assert (y1 < ASTRONAUT[:, 1]).all()
    assert (y2 > ASTRONAUT[:, 1]).all()
    sure = [c for c in dlib_finder(astronaut_image) if c.score >= SURE_SCORE]
    assert len(sure) == 1, "the suit is no face"


@pytest.mark.parametrize(
    ("photo", "points", "tolerance"),
    [
        pytest.param("astronaut_image", ASTRONAUT, 0.06, id="astronaut"),
        pytest.param("zidane_image", ANCELOTTI, 0.06, id="zidane-right-man"),
    ],
)
def test_landmarks_lie_on_the_features(
    photo: str, points: Floats, tolerance: float, request: pytest.FixtureRequest
) -> None:
    """Each of the five points within that share of the face's height."""
    image = request.getfixturevalue(photo)
    face = align_face(image, best(image))
    assert face.landmarks is not None
    off = np.linalg.norm(landmarks_to_five(face.landmarks) - points, axis=1)
    assert (off < tolerance * (face.box[3] - face.box[1])).all(), off


def test_face_box_runs_from_forehead_to_chin(astronaut_image: Image) -> None:
    face = align_face(astronaut_image, best(astronaut_image))
    assert face.landmarks is not None
    assert face.landmarks[8] == pytest.approx(ASTRONAUT_CHIN, abs=7)
    assert face.box == pytest.approx([180, 73, 272, 180], abs=8)
    yaw, pitch, roll = face.placement.angles
    assert np.abs([yaw, pitch]).max() < 10
    assert roll == pytest.approx(3, abs=3)  # the eyes' line falls by 2 px on 43


@pytest.mark.parametrize(
    ("photo", "patch"),
    [
        pytest.param("bus_image", (390, 530, 510, 670), id="side-of-the-bus"),
        pytest.param("zidane_image", (600, 520, 800, 700), id="jacket"),
        pytest.param("zidane_image", (560, 0, 860, 200), id="blurred-crowd"),
    ],
)
def test_no_landmarks_where_there_is_no_face(
    photo: str, patch: tuple[float, ...], request: pytest.FixtureRequest
) -> None:
    assert find_landmarks(request.getfixturevalue(photo), Candidate(box(*patch))) is None


def test_landmarks_that_contradict_the_five_points_are_refused(astronaut_image: Image) -> None:
    candidate = best(astronaut_image)
    agreeing = Candidate(candidate.box, five_points=ASTRONAUT)
    assert find_landmarks(astronaut_image, agreeing) is not None
    # The five points of a face twenty pixels away.
    shifted = Candidate(candidate.box, five_points=ASTRONAUT + np.array([0, 20]))
    assert find_landmarks(astronaut_image, shifted) is None


def test_small_faces_are_placed_by_their_box(astronaut_image: Image) -> None:
    side = MIN_LANDMARK_HEIGHT - 1
    face = align_face(astronaut_image, Candidate(box(200, 90, 200 + side, 90 + side)))
    assert face.landmarks is None
    assert face.box == pytest.approx([200, 90, 200 + side, 90 + side])
    assert face.placement.project(mean_face()) == pytest.approx(
        place_by_box(face.box).project(mean_face())
    )


def test_five_points_place_what_landmarks_cannot(astronaut_image: Image) -> None:
    small = cv2.resize(astronaut_image, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    candidate = Candidate(box(36, 15, 54, 36), five_points=ASTRONAUT * 0.2)
    face = align_face(np.asarray(small, dtype=np.uint8), candidate)
    assert face.landmarks is None
    assert face.five_points is candidate.five_points
    assert face.box == pytest.approx([36, 15, 54, 36], abs=4)


@pytest.mark.parametrize(
    "five_points",
    [
        pytest.param(ASTRONAUT * 0.2 + box(200, 0), id="elsewhere"),
        pytest.param(ASTRONAUT * 0.5, id="too-large"),
        pytest.param(np.linspace([36, 15], [50, 30], 5), id="on-a-line"),
    ],
)
def test_five_points_that_contradict_the_box_are_dropped(
    five_points: Floats, astronaut_image: Image
) -> None:
    face = align_face(astronaut_image, Candidate(box(36, 15, 54, 36), five_points=five_points))
    assert face.five_points is None
    assert face.box == pytest.approx([36, 15, 54, 36])


def test_landmarks_of_the_source_are_taken_as_they_are(
    astronaut_image: Image, astronaut_face: Face
) -> None:
    assert astronaut_face.landmarks is not None
    moved = astronaut_face.landmarks + 30
    face = align_face(astronaut_image, Candidate(box(0, 0, 9, 9), landmarks=moved))
    assert face.landmarks is moved


GREY = np.full((100, 200, 3), 128, np.uint8)
A, B = box(10, 10, 30, 30), box(100, 10, 120, 30)


def test_labelled_faces_come_first() -> None:
    labelled = [Candidate(A, label=Label.WITH_MASK)]
    faces, doubtful = find_faces(GREY, labelled, [fixed(Candidate(B), Candidate(A + 2))])
    assert [f.label for f in faces] == [Label.WITH_MASK, Label.WITHOUT_MASK]
    assert faces[0].box == pytest.approx(A)
    assert faces[1].box == pytest.approx(B)
    assert doubtful == []


@pytest.mark.parametrize(
    ("other", "counts"),
    [
        pytest.param(A + 2, False, id="moved-a-little"),
        pytest.param(A + box(-10, -10, 15, 15), False, id="drawn-wider"),
        pytest.param(box(14, 14, 24, 24), False, id="inside"),
        pytest.param(A + box(15, 0, 15, 0), True, id="neighbour"),
        pytest.param(B, True, id="elsewhere"),
    ],
)
def test_later_finders_add_what_is_new(other: Floats, counts: bool) -> None:
    faces, _ = find_faces(GREY, [], [fixed(Candidate(A)), fixed(Candidate(other))])
    assert len(faces) == 1 + counts


@pytest.mark.parametrize(
    ("seen", "doubtful"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([Candidate(B + 3)], [B], id="one-of-two"),
        pytest.param([Candidate(A), Candidate(B)], [A, B], id="both"),
    ],
)
def test_doubtful_faces_that_the_judge_does_not_see_are_none(
    seen: list[Candidate], doubtful: list[Floats]
) -> None:
    unsure = fixed(Candidate(A, score=0.4), Candidate(B, score=0.4))
    faces, found = find_faces(GREY, [], [unsure], fixed(*seen))
    assert faces == []
    assert [d.tolist() for d in found] == [d.tolist() for d in doubtful]


def test_the_judge_is_asked_in_doubt_alone_and_adds_no_face() -> None:
    asked = []

    def judge(image: Image) -> list[Candidate]:
        asked.append(image)
        return [Candidate(B)]

    faces, doubtful = find_faces(
        GREY, [], [fixed(Candidate(A), Candidate(A + 1, score=0.4))], judge
    )
    assert (len(faces), doubtful, asked) == (1, [], [])
    find_faces(GREY, [], [fixed(Candidate(A, score=0.4))], judge)
    assert len(asked) == 1


def test_doubtful_faces_are_named_unless_another_finder_is_sure() -> None:
    unsure = fixed(Candidate(A, score=SURE_SCORE - 0.01), Candidate(B, score=0.4))
    faces, doubtful = find_faces(GREY, [], [unsure, fixed(Candidate(A + 1))])
    assert len(faces) == 1
    assert [d.tolist() for d in doubtful] == [B.tolist()]
    faces, doubtful = find_faces(GREY, [], [unsure])
    assert faces == []
    assert len(doubtful) == 2


def test_label_of_the_source_stays(astronaut_image: Image) -> None:
    candidate = Candidate(best(astronaut_image).box, label=Label.INCORRECT)
    face = align_face(astronaut_image, candidate)
    assert face.landmarks is not None
    assert face.label == Label.INCORRECT


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x07"], ids=["empty", "text", "stub"])
def test_a_file_that_is_no_yunet_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match="expected a YuNet model"):
        yunet_finder(tmp_path / "model.onnx")
