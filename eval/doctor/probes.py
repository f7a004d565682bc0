"""Parts that may hang or abort a process, each tried in a process of its own.

`python -m eval.doctor.probes NAME [ARGUMENT]` prints one line of JSON: facts, or {"error": TEXT}.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data.exceptions import MaskwatchError

_ROOT = Path(__file__).parents[2]
_FRAMES = 6


def probe(name: str, argument: str = "", *, seconds: float = 10.0) -> dict[str, Any]:
    """The facts that the probe `name` found, or {"error": TEXT}; after `seconds` at the latest.

    What can't be killed (a driver that hangs in the kernel) is left behind, not waited for.
    """
    search = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "eval.doctor.probes", name, argument],
        env=os.environ | {"PYTHONPATH": search, "OPENCV_LOG_LEVEL": "SILENT"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=1)
        return {"error": f"no answer within {seconds:g} s"}
    return read_answer(out, err, process.returncode)


def read_answer(out: bytes, err: bytes, status: int) -> dict[str, Any]:
    """Facts from what a probe wrote, its last words where it died without any."""
    with contextlib.suppress(ValueError):
        facts = json.loads(out.splitlines()[-1] if out.strip() else b"")
        if isinstance(facts, dict):
            return facts
    words = [line for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return {"error": f"{words[-1].strip()[:200]} ({how})" if words else f"it ended with {how}"}


def _packages(_: str) -> dict[str, Any]:
    """Versions of what the core needs, imported for real."""
    import av
    import cv2
    import lap
    import numpy as np
    import onnxruntime as ort

    found = {"numpy": np, "opencv": cv2, "onnxruntime": ort, "av": av, "lap": lap}
    return {
        "versions": {name: str(module.__version__) for name, module in found.items()},
        "providers": list(ort.get_available_providers()),
    }


def _detector(argument: str) -> dict[str, Any]:
    """Milliseconds of one 720p picture, the median of three after a first one.

    The argument is JSON: {"weights": FILE or null, "imgsz": PX}.
    """
    import numpy as np

    from detector.runtime import Detector

    asked = json.loads(argument)
    weights = Path(asked["weights"]) if asked["weights"] else None
    detector = Detector(weights, imgsz=asked["imgsz"])
    picture = np.full((720, 1280, 3), 114, np.uint8)
    taken = []
    for _ in range(4):
        began = time.perf_counter()
        detector.detect([picture])
        taken.append(1000 * (time.perf_counter() - began))
    return {"name": detector.name, "imgsz": detector.imgsz, "ms": round(sorted(taken[1:])[1], 1)}


def _codecs(_: str) -> dict[str, Any]:
    """Write a few frames with the encoder of `--save`, and read them again."""
    import numpy as np

    from detector.video.capture import Notes, read_once
    from detector.video.sources import parse_sources
    from detector.video.types import Frame, Result
    from detector.video.writer import VideoWriter, choose_encoder

    picture = np.full((96, 128, 3), 90, np.uint8)
    picture[:, 64:] = (30, 60, 200)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.mp4"
        with VideoWriter(path, "probe") as write:
            for n in range(_FRAMES):
                frame = Frame("probe", n, n / 25, 0.0, 0.0, picture)
                write(Result(frame, ()), picture)
        (source,) = parse_sources([str(path)])
        grabs = [grab.to_bgr() for grab in read_once(source, Notes(source.name), 5.0)]
    if len(grabs) != _FRAMES:
        return {"error": f"{_FRAMES} frames were written, {len(grabs)} read"}
    off = float(np.abs(grabs[0].astype(float) - picture).mean())
    if off > 10:
        return {"error": f"what is read differs from what was written by {off:.0f} of 255"}
    return {"encoder": choose_encoder()}


def _camera(address: str) -> dict[str, Any]:
    """Open a camera and read one picture."""
    from detector.video.capture import Notes, read_once
    from detector.video.sources import parse_sources

    (source,) = parse_sources([address])
    began = time.monotonic()
    for grab in read_once(source, Notes(source.name), 5.0):
        picture = grab.to_bgr()
        seconds = round(time.monotonic() - began, 1)
        return {"width": picture.shape[1], "height": picture.shape[0], "seconds": seconds}
    return {"error": "it opens, but gives no picture"}


def _display(_: str) -> dict[str, Any]:
    """Open a window for a moment."""
    import cv2
    import numpy as np

    from detector.video.window import check_display

    check_display()
    cv2.namedWindow("maskwatch doctor")
    cv2.imshow("maskwatch doctor", np.zeros((40, 160, 3), np.uint8))
    cv2.waitKey(1)
    cv2.destroyAllWindows()
    return {"toolkit": cv2.currentUIFramework() or "native"}


PROBES: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "packages": _packages,
    "detector": _detector,
    "codecs": _codecs,
    "camera": _camera,
    "display": _display,
}


def answer(name: str, argument: str) -> dict[str, Any]:
    """Run a probe here; what it can't do is told, not raised."""
    try:
        return PROBES[name](argument)
    except (MaskwatchError, ImportError, OSError) as error:
        return {"error": " ".join(str(error).split())}


if __name__ == "__main__":
    # Libraries write on stdout, too; the answer is the last line.
    sys.stdout.write("\n" + json.dumps(answer(sys.argv[1], "".join(sys.argv[2:3]))) + "\n")
