import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import DatasetError, ImageError
from data.images import (
    Image,
    decode_image,
    encode_image,
    find_images,
    is_truncated,
    read_image,
    write_image,
)


def _photo(suffix: str) -> bytes:
    """A textured picture, encoded."""
    noise = np.random.default_rng(3).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    return encode_image(cv2.GaussianBlur(noise, (5, 5), 0), suffix)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.99])
def test_truncated_picture_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    content = _photo(suffix)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ImageError, match=r"a\.(jpg|png): .*(truncated|decoded)"):
        read_image(path)


def test_real_photos_are_whole_and_their_halves_are_not(
    astronaut: Path, zidane: Path, bus: Path
) -> None:
    for path in (astronaut, zidane, bus):
        content = path.read_bytes()
        assert not is_truncated(content)
        assert is_truncated(content[: len(content) // 2])


def test_jpeg_cut_after_its_thumbnail_is_truncated() -> None:
    """The thumbnail's own end marker must not be taken for the picture's."""
    thumbnail = b"\xff\xd8\xff\xda..\xff\xd9"
    scan = b"\xff\xda" + b"\x12" * 50
    assert is_truncated(b"\xff\xd8\xff\xe1" + thumbnail + scan)
    assert not is_truncated(b"\xff\xd8\xff\xe1" + thumbnail + scan + b"\xff\xd9")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="text"),
        pytest.param(b"\xff\xd8\xff\xda\xff\xd9", id="markers-only"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\0" * 20 + b"IEND", id="hollow-png"),
        pytest.param(b"GIF89a", id="hollow-gif"),
        pytest.param(b"BM" + struct.pack("<I", 10**9) + b"\0" * 60, id="hollow-bmp"),
    ],
)
def test_no_picture(content: bytes) -> None:
    with pytest.raises(ImageError, match=r"^it: "):
        decode_image(content, "it")


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM"])
)
def test_hostile_bytes_give_a_picture_or_one_error(tail: bytes, head: bytes) -> None:
    try:
        image = decode_image(head + tail, "it")
    except ImageError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [(1, False), (3, False), (6, True), (8, True)],
)
def test_exif_orientation_is_honoured(
    oriented_jpeg: Callable[[Image, int], bytes],
    astronaut_image: Image,
    orientation: int,
    turned: bool,
) -> None:
    photo = astronaut_image[:100, :160]
    upright = decode_image(oriented_jpeg(photo, orientation), "it")
    assert upright.shape[:2] == ((160, 100) if turned else (100, 160))
    rotations = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
    expected = cv2.rotate(photo, rotations[orientation]) if orientation != 1 else photo
    assert np.abs(upright.astype(int) - expected).mean() < 6


def test_png_round_trip_is_exact(tmp_path: Path, astronaut_image: Image) -> None:
    write_image(tmp_path / "a.png", astronaut_image)
    assert np.array_equal(read_image(tmp_path / "a.png"), astronaut_image)


@pytest.mark.parametrize("suffix", ["", ".xyz", "jpg"])
def test_unknown_format_writes_nothing(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ImageError, match="encode"):
        write_image(tmp_path / f"a{suffix}", np.zeros((4, 4, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_missing_picture(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="can't be read"):
        read_image(tmp_path / "none.jpg")


def test_find_images_sorts_and_drops_repeats(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "deep/c.jpeg", ".hidden.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = find_images([tmp_path / "b.JPG", tmp_path, str(tmp_path / "*.png")])
    assert [p.name for p in found] == ["b.JPG", "a.png", "c.jpeg"]
    assert find_images([tmp_path / "notes.txt"]) == [tmp_path / "notes.txt"]


@pytest.mark.parametrize("source", ["none", "none*.jpg", "empty"])
def test_find_images_without_pictures(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="found none"):
        find_images([tmp_path / source])
