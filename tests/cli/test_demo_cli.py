"""`maskwatch demo` as its users run it: a process, with the network under watch."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import cv2
import pytest

from data.check import check_dataset
from data.dataset import find_samples
from eval.cli.main import main
from eval.demo.folder import building
from weights.registry import DEFAULT

PROGRAM = (
    "import signal, sys; from eval.cli.main import main\n"
    # Jobs that a shell runs in the background are born deaf to Ctrl-C.
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "sys.exit(main(sys.argv[1:]))"
)

# Python imports a module of this name in every process: it notes and refuses what leaves the
# machine. Local sockets, which process pools use, pass.
WATCH = """
import os, sys

def watch(event, args):
    outside = event == "socket.getaddrinfo" and args[0] not in (None, "localhost", "127.0.0.1")
    if event == "socket.connect" and isinstance(args[1], tuple):
        outside = not str(args[1][0]).startswith("127.")
    if outside:
        with open(os.environ["WATCH_FILE"], "a") as file:
            print(event, args[1:] or args, file=file)
        raise OSError("no network here")

sys.addaudithook(watch)
"""


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A demo into `folder`/demo, its home and cache in `folder` too."""
    (folder / "watch").mkdir(exist_ok=True)
    (folder / "watch" / "sitecustomize.py").write_text(WATCH)
    path = os.pathsep.join(filter(None, [str(folder / "watch"), os.environ.get("PYTHONPATH")]))
    own = {
        "PYTHONPATH": path,
        "WATCH_FILE": str(folder / "connections"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM, "demo", *arguments],
        cwd=folder,
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A finished small demo: the folder that it was started in, and what it printed."""
    folder = tmp_path_factory.mktemp("here")
    process = start(folder, "--pictures", "24", "--epochs", "1")
    printed, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return folder, printed


class _Page(HTMLParser):
    """What a page would fetch, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        wanted = ("src", "href", "srcset", "data", "action", "poster")
        self.targets += [value or "" for name, value in attrs if name in wanted]


def test_terminal_shows_a_line_a_step_and_what_next(demo):
    _, printed = demo
    steps = ["synthesise", "train a few steps", "detect", "evaluate", "report"]
    lines = printed.splitlines()
    for line, step in zip(lines, steps, strict=False):
        assert re.match(rf"{step} +\d+\.\d s  \S", line), line
    assert lines[len(steps)] == ""
    assert "Open demo/report.html" in lines[len(steps) + 1]
    assert "Next commands to try:" in lines
    assert "  maskwatch train my-set --out my-run" in lines


def test_the_network_is_left_alone(demo):
    folder, _ = demo
    assert not (folder / "connections").exists()


def test_the_folder_holds_every_part(demo):
    folder, _ = demo
    out = folder / "demo"
    marker = json.loads((out / "demo.json").read_text())
    assert (marker["seed"], marker["weights"]) == (0, DEFAULT)
    assert list(marker["seconds"]) == [
        *("synthesise", "train a few steps", "detect", "evaluate", "report")
    ]
    found = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert found == {*marker["files"], "demo.json"}
    for name in ("maskwatch.onnx", "curves.png", "README.md", "train.log"):
        assert (out / "few-steps" / name).stat().st_size > 0
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    assert cv2.imread(str(out / "detections" / "zidane.jpg")) is not None


def test_nothing_names_the_folder_that_it_was_built_in(demo):
    folder, _ = demo
    for path in (folder / "demo").rglob("*"):
        if path.suffix in {".html", ".json", ".jsonl", ".yaml", ".md", ".csv"}:
            assert "/.demo-" not in path.read_text(encoding="utf-8"), path


def test_the_set_passes_its_check_and_validates_on_one_photo(demo):
    folder, _ = demo
    report = check_dataset(folder / "demo" / "set")
    assert report.errors == 0
    assert sum(report.pictures.values()) == 24
    names = [sample.image.name for sample in find_samples(folder / "demo" / "set", "val")]
    assert names
    assert all(name.startswith("zidane") for name in names)


def test_detections_are_of_the_shipped_weights(demo):
    folder, _ = demo
    value = json.loads((folder / "demo" / "detections" / "detections.json").read_text())
    assert value["weights"] == DEFAULT
    by_name = {Path(entry["file"]).name: entry for entry in value["images"]}
    assert all((folder / entry["file"]).is_file() for entry in value["images"])
    assert {"astronaut.png", "zidane.jpg", "bus.jpg"} < set(by_name)
    # A large frontal face without a mask; best first.
    assert by_name["astronaut.png"]["detections"][0]["class"] == "without_mask"


def test_the_report_stands_alone_and_says_which_weights(demo):
    folder, _ = demo
    text = (folder / "demo" / "report.html").read_text(encoding="utf-8")
    page = _Page(text)
    assert page.targets
    assert all(target.startswith("data:image/") for target in page.targets)
    assert not page.tags & {"script", "link", "iframe", "object", "embed"}
    assert not re.search(r"https?://|@import|url\(", text)
    assert f"the shipped weights ({DEFAULT})" in text
    assert "few-steps/maskwatch.onnx" in text
    assert "from random weights" in text
    for heading in ("Synthesised set", "A few training steps", "Detections", "Scores"):
        assert f"<h2>{heading}</h2>" in text
    # The contact sheet, labels, curves, detections on photos and on pictures, the plot.
    assert text.count('<figure class="wide') == 6


@pytest.mark.skipif(os.name == "nt", reason="no POSIX signals there")
def test_ctrl_c_leaves_the_earlier_demo(tmp_path):
    with building(tmp_path / "demo", {}) as root:
        (root / "old").touch()
    process = start(tmp_path, "--pictures", "24", "--epochs", "1")
    # While pictures are drawn, by processes of their own.
    while not list(tmp_path.glob(".demo-*/set")) and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert errors == "maskwatch: error: stopped by Ctrl-C\n"
    assert printed.endswith("\n")
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == ["demo.json", "old"]
    assert not list(tmp_path.glob(".demo-*"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["--out", "mine"], 1, "mine: expected a new or empty folder", id="not-ours"),
        pytest.param(["--out", "."], 2, "other than the current one", id="current"),
        pytest.param(["--weights", "no.onnx"], 1, "no.onnx", id="no-weights"),
        pytest.param(["--seed", "-1"], 2, "--seed", id="seed"),
        pytest.param(["--epochs", "0"], 2, "--epochs", id="epochs"),
    ],
)
def test_errors_are_one_line_and_leave_no_trace(
    tmp_path, monkeypatch, capsys, arguments, code, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    assert main(["demo", *arguments]) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
