"""`maskwatch video`: files and streams end to end, and how it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from data.images import write_image
from detector.video.capture import Notes, read_once
from detector.video.sources import parse_sources
from detector.video.types import Frame, Result
from detector.video.writer import VideoWriter
from eval.cli.main import main


def _frames(path):
    (source,) = parse_sources([str(path)])
    return list(read_once(source, Notes("a"), 1.0))


def _picture(number):
    """A red square of 8 px on grey, which `tiny_onnx` calls with_mask."""
    image = np.full((64, 64, 3), 90, np.uint8)
    image[24:32, 24:32] = (0, 0, 255)
    image[:4, :4] = number % 90
    return image


@pytest.fixture
def clip(tmp_path):
    """40 frames of 64 x 64 px, 25 a second."""
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, "a") as write:
        for n in range(40):
            write(Result(Frame("a", n, n / 25, 0.0, 0.0, _picture(n)), ()), _picture(n))
    return path


@pytest.fixture
def small(tiny_onnx):
    """Options for a detector of squares."""
    return ["--weights", str(tiny_onnx()), "--imgsz", "64"]


def test_file_to_file(clip, small, tmp_path, capsys):
    out = tmp_path / "out.mp4"
    assert main(["video", str(clip), "--save", str(out), *small]) == 0
    assert "40 frames" in capsys.readouterr().err
    before, after = _frames(clip), _frames(out)
    np.testing.assert_allclose([g.time for g in after], [g.time for g in before], atol=0.002)
    green = after[-1].to_bgr().astype(int)
    assert ((green[..., 1] - green[..., 2] > 40) & (green[..., 1] > 110)).any()


def test_blurred_file(clip, small, tmp_path):
    out = tmp_path / "out.mkv"
    assert main(["video", str(clip), "--save", str(out), "--blur", *small]) == 0
    sharp, hidden = (_frames(path)[-1].to_bgr()[20:36, 20:36, 2] for path in (clip, out))
    assert hidden.std() < sharp.std()


def test_several_sources_at_once(clip, small, tmp_path, capsys):
    folder = tmp_path / "frames"
    for n in range(7):
        write_image(folder / f"{n}.png", _picture(n))
    out = tmp_path / "out.mp4"
    assert main(["video", str(clip), f"door={folder}", "--save", str(out), *small]) == 0
    assert [len(_frames(tmp_path / f"out-{n}.mp4")) for n in ("clip", "door")] == [40, 7]
    assert "47 frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        pytest.param(["--max-frames", "5"], 5, id="most"),
        pytest.param(["--every", "3"], 40, id="every"),
        pytest.param(["--threads", "1", "--conf", "0.9"], 40, id="others"),
    ],
)
def test_options(clip, small, tmp_path, options, frames):
    out = tmp_path / "out.mp4"
    assert main(["video", str(clip), "--save", str(out), *small, *options]) == 0
    assert len(_frames(out)) == frames


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["none.mp4"], 1, "there is no such file", id="no-file"),
        pytest.param(["87"], 1, "expected a webcam", id="no-webcam"),
        pytest.param(["BAD"], 1, "can't be decoded", id="undecodable"),
        pytest.param(["CLIP", "--save", "x.gif"], 2, "expected a video of .mp4", id="suffix"),
        pytest.param(["CLIP", "--save", "CLIP"], 2, "a source itself", id="onto-itself"),
        pytest.param(["CLIP", "--conf", "2"], 2, "expected conf from 0 to 1", id="conf"),
        pytest.param(["CLIP", "--every", "0"], 2, "expected --every above 0", id="every"),
        pytest.param(["CLIP", "--weights", "none.onnx"], 1, "none.onnx", id="weights"),
        pytest.param(["a=CLIP", "a=CLIP"], 2, "'a' twice", id="names"),
        pytest.param(["gopher://y"], 2, "expected a URL of", id="url"),
        pytest.param(["rtsp:///live"], 2, "a URL with a host", id="no-host"),
    ],
)
def test_what_goes_wrong_is_one_line(clip, small, tmp_path, capsys, arguments, code, message):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video" * 100)
    names = {"CLIP": str(clip), "BAD": str(bad)}
    for short, full in names.items():
        arguments = [a.replace(short, full) for a in arguments]
    assert main(["video", *small, *arguments]) == code
    errors = [e for e in capsys.readouterr().err.splitlines() if "error" in e]
    assert len(errors) == 1
    assert message in errors[0]


def test_one_bad_source_fails_the_run_but_not_the_others(clip, small, tmp_path, capsys):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video" * 100)
    out = tmp_path / "out.mp4"
    assert main(["video", str(bad), str(clip), "--save", str(out), *small]) == 1
    assert len(_frames(tmp_path / "out-clip.mp4")) == 40


def test_no_display(clip, small, capsys, monkeypatch):
    if sys.platform != "linux":
        pytest.skip("Windows and macOS always have one")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["video", str(clip), "--show", *small]) == 1
    assert "leave --show out" in capsys.readouterr().err


def _start(*arguments):
    code = "import sys; from eval.cli.main import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, "video", *arguments], stderr=subprocess.PIPE, text=True
    )


def _wait_for(path: Path, size: int):
    end = time.monotonic() + 30
    while not (path.exists() and path.stat().st_size > size):
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    """20,000 frames: more than a test ever sees."""
    path = tmp_path_factory.mktemp("clip") / "long.mp4"
    with VideoWriter(path, "a") as write:
        for n in range(20_000):
            write(Result(Frame("a", n, n / 25, 0.0, 0.0, _picture(n)), ()), _picture(n))
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="ctrl-c"),
        pytest.param(signal.SIGTERM, 143, id="term"),
        pytest.param(signal.SIGKILL, -9, id="kill"),
    ],
)
def test_signals(long_clip, small, tmp_path, number, code):
    out = tmp_path / "out.mp4"
    with _start(str(long_clip), "--save", str(out), *small) as process:
        _wait_for(out, 2_000)
        process.send_signal(number)
        _, text = process.communicate(timeout=30)
    assert process.returncode == code, text
    assert "Traceback" not in text
    assert 30 < len(_frames(out)) < 20_000


def test_a_stream_that_never_answers_and_its_password(small):
    url = "http://admin:geheim@127.0.0.1:9/live?token=geheim"
    with _start(url, "--duration", "1.5", *small) as process:
        _, text = process.communicate(timeout=30)
    assert process.returncode == 0, text
    assert text.count("lost") == 1
    assert "geheim" not in text


def _memory(pid: int) -> int:
    """Resident memory, kB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def _watch_memory(process, seconds, every):
    end, found = time.monotonic() + seconds, []
    while time.monotonic() < end:
        time.sleep(every)
        assert process.poll() is None
        found.append(_memory(process.pid))
    return found


NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


@NEEDS_PROC
def test_memory_is_flat_over_thousands_of_frames(long_clip, small, tmp_path):
    out = tmp_path / "out.mp4"
    with _start(str(long_clip), "--save", str(out), "--blur", *small) as process:
        try:
            _wait_for(out, 2_000)
            found = _watch_memory(process, 4, 0.2)
        finally:
            process.kill()
    assert max(found[5:]) < 1.05 * min(found[5:])


@NEEDS_PROC
@pytest.mark.soak
def test_half_an_hour(small, tmp_path, zidane_image):
    """A looped camera in real time: memory flat within 5 % from the second minute on."""
    minutes = float(os.environ.get("MASKWATCH_SOAK_MINUTES", "30"))
    code = LOOP.format(picture=str(tmp_path / "p.jpg"))
    write_image(tmp_path / "p.jpg", zidane_image)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/"
        try:
            outputs = ["--save", str(tmp_path / "out.mp4"), "--events", str(tmp_path / "e.jsonl")]
            with _start(f"cam={url}", *outputs, "--blur", "--serve", "0") as process:
                try:
                    warm = min(60.0, minutes * 20)
                    _watch_memory(process, warm, 1)
                    found = _watch_memory(process, 60 * minutes - warm, 1)
                    process.send_signal(signal.SIGTERM)
                    _, text = process.communicate(timeout=30)
                finally:
                    process.kill()
        finally:
            server.kill()
    assert process.returncode == 143, text
    middle = sorted(found)[len(found) // 2]
    print(f"resident, kB: first {found[0]}, last {found[-1]}, {min(found)} to {max(found)}")
    print(text.strip())
    assert max(found) < 1.05 * middle
    assert min(found) > 0.95 * middle


LOOP = """
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
body = open({picture!r}, "rb").read()
class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=x")
        self.end_headers()
        while True:
            self.wfile.write(b"--x\\r\\nContent-Type: image/jpeg\\r\\n")
            self.wfile.write(b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body + b"\\r\\n")
            time.sleep(0.04)
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
