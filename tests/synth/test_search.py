"""The search over folders: what is kept, what is used again, what is passed over."""

import json
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
import pytest

from data.exceptions import DatasetError
from data.images import Image, write_image
from data.pool import open_executor
from synth.search import Search, search_photos
from synth.sources import CACHE_NAME, Photo

DLIB = Search("dlib")
LABELS = Search("labels")
MARK = [1.0, 2.0, 33.0, 44.0]


@pytest.fixture
def executor():
    with open_executor(1) as executor:
        yield executor


def boxes(photos: list[Photo]) -> list[list[float]]:
    return [face.box.tolist() for photo in photos for face in photo.faces]


def edit(folder: Path, **change: object) -> None:
    """Change the first line of the cache: what shows up again wasn't searched."""
    path = folder / CACHE_NAME
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(first), **change}), *rest]) + "\n")


def mark(folder: Path) -> None:
    edit(folder, faces=[{"box": MARK, "class": 1}])


def test_face_is_found_and_kept(folder: Path, executor: Executor) -> None:
    photos, faults = search_photos([folder], DLIB, executor)
    assert faults == []
    assert [p.name for p in photos] == ["head.png"]
    (box,) = boxes(photos)
    assert box == pytest.approx([60, 53, 152, 160], abs=8)
    (line,) = (folder / CACHE_NAME).read_text().splitlines()
    assert json.loads(line)["finder"] == "dlib"


def test_what_was_found_is_not_searched_again(folder: Path, executor: Executor) -> None:
    search_photos([folder], DLIB, executor)
    mark(folder)
    steps: list[tuple[int, int]] = []
    again, _ = search_photos([folder], DLIB, executor, progress=lambda *step: steps.append(step))
    assert boxes(again) == [MARK]
    assert steps == []
    # The same bytes at another place.
    (folder / "head.png").rename(folder / "moved.png")
    moved, _ = search_photos([folder], DLIB, executor)
    assert [p.name for p in moved] == ["moved.png"]
    assert boxes(moved) == [MARK]


def test_another_search_is_not_mistaken(folder: Path, executor: Executor) -> None:
    search_photos([folder], DLIB, executor)
    mark(folder)
    assert boxes(search_photos([folder], LABELS, executor)[0]) == []
    assert boxes(search_photos([folder], DLIB, executor)[0]) == [MARK]


def test_changed_bytes_are_searched_again(
    folder: Path, executor: Executor, portrait: Image
) -> None:
    search_photos([folder], DLIB, executor)
    mark(folder)
    write_image(folder / "head.png", np.ascontiguousarray(portrait[:, ::-1]))
    photos, _ = search_photos([folder], DLIB, executor)
    assert boxes(photos) != [MARK]
    assert boxes(photos)[0] == pytest.approx([68, 53, 160, 160], abs=8)


def test_changed_labels_are_searched_again(
    tmp_path: Path, executor: Executor, portrait: Image
) -> None:
    write_image(tmp_path / "images" / "a.png", portrait)
    label = tmp_path / "labels" / "a.txt"
    label.parent.mkdir()
    label.write_text("0 0.5 0.5 0.1 0.1\n")
    photos, _ = search_photos([tmp_path], LABELS, executor)
    assert [int(f.label) for f in photos[0].faces] == [0]
    mark(tmp_path)
    assert boxes(search_photos([tmp_path], LABELS, executor)[0]) == [MARK]
    label.write_text("2 0.5 0.5 0.1 0.1\n")
    photos, _ = search_photos([tmp_path], LABELS, executor)
    assert [int(f.label) for f in photos[0].faces] == [2]
    label.unlink()
    assert boxes(search_photos([tmp_path], LABELS, executor)[0]) == []


def test_broken_line_is_searched_again(
    folder: Path, executor: Executor, portrait: Image, caplog: pytest.LogCaptureFixture
) -> None:
    write_image(folder / "mirror.png", np.ascontiguousarray(portrait[:, ::-1]))
    first, _ = search_photos([folder], DLIB, executor)
    lines = (folder / CACHE_NAME).read_text().splitlines()
    (folder / CACHE_NAME).write_text(lines[0][:100] + "\n" + lines[1] + "\n")
    second, _ = search_photos([folder], DLIB, executor)
    assert boxes(second) == boxes(first)
    assert "broken, passed over" in caplog.text
    assert len((folder / CACHE_NAME).read_text().splitlines()) == 2


def test_folder_that_cannot_be_written_only_warns(
    folder: Path, executor: Executor, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder in the cache's place, which no rights can get around."""
    (folder / CACHE_NAME).mkdir()
    photos, faults = search_photos([folder], DLIB, executor)
    assert len(photos[0].faces) == 1
    assert faults == []
    assert "can't keep the faces that were found" in caplog.text
    assert sorted(p.name for p in folder.iterdir()) == [CACHE_NAME, "head.png"]


def test_single_files_get_no_cache(folder: Path, executor: Executor) -> None:
    photos, _ = search_photos([folder / "head.png"], DLIB, executor)
    assert len(photos[0].faces) == 1
    assert not (folder / CACHE_NAME).exists()


def test_unreadable_photos_are_told_and_passed_over(folder: Path, executor: Executor) -> None:
    (folder / "a_text.jpg").write_text("not a picture")
    (folder / "b_empty.png").touch()
    cut = (folder / "head.png").read_bytes()[:5000]
    (folder / "c_cut.png").write_bytes(cut)
    photos, faults = search_photos([folder], LABELS, executor)
    assert [p.name for p in photos] == ["head.png"]
    assert [f.split(":")[0].rsplit("/", 1)[1] for f in faults] == [
        "a_text.jpg",
        "b_empty.png",
        "c_cut.png",
    ]


def test_broken_labels_are_told_and_passed_over(
    tmp_path: Path, executor: Executor, portrait: Image
) -> None:
    for name in ("a.png", "b.png"):
        write_image(tmp_path / "images" / name, portrait[: 100 + ord(name[0])])
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("one two three")
    photos, faults = search_photos([tmp_path / "images"], LABELS, executor)
    assert [p.name for p in photos] == ["b.png"]
    assert len(faults) == 1
    assert "a.txt" in faults[0]


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_nothing_to_search(tmp_path: Path, executor: Executor, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=name):
        search_photos([tmp_path / name], DLIB, executor)


def test_name_of_a_search(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"1")
    first = Search("auto", model).name()
    model.write_bytes(b"2")
    assert first != Search("auto", model).name()
    assert first.startswith("auto:")
    assert Search("dlib", model).name() == "dlib"
    assert Search("labels").name() == "labels"
    assert Search("auto", tmp_path / "missing.onnx").name() == "auto"
    assert Search("auto").name().startswith("auto")


def test_name_of_a_search_says_who_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"1")
    judged, alone = Search("auto", model).name(), Search("detector", model).name()
    assert len(judged) > len(alone)
    monkeypatch.setattr("synth.search.synthetic_weights", lambda: model)
    assert Search("auto", model).name() != judged
    assert Search("detector", model).name() == alone
