"""What the doctor says of what it finds, and that it never waits for long."""

import json
import socket
import time
from importlib.metadata import requires
from pathlib import Path

import pytest

from eval.doctor import checks
from eval.doctor.checks import Check, is_possible
from eval.doctor.probes import answer, probe, read_answer
from weights.registry import verify


@pytest.mark.parametrize(
    ("found", "possible"),
    [
        pytest.param([Check("a", "ok", "", core=True), Check("b", "failed", "")], True, id="side"),
        pytest.param([Check("a", "failed", "", core=True)], False, id="core"),
    ],
)
def test_only_the_core_decides(found, possible) -> None:
    assert is_possible(found) is possible


def test_missing_library_names_the_packages_to_install(tmp_path, monkeypatch) -> None:
    """In a real process whose OpenCV can't load."""
    text = "raise ImportError('libGL.so.1: cannot open shared object file')"
    (tmp_path / "cv2.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (check,) = checks.check_packages(probe("packages", seconds=60))
    assert (check.status, check.core) == ("failed", True)
    assert "libGL.so.1" in check.text
    assert check.fix == "sudo apt-get install libgl1 libglib2.0-0"


@pytest.mark.parametrize(
    ("providers", "status"),
    [(["CPUExecutionProvider"], "absent"), (["CUDAExecutionProvider"], "ok")],
)
def test_providers(providers, status) -> None:
    assert checks.check_providers(providers).status == status


@pytest.mark.parametrize(("free", "status"), [(10**8, "failed"), (10**10, "ok")])
def test_disk(free, status) -> None:
    assert checks.check_disk(free).status == status


def test_weights_that_changed(tmp_path, monkeypatch) -> None:
    for name, content in (
        ("maskwatch-n.onnx", "x"),
        ("SHA256SUMS", "0" * 64 + "  maskwatch-n.onnx"),
    ):
        (tmp_path / name).write_text(content)
    path = tmp_path / "maskwatch-n.onnx"
    monkeypatch.setattr(checks, "default_weights", lambda: path)
    monkeypatch.setattr(checks, "verify", lambda p: verify(p, tmp_path))
    check = checks.check_weights(None)
    assert (check.status, check.core) == ("failed", True)
    assert "changed or damaged" in check.text


def test_weights_as_shipped_and_own_and_gone(tmp_path, tiny_onnx) -> None:
    assert "SHA-256 verified" in checks.check_weights(None).text
    assert "maskwatch-s.onnx, as shipped" in checks.check_weights(Path("maskwatch-s")).text
    assert "unverified" in checks.check_weights(tiny_onnx()).text
    assert checks.check_weights(tmp_path / "gone.onnx").status == "failed"


@pytest.mark.parametrize(
    ("addresses", "status", "text"),
    [
        pytest.param([], "absent", "none found", id="no device"),
        pytest.param(["/dev/null"], "failed", "/dev/null: ", id="no camera"),
    ],
)
def test_cameras(addresses, status, text, monkeypatch) -> None:
    monkeypatch.setattr(checks, "camera_addresses", lambda: addresses)
    check = checks.check_cameras()
    assert check.status == status
    assert text in check.text
    assert check.fix
    assert not check.core


def test_one_good_camera_is_enough(monkeypatch) -> None:
    facts = {"/dev/null": {"width": 640, "height": 480}, "/dev/zero": {"error": "no picture"}}
    monkeypatch.setattr(checks, "camera_addresses", lambda: list(facts))
    monkeypatch.setattr(checks, "probe", lambda name, address: facts[address])
    assert checks.check_cameras() == Check("camera", "ok", "usable: /dev/null (640x480)")


def test_extras_are_those_of_the_project() -> None:
    found = checks.extras()
    assert {"synth", "train", "eval", "browse", "cluster", "demo"} <= set(found)
    assert "all" not in found  # it only collects others
    assert "ultralytics" in found["train"]
    named = {name for names in found.values() for name in names}
    assert all(any(line.startswith(name) for line in requires("maskwatch")) for name in named)


def test_extra_that_is_missing_names_its_line(monkeypatch) -> None:
    monkeypatch.setattr(checks, "extras", lambda: {"x": ["numpy", "no-such-distribution"]})
    assert checks.check_extras() == [
        Check(
            "extra x",
            "absent",
            "not installed (lacks no-such-distribution)",
            "uv sync --extra x",
        )
    ]


def test_probe_that_hangs_is_left_after_its_time() -> None:
    """A camera on the network that takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        address = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/x"
        assert probe("camera", address, seconds=1) == {"error": "no answer within 1 s"}
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("out", "err", "status", "expected"),
    [
        pytest.param(b'noise\n{"a": 1}\n', b"x", 0, {"a": 1}, id="answer"),
        pytest.param(b"", b"first\nlast\n", 1, {"error": "last (exit status 1)"}, id="traceback"),
        pytest.param(b"", b"", -6, {"error": "it ended with signal 6"}, id="abort"),
        pytest.param(b"[1]", b"", 0, {"error": "it ended with exit status 0"}, id="no facts"),
    ],
)
def test_answers(out, err, status, expected) -> None:
    assert read_answer(out, err, status) == expected


def test_display_that_does_not_answer(monkeypatch) -> None:
    """OpenCV would abort the process; the doctor survives."""
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":4711")
    check = checks.check_display(answer("display", ""))
    assert (check.status, check.core) == ("failed", False)
    assert "doesn't answer" in check.text


def test_weights_that_are_gone_are_told_by_the_detector(tmp_path) -> None:
    facts = answer("detector", json.dumps({"weights": str(tmp_path / "x.onnx"), "imgsz": 64}))
    check = checks.check_detector(facts)
    assert (check.status, check.core) == ("failed", True)
    assert "x.onnx" in check.text
