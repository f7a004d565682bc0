"""What is looked at, and what to do where it isn't well."""

import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Any

from data.exceptions import MaskwatchError
from eval.doctor.probes import probe
from weights.registry import default_weights, find_weights, verify

OK = "ok"
ABSENT = "absent"
FAILED = "failed"

_LEAST_FREE = 2**30  # bytes: an hour of annotated 720p takes about half of it
_MOST_CAMERAS = 8


@dataclass(frozen=True)
class Check:
    """What was found about one part.

    Attributes:
        name: of the part.
        status: OK, ABSENT (live video works without it) or FAILED.
        text: what was found.
        fix: what to do; "" where nothing is to be done.
        core: whether live video is impossible without it.
    """

    name: str
    status: str
    text: str
    fix: str = ""
    core: bool = False


def run_checks(imgsz: int, weights: Path | None = None) -> list[Check]:
    """All checks in a fixed order, each bounded in time.

    Args:
        imgsz: input size of the model for its speed, px.
        weights: ONNX file; the shipped weights by default.
    """
    path = weights and find_weights(weights).absolute()
    asked = json.dumps({"weights": path and str(path), "imgsz": imgsz})
    first = [  # alone, for its speed is told
        *check_packages(probe("packages", seconds=30)),
        check_weights(weights),
        check_detector(probe("detector", asked, seconds=60)),
    ]
    jobs: list[Callable[[], list[Check]]] = [
        lambda: [check_codecs(probe("codecs", seconds=30))],
        lambda: [check_cameras()],
        lambda: [check_display(probe("display"))],
        lambda: [check_page()],
        lambda: [check_disk(shutil.disk_usage(Path.cwd()).free)],
        check_extras,
        lambda: [check_mongod()],
    ]
    with ThreadPoolExecutor(2) as pool:
        return first + [c for checks in pool.map(lambda job: job(), jobs) for c in checks]


def is_possible(checks: Iterable[Check]) -> bool:
    """Whether live video is: no core part failed."""
    return not any(check.core and check.status != OK for check in checks)


def check_packages(facts: dict[str, Any]) -> list[Check]:
    """The core's packages, and the providers that onnxruntime computes with."""
    if "error" in facts:
        fix = "uv sync --reinstall"
        if ".so" in facts["error"]:  # OpenCV's wheel opens windows, so it loads libGL and GLib
            fix = "sudo apt-get install libgl1 libglib2.0-0"
        return [Check("packages", FAILED, facts["error"], fix, core=True)]
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return [Check("packages", OK, versions, core=True), check_providers(facts["providers"])]


def check_providers(providers: list[str]) -> Check:
    """Whether a graphics card could compute; live video uses the processor."""
    names = [p.removesuffix("ExecutionProvider") for p in providers]
    cards = [n for n in names if n not in ("CPU", "Azure", "XNNPACK")]
    text = f"onnxruntime computes with {', '.join(names)}"
    return Check("providers", OK if cards else ABSENT, text if cards else f"{text}; no card needed")


def check_weights(weights: Path | None) -> Check:
    """Whether the weights are there, and unchanged where they are ours."""
    try:
        path = find_weights(weights) if weights else default_weights()
        verify(path)
    except (MaskwatchError, OSError) as error:
        return Check("weights", FAILED, str(error), core=True)
    if not path.is_file():
        return Check("weights", FAILED, f"{path}: no such file", core=True)
    ours = path != weights
    said = "as shipped (SHA-256 verified)" if ours else "not of this installation, unverified"
    return Check("weights", OK, f"{path.name}, {said}", core=True)


def check_detector(facts: dict[str, Any]) -> Check:
    """Whether the model runs, and how fast."""
    if "error" in facts:
        return Check("detector", FAILED, facts["error"], "uv sync --reinstall", core=True)
    text = f"{facts['ms']:.0f} ms a picture at {facts['imgsz']} px"
    return Check("detector", OK, text, core=True)


def check_codecs(facts: dict[str, Any]) -> Check:
    """Whether videos can be written and read."""
    if "error" in facts:
        fix = "uv pip install --reinstall av"
        return Check("codecs", FAILED, facts["error"], fix, core=True)
    return Check("codecs", OK, f"video written and read again ({facts['encoder']})", core=True)


def check_cameras() -> Check:
    """Whether a camera gives a picture."""
    addresses = camera_addresses()
    barred = [a for a in addresses if a.startswith("/") and not os.access(a, os.R_OK | os.W_OK)]
    found = {a: probe("camera", a) for a in addresses if a not in barred}
    good = [f"{a} ({f['width']}x{f['height']})" for a, f in found.items() if "error" not in f]
    bad = [f"{a}: {f['error']}" for a, f in found.items() if "error" in f]
    if good:  # others may be a camera's second device, which carries no pictures
        return Check("camera", OK, f"usable: {', '.join(good)}")
    if barred:
        text = f"{', '.join(barred)}: not permitted"
        return Check("camera", FAILED, text, "sudo usermod -aG video $USER, then log in again")
    fix = "plug a camera in; videos, RTSP and HTTP streams work without one"
    if not sys.platform.startswith("linux") or not bad:
        return Check("camera", ABSENT, "none found", fix)
    fix = "close other programs that use it, or plug it in again"
    return Check("camera", FAILED, "; ".join(bad), fix)


def camera_addresses() -> list[str]:
    """What could be a camera: devices on Linux, the first numbers elsewhere."""
    if not sys.platform.startswith("linux"):
        return ["0", "1"]
    devices = Path("/dev").glob("video*")
    numbers = [int(p.name[5:]) for p in devices if re.fullmatch(r"video\d+", p.name)]
    return [f"/dev/video{n}" for n in sorted(numbers)][:_MOST_CAMERAS]


def check_display(facts: dict[str, Any]) -> Check:
    """Whether windows can be opened."""
    if "error" not in facts:
        return Check("display", OK, f"windows can be opened ({facts['toolkit']})")
    none = not sys.platform.startswith(("win", "darwin")) and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    text = "none, so that --show can't open a window" if none else facts["error"]
    return Check("display", ABSENT if none else FAILED, text, "use --serve PORT or --save FILE")


def check_page() -> Check:
    """Whether the web page could listen on this machine."""
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return Check("web page", OK, "this machine's own address can be listened at")
    except OSError as error:
        return Check("web page", FAILED, str(error), "allow programs to listen at 127.0.0.1")


def check_disk(free: int) -> Check:
    """Whether there is room for recordings."""
    text = f"{free / 1e9:.1f} GB free here"
    if free < _LEAST_FREE:
        return Check("disk", FAILED, text, "free some space before you record")
    return Check("disk", OK, text)


def check_extras() -> list[Check]:
    """Which extras of this distribution are installed, none of them imported."""
    return [_check_extra(name, wanted) for name, wanted in extras().items()]


def extras() -> dict[str, list[str]]:
    """Each extra's distributions; those that only collect other extras are left out."""
    found: dict[str, list[str]] = {}
    for line in requires("maskwatch") or ():
        match = re.fullmatch(
            r"([\w.-]+)(\[.*?\])?[^;]*;.*\bextra\s*==\s*['\"]([\w-]+)['\"].*", line
        )
        if match and match[1] != "maskwatch":
            found.setdefault(match[3], []).append(match[1])
    return found


def _check_extra(name: str, wanted: list[str]) -> Check:
    missing = [w for w in wanted if not _is_installed(w)]
    if not missing:
        return Check(f"extra {name}", OK, "installed")
    text = f"not installed (lacks {', '.join(missing)})"
    return Check(f"extra {name}", ABSENT, text, f"uv sync --extra {name}")


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def check_mongod() -> Check:
    """The database of `maskwatch browse`."""
    from eval.browse.mongod import find_mongod, users_uri

    if users_uri():
        return Check("mongod", OK, "your own database is named in FiftyOne's settings")
    try:
        return Check("mongod", OK, str(find_mongod()))
    except MaskwatchError:
        fix = "uv sync --extra browse --group mongod"
        return Check("mongod", ABSENT, "none found; maskwatch browse needs one", fix)
