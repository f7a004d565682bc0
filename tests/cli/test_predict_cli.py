import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.images import read_image, write_image
from eval.cli.main import main

OnnxBuilder = Callable[..., Path]


def square_at(path: Path, x: int, colour: tuple[int, int, int] = (0, 0, 255)) -> Path:
    """A 128 x 64 px picture with a 16 px square."""
    image = np.zeros((64, 128, 3), np.uint8)
    image[16:32, x : x + 16] = colour
    write_image(path, image)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    square_at(folder / "a.png", 16)
    square_at(folder / "b.png", 48, (0, 255, 0))
    square_at(folder / "deep" / "a.png", 96, (255, 0, 0))
    write_image(folder / "none.png", np.zeros((50, 70, 3), np.uint8))
    return folder


@pytest.fixture
def weights(tiny_onnx: OnnxBuilder) -> str:
    return f"--weights={tiny_onnx()}"


def test_readable_lines_by_default(
    photos: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(photos), weights]) == 0
    out, err = capsys.readouterr()
    *lines, summary = out.splitlines()
    assert lines == [
        f"{photos / 'a.png'}: 1 with_mask",
        f"{photos / 'b.png'}: 1 without_mask",
        f"{photos / 'deep' / 'a.png'}: 1 incorrect",
        f"{photos / 'none.png'}: no faces",
    ]
    assert summary.startswith("4 pictures in ")
    assert summary.endswith("1 with_mask, 1 without_mask, 1 incorrect")
    assert err == ""


def test_json_on_stdout_and_nothing_else(
    photos: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "c.jpg").write_bytes(b"")
    assert main(["predict", str(photos), weights, "--json", "-"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["weights"] == "tiny.onnx"
    assert document["images"] == [
        {
            "file": str(photos / "a.png"),
            "width": 128,
            "height": 64,
            "detections": [{"class": "with_mask", "score": 1.0, "box": [12.0, 12.0, 36.0, 36.0]}],
        },
        {
            "file": str(photos / "b.png"),
            "width": 128,
            "height": 64,
            "detections": [
                {"class": "without_mask", "score": 1.0, "box": [44.0, 12.0, 68.0, 36.0]}
            ],
        },
        {
            "file": str(photos / "c.jpg"),
            "error": f"{photos / 'c.jpg'}: expected a picture, but the file is empty",
        },
        {
            "file": str(photos / "deep" / "a.png"),
            "width": 128,
            "height": 64,
            "detections": [{"class": "incorrect", "score": 1.0, "box": [92.0, 12.0, 116.0, 36.0]}],
        },
        {"file": str(photos / "none.png"), "width": 70, "height": 50, "detections": []},
    ]
    assert err.splitlines() == [
        f"maskwatch: {photos / 'c.jpg'}: expected a picture, but the file is empty; passed over"
    ]


def test_json_file_and_annotated_copies(
    photos: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, saved = tmp_path / "new" / "found.json", tmp_path / "saved"
    arguments = ["--json", str(report), "--save", str(saved), "--batch", "3", "--threads", "1"]
    assert main(["predict", str(photos), weights, *arguments]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(f"written: {report}, {saved}")
    assert len(json.loads(report.read_text())["images"]) == 4
    copies = sorted(p.relative_to(saved).as_posix() for p in saved.rglob("*") if p.is_file())
    assert copies == ["a.png", "b.png", "deep/a.png", "none.png"]
    assert (read_image(saved / "a.png") != read_image(photos / "a.png")).any()
    assert (read_image(saved / "none.png") == read_image(photos / "none.png")).all()


def test_globs_files_and_folders_together(
    photos: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = [str(photos / "b.png"), str(photos / "?.png"), str(photos / "deep")]
    assert main(["predict", *sources, weights, "--json", "-"]) == 0
    files = [entry["file"] for entry in json.loads(capsys.readouterr().out)["images"]]
    assert files == [str(photos / n) for n in ("b.png", "a.png", "deep/a.png")]


def test_every_picture_unreadable(
    tmp_path: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.jpg", "b.png"):
        (tmp_path / name).write_bytes(b"nonsense")
    report = tmp_path / "found.json"
    sources = [str(tmp_path / "a.jpg"), str(tmp_path / "b.png")]
    assert main(["predict", *sources, weights, "--json", str(report)]) == 1
    out, err = capsys.readouterr()
    assert "2 couldn't be read" in out
    assert len(err.splitlines()) == 2
    assert all("error" in entry for entry in json.loads(report.read_text())["images"])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{photos}/gone.png"], 1, "gone.png: expected a picture, a folder or a pattern"),
        (["{photos}", "--json", "-", "--conf", "1.5"], 2, "expected conf from 0 to 1, but got 1.5"),
        (["{photos}", "--iou", "-1"], 2, "expected iou from 0 to 1"),
        (["{photos}", "--every-class"], 2, "expected --json FILE with --every-class"),
        (["{photos}", "--json", "-", "--every-class", "--save", "x"], 2, "without --save"),
        (["{photos}", "--imgsz", "0"], 2, "expected imgsz of at least 1"),
        (["{photos}", "--sizes", "320,x"], 2, "expected --sizes such as"),
        (["{photos}", "--sizes", "64", "--imgsz", "64"], 2, "expected --sizes or --imgsz"),
        (["{photos}", "--sizes", "64", "--tile", "64"], 2, "expected --sizes or --tile"),
        (["{photos}", "--sizes", "64", "--one-look"], 2, "expected --sizes or --one-look"),
        (["{photos}", "--batch", "0"], 2, "expected batch of at least 1"),
        (["{photos}", "--threads", "0"], 2, "expected threads of at least 1"),
        (["{photos}", "--save", "{photos}"], 2, "would overwrite"),
        (["{photos}", "--weights", "{photos}/a.png"], 1, "expected an ONNX file"),
        (["{photos}", "--weights", "best.pt"], 1, "maskwatch export best.pt"),
        (["{photos}", "--json", "{photos}"], 1, "Is a directory"),
    ],
    ids=lambda v: " ".join(v[-2:]) if isinstance(v, list) else None,
)
def test_bad_input_is_one_line(
    photos: Path,
    weights: str,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    before = sorted(photos.rglob("*"))
    filled = [a.format(photos=photos) for a in arguments]
    assert main(["predict", weights, *filled]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("maskwatch: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(photos.rglob("*")) == before  # nothing half written


def test_a_failed_run_leaves_the_earlier_json_whole(
    photos: Path, weights: str, tmp_path: Path
) -> None:
    report = tmp_path / "found.json"
    report.write_text("earlier")
    assert main(["predict", str(photos), weights, "--json", str(report), "--conf", "9"]) == 2
    assert report.read_text() == "earlier"
    assert [p.name for p in tmp_path.glob(".found*")] == []


@pytest.mark.skipif(os.name == "nt", reason="names there are no bytes")
def test_a_name_that_is_not_utf8(
    photos: Path, weights: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    odd = os.fsencode(photos) + b"/\xff\xe9.png"
    (photos / "a.png").rename(os.fsdecode(odd))
    assert main(["predict", os.fsdecode(odd), weights]) == 0
    assert capfdbinary.readouterr().out.splitlines()[0].endswith(b".png: 1 with_mask")
    assert main(["predict", os.fsdecode(odd), weights, "--json", "-"]) == 0
    (entry,) = json.loads(capfdbinary.readouterr().out)["images"]
    assert os.fsencode(entry["file"]) == odd


def test_a_cold_start_is_light(photos: Path, weights: str) -> None:
    """No training library is loaded; `bench detect` measures the seconds."""
    program = (
        "import sys; from eval.cli.main import main; code = main(sys.argv[1:]);"
        "heavy = {'torch', 'ultralytics', 'matplotlib', 'albumentations', 'fiftyone', 'dlib',"
        " 'scipy', 'onnx', 'PIL'} & set(sys.modules);"
        "sys.exit(f'loaded: {heavy}' if heavy else code)"
    )
    command = [sys.executable, "-c", program, "predict", str(photos / "a.png"), weights]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 with_mask" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys, atexit; from eval.cli.main import main;"
        "atexit.register(lambda: print(sorted({'torch', 'ultralytics', 'onnxruntime'}"
        " & set(sys.modules)))); main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("[]\n")


def test_two_workers_write_what_one_writes(
    photos: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "c.jpg").write_bytes(b"")
    said = {}
    for workers in ("1", "2"):
        saved = tmp_path / workers
        options = ["--workers", workers, "--json", "-", "--save", str(saved)]
        assert main(["predict", str(photos), weights, *options]) == 0
        copies = sorted(p.relative_to(saved).as_posix() for p in saved.rglob("*") if p.is_file())
        out, err = capsys.readouterr()
        said[workers] = (out, err, copies)
    assert said["1"] == said["2"]
    assert "c.jpg: expected a picture, but the file is empty; passed over" in said["2"][1]


def test_several_views_find_what_one_finds(
    photos: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Squares at the sizes that the model knows; pictures are 128 px wide."""
    said = []
    for options in (["--imgsz", "128"], ["--sizes", "128"], ["--sizes", "128", "--workers", "2"]):
        assert main(["predict", str(photos), weights, *options]) == 0
        said.append(capsys.readouterr().out.splitlines()[:-1])
    assert said[0] == said[1] == said[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "0"], "expected --workers of 1 or more, but got 0"),
        (["--workers", "2", "--cluster", "tcp://a:1"], "not both"),
        (["--cluster", "a"], "such as tcp://HOST:8786"),
    ],
    ids=["none", "both", "address"],
)
def test_workers_that_make_no_sense(
    options: list[str],
    message: str,
    photos: Path,
    weights: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["predict", str(photos), weights, *options]) == 2
    assert message in capsys.readouterr().err
