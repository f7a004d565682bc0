"""Pictures out of files, folders, streams and webcams, with their times."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

from data.exceptions import DatasetError, ImageError, VideoError
from data.images import Image, find_images, read_image
from detector.environment import core_count
from detector.video.sources import Kind, Source

log = logging.getLogger(__name__)

# Frames/s of a folder of pictures, which has no clock of its own.
FOLDER_RATE = 25.0
OPEN_TIMEOUT = 10.0
QUIET = 600.0  # s

# TCP loses no packets, so no picture is half grey; the rest keeps FFmpeg from collecting
# seconds of a stream before it gives out the first picture. Not "nobuffer": that throws away the
# key frame that cameras begin with, and the next one may be ten seconds off.
_STREAM_OPTIONS = {
    "rtsp_transport": "tcp",
    "flags": "low_delay",
    "analyzeduration": "1000000",
    "fpsprobesize": "0",
}


@dataclass(frozen=True, eq=False)
class Grab:
    """One picture as it came, not yet in BGR: of those that are dropped, none is converted.

    Attributes:
        picture: FFmpeg's frame, or (H, W, 3) uint8 BGR.
        time: seconds by the container's time stamps; None where it has none, and for live sources,
            whose stamps begin anew with each connection.
        arrived, clock: when it was decoded, of `time.monotonic()` and `time.time()`.
    """

    picture: VideoFrame | Image
    time: float | None
    arrived: float
    clock: float

    def to_bgr(self) -> Image:
        """(H, W, 3) uint8 BGR, upright."""
        if isinstance(self.picture, np.ndarray):
            return self.picture
        return _upright(_to_bgr(self.picture), self.picture.rotation)


class Notes:
    """What a source's log says of faults that may come with every picture: now and then only.

    Args:
        name: of the source.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._said: dict[str, float] = {}

    def say(self, text: str) -> None:
        """Warn, unless the same was said within QUIET seconds."""
        now = time.monotonic()
        if now - self._said.get(text, -QUIET) >= QUIET:
            self._said[text] = now
            log.warning("%s: %s", self._name, text)


def _grab(picture: VideoFrame | Image, moment: float | None) -> Grab:
    return Grab(picture, moment, time.monotonic(), time.time())


def _to_bgr(picture: VideoFrame) -> Image:
    # OpenCV's conversion takes a third of the time of FFmpeg's, and serves most cameras and files:
    # 4:2:0, 16 to 235 (color_range 1, and 0 where nothing is said).
    even = picture.width % 2 == 0 and picture.height % 2 == 0
    if picture.format.name == "yuv420p" and picture.color_range in (0, 1) and even:
        return np.asarray(cv2.cvtColor(picture.to_ndarray(), cv2.COLOR_YUV2BGR_I420), np.uint8)
    return np.asarray(picture.to_ndarray(format="bgr24"), dtype=np.uint8)


def _upright(image: Image, rotation: int) -> Image:
    """Turned as the container says, degrees counter-clockwise: telephones store lying pictures."""
    turns = {
        90: cv2.ROTATE_90_COUNTERCLOCKWISE,
        180: cv2.ROTATE_180,
        270: cv2.ROTATE_90_CLOCKWISE,
    }
    turn = turns.get(rotation % 360)
    return image if turn is None else np.asarray(cv2.rotate(image, turn), dtype=np.uint8)


def read_file(source: Source, notes: Notes) -> Iterator[Grab]:
    """Every picture of a video, in order, with the container's time stamps.

    Packets that can't be decoded are passed over and named once.

    Raises:
        VideoError: if it can't be opened, breaks off, or holds no picture that can be decoded.
    """
    found = 0
    for grab in _decode(source, notes, {}, (OPEN_TIMEOUT, OPEN_TIMEOUT)):
        found += 1
        yield grab
    if not found:
        raise VideoError(f"{source.shown}: expected a video, but no picture in it can be decoded")


def read_pictures(source: Source, notes: Notes) -> Iterator[Grab]:
    """Every picture of a folder or pattern, sorted by name, as 25 a second.

    Raises:
        VideoError: if there is none; one that can't be read is named in the log and left out.
    """
    try:
        paths = find_images([source.address])
    except DatasetError as error:
        raise VideoError(str(error)) from error
    found = 0
    for number, path in enumerate(paths):
        try:
            image = read_image(path)
        except ImageError as error:
            notes.say(f"{error}; left out")
            continue
        found += 1
        yield _grab(image, number / FOLDER_RATE)
    if not found:
        raise VideoError(f"{source.shown}: expected pictures, but none can be read")


def read_stream(source: Source, notes: Notes, stall: float) -> Iterator[Grab]:
    """Pictures of a live stream until it ends.

    Args:
        source: of kind STREAM.
        notes: of its faults, the same over all connections.
        stall: seconds without data after which it counts as lost.

    Raises:
        VideoError: if it can't be reached, stalls, breaks off or can't be decoded.
    """
    yield from _decode(source, notes, _STREAM_OPTIONS, (OPEN_TIMEOUT, stall), stall)


def _decode(
    source: Source,
    notes: Notes,
    options: dict[str, str],
    timeout: tuple[float, float],
    stall: float | None = None,
) -> Iterator[Grab]:
    try:
        with av.open(source.address, options=options, timeout=timeout) as container:
            last = time.monotonic()  # from here: opening has a time limit of its own
            if not container.streams.video:
                raise VideoError(f"{source.shown}: expected a video, but it holds no pictures")
            stream = container.streams.video[0]
            # Threads over frames hold some back; over slices of one frame, none.
            stream.thread_type = "AUTO" if stall is None else "SLICE"
            if stall is None:  # left alone, more threads than cores: the detector waits for them
                stream.codec_context.thread_count = max(1, core_count() // 2)
            if stall is not None and stream.codec_context.name == "mjpeg":
                # Or half a picture comes with the rest in grey; H.264 marks such ones corrupt.
                stream.codec_context.options = {"err_detect": "explode"}
            for packet in container.demux(stream):
                # Before it is decoded: FFmpeg's parser hands a last packet over at the time-out.
                if stall is not None and time.monotonic() - last > stall:
                    raise VideoError(f"no picture for {stall:g} s")
                try:
                    pictures = packet.decode()
                except av.error.InvalidDataError:
                    pictures = []
                    notes.say("broken data in the video is passed over")
                for picture in pictures:
                    if not picture.is_corrupt:
                        last = time.monotonic()
                        yield _grab(picture, picture.time if stall is None else None)
    except av.FFmpegError as error:
        raise VideoError(f"{source.shown}: {_reason(error)}") from error


def _reason(error: av.FFmpegError) -> str:
    """Why FFmpeg failed, without the address, which may hold a password."""
    if isinstance(error, av.error.ExitError):
        return "no answer in time"
    if isinstance(error, av.error.InvalidDataError):
        return "expected a video, but it can't be decoded"
    return (error.strerror or "unknown reason").lower()


def read_webcam(source: Source) -> Iterator[Grab]:
    """Pictures of a webcam until it is lost.

    Raises:
        VideoError: if it can't be opened.
    """
    address = int(source.address) if source.address.isdigit() else source.address
    camera = cv2.VideoCapture(address)
    try:
        if not camera.isOpened():
            raise VideoError(
                f"{source.address}: expected a webcam, but none can be opened there; plug it in, "
                "close other programs that use it, or try another number"
            )
        camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, where the driver obeys
        while True:
            done, image = camera.read()
            if not done or image is None or image.size == 0:
                return
            yield _grab(np.asarray(image, dtype=np.uint8), None)
    finally:
        camera.release()


def read_once(source: Source, notes: Notes, stall: float) -> Iterator[Grab]:
    """Pictures of any source until it ends or is lost; `stall` is for streams, s.

    Raises:
        VideoError: while iterating, as the functions above.
    """
    if source.kind is Kind.FILE:
        return read_file(source, notes)
    if source.kind is Kind.PICTURES:
        return read_pictures(source, notes)
    if source.kind is Kind.WEBCAM:
        return read_webcam(source)
    return read_stream(source, notes, stall)
