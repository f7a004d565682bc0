"""Videos on disk, whole and torn."""

import subprocess
import sys

import av
import numpy as np
import pytest

from data.exceptions import UsageError
from detector.video.capture import Notes, read_once
from detector.video.sources import parse_sources
from detector.video.writer import VideoWriter, choose_encoder, fit_into


def _times(path):
    (source,) = parse_sources([str(path)])
    return [grab.time for grab in read_once(source, Notes("a"), 1.0)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_frames_keep_their_times(tmp_path, make_picture, make_result, suffix):
    path = tmp_path / "deep" / f"x{suffix}"
    times = [0.0, 0.1, 0.15, 3.0, 3.5]
    with VideoWriter(path, "a") as write:
        for number, moment in enumerate(times):
            image = make_picture(number)
            write(make_result(image, moment), image)
            write(make_result(image, moment, source="other"), image)
    np.testing.assert_allclose(_times(path), times, atol=0.002)


def test_times_that_stand_still_are_kept_apart(tmp_path, make_picture, make_result):
    path = tmp_path / "x.mp4"
    with VideoWriter(path, "a") as write:
        for _ in range(5):
            write(make_result(make_picture()), make_picture())
    assert len(set(_times(path))) == 5


def test_another_size_midway_is_fitted(tmp_path, make_picture, make_result):
    path = tmp_path / "x.mp4"
    with VideoWriter(path, "a") as write:
        for number, side in enumerate((64, 64, 32, 128)):
            image = make_picture(0, side, side)
            write(make_result(image, number), image)
    with av.open(str(path)) as container:
        assert {(f.height, f.width) for f in container.decode(video=0)} == {(64, 64)}


@pytest.mark.parametrize(
    ("size", "into"),
    [
        pytest.param((64, 64), (64, 64), id="same"),
        pytest.param((63, 64), (64, 64), id="odd"),
        pytest.param((32, 64), (64, 64), id="flatter"),
        pytest.param((640, 64), (64, 66), id="taller"),
        pytest.param((1, 1), (64, 2), id="tiny"),
    ],
)
def test_fitting(size, into):
    image = np.full((*size, 3), 200, np.uint8)
    fitted = fit_into(image, into)
    assert fitted.shape == (*into, 3)
    assert (fitted == 200).any()


def test_without_a_frame_an_older_file_stays(tmp_path):
    path = tmp_path / "x.mp4"
    path.write_bytes(b"older")
    with VideoWriter(path, "a"):
        pass
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize("name", ["x.gif", "x"])
def test_unknown_suffixes(tmp_path, name):
    with pytest.raises(UsageError, match=r"\.mp4"):
        VideoWriter(tmp_path / name, "a")


def test_a_folder_in_the_way(tmp_path, make_picture, make_result):
    (tmp_path / "x.mp4").mkdir()
    write = VideoWriter(tmp_path / "x.mp4", "a")

    def run():
        with write:
            for _ in range(20):
                write(make_result(make_picture()), make_picture())

    with pytest.raises(OSError, match=r"x\.mp4"):
        run()


def test_this_machine_has_an_encoder():
    assert choose_encoder() == "libx264"


WRITE = """
import numpy as np, resource, sys, time
from pathlib import Path
from detector.video.types import Frame, Result
from detector.video.writer import VideoWriter
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
rng = np.random.default_rng(0)
with VideoWriter(Path(sys.argv[1]), "a") as write:
    for n in range(100_000):
        image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        write(Result(Frame("a", n, n / 10, 0.0, 0.0, image), ()), image)
        print(n, flush=True)
        time.sleep(0.001)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_full_disk_is_an_error_and_what_was_written_plays(tmp_path):
    path = tmp_path / "x.mp4"
    command = [sys.executable, "-c", WRITE, str(path), "400000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "OSError" in done.stderr
    assert "x.mp4" in done.stderr
    assert len(_times(path)) > 20


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_killed_midway_it_plays(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    command = [sys.executable, "-c", WRITE, str(path), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            while int(process.stdout.readline()) < 300:
                pass
        finally:
            process.kill()
    # A key frame every 2 s, 10 frames/s: the last 20 may be lost, and what the encoder held.
    assert len(_times(path)) >= 240
