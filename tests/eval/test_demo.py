"""The demo's parts: its folder, its samples, its report's pieces. The whole runs in tests/cli."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from data.exceptions import DatasetError, MissingExtraError, NoFacesError, UsageError
from data.files import digest
from data.images import Image
from data.splits import identity_to_split, stem_to_identity
from detector.draw import class_colour, draw_boxes
from eval.demo.folder import building, check_place
from eval.demo.loop import Settings, check_settings
from eval.demo.page import _row, next_commands
from eval.demo.samples import VAL_FRACTION, check_extras, choose_seed, copy_photos
from synth.faces import Face
from synth.sources import Photo


def build(out: Path, text: str = "new") -> None:
    """What a demo does to its folder, in small."""
    with building(out, {"seed": 0}) as root:
        (root / "set").mkdir()
        (root / "set" / "data.txt").write_text(text)


def build_half(out: Path, stop: type[BaseException]) -> None:
    with building(out, {}) as root:
        (root / "half").touch()
        raise stop


def build_beside(out: Path) -> None:
    with building(out, {}):
        out.mkdir()
        (out / "mine.txt").touch()


@pytest.fixture
def hidden(tmp_path: Path):
    """Names in the folder that no user would see."""
    return lambda: [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("before", ["nothing", "empty", "demo"])
def test_a_new_demo_takes_its_place(tmp_path, hidden, before):
    out = tmp_path / "deep" / "demo" if before == "nothing" else tmp_path / "demo"
    if before == "empty":
        out.mkdir()
    if before == "demo":
        build(out, "old")
        # What browsing and training leave behind is in nobody's way.
        (out / ".DS_Store").touch()
        (out / "set" / "train.cache").touch()
    build(out)
    assert (out / "set" / "data.txt").read_text() == "new"
    marker = json.loads((out / "demo.json").read_text())
    assert marker == {"seed": 0, "files": ["set/data.txt"]}
    assert sorted(path.name for path in out.iterdir()) == ["demo.json", "set"]
    assert hidden() == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError, DatasetError])
@pytest.mark.parametrize("before", ["nothing", "demo"])
def test_what_ends_early_leaves_everything_as_it_was(tmp_path, hidden, stop, before):
    out = tmp_path / "demo"
    if before == "demo":
        build(out, "old")
    with pytest.raises(stop):
        build_half(out, stop)
    assert hidden() == []
    assert out.exists() == (before == "demo")
    if before == "demo":
        assert (out / "set" / "data.txt").read_text() == "old"


def test_what_comes_in_between_stays(tmp_path, hidden):
    """A file that appears at the place while the demo is being built."""
    out = tmp_path / "demo"
    with pytest.raises(DatasetError, match="new or empty"):
        build_beside(out)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert hidden() == []


def test_files_of_the_user_are_in_the_way(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("x")
    with pytest.raises(DatasetError, match="new or empty folder, or an earlier demo's"):
        check_place(other)
    (other / "demo.json").write_text('{"files": 3}')
    with pytest.raises(DatasetError, match="new or empty folder"):
        check_place(other)
    with pytest.raises(DatasetError, match="it is a file"):
        check_place(other / "thesis.txt")
    build(tmp_path / "demo")
    (tmp_path / "demo" / "set" / "own.jpg").touch()
    with pytest.raises(DatasetError, match=r"holds set/own\.jpg, which the demo didn't make"):
        check_place(tmp_path / "demo")


@pytest.mark.parametrize("where", [".", "inner"])
def test_the_current_folder_is_not_pulled_away(tmp_path, monkeypatch, where):
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / where)
    with pytest.raises(UsageError, match="other than the current one"):
        check_place(tmp_path)


@pytest.fixture
def photos(tmp_path) -> list[Photo]:
    """The sample photos, each with a face."""
    face = Face(np.array([10.0, 10, 50, 60]))
    found = []
    for path in copy_photos(tmp_path / "photos"):
        key = digest(path)
        who = stem_to_identity(path.stem, key)
        found.append(Photo(path, path.name, key, who, 100, 100, (face,), ()))
    return found


def validating(photos: list[Photo], seed: int) -> list[str]:
    return [
        p.path.stem for p in photos if identity_to_split(p.identity, VAL_FRACTION, seed) == "val"
    ]


def test_every_seed_validates_on_one_photo(photos):
    seeds = [choose_seed(photos, seed) for seed in range(30)]
    assert [validating(photos, seed) for seed in seeds] == [["zidane"]] * 30
    assert len(set(seeds)) == 30


def test_without_faces_in_its_photo_another_validates(photos):
    fewer = [replace(p, faces=()) if p.path.stem == "zidane" else p for p in photos]
    usable = [p for p in fewer if p.faces]
    assert validating(usable, choose_seed(fewer, 0)) == [usable[0].path.stem]


def test_two_photos_with_faces_are_needed(photos):
    bare = [replace(p, faces=()) for p in photos[1:]]
    with pytest.raises(NoFacesError, match="found some in 1"):
        choose_seed([photos[0], *bare], 0)


@pytest.mark.parametrize("module", ["dlib", "jinja2", "skimage", "ultralytics"])
def test_missing_parts_are_named_with_the_line_that_installs_all(monkeypatch, module):
    # None is how Python itself marks a module that can't be had.
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(MissingExtraError) as error:
        check_extras()
    assert str(error.value) == (
        f"this needs {module}, which isn't installed; "
        "run: uv sync --extra synth --extra train --extra eval --extra demo"
    )


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        pytest.param(Settings(pictures=11), "--pictures from 12", id="pictures"),
        pytest.param(Settings(epochs=0), "--epochs from 1", id="epochs"),
        pytest.param(Settings(seed=-1), "--seed from 0", id="seed"),
        pytest.param(Settings(seed=10**7), "--seed from 0", id="seed-high"),
    ],
)
def test_settings_out_of_range(settings, name):
    with pytest.raises(UsageError, match=name):
        check_settings(settings)


def test_commands_quote_what_a_shell_would_split():
    lines = next_commands(Path("my demo"))
    assert "maskwatch predict 'my demo/photos' --save found" in lines
    assert "maskwatch eval 'my demo/set' --weights 'my demo/few-steps'/maskwatch.onnx" in lines


@pytest.mark.parametrize(
    ("shapes", "height"),
    [
        pytest.param([(720, 1280)], 810, id="one-fills-the-width"),
        pytest.param([(1000, 500)], 1080, id="one-upright-is-not-higher-than-the-page"),
        pytest.param([(100, 100), (300, 300)], 714, id="two-of-one-height"),
    ],
)
def test_rows_fill_the_width_and_scale_boxes(shapes, height):
    tiles: list[tuple[Image, Boxes]] = [
        (np.zeros((*shape, 3), np.uint8), Boxes(np.array([[0.0, 0, shape[1], shape[0]]]), [0]))
        for shape in shapes
    ]
    row = _row(tiles, draw_boxes)
    assert row.shape == (height, 1440, 3)
    # A box around the whole picture: its lower edge lies on the row's last lines.
    assert (row[-3:, 20] == class_colour(0)).all(axis=-1).any()


def test_copied_photos_are_those_of_the_packages(tmp_path, astronaut, zidane, bus):
    copies = copy_photos(tmp_path / "photos")
    for copy, original in zip(copies, (astronaut, zidane, bus), strict=True):
        assert copy.read_bytes() == original.read_bytes()
    shutil.rmtree(tmp_path / "photos")
