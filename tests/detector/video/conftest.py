"""Small real videos, and a real server of motion JPEG that can be made to fail."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from data.images import Image, encode_image
from detector.video.types import Frame, Result
from detector.video.writer import VideoWriter
from tests.detector.video.rtsp_camera import RtspCamera

GREY = 90


def picture(number: int = 0, height: int = 64, width: int = 64) -> Image:
    """Grey with a red square of 8 px that moves 8 px every fourth frame: `tiny_onnx` finds it."""
    image = np.full((height, width, 3), GREY, dtype=np.uint8)
    x = 8 * (number // 4 % (width // 8))
    image[24:32, x : x + 8] = (0, 0, 255)
    return image


def result(image: Image, time: float = 0.0, index: int = 0, source: str = "a") -> Result:
    """A result without faces."""
    return Result(Frame(source, index, time, 0.0, 0.0, image), ())


@pytest.fixture
def make_picture() -> Callable[..., Image]:
    return picture


@pytest.fixture
def make_result() -> Callable[..., Result]:
    return result


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """`make_clip(frames=20, name="clip.mp4", size=(64, 64), times=None)` writes a real video."""

    def make(
        frames: int = 20,
        name: str = "clip.mp4",
        size: tuple[int, int] = (64, 64),
        times: list[float] | None = None,
    ) -> Path:
        path = tmp_path / name
        with VideoWriter(path, "a") as write:
            for n in range(frames):
                image = picture(n, *size)
                write(result(image, times[n] if times else n / 25, n), image)
        return path

    return make


class MotionJpeg:
    """A camera's web server; `mode` says what it does from now on.

    "ok", "small" (another size), "garbage" (no JPEG), "broken" (half a JPEG), "stall" (nothing
    comes), "die" (connections are closed), "refuse" (new ones, too).
    """

    def __init__(self) -> None:
        self.mode = "ok"
        self.sent = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                with suppress(OSError):  # the reader went away
                    server.serve(self)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._open = True

    @property
    def url(self) -> str:
        return f"http://user:geheim@127.0.0.1:{self._http.server_port}/live"

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        if self.mode in ("refuse", "die"):
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=x")
        handler.end_headers()
        while self._open and self.mode not in ("die", "refuse"):
            if self.mode != "stall":
                body = self._body()
                head = b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(body)
                handler.wfile.write(head + body + b"\r\n")
                self.sent += 1
            time.sleep(0.02)

    def _body(self) -> bytes:
        if self.mode == "garbage":
            return b"\xff\xd8" + bytes(range(256)) * 8
        side = 32 if self.mode == "small" else 64
        body = encode_image(picture(self.sent, side, side), ".jpg")
        return body[: len(body) * 2 // 3] + b"\xff\xd9" if self.mode == "broken" else body

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._open = False
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def camera() -> Iterator[MotionJpeg]:
    server = MotionJpeg()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def rtsp() -> Iterator[RtspCamera]:
    server = RtspCamera(picture)
    server.start()
    yield server
    server.stop()
