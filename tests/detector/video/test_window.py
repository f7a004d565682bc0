"""Windows under a real X server, and what is said without one."""

import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from data.exceptions import VideoError
from detector.video.window import check_display

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="X11")


@LINUX
@pytest.mark.parametrize(
    "display",
    [
        pytest.param("", id="none"),
        pytest.param(":987", id="not-there"),
        pytest.param("localhost:55000", id="not-there-on-the-network"),
        pytest.param("nonsense", id="nonsense"),
    ],
)
def test_no_display_is_said(display, monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    with pytest.raises(VideoError, match=r"--show: expected a display.*--save"):
        check_display()


KEYS = """
import sys, time
from pathlib import Path
import numpy as np
from detector.video.control import Control
from detector.video.types import Frame, Result
from detector.video.window import Window

control = Control(0.5)
image = np.full((120, 160, 3), 90, np.uint8)
with Window(control, Path(sys.argv[1])) as window:
    for name in ("a", "b"):
        window(Result(Frame(name, 7, 0.0, 0.0, 0.0, image), ()), image)
    for _ in range(20):
        window.poll()
        time.sleep(0.01)
    assert not control.stop.is_set()
    for key in "++-":
        window.press(ord(key))
    assert control.conf == 0.55, control.conf
    window.press(ord("h"))
    window.press(ord("p"))
    assert control.paused
    window.press(ord("p"))
    window.press(ord("s"))
    assert not control.paused and not control.stop.is_set()
    window.press(ord("q"))
    assert control.stop.is_set()
"""


@pytest.fixture
def run_under_xvfb(tmp_path):
    """Runs Python code with a display of its own."""
    server = shutil.which("Xvfb")
    if server is None:
        reason = "Xvfb isn't installed: apt-get install xvfb"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)

    def run(code, *arguments):
        read, write = os.pipe()
        command = [
            server,
            "-displayfd",
            str(write),
            "-screen",
            "0",
            "640x480x24",
            "-nolisten",
            "tcp",
        ]
        with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as process:
            try:
                os.close(write)
                with os.fdopen(read) as numbers:
                    display = f":{numbers.readline().strip()}"
                environment = {**os.environ, "DISPLAY": display}
                return subprocess.run(
                    [sys.executable, "-c", textwrap.dedent(code), *arguments],
                    env=environment, capture_output=True, text=True, timeout=60, check=False,
                )  # fmt: skip
            finally:
                process.terminate()

    return run


def test_keys_in_real_windows(run_under_xvfb, tmp_path):
    done = run_under_xvfb(KEYS, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert sorted(p.name[:12] for p in tmp_path.glob("*.png")) == ["maskwatch-a-", "maskwatch-b-"]


def test_the_whole_program_shows_a_clip(run_under_xvfb, make_clip, tiny_onnx):
    code = """
        import sys
        from eval.cli.main import main
        sys.exit(main(sys.argv[1:]))
    """
    arguments = ["--show", "--imgsz", "64", "--weights", str(tiny_onnx())]
    done = run_under_xvfb(code, "video", str(make_clip(30)), *arguments)
    assert done.returncode == 0, done.stderr
    assert "30 frames" in done.stderr
