"""`maskwatch doctor` as a user runs it: whole, broken, as JSON, and light."""

import json
import subprocess
import sys

from eval.cli.doctor import to_lines
from eval.cli.main import main
from eval.doctor import checks
from eval.doctor.checks import Check

PROGRAM = (
    "import sys; from eval.cli.main import main; code = main(['doctor', *sys.argv[1:]]);"
    "heavy = {'cv2', 'onnxruntime', 'torch', 'ultralytics', 'fiftyone', 'dlib', 'av'}"
    " & set(sys.modules);"
    "sys.exit(f'loaded: {heavy}' if heavy else code)"
)


def test_whole_machine_and_nothing_heavy_is_loaded(tiny_onnx) -> None:
    command = [sys.executable, "-c", PROGRAM, "--weights", str(tiny_onnx())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("maskwatch ")
    assert lines[-1] == "Live video is possible."
    for name in ("packages", "weights", "detector", "codecs", "web page", "extra train"):
        assert any(line.startswith(f"  ok      {name} ") for line in lines), name


def test_status_and_json_of_a_broken_core(monkeypatch, capsys) -> None:
    found = [Check("packages", "failed", "libGL.so.1", "install it", core=True)]
    monkeypatch.setattr(checks, "run_checks", lambda imgsz, weights: found)
    assert main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["live_video"] is False
    assert told["checks"] == [
        {
            "name": "packages",
            "status": "failed",
            "core": True,
            "text": "libGL.so.1",
            "fix": "install it",
        }
    ]


def test_lines_for_people() -> None:
    found = [
        Check("weights", "failed", "changed", "reinstall", core=True),
        Check("camera", "absent", "none found", "plug one in"),
        Check("disk", "ok", "9 GB", ""),
    ]
    assert to_lines(found, possible=False)[2:] == [
        "  FAILED  weights  changed",
        "                   -> reinstall",
        "  -       camera   none found",
        "                   -> plug one in",
        "  ok      disk     9 GB",
        "",
        "Live video is impossible until this works: weights.",
    ]
