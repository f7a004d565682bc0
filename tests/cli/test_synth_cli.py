"""`maskwatch synth`: exit codes, messages, and what is left behind."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.images import Image, read_image, write_image
from data.manifest import read_manifest
from eval.cli.main import main

DLIB = ("--faces", "dlib", "--workers", "1")


@pytest.fixture
def photos(tmp_path: Path, astronaut: Path) -> Path:
    """A folder of one photo with one face."""
    write_image(tmp_path / "photos" / "head.png", read_image(astronaut)[20:260, 120:340].copy())
    return tmp_path / "photos"


def synth(*arguments: object) -> int:
    return main(["synth", *(str(a) for a in arguments)])


def the_error(capsys: pytest.CaptureFixture[str]) -> str:
    """The error's line, which is one and the last; progress may stand before it."""
    *before, last = capsys.readouterr().err.splitlines()
    assert last.startswith("maskwatch: error: ")
    assert all(re.match(r"(faces|pictures): \d+ of \d+", line) for line in before), before
    return last


def test_faces_in_data_set_out(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "text.jpg").write_text("not a picture")
    out = tmp_path / "set"
    assert synth(photos, "--out", out, "--count", 4, "--mix", "0,1,0", *DLIB) == 0
    said = capsys.readouterr()
    assert re.search(r"set: 4 pictures, \d+ without_mask\n", said.out)
    assert "passed over: 1 unreadable photos, 0 without a face" in said.out
    assert re.search(r"maskwatch: passed over: .*text\.jpg", said.err)
    assert len(list((out / "images").rglob("*.jpg"))) == 4
    assert main(["check", str(out)]) == 0


def test_same_seed_same_bytes(photos: Path, tmp_path: Path) -> None:
    def content(name: str, *options: object) -> dict[str, bytes]:
        root = tmp_path / name
        assert synth(photos / "head.png", "--out", root, "--count", 3, *options, *DLIB) == 0
        files = (p for p in root.rglob("*") if p.is_file() and p.name != "data.yaml")
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in files}

    first = content("first", "--seed", 3)
    assert content("again", "--seed", 3) == first
    assert not set(content("other", "--seed", 4).values()) & set(first.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(["--count", "0"], "--count of 1 or more, but got 0", id="no-picture"),
        pytest.param(["--workers", "0"], "--workers of 1 or more, but got 0", id="no-worker"),
        pytest.param(["--seed", "-1"], "--seed of 0 or more, but got -1", id="seed"),
        pytest.param(["--val", "1"], "--val from 0 to below 1, but got 1.0", id="all-val"),
        pytest.param(["--val", "nan"], "--val from 0 to below 1, but got nan", id="nan"),
        pytest.param(["--mix", "1,2"], "--mix W,N,I such as", id="mix"),
        pytest.param(["--identity", "(["], "expected --identity REGEX, but got '(['", id="regex"),
        pytest.param(["--sheet", "x.png"], "--out DIR for a data set, or --sheet", id="both"),
    ],
)
def test_wrong_values_exit_with_2(
    options: list[str],
    message: str,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert synth(photos, "--out", tmp_path / "set", *options) == 2
    assert message in the_error(capsys)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("options", [["--faces", "haar"], ["--count", "many"]], ids=str)
def test_wrong_usage_exits_with_2(options: list[str], photos: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        synth(photos, "--out", tmp_path / "set", *options)
    assert end.value.code == 2


def test_neither_set_nor_sheet(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert synth(photos) == 2
    assert "--out DIR for a data set, or --sheet PNG" in the_error(capsys)


@pytest.mark.parametrize("workers", [1, 2])
def test_photos_without_faces(
    workers: int, tmp_path: Path, bus_image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(tmp_path / "photos" / "wheel.png", bus_image[640:720, 320:400].copy())
    options = ("--faces", "dlib", "--workers", workers)
    assert synth(tmp_path / "photos", "--out", tmp_path / "set", *options) == 1
    assert "expected faces in" in the_error(capsys)
    assert not (tmp_path / "set").exists()


def test_a_text_file_as_the_only_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    assert synth(tmp_path / "text.jpg", "--out", tmp_path / "set", *DLIB) == 1
    error = the_error(capsys)
    assert "found none in 0 photos (1 unreadable, the first: " in error
    assert "text.jpg: expected a picture" in error


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("empty", "expected pictures in this folder, but found none", id="empty"),
        pytest.param("missing", "expected a picture, a folder or a pattern", id="missing"),
    ],
)
def test_no_pictures(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert synth(tmp_path / name, "--out", tmp_path / "set", *DLIB) == 1
    assert message in the_error(capsys)
    assert not (tmp_path / "set").exists()


def test_output_in_the_way(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").write_text("precious")
    assert synth(photos, "--out", tmp_path / "set", *DLIB) == 1
    assert "expected a new or empty folder; choose another --out" in the_error(capsys)
    assert (tmp_path / "set" / "mine.txt").read_text() == "precious"


def test_output_that_cannot_be_written(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the place of its parent folder, which no rights can get around."""
    (tmp_path / "file").touch()
    assert synth(photos, "--out", tmp_path / "file" / "set", "--count", 1, *DLIB) == 1
    assert str(tmp_path / "file") in the_error(capsys)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_that_is_none(
    workers: int, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.onnx").write_text("no model")
    options = ("--face-model", tmp_path / "model.onnx", "--workers", workers)
    assert synth(photos, "--out", tmp_path / "set", *options) == 1
    assert "expected a YuNet model (ONNX)" in the_error(capsys)


def test_contact_sheet(
    photos: Path, tmp_path: Path, bus_image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synth(photos / "head.png", "--sheet", tmp_path / "sheet.png") == 0
    assert "every style in every state" in capsys.readouterr().out
    height, width = read_image(tmp_path / "sheet.png").shape[:2]
    assert min(height, width) > 800
    write_image(tmp_path / "wheel.png", bus_image[640:720, 320:400].copy())
    assert synth(tmp_path / "wheel.png", "--sheet", tmp_path / "none.png") == 1
    assert "expected a face for the sheet" in the_error(capsys)
    assert not (tmp_path / "none.png").exists()


def test_a_recipe_and_own_pictures_reach_the_manifest(
    photos: Path, tmp_path: Path, astronaut: Path
) -> None:
    textures, cutouts = tmp_path / "textures", tmp_path / "cutouts"
    write_image(textures / "rocket.png", read_image(astronaut)[:200, :200].copy())
    cup = np.full((40, 30, 4), (30, 60, 200, 255), np.uint8)
    cup[:5] = 0
    cutouts.mkdir()
    assert cv2.imwrite(str(cutouts / "cup.png"), cup)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        "texture_share = 1\ninstead = 1\nfront = 0\nnegatives = 0\n[styles]\ncup = 1\n"
    )
    out = tmp_path / "set"
    options = ("--config", recipe, "--textures", textures, "--occluders", cutouts)
    assert synth(photos, "--out", out, "--count", 24, "--mix", "1,1,0", *options, *DLIB) == 0
    faces = [face for picture in read_manifest(out) for face in picture.boxes]
    masked = [face for face in faces if face.label == "with_mask"]
    assert {(face.style, face.texture) for face in masked} == {("cup", "file:rocket.png")}
    bare = [face for face in faces if face.label == "without_mask"]
    assert all(face.occluders for face in bare)
    assert any("file:cup.png" in face.occluders for face in bare)


@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        pytest.param("--textures", "text", "expected pictures alone", id="texture"),
        pytest.param("--occluders", "text", "file.png", id="cutout"),
        pytest.param("--config", "beards = 1", "expected keys among", id="recipe"),
    ],
)
def test_wrong_files_exit_with_2_and_leave_nothing(
    option: str,
    content: str,
    message: str,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "own").mkdir()
    file = tmp_path / "own" / "file.png"
    file.write_text(content)
    value = file if option == "--config" else file.parent
    assert synth(photos, "--out", tmp_path / "set", option, value, *DLIB) == 2
    assert message in the_error(capsys)
    assert not (tmp_path / "set").exists()
