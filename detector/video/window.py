"""Windows with live pictures, and their keys."""

import logging
import os
import socket
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from data.exceptions import VideoError
from data.images import Image, write_image
from detector.draw import DARK, FONT, LIGHT
from detector.video.control import Control
from detector.video.types import Outage, Result

log = logging.getLogger(__name__)

KEYS = (
    ("q", "quit"),
    ("s", "save this picture"),
    ("p", "pause, go on"),
    ("+ -", "threshold"),
    ("h", "this help"),
)
_X_SOCKETS = "/tmp/.X11-unix/X"  # noqa: S108 - where X servers listen
QUIT = (ord("q"), 27)  # 27 is Escape
WIDEST = 1280  # px: larger pictures (4K) begin smaller than the screen; the window can be resized
# Neither toolbar nor menu: their keys aren't ours.
_STYLE = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL


def check_display() -> None:
    """Refuse to open a window where none can be: OpenCV's Qt would abort the whole program.

    Raises:
        VideoError: if there is no display, or it doesn't answer.
    """
    if sys.platform in ("win32", "darwin") or os.environ.get("WAYLAND_DISPLAY"):
        return
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise VideoError(
            "--show: expected a display, but this machine has none (DISPLAY is not set); "
            "leave --show out, or use --save or --serve"
        )
    if not _answers(display):
        raise VideoError(
            f"--show: expected a display, but {display!r} (DISPLAY) doesn't answer; "
            "leave --show out, or use --save or --serve"
        )


def _answers(display: str) -> bool:
    """Whether an X server listens at "host:number.screen" (X(7), "Display names")."""
    host, _, rest = display.rpartition(":")
    number = rest.partition(".")[0]
    if not number.isdigit():
        return False
    try:
        if host in ("", "unix"):
            # An abstract name first, then a file, as Xlib does.
            return _listens(f"\0{_X_SOCKETS}{number}") or _listens(f"{_X_SOCKETS}{number}")
        with socket.create_connection((host, 6000 + int(number)), timeout=2):
            return True
    except OSError:
        return False


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(2)
        return link.connect_ex(path) == 0


class Window:
    """A sink that shows each source in a window of its own; for the main thread only.

    Args:
        control: what its keys change.
        folder: where the key "s" saves pictures.

    Raises:
        VideoError: at birth, where there is no display.
    """

    def __init__(self, control: Control, folder: Path) -> None:
        check_display()
        self._control, self._folder = control, folder
        self._last: dict[str, tuple[Result, Image]] = {}
        self._lost: dict[str, str] = {}
        self._help = False
        self._message, self._until = "", 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        cv2.destroyAllWindows()

    def __call__(self, result: Result, drawn: Image) -> None:
        """Show `drawn`, (H, W, 3) uint8 BGR."""
        new = result.frame.source not in self._last
        self._last[result.frame.source] = result, drawn
        if new:
            self._open(result.frame.source, drawn)
        self._show(result.frame.source, drawn)

    def _open(self, source: str, drawn: Image) -> None:
        _quiet_fonts()
        cv2.namedWindow(self._title(source), _STYLE)
        ratio = min(1.0, WIDEST / drawn.shape[1])
        size = round(drawn.shape[1] * ratio), max(1, round(drawn.shape[0] * ratio))
        cv2.resizeWindow(self._title(source), *size)

    def note(self, outage: Outage) -> None:
        """Say in the picture that it is an old one, as `Watcher` says."""
        source = outage.source
        if not outage.lost:
            self._lost.pop(source, None)
            return
        self._lost[source] = outage.reason
        if source in self._last:
            self._show(source, self._last[source][1])

    def poll(self) -> None:
        """Let the windows breathe and obey their keys; also while no frame comes."""
        if not self._last:
            return
        key = cv2.pollKey()
        if key >= 0:
            self.press(key & 0xFF)
        shut = [s for s in self._last if not self._is_open(s)]
        if shut:
            self._control.stop.set()

    def press(self, key: int) -> None:
        """Do what a key (its character code) stands for."""
        control = self._control
        if key in QUIT:
            control.stop.set()
        elif key == ord("p"):
            control.paused = not control.paused
            self._say("paused" if control.paused else "")
        elif key in (ord("+"), ord("=")):
            control.shift(1)
            self._say(f"threshold {control.conf:.2f}")
        elif key == ord("-"):
            control.shift(-1)
            self._say(f"threshold {control.conf:.2f}")
        elif key == ord("h"):
            self._help = not self._help
        elif key == ord("s"):
            self._save()
        for source, (_, drawn) in self._last.items():
            self._show(source, drawn)

    def _save(self) -> None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        for source, (result, drawn) in self._last.items():
            path = self._folder / f"maskwatch-{source}-{stamp}-{result.frame.index}.png"
            try:
                write_image(path, drawn)
            except OSError as error:
                log.warning("%s: can't be saved (%s)", path, error.strerror)
                self._say("not saved")
            else:
                self._say(f"saved {path.name}")

    def _say(self, message: str) -> None:
        self._message, self._until = message, time.monotonic() + 2

    def _show(self, source: str, drawn: Image) -> None:
        lines = [f"{key}: {does}" for key, does in KEYS] if self._help else []
        if source in self._lost:
            lines.append(f"lost: {self._lost[source]}")
        if self._control.paused:
            lines.append("paused")
        elif time.monotonic() < self._until and self._message:
            lines.append(self._message)
        cv2.imshow(self._title(source), write_lines(drawn, lines) if lines else drawn)

    def _title(self, source: str) -> str:
        return f"maskwatch: {source}"

    def _is_open(self, source: str) -> bool:
        return cv2.getWindowProperty(self._title(source), cv2.WND_PROP_VISIBLE) >= 1


def _quiet_fonts() -> None:
    """Spare the terminal Qt's complaints of a folder of fonts that OpenCV's wheel names but lacks.

    Text in the picture is drawn with OpenCV's own.
    """
    folder = Path(os.environ.get("QT_QPA_FONTDIR", ""))
    if folder.name and not folder.is_dir() and folder.parent.is_dir():
        os.environ["QT_QPA_FONTDIR"] = str(folder.parent)


def write_lines(image: Image, lines: list[str]) -> Image:
    """A copy of (H, W, 3) uint8 BGR with lines of text in its lower left corner."""
    canvas = image.copy()
    scale = max(1.0, canvas.shape[1] / WIDEST)  # as large in the window, whatever the picture
    weight, step = round(scale), round(22 * scale)
    size = 0.55 * scale
    top = max(0, canvas.shape[0] - step * len(lines) - 8)
    widths = [cv2.getTextSize(text, FONT, size, weight)[0][0] for text in lines]
    canvas[top:, : min(canvas.shape[1], 16 + max(widths))] = np.asarray(DARK, dtype=np.uint8)
    for number, text in enumerate(lines):
        place = (8, top + step * (number + 1) - 4)
        cv2.putText(canvas, text, place, FONT, size, LIGHT, weight, cv2.LINE_AA)
    return canvas
