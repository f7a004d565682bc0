"""The mean face from views: the factorisation and its program."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.exceptions import NoFacesError
from data.images import Image, write_image
from data.labels import Label
from synth.face_model import Floats, landmarks_to_box, mean_face
from synth.faces import Face
from synth.sources import Photo
from synth.structure import (
    MIN_FACES,
    MIRROR,
    cauchy_weights,
    factorise,
    main,
    model_to_text,
    normalise,
    orient,
    photos_to_landmarks,
)

MakeRotation = Callable[[float, float, float], Floats]


def _views(rotate: MakeRotation, rng: np.random.Generator, count: int, noise: float) -> Floats:
    """(count, 68, 2) pictures of the mean face turned up to 35 degrees each way."""
    turned = [
        rng.uniform(60, 300) * mean_face() @ rotate(*pose)[:2].T + rng.uniform(0, 900, 2)
        for pose in rng.uniform(-35, 35, (count, 3))
    ]
    sizes = np.array([np.ptp(view[:, 1]) for view in turned])
    return np.asarray(turned + sizes[:, None, None] * rng.normal(0, noise, (count, 68, 2)))


def test_mirror_is_its_own_inverse() -> None:
    assert MIRROR[MIRROR].tolist() == list(range(68))
    assert sorted(MIRROR) == list(range(68))


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_shape_is_recovered_exactly_without_noise(rotate: MakeRotation, seed: int) -> None:
    views = _views(rotate, np.random.default_rng(seed), 30, 0)
    assert factorise(views) == pytest.approx(mean_face(), abs=1e-3)


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_shape_is_recovered_from_noisy_views(rotate: MakeRotation, seed: int) -> None:
    views = _views(rotate, np.random.default_rng(seed), 100, 0.01)
    assert factorise(views) == pytest.approx(mean_face(), abs=0.03)


def test_failed_searches_count_little(rotate: MakeRotation) -> None:
    """One landmark set in ten is rubbish."""
    rng = np.random.default_rng(3)
    views = _views(rotate, rng, 200, 0.005)
    views[::10] += rng.normal(0, 40, (20, 68, 2))
    assert factorise(views) == pytest.approx(mean_face(), abs=0.05)


@given(st.floats(0.1, 100), st.floats(-170, 170), st.booleans(), st.booleans())
def test_orientation_undoes_any_turn(
    rotate: MakeRotation, scale: float, angle: float, flip_x: bool, flip_z: bool
) -> None:
    turn = rotate(angle, angle / 3, -angle) * [-1 if flip_x else 1, 1, -1 if flip_z else 1]
    assert orient(scale * mean_face() @ turn.T + 7) == pytest.approx(mean_face(), abs=0.002)


def test_normalised_views_are_centred_and_of_one_size() -> None:
    views = normalise(np.random.default_rng(0).uniform(0, 400, (5, 68, 2)))
    assert views.mean(axis=1) == pytest.approx(np.zeros((5, 2)), abs=1e-9)
    assert (views**2).sum(axis=(1, 2)) == pytest.approx(np.full(5, 68))
    assert np.isfinite(normalise(np.zeros((1, 68, 2)))).all()


def test_weights_fall_with_the_residual() -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(68, 3)))[0]
    views = np.stack([rng.normal(size=(3, 2)).T @ basis.T for _ in range(9)]).transpose(0, 2, 1)
    noise = np.arange(9)[:, None, None] * 0.01
    weights = cauchy_weights(views + noise * rng.normal(size=views.shape), basis)
    assert (np.diff(weights) < 0).all()
    assert weights[0] == pytest.approx(1, abs=1e-3)


def test_too_few_faces_are_refused(rotate: MakeRotation) -> None:
    views = _views(rotate, np.random.default_rng(0), MIN_FACES - 1, 0)
    with pytest.raises(NoFacesError, match=f"{MIN_FACES} faces with landmarks or more, but got 19"):
        factorise(views)


def test_faces_that_all_look_the_same_way_are_refused(rotate: MakeRotation) -> None:
    sizes = np.linspace(50, 200, 30)[:, None, None]
    with pytest.raises(NoFacesError, match="all look the same way"):
        factorise(sizes * mean_face()[:, :2])


def test_text_is_what_the_model_is_read_from(tmp_path: Path) -> None:
    shape = mean_face()
    (tmp_path / "model.csv").write_text(model_to_text(shape))
    read = np.loadtxt(tmp_path / "model.csv", delimiter=",", skiprows=1)
    assert read == pytest.approx(shape, abs=5e-4)
    assert model_to_text(np.full((68, 3), -1e-9)).splitlines()[1] == "0.000,0.000,0.000"


def test_only_large_bare_faces_count() -> None:
    def face(height: float, label: Label = Label.WITHOUT_MASK) -> Face:
        landmarks = height / 1.5 * mean_face()[:, :2]
        return Face(landmarks_to_box(landmarks), landmarks, label=label)

    faces = (face(200), face(20), face(200, Label.WITH_MASK), Face(np.array([0.0, 0, 99, 99])))
    photo = Photo(Path("a.jpg"), "a.jpg", "00", "a", 300, 300, faces, ())
    assert photos_to_landmarks([photo]).shape == (1, 68, 2)
    assert photos_to_landmarks([]).shape == (0, 68, 2)


def test_program_says_when_there_are_too_few_faces(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "model.csv"
    assert main([str(folder), "--out", str(out), "--workers", "1"]) == 1
    assert "faces with landmarks or more, but got 1" in caplog.text
    assert not out.exists()


def test_program_writes_the_model(
    tmp_path: Path, portrait: Image, rotate: MakeRotation, caplog: pytest.LogCaptureFixture
) -> None:
    """Landmarks come from the source's own file, so that nothing is searched."""
    caplog.set_level(logging.INFO)
    views = _views(rotate, np.random.default_rng(5), 40, 0)
    rows = []
    for number, view in enumerate(views):
        name = f"{number:02d}.png"
        shade = np.full_like(portrait[:8, :8], number)
        write_image(tmp_path / "images" / name, shade)
        rows.append(",".join([name, *(repr(float(v)) for v in view.ravel())]))
    (tmp_path / "keypoints68.csv").write_text("\n".join(rows))
    out = tmp_path / "model.csv"
    assert main([str(tmp_path / "images"), "--out", str(out), "--workers", "1"]) == 0
    read = np.loadtxt(out, delimiter=",", skiprows=1)
    assert read == pytest.approx(mean_face(), abs=0.002)
    assert "from 40 faces, 0 photos unreadable" in caplog.text
