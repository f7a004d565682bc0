"""What the source's own files say of a photo, and lines of the cache."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import AnnotationError
from data.files import digest
from data.images import Image
from data.labels import Label
from synth.face_model import landmarks_to_box, mean_face
from synth.faces import Face
from synth.sources import (
    CACHE_NAME,
    CACHE_VERSION,
    cache_folders,
    face_to_json,
    index_cache,
    json_to_face,
    json_to_photo,
    labelled_candidates,
    labels_digest,
    list_photos,
    photo_to_json,
    write_cache,
)

LANDMARKS = 100 * mean_face()[:, :2] + 150


def keypoint_row(name: str, values: np.ndarray = LANDMARKS) -> str:
    return ",".join([name, *(f"{v:.2f}" for v in values.ravel())])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    return tmp_path


def test_photos_are_named_below_their_source(tmp_path: Path) -> None:
    for name in ("b.jpg", "deep/a.png", "note.txt", ".hidden.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    listed = list_photos([tmp_path, tmp_path / "deep", tmp_path / "b.jpg"])
    assert [name for _, name in listed] == ["b.jpg", "deep/a.png"]
    assert [name for _, name in list_photos([tmp_path / "b.jpg"])] == ["b.jpg"]


def test_keypoints_of_a_photo(root: Path) -> None:
    (root / "keypoints68.csv").write_text(keypoint_row("a.jpg") + "\n\n" + keypoint_row("b.jpg"))
    (candidate,) = labelled_candidates(root / "images" / "a.jpg", 400, 400)
    assert candidate.landmarks == pytest.approx(LANDMARKS, abs=0.01)
    assert candidate.box == pytest.approx(landmarks_to_box(LANDMARKS), abs=0.02)
    assert candidate.label == Label.WITHOUT_MASK
    assert labelled_candidates(root / "images" / "other.jpg", 400, 400) == []
    # Only photos below images/ have such files.
    assert labelled_candidates(root / "a.jpg", 400, 400) == []


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"a.jpg,1,2,3", id="too-few"),
        pytest.param(keypoint_row("a.jpg").encode() + b",5,6", id="too-many"),
        pytest.param(b"a.jpg" + b",x" * 136, id="no-numbers"),
        pytest.param(b"a.jpg" + b",nan" * 136, id="nan"),
        pytest.param(b"a.jpg" + b",inf,1" * 68, id="infinite"),
        pytest.param(b"a.jpg" + b",5" * 136, id="all-one-point"),
        pytest.param(b"\xff\xfe" + keypoint_row("a.jpg").encode(), id="no-utf-8"),
        pytest.param(b"a.jpg", id="name-alone"),
        pytest.param(b"name,x0,y0", id="header"),
    ],
)
def test_broken_keypoints(root: Path, content: bytes) -> None:
    (root / "keypoints68.csv").write_bytes(content)
    with pytest.raises(
        AnnotationError, match=r"keypoints68\.csv: expected a name and 68 x,y pairs"
    ):
        labelled_candidates(root / "images" / "a.jpg", 400, 400)


def test_labels_of_a_photo(root: Path) -> None:
    (root / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n1 0.1 0.1 0.1 0.1\n")
    masked, bare = labelled_candidates(root / "images" / "a.jpg", 200, 100)
    assert masked.label == Label.WITH_MASK
    assert masked.box == pytest.approx([80, 30, 120, 70])
    assert bare.label == Label.WITHOUT_MASK
    (root / "labels" / "a.txt").write_text("7 0.5 0.5 0.2 0.4\n")
    with pytest.raises(AnnotationError, match=r"a\.txt"):
        labelled_candidates(root / "images" / "a.jpg", 200, 100)


def test_labels_digest_follows_the_labels(root: Path) -> None:
    path, label = root / "images" / "a.jpg", root / "labels" / "a.txt"
    assert labels_digest(path, 200, 100) == ""
    label.write_text("0 0.5 0.5 0.2 0.4\n")
    first = labels_digest(path, 200, 100)
    label.write_text("1 0.5 0.5 0.2 0.4\n")
    assert len({"", first, labels_digest(path, 200, 100)}) == 3


pixels = st.floats(-5000, 5000).map(lambda v: round(v, 2))


@given(
    st.tuples(pixels, pixels, pixels, pixels),
    st.none() | st.integers(0, 2**32 - 1),
    st.none() | st.integers(0, 2**32 - 1),
    st.sampled_from(Label),
)
def test_faces_survive_the_cache(
    box: tuple[float, ...], landmarks: int | None, five: int | None, label: Label
) -> None:
    def points(seed: int | None, count: int) -> np.ndarray | None:
        drawn = None if seed is None else np.random.default_rng(seed).uniform(0, 999, (count, 2))
        return None if drawn is None else drawn.round(2)

    face = Face(np.array(box), points(landmarks, 68), points(five, 5), label)
    again = json_to_face(face_to_json(face))
    assert again.label == label
    for key in ("box", "landmarks", "five_points"):
        left, right = getattr(face, key), getattr(again, key)
        assert (left is None) == (right is None)
        assert left is None or (left == right).all()


@pytest.fixture
def line(folder: Path, portrait: Image) -> dict[str, object]:
    face = Face(np.array([60.0, 50, 150, 160]))
    doubtful = [np.array([1.0, 2, 3, 4.567])]
    return photo_to_json(folder / "head.png", portrait, [face], doubtful, "dlib")


def test_photo_of_a_line(folder: Path, line: dict[str, object]) -> None:
    photo = json_to_photo(line, folder / "n000123_0042.png", "a/n000123_0042.png")
    assert (photo.width, photo.height) == (220, 240)
    assert photo.digest == digest(folder / "head.png")
    assert photo.identity == "n000123"
    assert photo.doubtful[0] == pytest.approx([1, 2, 3, 4.57])
    assert json_to_photo(line, folder / "x.png", "x.png").identity == photo.digest[:16]
    own = json_to_photo(line, folder / "ann-7.png", "ann-7.png", r"^([a-z]+)-")
    assert own.identity == "ann"


def read_cache(folders: list[Path], finder: str) -> dict[str, dict[str, object]]:
    return {key: json.loads(text) for key, text in index_cache(folders, finder).items()}


def test_cache_keeps_what_other_searches_found(folder: Path, line: dict[str, object]) -> None:
    other = {**line, "finder": "auto:abc"}
    assert write_cache(folder, [line])
    assert write_cache(folder, [other])
    assert read_cache([folder], "dlib") == {line["digest"]: line}
    assert read_cache([folder], "auto:abc") == {line["digest"]: other}
    assert read_cache([folder], "labels") == {}
    assert write_cache(folder, [{**line, "width": 7}])
    assert read_cache([folder], "dlib")[str(line["digest"])]["width"] == 7


def test_cache_of_another_version_is_left_out(folder: Path, line: dict[str, object]) -> None:
    old = {**line, "version": CACHE_VERSION - 1, "digest": "00"}
    assert write_cache(folder, [old, line])
    assert list(read_cache([folder], "dlib")) == [line["digest"]]


def test_only_folders_have_caches(folder: Path) -> None:
    assert cache_folders([folder, folder / "head.png"]) == [folder]
    assert read_cache([folder, folder / "none"], "dlib") == {}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"faces": [{"class": 1}]}, id="no-box"),
        pytest.param({"faces": [{"box": [1, 2, 3], "class": 1}]}, id="short-box"),
        pytest.param({"faces": [{"box": [1, 2, 3, "x"], "class": 1}]}, id="no-number"),
        pytest.param({"faces": [{"box": [1, 2, 3, float("nan")], "class": 1}]}, id="nan"),
        pytest.param({"faces": [{"box": [1, 2, 3, 4], "class": 9}]}, id="wrong-class"),
        pytest.param(
            {"faces": [{"box": [1, 2, 3, 4], "class": 1, "landmarks": [[1, 2]]}]}, id="landmarks"
        ),
        pytest.param({"faces": 5}, id="faces-no-list"),
        pytest.param({"doubtful": [[1]]}, id="doubtful"),
        pytest.param({"width": "220"}, id="width-text"),
        pytest.param({"digest": 5}, id="digest-number"),
        pytest.param({"labels": None}, id="labels-null"),
        pytest.param({"finder": ["dlib"]}, id="finder-list"),
    ],
)
def test_broken_lines_are_passed_over(
    folder: Path,
    line: dict[str, object],
    change: dict[str, object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = {**line, "digest": "f" * 64}
    assert write_cache(folder, [{**line, **change}, good])
    assert list(read_cache([folder], "dlib")) == ["f" * 64]
    assert f"{CACHE_NAME}:1: broken, passed over" in caplog.text


@given(st.binary(max_size=200))
def test_any_bytes_are_no_reason_to_fail(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    (folder / CACHE_NAME).write_bytes(content)
    assert read_cache([folder], "dlib") == {}
    assert write_cache(folder, [])
