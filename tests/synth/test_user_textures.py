"""The user's own pictures: refused early where they are none, read small and once."""

from pathlib import Path

import numpy as np
import pytest

from data.exceptions import ImageError, UsageError
from data.images import write_image
from synth.user_textures import check_textures, read_texture


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with a large and a small picture, and what is passed over."""
    folder = tmp_path / "own prints \u00e4"
    write_image(folder / "b.png", np.full((700, 1400, 3), 80, np.uint8))
    write_image(folder / "a.jpg", np.full((9, 5, 3), 200, np.uint8))
    (folder / ".hidden").write_text("no picture")
    (folder / "folder").mkdir()
    return folder


def test_pictures_come_sorted(pictures: Path) -> None:
    names = check_textures(pictures)
    assert names == (str(pictures / "a.jpg"), str(pictures / "b.png"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("notes.txt", b"no picture", id="text"),
        pytest.param("empty.png", b"", id="empty"),
        pytest.param("cut.png", b"\x89PNG\r\n\x1a\n", id="truncated"),
        pytest.param("Thumbs.db", b"\x00" * 100, id="binary"),
    ],
)
def test_what_is_no_picture_is_named(pictures: Path, name: str, content: bytes) -> None:
    (pictures / name).write_bytes(content)
    with pytest.raises(UsageError, match=f"expected pictures alone.*{name}.*move that file"):
        check_textures(pictures)


def test_folders_that_hold_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the folder is empty"):
        check_textures(tmp_path)
    with pytest.raises(UsageError, match="expected a folder of pictures"):
        check_textures(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="expected a folder of pictures"):
        check_textures(tmp_path / "file")


def test_textures_are_read_small_and_once(pictures: Path) -> None:
    small, large = (read_texture(path) for path in check_textures(pictures))
    assert small.shape == (9, 5, 3)
    assert large.shape == (256, 512, 3)
    assert large.dtype == np.uint8
    assert np.unique(large) == [80]
    assert not large.flags.writeable
    assert read_texture(str(pictures / "b.png")) is large


def test_texture_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        read_texture(tmp_path / "none.png")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "print.png"
    write_image(path, np.full((20, 20, 3), 250, np.uint8))
    assert (read_texture(path) == 250).all()
    write_image(path, np.full((20, 30, 3), 9, np.uint8))
    assert (read_texture(path) == 9).all()
