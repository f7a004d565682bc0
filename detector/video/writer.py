"""Annotated videos on disk, playable even where the program is killed midway."""

import logging
import queue
import sys
import threading
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

from data.exceptions import UsageError, VideoError
from data.images import Image
from detector.environment import core_count
from detector.video.types import Result

log = logging.getLogger(__name__)

# MP4 in fragments of its own index each, from a key frame to the next: what is on disk can be
# played, whatever happens next. Matroska is made so. Nothing waits in a buffer for more.
_AT_ONCE = {"flush_packets": "1"}
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", **_AT_ONCE}
CONTAINERS = {".mp4": _FRAGMENTS, ".mov": _FRAGMENTS, ".mkv": _AT_ONCE}
# Preference of encoders; builds of FFmpeg without x264 have one of the others.
ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "mpeg4")
# x264's "superfast" takes a third more time than "ultrafast" and, of a noisy room, less than half
# of the bytes. Without adaptive quantisation it takes 5 to 10 % less time and 3 to 7 % fewer bytes,
# for a PSNR 0.2 to 1 dB higher and an SSIM .0005 lower (two clips of 1280x720).
_X264 = {"preset": "superfast", "crf": "23", "bf": "0", "aq-mode": "0"}
TICKS = 90_000  # a second, the clock of MPEG
KEY_EVERY = 2.0  # s: what a crash loses at most
WAITING = 4  # frames between drawing and encoding


def choose_encoder() -> str:
    """The best video encoder that this build of PyAV has.

    Raises:
        VideoError: if it has none of them.
    """
    found = next((name for name in ENCODERS if name in av.codecs_available), None)
    if found is None:
        raise VideoError(
            f"expected an encoder of {', '.join(ENCODERS)}, but PyAV has none; install PyAV's own "
            "wheel: uv pip install --reinstall av"
        )
    return found


def check_target(path: Path) -> None:
    """Refuse a file that can't become a video, before work begins.

    Raises:
        UsageError: if the suffix is of no container that stays playable after a crash.
    """
    if path.suffix.lower() not in CONTAINERS:
        raise UsageError(
            f"{path}: expected a video of {', '.join(CONTAINERS)}, but got "
            f"{path.suffix or 'no suffix'!r}; name the file otherwise"
        )


class VideoWriter:
    """A sink that encodes one source's drawn frames into a file, in a thread of its own.

    Frames keep their times. The file is opened with the first frame, under its own name: what was
    recorded must be there after a crash, so there is no temporary one. Frames of another size
    than the first are fitted into it, for a stream has one size.

    Args:
        path: of a suffix in CONTAINERS; an older file is replaced when the first frame comes.
        source: whose frames are taken; every other result is passed over.

    Raises:
        UsageError: at birth, if the suffix is another.
        OSError, VideoError: from a call or at the end, if it can't be written.
    """

    def __init__(self, path: Path, source: str) -> None:
        check_target(path)
        self._path, self._source = path, source
        self._queue: queue.Queue[tuple[Image, float] | None] = queue.Queue(WAITING)
        self._error: OSError | VideoError | None = None
        self._thread = threading.Thread(target=self._work, name=f"encode {source}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def __call__(self, result: Result, drawn: Image) -> None:
        """Encode `drawn`, (H, W, 3) uint8 BGR, at its frame's time; waits where frames pile up."""
        if result.frame.source != self._source:
            return
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        self._queue.put((drawn, result.frame.time))

    def _work(self) -> None:
        try:
            self._encode_all()
        except av.FFmpegError as error:
            self._error = _as_ours(error, self._path)
        except (OSError, VideoError) as error:
            self._error = error
        finally:
            if sys.exc_info()[1] is not None:  # foreseen by nobody: told by the thread itself
                self._error = VideoError(f"{self._path}: encoding broke off")
            if self._error is not None:  # take the rest, or the other side would wait for ever
                while self._queue.get() is not None:
                    pass

    def _encode_all(self) -> None:
        first = self._queue.get()
        if first is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        options = CONTAINERS[self._path.suffix.lower()]
        with av.open(str(self._path), "w", options=options) as container:
            encoder = _Encoder(container, first[0])
            item: tuple[Image, float] | None = first
            while item is not None:
                encoder.add(*item)
                item = self._queue.get()
            encoder.finish()


class _Encoder:
    """Frames to packets of one stream of a container."""

    def __init__(self, container: Any, first: Image) -> None:
        self._container = container
        # 4:2:0 halves both sides.
        self._size = (first.shape[0] + first.shape[0] % 2, first.shape[1] + first.shape[1] % 2)
        name = choose_encoder()
        # The rate is a hint for the encoder; times come with the frames.
        # Left alone, x264 takes more threads than there are cores: here other stages wait for them.
        options = {**_X264, "threads": str(max(1, core_count() // 2))} if name == "libx264" else {}
        self._stream = container.add_stream(name, rate=25, options=options)
        self._stream.height, self._stream.width = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, TICKS)
        self._last, self._last_key = -1, -KEY_EVERY
        if name != "libx264":
            self._stream.bit_rate = 4_000_000

    def add(self, image: Image, time: float) -> None:
        planes = cv2.cvtColor(fit_into(image, self._size), cv2.COLOR_BGR2YUV_I420)
        # Not copied: the frame keeps the array alive.
        frame = VideoFrame.from_numpy_buffer(np.asarray(planes, dtype=np.uint8), format="yuv420p")
        self._last = max(self._last + 1, round(time * TICKS))
        frame.pts, frame.time_base = self._last, Fraction(1, TICKS)
        if time - self._last_key >= KEY_EVERY:
            frame.pict_type, self._last_key = av.video.frame.PictureType.I, time
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))


def fit_into(image: Image, size: tuple[int, int]) -> Image:
    """A picture in (height, width) `size`: as it is where it fits, else resized and padded black.

    Args:
        image: (H, W, 3) uint8.
        size: of the result, px.
    """
    height, width = image.shape[:2]
    if (height, width) == size:
        return image
    if not (0 <= size[0] - height <= 1 and 0 <= size[1] - width <= 1):
        ratio = min(size[0] / height, size[1] / width)
        height, width = max(1, round(height * ratio)), max(1, round(width * ratio))
        image = np.asarray(cv2.resize(image, (width, height)), dtype=np.uint8)
        padded = np.zeros((*size, 3), dtype=np.uint8)
        top, left = (size[0] - height) // 2, (size[1] - width) // 2
        padded[top : top + height, left : left + width] = image
        return padded
    down, right = size[0] - height, size[1] - width
    grown = cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE)
    return np.asarray(grown, dtype=np.uint8)


def _as_ours(error: av.FFmpegError, path: Path) -> OSError | VideoError:
    if isinstance(error, OSError) and error.errno:
        return OSError(error.errno, error.strerror, str(path))
    return VideoError(f"{path}: can't be written ({error.strerror or 'encoding failed'})")
