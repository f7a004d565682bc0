"""What the command line calls a source: a webcam, a file, a stream, a folder of frames."""

import glob
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from data.exceptions import UsageError, VideoError
from data.images import is_image_name

# A name goes into file names, log lines and web addresses; ":" and "/" would make it a URL.
_NAMED = re.compile(r"(?P<name>[\w][\w .-]{0,39})=(?P<rest>.+)", re.DOTALL)
_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+)://", re.IGNORECASE)
STREAM_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "tcp", "udp", "srt"})
VIDEO_SUFFIXES = frozenset(
    {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv"}
)


class Kind(Enum):
    """How a source is read."""

    WEBCAM = "webcam"
    FILE = "file"
    STREAM = "stream"
    PICTURES = "pictures"


@dataclass(frozen=True)
class Source:
    """One place that frames come from.

    Attributes:
        name: unique among the sources of a run; letters, digits, space, ".", "-" and "_" only.
        kind: how it is read.
        address: what is opened: a webcam's index, a path, a URL, a folder or a pattern. May hold a
            password: never log it, log `shown`.
    """

    name: str
    kind: Kind
    address: str

    @property
    def live(self) -> bool:
        """Whether frames come by themselves, so that late ones are dropped."""
        return self.kind in (Kind.WEBCAM, Kind.STREAM)

    @property
    def shown(self) -> str:
        """The address without passwords."""
        return redact(self.address)


def parse_sources(texts: Iterable[str]) -> tuple[Source, ...]:
    """Sources from the command line, each "SOURCE" or "NAME=SOURCE", with unique names.

    Names made up here get a number where they collide ("clip", "clip-2"); given ones mustn't.

    Raises:
        UsageError: if a given name is there twice, or a URL is of an unknown kind.
        VideoError: if a file, folder or pattern names nothing.
    """
    split = [_split_name(text) for text in texts]
    given = [name for name, _ in split if name]
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"expected another name for each source, but got {twice!r} twice")
    taken, found = set(given), []
    for name, address in split:
        kind = kind_of(address)
        unique = name or _number(_default_name(kind, address), taken)
        taken.add(unique)
        found.append(Source(unique, kind, address))
    return tuple(found)


def _split_name(text: str) -> tuple[str, str]:
    match = _NAMED.fullmatch(text)
    if match is None or Path(text).exists():  # a file's own name may have a "="
        return "", text
    return match["name"].strip(), match["rest"]


def kind_of(address: str) -> Kind:
    """How an address is read.

    A URL that ends like a file is a file, of which every frame is wanted; any other is live.

    Raises:
        UsageError: if it is a URL of an unknown kind or without a host.
        VideoError: if there is no such file, folder or picture.
    """
    if re.fullmatch(r"\d{1,3}", address) or re.fullmatch(r"/dev/video\d+", address):
        return Kind.WEBCAM
    scheme = _SCHEME.match(address)
    if scheme is not None:
        return _kind_of_url(scheme["scheme"].lower(), address)
    path = Path(address)
    if path.is_file():
        return Kind.PICTURES if is_image_name(path) else Kind.FILE
    if path.is_dir() or glob.has_magic(address):
        return Kind.PICTURES
    raise VideoError(
        f"{address}: expected a webcam's number, a video, a folder of frames or a URL, but there "
        "is no such file; check the path"
    )


def _kind_of_url(scheme: str, address: str) -> Kind:
    if scheme not in STREAM_SCHEMES:
        known = ", ".join(sorted(STREAM_SCHEMES))
        raise UsageError(f"expected a URL of {known}, but got {scheme}://; convert the stream")
    host, path = _host_and_path(address)
    if not host and scheme not in ("tcp", "udp", "srt"):  # these may listen
        raise UsageError(f"expected a URL with a host, such as {scheme}://HOST/..., but got none")
    suffix = Path(path).suffix.lower()
    return Kind.FILE if scheme in ("http", "https") and suffix in VIDEO_SUFFIXES else Kind.STREAM


def _default_name(kind: Kind, address: str) -> str:
    if kind is Kind.WEBCAM:
        text = f"camera{address.removeprefix('/dev/video')}"
    elif _SCHEME.match(address):
        text = _host_and_path(address)[0]
    else:
        path = Path(address)
        text = path.stem if path.is_file() else (path.name if path.is_dir() else path.parent.name)
    return re.sub(r"[^\w.-]+", "_", text).strip("._")[:40] or "source"


def _host_and_path(url: str) -> tuple[str, str]:
    """Of a URL, without the port; not by urllib, which chokes on passwords as people write them."""
    place = redact(url).partition("://")[2].removeprefix("***@").partition("?")[0]
    authority, _, path = place.partition("/")
    return re.sub(r":\d*$", "", authority), path


def _number(name: str, taken: Iterable[str]) -> str:
    names = set(taken)
    numbered = (f"{name}-{n}" for n in range(2, len(names) + 3))
    return name if name not in names else next(n for n in numbered if n not in names)


def redact(address: str) -> str:
    """An address fit for a log: without user, password and what a URL's query carries.

    >>> redact("rtsp://admin:secret@10.0.0.7:554/live?token=abc")
    'rtsp://***@10.0.0.7:554/live?***'
    """
    if _SCHEME.match(address) is None:
        return address
    # Up to the last "@": people write passwords with "@", "/", "?" or "#" as they are.
    return re.sub(r"[?#].*", "?***", re.sub(r"://.*@", "://***@", address), flags=re.DOTALL)
