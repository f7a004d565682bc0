"""Pictures out of real files and folders."""

import struct

import numpy as np
import pytest

from data.exceptions import VideoError
from data.images import write_image
from detector.video.capture import Notes, read_once
from detector.video.sources import parse_sources


def _read(path):
    (source,) = parse_sources([str(path)])
    return list(read_once(source, Notes(source.name), 1.0))


def test_every_frame_in_order_with_its_own_time(make_clip, make_picture):
    times = [0.0, 0.04, 0.1, 0.5, 0.54, 2.0]
    grabs = _read(make_clip(len(times), times=times))
    assert [round(g.time - grabs[0].time, 3) for g in grabs] == times
    for number, grab in enumerate(grabs):
        wrong = np.abs(grab.to_bgr().astype(int) - make_picture(number))
        assert wrong.mean() < 6  # what compression does


def test_a_long_clip_loses_nothing(make_clip):
    assert len(_read(make_clip(300))) == 300


def test_odd_sides_are_padded_by_their_last_pixels(make_clip):
    assert _read(make_clip(3, size=(63, 65)))[0].to_bgr().shape == (64, 66, 3)


def test_a_telephone_s_picture_is_turned_upright(make_clip):
    path = make_clip(3, size=(48, 64))
    # The matrix of a track header (ISO/IEC 14496-12, 8.3.2), turned by 90 degrees clockwise.
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4 + 40
    content[start : start + 36] = struct.pack(">9i", *(v << 16 for v in (0, 1, 0, -1, 0)), *(
        (48 << 16), 0, 0, 1 << 30))  # fmt: skip
    path.write_bytes(content)
    image = _read(path)[0].to_bgr()
    assert image.shape == (64, 48, 3)
    red = np.argwhere(image[..., 2].astype(int) - image[..., 1] > 80).mean(axis=0)
    # The square lies at rows 24 to 32, columns 0 to 8 of the lying picture.
    np.testing.assert_allclose(red, [4, 48 - 28], atol=2)


def test_a_folder_of_frames(tmp_path, make_picture, caplog):
    for number in range(3):
        write_image(tmp_path / f"{number}.png", make_picture(number * 4))
    (tmp_path / "1b.png").write_bytes(b"no picture")
    grabs = _read(tmp_path)
    assert [g.time for g in grabs] == [0.0, 0.04, 0.12]
    np.testing.assert_array_equal(grabs[2].to_bgr(), make_picture(8))
    assert "1b.png" in caplog.text


@pytest.mark.parametrize(
    "content",
    [pytest.param(b"", id="empty"), pytest.param(b"no video at all " * 99, id="text")],
)
def test_what_is_no_video(tmp_path, content):
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"x\.mp4"):
        _read(path)


def test_a_video_cut_off_gives_what_is_whole(make_clip):
    path = make_clip(200)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    assert 20 < len(_read(path)) < 200


def test_damage_in_the_middle_is_named_once(make_clip, caplog):
    path = make_clip(100)
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    middle = slice(len(content) // 3, len(content) // 3 + 400)
    content[middle] = rng.integers(0, 256, 400, dtype=np.uint8).tobytes()
    path.write_bytes(content)
    assert len(_read(path)) > 20
    assert caplog.text.count("broken data") <= 1


@pytest.mark.parametrize(
    "folder", [pytest.param(True, id="folder"), pytest.param(False, id="glob")]
)
def test_nothing_to_see(tmp_path, folder):
    with pytest.raises(VideoError):
        _read(tmp_path if folder else tmp_path / "*.png")
