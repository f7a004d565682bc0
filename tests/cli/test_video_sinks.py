"""The options behind events, counters, snapshots, alerts and the page, on a real video."""

import csv
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import cv2
import numpy as np
import pytest

from detector.video.results import snapshots
from detector.video.results.webhook import Webhook
from eval.cli.main import main

FRAMES = 30
ALERT = ["--alert-on", "without_mask"]
WRONG = ["--snapshot-on", "without_mask"]


@pytest.fixture
def clip(tmp_path: Path, astronaut_image) -> Path:
    """Frames of 480 x 240 px, in which one face goes from the left half to the right."""
    folder = tmp_path / "door"
    folder.mkdir()
    head = cv2.resize(astronaut_image[:256, 100:356], (240, 240), interpolation=cv2.INTER_AREA)
    for n in range(FRAMES):
        image = np.full((240, 480, 3), 90, np.uint8)
        x = 240 * n // (FRAMES - 1)
        image[:, x : x + 240] = head
        cv2.imwrite(str(folder / f"{n:03d}.jpg"), image)
    return folder


@pytest.fixture
def weights(tiny_onnx) -> list[str]:
    return ["--weights", str(tiny_onnx()), "--imgsz", "64", "--threads", "1"]


def test_everything_at_once(clip, tmp_path, capsys) -> None:
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        status = main(
            [
                *("video", str(clip), "--imgsz", "320"),
                *("--events", str(tmp_path / "e.jsonl"), "--summary", str(tmp_path / "s.csv")),
                *("--zone", "right@door=.5,0,1,0,1,1,.5,1", "--line", "mid=.5,0,.5,1"),
                *("--snapshot-on", "without_mask", "--snapshot-dir", str(tmp_path / "shots")),
                *("--alert-on", "incorrect,without_mask", "--serve", "0"),
                *("--webhook", f"http://127.0.0.1:{server.server_port}/hook"),
            ]
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert status == 0
    assert "maskwatch: live page at http://127.0.0.1:" in capsys.readouterr().err
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    kinds = [e["event"] for e in events]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_ended"
    assert kinds.count("opened") == kinds.count("closed") == 1
    (crossed,) = [e for e in events if e["event"] == "line_crossed"]
    assert crossed["direction"] == "out"
    assert {e["state"] for e in events if "state" in e} <= {"without_mask", "unsure"}
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = {(r["place"], r["direction"]): r for r in csv.DictReader(file)}
    assert rows["picture", ""]["people"] == "1"
    assert rows["picture", ""]["frames"] == str(FRAMES)
    assert rows["line", "out"]["people"] == "1"
    assert rows["zone", ""]["people"] == "1"
    assert [p.name.split("_", 1)[1] for p in (tmp_path / "shots").iterdir()] == [
        "door_1_without_mask.jpg"
    ]
    assert [(a["alert"], a["zone"], a["track"]) for a in got] == [("without_mask", "right", 1)]


def test_page_while_it_runs(clip, weights, capsys) -> None:
    """Frames are taken slowly enough to look at them: a pattern of the folder, many times over."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sources = [f"s{n}={clip}" for n in range(3)]
    status: list[int] = []

    def run() -> None:
        status.append(main(["video", *sources, *weights, "--serve", str(port)]))

    thread = threading.Thread(target=run)
    thread.start()
    found = None
    while thread.is_alive() and not found:
        try:
            with urlopen(f"http://127.0.0.1:{port}/state.json", timeout=5) as answer:
                state = json.load(answer)
        except OSError:
            time.sleep(0.005)
            continue
        found = [s["name"] for s in state["sources"]]
    thread.join()
    assert status == [0]
    assert found == [f"s{n}" for n in range(3)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--events", "{full}"], "events are missing (No space left on device)"),
        (["--save", "{full}"], "No space left on device; free some space"),
        (["--snapshot-dir", "{tmp}/gone", *WRONG], "1 of 1 failed (less than"),
        (["--alert-command", "false", *ALERT], "1 of 1 failed (exit status 1)"),
        (["--webhook", "http://127.0.0.1:9/x", *ALERT], "1 of 1 failed (Connection refused)"),
        (["--webhook", "http://127.0.0.1:{mute}/x", *ALERT], "1 of 1 failed"),
    ],
    ids=["events", "video", "snapshots", "command", "refused", "hangs"],
)
def test_a_failing_output_takes_no_other_with_it(
    clip, tmp_path, capsys, monkeypatch, options, message
) -> None:
    """The other outputs are whole; what failed is said at the end, too."""
    monkeypatch.setitem(Webhook.__init__.__kwdefaults__, "waits", (0.1,))
    monkeypatch.setitem(Webhook.__init__.__kwdefaults__, "timeout", 0.5)
    full = tmp_path / "full.mp4"
    full.symlink_to("/dev/full")
    monkeypatch.setattr(snapshots, "FREE_BYTES", 2**62)
    good = tmp_path / "good.jsonl"
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        filled = [o.format(full=full, tmp=tmp_path, mute=port) for o in options]
        others = [] if "--events" in options else ["--events", str(good)]
        csv_file = tmp_path / "s.csv"
        command = ["video", str(clip), "--imgsz", "320", "--summary", str(csv_file)]
        assert main([*command, *others, *filled]) == 1
    text = capsys.readouterr().err
    (line,) = [t for t in text.splitlines() if t.startswith("maskwatch: error: ")]
    assert message in line
    assert f"{FRAMES} frames" in text
    assert csv_file.read_text().splitlines()[-1].endswith(f",{FRAMES},0")
    if others:
        kinds = [json.loads(t)["event"] for t in good.read_text().splitlines()]
        assert (kinds[0], kinds[-2:]) == ("run_started", ["closed", "run_ended"])


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--zone", "a=1,2,3"], 2, "expected pairs x,y"),
        (["--zone", "a@hall=0,0,1,0,1,1"], 2, "expected one of the sources door, but got 'hall'"),
        (["--zone", "a=0,0,1,0,1,1", "--line", "a=0,0,1,1"], 2, "'a' is two"),
        (["--snapshot-on", "nose"], 2, "--snapshot-on: expected some of with_mask"),
        (["--snapshot-dir", "x"], 2, "--snapshot-dir needs --snapshot-on"),
        (["--snapshot-on", "incorrect", "--snapshot-most", "0"], 2, "--snapshot-most of 1 or more"),
        (["--alert-on", "incorrect"], 2, "alerts need --webhook URL or --alert-command CMD, too"),
        (["--webhook", "http://a/"], 2, "alerts need --alert-on CLASSES, too"),
        (["--alert-on", "incorrect", "--webhook", "ftp://a/"], 2, "only http and https"),
        (["--alert-on", "incorrect", "--alert-command", "no-such-x"], 2, "can be run"),
        (["--alert-on", "x", "--alert-command", "sh"], 2, "--alert-on: expected some of"),
        (["--summary-every", "0", "--summary", "{tmp}/s.csv"], 2, "above 0, but got 0"),
        (["--events", "{tmp}"], 2, "expected a file for events, but got a folder"),
        (["--summary", "{tmp}"], 2, "expected a file for the summary, but got a folder"),
        (["--serve", "70000"], 2, "expected --serve PORT from 0 to 65535"),
        (["--serve", "{taken}"], 2, "the port is taken"),
        (["--serve", "0", "--host", "no such host"], 2, "name or address of this machine"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else None,
)
def test_mistakes_are_one_line_before_any_video(
    clip, weights, tmp_path, capsys, options, code, message
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        filled = [o.format(tmp=tmp_path, taken=taken.getsockname()[1]) for o in options]
        assert main(["video", str(clip), *weights, *filled]) == code
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = [text for text in err.splitlines() if "live page at" not in text]
    assert line.startswith("maskwatch: error: ")
    assert message in line


def test_secrets_come_from_a_file_or_the_environment(
    clip, weights, tmp_path, capsys, monkeypatch
) -> None:
    empty = tmp_path / "secret"
    empty.write_text("\n")
    alert = ["--alert-on", "incorrect", "--webhook", "http://127.0.0.1:9/"]
    options = [*alert, "--webhook-secret", str(empty)]
    assert main(["video", str(clip), *weights, *options]) == 2
    assert "expected a secret in the first line" in capsys.readouterr().err
    monkeypatch.setenv("MASKWATCH_TOKEN", "short")
    assert main(["video", str(clip), *weights, "--serve", "0"]) == 2
    assert "expected a token of 16 to 200" in capsys.readouterr().err
