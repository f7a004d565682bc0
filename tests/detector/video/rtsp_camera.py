"""A camera that speaks RTSP (RFC 2326) and can be made to fail: H.264 by RTP over its TCP."""

import base64
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np
from av.video.frame import VideoFrame

from data.images import Image

RATE = 25
SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"
)
LOGIN = "Basic " + base64.b64encode(b"user:geheim").decode()


class Packets:
    """Pictures to RTP packets (RFC 6184), by FFmpeg's own muxer."""

    def __init__(self, size: tuple[int, int], key_every: int) -> None:
        self._sent: list[bytes] = []
        # One write is one packet.
        options = {"packetsize": "1400", "rtpflags": "skip_rtcp", "ssrc": "7"}
        self._container = av.open(self, "w", format="rtp", container_options=options)
        live = {"preset": "ultrafast", "tune": "zerolatency", "g": str(key_every)}
        self._stream = self._container.add_stream("libx264", rate=RATE, options=live)
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = "yuv420p"

    def write(self, packet: bytes) -> int:
        self._sent.append(bytes(packet))
        return len(packet)

    def of(self, image: Image, number: int) -> list[bytes]:
        """The packets of one (H, W, 3) uint8 BGR picture."""
        frame = VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        self._container.mux(self._stream.encode(frame))
        packets, self._sent = self._sent, []
        return packets


class RtspCamera:
    """A server on loopback; `mode` says what it does from now on.

    "ok", "small" (another size), "garbage" (packets of noise), "stall" (connected, but nothing
    comes), "mute" (new connections, too, get no answer), "die" (connections are closed), "refuse"
    (new ones get 404), "noise" (no RTSP at all).

    Its pictures have a key frame first, and then every `key_every`-th.

    Args:
        draw: picture `number`, of a height and a width.
    """

    def __init__(self, draw: Callable[[int, int, int], Image]) -> None:
        self.mode, self.sessions, self.key_every = "ok", 0, 5
        self.draw, self._open = draw, True
        camera = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # the reader went away
                    camera.serve(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"rtsp://user:geheim@127.0.0.1:{self._server.server_address[1]}/x"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._open = False
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, handler: socketserver.StreamRequestHandler) -> None:
        """Answer requests until PLAY, then send pictures."""
        while self._open and self.mode != "die" and (request := _read_request(handler.rfile)):
            while self._open and self.mode == "mute":
                time.sleep(0.02)
            method, fields = request
            if self.mode == "noise":
                handler.wfile.write(bytes(range(256)) * 8)
                return
            status, more = self._answer(method, fields)
            head = f"RTSP/1.0 {status}\r\nCSeq: {fields.get('cseq', '0')}\r\n{more}"
            handler.wfile.write(head.encode())
            if method == "PLAY" and status == "200 OK":
                self._play(handler)
                return

    def _answer(self, method: str, fields: dict[str, str]) -> tuple[str, str]:
        """A status, and the rest of the head with its body."""
        if self.mode == "refuse":
            return "404 Not Found", "\r\n"
        if method != "OPTIONS" and fields.get("authorization") != LOGIN:
            return "401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"\r\n\r\n'
        known = {
            "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n",
            "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}",
            "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n",
            "PLAY": "Session: 1\r\n\r\n",
            "TEARDOWN": "\r\n",
        }
        if method == "SETUP" and "interleaved" not in fields.get("transport", ""):
            return "461 Unsupported Transport", "\r\n"
        return ("200 OK", known[method]) if method in known else ("501 Not Implemented", "\r\n")

    def _play(self, handler: socketserver.StreamRequestHandler) -> None:
        self.sessions += 1
        side, packets, number = 0, None, 0
        noise = np.random.default_rng(self.sessions)
        while self._open and self.mode not in ("die", "refuse", "noise"):
            time.sleep(1 / RATE)
            if self.mode in ("stall", "mute"):
                continue
            wanted = 48 if self.mode == "small" else 64
            if packets is None or side != wanted:
                side, packets = wanted, Packets((wanted, wanted), self.key_every)
            for packet in packets.of(self.draw(number, side, side), number):
                body = packet
                if self.mode == "garbage":
                    body = packet[:12] + noise.bytes(len(packet) - 12)
                handler.wfile.write(b"$\0" + len(body).to_bytes(2) + body)
            number += 1


def _read_request(lines: Iterator[bytes]) -> tuple[str, dict[str, str]] | None:
    """Method and fields, names in lower case; None at the end. The body, if any, is no text."""
    head = []
    for line in lines:
        if not line.strip():
            break
        head.append(line.decode("latin-1").strip())
    if not head:
        return None
    pairs = (line.partition(":") for line in head[1:])
    return head[0].split(" ")[0], {k.strip().lower(): v.strip() for k, _, v in pairs}
